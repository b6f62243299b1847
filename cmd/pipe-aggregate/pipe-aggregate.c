/* pipe-aggregate: group records and compute over each group. */
#include "aggregate/aggregate.h"
#include "lineage/colmap.h"
#include "stage/stage.h"
#include "windowed.h"

static struct opt_list group_by, aggregates, having;
static const char *where, *tmpdir = "/tmp";
static bool sorted, partial, merge;
static uint64_t memory;

#define PLAIN NULL, 0, 0, 0, COMPLETE_NONE, NULL
#define AT_LEAST(ms) NULL, ms, WINDOWED_TIME_MAX, 0, COMPLETE_NONE, NULL

static const struct opt opts[] = {
    { OPT_LIST, 'g', "group-by", "KEY[,KEY...]", &group_by,
      "what makes the key of a group: fields, or NAME=EXPR; repeatable; "
      "default "
      "one group of all records",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 'a', "aggregate", "[NAME=]FN(ARG)[,...]", &aggregates,
      "what to compute of each group, as 'n=count(), sum(amount)'; repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 'w', "where", "EXPR", &where,
      "take only the records for which EXPR is TRUE", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "having", "EXPR", &having,
      "write only the groups for which EXPR, over the fields of the output, is "
      "TRUE; repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "sort", NULL, &sorted,
      "order groups by key, not by first appearance", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "partial", NULL, &partial,
      "write the states of the groups, for --merge, in place of results", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "merge", NULL, &merge,
      "read what --partial wrote, with the same -g and -a, in place of records",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &memory,
      "set groups aside on disk where they need more than SIZE; default half "
      "of "
      "the machine's",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { OPT_STRING, 0, "tmpdir", "DIR", &tmpdir,
      "where groups are set aside; default /tmp", NULL, 0, 0, 0, COMPLETE_DIR,
      "TMPDIR" },
    { OPT_GROUP, 0, "windows", NULL, NULL, "Windows of event time", PLAIN },
    { OPT_STRING, 0, "window", "[KIND:]LENGTH", &windowed_options.window,
      "aggregate by windows: tumbling:1h (or 1h), sliding:1h,5m, session:30m, "
      "trailing:30d",
      PLAIN },
    { OPT_STRING, 0, "time", "FIELD", &windowed_options.time,
      "the field with the time of a record: RFC 3339, a date, or a number",
      PLAIN },
    { OPT_CHOICE, 0, "time-unit", "UNIT", &windowed_options.time_unit,
      "what numbers in --time count since 1970; default s", windowed_units, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "lateness", "TIME", &windowed_options.lateness,
      "how much later than others a record may come; default 0s", AT_LEAST(0) },
    { OPT_CHOICE, 0, "late", "WAY", &windowed_options.late,
      "what becomes of records that come later still; default reject",
      windowed_ways, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "late-for", "TIME", &windowed_options.late_for,
      "keep windows so long behind their end, for --late update", AT_LEAST(1) },
    { OPT_TIME, 0, "idle-timeout", "TIME", &windowed_options.idle_timeout,
      "where nothing comes for so long, go on by the clock", AT_LEAST(1) },
    { OPT_STRING, 0, "source", "FIELD", &windowed_options.source,
      "tell sources apart by this field: time has come as far as in the one "
      "furthest behind",
      PLAIN },
    { 0 }
};

static const struct command command = {
    .name = "pipe-aggregate",
    .summary = "group records and compute exact results over each group",
    .usage = "[OPTION...] [-g KEY[,KEY...]] [-a '[NAME=]FN(ARG)[,...]']",
    .opts = opts,
    .flags =
        STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_AHEAD | STAGE_GATHERS,
    .notes = "Expressions: man pipeutils-expr",
};

struct job {
    struct interval interval;
    struct expr_env env;
    struct budget budget;
    struct expr_set *filter; /* NULL: all records are taken */
    struct aggregate *agg;
    bool by_window;
    struct windowed windows; /* of --window */
};

static int prepare_filter(struct stage *st, struct job *j)
{
    if (!where)
        return 0;
    if (merge)
        return err_set(&st->err, ERR_USAGE,
                       "--where belongs to --partial: behind it, records "
                       "cannot be told apart");
    j->filter = expr_new(&j->env);
    if (!j->filter)
        return err_nomem(&st->err);
    return expr_add(j->filter, "--where", str_of(where), &st->err) < 0 ? -1 : 0;
}

static int describe_keys(struct stage *st, struct aggregate *a)
{
    for (size_t i = 0; i < group_by.n; i++)
        if (aggregate_group_by(a, str_of(group_by.v[i]), &st->err))
            return -1;
    return 0;
}

static int tick(void *ctx)
{
    return stage_tick(ctx);
}

static int describe(struct stage *st, struct aggregate *a, bool by_window)
{
    if (describe_keys(st, a))
        return -1;
    for (size_t i = 0; i < aggregates.n; i++)
        if (aggregate_compute(a, str_of(aggregates.v[i]), &st->err))
            return -1;
    for (size_t i = 0; i < having.n; i++)
        if (aggregate_having(a, str_of(having.v[i]), &st->err))
            return -1;
    if (partial)
        aggregate_partial(a);
    if (merge)
        aggregate_merge(a);
    if (by_window)
        aggregate_by_window(a);
    else
        aggregate_spill_to(a, tmpdir, memory ? memory : budget_default());
    aggregate_watch(a, tick, st);
    return aggregate_begin(a, &st->err);
}

/* Open windows stay in memory; some kinds need the keys by themselves too. */
static int prepare_windows(struct stage *st, struct job *j)
{
    j->budget.max = memory ? memory : budget_default();
    if (group_by.n && windowed_needs_keys(&j->windows)) {
        struct aggregate *keys = aggregate_new(&j->budget, &j->env, &st->err);
        j->windows.keys = keys;
        if (!keys || describe_keys(st, keys) || aggregate_begin(keys, &st->err))
            return -1;
    }
    return windowed_begin(&j->windows, j->agg, &j->budget);
}

static int prepare(struct stage *st, struct job *j)
{
    if (partial && having.n)
        return err_set(&st->err, ERR_USAGE,
                       "--having belongs to --merge: states are no results");
    if (windowed_start(&j->windows, st, &j->by_window))
        return -1;
    if (j->by_window && (sorted || partial || merge))
        return err_set(&st->err, ERR_USAGE,
                       "--window goes with neither --sort nor --partial nor "
                       "--merge");
    if (stage_interval(st, &j->interval))
        return -1;
    j->env = (struct expr_env){ .tz = st->opts.tz,
                                .date = j->interval.date,
                                .start = j->interval.start,
                                .end = j->interval.end };
    j->agg = aggregate_new(&j->budget, &j->env, &st->err);
    if (!j->agg || prepare_filter(st, j) || describe(st, j->agg, j->by_window))
        return -1;
    return j->by_window ? prepare_windows(st, j) : 0;
}

/* ---- records ---- */

static int reject(struct stage *st, const struct record *rec,
                  const struct aggregate_fault *f)
{
    struct reason why = { .code = f->code,
                          .path = f->path,
                          .message = f->message };
    return stage_reject(st, rec, &why, 1);
}

/* Leaves only the records that --where wants; n is how many there are. */
static int filter(struct stage *st, struct job *j, struct record *recs, int *n)
{
    struct expr_fault f;
    int kept = 0;
    for (int i = 0; i < *n; i++) {
        int r = -1;
        expr_begin(j->filter);
        if (expr_load(j->filter, recs[i].text, recs[i].shaped)) {
            f = (struct expr_fault){ .code = "not_json", .path = STR("") };
            memcpy(f.msg, "not JSON", sizeof("not JSON"));
        } else {
            r = expr_test(j->filter, 0, &f);
        }
        if (r == -2)
            return err_nomem(&st->err);
        if (r == 1)
            recs[kept++] = recs[i];
        st->counts.filtered += r == 0;
        struct aggregate_fault fault = { f.code, f.path, str_of(f.msg) };
        if (r == -1 && reject(st, &recs[i], &fault))
            return -1;
    }
    *n = kept;
    return 0;
}

static int take_batch(struct stage *st, struct job *j,
                      const struct record *recs, size_t n)
{
    struct select_record picked[STAGE_BATCH];
    struct aggregate_fault fault;
    size_t at = 0;
    int r;
    for (size_t i = 0; i < n; i++)
        picked[i] = (struct select_record){ recs[i].text, recs[i].shaped };
    if (j->by_window)
        return windowed_take(&j->windows, recs, picked, n);
    st->counts.out += n;
    while ((r = aggregate_take(j->agg, picked, n, &at, &fault, &st->err)) ==
           0) {
        st->counts.out--;
        if (reject(st, &recs[at - 1], &fault))
            return -1;
    }
    return r == 1 ? 0 : -1;
}

static int take_all(struct stage *st, struct job *j)
{
    static struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0) {
        if (j->filter && filter(st, j, recs, &n))
            return -1;
        if (n && take_batch(st, j, recs, (size_t)n))
            return -1;
    }
    return n;
}

_Static_assert(STAGE_BATCH <= SELECT_BATCH, "a batch is taken at once");

static int emit_groups(struct stage *st, struct aggregate *a)
{
    struct buf line = { 0 };
    uint64_t groups = 0;
    int r = aggregate_end(a, sorted, &st->err);
    if (r == 0 && st->opts.verbose && aggregate_spilled(a))
        stage_note(st, "groups outgrew --memory: %.1f MB were set aside in %s",
                   (double)aggregate_spilled(a) / 1e6, tmpdir);
    while (r == 0 && (r = aggregate_next(a, &line, &st->err)) == 1) {
        r = stage_tick(st) || stage_emit(st, buf_str(&line)) ? -1 : 0;
        groups += r == 0;
    }
    stage_output_rows(st, groups);
    buf_free(&line);
    return r;
}

/* For lineage: what --where reads filters, what --window goes by is the time of
 * a window. */
static void trace(struct stage *st, const struct job *j)
{
    struct colmap *map = stage_colmap(st);
    struct colmap_sources time = { 0 };
    struct buf name = { .max = 65536 };
    struct path p;
    size_t at = 0;
    unsigned use;
    if (!map)
        return;
    while (j->filter && expr_reads(j->filter, 0, &at, &p, &use)) {
        buf_reset(&name);
        (void)colmap_spell(&name, &p);
        colmap_decide(map, buf_str(&name), COLMAP_FILTER);
    }
    buf_reset(&name);
    if (j->by_window) {
        (void)colmap_spell(&name, &j->windows.time);
        colmap_decide(map, buf_str(&name), COLMAP_WINDOW);
        colmap_use(map, &time, buf_str(&name), COLMAP_TRANSFORMATION, false);
    }
    aggregate_trace(j->agg, map);
    if (j->by_window) {
        colmap_put(map, STR("window_start"), &time);
        colmap_put(map, STR("window_end"), &time);
    }
    colmap_sources_free(&time);
    buf_free(&name);
}

/* Nothing is emitted before all of the input is known to be whole and good, but
 * for windows that time has passed. */
static int aggregate(struct stage *st, struct job *j)
{
    trace(st, j);
    if (take_all(st, j) || stage_settle(st))
        return -1;
    if (j->by_window)
        return windowed_end(&j->windows);
    /* Without -g there is a row even over nothing. Behind a mistyped command
     * it would look like a result, and a loader would replace by it. */
    if (st->verdict == VERDICT_UNKNOWN && st->counts.in == 0 && !group_by.n) {
        stage_note(st, "no record came, and the upstream cannot be verified: "
                       "no result");
        return 0;
    }
    return emit_groups(st, j->agg);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct job j = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0 && prepare(&st, &j) == 0)
        aggregate(&st, &j);
    windowed_free(&j.windows);
    aggregate_free(j.agg);
    expr_free(j.filter);
    stage_interval_free(&j.interval);
    return stage_finish(&st);
}
