/* Functions of arrays: their elements, and what these come to. */
#include "expr/func.h"

#define INDEX_MAX INT64_C(1000000000000)

static struct operand operand_of(struct val v)
{
    struct operand o = OPERAND(v.type);
    o.raw = v.raw;
    return o;
}

static int need_array(struct call *c, uint32_t i)
{
    return c->args[i].type == JSON_ARRAY ? 0 : call_needs(c, i, "an array");
}

static int64_t elements(struct str array)
{
    struct json_iter it = json_iter(array);
    struct val v;
    int64_t n = 0;
    while (json_next(&it, NULL, &v))
        n++;
    return n;
}

/* ---- parts */

static int call_element(struct call *c)
{
    struct val v, object = { c->args[0].type, c->args[0].raw };
    struct str key;
    int64_t i;
    if (c->args[0].type == JSON_OBJECT) {
        int rc = call_string(c, 1, &key);
        if (rc)
            return rc;
        v = json_get(object, key);
        *c->out = v.type == JSON_MISSING ? OPERAND(JSON_NULL) : operand_of(v);
        return 0;
    }
    if (c->args[0].type != JSON_ARRAY)
        return call_needs(c, 0, "an array or an object");
    int rc = call_whole(c, 1, -INDEX_MAX, INDEX_MAX, &i);
    if (rc)
        return rc;
    if (i < 0)
        i += elements(c->args[0].raw);
    struct json_iter it = json_iter(c->args[0].raw);
    while (i >= 0 && json_next(&it, NULL, &v))
        if (i-- == 0) {
            *c->out = operand_of(v);
            return 0;
        }
    return call_null(c);
}

/* A place counted from the end, if it is negative, as one from the start. */
static int64_t place(int64_t i, int64_t n)
{
    if (i < 0)
        i += n;
    return i < 0 ? 0 : i;
}

static int call_slice(struct call *c)
{
    int64_t from, to = INDEX_MAX;
    int rc = need_array(c, 0);
    if (rc == 0)
        rc = call_whole(c, 1, -INDEX_MAX, INDEX_MAX, &from);
    if (rc == 0 && c->n > 2)
        rc = call_whole(c, 2, -INDEX_MAX, INDEX_MAX, &to);
    if (rc)
        return rc;
    if (from < 0 || to < 0) {
        int64_t n = elements(c->args[0].raw);
        from = place(from, n);
        to = place(to, n);
    }
    struct json_iter it = json_iter(c->args[0].raw);
    struct buf *out = call_buf(c);
    struct val v;
    buf_addc(out, '[');
    for (int64_t i = 0; i < to && json_next(&it, NULL, &v); i++) {
        if (i < from)
            continue;
        if (out->n > 1)
            buf_addc(out, ',');
        buf_add_str(out, v.raw);
    }
    buf_addc(out, ']');
    return call_buf_json(c, JSON_ARRAY);
}

/* ---- searches */

/* Elements of another type are not equal, and neither is what is nested. */
static bool comparable(const struct operand *a, const struct operand *b)
{
    bool a_bool = a->type == JSON_TRUE || a->type == JSON_FALSE;
    bool b_bool = b->type == JSON_TRUE || b->type == JSON_FALSE;
    return (a->type == b->type && a->type < JSON_ARRAY) || (a_bool && b_bool);
}

static int array_contains(struct call *c)
{
    struct operand *want = &c->args[1];
    struct json_iter it = json_iter(c->args[0].raw);
    struct val v;
    if (want->type >= JSON_ARRAY)
        return call_needs(c, 1, "a string, number or boolean");
    while (json_next(&it, NULL, &v)) {
        struct operand o = operand_of(v);
        int cmp = 1;
        if (!comparable(&o, want))
            continue;
        int rc = operand_compare(c->x, c->at, &o, want, &cmp);
        operand_free(&o);
        if (rc || cmp == 0)
            return rc ? rc : call_bool(c, true);
    }
    return call_bool(c, false);
}

static int call_contains(struct call *c)
{
    struct str s, t;
    if (c->args[0].type == JSON_ARRAY)
        return array_contains(c);
    if (c->args[0].type != JSON_STRING)
        return call_needs(c, 0, "a string or an array");
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_string(c, 1, &t);
    return rc ? rc
              : call_bool(c, t.n == 0 || memmem(s.p, s.n, t.p, t.n) != NULL);
}

/* ---- all elements together */

/* Nulls are left out. */
static int call_join(struct call *c)
{
    struct str sep;
    int rc = need_array(c, 0);
    if (rc == 0)
        rc = call_string(c, 1, &sep);
    if (rc)
        return rc;
    struct json_iter it = json_iter(c->args[0].raw);
    struct buf *out = call_buf(c);
    struct val v;
    bool first = true;
    while (json_next(&it, NULL, &v)) {
        if (v.type >= JSON_ARRAY)
            return call_needs(c, 0, "elements that are no arrays or objects");
        if (v.type == JSON_NULL)
            continue;
        if (!first)
            buf_add_str(out, sep);
        first = false;
        if (v.type == JSON_STRING)
            json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
        else
            buf_add_str(out, v.raw);
    }
    return call_buf_text(c);
}

static int call_array_sum(struct call *c)
{
    struct decimal sum = DECIMAL_ZERO;
    struct val v;
    bool any = false;
    int rc = need_array(c, 0);
    if (rc)
        return rc;
    struct json_iter it = json_iter(c->args[0].raw);
    while (rc == 0 && json_next(&it, NULL, &v)) {
        if (v.type == JSON_NULL)
            continue;
        if (v.type != JSON_NUMBER) {
            decimal_free(&sum);
            return call_needs(c, 0, "elements that are numbers");
        }
        any = true;
        rc = decimal_add_text(&sum, v.raw);
    }
    if (rc) {
        decimal_free(&sum);
        return expr_decimal_fault(c->x, c->at, rc);
    }
    return any ? call_decimal(c, &sum) : call_null(c);
}

static int array_extreme(struct call *c, int side)
{
    struct operand best = OPERAND(JSON_NULL);
    struct val v;
    int rc = need_array(c, 0);
    if (rc)
        return rc;
    struct json_iter it = json_iter(c->args[0].raw);
    while (json_next(&it, NULL, &v)) {
        struct operand o = operand_of(v);
        int cmp = side;
        if (v.type == JSON_NULL)
            continue;
        if (best.type != JSON_NULL)
            rc = operand_compare(c->x, c->at, &o, &best, &cmp);
        else if (v.type >= JSON_ARRAY)
            rc = call_needs(c, 0, "elements that compare");
        if (rc == 0 && cmp * side > 0) {
            operand_free(&best);
            best = o;
        } else {
            operand_free(&o);
        }
        if (rc) {
            operand_free(&best);
            return rc;
        }
    }
    *c->out = best;
    return 0;
}

static int call_array_min(struct call *c)
{
    return array_extreme(c, -1);
}

static int call_array_max(struct call *c)
{
    return array_extreme(c, 1);
}

static const struct func rows[] = {
    { "array_max", 1, 1, false, "", call_array_max },
    { "array_min", 1, 1, false, "", call_array_min },
    { "array_sum", 1, 1, false, "", call_array_sum },
    { "contains", 2, 2, false, "", call_contains },
    { "element", 2, 2, false, "", call_element },
    { "join", 2, 2, false, "", call_join },
    { "slice", 2, 3, false, "", call_slice },
};

const struct func_table func_list = FUNC_TABLE(rows);
