/* pipe-join: enrich records from reference data. */
#include "reference.h"
#include "spilled.h"
#include "stage/lane.h"

#include <stdlib.h>

static struct opt_list keys, fields;
static struct reference_opts reference;
static const char *as_of, *multi = "fail", *miss = "keep", *prefix, *nest;
static const char *tmpdir = "/tmp";
static bool overwrite;
static uint64_t as_of_max, memory;

static const char *const multis[] = { "fail", "first",  "last",
                                      "all",  "reject", NULL };
static const char *const misses[] = { "keep", "drop", "reject", NULL };
static const char *const formats[] = { "csv", "tsv", "ndjson", "json", NULL };

enum { SHAPE = 1, QUERY };

static const struct opt opts[] = {
    { OPT_LIST, 'k', "key", "FIELD[=REF_FIELD][,...]", &keys,
      "fields that must be equal, by the record's name and, where it differs, "
      "the reference's; repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 'm', "miss", "HOW", &miss,
      "what becomes of a record that nothing matches; default keep", misses, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "multi", "HOW", &multi,
      "what becomes of several reference records with one key; default fail",
      multis, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "added", NULL, NULL, "What is added", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 'f', "fields", "FIELD[ AS NAME][,...]", &fields,
      "fields of the reference to add, repeatable; default all but its key",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 'p', "prefix", "TEXT", &prefix,
      "put TEXT in front of their names", NULL, 0, 0, SHAPE, COMPLETE_NONE,
      NULL },
    { OPT_STRING, 'n', "nest", "NAME", &nest,
      "add them as one object in field NAME", NULL, 0, 0, SHAPE, COMPLETE_NONE,
      NULL },
    { OPT_FLAG, 0, "overwrite", NULL, &overwrite,
      "replace fields that the record has, instead of rejecting it", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "time", NULL, NULL, "As of a time", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "as-of", "FIELD=REF_FIELD", &as_of,
      "of each key, match the latest reference record that is not after the "
      "record's time",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "as-of-max", "DURATION", &as_of_max,
      "and that is not older than this: 30m, 24h, 7d", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "reference", NULL, NULL, "Reference", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "ref-format", "FORMAT", &reference.format,
      "what the file is; default by name, else by content", formats, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "ref-delimiter", "CHAR", &reference.delimiter,
      "what separates cells of CSV: one character, or tab", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "ref-types", "NAME=TYPE[,...]", &reference.types,
      "make cells of CSV integer, number or boolean (default string), "
      "repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "ref-null", "TOKEN", &reference.nulls,
      "cells of CSV that are TOKEN become null, repeatable", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "query", "SQL", &reference.query,
      "the statement whose rows are the reference, of a database", NULL, 0, 0,
      QUERY, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "table", "NAME", &reference.table,
      "or a table or view, all of it", NULL, 0, 0, QUERY, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "cache", "FILE", &reference.cache,
      "keep what the database gave in FILE", NULL, 0, 0, 0, COMPLETE_FILE,
      NULL },
    { OPT_TIME, 0, "cache-ttl", "DURATION", &reference.cache_ttl,
      "do not ask the database again before: 10m, 1h; default every time", NULL,
      1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "stale-ok", NULL, &reference.stale_ok,
      "where the database is away, warn and use FILE however old it is", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &memory,
      "keep the reference on disk where it needs more than SIZE; default half "
      "of the machine's",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { OPT_STRING, 0, "tmpdir", "DIR", &tmpdir,
      "where it and the records are then set aside; default /tmp", NULL, 0, 0,
      0, COMPLETE_DIR, "TMPDIR" },
    { 0 }
};

static const struct command command = {
    .name = "pipe-join",
    .summary = "enrich records from reference data",
    .usage = "[OPTION...] REF -k FIELD[=REF_FIELD][,...]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_OPERANDS |
             STAGE_LANES,
    .operands = COMPLETE_FILE,
    .notes = "REF is a file, sqlite:FILE or postgresql://HOST/DATABASE.",
};

/* What one thread needs. */
struct worker {
    struct joinprobe probe;
    uint64_t extra; /* records written beyond one for each that came */
};

/* ---- options ---- */

static enum jointable_multi multi_of(const char *name)
{
    static const enum jointable_multi of[] = { JOINTABLE_FAIL, JOINTABLE_FIRST,
                                               JOINTABLE_LAST, JOINTABLE_ALL,
                                               JOINTABLE_FLAG };
    size_t i = 0;
    while (strcmp(multis[i], name) != 0)
        i++;
    return of[i];
}

static enum miss miss_of(const char *name)
{
    return *name == 'k' ? MISS_KEEP : *name == 'd' ? MISS_DROP : MISS_REJECT;
}

static int prepare(struct stage *st, struct join *j)
{
    struct err *e = &st->err;
    if (st->argc != 1)
        return err_set(e, ERR_USAGE, "one reference is wanted, there are %d",
                       st->argc);
    if (!keys.n)
        return err_set(e, ERR_USAGE, "option --key is missing");
    if (as_of_max && !as_of)
        return err_set(e, ERR_USAGE, "--as-of-max goes with --as-of");
    if (as_of && *multi == 'a')
        return err_set(e, ERR_USAGE,
                       "--multi all does not go with --as-of, which matches "
                       "one record");
    struct join_spec spec = {
        .keys = keys.v,
        .n_keys = keys.n,
        .as_of = as_of,
        .max_us = as_of_max * 1000,
        .tz = st->opts.tz,
        .multi = multi_of(multi),
        .fields = fields.v,
        .n_fields = fields.n,
        .prefix = prefix,
        .nest = nest,
        .overwrite = overwrite,
        .memory = memory ? memory : budget_default(),
        .tmpdir = tmpdir,
    };
    return join_open(j, &spec, e);
}

/* What a replay needs, also where it came from the environment. */
static int note_args(struct stage *st)
{
    struct buf *b = &st->replay_args;
    const struct {
        const char *name, *value;
    } given[] = {
        { "miss", miss },
        { "multi", multi },
        { "prefix", prefix },
        { "nest", nest },
        { "as-of", as_of },
        { "ref-format", reference.format },
        { "ref-delimiter", reference.delimiter },
        { "query", reference.query },
        { "table", reference.table },
        { "cache", reference.cache },
        { "date", st->opts.date },
        { "tz", st->opts.tz },
    };
    const struct {
        const char *name;
        const struct opt_list *list;
    } lists[] = {
        { "key", &keys },
        { "fields", &fields },
        { "ref-types", &reference.types },
        { "ref-null", &reference.nulls },
    };
    buf_addf(b, "%s%c", command.name, 0);
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (given[i].value)
            buf_addf(b, "--%s=%s%c", given[i].name, given[i].value, 0);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (size_t k = 0; k < lists[i].list->n; k++)
            buf_addf(b, "--%s=%s%c", lists[i].name, lists[i].list->v[k], 0);
    if (as_of_max)
        buf_addf(b, "--as-of-max=%llums%c", (unsigned long long)as_of_max, 0);
    if (reference.cache_ttl)
        buf_addf(b, "--cache-ttl=%llums%c",
                 (unsigned long long)reference.cache_ttl, 0);
    if (overwrite)
        buf_addf(b, "--overwrite%c", 0);
    if (reference.stale_ok)
        buf_addf(b, "--stale-ok%c", 0);
    buf_addf(b, "--%c%s%c", 0, st->argv[0], 0);
    return b->failed ? err_nomem(&st->err) : 0;
}

/* ---- records ---- */

static int reject(struct lane *l, const struct record *rec,
                  const struct joinprobe_result *res)
{
    struct reason why = { .code = joinprobe_codes[res->fault],
                          .path = res->path,
                          .message = res->message };
    return lane_reject(l, rec, &why, 1);
}

static int missed(struct lane *l, const struct record *rec)
{
    switch (miss_of(miss)) {
    case MISS_KEEP: return lane_pass_record(l, rec);
    case MISS_DROP: return lane_filter(l);
    case MISS_REJECT: break;
    }
    return lane_rejectf(l, rec, "no_match", "",
                        "no record of the reference matches");
}

static int end_record(struct lane *l, const struct record *rec,
                      const struct joinprobe_result *res)
{
    switch (res->kind) {
    case JOINPROBE_TEXT: return lane_pass(l, res->text);
    case JOINPROBE_MATCHED: return lane_pass_record(l, rec);
    case JOINPROBE_MISS: return missed(l, rec);
    case JOINPROBE_FAULT: break;
    }
    return reject(l, rec, res);
}

static int join(void *worker, struct lane *l, const struct record *recs, int n)
{
    struct worker *w = worker;
    struct select_record views[STAGE_BATCH];
    struct joinprobe_result res;
    for (int i = 0; i < n; i++)
        views[i] = (struct select_record){ recs[i].text, recs[i].shaped };
    if (joinprobe_batch(&w->probe, views, (size_t)n, lane_err(l)))
        return -1;
    for (int i = 0; i < n; i++) {
        if (joinprobe_result(&w->probe, (size_t)i, &res, lane_err(l)) ||
            end_record(l, &recs[i], &res))
            return -1;
        w->extra += res.rows - 1;
    }
    return 0;
}

_Static_assert(STAGE_BATCH <= SELECT_BATCH, "a batch is looked up at once");

static int join_all(struct stage *st, const struct join *j)
{
    size_t n = st->opts.jobs;
    struct worker *w = calloc(n, sizeof(*w));
    void *workers[STAGE_JOBS_MAX];
    uint64_t extra = 0;
    int r = w ? 0 : err_nomem(&st->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        workers[i] = &w[i];
        r = joinprobe_init(&w[i].probe, j, &j->table, &st->err);
    }
    if (r == 0)
        r = lane_run(st, join, workers, n);
    for (size_t i = 0; w && i < n; i++) {
        extra += w[i].extra;
        joinprobe_free(&w[i].probe);
    }
    free(w);
    /* Of more lines than records the counts say nothing. */
    if (extra)
        stage_output_rows(st, st->counts.out + extra);
    return r;
}

static int run(struct stage *st, struct join *j)
{
    if (prepare(st, j) || note_args(st) ||
        reference_read(st, st->argv[0], &reference, j))
        return -1;
    if (j->keyless && st->opts.verbose)
        stage_note(st, "%llu of %llu reference records have no key",
                   (unsigned long long)j->keyless,
                   (unsigned long long)j->records);
    struct colmap *map = stage_colmap(st);
    if (map)
        join_trace(j, map, miss_of(miss) == MISS_KEEP);
    return join_spilled(j) ? spilled_join(st, j, miss_of(miss))
                           : join_all(st, j);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct join j = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0)
        run(&st, &j);
    join_free(&j);
    return stage_finish(&st);
}
