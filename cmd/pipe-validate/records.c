/* Validation: records through the schema, the checks and the gates. */
#include "records.h"

#include "schema/schema.h"
#include "stage/lane.h"

#include <stdlib.h>

#define REASONS_MAX (SCHEMA_MAX_ERRORS + RULES_MAX)

/* What one thread needs. */
struct validator {
    const struct records_args *args;
    struct gates *gates;
    struct evolve *evolve;
    size_t number;
    struct schema_run *run; /* NULL: no schema */
    struct reason reasons[REASONS_MAX];
    struct select_record passed[STAGE_BATCH]; /* to be measured */
    size_t n_passed;
};

struct validate {
    const struct records_args *args;
    struct contract *contract; /* NULL: none */
    struct schema *schema;
    struct gates gates;
    struct evolve *evolve;
    struct validator *workers; /* owned */
    size_t n;
};

static int load_schema(struct stage *st, struct validate *v)
{
    const struct records_args *a = v->args;
    const char *file = a->evolve->subject.schema;
    struct schema_options options = {
        .no_format_assertion = a->evolve->no_format_assertion,
        .dirs = a->evolve->schema_dirs.v,
        .n_dirs = a->evolve->schema_dirs.n,
    };
    if (!file && (a->coerce || (!a->gates->checks.n && !a->gates->expects.n)))
        return err_set(&st->err, ERR_USAGE,
                       "no schema given: --schema FILE is required%s",
                       a->coerce ? " for --coerce"
                                 : " where there is no --check or --expect");
    if (!file)
        return 0;
    v->contract = subject_load(st, &a->evolve->subject, file);
    if (!v->contract)
        return -1;
    if (v->contract->odcs) {
        options.place = contract_place;
        options.place_of = v->contract;
    }
    options.base = v->contract->base;
    v->schema =
        schema_compile(buf_str(&v->contract->schema), file, &options, &st->err);
    /* What the schema says and we do not check. */
    if (v->schema && st->opts.verbose)
        subject_notes(st, "schema", file, schema_notes(v->schema));
    return v->schema ? 0 : -1;
}

static int prepare(struct stage *st, struct validate *v)
{
    if (load_schema(st, v) ||
        !(v->evolve =
              evolve_open(st, v->args->evolve, v->contract, st->opts.jobs)) ||
        gates_open(&v->gates, st, v->args->gates, v->contract, st->opts.jobs))
        return -1;
    v->workers = calloc(st->opts.jobs, sizeof(*v->workers));
    if (!v->workers)
        return err_nomem(&st->err);
    for (; v->n < st->opts.jobs; v->n++) {
        struct validator *w = &v->workers[v->n];
        w->args = v->args;
        w->gates = &v->gates;
        w->evolve = v->evolve;
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
    for (size_t i = 0; i < f->n_errors; i++) {
        const struct schema_error *x = &f->errors[i];
        w->reasons[n++] = (struct reason){ .code = x->code,
                                           .path = x->path,
                                           .message = x->message,
                                           .schema = x->schema,
                                           .rule = x->rule };
    }
    for (size_t i = 0; i < f->n_checks; i++) {
        const struct check_fault *x = &f->checks[i];
        w->reasons[n++] = (struct reason){ .code = x->code,
                                           .path = x->path,
                                           .message = x->message,
                                           .check = x->name };
    }
    return lane_reject(l, rec, w->reasons, n);
}

/* What the schema says to a record. What the quick way accepts needs no cast,
 * but it may lack what has a default: that is filled in first. 0 or -1. */
static int check(struct validator *w, struct lane *l, const struct record *rec,
                 struct str *text, struct faults *f, struct err *e)
{
    bool fill = w->args->evolve->fill_defaults, coerce = w->args->coerce;
    if (fill && coerce && schema_coerce(w->run, rec->text, text, e))
        return -1;
    if (fill && evolve_fill(w->evolve, w->number, text,
                            text->p == rec->text.p ? rec->shaped : NULL, e))
        return -1;
    if ((text->p != rec->text.p || !schema_accept(w->run, rec->shaped)) &&
        ((!fill && coerce && schema_coerce(w->run, rec->text, text, e)) ||
         schema_check(w->run, *text, &f->errors, &f->n_errors, e) < 0))
        return -1;
    return evolve_look(w->evolve, w->number, l, rec, f->errors, f->n_errors);
}

/* Runs schema and checks over a record: *text is what passes, or f says why it
 * does not. 0 or -1. */
static int judge(struct validator *w, struct lane *l, const struct record *rec,
                 struct str *text, struct faults *f)
{
    struct err *e = lane_err(l);
    *text = rec->text;
    if (w->run && check(w, l, rec, text, f, e))
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

/* What the report has of the rules; checks have their own place in it. */
static struct report_rule *report_rules(const struct tally *t, size_t *n)
{
    struct report_rule *rules = calloc(t->n + 1, sizeof(*rules));
    *n = 0;
    for (size_t i = 0; rules && i < t->n; i++) {
        const struct tally_row *row = &t->rows[i];
        if (!row->check.n)
            rules[(*n)++] = (struct report_rule){ row->code, row->rule,
                                                  row->schema, row->records };
    }
    return rules;
}

static int finish(struct stage *st, struct validate *v, bool ended)
{
    size_t n;
    stage_summary(st);
    struct report_rule *rules = report_rules(&st->tally, &n);
    bool whole = evolve_close(v->evolve, st) == 0 && ended;
    int r = gates_close(&v->gates, st, whole, rules, n);
    free(rules);
    return r;
}

static void release(struct validate *v)
{
    for (size_t i = 0; i < v->n; i++)
        schema_run_free(v->workers[i].run);
    free(v->workers);
    gates_free(&v->gates);
    evolve_free(v->evolve);
    schema_free(v->schema);
    contract_free(v->contract);
}

void records_validate(struct stage *st, const struct records_args *a)
{
    struct validate v = { .args = a };
    st->tallies = stage_summarises(st) || a->gates->report;
    if (prepare(st, &v) == 0)
        (void)finish(st, &v, validate_all(st, &v) == 0);
    release(&v);
}
