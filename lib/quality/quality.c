#include "quality/quality.h"

#include "base/date.h"
#include "expr/caret.h"
#include "json/utf8.h"

#include <stdio.h>
#include <stdlib.h>

void quality_init(struct quality *q, const struct quality_env *env)
{
    *q = (struct quality){ .env = *env, .budget.max = env->memory };
}

void quality_free(struct quality *q)
{
    for (size_t i = 0; i < q->n_workers; i++) {
        checker_free(&q->workers[i].checker);
        gauges_free(&q->workers[i].gauges);
    }
    for (size_t i = 0; i < q->n_checks; i++)
        rule_free(&q->checks[i]);
    for (size_t i = 0; i < q->n_gates; i++) {
        gate_free(&q->gates[i].gate);
        allowed_free(&q->gates[i].allowed);
        ruling_free(&q->gates[i].ruling);
    }
    free(q->workers);
    free(q->checks);
    free(q->gates);
    baseline_free(&q->baseline);
    *q = (struct quality){ 0 };
}

/* ---- checks and gates */

/* Reports name them, so that no two may be called the same. */
static int check_name(const struct quality *q, const struct rule *r,
                      const char *what, struct err *e)
{
    bool taken = false;
    for (size_t i = 0; i < q->n_checks; i++)
        taken |= str_eq(q->checks[i].name, r->name);
    for (size_t i = 0; i < q->n_gates; i++)
        taken |= str_eq(q->gates[i].gate.rule.name, r->name);
    if (!taken)
        return 0;
    return caret_error(e, what, str_of(r->text), (size_t)(r->name.p - r->text),
                       r->named ? "name is given twice" : "is given twice");
}

static int check_room(size_t n, const char *what, struct err *e)
{
    return n < RULES_MAX
               ? 0
               : err_set(e, ERR_USAGE, "more than %d %s", RULES_MAX, what);
}

int quality_add_check(struct quality *q, const char *text, struct err *e)
{
    struct rule r;
    struct rule *checks;
    if (check_room(q->n_checks, "checks", e))
        return -1;
    if (rule_parse(&r, "--check", text, e) || check_name(q, &r, "--check", e)) {
        rule_free(&r);
        return -1;
    }
    checks = realloc(q->checks, (q->n_checks + 1) * sizeof(*checks));
    if (!checks) {
        rule_free(&r);
        return err_nomem(e);
    }
    q->checks = checks;
    checks[q->n_checks++] = r;
    return 0;
}

static int check_gate(const struct quality *q, const struct gate *g,
                      struct err *e)
{
    if (check_name(q, &g->rule, "--expect", e))
        return -1;
    if (g->bound.kind == BOUND_FRESH && !g->bound.of_now && !q->env.dated)
        return caret_error(e, "--expect", str_of(g->rule.text),
                           (size_t)(g->wants.p - g->rule.text),
                           "there is no --date");
    return 0;
}

int quality_add_gate(struct quality *q, const char *text, struct err *e)
{
    struct quality_gate x = { .gauge = NO_GAUGE };
    if (check_room(q->n_gates, "gates", e))
        return -1;
    if (gate_parse(&x.gate, text, e) || check_gate(q, &x.gate, e)) {
        gate_free(&x.gate);
        return -1;
    }
    struct quality_gate *gates =
        realloc(q->gates, (q->n_gates + 1) * sizeof(*gates));
    if (!gates) {
        gate_free(&x.gate);
        return err_nomem(e);
    }
    q->gates = gates;
    allowed_init(&x.allowed, &q->budget);
    gates[q->n_gates++] = x;
    return 0;
}

static const struct gate *first_on_baseline(const struct quality *q)
{
    for (size_t i = 0; i < q->n_gates; i++)
        if (q->gates[i].gate.bound.kind == BOUND_BASELINE)
            return &q->gates[i].gate;
    return NULL;
}

bool quality_wants_baseline(const struct quality *q)
{
    return first_on_baseline(q) != NULL;
}

int quality_use_baseline(struct quality *q, const char *path, size_t keep,
                         size_t least, struct err *e)
{
    if (keep < least)
        return err_set(e, ERR_USAGE,
                       "a baseline of at least %zu runs needs more than the "
                       "last %zu to be kept",
                       least, keep);
    if (!utf8_valid(str_of(q->env.run_id)))
        return err_set(e, ERR_USAGE, "run id '%.200s' is not UTF-8",
                       q->env.run_id);
    q->baseline = (struct baseline){ .keep = keep,
                                     .least = least,
                                     .run_id = str_of(q->env.run_id) };
    if (q->env.dated)
        q->baseline.date = q->env.expr.date;
    return baseline_open(&q->baseline, path, e);
}

/* ---- workers */

static int load_values(struct quality_gate *x, struct err *e)
{
    const struct gate *g = &x->gate;
    if (!gate_has_list(g))
        return 0;
    if (!g->file.n)
        return allowed_add(&x->allowed, buf_str(&g->values), "--expect", e);
    const char *path = buf_z(&x->gate.file);
    return path ? allowed_load(&x->allowed, path, e) : err_nomem(e);
}

static int make_worker(struct quality *q, size_t memory, struct err *e)
{
    struct quality_worker *w = &q->workers[q->n_workers++];
    if (gauges_init(&w->gauges, q->env.expr.tz, memory, e) ||
        checker_init(&w->checker, q->checks, q->n_checks, &q->env.expr, e))
        return -1;
    for (size_t i = 0; i < q->n_gates; i++) {
        struct quality_gate *x = &q->gates[i];
        const struct allowed *allowed =
            gate_has_list(&x->gate) ? &x->allowed : NULL;
        if (gauges_add(&w->gauges, &x->gate, allowed, &x->gauge, e))
            return -1;
    }
    return 0;
}

int quality_begin(struct quality *q, size_t workers, struct err *e)
{
    const struct gate *g = first_on_baseline(q);
    if (g && !q->baseline.path)
        return caret_error(e, "--expect", str_of(g->rule.text),
                           (size_t)(g->wants.p - g->rule.text),
                           "no baseline (--baseline FILE or --pipeline NAME)");
    for (size_t i = 0; i < q->n_gates; i++)
        if (load_values(&q->gates[i], e))
            return -1;
    q->workers = calloc(workers, sizeof(*q->workers));
    if (!q->workers)
        return err_nomem(e);
    /* What one set may take is less where it is spread over threads. */
    size_t memory = (q->budget.max - q->budget.used) / workers;
    for (size_t i = 0; i < workers; i++)
        if (make_worker(q, memory ? memory : 1, e))
            return -1;
    return 0;
}

int quality_check(struct quality *q, size_t worker, struct str record,
                  const struct shaped *shaped,
                  const struct check_fault **faults, struct err *e)
{
    if (!q->n_checks)
        return 0;
    int n = checker_run(&q->workers[worker].checker, record, shaped, faults);
    return n < 0 ? err_nomem(e) : n;
}

int quality_take(struct quality *q, size_t worker,
                 const struct select_record *recs, size_t n, struct err *e)
{
    return gauges_take(&q->workers[worker].gauges, recs, n, e);
}

/* ---- the end */

int quality_merge(struct quality *q, struct err *e)
{
    for (size_t i = 0; i < q->n_workers; i++)
        if (gauges_end(&q->workers[i].gauges, e))
            return -1;
    for (size_t i = 1; i < q->n_workers; i++) {
        struct quality_worker *w = &q->workers[i];
        checker_merge(&q->workers[0].checker, &w->checker);
        if (gauges_merge(&q->workers[0].gauges, &w->gauges, e))
            return -1;
    }
    return 0;
}

int quality_judge(struct quality *q, uint64_t read, uint64_t rejected,
                  struct err *e)
{
    const struct gauges *gauges = &q->workers[0].gauges;
    struct batch_facts facts = { .read = read,
                                 .rejected = rejected,
                                 .date_end = q->env.date_end,
                                 .now = time_now(),
                                 .baseline = &q->baseline };
    for (size_t i = 0; i < q->n_gates; i++) {
        struct quality_gate *x = &q->gates[i];
        const struct gauge *gauge =
            x->gauge == NO_GAUGE ? NULL : &gauges->v[x->gauge];
        if (judge_gate(&x->ruling, &x->gate, gauges, gauge, &facts, e))
            return -1;
    }
    return 0;
}

int quality_verdict(const struct quality *q, struct err *e)
{
    const struct quality_gate *first = NULL;
    size_t more = 0;
    char others[64] = "";
    for (size_t i = 0; i < q->n_gates; i++) {
        const struct quality_gate *x = &q->gates[i];
        if (x->gate.rule.warn || x->ruling.outcome != OUTCOME_FAILED)
            continue;
        more += first != NULL;
        first = first ? first : x;
    }
    if (!first)
        return 0;
    if (more)
        snprintf(others, sizeof(others), "; %zu more gate%s failed", more,
                 more == 1 ? "" : "s");
    struct str name = first->gate.rule.name;
    struct str message = buf_str(&first->ruling.message);
    if (!first->gate.rule.named)
        return err_set(e, ERR_DATA, "gate failed: %.*s%s", STR_ARG(message),
                       others);
    return err_set(e, ERR_DATA, "gate '%.*s' failed: %.*s%s", STR_ARG(name),
                   STR_ARG(message), others);
}

/* ---- the baseline */

static void add_measure(struct buf *out, struct str label, struct str value)
{
    if (out->n)
        buf_addc(out, ',');
    json_quote(out, label);
    buf_addc(out, ':');
    buf_add_str(out, value);
}

/* Several gates may judge one measure. */
static bool is_first(const struct quality *q, size_t i)
{
    struct str label = buf_str(&q->gates[i].gate.label);
    for (size_t k = 0; k < i; k++)
        if (str_eq(buf_str(&q->gates[k].gate.label), label))
            return false;
    return true;
}

int quality_keep(struct quality *q, struct err *e)
{
    struct buf measures = { 0 };
    bool rows = false;
    if (!q->baseline.path)
        return 0;
    for (size_t i = 0; i < q->n_gates; i++) {
        const struct quality_gate *x = &q->gates[i];
        struct str value = buf_str(&x->ruling.value);
        if (!value.n || !x->gate.label.n || !is_first(q, i))
            continue;
        add_measure(&measures, buf_str(&x->gate.label), value);
        rows |= x->gate.measure == MEASURE_ROWS;
    }
    if (!rows) {
        char text[24];
        snprintf(text, sizeof(text), "%llu",
                 (unsigned long long)q->workers[0].gauges.rows);
        add_measure(&measures, STR("rows"), str_of(text));
    }
    int r = measures.failed ? err_nomem(e)
                            : baseline_add(&q->baseline, buf_str(&measures), e);
    buf_free(&measures);
    return r;
}
