#include "aggregate/aggspec.h"

#include "base/buf.h"
#include "json/check.h"
#include "json/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* What constants follow the argument. */
enum constants {
    NO_CONSTANT,
    A_FRACTION,          /* p, from 0 to 1 */
    A_FRACTION_AN_ERROR, /* p[, relative error] */
    A_COUNT,             /* [k] */
    BUCKETS,             /* low, width, n */
    ANOTHER_ARGUMENT
};

static const struct function {
    const char *name;
    enum aggspec_fn fn;
    enum constants constants;
    enum acc_ask ask;
} functions[] = {
    { "count", AGGSPEC_COUNT, NO_CONSTANT, ASK_PLAIN },
    { "sum", AGGSPEC_SUM, NO_CONSTANT, ASK_PLAIN },
    { "avg", AGGSPEC_AVG, NO_CONSTANT, ASK_PLAIN },
    { "mean", AGGSPEC_AVG, NO_CONSTANT, ASK_PLAIN },
    { "min", AGGSPEC_MIN, NO_CONSTANT, ASK_PLAIN },
    { "max", AGGSPEC_MAX, NO_CONSTANT, ASK_PLAIN },
    { "first", AGGSPEC_FIRST, NO_CONSTANT, ASK_PLAIN },
    { "last", AGGSPEC_LAST, NO_CONSTANT, ASK_PLAIN },
    { "arg_min", AGGSPEC_ARG_MIN, ANOTHER_ARGUMENT, ASK_PLAIN },
    { "arg_max", AGGSPEC_ARG_MAX, ANOTHER_ARGUMENT, ASK_PLAIN },
    { "stddev", AGGSPEC_STDDEV, NO_CONSTANT, ASK_PLAIN },
    { "stddev_samp", AGGSPEC_STDDEV, NO_CONSTANT, ASK_PLAIN },
    { "stddev_pop", AGGSPEC_STDDEV_POP, NO_CONSTANT, ASK_PLAIN },
    { "variance", AGGSPEC_VARIANCE, NO_CONSTANT, ASK_PLAIN },
    { "var_samp", AGGSPEC_VARIANCE, NO_CONSTANT, ASK_PLAIN },
    { "var_pop", AGGSPEC_VAR_POP, NO_CONSTANT, ASK_PLAIN },
    { "distinct", AGGSPEC_DISTINCT, NO_CONSTANT, ASK_PLAIN },
    { "approx_distinct", AGGSPEC_APPROX_DISTINCT, NO_CONSTANT, ASK_PLAIN },
    { "median", AGGSPEC_PERCENTILE, NO_CONSTANT, ASK_PERCENTILE },
    { "percentile", AGGSPEC_PERCENTILE, A_FRACTION, ASK_PERCENTILE },
    { "percentile_disc", AGGSPEC_PERCENTILE, A_FRACTION, ASK_PERCENTILE_DISC },
    { "approx_percentile", AGGSPEC_APPROX_PERCENTILE, A_FRACTION_AN_ERROR,
      ASK_PERCENTILE },
    { "mode", AGGSPEC_MODE, NO_CONSTANT, ASK_MODE },
    { "top", AGGSPEC_TOP, A_COUNT, ASK_TOP },
    { "list", AGGSPEC_LIST, NO_CONSTANT, ASK_PLAIN },
    { "histogram", AGGSPEC_HISTOGRAM, BUCKETS, ASK_PLAIN },
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))
#define CONSTANTS_MOST 3
#define TOP_DEFAULT 10
#define TOP_MOST 100000
#define BUCKETS_MOST 10000
#define ERROR_DEFAULT 0.01

struct parser {
    struct str text;
    size_t at;
    struct err *e;
};

static int bad(const struct parser *p, size_t at, const char *why)
{
    return err_set(p->e, ERR_USAGE,
                   "cannot read aggregate '%.*s': %s at byte %zu",
                   STR_ARG(p->text), why, at + 1);
}

static void skip_space(struct parser *p)
{
    while (p->at < p->text.n &&
           (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\t' ||
            p->text.p[p->at] == '\n'))
        p->at++;
}

static bool next_is(const struct parser *p, char c)
{
    return p->at < p->text.n && p->text.p[p->at] == c;
}

/* A name: all up to what has a meaning here. */
static struct str word(struct parser *p)
{
    size_t start = p->at;
    while (p->at < p->text.n && !strchr("=(), \t\n'\"", p->text.p[p->at]))
        p->at++;
    return (struct str){ p->text.p + start, p->at - start };
}

/* From behind '(' to its ')', which is taken; false where there is none. */
static bool inside(struct parser *p, struct str *arg)
{
    size_t start = p->at, depth = 1;
    char quote = 0;
    for (; p->at < p->text.n; p->at++) {
        char c = p->text.p[p->at];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0) {
            *arg = (struct str){ p->text.p + start, p->at - start };
            p->at++;
            return true;
        }
    }
    return false;
}

static const struct function *function_named(struct str name)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (strlen(functions[i].name) == name.n &&
            strncasecmp(functions[i].name, name.p, name.n) == 0)
            return &functions[i];
    return NULL;
}

static int no_such_function(const struct parser *p, size_t at)
{
    struct buf b = { 0 };
    buf_addz(&b, "no such function (there are");
    for (size_t i = 0; i < FUNCTIONS; i++)
        buf_addf(&b, "%s %s", i ? "," : "", functions[i].name);
    buf_addc(&b, ')');
    const char *z = buf_z(&b);
    int r = z ? bad(p, at, z) : err_nomem(p->e);
    buf_free(&b);
    return r;
}

/* Takes "distinct " off the front of count's argument. */
static bool distinct_prefix(struct str *arg)
{
    static const char word_[] = "distinct";
    size_t n = sizeof(word_) - 1;
    if (arg->n <= n || strncasecmp(arg->p, word_, n) != 0 ||
        (arg->p[n] != ' ' && arg->p[n] != '\t'))
        return false;
    while (n < arg->n && (arg->p[n] == ' ' || arg->p[n] == '\t'))
        n++;
    *arg = (struct str){ arg->p + n, arg->n - n };
    return true;
}

static int set_name(const struct parser *p, struct aggspec *s, struct str name,
                    size_t at)
{
    struct buf b = { 0 };
    if (name.n == 0 && (argument_is_expr(&s->arg) || argument_is_expr(&s->by)))
        return bad(p, at,
                   "an aggregate of an expression needs a name: "
                   "name=function(...)");
    if (name.n) {
        buf_add_str(&b, name);
    } else {
        buf_addz(&b, s->fn_name);
        if (s->fn != AGGSPEC_ROWS) {
            buf_addc(&b, '_');
            buf_add_str(&b, path_name(&s->arg.path));
        }
    }
    if (b.failed) {
        buf_free(&b);
        return err_nomem(p->e);
    }
    s->name = buf_str(&b);
    return 0;
}

static void spec_free(struct aggspec *s)
{
    argument_free(&s->arg);
    argument_free(&s->by);
    decimal_free(&s->q.p);
    decimal_free(&s->param.low);
    decimal_free(&s->param.width);
    free((void *)(size_t)s->name.p);
    *s = (struct aggspec){ 0 };
}

/* ---- constants ---- */

struct constant {
    struct str text;
    size_t at;
};

static int read_number(const struct parser *p, const struct constant *c,
                       struct decimal *d)
{
    if (!json_number_valid(c->text))
        return bad(p, c->at, "number expected");
    int r = decimal_parse(d, c->text);
    return r == -1 ? err_nomem(p->e)
           : r     ? bad(p, c->at, "number outside the range of decimals")
                   : 0;
}

static int read_fraction(const struct parser *p, const struct constant *c,
                         struct decimal *d)
{
    struct decimal one = { .small = 1 };
    if (read_number(p, c, d))
        return -1;
    if (decimal_cmp(d, &DECIMAL_ZERO) < 0 || decimal_cmp(d, &one) > 0)
        return bad(p, c->at, "fraction from 0 to 1 expected");
    return 0;
}

static int read_count(const struct parser *p, const struct constant *c,
                      int64_t most, uint32_t *n)
{
    int64_t v;
    char why[64];
    if (number_to_i64(c->text, &v) && json_number_valid(c->text) && v >= 1 &&
        v <= most) {
        *n = (uint32_t)v;
        return 0;
    }
    snprintf(why, sizeof(why), "whole number of 1 to %lld expected",
             (long long)most);
    return bad(p, c->at, why);
}

static int read_error(const struct parser *p, const struct constant *c,
                      double *error)
{
    char text[32];
    snprintf(text, sizeof(text), "%.*s", (int)(c->text.n < 31 ? c->text.n : 31),
             c->text.p);
    *error = json_number_valid(c->text) ? strtod(text, NULL) : 0;
    if (*error < 0.0001 || *error > 0.5)
        return bad(p, c->at, "relative error from 0.0001 to 0.5 expected");
    return 0;
}

static int read_buckets(const struct parser *p, const struct constant *c,
                        struct acc_param *to)
{
    if (read_number(p, &c[0], &to->low) || read_number(p, &c[1], &to->width))
        return -1;
    if (decimal_cmp(&to->width, &DECIMAL_ZERO) <= 0)
        return bad(p, c[1].at, "width above 0 expected");
    return read_count(p, &c[2], BUCKETS_MOST, &to->n);
}

/* Reads the n constants of a function; end is where its arguments end. */
static int read_constants(const struct parser *p, struct aggspec *s,
                          const struct function *f, const struct constant *c,
                          size_t n, size_t end)
{
    static const struct {
        size_t least, most;
        const char *wanted;
    } takes[] = {
        [NO_CONSTANT] = { 0, 0, "one argument expected" },
        [A_FRACTION] = { 1, 1, "argument and fraction expected, as (x, 0.95)" },
        [A_FRACTION_AN_ERROR] = { 1, 2,
                                  "argument and fraction expected, as "
                                  "(x, 0.95[, error])" },
        [A_COUNT] = { 0, 1, "argument and count expected, as (x, 3)" },
        [BUCKETS] = { 3, 3,
                      "argument, low end, width and number of buckets "
                      "expected, as (x, 0, 10, 20)" },
        [ANOTHER_ARGUMENT] = { 1, 1, "two arguments expected, as (x, by)" },
    };
    if (n < takes[f->constants].least || n > takes[f->constants].most)
        return bad(p, n > takes[f->constants].most ? c[n - 1].at : end,
                   takes[f->constants].wanted);
    s->q.ask = f->ask;
    s->param.error = ERROR_DEFAULT;
    s->q.k = TOP_DEFAULT;
    switch (f->constants) {
    case NO_CONSTANT:
        s->q.p = (struct decimal){ .small = 5, .scale = 1 }; /* the median */
        return 0;
    case A_FRACTION: return read_fraction(p, &c[0], &s->q.p);
    case A_FRACTION_AN_ERROR:
        return read_fraction(p, &c[0], &s->q.p) ||
                       (n > 1 && read_error(p, &c[1], &s->param.error))
                   ? -1
                   : 0;
    case A_COUNT: return n ? read_count(p, &c[0], TOP_MOST, &s->q.k) : 0;
    case BUCKETS: return read_buckets(p, c, &s->param);
    case ANOTHER_ARGUMENT: return argument_parse(&s->by, c[0].text, p->e);
    }
    return 0;
}

/* ---- aggregates ---- */

/* Gives s what stands between the parentheses; base: where that starts. */
static int set_arguments(struct parser *p, struct aggspec *s,
                         const struct function *f, struct str all, size_t base)
{
    struct constant c[CONSTANTS_MOST + 1];
    struct str arg;
    size_t at = 0, start, n = 0;
    s->fn = f->fn;
    s->fn_name = f->name;
    argument_next(all, &at, &arg, &start);
    while (n <= CONSTANTS_MOST && argument_next(all, &at, &c[n].text, &c[n].at))
        c[n++].at += base;
    if (s->fn == AGGSPEC_COUNT && distinct_prefix(&arg)) {
        s->fn = AGGSPEC_DISTINCT;
        s->fn_name = "distinct";
    }
    if (s->fn == AGGSPEC_COUNT &&
        (arg.n == 0 || str_eq(arg, STR("*")) || str_eq(arg, STR("1")))) {
        s->fn = AGGSPEC_ROWS;
        return n ? bad(p, c[0].at, "one argument expected") : 0;
    }
    if (arg.n == 0)
        return bad(p, base + start, "field or expression expected");
    if (argument_parse(&s->arg, arg, p->e))
        return -1;
    return read_constants(p, s, f, c, n, base + all.n);
}

/* One aggregate: [name=]fn(arguments). */
static int parse_one(struct parser *p, struct aggspec *s)
{
    skip_space(p);
    size_t start = p->at, at = start;
    struct str name = { 0 }, fn = word(p), all;
    skip_space(p);
    if (fn.n && next_is(p, '=')) {
        name = fn;
        p->at++;
        skip_space(p);
        at = p->at;
        fn = word(p);
        skip_space(p);
    }
    if (fn.n == 0)
        return bad(p, at, "name=function(field) expected");
    if (!next_is(p, '('))
        return bad(p, p->at, "'(' expected");
    const struct function *f = function_named(fn);
    if (!f)
        return no_such_function(p, at);
    at = ++p->at;
    if (!inside(p, &all))
        return bad(p, p->at, "')' expected");
    if (set_arguments(p, s, f, all, at))
        return -1;
    return set_name(p, s, name, start);
}

static int append(struct aggspecs *list, const struct aggspec *s, struct err *e)
{
    struct aggspec *v = realloc(list->v, (list->n + 1) * sizeof(*v));
    if (!v)
        return err_nomem(e);
    list->v = v;
    v[list->n++] = *s;
    return 0;
}

int aggspec_parse(struct aggspecs *list, struct str text, struct err *e)
{
    struct parser p = { .text = text, .e = e };
    for (;;) {
        struct aggspec s = { 0 };
        if (parse_one(&p, &s) || append(list, &s, e)) {
            spec_free(&s);
            return -1;
        }
        skip_space(&p);
        if (p.at == text.n)
            return 0;
        if (!next_is(&p, ','))
            return bad(&p, p.at, "',' expected");
        p.at++;
    }
}

void aggspec_free(struct aggspecs *list)
{
    for (size_t i = 0; i < list->n; i++)
        spec_free(&list->v[i]);
    free(list->v);
    *list = (struct aggspecs){ 0 };
}
