#include "quality/gate.h"

#include "expr/caret.h"
#include "json/check.h"
#include "json/pointer.h"
#include "json/value.h"

#include <stdio.h>
#include <stdlib.h>

#define WHAT "--expect"

struct parser {
    struct gate *g;
    struct str text; /* the whole option: positions are counted in it */
    const char *p, *end;
    struct err *e;
};

/* ---- words */

static int wrong(struct parser *p, const char *at, const char *why)
{
    return caret_error(p->e, WHAT, p->text, (size_t)(at - p->text.p), "%s",
                       why);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct parser *p)
{
    while (p->p < p->end && is_space(*p->p))
        p->p++;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the keyword (lower case), if it stands here as a whole word. */
static bool take(struct parser *p, const char *keyword)
{
    skip_space(p);
    const char *q = p->p;
    for (; *keyword; keyword++, q++)
        if (q == p->end || (is_letter(*keyword) ? *q | 0x20 : *q) != *keyword)
            return false;
    if (q < p->end && is_letter(q[-1]) &&
        (is_letter(*q) || *q == '_' || (unsigned char)*q >= 0x80 ||
         (*q >= '0' && *q <= '9')))
        return false;
    p->p = q;
    return true;
}

static int expect(struct parser *p, const char *keyword)
{
    char why[40];
    if (take(p, keyword))
        return 0;
    snprintf(why, sizeof(why), "'%s' expected", keyword);
    return wrong(p, p->p, why);
}

/* ---- fields */

static bool ends_field(char c)
{
    return is_space(c) || strchr(",()<>=!'", c);
}

/* The bytes of the field that stands here; quotes hide what would end it. */
static struct str field_text(struct parser *p, bool *quoted)
{
    const char *q = p->p;
    bool pointer = q < p->end && *q == '/';
    *quoted = false;
    while (q < p->end && !ends_field(*q)) {
        const char *close = NULL;
        if (*q == '"' && !pointer) {
            *quoted = true;
            close = memchr(q + 1, '"', (size_t)(p->end - q - 1));
        }
        q = close ? close + 1 : q + 1;
    }
    return (struct str){ p->p, (size_t)(q - p->p) };
}

/* Appends the key in quotes at s->p to the pointer and moves behind it. */
static int add_quoted(struct parser *p, struct str *s, struct buf *pointer)
{
    struct buf key = { 0 };
    const char *q = s->p + 1, *end = s->p + s->n;
    for (; q < end && (*q != '"' || (q + 1 < end && q[1] == '"')); q++) {
        buf_addc(&key, *q);
        q += *q == '"';
    }
    int r = q == end     ? wrong(p, s->p, "name without closing '\"'")
            : key.failed ? err_nomem(p->e)
                         : path_pointer(pointer, buf_str(&key));
    buf_free(&key);
    *s = (struct str){ q + (q < end), (size_t)(end - q) - (q < end) };
    return r;
}

/* Spells a field with quoted names as a JSON Pointer. */
static int unquote_field(struct parser *p, struct str s, struct buf *pointer)
{
    for (bool first = true; s.n; first = false) {
        size_t n;
        if (*s.p == '[') {
            for (n = 1; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
                ;
            if (n < 2 || n == s.n || s.p[n] != ']')
                return wrong(p, s.p + n, "index and ']' expected");
            if (path_pointer(pointer, (struct str){ s.p + 1, n - 1 }))
                return err_nomem(p->e);
            s = (struct str){ s.p + n + 1, s.n - n - 1 };
            continue;
        }
        if (!first && *s.p != '.')
            return wrong(p, s.p, "'.' or '[' expected");
        if (!first)
            s.p++, s.n--;
        if (s.n && *s.p == '"') {
            if (add_quoted(p, &s, pointer))
                return -1;
            continue;
        }
        for (n = 0; n < s.n && !strchr(".[\"", s.p[n]); n++)
            ;
        if (n == 0)
            return wrong(p, s.p, "empty key");
        if (path_pointer(pointer, (struct str){ s.p, n }))
            return err_nomem(p->e);
        s = (struct str){ s.p + n, s.n - n };
    }
    return 0;
}

static int parse_path(struct parser *p, struct str text, bool quoted,
                      struct path *path)
{
    struct buf pointer = { 0 };
    struct err why = { 0 };
    int r = 0;
    if (quoted) {
        r = unquote_field(p, text, &pointer);
        text = buf_str(&pointer);
    }
    if (r == 0 && path_parse(path, text, &why))
        r = why.code == ERR_USAGE ? wrong(p, p->p, why.msg) : err_nomem(p->e);
    buf_free(&pointer);
    return r;
}

static int parse_field(struct parser *p)
{
    struct gate *g = p->g;
    bool quoted;
    skip_space(p);
    struct str text = field_text(p, &quoted);
    if (!text.n)
        return wrong(p, p->p, "field expected");
    struct path *grown =
        realloc(g->fields, (g->n_fields + 1) * sizeof(*g->fields));
    if (!grown)
        return err_nomem(p->e);
    g->fields = grown;
    struct path *path = &g->fields[g->n_fields];
    if (parse_path(p, text, quoted, path))
        return -1;
    g->n_fields++;
    for (size_t i = 0; i + 1 < g->n_fields; i++)
        if (path_relate(&g->fields[i], path) == PATH_SAME)
            return wrong(p, p->p, "field is given twice");
    p->p = text.p + text.n;
    return 0;
}

/* ---- numbers */

/* Reads a number; with_percent: a percentage becomes its hundredth, and
 * *percent says that it was one. */
static int parse_number(struct parser *p, struct decimal *d, bool *percent)
{
    skip_space(p);
    const char *from = p->p, *q = from;
    while (q < p->end && *q && strchr("+-.0123456789eE", *q))
        q++;
    struct str text = { from, (size_t)(q - from) };
    *percent = q < p->end && *q == '%';
    if (!text.n)
        return wrong(p, from, "number expected");
    if (!json_number_valid(text))
        return wrong(p, from, "not a number as JSON writes it");
    int r = decimal_parse(d, text);
    if (r == 0 && *percent) {
        static const struct decimal hundredth = { .small = 1, .scale = 2 };
        r = decimal_mul(d, d, &hundredth);
    }
    if (r == -2)
        return wrong(p, from, "number is out of range");
    p->p = q + *percent;
    return r ? err_nomem(p->e) : 0;
}

bool measure_is_share(enum measure m)
{
    return m == MEASURE_REJECT_SHARE || m == MEASURE_NULL_SHARE ||
           m == MEASURE_MISSING_SHARE || m == MEASURE_DISTINCT_SHARE;
}

static int parse_value(struct parser *p, struct decimal *d)
{
    static const struct decimal one = { .small = 1 };
    bool percent, share = measure_is_share(p->g->measure);
    skip_space(p);
    const char *from = p->p;
    if (parse_number(p, d, &percent))
        return -1;
    if (percent && !share)
        return wrong(p, from, "a percentage is for shares only");
    /* "<= 5" for 5 % would let everything pass. */
    if (share &&
        (decimal_cmp(d, &one) > 0 || decimal_cmp(d, &DECIMAL_ZERO) < 0))
        return wrong(p, from, "a share is from 0 to 1, or 0% to 100%");
    return 0;
}

/* ---- bounds */

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
        if (!take(p, signs[i].sign))
            continue;
        b->kind = signs[i].kind;
        b->has_low = signs[i].low;
        b->has_high = signs[i].high;
        b->open_low = b->open_high = signs[i].open;
        if (parse_value(p, b->has_low ? &b->low : &b->high))
            return -1;
        return b->has_low && b->has_high && decimal_copy(&b->high, &b->low)
                   ? err_nomem(p->e)
                   : 0;
    }
    return wrong(p, p->p,
                 "bound expected: a comparison, 'between' or 'within'");
}

static int parse_between(struct parser *p, struct bound *b)
{
    b->kind = BOUND_RANGE;
    b->has_low = b->has_high = true;
    if (parse_value(p, &b->low) || expect(p, "and"))
        return -1;
    skip_space(p);
    const char *at = p->p;
    if (parse_value(p, &b->high))
        return -1;
    return decimal_cmp(&b->low, &b->high) > 0
               ? wrong(p, at, "upper bound is below the lower one")
               : 0;
}

static int parse_within(struct parser *p, struct bound *b)
{
    bool percent;
    skip_space(p);
    const char *at = p->p;
    if (parse_number(p, &b->share, &percent))
        return -1;
    if (!percent || decimal_cmp(&b->share, &DECIMAL_ZERO) < 0)
        return wrong(p, at, "percentage expected");
    if (expect(p, "of"))
        return -1;
    b->kind = BOUND_BASELINE;
    if (take(p, "baseline"))
        return 0;
    b->kind = BOUND_NEAR;
    return parse_value(p, &b->low);
}

static int parse_bound(struct parser *p)
{
    struct bound *b = &p->g->bound;
    skip_space(p);
    p->g->wants.p = p->p;
    if (take(p, "between"))
        return parse_between(p, b);
    if (take(p, "within"))
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
    skip_space(p);
    const char *from = p->p;
    int64_t n = 0;
    while (p->p < p->end && *p->p >= '0' && *p->p <= '9' && n < 1000000000)
        n = n * 10 + (*p->p++ - '0');
    for (size_t i = 0; p->p > from && i < sizeof(units) / sizeof(*units); i++)
        if (take(p, units[i].unit)) {
            *us = n * units[i].ms * 1000;
            return 0;
        }
    return wrong(p, from, "time expected, such as 30m, 2h or 1d");
}

static int parse_fresh(struct parser *p)
{
    struct bound *b = &p->g->bound;
    skip_space(p);
    p->g->wants.p = p->p;
    b->kind = BOUND_FRESH;
    if (expect(p, "within") || parse_duration(p, &b->us) || expect(p, "of"))
        return -1;
    b->of_now = take(p, "now");
    return b->of_now || take(p, "date")
               ? 0
               : wrong(p, p->p, "'date' or 'now' expected");
}

/* ---- values */

/* Reads '...' and appends its characters. */
static int parse_string(struct parser *p, struct buf *out)
{
    const char *from = p->p++;
    for (; p->p < p->end; p->p++) {
        if (*p->p == '\'' && (p->p + 1 == p->end || p->p[1] != '\''))
            break;
        buf_addc(out, *p->p);
        p->p += *p->p == '\'';
    }
    if (p->p >= p->end)
        return wrong(p, from, "string without closing quote");
    p->p++;
    return out->failed ? err_nomem(p->e) : 0;
}

static int parse_literal(struct parser *p)
{
    static const char *const words[] = { "true", "false", NULL };
    struct buf *out = &p->g->values, text = { 0 };
    int r;
    skip_space(p);
    if (p->p < p->end && *p->p == '\'') {
        r = parse_string(p, &text);
        if (r == 0 && json_quote(out, buf_str(&text)))
            r = err_nomem(p->e);
        buf_free(&text);
        return r ? -1 : buf_addc(out, '\n') ? err_nomem(p->e) : 0;
    }
    for (size_t i = 0; words[i]; i++)
        if (take(p, words[i])) {
            buf_addz(out, words[i]);
            return buf_addc(out, '\n') ? err_nomem(p->e) : 0;
        }
    const char *from = p->p;
    struct decimal d = DECIMAL_ZERO;
    bool percent;
    if (from == p->end || !strchr("-0123456789", *from))
        return wrong(p, from, "string, number, TRUE or FALSE expected");
    r = parse_number(p, &d, &percent);
    decimal_free(&d);
    if (r == 0 && percent)
        r = wrong(p, p->p - 1, "a percentage is for shares only");
    if (r)
        return -1;
    buf_add(out, from, (size_t)(p->p - from));
    return buf_addc(out, '\n') ? err_nomem(p->e) : 0;
}

static int parse_list(struct parser *p)
{
    do {
        if (parse_literal(p))
            return -1;
    } while (take(p, ","));
    return expect(p, ")");
}

/* The rest of the gate, or a string, is the name of a file. */
static int parse_file(struct parser *p)
{
    struct buf *file = &p->g->file;
    skip_space(p);
    if (p->p < p->end && *p->p == '\'')
        return parse_string(p, file);
    buf_add(file, p->p, (size_t)(p->end - p->p));
    p->p = p->end;
    if (!file->n)
        return wrong(p, p->p, "file or list of values expected");
    if (file->n == 1 && *file->p == '-')
        return wrong(p, p->p - 1, "standard input has the records");
    return file->failed ? err_nomem(p->e) : 0;
}

/* ---- gates */

static void end_shows(struct parser *p)
{
    p->g->shows.n = (size_t)(p->p - p->g->shows.p);
}

static int parse_unique(struct parser *p)
{
    p->g->measure = MEASURE_REPEATS;
    do {
        if (parse_field(p))
            return -1;
    } while (take(p, ","));
    end_shows(p);
    p->g->wants = STR("no repeats");
    return 0;
}

static int parse_values(struct parser *p)
{
    p->g->measure = MEASURE_OUTSIDERS;
    if (expect(p, "of") || parse_field(p))
        return -1;
    end_shows(p);
    skip_space(p);
    p->g->wants.p = p->p;
    if (expect(p, "in"))
        return -1;
    return take(p, "(") ? parse_list(p) : parse_file(p);
}

static int parse_newest(struct parser *p)
{
    p->g->measure = MEASURE_NEWEST;
    if (parse_field(p))
        return -1;
    end_shows(p);
    return parse_fresh(p);
}

/* "share of FIELD" or "count of FIELD" behind null, missing and distinct. */
static int parse_part(struct parser *p, enum measure count, enum measure share)
{
    if (take(p, "count"))
        p->g->measure = count;
    else if (take(p, "share"))
        p->g->measure = share;
    else
        return wrong(p, p->p, "'share' or 'count' expected");
    return expect(p, "of") || parse_field(p) ? -1 : 0;
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
    if (take(p, "rows"))
        return 0;
    p->g->measure = MEASURE_REJECTS;
    if (take(p, "rejects"))
        return 0;
    p->g->measure = MEASURE_REJECT_SHARE;
    if (take(p, "reject"))
        return expect(p, "share");
    if (take(p, "null"))
        return parse_part(p, MEASURE_NULL_COUNT, MEASURE_NULL_SHARE);
    if (take(p, "missing"))
        return parse_part(p, MEASURE_MISSING_COUNT, MEASURE_MISSING_SHARE);
    if (take(p, "distinct"))
        return parse_part(p, MEASURE_DISTINCT_COUNT, MEASURE_DISTINCT_SHARE);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (take(p, numbers[i].word)) {
            p->g->measure = numbers[i].m;
            return expect(p, "of") || parse_field(p) ? -1 : 0;
        }
    return wrong(p, p->p,
                 "measure expected: rows, rejects, reject share, null, missing "
                 "or distinct share or count of, sum, mean, min, max or stddev "
                 "of, newest, unique, values of");
}

static int parse_gate(struct parser *p)
{
    if (take(p, "unique"))
        return parse_unique(p);
    if (take(p, "values"))
        return parse_values(p);
    if (take(p, "newest"))
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
        [MEASURE_SUM] = "sum of ",
        [MEASURE_MEAN] = "mean of ",
        [MEASURE_MIN] = "min of ",
        [MEASURE_MAX] = "max of ",
        [MEASURE_STDDEV] = "stddev of ",
    };
    if (g->measure >= MEASURE_NEWEST)
        return 0;
    buf_addz(&g->label, names[g->measure]);
    if (g->n_fields)
        pointer_add(&g->label, &g->fields[0]);
    return g->label.failed ? -1 : 0;
}

int gate_parse(struct gate *g, const char *text, struct err *e)
{
    *g = (struct gate){ 0 };
    if (rule_parse(&g->rule, WHAT, text, e))
        return -1;
    struct parser p = { .g = g,
                        .text = str_of(g->rule.text),
                        .p = g->rule.body.p,
                        .end = g->rule.body.p + g->rule.body.n,
                        .e = e };
    g->shows.p = p.p;
    if (parse_gate(&p))
        return -1;
    if (!g->wants.n && g->wants.p)
        g->wants.n = (size_t)(p.p - g->wants.p);
    skip_space(&p);
    if (p.p < p.end)
        return wrong(&p, p.p, "end expected");
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
    *g = (struct gate){ 0 };
}
