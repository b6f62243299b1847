#include "quality/judge.h"

#include "base/date.h"
#include "quality/describe.h"
#include "quality/reading.h"

struct limits {
    bool has_low, has_high, open_low, open_high, not_low, outside;
    struct decimal low, high;
};

/* ---- bounds in force */

/* From share below the centre to share above it. */
static int around(struct limits *l, const struct decimal *centre,
                  const struct decimal *share)
{
    struct decimal part = DECIMAL_ZERO;
    l->has_low = l->has_high = true;
    int r = decimal_mul(&part, centre, share);
    if (r == 0 && decimal_cmp(&part, &DECIMAL_ZERO) < 0)
        r = decimal_neg(&part, &part);
    if (r == 0)
        r = decimal_sub(&l->low, centre, &part);
    if (r == 0)
        r = decimal_add(&l->high, centre, &part);
    decimal_free(&part);
    return r;
}

/* Within so many microseconds of the end of the date, or of now. */
static int fresh(struct limits *l, const struct bound *b,
                 const struct batch_facts *facts)
{
    int64_t at = b->of_now ? facts->now : facts->date_end;
    l->has_low = l->has_high = true;
    int r = decimal_set_i64(&l->low, at - b->us);
    return r ? r : decimal_set_i64(&l->high, at + b->us);
}

static int set_limits(struct limits *l, const struct gate *g,
                      const struct batch_facts *facts,
                      const struct decimal *median)
{
    const struct bound *b = &g->bound;
    int r;
    switch (b->kind) {
    case BOUND_BASELINE: return around(l, median, &b->share);
    case BOUND_NEAR: return around(l, &b->low, &b->share);
    case BOUND_FRESH: return fresh(l, b, facts);
    case BOUND_NONE_ALLOWED: l->has_high = true; return 0;
    case BOUND_NOT: l->not_low = true; break;
    case BOUND_OUTSIDE:
    case BOUND_RANGE:
        l->outside = b->kind == BOUND_OUTSIDE;
        l->has_low = b->has_low;
        l->has_high = b->has_high;
        l->open_low = b->open_low;
        l->open_high = b->open_high;
    }
    r = decimal_copy(&l->low, &b->low);
    return r ? r : decimal_copy(&l->high, &b->high);
}

static bool is_within(const struct limits *l, const struct decimal *v)
{
    int low = decimal_cmp(v, &l->low), high = decimal_cmp(v, &l->high);
    if (l->not_low)
        return low != 0;
    if (l->outside)
        return low < 0 || high > 0 || (low == 0 && !l->open_low) ||
               (high == 0 && !l->open_high);
    return (!l->has_low || low > 0 || (low == 0 && !l->open_low)) &&
           (!l->has_high || high < 0 || (high == 0 && !l->open_high));
}

/* ---- values as JSON, for the report */

static int add_time(struct buf *out, const struct decimal *us)
{
    int64_t v = 0;
    decimal_to_i64(us, &v);
    return time_format(out, v);
}

static int add_json(struct buf *out, enum measure m, const struct decimal *d)
{
    if (m != MEASURE_NEWEST)
        return decimal_format(out, d);
    buf_addc(out, '"');
    add_time(out, d);
    return buf_addc(out, '"');
}

static int note_limits(struct ruling *r, enum measure m, const struct limits *l)
{
    int rc = 0;
    if (l->has_low)
        rc = add_json(&r->low, m, &l->low);
    if (rc == 0 && l->has_high)
        rc = add_json(&r->high, m, &l->high);
    return rc;
}

/* ---- messages */

static int add_shown(struct buf *out, enum measure m, const struct decimal *d)
{
    if (m == MEASURE_NEWEST)
        return add_time(out, d);
    return measure_is_share(m) ? describe_share(out, d)
                               : describe_number(out, d);
}

/* What is wanted, and what that comes to now. */
static int add_wants(struct ruling *r, const struct gate *g,
                     const struct limits *l, const struct decimal *median,
                     const struct batch_facts *facts)
{
    struct buf *out = &r->message;
    enum measure m = g->measure;
    buf_addz(out, ", wants ");
    buf_add_str(out, g->wants);
    if (g->bound.kind == BOUND_FRESH) {
        buf_addz(out, " (");
        time_format(out, g->bound.of_now ? facts->now : facts->date_end);
        return buf_addc(out, ')');
    }
    if (g->bound.kind != BOUND_BASELINE)
        return out->failed ? -1 : 0;
    buf_addc(out, ' ');
    int rc = add_shown(out, m, median);
    buf_addz(out, " (");
    if (rc == 0)
        rc = add_shown(out, m, &l->low);
    buf_addz(out, " to ");
    if (rc == 0)
        rc = add_shown(out, m, &l->high);
    buf_addf(out, ", median of %zu run%s)", r->runs, r->runs == 1 ? "" : "s");
    return rc || out->failed ? -1 : 0;
}

static int say_value(struct ruling *r, const struct gate *g,
                     const struct reading *v)
{
    struct buf *out = &r->message;
    buf_add_str(out, g->shows);
    if (!v->has)
        return buf_addz(out, " has no value");
    buf_addz(out, " is ");
    int rc = add_shown(out, g->measure, &v->value);
    if (measure_is_share(g->measure))
        buf_addf(out, " (%llu of %llu)", (unsigned long long)v->part,
                 (unsigned long long)v->whole);
    return rc || out->failed ? -1 : 0;
}

static int add_example(struct buf *out, const struct gauge *gauge)
{
    if (!gauge || !gauge->example.n)
        return out->failed ? -1 : 0;
    buf_addz(out, ", such as ");
    return buf_add_str(out, buf_str(&gauge->example));
}

static int say_unmeasured(struct ruling *r, const struct gate *g,
                          const struct gauge *gauge, const struct reading *v)
{
    struct buf *out = &r->message;
    buf_add_str(out, g->shows);
    if (!v->part)
        return buf_addf(out, " %s", v->why);
    buf_addf(out, " cannot be told for %llu of %llu values (%s)",
             (unsigned long long)v->part, (unsigned long long)v->whole, v->why);
    return add_example(out, gauge);
}

static int say_repeats(struct ruling *r, const struct gate *g,
                       const struct gauge *gauge, const struct reading *v)
{
    struct buf *out = &r->message;
    buf_add_str(out, g->shows);
    buf_addf(out, ": %llu of %llu keys repeated", (unsigned long long)v->part,
             (unsigned long long)v->whole);
    return v->part ? add_example(out, gauge) : out->failed ? -1 : 0;
}

static int say_outsiders(struct ruling *r, const struct gate *g,
                         const struct gauge *gauge, const struct reading *v)
{
    struct buf *out = &r->message;
    buf_add_str(out, g->shows);
    buf_addf(out, ": %llu of %llu not ", (unsigned long long)v->part,
             (unsigned long long)v->whole);
    buf_add_str(out, g->wants);
    return v->part ? add_example(out, gauge) : out->failed ? -1 : 0;
}

static int say(struct ruling *r, const struct gate *g,
               const struct gauge *gauge, const struct reading *v,
               const struct limits *l, const struct decimal *median,
               const struct batch_facts *facts)
{
    if (v->why)
        return say_unmeasured(r, g, gauge, v);
    if (g->measure == MEASURE_REPEATS)
        return say_repeats(r, g, gauge, v);
    if (g->measure == MEASURE_OUTSIDERS)
        return say_outsiders(r, g, gauge, v);
    if (say_value(r, g, v))
        return -1;
    if (r->outcome == OUTCOME_NO_BASELINE)
        return buf_addf(&r->message, ", no baseline yet: %zu of %zu runs",
                        r->runs, facts->baseline->least);
    if (add_wants(r, g, l, median, facts))
        return -1;
    bool counts = gauge && (gauge->kind == GAUGE_KEYS
                                ? g->measure >= MEASURE_DUPLICATE_COUNT
                                : gauge->kind == GAUGE_AMONG);
    return counts && r->outcome == OUTCOME_FAILED
               ? add_example(&r->message, gauge)
               : 0;
}

/* ---- judging */

static enum outcome decide(const struct ruling *r, const struct gate *g,
                           const struct reading *v, const struct limits *l,
                           const struct batch_facts *facts)
{
    if (v->why)
        return OUTCOME_FAILED;
    if (g->bound.kind == BOUND_BASELINE && r->runs < facts->baseline->least)
        return OUTCOME_NO_BASELINE;
    return v->has && is_within(l, &v->value) ? OUTCOME_PASSED : OUTCOME_FAILED;
}

static int judge(struct ruling *r, const struct gate *g,
                 const struct gauge *gauge, struct reading *v,
                 const struct decimal *median, const struct batch_facts *facts)
{
    struct limits l = { 0 };
    bool has_median = g->bound.kind == BOUND_BASELINE && r->runs;
    int rc = 0;
    if (has_median || g->bound.kind != BOUND_BASELINE)
        rc = set_limits(&l, g, facts, median);
    if (rc == -2) {
        l.has_low = l.has_high = false;
        v->part = 0;
        v->why = "has a bound outside the range of numbers";
    }
    rc = rc == -1 ? -1 : note_limits(r, g->measure, &l);
    if (rc == 0 && v->has)
        rc = add_json(&r->value, g->measure, &v->value);
    if (rc == 0 && has_median)
        rc = decimal_format(&r->median, median);
    r->outcome = decide(r, g, v, &l, facts);
    if (rc == 0)
        rc = say(r, g, gauge, v, &l, median, facts);
    decimal_free(&l.low);
    decimal_free(&l.high);
    return rc;
}

int judge_gate(struct ruling *r, const struct gate *g,
               const struct gauges *gauges, const struct gauge *gauge,
               const struct batch_facts *facts, struct err *e)
{
    struct reading v;
    struct decimal median = DECIMAL_ZERO;
    int rc = reading_take(&v, g->measure, gauges, gauge, facts->read,
                          facts->rejected);
    if (rc)
        err_nomem(e);
    if (rc == 0 && g->bound.kind == BOUND_BASELINE)
        rc = baseline_median(facts->baseline, buf_str(&g->label), &median,
                             &r->runs, e);
    if (rc == 0 && judge(r, g, gauge, &v, &median, facts))
        rc = err_nomem(e);
    reading_free(&v);
    decimal_free(&median);
    return rc;
}

void ruling_free(struct ruling *r)
{
    buf_free(&r->value);
    buf_free(&r->low);
    buf_free(&r->high);
    buf_free(&r->median);
    buf_free(&r->message);
    *r = (struct ruling){ 0 };
}
