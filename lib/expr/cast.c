/* CAST: a value as another type, or a fault. */
#include "base/date.h"
#include "expr/private.h"
#include "expr/when.h"
#include "json/check.h"

#include <stdio.h>

struct cast {
    struct expr_set *x;
    struct operand *o;
    uint32_t at, digits;
    int to;
};

static const char *const names[] = {
    [CAST_NUMBER] = "a number",       [CAST_STRING] = "a string",
    [CAST_BOOLEAN] = "a boolean",     [CAST_INTEGER] = "an integer",
    [CAST_DECIMAL] = "a decimal",     [CAST_DATE] = "a date",
    [CAST_TIMESTAMP] = "a timestamp",
};

static void put(struct operand *o, struct operand v)
{
    operand_free(o);
    *o = v;
}

static int uncastable(struct cast *c)
{
    char is[80], digits[64] = "";
    if (c->to == CAST_DECIMAL)
        snprintf(digits, sizeof(digits), " of %u digits, %u behind the point",
                 c->digits >> 16, c->digits & 0xffff);
    return expr_faultf(c->x, c->at, c->o, "expr_cast", "cannot cast %s to %s%s",
                       operand_describe(c->o, is), names[c->to], digits);
}

static int to_string(struct cast *c)
{
    if (c->o->type == JSON_STRING)
        return 0;
    if (c->o->type == JSON_ARRAY || c->o->type == JSON_OBJECT)
        return uncastable(c);
    int rc = operand_write(c->x, c->o);
    if (rc == 0)
        put(c->o, operand_text_of(c->o->raw));
    return rc;
}

/* The characters of a string without the spaces around them. */
static int spelled(struct cast *c, struct str *s)
{
    if (c->o->type != JSON_STRING)
        return uncastable(c);
    int rc = operand_string(c->x, c->o);
    if (rc)
        return rc;
    *s = c->o->text;
    while (s->n && s->p[0] == ' ')
        s->p++, s->n--;
    while (s->n && s->p[s->n - 1] == ' ')
        s->n--;
    return 0;
}

static int to_boolean(struct cast *c)
{
    struct str s;
    if (c->o->type == JSON_TRUE || c->o->type == JSON_FALSE)
        return 0;
    int rc = spelled(c, &s);
    if (rc)
        return rc;
    if (!str_eq(s, STR("true")) && !str_eq(s, STR("false")))
        return uncastable(c);
    put(c->o, operand_bool(s.n == 4));
    return 0;
}

static int to_number(struct cast *c)
{
    struct str s;
    if (c->o->type == JSON_NUMBER)
        return 0;
    int rc = spelled(c, &s);
    if (rc)
        return rc;
    if (!json_number_valid(s))
        return uncastable(c);
    struct operand r = OPERAND(JSON_NUMBER);
    r.raw = s;
    r.slot = c->o->slot;
    put(c->o, r);
    return 0;
}

static void put_decimal(struct cast *c, struct decimal *d)
{
    struct operand r = OPERAND(JSON_NUMBER);
    r.num = *d;
    r.has_num = true;
    r.owns_num = d->big != NULL;
    put(c->o, r);
}

/* The value as a decimal with all of its `scale` digits behind the point. */
static int to_scale(struct cast *c, int32_t scale, struct decimal *d)
{
    const struct decimal zero = { .scale = scale };
    int rc = to_number(c);
    if (rc == 0)
        rc = operand_number(c->x, c->at, c->o);
    if (rc)
        return rc;
    rc = decimal_round(d, &c->o->num, scale);
    if (rc == 0)
        rc = decimal_add(d, d, &zero);
    return rc ? expr_decimal_fault(c->x, c->at, rc) : 0;
}

/* A whole number as it is; nothing is rounded. */
static int to_integer(struct cast *c)
{
    struct decimal d = DECIMAL_ZERO;
    int rc = to_scale(c, 0, &d);
    if (rc == 0 && decimal_cmp(&d, &c->o->num) != 0)
        rc = uncastable(c);
    if (rc)
        decimal_free(&d);
    else
        put_decimal(c, &d);
    return rc;
}

static int to_decimal(struct cast *c)
{
    int32_t digits = (int32_t)(c->digits >> 16);
    int32_t scale = (int32_t)(c->digits & 0xffff);
    struct decimal limit = { .small = 1, .scale = scale - digits };
    struct decimal least = { .small = -1, .scale = scale - digits };
    struct decimal d = DECIMAL_ZERO;
    int rc = to_scale(c, scale, &d);
    if (rc == 0 &&
        (decimal_cmp(&d, &limit) >= 0 || decimal_cmp(&d, &least) <= 0))
        rc = uncastable(c);
    if (rc)
        decimal_free(&d);
    else
        put_decimal(c, &d);
    return rc;
}

static int to_time(struct cast *c)
{
    struct buf *out = &c->x->text;
    struct when w;
    struct str s;
    int rc = spelled(c, &s);
    if (rc)
        return rc;
    if (!when_read(&w, s, c->x->env.tz) || !when_in_range(&w))
        return uncastable(c);
    buf_reset(out);
    if (c->to == CAST_DATE)
        date_format(out, w.day);
    else
        time_format_tz(out, w.us, w.tz);
    s = arena_dup(&c->x->scratch, buf_str(out));
    if (out->failed || !s.p)
        return -2;
    put(c->o, operand_text_of(s));
    return 0;
}

int cast_run(struct expr_set *x, uint32_t at, int to, uint32_t digits,
             struct operand *o)
{
    struct cast c = { x, o, at, digits, to & CAST_KIND };
    int rc = 0;
    if (operand_absent(o)) {
        put(o, OPERAND(JSON_NULL));
        return 0;
    }
    switch ((enum cast_to)c.to) {
    case CAST_NUMBER: rc = to_number(&c); break;
    case CAST_STRING: rc = to_string(&c); break;
    case CAST_BOOLEAN: rc = to_boolean(&c); break;
    case CAST_INTEGER: rc = to_integer(&c); break;
    case CAST_DECIMAL: rc = to_decimal(&c); break;
    default: rc = to_time(&c); break;
    }
    if (rc == -1 && to & CAST_TRY) {
        put(o, OPERAND(JSON_NULL));
        rc = 0;
    }
    return rc;
}
