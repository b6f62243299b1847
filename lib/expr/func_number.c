/* Functions of numbers: exact, as all of decimal is. */
#include "expr/func.h"

/* What a decimal function returned, with its result. */
static int done(struct call *c, int rc, struct decimal *d)
{
    if (rc == 0)
        return call_decimal(c, d);
    decimal_free(d);
    return expr_decimal_fault(c->x, c->at, rc);
}

/* The number that is argument 0, and the digits that may be argument 1. */
static int number_and_digits(struct call *c, const struct decimal **d,
                             int64_t *digits)
{
    int rc = call_number(c, 0, d);
    *digits = 0;
    if (rc == 0 && c->n > 1)
        rc = call_whole(c, 1, -10000, 10000, digits);
    return rc;
}

static int call_round(struct call *c)
{
    const struct decimal *a;
    struct decimal d = DECIMAL_ZERO;
    int64_t digits;
    int rc = number_and_digits(c, &a, &digits);
    return rc ? rc : done(c, decimal_round(&d, a, (int32_t)digits), &d);
}

static int call_trunc(struct call *c)
{
    const struct decimal *a;
    struct decimal d = DECIMAL_ZERO;
    int64_t digits;
    int rc = number_and_digits(c, &a, &digits);
    return rc ? rc : done(c, decimal_trunc(&d, a, (int32_t)digits), &d);
}

static int sign_of(const struct decimal *a)
{
    const struct decimal zero = DECIMAL_ZERO;
    return decimal_cmp(a, &zero);
}

static int call_abs(struct call *c)
{
    const struct decimal *a;
    struct decimal d = DECIMAL_ZERO;
    int rc = call_number(c, 0, &a);
    if (rc)
        return rc;
    return done(c, sign_of(a) < 0 ? decimal_neg(&d, a) : decimal_copy(&d, a),
                &d);
}

static int call_sign(struct call *c)
{
    const struct decimal *a;
    int rc = call_number(c, 0, &a);
    if (rc)
        return rc;
    int sign = sign_of(a);
    return call_i64(c, (sign > 0) - (sign < 0));
}

/* The whole number next to a, below (-1) or above (1). */
static int next_whole(struct decimal *d, const struct decimal *a, int side)
{
    const struct decimal one = { .small = 1 };
    int rc = decimal_round(d, a, 0);
    if (rc == 0 && decimal_cmp(d, a) * side < 0)
        rc = side < 0 ? decimal_sub(d, d, &one) : decimal_add(d, d, &one);
    return rc;
}

static int whole(struct call *c, int side)
{
    const struct decimal *a;
    struct decimal d = DECIMAL_ZERO;
    int rc = call_number(c, 0, &a);
    return rc ? rc : done(c, next_whole(&d, a, side), &d);
}

static int call_floor(struct call *c)
{
    return whole(c, -1);
}

static int call_ceil(struct call *c)
{
    return whole(c, 1);
}

static int call_mod(struct call *c)
{
    const struct decimal *a, *b;
    struct decimal d = DECIMAL_ZERO;
    int rc = call_number(c, 0, &a);
    if (rc == 0)
        rc = call_number(c, 1, &b);
    return rc ? rc : done(c, decimal_mod(&d, a, b), &d);
}

static int call_power(struct call *c)
{
    const struct decimal *a;
    struct decimal d = DECIMAL_ZERO;
    int64_t n;
    int rc = call_number(c, 0, &a);
    if (rc == 0)
        rc = call_whole(c, 1, -1000000, 1000000, &n);
    return rc ? rc : done(c, decimal_power(&d, a, n), &d);
}

static int call_sqrt(struct call *c)
{
    const struct decimal *a;
    struct decimal d = DECIMAL_ZERO;
    int rc = call_number(c, 0, &a);
    if (rc == 0 && sign_of(a) < 0)
        return expr_faultf(c->x, c->at, &c->args[0], "number_range",
                           "sqrt of a negative number");
    return rc ? rc : done(c, decimal_sqrt(&d, a), &d);
}

static const struct func rows[] = {
    { "abs", 1, 1, false, "", call_abs },
    { "ceil", 1, 1, false, "", call_ceil },
    { "ceiling", 1, 1, false, "", call_ceil },
    { "floor", 1, 1, false, "", call_floor },
    { "mod", 2, 2, false, "", call_mod },
    { "pow", 2, 2, false, "", call_power },
    { "power", 2, 2, false, "", call_power },
    { "round", 1, 2, false, "", call_round },
    { "sign", 1, 1, false, "", call_sign },
    { "sqrt", 1, 1, false, "", call_sqrt },
    { "trunc", 1, 2, false, "", call_trunc },
};

const struct func_table func_number = FUNC_TABLE(rows);
