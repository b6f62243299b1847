/* pipe-validate: pass the records that satisfy a JSON Schema and row checks,
 * and judge the batch as a whole. */
#include "gates.h"
#include "schema/schema.h"
#include "schema/tally.h"
#include "stage/lane.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define SUMMARY_ROWS 10
#define SUMMARY_BYTES 1000 /* of a pointer: keys may be of any length */
#define REASONS_MAX (SCHEMA_MAX_ERRORS + RULES_MAX)

static const char *schema_file;
static bool coerce, no_format_assertion;
static struct gates_args gates_args = { .baseline_runs = BASELINE_RUNS,
                                        .baseline_min = BASELINE_MIN };

static const struct opt opts[] = {
    { OPT_STRING, 's', "schema", "FILE", &schema_file,
      "JSON Schema that every record has to satisfy; required without --check "
      "and --expect",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_FLAG, 0, "coerce", NULL, &coerce,
      "turn strings that spell a number, true, false or (empty) null into that "
      "value where the schema wants it",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "no-format-assertion", NULL, &no_format_assertion,
      "take the keyword format for a comment, as drafts 2019-09 and 2020-12 do",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "check", "[warn:][NAME:]EXPR", &gates_args.checks,
      "reject the records for which EXPR is FALSE; repeatable", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "expect", "[warn:][NAME:]GATE", &gates_args.expects,
      "fail with 65 where the records that pass do not satisfy GATE as a "
      "whole, such as 'rows >= 1'; repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "baseline", "FILE", &gates_args.baseline,
      "keep the measures of good runs in FILE; default with --pipeline, where "
      "a gate compares with the baseline, is a file under the state",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_COUNT, 0, "baseline-runs", "N", &gates_args.baseline_runs,
      "keep the last N runs; default 14", NULL, 1, BASELINE_RUNS_MAX, 0,
      COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "baseline-min", "N", &gates_args.baseline_min,
      "compare only with a baseline of N runs or more; default 3", NULL, 1,
      BASELINE_RUNS_MAX, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "report", "FILE", &gates_args.report,
      "write what checks and gates came to, as JSON, to FILE", NULL, 0, 0, 0,
      COMPLETE_FILE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &gates_args.memory,
      "fail where gates on keys and values need more than SIZE; default half "
      "of the machine's",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { 0 }
};

static const struct command command = {
    .name = "pipe-validate",
    .summary = "pass records that satisfy a JSON Schema, reject the rest",
    .usage = "[OPTION...] [-s SCHEMA] [--check EXPR]... [--expect GATE]...",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_LANES,
    .notes = "Expressions: man pipeutils-expr",
};

/* What one thread needs. */
struct validator {
    struct gates *gates;
    size_t number;
    struct schema_run *run; /* NULL: no schema */
    struct tally tally;
    struct reason reasons[REASONS_MAX];
    struct select_record passed[STAGE_BATCH]; /* to be measured */
    size_t n_passed;
};

struct validate {
    struct schema *schema;
    struct gates gates;
    struct validator *workers; /* owned */
    size_t n;
};

/* Tells what the schema says and we do not check. */
static void show_notes(struct stage *st, struct str notes)
{
    while (notes.n) {
        const char *lf = memchr(notes.p, '\n', notes.n);
        size_t n = lf ? (size_t)(lf - notes.p) : notes.n;
        stage_note(st, "schema %s: %.*s", schema_file, (int)n, notes.p);
        n += lf != NULL;
        notes = (struct str){ notes.p + n, notes.n - n };
    }
}

static int load_schema(struct stage *st, struct validate *v)
{
    struct schema_options options = { .no_format_assertion =
                                          no_format_assertion };
    if (!schema_file &&
        (coerce || (!gates_args.checks.n && !gates_args.expects.n)))
        return err_set(&st->err, ERR_USAGE,
                       "no schema given: --schema FILE is required%s",
                       coerce ? " for --coerce"
                              : " where there is no --check or --expect");
    if (!schema_file)
        return 0;
    v->schema = schema_load(schema_file, &options, &st->err);
    if (v->schema && st->opts.verbose)
        show_notes(st, schema_notes(v->schema));
    return v->schema ? 0 : -1;
}

static int prepare(struct stage *st, struct validate *v)
{
    if (load_schema(st, v) ||
        gates_open(&v->gates, st, &gates_args, st->opts.jobs))
        return -1;
    v->workers = calloc(st->opts.jobs, sizeof(*v->workers));
    if (!v->workers)
        return err_nomem(&st->err);
    for (; v->n < st->opts.jobs; v->n++) {
        struct validator *w = &v->workers[v->n];
        w->gates = &v->gates;
        w->number = v->n;
        if (v->schema && !(w->run = schema_run_new(v->schema)))
            return err_nomem(&st->err);
    }
    return 0;
}

/* ---- records */

/* Why a record is rejected: by the schema, by checks, or by both. */
struct faults {
    const struct schema_error *errors;
    const struct check_fault *checks;
    size_t n_errors, n_checks;
};

static int reject(struct validator *w, struct lane *l, const struct record *rec,
                  const struct faults *f)
{
    size_t n = 0;
    if (f->n_errors && tally_add(&w->tally, f->errors, f->n_errors))
        return err_nomem(lane_err(l));
    for (size_t i = 0; i < f->n_errors; i++) {
        const struct schema_error *x = &f->errors[i];
        w->reasons[n++] = (struct reason){ x->code, x->path, x->message };
    }
    for (size_t i = 0; i < f->n_checks; i++) {
        const struct check_fault *x = &f->checks[i];
        w->reasons[n++] = (struct reason){ x->code, x->path, x->message };
    }
    return lane_reject(l, rec, w->reasons, n);
}

/* Runs schema and checks over a record: *text is what passes, or f says why it
 * does not. What the quick way through the schema accepts needs no cast. 0 or
 * -1. */
static int judge(struct validator *w, struct lane *l, const struct record *rec,
                 struct str *text, struct faults *f)
{
    struct err *e = lane_err(l);
    *text = rec->text;
    if (w->run && !schema_accept(w->run, rec->shaped) &&
        ((coerce && schema_coerce(w->run, rec->text, text, e)) ||
         schema_check(w->run, *text, &f->errors, &f->n_errors, e) < 0))
        return -1;
    int n = quality_check(&w->gates->q, w->number, *text,
                          text->p == rec->text.p ? rec->shaped : NULL,
                          &f->checks, e);
    f->n_checks = n > 0 ? (size_t)n : 0;
    return n < 0 ? -1 : 0;
}

/* Has the records measured that passed and stay where they are. */
static int measure(struct validator *w, struct lane *l)
{
    size_t n = w->n_passed;
    w->n_passed = 0;
    return n ? quality_take(&w->gates->q, w->number, w->passed, n, lane_err(l))
             : 0;
}

static int pass(struct validator *w, struct lane *l, const struct record *rec,
                struct str text)
{
    bool same = text.p == rec->text.p;
    if (w->gates->judges) {
        w->passed[w->n_passed++] =
            (struct select_record){ text, same ? rec->shaped : NULL };
        if (!same && measure(w, l)) /* the next cast writes over it */
            return -1;
    }
    return same ? lane_pass_record(l, rec) : lane_pass(l, text);
}

static int validate(void *worker, struct lane *l, const struct record *recs,
                    int n)
{
    struct validator *w = worker;
    struct str text;
    for (int i = 0; i < n; i++) {
        struct faults f = { 0 };
        if (judge(w, l, &recs[i], &text, &f) ||
            (f.n_errors + f.n_checks ? reject(w, l, &recs[i], &f)
                                     : pass(w, l, &recs[i], text)))
            return -1;
    }
    return measure(w, l);
}

static int validate_all(struct stage *st, struct validate *v)
{
    void *workers[STAGE_JOBS_MAX];
    for (size_t i = 0; i < v->n; i++)
        workers[i] = &v->workers[i];
    return lane_run(st, validate, workers, v->n);
}

/* ---- the end */

/* Which rules of the schema rejected most, where somebody looks. */
static void summarise(struct stage *st, const struct tally *t)
{
    if (!t->n || !(st->opts.verbose || isatty(STDERR_FILENO)))
        return;
    for (size_t i = 0; i < t->n && i < SUMMARY_ROWS; i++) {
        struct str rule = t->rows[i].rule;
        if (rule.n > SUMMARY_BYTES)
            rule.n = SUMMARY_BYTES;
        stage_note(st, "%" PRIu64 " rejected by %s%s%.*s", t->rows[i].records,
                   t->rows[i].code, rule.n ? " at " : "", STR_ARG(rule));
    }
    if (t->n > SUMMARY_ROWS || t->others)
        stage_note(st, "and by %zu%s other rules", t->n - SUMMARY_ROWS,
                   t->others ? " or more" : "");
}

static int finish(struct stage *st, struct validate *v)
{
    struct tally *t = &v->workers[0].tally;
    for (size_t i = 1; i < v->n; i++)
        (void)tally_merge(t, &v->workers[i].tally);
    tally_sort(t);
    summarise(st, t);
    struct report_rule *rules = calloc(t->n + 1, sizeof(*rules));
    for (size_t i = 0; rules && i < t->n; i++)
        rules[i] = (struct report_rule){ t->rows[i].code, t->rows[i].rule,
                                         t->rows[i].records };
    int r = gates_close(&v->gates, st, rules, rules ? t->n : 0);
    free(rules);
    return r;
}

static void release(struct validate *v)
{
    for (size_t i = 0; i < v->n; i++) {
        schema_run_free(v->workers[i].run);
        tally_free(&v->workers[i].tally);
    }
    free(v->workers);
    gates_free(&v->gates);
    schema_free(v->schema);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct validate v = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0 && prepare(&st, &v) == 0) {
        (void)validate_all(&st, &v);
        (void)finish(&st, &v);
    }
    release(&v);
    return stage_finish(&st);
}
