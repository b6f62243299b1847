#include "source/kafka_items.h"

#include "base/base64.h"
#include "io/lines.h"
#include "json/check.h"
#include "json/utf8.h"
#include "json/value.h"

#include <inttypes.h>
#include <stdio.h>

/* Bytes of records from which on they are handed out: what output writes out
 * without a copy. */
#define BATCH ((size_t)256 << 10)
#define LINES 64 /* looked at in one go */

int kafka_items_init(struct kafka_items *k, const struct rd *rd,
                     const struct source_opts *opts, enum kafka_value value,
                     enum message_shape shape, struct err *e)
{
    k->rd = rd;
    k->opts = opts;
    k->value = value;
    k->shape = shape;
    /* A string of controls grows sixfold. */
    k->scratch.max = 8 * opts->max_record + 4096;
    k->one.max = 2 * k->scratch.max;
    k->text.max = BATCH + k->one.max;
    k->reads = reader_init(&k->reader, NULL, opts->max_record, opts->max_depth,
                           e) == 0;
    return k->reads ? 0 : -1;
}

void kafka_items_free(struct kafka_items *k)
{
    if (k->reads)
        reader_free(&k->reader);
    buf_free(&k->text);
    buf_free(&k->one);
    buf_free(&k->scratch);
}

void kafka_items_name(const struct consumer *c, const char *topic, int32_t id,
                      char *name, size_t size)
{
    if (consumer_has_topics(c))
        snprintf(name, size, "%s/%" PRId32, topic, id);
    else
        snprintf(name, size, "%" PRId32, id);
}

/* ---- a message's record ---- */

static int refuse(struct kafka_items *k, const char *code, struct str path,
                  struct str message)
{
    k->fault = (struct source_fault){ code, path, message };
    return 0;
}

/* Adds the value as a JSON string. */
static void add_text(struct kafka_items *k, struct str value)
{
    if (k->value == KAFKA_TEXT) {
        json_quote(&k->scratch, value);
        return;
    }
    buf_addc(&k->scratch, '"');
    base64_encode(&k->scratch, value);
    buf_addc(&k->scratch, '"');
}

/* Any JSON, within the envelope. */
static int add_inner(struct kafka_items *k, struct str value)
{
    struct json_fault f;
    unsigned depth = k->opts->max_depth;
    if (json_check_value(value, depth > 1 ? depth - 1 : 1, &f)) {
        snprintf(k->message, sizeof(k->message), "%s at byte %zu of the value",
                 f.why, f.offset);
        return refuse(k, f.code, STR("/value"), str_of(k->message));
    }
    message_one_line(&k->scratch, value);
    return 1;
}

/* A framed value, as its schema has it. */
static int add_framed(struct kafka_items *k, struct str value, bool inner,
                      struct err *e)
{
    int r = registry_decode(k->registry, value, &k->scratch, &k->why, e);
    if (r != REGISTRY_REJECTED)
        return r;
    snprintf(k->path, sizeof(k->path), "%s%s", inner ? "/value" : "",
             k->why.path);
    return refuse(k, k->why.code, str_of(k->path), str_of(k->why.message));
}

/* Leaves the value as JSON text on one line in scratch: 1; 0 where it is no
 * good, with the fault, or without one where the caller's check of JSON has
 * it; -1 where the registry does not answer. */
static int value_json(struct kafka_items *k, struct str value, struct err *e)
{
    struct json_fault f;
    bool inner = k->shape == MESSAGE_ENVELOPE;
    buf_reset(&k->scratch);
    k->fault.code = NULL;
    if (!value.p && !inner)
        return refuse(k, "tombstone", STR(""),
                      STR("message has no value (a tombstone), which only "
                          "--kafka-envelope takes"));
    if (!value.p)
        return buf_addz(&k->scratch, "null") == 0;
    if (k->value == KAFKA_REGISTRY)
        return add_framed(k, value, inner, e);
    if (k->value == KAFKA_TEXT && !utf8_valid(value))
        return refuse(k, "invalid_utf8", inner ? STR("/value") : STR(""),
                      STR("value is not UTF-8: --kafka-value base64 takes it"));
    if (k->value != KAFKA_JSON) {
        buf_addz(&k->scratch, inner ? "" : "{\"value\":");
        add_text(k, value);
        buf_addz(&k->scratch, inner ? "" : "}");
        return 1;
    }
    if (inner)
        return add_inner(k, value);
    if (json_check_object(value, k->opts->max_depth, &f))
        return 0;
    message_one_line(&k->scratch, value);
    return 1;
}

static int refuse_long(struct kafka_items *k, size_t n)
{
    snprintf(k->message, sizeof(k->message),
             "record of %zu bytes, limit is %zu", n, k->opts->max_record);
    return refuse(k, "too_long", STR(""), str_of(k->message));
}

/* Adds the record to out: 1; 0 where the message is none, as value_json; -1. */
static int add_record(struct kafka_items *k, const rd_kafka_message_t *m,
                      struct buf *out, struct err *e)
{
    struct str value = message_value(m);
    size_t from = out->n;
    if (value.n > k->opts->max_record)
        return refuse_long(k, value.n);
    int good = value_json(k, value, e);
    if (good <= 0)
        return good;
    if (k->scratch.failed ||
        message_record(out, k->rd, m, k->shape, buf_str(&k->scratch)))
        return err_nomem(e);
    size_t n = out->n - from;
    if (n <= k->opts->max_record)
        return 1;
    out->n = from;
    return refuse_long(k, n);
}

/* ---- gathering ---- */

/* Values alone that are JSON are looked at many at a time. */
static bool is_bare(const struct kafka_items *k)
{
    return k->shape == MESSAGE_VALUE && k->value == KAFKA_JSON;
}

/* Adds the value unseen, as a line: false where it cannot be one. */
static bool add_line(struct kafka_items *k, const rd_kafka_message_t *m)
{
    struct str value = message_value(m);
    if (!value.p || value.n > k->opts->max_record ||
        memchr(value.p, '\n', value.n))
        return false;
    buf_add_str(&k->text, value);
    buf_addc(&k->text, '\n');
    return true;
}

static int add_message(struct kafka_items *k, const rd_kafka_message_t *m,
                       struct err *e)
{
    int good;
    if (is_bare(k))
        good = add_line(k, m);
    else {
        good = add_record(k, m, &k->text, e);
        if (good > 0)
            buf_addc(&k->text, '\n');
    }
    if (good < 0 || k->text.failed)
        return good < 0 ? -1 : err_nomem(e);
    k->m[k->n] = m;
    k->good[k->n] = good;
    k->end[k->n++] = k->text.n;
    return 0;
}

/* Looks at the lines that were added unseen. */
static int check_lines(struct kafka_items *k, struct err *e)
{
    struct reader_line lines[LINES];
    size_t i = 0;
    int n;
    /* The scanner reads a little behind the end. */
    if (buf_reserve(&k->text, SCAN_PADDING))
        return err_nomem(e);
    memset(k->text.p + k->text.n, 0, SCAN_PADDING);
    reader_use(&k->reader, buf_str(&k->text), 0, 0, false);
    while ((n = reader_at_hand(&k->reader, lines, LINES, e)) > 0) {
        for (int l = 0; l < n; l++, i++) {
            while (!k->good[i])
                i++;
            k->good[i] =
                lines[l].shaped && lines[l].feed && reader_check(&lines[l]);
        }
    }
    return n;
}

/* Gathers what is at hand of one partition, waiting for the first: as
 * source_next. */
static int gather(struct kafka_items *k, struct err *e)
{
    const rd_kafka_message_t *m = k->ahead;
    const struct consumer_part *part = k->ahead_part;
    int r = 1;
    k->n = k->at = 0;
    k->ahead = NULL;
    buf_reset(&k->text);
    if (!m)
        r = consumer_next(k->consumer, false, &m, &part, e);
    if (r != 1)
        return r == CONSUMER_IDLE ? SOURCE_IDLE : r;
    k->part = part;
    while (r == 1 && part == k->part) {
        if (add_message(k, m, e))
            return -1;
        m = NULL;
        r = k->n < KAFKA_ITEMS_MAX && k->text.n < BATCH
                ? consumer_next(k->consumer, true, &m, &part, e)
                : CONSUMER_IDLE;
    }
    if (r < 0)
        return -1;
    k->ahead = m;
    k->ahead_part = part;
    return is_bare(k) && check_lines(k, e) ? -1 : 1;
}

/* ---- items ---- */

static void fill_place(struct kafka_items *k, int64_t first, int64_t last,
                       struct source_item *item)
{
    kafka_items_name(k->consumer, k->part->topic, k->part->id, k->partition,
                     sizeof(k->partition));
    snprintf(k->position, sizeof(k->position), "%" PRId64, last + 1);
    item->partition = str_of(k->partition);
    item->position = str_of(k->position);
    item->offset = (uint64_t)first;
}

static int take_run(struct kafka_items *k, struct source_item *item)
{
    size_t from = k->at ? k->end[k->at - 1] : 0, first = k->at;
    do
        k->at++;
    while (k->at < k->n && k->good[k->at] && !k->opts->each);
    struct str text = { k->text.p + from, k->end[k->at - 1] - from };
    *item = (struct source_item){ .kind = SOURCE_RECORDS,
                                  .text = text,
                                  .raw = text,
                                  .count = k->at - first };
    fill_place(k, k->m[first]->offset, k->m[k->at - 1]->offset, item);
    return 1;
}

/* Hands a message out by itself, whatever it is. */
static int take_one(struct kafka_items *k, struct source_item *item,
                    struct err *e)
{
    const rd_kafka_message_t *m = k->m[k->at++];
    struct str value = message_value(m);
    *item = (struct source_item){ .kind = SOURCE_REJECT,
                                  .text = STR(""),
                                  .raw = { value.p ? value.p : "", value.n },
                                  .faults = &k->fault,
                                  .n_faults = 1 };
    fill_place(k, m->offset, m->offset, item);
    buf_reset(&k->one);
    int good = add_record(k, m, &k->one, e);
    if (good < 0)
        return -1;
    if (good) {
        item->kind = SOURCE_RECORD;
        item->text = buf_str(&k->one);
    } else if (!k->fault.code) {
        /* Its JSON is what is wrong: that is judged as everywhere. */
        item->kind = SOURCE_UNCHECKED;
        item->text = item->raw;
    } else if (value.n > k->opts->max_record && value.n > LINES_KEEP) {
        item->length = value.n;
        item->raw.n = LINES_KEEP;
    }
    return 1;
}

int kafka_items_next(struct kafka_items *k, struct source_item *item,
                     struct err *e)
{
    if (k->at == k->n) {
        int r = gather(k, e);
        if (r != 1)
            return r;
    }
    return k->good[k->at] ? take_run(k, item) : take_one(k, item, e);
}
