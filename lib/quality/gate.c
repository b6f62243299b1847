#include "quality/gate.h"

#include "json/pointer.h"
#include "json/value.h"
#include "quality/words.h"

#include <stdlib.h>

#define WHAT "--expect"
#define MAX_MS ((int64_t)36525 * 86400000) /* of a time */

struct parser {
    struct gate *g;
    struct words w;
};

/* ---- fields and values */

static int parse_field(struct parser *p)
{
    struct gate *g = p->g;
    words_space(&p->w);
    const char *at = p->w.p;
    struct path *grown =
        realloc(g->fields, (g->n_fields + 1) * sizeof(*g->fields));
    if (!grown)
        return err_nomem(p->w.e);
    g->fields = grown;
    if (words_path(&p->w, &grown[g->n_fields]))
        return -1;
    size_t n = g->n_fields++;
    for (size_t i = 0; i < n; i++)
        if (path_relate(&grown[i], &grown[n]) == PATH_SAME)
            return words_wrong(&p->w, at, "field is given twice");
    return 0;
}

bool measure_is_share(enum measure m)
{
    return m == MEASURE_REJECT_SHARE || m == MEASURE_NULL_SHARE ||
           m == MEASURE_MISSING_SHARE || m == MEASURE_DISTINCT_SHARE ||
           m == MEASURE_DUPLICATE_SHARE || m == MEASURE_AMONG_SHARE;
}

static bool is_among(enum measure m)
{
    return m == MEASURE_AMONG_COUNT || m == MEASURE_AMONG_SHARE;
}

bool gate_has_list(const struct gate *g)
{
    return g->measure == MEASURE_OUTSIDERS ||
           (is_among(g->measure) && !g->pattern);
}

static int parse_value(struct parser *p, struct decimal *d)
{
    static const struct decimal one = { .small = 1 };
    bool percent, share = measure_is_share(p->g->measure);
    words_space(&p->w);
    const char *from = p->w.p;
    if (words_number(&p->w, d, &percent))
        return -1;
    if (percent && !share)
        return words_wrong(&p->w, from, "a percentage is for shares only");
    /* "<= 5" for 5 % would let everything pass. */
    if (share &&
        (decimal_cmp(d, &one) > 0 || decimal_cmp(d, &DECIMAL_ZERO) < 0))
        return words_wrong(&p->w, from,
                           "a share is from 0 to 1, or 0% to 100%");
    return 0;
}

/* ---- bounds */

/* The other end of a range: "> 1 and < 5", "< 1 or > 5". */
static int parse_other_end(struct parser *p, struct bound *b)
{
    bool low = b->has_low && !b->has_high, high = !b->has_low && b->has_high;
    bool inside = low && words_take(&p->w, "and");
    if (!inside && !(high && words_take(&p->w, "or")))
        return 0;
    words_space(&p->w);
    const char *at = p->w.p;
    bool open = !words_take(&p->w, inside ? "<=" : ">=");
    if (open && words_expect(&p->w, inside ? "<" : ">"))
        return -1;
    if (inside) {
        b->has_high = true;
        b->open_high = open;
    } else { /* what is compared is what lies between */
        b->kind = BOUND_OUTSIDE;
        b->has_low = true;
        b->low = b->high;
        b->high = DECIMAL_ZERO;
        b->open_low = b->open_high;
        b->open_high = open;
    }
    if (parse_value(p, &b->high))
        return -1;
    return decimal_cmp(&b->low, &b->high) > 0
               ? words_wrong(&p->w, at, "upper bound is below the lower one")
               : 0;
}

static int parse_comparison(struct parser *p, struct bound *b)
{
    /* Longer signs before those that they begin with. */
    static const struct {
        const char *sign;
        enum bound_kind kind;
        bool low, high, open;
    } signs[] = {
        { "<=", BOUND_RANGE, false, true, false },
        { ">=", BOUND_RANGE, true, false, false },
        { "<>", BOUND_NOT, true, false, false },
        { "!=", BOUND_NOT, true, false, false },
        { "==", BOUND_RANGE, true, true, false },
        { "<", BOUND_RANGE, false, true, true },
        { ">", BOUND_RANGE, true, false, true },
        { "=", BOUND_RANGE, true, true, false },
    };
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        if (!words_take(&p->w, signs[i].sign))
            continue;
        b->kind = signs[i].kind;
        b->has_low = signs[i].low;
        b->has_high = signs[i].high;
        b->open_low = b->open_high = signs[i].open;
        if (parse_value(p, b->has_low ? &b->low : &b->high))
            return -1;
        if (b->has_low && b->has_high && decimal_copy(&b->high, &b->low))
            return err_nomem(p->w.e);
        return b->kind == BOUND_RANGE ? parse_other_end(p, b) : 0;
    }
    return words_wrong(&p->w, p->w.p,
                       "bound expected: a comparison, 'between' or 'within'");
}

static int parse_between(struct parser *p, struct bound *b)
{
    b->kind = BOUND_RANGE;
    b->has_low = b->has_high = true;
    if (parse_value(p, &b->low) || words_expect(&p->w, "and"))
        return -1;
    words_space(&p->w);
    const char *at = p->w.p;
    if (parse_value(p, &b->high))
        return -1;
    return decimal_cmp(&b->low, &b->high) > 0
               ? words_wrong(&p->w, at, "upper bound is below the lower one")
               : 0;
}

static int parse_within(struct parser *p, struct bound *b)
{
    bool percent;
    words_space(&p->w);
    const char *at = p->w.p;
    if (words_number(&p->w, &b->share, &percent))
        return -1;
    if (!percent || decimal_cmp(&b->share, &DECIMAL_ZERO) < 0)
        return words_wrong(&p->w, at, "percentage expected");
    if (words_expect(&p->w, "of"))
        return -1;
    b->kind = BOUND_BASELINE;
    if (words_take(&p->w, "baseline"))
        return 0;
    b->kind = BOUND_NEAR;
    return parse_value(p, &b->low);
}

static int parse_bound(struct parser *p)
{
    struct bound *b = &p->g->bound;
    words_space(&p->w);
    p->g->wants.p = p->w.p;
    if (words_take(&p->w, "between"))
        return parse_between(p, b);
    if (words_take(&p->w, "within"))
        return parse_within(p, b);
    return parse_comparison(p, b);
}

/* "2h" */
static int parse_duration(struct parser *p, int64_t *us)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 },
                  { "s", 1000 },
                  { "m", 60000 },
                  { "h", 3600000 },
                  { "d", 86400000 } };
    words_space(&p->w);
    const char *from = p->w.p;
    int64_t n = 0;
    while (p->w.p < p->w.end && *p->w.p >= '0' && *p->w.p <= '9' && n <= MAX_MS)
        n = n * 10 + (*p->w.p++ - '0');
    for (size_t i = 0; p->w.p > from && i < sizeof(units) / sizeof(*units); i++)
        if (words_take(&p->w, units[i].unit)) {
            if (n > MAX_MS / units[i].ms)
                return words_wrong(&p->w, from, "more than a century");
            *us = n * units[i].ms * 1000;
            return 0;
        }
    return words_wrong(&p->w, from, "time expected, such as 30m, 2h or 1d");
}

static int parse_fresh(struct parser *p)
{
    struct bound *b = &p->g->bound;
    words_space(&p->w);
    p->g->wants.p = p->w.p;
    b->kind = BOUND_FRESH;
    if (words_expect(&p->w, "within") || parse_duration(p, &b->us) ||
        words_expect(&p->w, "of"))
        return -1;
    b->of_now = words_take(&p->w, "now");
    return b->of_now || words_take(&p->w, "date")
               ? 0
               : words_wrong(&p->w, p->w.p, "'date' or 'now' expected");
}

/* ---- values */

static int parse_literal(struct parser *p)
{
    /* Among the values that a field may have, null is never asked for. */
    bool null = is_among(p->g->measure);
    const char *const words[] = { "true", "false", null ? "null" : NULL, NULL };
    struct buf *out = &p->g->values, text = { 0 };
    int r;
    words_space(&p->w);
    if (p->w.p < p->w.end && *p->w.p == '\'') {
        r = words_string(&p->w, &text);
        if (r == 0 && json_quote(out, buf_str(&text)))
            r = err_nomem(p->w.e);
        buf_free(&text);
        return r ? -1 : buf_addc(out, '\n') ? err_nomem(p->w.e) : 0;
    }
    for (size_t i = 0; words[i]; i++)
        if (words_take(&p->w, words[i])) {
            buf_addz(out, words[i]);
            return buf_addc(out, '\n') ? err_nomem(p->w.e) : 0;
        }
    const char *from = p->w.p;
    struct decimal d = DECIMAL_ZERO;
    bool percent;
    if (from == p->w.end || !strchr("-0123456789", *from))
        return words_wrong(&p->w, from,
                           null ? "string, number, TRUE, FALSE or NULL expected"
                                : "string, number, TRUE or FALSE expected");
    r = words_number(&p->w, &d, &percent);
    decimal_free(&d);
    if (r == 0 && percent)
        r = words_wrong(&p->w, p->w.p - 1, "a percentage is for shares only");
    if (r)
        return -1;
    buf_add(out, from, (size_t)(p->w.p - from));
    return buf_addc(out, '\n') ? err_nomem(p->w.e) : 0;
}

static int parse_list(struct parser *p)
{
    do {
        if (parse_literal(p))
            return -1;
    } while (words_take(&p->w, ","));
    return words_expect(&p->w, ")");
}

/* A string is the name of a file, or, where no bound follows, the rest of the
 * gate. */
static int parse_file(struct parser *p)
{
    struct buf *file = &p->g->file;
    words_space(&p->w);
    if (p->w.p < p->w.end && *p->w.p == '\'')
        return words_string(&p->w, file);
    if (is_among(p->g->measure))
        return words_wrong(&p->w, p->w.p,
                           "list of values, or a file in quotes, expected");
    if (buf_add(file, p->w.p, (size_t)(p->w.end - p->w.p)))
        return err_nomem(p->w.e);
    p->w.p = p->w.end;
    if (!file->n)
        return words_wrong(&p->w, p->w.p, "file or list of values expected");
    if (file->n == 1 && *file->p == '-')
        return words_wrong(&p->w, p->w.p - 1, "standard input has the records");
    return 0;
}

/* ---- gates */

static void end_shows(struct parser *p)
{
    struct str *shows = &p->g->shows;
    shows->n = (size_t)(p->w.p - shows->p);
    while (shows->n && strchr(" \t\r\n", shows->p[shows->n - 1]))
        shows->n--;
}

static int parse_unique(struct parser *p)
{
    p->g->measure = MEASURE_REPEATS;
    do {
        if (parse_field(p))
            return -1;
    } while (words_take(&p->w, ","));
    end_shows(p);
    p->g->wants = STR("no repeats");
    return 0;
}

static int parse_values(struct parser *p)
{
    p->g->measure = MEASURE_OUTSIDERS;
    if (words_expect(&p->w, "of") || parse_field(p))
        return -1;
    end_shows(p);
    words_space(&p->w);
    p->g->wants.p = p->w.p;
    if (words_expect(&p->w, "in"))
        return -1;
    return words_take(&p->w, "(") ? parse_list(p) : parse_file(p);
}

static int parse_newest(struct parser *p)
{
    p->g->measure = MEASURE_NEWEST;
    if (parse_field(p))
        return -1;
    end_shows(p);
    return parse_fresh(p);
}

static int parse_pattern(struct parser *p)
{
    struct buf text = { 0 }, why = { 0 };
    words_space(&p->w);
    const char *at = p->w.p;
    if (at == p->w.end || *at != '\'')
        return words_wrong(&p->w, at, "regular expression in quotes expected");
    int r = words_string(&p->w, &text);
    if (r == 0) {
        p->g->pattern = pattern_new(buf_str(&text), NULL, &why);
        if (!p->g->pattern)
            r = why.n && buf_z(&why) ? words_wrong(&p->w, at, why.p)
                                     : err_nomem(p->w.e);
    }
    buf_free(&text);
    buf_free(&why);
    return r;
}

/* "count of FIELD not in (...)" and the like. */
static int parse_among(struct parser *p, enum measure m)
{
    p->g->measure = m;
    if (words_expect(&p->w, "of") || parse_field(p))
        return -1;
    words_space(&p->w);
    p->g->among.p = p->w.p;
    p->g->negated = words_take(&p->w, "not");
    int r;
    if (words_take(&p->w, "matching"))
        r = parse_pattern(p);
    else if (words_take(&p->w, "in"))
        r = words_take(&p->w, "(") ? parse_list(p) : parse_file(p);
    else
        r = words_wrong(&p->w, p->w.p, "'in' or 'matching' expected");
    p->g->among.n = (size_t)(p->w.p - p->g->among.p);
    return r;
}

/* "share of FIELD" or "count of FIELD" behind null, missing and distinct. */
static int parse_part(struct parser *p, enum measure count, enum measure share)
{
    if (words_take(&p->w, "count"))
        p->g->measure = count;
    else if (words_take(&p->w, "share"))
        p->g->measure = share;
    else
        return words_wrong(&p->w, p->w.p, "'share' or 'count' expected");
    return words_expect(&p->w, "of") || parse_field(p) ? -1 : 0;
}

static int parse_duplicates(struct parser *p)
{
    if (parse_part(p, MEASURE_DUPLICATE_COUNT, MEASURE_DUPLICATE_SHARE))
        return -1;
    while (words_take(&p->w, ","))
        if (parse_field(p))
            return -1;
    return 0;
}

static int parse_measure(struct parser *p)
{
    static const struct {
        const char *word;
        enum measure m;
    } numbers[] = {
        { "sum", MEASURE_SUM },  { "mean", MEASURE_MEAN },
        { "min", MEASURE_MIN },  { "max", MEASURE_MAX },
        { "avg", MEASURE_MEAN }, { "stddev", MEASURE_STDDEV },
    };
    p->g->measure = MEASURE_ROWS;
    if (words_take(&p->w, "rows"))
        return 0;
    p->g->measure = MEASURE_REJECTS;
    if (words_take(&p->w, "rejects"))
        return 0;
    p->g->measure = MEASURE_REJECT_SHARE;
    if (words_take(&p->w, "reject"))
        return words_expect(&p->w, "share");
    if (words_take(&p->w, "null"))
        return parse_part(p, MEASURE_NULL_COUNT, MEASURE_NULL_SHARE);
    if (words_take(&p->w, "missing"))
        return parse_part(p, MEASURE_MISSING_COUNT, MEASURE_MISSING_SHARE);
    if (words_take(&p->w, "distinct"))
        return parse_part(p, MEASURE_DISTINCT_COUNT, MEASURE_DISTINCT_SHARE);
    if (words_take(&p->w, "duplicate"))
        return parse_duplicates(p);
    if (words_take(&p->w, "count"))
        return parse_among(p, MEASURE_AMONG_COUNT);
    if (words_take(&p->w, "share"))
        return parse_among(p, MEASURE_AMONG_SHARE);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (words_take(&p->w, numbers[i].word)) {
            p->g->measure = numbers[i].m;
            return words_expect(&p->w, "of") || parse_field(p) ? -1 : 0;
        }
    return words_wrong(
        &p->w, p->w.p,
        "measure expected: rows, rejects, reject share, null, missing, "
        "distinct or duplicate share or count of, share or count of, sum, "
        "mean, min, max or stddev of, newest, unique, values of");
}

static int parse_gate(struct parser *p)
{
    if (words_take(&p->w, "unique"))
        return parse_unique(p);
    if (words_take(&p->w, "values"))
        return parse_values(p);
    if (words_take(&p->w, "newest"))
        return parse_newest(p);
    if (parse_measure(p))
        return -1;
    end_shows(p);
    return parse_bound(p);
}

static int make_label(struct gate *g)
{
    static const char *const names[] = {
        [MEASURE_ROWS] = "rows",
        [MEASURE_REJECTS] = "rejects",
        [MEASURE_REJECT_SHARE] = "reject share",
        [MEASURE_NULL_COUNT] = "null count of ",
        [MEASURE_NULL_SHARE] = "null share of ",
        [MEASURE_MISSING_COUNT] = "missing count of ",
        [MEASURE_MISSING_SHARE] = "missing share of ",
        [MEASURE_DISTINCT_COUNT] = "distinct count of ",
        [MEASURE_DISTINCT_SHARE] = "distinct share of ",
        [MEASURE_DUPLICATE_COUNT] = "duplicate count of ",
        [MEASURE_DUPLICATE_SHARE] = "duplicate share of ",
        [MEASURE_AMONG_COUNT] = "count of ",
        [MEASURE_AMONG_SHARE] = "share of ",
        [MEASURE_SUM] = "sum of ",
        [MEASURE_MEAN] = "mean of ",
        [MEASURE_MIN] = "min of ",
        [MEASURE_MAX] = "max of ",
        [MEASURE_STDDEV] = "stddev of ",
    };
    if (g->measure >= MEASURE_NEWEST)
        return 0;
    buf_addz(&g->label, names[g->measure]);
    for (size_t i = 0; i < g->n_fields; i++) {
        if (i)
            buf_addz(&g->label, ", ");
        pointer_add(&g->label, &g->fields[i]);
    }
    if (g->among.n) {
        buf_addc(&g->label, ' ');
        buf_add_str(&g->label, g->among);
    }
    return g->label.failed ? -1 : 0;
}

int gate_parse(struct gate *g, const char *text, struct err *e)
{
    *g = (struct gate){ 0 };
    if (rule_parse(&g->rule, WHAT, text, e))
        return -1;
    const struct rule *r = &g->rule;
    struct parser p = {
        g, { WHAT, str_of(r->text), r->body.p, r->body.p + r->body.n, e }
    };
    g->shows.p = p.w.p;
    if (parse_gate(&p))
        return -1;
    if (!g->wants.n && g->wants.p)
        g->wants.n = (size_t)(p.w.p - g->wants.p);
    words_space(&p.w);
    if (p.w.p < p.w.end)
        return words_wrong(&p.w, p.w.p, "end expected");
    return make_label(g) ? err_nomem(e) : 0;
}

void gate_free(struct gate *g)
{
    rule_free(&g->rule);
    path_list_free(g->fields, g->n_fields);
    decimal_free(&g->bound.low);
    decimal_free(&g->bound.high);
    decimal_free(&g->bound.share);
    buf_free(&g->label);
    buf_free(&g->file);
    buf_free(&g->values);
    pattern_free(g->pattern);
    *g = (struct gate){ 0 };
}
