/* The ledger of loads into Kafka: a compacted topic. */
#include "sink/kafka.h"

#include "base/hash.h"
#include "json/check.h"
#include "json/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* ---- where rows lie ---- */

static int add_key(struct buf *b, const struct kafka_sink *s,
                   const struct sink_run *run)
{
    const char *const parts[] = { run->pipeline, s->base.spec->table,
                                  run->partition, run->run_id };
    for (size_t i = 0; i < 4; i++) {
        buf_addc(b, i ? ',' : '[');
        (void)json_quote(b, str_of(parts[i]));
    }
    return buf_addc(b, ']');
}

/* All rows of a pipeline and topic are in one. */
static int32_t partition_of(const struct kafka_sink *s,
                            const struct sink_run *run, struct buf *scratch)
{
    buf_reset(scratch);
    buf_addz(scratch, run->pipeline);
    buf_addc(scratch, '\0');
    buf_addz(scratch, s->base.spec->table);
    return (int32_t)(hash128(buf_str(scratch)).lo % (uint64_t)s->ledgers);
}

/* ---- reading ---- */

struct finding {
    const struct sink_run *run;
    struct str key; /* of the run */
    struct kafka_row *row;
    struct buf scratch;
};

static uint64_t number_of(struct val row, const char *name)
{
    struct val v = json_get(row, str_of(name));
    return v.type == JSON_NUMBER ? strtoull(v.raw.p, NULL, 10) : 0;
}

static int copy_text(struct finding *f, struct val row, const char *name,
                     char *out, size_t size)
{
    struct val v = json_get(row, str_of(name));
    struct str text = STR("");
    if (v.type == JSON_STRING && json_string(v, &f->scratch, &text))
        return -1;
    snprintf(out, size, "%.*s", (int)(text.n < size ? text.n : size - 1),
             text.p);
    return 0;
}

/* A message of the ledger: of several with the run's key the last one counts,
 * and one without a value takes the row away. */
static int take_row(void *context, struct str key, struct str value,
                    struct err *e)
{
    struct finding *f = context;
    struct kafka_row *row = f->row;
    struct json_fault fault;
    char when[64];
    if (!str_eq(key, f->key))
        return 0;
    row->found = value.n > 0;
    if (!row->found)
        return 0;
    if (json_check_object(value, JSON_DEPTH_DEFAULT, &fault))
        return err_set(e, ERR_CONFIG,
                       "topic '" KAFKA_LEDGER "' has a message for run '%s' "
                       "that is no row of a ledger",
                       f->run->run_id);
    struct val v = json_val(value);
    row->at = (struct sink_position){
        .found = true,
        .input_bytes = number_of(v, "input_bytes"),
        .read = number_of(v, "rows_read"),
        .loaded = number_of(v, "rows_loaded"),
        .rejected = number_of(v, "rows_rejected"),
    };
    buf_reset(&row->when);
    if (copy_text(f, v, "input_hash", row->at.input_hash,
                  sizeof(row->at.input_hash)) ||
        copy_text(f, v, "load", row->load, sizeof(row->load)) ||
        copy_text(f, v, "loaded_at", when, sizeof(when)) ||
        buf_addz(&row->when, when))
        return err_nomem(e);
    return 0;
}

int kafka_ledger_find(struct kafka_sink *s, const struct sink_run *run,
                      struct kafka_row *row, struct err *e)
{
    struct buf key = { 0 }, scratch = { 0 };
    *row = (struct kafka_row){ 0 };
    if (s->ledgers == 0)
        return 0;
    int32_t partition = partition_of(s, run, &scratch);
    int r = add_key(&key, s, run) || scratch.failed ? err_nomem(e) : 0;
    struct finding f = { .run = run, .key = buf_str(&key), .row = row };
    if (r == 0)
        r = topics_read(s->topics, KAFKA_LEDGER, partition,
                        s->base.spec->lock_timeout_ms, take_row, &f, e);
    buf_free(&f.scratch);
    buf_free(&key);
    buf_free(&scratch);
    return r;
}

/* ---- writing ---- */

static int make_token(char *out, struct err *e)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(e, ERR_IO, errno, "no random number to be had");
    snprintf(out, KAFKA_TOKEN + 1, "%016" PRIx64, random);
    return 0;
}

static void add_field(struct buf *b, const char *key, const char *value)
{
    buf_addf(b, "\"%s\":", key);
    (void)json_quote(b, str_of(value));
    buf_addc(b, ',');
}

/* Counts are those of the whole run so far: of its batches only the last row
 * may be kept. */
static int add_row(struct buf *b, const struct kafka_sink *s,
                   const struct sink_run *run)
{
    const struct sink_spec *spec = s->base.spec;
    const struct sink_position *n = &s->next;
    buf_addz(b, "{\"v\":1,");
    add_field(b, "load", s->load);
    add_field(b, "pipeline", run->pipeline);
    add_field(b, "table_name", spec->table);
    add_field(b, "partition", run->partition);
    add_field(b, "run_id", run->run_id);
    add_field(b, "mode", spec->mode_name);
    add_field(b, "input_hash", run->input_hash);
    buf_addf(b,
             "\"input_bytes\":%" PRIu64 ",\"rows_read\":%" PRIu64
             ",\"rows_loaded\":%" PRIu64 ",\"rows_rejected\":%" PRIu64
             ",\"watermark\":%s,",
             n->input_bytes, n->read, n->loaded, n->rejected,
             run->watermark ? run->watermark : "null");
    add_field(b, "started_at", run->started_at);
    add_field(b, "loaded_at", run->loaded_at);
    buf_addz(b, "\"positions\":[");
    for (size_t i = 0; i < run->n_positions; i++) {
        if (i)
            buf_addc(b, ',');
        (void)positions_write(&run->positions[i], b);
    }
    return buf_addz(b, "]}");
}

int kafka_ledger_write(struct kafka_sink *s, const struct sink_run *run,
                       struct err *e)
{
    struct buf key = { 0 }, row = { 0 };
    const struct sink_position *before = &s->total;
    bool more = run->continues;
    s->next = (struct sink_position){
        .found = true,
        .input_bytes = run->input_bytes,
        .read = run->read + (more ? before->read : 0),
        .loaded = run->loaded + (more ? before->loaded : 0),
        .rejected = run->rejected + (more ? before->rejected : 0),
    };
    if (make_token(s->load, e))
        return -1;
    struct producer_message m = { .topic = KAFKA_LEDGER,
                                  .partition =
                                      partition_of(s, run, &s->scratch),
                                  .has_key = true };
    int r = add_key(&key, s, run) || add_row(&row, s, run) || s->scratch.failed
                ? err_nomem(e)
                : 0;
    m.key = buf_str(&key);
    m.value = buf_str(&row);
    if (r == 0 && (r = producer_send(s->producer, &m, e)) == 0)
        r = err_set(e, ERR_CONFIG,
                    "the ledger row of %zu bytes is too large for topic "
                    "'" KAFKA_LEDGER "'",
                    row.n);
    buf_free(&key);
    buf_free(&row);
    return r < 0 ? -1 : 0;
}
