/* pipe-transform: take records through operations in a row. */
#include "reshape/reshape.h"
#include "stage/lane.h"

#include <stdlib.h>

static struct opt_steps steps;

#define STEP(kind, letter, name, arg, help)                                  \
    {                                                                        \
        kind, letter, name, arg, &steps, help, NULL, 0, 0, 0, COMPLETE_NONE, \
            NULL                                                             \
    }

/* clang-format off */
static const struct opt opts[] = {
    STEP(OPT_STEP, 'w', "where", "EXPR",
         "keep the records for which EXPR is TRUE"),
    STEP(OPT_STEP, 's', "set", "FIELD=EXPR",
         "set FIELD to the value of EXPR"),
    STEP(OPT_STEP, 0, "cast", "FIELD=TYPE,...",
         "make FIELD a number, integer, string, boolean, date or timestamp"),
    STEP(OPT_STEP, 0, "rename", "OLD=NEW,...",
         "give the field OLD the name NEW, in its place"),
    STEP(OPT_STEP, 0, "drop", "FIELD,...", "take fields away"),
    STEP(OPT_STEP, 0, "keep", "FIELD,...", "take all other fields away"),
    STEP(OPT_STEP_MAY, 0, "flatten", "FIELD",
         "make the fields of nested objects fields of the record, or those of "
         "FIELD fields of the object around it: {\"a\":{\"b\":1}} becomes "
         "{\"a_b\":1}"),
    STEP(OPT_STEP, 0, "flatten-sep", "TEXT",
         "what stands between two names, for the --flatten before it; "
         "default _"),
    STEP(OPT_STEP, 0, "flatten-arrays", "keep|index",
         "whether the --flatten before it leaves arrays as they are or names "
         "their elements a_0, a_1; default keep"),
    STEP(OPT_STEP, 0, "unnest", "FIELD",
         "make a record of each element of the array FIELD"),
    STEP(OPT_STEP, 0, "unnest-empty", "drop|keep",
         "whether the --unnest before it drops a record whose array is empty, "
         "null or missing, or keeps it with null; default drop"),
    STEP(OPT_STEP, 0, "unnest-index", "FIELD",
         "set FIELD to the number of the element, from 0, for the --unnest "
         "before it"),
    STEP(OPT_STEP, 0, "mask", "FIELD=METHOD,...",
         "hide a value: mask, mask(N), redact, sha256, "
         "pseudonymise(file:PATH), pseudonymise(env:NAME) or null"),
    STEP(OPT_STEP_MAY, 0, "trim", "FIELD,...",
         "take white space away from both ends of strings"),
    STEP(OPT_STEP_MAY, 0, "squeeze", "FIELD,...",
         "make each run of white space in strings one space"),
    STEP(OPT_STEP, 0, "lower", "FIELD,...", "make letters small"),
    STEP(OPT_STEP, 0, "upper", "FIELD,...", "make letters capital"),
    STEP(OPT_STEP_MAY, 0, "empty-null", "FIELD,...",
         "make empty strings null"),
    { OPT_STEP, 0, "route", "EXPR => FILE|fd:N", &steps,
      "send the records for which EXPR is TRUE to FILE or to the open "
      "descriptor N instead, as they are by then", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STEP, 0, "tee", "EXPR => FILE|fd:N", &steps,
      "the same with a copy; the record goes on", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { 0 }
};
/* clang-format on */

static const struct command command = {
    .name = "pipe-transform",
    .summary = "filter, compute, reshape, mask and route records",
    .usage = "[OPTION...] [OPERATION...]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_LANES,
    .notes = "Operations are done in the order in which they are given.\n"
             "Expressions: man pipeutils-expr",
};

/* What one thread needs. */
struct transform {
    struct reshape *reshape;
    size_t *branches;        /* owned: the stage's numbers of its targets */
    uint64_t rows;           /* records written to the stage's own output */
    struct expr_fault fault; /* here, not cleared for each record */
};

/* What a replay needs, also where it came from the environment. */
static int note_args(struct stage *st)
{
    struct buf *b = &st->replay_args;
    buf_add(b, command.name, strlen(command.name) + 1);
    for (size_t i = 0; i < steps.n; i++) {
        const struct opt_step *s = &steps.v[i];
        buf_addf(b, "--%s%s%s%c", s->opt->name, s->value ? "=" : "",
                 s->value ? s->value : "", 0);
    }
    if (st->opts.date)
        buf_addf(b, "--date=%s%c", st->opts.date, 0);
    if (st->opts.tz)
        buf_addf(b, "--tz=%s%c", st->opts.tz, 0);
    return b->failed ? err_nomem(&st->err) : 0;
}

static int prepare(struct stage *st, struct transform *t,
                   const struct expr_env *env)
{
    t->reshape = reshape_new(env);
    if (!t->reshape)
        return err_nomem(&st->err);
    for (size_t i = 0; i < steps.n; i++)
        if (reshape_add(t->reshape, steps.v[i].opt->name, steps.v[i].value,
                        &st->err))
            return -1;
    size_t n = reshape_targets(t->reshape);
    t->branches = calloc(n + 1, sizeof(*t->branches));
    if (!t->branches)
        return err_nomem(&st->err);
    for (size_t i = 0; i < n; i++)
        if (stage_branch(st, reshape_target(t->reshape, i), &t->branches[i]))
            return -1;
    return 0;
}

static int reject(struct lane *l, const struct record *rec,
                  const struct expr_fault *f)
{
    struct reason r = { .code = f->code,
                        .path = f->path,
                        .message = str_of(f->msg) };
    return lane_reject(l, rec, &r, 1);
}

/* All that has come of a record that did not pass as one. */
static int emit(struct transform *t, struct lane *l,
                const struct reshape_out *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool main = out[i].to == RESHAPE_MAIN;
        t->rows += main;
        if (main ? lane_emit(l, out[i].text)
                 : lane_branch(l, t->branches[out[i].to], out[i].text))
            return -1;
    }
    lane_count_out(l);
    return 0;
}

static int transform_one(struct transform *t, struct lane *l,
                         const struct record *rec)
{
    const struct reshape_out *out;
    size_t n;
    int r =
        reshape_run(t->reshape, rec->text, rec->shaped, &out, &n, &t->fault);
    if (r)
        return r == -2 ? err_nomem(lane_err(l)) : reject(l, rec, &t->fault);
    if (n == 0)
        return lane_filter(l);
    if (n > 1 || out->to != RESHAPE_MAIN)
        return emit(t, l, out, n);
    t->rows++;
    return out->text.p == rec->text.p ? lane_pass_record(l, rec)
                                      : lane_pass(l, out->text);
}

static int transform(void *worker, struct lane *l, const struct record *recs,
                     int n)
{
    for (int i = 0; i < n; i++)
        if (transform_one(worker, l, &recs[i]))
            return -1;
    return 0;
}

/* What went where, for -v; and how many records the output has, where that is
 * not what was counted out. */
static void tell_rows(struct stage *st, const struct transform *t, size_t n)
{
    uint64_t rows = 0;
    const char *name;
    for (size_t i = 0; i < n; i++)
        rows += t[i].rows;
    if (!reshape_branches(t[0].reshape))
        return;
    stage_output_rows(st, rows);
    if (st->opts.verbose && rows != st->counts.out)
        stage_note(st, "%llu records to the output", (unsigned long long)rows);
    for (size_t i = 0; (name = stage_branch_name(st, i, &rows)) != NULL; i++)
        if (st->opts.verbose)
            stage_note(st, "%llu records to '%s'", (unsigned long long)rows,
                       name);
}

/* Names that no record has are mostly misspelt, or were strings before the
 * shell took their quotes: somebody who looks is told. */
static void tell_unseen(struct stage *st, const struct transform *t, size_t n)
{
    const struct reshape *all[STAGE_JOBS_MAX];
    struct str pointer;
    size_t step = 0, at = 0;
    if (!stage_summarises(st) || st->counts.out + st->counts.filtered == 0)
        return;
    for (size_t i = 0; i < n; i++)
        all[i] = t[i].reshape;
    while (reshape_unseen(all, n, &step, &at, &pointer))
        stage_note(st, "no record had the field %.*s that an expression reads",
                   (int)(pointer.n < 200 ? pointer.n : 200), pointer.p);
}

/* All threads do the same. */
static void trace(struct stage *st, const struct transform *t)
{
    struct colmap *map = stage_colmap(st);
    if (map)
        reshape_trace(t->reshape, map, stage_fields(st));
}

static int transform_all(struct stage *st, const struct interval *v)
{
    const struct expr_env env = {
        .date = v->date, .start = v->start, .end = v->end, .tz = st->opts.tz
    };
    struct transform t[STAGE_JOBS_MAX] = { 0 };
    void *workers[STAGE_JOBS_MAX] = { 0 };
    size_t n = st->opts.jobs;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        workers[i] = &t[i];
        r = prepare(st, &t[i], &env);
    }
    if (r == 0)
        r = lane_run(st, transform, workers, n);
    if (r == 0) {
        tell_rows(st, t, n);
        tell_unseen(st, t, n);
    }
    if (r == 0)
        trace(st, &t[0]);
    for (size_t i = 0; i < n; i++) {
        reshape_free(t[i].reshape);
        free(t[i].branches);
    }
    return r;
}

int main(int argc, char **argv)
{
    struct stage st;
    struct interval v = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0 && note_args(&st) == 0 &&
        stage_interval(&st, &v) == 0)
        transform_all(&st, &v);
    stage_interval_free(&v);
    return stage_finish(&st);
}
