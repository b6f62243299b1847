#include "json/order.h"

#include "json/check.h"
#include "json/members.h"
#include "json/number.h"

static int cmp(struct val a, struct val b, int *order, unsigned depth);

/* The common case without a copy: true where the strings differ before any
 * escape. Both are whole, with their quotes. */
static bool differ_early(struct str a, struct str b, int *order)
{
    size_t n = a.n < b.n ? a.n : b.n, i = 1;
    while (i + 1 < n && a.p[i] == b.p[i] && a.p[i] != '\\')
        i++;
    if (i + 1 >= n || a.p[i] == '\\' || b.p[i] == '\\')
        return false;
    *order = (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
    return true;
}

static int cmp_strings(struct val a, struct val b, int *order)
{
    if (differ_early(a.raw, b.raw, order))
        return 0;
    struct buf x = { 0 }, y = { 0 };
    struct str s, t;
    int r = json_string(a, &x, &s) || json_string(b, &y, &t) ? -1 : 0;
    if (r == 0)
        *order = str_cmp(s, t);
    buf_free(&x);
    buf_free(&y);
    return r;
}

static int cmp_arrays(struct val a, struct val b, int *order, unsigned depth)
{
    struct json_iter i = json_iter(a.raw), j = json_iter(b.raw);
    struct val x, y;
    for (;;) {
        bool more_a = json_next(&i, NULL, &x), more_b = json_next(&j, NULL, &y);
        if (i.broken || j.broken)
            return -3;
        if (!more_a || !more_b) {
            *order = (int)more_a - (int)more_b;
            return 0;
        }
        int r = cmp(x, y, order, depth);
        if (r || *order)
            return r;
    }
}

static int cmp_members(const struct members *a, const struct members *b,
                       int *order, unsigned depth)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if ((*order = str_cmp(a->m[i].key, b->m[i].key)) != 0)
            return 0;
    if (a->n != b->n) {
        *order = a->n < b->n ? -1 : 1;
        return 0;
    }
    for (size_t i = 0; i < a->n; i++) {
        int r = cmp(a->m[i].val, b->m[i].val, order, depth);
        if (r || *order)
            return r;
    }
    return 0;
}

static int cmp_objects(struct val a, struct val b, int *order, unsigned depth)
{
    struct members x = { 0 }, y = { 0 };
    int r = members_read(&x, a.raw);
    if (r == 0)
        r = members_read(&y, b.raw);
    if (r == 0)
        r = cmp_members(&x, &y, order, depth);
    members_free(&x);
    members_free(&y);
    return r;
}

static int cmp(struct val a, struct val b, int *order, unsigned depth)
{
    if (depth > JSON_DEPTH_DEFAULT)
        return -3;
    *order = 0;
    if (a.type != b.type) {
        *order = a.type < b.type ? -1 : 1;
        return 0;
    }
    if (str_eq(a.raw, b.raw))
        return 0;
    switch (a.type) {
    case JSON_NUMBER: *order = number_cmp(a.raw, b.raw); return 0;
    case JSON_STRING: return cmp_strings(a, b, order);
    case JSON_ARRAY: return cmp_arrays(a, b, order, depth + 1);
    case JSON_OBJECT: return cmp_objects(a, b, order, depth + 1);
    default: return 0;
    }
}

int order_cmp(struct val a, struct val b, int *order)
{
    return cmp(a, b, order, 0);
}

const uint64_t order_masks[9] = {
    UINT64_C(0x0000000000000000), UINT64_C(0xff00000000000000),
    UINT64_C(0xffff000000000000), UINT64_C(0xffffff0000000000),
    UINT64_C(0xffffffff00000000), UINT64_C(0xffffffffff000000),
    UINT64_C(0xffffffffffff0000), UINT64_C(0xffffffffffffff00),
    UINT64_C(0xffffffffffffffff),
};
