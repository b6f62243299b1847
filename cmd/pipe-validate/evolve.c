/* Drift of the records from their schema, and defaults for what is missing. */
#include "evolve.h"

#include "evolve/defaults.h"
#include "evolve/drift.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX 10

struct evolve {
    const struct evolve_args *args;
    struct rules set;
    const struct document *doc; /* NULL: there is nothing to do */
    struct defaults *defaults;  /* NULL: none are filled in */
    struct drift_policy policy;
    struct approvals *approved;
    struct drift_run **drift;   /* owned: one a thread; NULL: nobody looks */
    struct defaults_run **fill; /* owned; NULL: none */
    size_t n;
};

static bool somebody_looks(const struct stage *st)
{
    return st->opts.verbose || isatty(STDERR_FILENO);
}

static int open_workers(struct evolve *v, struct stage *st, bool drift,
                        size_t workers)
{
    v->n = workers;
    v->drift = drift ? calloc(workers, sizeof(struct drift_run *)) : NULL;
    v->fill =
        v->defaults ? calloc(workers, sizeof(struct defaults_run *)) : NULL;
    if ((drift && !v->drift) || (v->defaults && !v->fill))
        return err_nomem(&st->err);
    for (size_t i = 0; i < workers; i++) {
        if (v->drift &&
            !(v->drift[i] = drift_run_new(&v->set, v->doc, &st->err)))
            return -1;
        if (v->fill && !(v->fill[i] = defaults_run_new(v->defaults)))
            return err_nomem(&st->err);
    }
    return 0;
}

static int check_usage(struct stage *st, const struct evolve_args *a)
{
    const char *needs = a->policy          ? "--evolve"
                        : a->approved      ? "--approve"
                        : a->fill_defaults ? "--fill-defaults"
                                           : NULL;
    if (needs && !a->subject.schema)
        return err_set(&st->err, ERR_USAGE, "%s needs --schema", needs);
    if (a->approved && !a->policy)
        return err_set(&st->err, ERR_USAGE, "--approve needs --evolve");
    return 0;
}

static int load(struct evolve *v, struct stage *st,
                const struct contract *contract)
{
    const struct evolve_args *a = v->args;
    if (rules_init(&v->set, a->schema_dirs.v, a->schema_dirs.n, &st->err))
        return -1;
    /* The checker has taken the schema: what we cannot follow in it is no
     * reason to refuse it here. */
    v->set.lenient = true;
    v->doc = rules_parse(&v->set, buf_str(&contract->schema), a->subject.schema,
                         contract->base, &st->err);
    if (!v->doc)
        return -1;
    if (a->approved && !(v->approved = approvals_load(a->approved, &st->err)))
        return -1;
    if (a->fill_defaults &&
        !(v->defaults =
              defaults_new(&v->set, v->doc, a->no_format_assertion, &st->err)))
        return -1;
    return 0;
}

struct evolve *evolve_open(struct stage *st, const struct evolve_args *a,
                           const struct contract *contract, size_t workers)
{
    struct evolve *v = calloc(1, sizeof(*v));
    /* A replay is no run: what its few records lack is not missed. */
    bool drift =
        contract && (a->policy || somebody_looks(st)) && !dlq_replaying();
    if (!v) {
        err_nomem(&st->err);
        return NULL;
    }
    v->args = a;
    v->policy = drift_policy_default;
    if (check_usage(st, a) == 0 &&
        (!a->policy ||
         drift_policy_parse(&v->policy, a->policy, &st->err) == 0)) {
        if (!drift && !a->fill_defaults)
            return v;
        if (load(v, st, contract) == 0 &&
            open_workers(v, st, drift, workers) == 0)
            return v;
    }
    evolve_free(v);
    return NULL;
}

int evolve_fill(struct evolve *v, size_t number, struct str *text,
                const struct shaped *shaped, struct err *e)
{
    return v->fill ? defaults_fill(v->fill[number], *text, shaped, text, e) : 0;
}

/* Out of line: mostly nobody looks, and that is asked of every record. */
static __attribute__((noinline)) int look(struct drift_run *r, struct lane *l,
                                          const struct record *rec,
                                          const struct schema_error *errors,
                                          size_t n)
{
    size_t n_lines;
    if (drift_look(r, rec->text, rec->shaped, lane_err(l)))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(errors[i].code, "type") == 0 &&
            drift_type(r, errors[i].rule, lane_err(l)))
            return -1;
    uint64_t *const *lines = drift_lines(r, &n_lines);
    for (size_t i = 0; i < n_lines; i++)
        if (lane_line(l, rec, lines[i]))
            return -1;
    return 0;
}

int evolve_look(struct evolve *v, size_t number, struct lane *l,
                const struct record *rec, const struct schema_error *errors,
                size_t n)
{
    return v->drift ? look(v->drift[number], l, rec, errors, n) : 0;
}

/* Without --evolve only what nothing else tells: unknown fields. */
static void note(struct stage *st, const struct drift_report *report, bool all)
{
    size_t shown = 0, left = 0;
    for (size_t i = 0; i < report->n; i++) {
        struct buf b = { .max = 2000 };
        if (!all && report->v[i].kind != DRIFT_ADD)
            continue;
        if (shown == NOTES_MAX) {
            left++;
            continue;
        }
        shown++;
        if (drift_text(&b, &report->v[i], all) == 0 && buf_z(&b))
            stage_note(st, "%s", buf_z(&b));
        buf_free(&b);
    }
    if (left)
        stage_note(st, "and %zu more", left);
}

int evolve_close(struct evolve *v, struct stage *st)
{
    struct drift_report report;
    struct err lost = { 0 };
    struct err *e = st->err.code == ERR_NONE ? &st->err : &lost;
    if (!v || !v->drift)
        return 0;
    for (size_t i = 1; i < v->n; i++)
        if (drift_merge(v->drift[0], v->drift[i], e))
            return -1;
    if (drift_report(v->drift[0], &v->policy, v->approved, &report, e))
        return -1;
    if (somebody_looks(st))
        note(st, &report, v->args->policy != NULL);
    return v->args->policy ? drift_judge(&report, e) : 0;
}

void evolve_free(struct evolve *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++) {
        if (v->drift)
            drift_run_free(v->drift[i]);
        if (v->fill)
            defaults_run_free(v->fill[i]);
    }
    free(v->drift);
    free(v->fill);
    defaults_free(v->defaults);
    approvals_free(v->approved);
    rules_free(&v->set);
    free(v);
}
