#include "ops/aggspec.h"

#include "base/buf.h"

#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *name;
    enum aggspec_fn fn;
} functions[] = {
    { "count", AGGSPEC_COUNT }, { "sum", AGGSPEC_SUM },
    { "avg", AGGSPEC_AVG },     { "min", AGGSPEC_MIN },
    { "max", AGGSPEC_MAX },     { "first", AGGSPEC_FIRST },
    { "last", AGGSPEC_LAST },   { "distinct", AGGSPEC_DISTINCT },
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

const char *aggspec_fn_name(enum aggspec_fn fn)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (functions[i].fn == fn)
            return functions[i].name;
    return "count";
}

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
           (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\t'))
        p->at++;
}

static bool next_is(const struct parser *p, char c)
{
    return p->at < p->text.n && p->text.p[p->at] == c;
}

static struct str trim(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* A name: all up to what has a meaning here. */
static struct str word(struct parser *p)
{
    size_t start = p->at;
    while (p->at < p->text.n && !strchr("=(), \t'\"", p->text.p[p->at]))
        p->at++;
    return (struct str){ p->text.p + start, p->at - start };
}

/* From behind '(' to its ')', which is taken; false where there is none. */
static bool argument(struct parser *p, struct str *arg)
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
            *arg = trim((struct str){ p->text.p + start, p->at - start });
            p->at++;
            return true;
        }
    }
    return false;
}

static bool function_named(struct str name, enum aggspec_fn *fn)
{
    for (size_t i = 0; i < FUNCTIONS; i++) {
        if (strlen(functions[i].name) == name.n &&
            strncasecmp(functions[i].name, name.p, name.n) == 0) {
            *fn = functions[i].fn;
            return true;
        }
    }
    return false;
}

/* Takes "distinct " off the front of count's argument. */
static bool distinct_prefix(struct str *arg)
{
    static const char word_[] = "distinct";
    size_t n = sizeof(word_) - 1;
    if (arg->n <= n || strncasecmp(arg->p, word_, n) != 0 ||
        (arg->p[n] != ' ' && arg->p[n] != '\t'))
        return false;
    *arg = trim((struct str){ arg->p + n, arg->n - n });
    return true;
}

static int set_name(struct aggspec *s, struct str name, struct err *e)
{
    struct buf b = { 0 };
    if (name.n) {
        buf_add_str(&b, name);
    } else {
        buf_addz(&b, aggspec_fn_name(s->fn));
        if (s->fn != AGGSPEC_ROWS) {
            buf_addc(&b, '_');
            buf_add_str(&b, path_name(&s->arg));
        }
    }
    if (b.failed) {
        buf_free(&b);
        return err_nomem(e);
    }
    s->name = buf_str(&b);
    return 0;
}

static void spec_free(struct aggspec *s)
{
    path_free(&s->arg);
    free((void *)(size_t)s->name.p);
    *s = (struct aggspec){ 0 };
}

/* Gives s its argument. at: where the argument starts, for messages. */
static int set_argument(struct parser *p, struct aggspec *s, struct str arg,
                        size_t at)
{
    if (s->fn == AGGSPEC_COUNT && distinct_prefix(&arg))
        s->fn = AGGSPEC_DISTINCT;
    if (s->fn == AGGSPEC_COUNT && (arg.n == 0 || str_eq(arg, STR("*")))) {
        s->fn = AGGSPEC_ROWS;
        return 0;
    }
    if (arg.n == 0)
        return bad(p, at, "field expected");
    return path_parse(&s->arg, arg, p->e);
}

/* One aggregate: [name=]fn(argument). */
static int parse_one(struct parser *p, struct aggspec *s)
{
    skip_space(p);
    size_t at = p->at;
    struct str name = { 0 }, fn = word(p), arg;
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
    if (!function_named(fn, &s->fn))
        return bad(p, at,
                   "no such function (there are count, sum, avg, min, max, "
                   "first, last, distinct)");
    at = ++p->at;
    if (!argument(p, &arg))
        return bad(p, p->at, "')' expected");
    if (set_argument(p, s, arg, at) || set_name(s, name, p->e))
        return -1;
    return 0;
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
