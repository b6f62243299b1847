/* The functions of the language: their tables, and what they share. */
#include "expr/func.h"

#include "expr/lex.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- faults */

int call_needs(struct call *c, uint32_t i, const char *what)
{
    char text[160];
    if (c->n > 1)
        snprintf(text, sizeof(text), "%s needs %s for argument %u", c->f->name,
                 what, i + 1);
    else
        snprintf(text, sizeof(text), "%s needs %s", c->f->name, what);
    return operand_mistyped(c->x, c->at, &c->args[i], text);
}

int call_faultf(struct call *c, const char *code, const char *fmt, ...)
{
    char text[240];
    const struct operand *o = NULL;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (uint32_t i = 0; i < c->n && !o; i++)
        if (c->args[i].slot >= 0)
            o = &c->args[i];
    return expr_faultf(c->x, c->at, o, code, "%s: %s", c->f->name, text);
}

/* ---- arguments */

int call_string(struct call *c, uint32_t i, struct str *s)
{
    struct operand *o = &c->args[i];
    if (o->type != JSON_STRING)
        return call_needs(c, i, "a string");
    int rc = operand_string(c->x, o);
    *s = o->text;
    return rc;
}

int call_number(struct call *c, uint32_t i, const struct decimal **d)
{
    struct operand *o = &c->args[i];
    if (o->type != JSON_NUMBER)
        return call_needs(c, i, "a number");
    *d = &o->num;
    return operand_number(c->x, c->at, o);
}

int call_whole(struct call *c, uint32_t i, int64_t least, int64_t most,
               int64_t *v)
{
    const struct decimal *d;
    char what[96];
    int rc = call_number(c, i, &d);
    if (rc || (decimal_to_i64(d, v) && *v >= least && *v <= most))
        return rc;
    snprintf(what, sizeof(what), "a whole number from %lld to %lld",
             (long long)least, (long long)most);
    return call_needs(c, i, what);
}

int call_spelled(struct call *c, uint32_t i, struct str *s)
{
    struct operand *o = &c->args[i];
    if (o->type == JSON_STRING)
        return call_string(c, i, s);
    if (o->type > JSON_STRING)
        return call_needs(c, i, "a string, number or boolean");
    int rc = operand_write(c->x, o);
    *s = o->raw;
    return rc;
}

/* ---- results */

int call_null(struct call *c)
{
    *c->out = OPERAND(JSON_NULL);
    return 0;
}

int call_bool(struct call *c, bool b)
{
    *c->out = operand_bool(b);
    return 0;
}

int call_decimal(struct call *c, struct decimal *d)
{
    *c->out = OPERAND(JSON_NUMBER);
    c->out->num = *d;
    c->out->has_num = true;
    c->out->owns_num = d->big != NULL;
    return 0;
}

int call_i64(struct call *c, int64_t v)
{
    struct decimal d = { .small = v };
    return call_decimal(c, &d);
}

int call_text(struct call *c, struct str s)
{
    *c->out = operand_text_of(s);
    return 0;
}

struct buf *call_buf(struct call *c)
{
    buf_reset(&c->x->text);
    return &c->x->text;
}

/* The text buffer's contents, in the memory of the record. */
static int take_buf(struct call *c, struct str *s)
{
    const struct buf *b = &c->x->text;
    size_t limit = EXPR_MEMORY / 4;
    if (b->n > limit || (b->failed && b->n > limit / 2))
        return call_faultf(c, "expr_size", "the result has more than %zu bytes",
                           limit);
    if (b->failed)
        return -2;
    *s = arena_dup(&c->x->scratch, buf_str(b));
    return s->p ? 0 : -2;
}

int call_buf_text(struct call *c)
{
    struct str s;
    int rc = take_buf(c, &s);
    return rc ? rc : call_text(c, s);
}

int call_buf_json(struct call *c, enum json_type type)
{
    struct str s;
    int rc = take_buf(c, &s);
    if (rc)
        return rc;
    *c->out = OPERAND(type);
    c->out->raw = s;
    return 0;
}

/* ---- any type */

/* The argument itself as the result. */
static int give(struct call *c, uint32_t i)
{
    *c->out = c->args[i];
    c->args[i].owns_num = false;
    return 0;
}

static int call_nullif(struct call *c)
{
    struct operand *a = c->args;
    int cmp = 1;
    if (!operand_absent(&a[0]) && !operand_absent(&a[1])) {
        int rc = operand_compare(c->x, c->at, &a[0], &a[1], &cmp);
        if (rc)
            return rc;
    }
    return cmp == 0 ? call_null(c) : give(c, 0);
}

/* The least (side -1) or greatest (1) of what is neither null nor missing. */
static int extreme(struct call *c, int side)
{
    uint32_t best = c->n;
    for (uint32_t i = 0; i < c->n; i++) {
        int cmp = side;
        if (operand_absent(&c->args[i]))
            continue;
        if (best < c->n) {
            int rc =
                operand_compare(c->x, c->at, &c->args[i], &c->args[best], &cmp);
            if (rc)
                return rc;
        }
        if (cmp * side > 0)
            best = i;
    }
    return best < c->n ? give(c, best) : call_null(c);
}

static int call_least(struct call *c)
{
    return extreme(c, -1);
}

static int call_greatest(struct call *c)
{
    return extreme(c, 1);
}

static int call_typeof(struct call *c)
{
    return call_text(c, str_of(json_type_name(c->args[0].type)));
}

static const struct func rows[] = {
    { "greatest", 1, FUNC_ANY, true, "", call_greatest },
    { "least", 1, FUNC_ANY, true, "", call_least },
    { "nullif", 2, 2, true, "", call_nullif },
    { "typeof", 1, 1, true, "", call_typeof },
};

/* ---- the tables: an index is table << 8 | row */

static const struct func_table func_any = FUNC_TABLE(rows);

static const struct func_table *const tables[] = {
    &func_any,  &func_edit, &func_hash,   &func_json,    &func_list,
    &func_mask, &func_text, &func_number, &func_pattern, &func_time,
};

int func_find(struct str name)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            if (lex_is(name, tables[t]->row[i].name))
                return (int)(t << 8 | i);
    return -1;
}

const struct func *func_get(int index)
{
    return &tables[index >> 8]->row[index & 255];
}

bool func_hides(int index)
{
    const struct func *f = func_get(index);
    return (f >= func_hash.row && f < func_hash.row + func_hash.n) ||
           (f >= func_mask.row && f < func_mask.row + func_mask.n);
}

int func_check(struct expr_set *x, char kind, const struct operand *o,
               struct func_why *why)
{
    if (o->type != JSON_STRING && kind != 'k')
        return 0;
    if (o->type != JSON_STRING) {
        snprintf(why->text, sizeof(why->text),
                 "the source of the key must be a string");
        return -1;
    }
    switch (kind) {
    case 'p': return func_check_pattern(x, o->text, why);
    case 'k': return func_check_key(x, o->text, why);
    default: return func_check_time(kind, o->text, why);
    }
}
