/* pipe-aggregate: group records and compute over each group. */
#include "ops/aggregate.h"
#include "stage/stage.h"

static struct opt_list group_by, aggregates;
static bool sorted;
static uint64_t memory;

static const struct opt opts[] = {
    { OPT_LIST, 'g', "group-by", "FIELD[,FIELD...]", &group_by,
      "fields that make the key of a group, repeatable; default one group of "
      "all records",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 'a', "aggregate", "[NAME=]FN(FIELD)[,...]", &aggregates,
      "what to compute: count(), or count, sum, avg, min, max, first, last or "
      "distinct of a field; repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "sort", NULL, &sorted,
      "order groups by key, not by first appearance", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &memory,
      "fail where the groups need more than SIZE; default half of the "
      "machine's",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { 0 }
};

static const struct command command = {
    .name = "pipe-aggregate",
    .summary = "group records and compute exact results over each group",
    .usage = "[OPTION...] [-g FIELD[,FIELD...]] [-a '[NAME=]FN(FIELD)[,...]']",
    .opts = opts,
    .flags =
        STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_AHEAD | STAGE_GATHERS,
};

static struct aggregate *prepare(struct stage *st, struct budget *budget)
{
    budget->max = memory ? memory : budget_default();
    struct aggregate *a = aggregate_new(budget, &st->err);
    if (!a)
        return NULL;
    int r = 0;
    for (size_t i = 0; i < group_by.n && r == 0; i++)
        r = aggregate_group_by(a, str_of(group_by.v[i]), &st->err);
    for (size_t i = 0; i < aggregates.n && r == 0; i++)
        r = aggregate_compute(a, str_of(aggregates.v[i]), &st->err);
    if (r == 0 && aggregate_begin(a, &st->err) == 0)
        return a;
    aggregate_free(a);
    return NULL;
}

static int take_batch(struct stage *st, struct aggregate *a,
                      const struct record *recs, size_t n)
{
    struct select_record picked[STAGE_BATCH];
    struct aggregate_fault fault;
    size_t at = 0;
    int r;
    for (size_t i = 0; i < n; i++)
        picked[i] = (struct select_record){ recs[i].text, recs[i].shaped };
    st->counts.out += n;
    while ((r = aggregate_take(a, picked, n, &at, &fault, &st->err)) == 0) {
        struct reason why = { .code = fault.code,
                              .path = fault.path,
                              .message = fault.message };
        st->counts.out--;
        if (stage_reject(st, &recs[at - 1], &why, 1))
            return -1;
    }
    return r == 1 ? 0 : -1;
}

static int take_all(struct stage *st, struct aggregate *a)
{
    static struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0)
        if (take_batch(st, a, recs, (size_t)n))
            return -1;
    return n;
}

_Static_assert(STAGE_BATCH <= SELECT_BATCH, "a batch is taken at once");

static int emit_groups(struct stage *st, struct aggregate *a)
{
    struct buf line = { 0 };
    uint64_t groups = 0;
    int r = aggregate_end(a, sorted, &st->err);
    while (r == 0 && (r = aggregate_next(a, &line, &st->err)) == 1) {
        r = stage_tick(st) || stage_emit(st, buf_str(&line)) ? -1 : 0;
        groups += r == 0;
    }
    stage_output_rows(st, groups);
    buf_free(&line);
    return r;
}

/* Nothing is emitted before all of the input is known to be whole and good. */
static int aggregate(struct stage *st, struct aggregate *a)
{
    if (take_all(st, a) || stage_settle(st))
        return -1;
    /* Without -g there is a row even over nothing. Behind a mistyped command
     * it would look like a result, and a loader would replace by it. */
    if (st->verdict == VERDICT_UNKNOWN && st->counts.in == 0 && !group_by.n) {
        stage_note(st, "no record came, and the upstream cannot be verified: "
                       "no result");
        return 0;
    }
    return emit_groups(st, a);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct budget budget = { 0 };
    struct aggregate *a = NULL;
    if (stage_start(&st, &command, argc, argv) == 0 &&
        (a = prepare(&st, &budget)) != NULL)
        aggregate(&st, a);
    aggregate_free(a);
    return stage_finish(&st);
}
