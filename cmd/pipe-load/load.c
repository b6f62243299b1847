/* The stream into the sink. */
#include "load.h"

#include "base/date.h"
#include "json/path.h"

#include <inttypes.h>
#include <unistd.h>

/* A record that the target refuses, now or later. */
static int refuse(void *context, const struct sink_record *r,
                  const struct sink_refusal *why, struct err *e)
{
    struct load *l = context;
    const struct record rec = {
        .text = r->raw, .uri = "-", .line = r->line, .offset = r->offset
    };
    struct buf path = { .max = 65536 };
    if (why->column.n)
        path_pointer(&path, why->column);
    struct reason reason = { .code = why->code,
                             .path = buf_str(&path),
                             .message = str_of(why->message) };
    l->st->counts.out--;
    l->refused = true;
    int done = stage_reject(l->st, &rec, &reason, 1);
    buf_free(&path);
    if (done && e != &l->st->err)
        *e = l->st->err;
    return done;
}

/* The connector: before the records, so that a target that is not there is
 * found before anything is read. */
static int open_sink(struct stage *st, struct load *l)
{
    l->st = st;
    l->spec.refuse = refuse;
    l->spec.context = l;
    l->hash = XXH3_createState();
    if (!l->hash || XXH3_128bits_reset(l->hash) != XXH_OK)
        return err_nomem(&st->err);
    l->sink = sink_open(&l->spec, &st->err);
    return l->sink ? 0 : -1;
}

/* The transaction is opened when there is something to write. */
static int begin(struct stage *st, struct load *l)
{
    if (l->begun)
        return 0;
    l->begun = true;
    return sink_begin(l->sink, &st->err);
}

static int write_record(struct stage *st, struct load *l,
                        const struct record *rec)
{
    const struct sink_record r = { .op = SINK_ROW,
                                   .text = rec->text,
                                   .raw = rec->text,
                                   .line = rec->line,
                                   .offset = rec->offset };
    XXH3_128bits_update(l->hash, rec->text.p, rec->text.n);
    XXH3_128bits_update(l->hash, "\n", 1);
    l->bytes += rec->text.n + 1;
    if (begin(st, l))
        return -1;
    if (l->cdc)
        return load_event(st, l, rec);
    st->counts.out++; /* unless it is refused */
    return sink_write(l->sink, &r, &st->err);
}

/* The policy decides. */
int load_judge(struct stage *st, const struct load_args *a)
{
    if (st->verdict != VERDICT_UNKNOWN)
        return 0;
    if (st->counts.in == 0 && !a->allow_empty)
        return err_set(&st->err, ERR_TEMPFAIL,
                       "nothing committed: no record came, and the upstream "
                       "cannot be verified (--allow-empty commits)");
    if (a->on_unknown && strcmp(a->on_unknown, "accept") == 0)
        return 0;
    if (a->on_unknown && strcmp(a->on_unknown, "refuse") == 0)
        return err_set(&st->err, ERR_CONFIG,
                       "nothing committed: the upstream cannot be verified");
    if (a->dry_run)
        return 0;
    stage_note(st,
               "cannot verify that the upstream ended well: it is no pipeutils "
               "stage, or a shell group or wrapper shares its pipe (start it "
               "with exec); loading all the same");
    return 0;
}

/* ---- the end */

/* Who the run is, if nobody named it: its pipeline, day, table and input. */
static void default_run_id(struct stage *st, const char *table,
                           const char *input_hash, char id[33])
{
    struct buf b = { 0 };
    const char *parts[] = { st->opts.pipeline, st->opts.date, table,
                            input_hash };
    for (size_t i = 0; i < 4; i++) {
        buf_addz(&b, parts[i] ? parts[i] : "");
        buf_addc(&b, '\0');
    }
    hash128_hex(hash128(buf_str(&b)), id);
    buf_free(&b);
}

static int commit(struct stage *st, struct load *l)
{
    const char *table = l->args->table;
    if (l->args->dry_run) {
        stage_note(st, "dry run: would load %" PRIu64 " records into '%s'",
                   st->counts.out, table);
        return 0;
    }
    if (sink_commit(l->sink, &st->err))
        return -1;
    if (isatty(STDERR_FILENO))
        stage_note(st, "loaded %" PRIu64 " records into '%s'", st->counts.out,
                   table);
    return 0;
}

/* What the ledger says of the run decides. */
static int act_on(struct stage *st, struct load *l, enum sink_outcome outcome,
                  const char *run_id, const char *when)
{
    switch (outcome) {
    case SINK_NEW: return commit(st, l);
    case SINK_CONFLICT:
        return err_set(&st->err, ERR_DATA,
                       "run '%s' was loaded on %s with other records: append "
                       "would double it (another --run-id, or mode replace)",
                       run_id, when);
    case SINK_SAME: break;
    }
    stage_note(st, "run '%s' was loaded on %s already: nothing changed", run_id,
               when);
    st->counts.duplicates += st->counts.out;
    st->counts.out = 0;
    return 0;
}

static int settle_with_ledger(struct stage *st, struct load *l)
{
    XXH128_hash_t h = XXH3_128bits_digest(l->hash);
    char input_hash[33], id[33];
    hash128_hex((struct hash128){ h.low64, h.high64 }, input_hash);
    default_run_id(st, l->args->table, input_hash, id);
    struct buf now = { 0 }, before = { 0 }, position = { 0 };
    time_format(&now, time_now());
    if (l->position.log != CDC_LOG_NONE)
        (void)cdc_position_json(&position, &l->position);
    struct sink_run run = {
        .pipeline = st->opts.pipeline ? st->opts.pipeline : "",
        .partition = buf_z(&l->partition),
        .run_id = st->opts.run_id ? st->opts.run_id : id,
        .input_bytes = l->bytes,
        .input_hash = input_hash,
        .read = st->counts.in,
        .loaded = st->counts.out,
        .rejected = st->counts.rejected,
        .watermark = position.n ? buf_z(&position) : NULL,
        .started_at = buf_z(&l->started_at),
        .loaded_at = buf_z(&now),
    };
    enum sink_outcome outcome = SINK_NEW;
    int r = !run.partition || !run.started_at || !run.loaded_at
                ? err_nomem(&st->err)
                : sink_prepare(l->sink, &run, &outcome, &before, &st->err);
    const char *when = buf_z(&before);
    if (r == 0)
        r = when ? act_on(st, l, outcome, run.run_id, when)
                 : err_nomem(&st->err);
    buf_free(&now);
    buf_free(&before);
    buf_free(&position);
    return r;
}

/* What was staged is brought in, and with it the last refusals. */
static int apply(struct stage *st, struct load *l)
{
    if (begin(st, l) || sink_apply(l->sink, &st->err))
        return -1;
    uint64_t ignored = sink_ignored(l->sink);
    st->counts.out -= ignored;
    st->counts.duplicates += ignored;
    return stage_settle(st);
}

int load_stream(struct stage *st, struct load *l)
{
    struct record rec;
    int r;
    if (load_spec(st, l) || open_sink(st, l))
        return -1;
    while ((r = stage_next(st, &rec)) > 0)
        if (write_record(st, l, &rec))
            return -1;
    if (r < 0 || load_judge(st, l->args) || apply(st, l))
        return -1;
    return settle_with_ledger(st, l);
}
