/* The stream into the sink. */
#include "load.h"

#include "base/date.h"
#include "json/path.h"
#include "lineage/colmap.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
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
    l->refused |= r->offset == l->event; /* or it is one of before */
    int done = stage_reject(l->st, &rec, &reason, 1);
    buf_free(&path);
    if (done && e != &l->st->err)
        *e = l->st->err;
    return done;
}

int load_hash_start(struct stage *st, struct load *l)
{
    l->hash = XXH3_createState();
    return l->hash && XXH3_128bits_reset(l->hash) == XXH_OK
               ? 0
               : err_nomem(&st->err);
}

/* Records that come from a file stay there, if it is read as it is. */
static void find_input(struct sink_spec *spec)
{
    struct stat s;
    off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    bool stays = fstat(STDIN_FILENO, &s) == 0 && S_ISREG(s.st_mode) &&
                 s.st_size > 0 && at >= 0;
    spec->input = stays ? STDIN_FILENO : -1;
    spec->input_from = stays ? (uint64_t)at : 0;
}

/* Fields become the columns of their names; those of versions are our own, and
 * change events have rows within. */
static void trace(struct stage *st, const struct load *l)
{
    struct colmap *map = stage_colmap(st);
    struct colmap_sources none = { 0 };
    if (!map)
        return;
    for (size_t i = 0; l->spec.mode == SINK_SCD2 && i < SINK_SCD2_COLUMNS; i++)
        colmap_put(map, l->spec.scd2_names[i], &none);
    if (l->spec.mode == SINK_CDC)
        colmap_doubt(map);
}

/* The connector: before the records, so that a target that is not there is
 * found before anything is read. */
static int open_sink(struct stage *st, struct load *l)
{
    l->st = st;
    l->spec.refuse = refuse;
    l->spec.context = l;
    find_input(&l->spec);
    if (load_hash_start(st, l))
        return -1;
    stage_output(st, l->spec.uri, l->args->table);
    trace(st, l);
    l->sink = sink_open(&l->spec, &st->err);
    return l->sink ? 0 : -1;
}

/* The transaction is opened when there is something to write. */
int load_begin(struct stage *st, struct load *l)
{
    if (l->begun)
        return 0;
    l->begun = true;
    if (sink_begin(l->sink, &st->err))
        return -1;
    return l->batch.on ? batch_look(st, l) : 0;
}

/* In one piece where they lie side by side. */
void load_hash_records(struct load *l, const struct record *recs, int n)
{
    for (int i = 0; i < n;) {
        struct str run = recs[i].text;
        bool feed = recs[i++].feed; /* the line feed is there already */
        while (feed && i < n && recs[i].text.p == run.p + run.n + 1) {
            run.n = (size_t)(recs[i].text.p + recs[i].text.n - run.p);
            feed = recs[i++].feed;
        }
        XXH3_128bits_update(l->hash, run.p, run.n + feed);
        if (!feed)
            XXH3_128bits_update(l->hash, "\n", 1);
        l->bytes += run.n + 1;
    }
}

static int load_row(struct stage *st, struct load *l,
                    const struct sink_record *r)
{
    st->counts.out++; /* unless it is refused */
    return sink_write(l->sink, r, &st->err);
}

/* stays: what it borrows is there until sink_flush. */
static int write_record(struct stage *st, struct load *l,
                        const struct record *rec, bool stays)
{
    const struct sink_record r = { .op = SINK_ROW,
                                   .text = rec->text,
                                   .raw = rec->text,
                                   .shaped = rec->shaped,
                                   .line = rec->line,
                                   .offset = rec->offset,
                                   .stays = stays };
    return l->cdc ? load_event(st, l, rec) : load_row(st, l, &r);
}

/* The whole input in one transaction. */
static int write_all(struct stage *st, struct load *l)
{
    static struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0) {
        load_hash_records(l, recs, n);
        latency_take(st, l, recs, n);
        if (load_begin(st, l))
            return -1;
        for (int i = 0; i < n; i++)
            if (sources_take(st, l, &recs[i]) ||
                write_record(st, l, &recs[i], true))
                return -1;
        if (sink_flush(l->sink, &st->err))
            return -1;
    }
    return n;
}

/* In several: record by record, so that the position is that of each. */
static int write_batches(struct stage *st, struct load *l)
{
    struct record rec;
    bool done;
    int n;
    while ((n = stage_next(st, &rec)) > 0) {
        load_hash_records(l, &rec, 1);
        if (sources_take(st, l, &rec) || batch_skip(st, l, &done))
            return -1;
        if (done)
            continue;
        latency_take(st, l, &rec, 1);
        if (load_begin(st, l) || write_record(st, l, &rec, false) ||
            batch_written(st, l))
            return -1;
    }
    return n;
}

static const char nothing_came[] = "nothing committed: no record came, and "
                                   "the upstream cannot be verified "
                                   "(--allow-empty commits)";

/* It may be what is left of a mistyped command. */
static bool is_doubtful(const struct stage *st, const struct load_args *a)
{
    return st->verdict == VERDICT_UNKNOWN && st->counts.in == 0 &&
           !a->allow_empty;
}

int load_judge_unknown(struct stage *st, struct load *l, enum verdict verdict)
{
    const struct load_args *a = l->args;
    if (verdict != VERDICT_UNKNOWN)
        return 0;
    if (stage_gated(st))
        return 0; /* pipe-run sees how the upstream ended */
    if (is_doubtful(st, a))
        return err_set(&st->err, ERR_TEMPFAIL, "%s", nothing_came);
    if (a->on_unknown && strcmp(a->on_unknown, "accept") == 0)
        return 0;
    if (a->on_unknown && strcmp(a->on_unknown, "refuse") == 0)
        return err_set(&st->err, ERR_CONFIG,
                       "nothing%s committed: the upstream cannot be verified",
                       l->batch.at.found ? " more" : "");
    if (a->dry_run || l->batch.warned)
        return 0;
    l->batch.warned = true;
    stage_note(st,
               "cannot verify that the upstream ended well: it is no pipeutils "
               "stage, or a shell group or wrapper shares its pipe (start it "
               "with exec); loading all the same");
    return 0;
}

/* ---- the end */

void load_hash(const struct load *l, char hex[33])
{
    XXH128_hash_t h = XXH3_128bits_digest(l->hash);
    hash128_hex((struct hash128){ h.low64, h.high64 }, hex);
}

void load_run_id(const struct stage *st, const struct load *l,
                 const char *input_hash, char id[33])
{
    struct buf b = { 0 };
    buf_addz(&b, st->opts.pipeline ? st->opts.pipeline : "");
    buf_addc(&b, '\0');
    buf_addz(&b, st->opts.date ? st->opts.date : "");
    buf_addc(&b, '\0');
    sink_spell(st->argv[0], l->args->table, &b);
    buf_addc(&b, '\0');
    buf_addz(&b, input_hash);
    buf_addc(&b, '\0');
    sources_hash(&l->sources, &b);
    hash128_hex(hash128(buf_str(&b)), id);
    buf_free(&b);
}

/* For the record of the run, and for whoever has to ask the ledger what became
 * of the load; then the word of pipe-run, if it runs us. */
static int wait_for_word(struct stage *st, struct load *l,
                         const struct sink_run *run)
{
    char here[PATH_MAX];
    const char *const members[][2] = {
        { "target", l->spec.uri },
        { "cwd", getcwd(here, sizeof(here)) ? here : "" },
        { "table", l->args->table },
        { "mode", l->args->mode },
        { "pipeline", run->pipeline },
        { "partition", run->partition },
        { "run_id", run->run_id },
        { "input_hash", run->input_hash }
    };
    struct buf b = { .max = 32768 };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        buf_addf(&b, "%c\"%s\":", i ? ',' : '{', members[i][0]);
        json_quote(&b, str_of(members[i][1]));
    }
    buf_addf(&b, ",\"rows\":%" PRIu64 "}", run->loaded);
    int r = b.failed
                ? err_nomem(&st->err)
                : stage_ready(st, buf_str(&b),
                              is_doubtful(st, l->args) ? nothing_came : NULL);
    buf_free(&b);
    return r;
}

static int commit(struct stage *st, struct load *l, const struct sink_run *run)
{
    const char *table = l->args->table;
    if (l->args->dry_run) {
        stage_note(st, "dry run: would load %" PRIu64 " records into '%s'",
                   st->counts.out, table);
        return 0;
    }
    if (wait_for_word(st, l, run) || sink_commit(l->sink, &st->err))
        return -1;
    if (!l->batch.on && isatty(STDERR_FILENO))
        stage_note(st, "loaded %" PRIu64 " records into '%s'", st->counts.out,
                   table);
    return 0;
}

/* What the ledger says of the run decides. */
static int act_on(struct stage *st, struct load *l, enum sink_outcome outcome,
                  const struct sink_run *run, const char *when)
{
    switch (outcome) {
    case SINK_NEW: return commit(st, l, run);
    case SINK_CONFLICT:
        return err_set(&st->err, ERR_DATA,
                       "run '%s' was loaded on %s with other records: append "
                       "would double it (another --run-id, or mode replace)",
                       run->run_id, when);
    case SINK_SAME: break;
    }
    stage_note(st, "run '%s' was loaded on %s already: nothing changed",
               run->run_id, when);
    st->counts.duplicates += st->counts.out;
    st->counts.out = 0;
    return 0;
}

/* The run as the ledger has it: of batches each has a row of its own, with
 * what it brought and the position that it reached. */
static int settle(struct stage *st, struct load *l, struct sink_run *run,
                  struct buf *before)
{
    char input_hash[33], id[33];
    struct counts *then = &l->batch.then;
    if (sources_gather(st, l))
        return -1;
    load_hash(l, input_hash);
    load_run_id(st, l, input_hash, id);
    run->positions = l->sources.v;
    run->n_positions = l->sources.n;
    run->pipeline = st->opts.pipeline ? st->opts.pipeline : "";
    run->run_id = st->opts.run_id ? st->opts.run_id : id;
    run->input_bytes = l->bytes;
    run->input_hash = input_hash;
    run->read = st->counts.in - then->in;
    run->loaded = st->counts.out - then->out;
    run->rejected = st->counts.rejected - then->rejected;
    run->continues = l->batch.on && (l->batch.at.found || l->sources.marked);
    enum sink_outcome outcome = SINK_NEW;
    if (sink_prepare(l->sink, run, &outcome, before, &st->err))
        return -1;
    const char *when = buf_z(before);
    return when ? act_on(st, l, outcome, run, when) : err_nomem(&st->err);
}

/* How far the load has come: in its input, where it is one batch of several,
 * and in the log that its events are from. Empty if neither. */
static void add_watermark(const struct load *l, struct buf *out)
{
    struct buf log = { 0 };
    if (l->position.log != CDC_LOG_NONE)
        (void)cdc_position_json(&log, &l->position);
    struct str place = buf_str(&log); /* an object */
    if (l->batch.on) {
        buf_addf(out, "{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 "%s",
                 l->batch.records, l->bytes, place.n ? "," : "}");
        if (place.n)
            place = (struct str){ place.p + 1, place.n - 1 };
    }
    buf_add_str(out, place);
    out->failed |= log.failed;
    buf_free(&log);
}

int load_settle(struct stage *st, struct load *l)
{
    struct buf now = { 0 }, before = { 0 }, position = { 0 };
    time_format(&now, time_now());
    add_watermark(l, &position);
    struct sink_run run = { .watermark = position.n ? buf_z(&position) : NULL,
                            .partition = buf_z(&l->partition),
                            .started_at = buf_z(&l->started_at),
                            .loaded_at = buf_z(&now) };
    int r =
        !run.partition || !run.started_at || !run.loaded_at || position.failed
            ? err_nomem(&st->err)
            : settle(st, l, &run, &before);
    buf_free(&now);
    buf_free(&before);
    buf_free(&position);
    return r;
}

/* What was staged is brought in, and with it the last refusals. */
int load_apply(struct stage *st, struct load *l)
{
    if (load_begin(st, l) || sink_apply(l->sink, &st->err))
        return -1;
    uint64_t ignored = sink_ignored(l->sink);
    st->counts.out -= ignored;
    st->counts.duplicates += ignored;
    return 0;
}

int load_stream(struct stage *st, struct load *l)
{
    bool done = false;
    if (load_spec(st, l) || latency_open(st, l) || open_sink(st, l))
        return -1;
    batch_start(st, l);
    if ((l->batch.on ? write_batches(st, l) : write_all(st, l)) ||
        load_judge_unknown(st, l, st->verdict) ||
        (l->batch.on && batch_end(st, l, &done)))
        return -1;
    if (done)
        return stage_settle(st);
    return load_apply(st, l) || stage_settle(st) || load_settle(st, l) ||
                   (l->args->dry_run && sources_leave(st))
               ? -1
               : 0;
}
