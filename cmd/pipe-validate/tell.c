/* What checks and gates came to, for metrics and lineage. */
#include "gates.h"

#include "base/date.h"
#include "observe/facts.h"

#include <stdio.h>
#include <stdlib.h>

/* What kind of test a gate is, in the words that tests of data have. */
static const char *kind_of(const struct gate *gate)
{
    switch (gate->measure) {
    case MEASURE_ROWS: return "row_count";
    case MEASURE_REJECTS: return "reject_count";
    case MEASURE_REJECT_SHARE: return "reject_share";
    case MEASURE_NULL_COUNT:
    case MEASURE_NULL_SHARE: return "not_null";
    case MEASURE_MISSING_COUNT:
    case MEASURE_MISSING_SHARE: return "not_missing";
    case MEASURE_DISTINCT_COUNT:
    case MEASURE_DISTINCT_SHARE: return "distinct";
    case MEASURE_SUM: return "sum";
    case MEASURE_MEAN: return "mean";
    case MEASURE_MIN: return "min";
    case MEASURE_MAX: return "max";
    case MEASURE_STDDEV: return "stddev";
    case MEASURE_NEWEST: return "freshness";
    case MEASURE_DUPLICATE_COUNT:
    case MEASURE_DUPLICATE_SHARE:
    case MEASURE_REPEATS: return "unique";
    case MEASURE_AMONG_COUNT:
    case MEASURE_AMONG_SHARE:
    case MEASURE_OUTSIDERS: break;
    }
    return gate->file.n ? "relationships" : "accepted_values";
}

/* A JSON number; a JSON string with a time, where `time` is set, in seconds. */
static bool number_of(struct str v, bool time, double *value)
{
    char text[64];
    int64_t us;
    if (time) {
        v = v.n > 2 ? (struct str){ v.p + 1, v.n - 2 } : STR("");
        *value = time_parse(v, NULL, &us) ? (double)us / 1e6 : 0;
        return v.n > 0;
    }
    if (v.n == 0 || v.n >= sizeof(text))
        return false;
    memcpy(text, v.p, v.n);
    text[v.n] = '\0';
    *value = strtod(text, NULL);
    return true;
}

/* A column by its name, what lies deeper by its path as written. */
static struct str column_of(const struct path *p)
{
    bool name =
        p->n == 1 && p->steps[0].key.p && p->steps[0].index == PATH_NO_INDEX;
    return name ? p->steps[0].key : p->text;
}

static void tell_gate(struct facts *f, const struct quality_gate *x)
{
    const struct gate *gate = &x->gate;
    struct assertion a = {
        .gate = true,
        .name = gate->rule.name,
        .kind = str_of(kind_of(gate)),
        .content = gate->rule.body,
        .expected = gate->wants,
        .actual = buf_str(&x->ruling.value),
        .warn = gate->rule.warn,
        .passed = x->ruling.outcome != OUTCOME_FAILED,
    };
    if (gate->n_fields == 1)
        a.column = column_of(&gate->fields[0]);
    bool time = gate->measure == MEASURE_NEWEST;
    a.has_value = number_of(buf_str(&x->ruling.value), time, &a.value);
    a.has_baseline =
        !time && number_of(buf_str(&x->ruling.median), false, &a.baseline);
    facts_assertion(f, &a);
}

static void tell_count(struct facts *f, struct str column, const char *metric,
                       uint64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    facts_measure(f, column, metric, str_of(text));
}

static void tell_decimal(struct facts *f, struct str column, const char *metric,
                         const struct decimal *d)
{
    struct buf text = { 0 };
    if (decimal_format(&text, d) == 0)
        facts_measure(f, column, metric, buf_str(&text));
    buf_free(&text);
}

/* What the gate's gauge has measured of its column, whole or not at all. */
static void tell_column(struct facts *f, const struct quality_gate *x,
                        const struct gauge *g)
{
    struct str column = column_of(&x->gate.fields[0]);
    if (g->kind == GAUGE_PRESENCE)
        tell_count(f, column, "nullCount", g->nulls + g->missing);
    if (g->kind == GAUGE_KEYS && !g->bad)
        tell_count(f, column, "distinctCount", g->keys.n);
    if (g->kind != GAUGE_NUMBERS || g->bad || !g->n)
        return;
    tell_count(f, column, "count", g->n);
    if (g->wants & GAUGE_SUM && !g->far)
        tell_decimal(f, column, "sum", &g->sum);
    if (g->wants & GAUGE_EXTREMES) {
        tell_decimal(f, column, "min", &g->min);
        tell_decimal(f, column, "max", &g->max);
    }
}

static void tell_checks(const struct gates *g, struct facts *f)
{
    for (size_t i = 0; i < g->q.n_checks; i++) {
        const struct rule *rule = &g->q.checks[i];
        struct check_count c = g->q.workers[0].checker.counts[i];
        char actual[64];
        snprintf(actual, sizeof(actual), "%llu records fail",
                 (unsigned long long)(c.failed + c.errors));
        struct assertion a = { .name = rule->name,
                               .kind = STR("check"),
                               .content = rule->body,
                               .actual = str_of(actual),
                               .warn = rule->warn,
                               .passed = c.failed + c.errors == 0 };
        facts_assertion(f, &a);
    }
}

void gates_tell(const struct gates *g, struct stage *st)
{
    struct facts *f = stage_facts(st);
    if (!f)
        return;
    (void)stage_colmap(st); /* what passes is as it came */
    tell_checks(g, f);
    for (size_t i = 0; i < g->q.n_gates; i++) {
        const struct quality_gate *x = &g->q.gates[i];
        if (x->ruling.outcome == OUTCOME_OPEN)
            continue;
        tell_gate(f, x);
        if (x->gauge != NO_GAUGE && x->gate.n_fields == 1)
            tell_column(f, x, &g->q.workers[0].gauges.v[x->gauge]);
    }
}
