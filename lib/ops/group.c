#include "ops/group.h"

#include "json/order.h"

#include <stdlib.h>

void group_init(struct groups *g, size_t parts, struct budget *budget)
{
    *g = (struct groups){ .parts = parts,
                          .text.budget = budget,
                          .ends.budget = budget };
    keyset_init(&g->keys, budget);
}

void group_free(struct groups *g)
{
    keyset_free(&g->keys);
    region_free(&g->text);
    region_free(&g->ends);
}

/* Makes room for one more spelling; nothing can fail behind it. */
static int reserve(struct groups *g, const struct val *vals, struct err *e)
{
    size_t n = g->parts;
    for (size_t i = 0; i < g->parts; i++)
        n += vals[i].raw.n;
    if (region_reserve(&g->text, n, e))
        return -1;
    return region_reserve(&g->ends, sizeof(uint64_t), e);
}

int group_add(struct groups *g, struct hash128 hash, struct str key,
              const struct val *vals, uint32_t *number, struct err *e)
{
    if (reserve(g, vals, e) ||
        keyset_insert(&g->keys, hash, key, number, e) < 0)
        return -1;
    for (size_t i = 0; i < g->parts; i++) {
        region_add(&g->text, vals[i].raw.p, vals[i].raw.n, e);
        region_add(&g->text, "\n", 1, e);
    }
    uint64_t end = g->text.n;
    return region_add(&g->ends, &end, sizeof(end), e);
}

void group_spelling(const struct groups *g, uint32_t number, struct val *vals)
{
    const uint64_t *ends = (const uint64_t *)(void *)g->ends.p;
    const char *p = g->text.p + (number ? ends[number - 1] : 0);
    const char *end = g->text.p + ends[number];
    for (size_t i = 0; i < g->parts; i++) {
        /* Records are lines: no value has an LF in it. */
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        vals[i] = json_val((struct str){ p, (size_t)(lf - p) });
        p = lf + 1;
    }
}

struct sorting {
    const struct groups *g;
    struct val *a, *b; /* room for the parts of two keys */
    int failed;
};

static int by_key(const void *x, const void *y, void *ctx)
{
    struct sorting *s = ctx;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    group_spelling(s->g, a, s->a);
    group_spelling(s->g, b, s->b);
    for (size_t i = 0; i < s->g->parts; i++) {
        int order = 0;
        if (order_cmp(s->a[i], s->b[i], &order))
            s->failed = 1;
        if (order)
            return order;
    }
    return a < b ? -1 : a > b;
}

uint32_t *group_sort(const struct groups *g, struct err *e)
{
    size_t n = g->keys.n;
    uint32_t *order = malloc((n ? n : 1) * sizeof(*order));
    struct val *vals = calloc(2 * g->parts + 1, sizeof(*vals));
    struct sorting s = { g, vals, vals ? vals + g->parts : NULL, 0 };
    if (order && vals) {
        for (size_t i = 0; i < n; i++)
            order[i] = (uint32_t)i;
        qsort_r(order, n, sizeof(*order), by_key, &s);
    }
    free(vals);
    if (order && vals && !s.failed)
        return order;
    free(order);
    err_nomem(e);
    return NULL;
}
