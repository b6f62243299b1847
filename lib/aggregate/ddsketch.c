#include "aggregate/ddsketch.h"

#include <math.h>
#include <stdlib.h>

#define LOG_LEAST 7 /* eight buckets */
#define NEAR_ZERO 1e-300
#define SPAN_LOG 40.96 /* the natural logarithm of what a span spans */

struct ddsketch_shape ddsketch_shape_of(double error)
{
    double log_gamma = log((1 + error) / (1 - error));
    return (struct ddsketch_shape){ error, log_gamma,
                                    (int32_t)(SPAN_LOG / log_gamma) };
}

struct ddsketch_bucket ddsketch_bucket_of(const struct ddsketch_shape *shape,
                                          double v)
{
    double size = fabs(v);
    if (size < NEAR_ZERO)
        return (struct ddsketch_bucket){ .count = 1 };
    return (struct ddsketch_bucket){
        1, (int32_t)ceil(log(size) / shape->log_gamma), v > 0 ? 1 : 2
    };
}

double ddsketch_middle(const struct ddsketch_shape *shape,
                       const struct ddsketch_bucket *b)
{
    /* 2 * gamma^i / (gamma + 1) is gamma^i * (1 - error). */
    double v = exp(shape->log_gamma * b->index) * (1 - shape->error);
    return b->sign == 2 ? -v : v;
}

static size_t slots(const struct ddsketch *s)
{
    return s->place ? ((size_t)1 << s->log) / sizeof(struct ddsketch_bucket)
                    : 0;
}

static struct ddsketch_bucket *table_of(const struct ddsketch *s,
                                        const struct blocks *b)
{
    return s->place ? blocks_at(b, s->place) : NULL;
}

static struct ddsketch_bucket *find(struct ddsketch_bucket *table, size_t n,
                                    int32_t index, uint32_t sign)
{
    uint32_t hash = ((uint32_t)index * 2 + (sign & 1)) * 2654435769U;
    size_t i = (hash >> 12) & (n - 1);
    while (table[i].sign && (table[i].index != index || table[i].sign != sign))
        i = (i + 1) & (n - 1);
    return &table[i];
}

/* Buckets that are too low by now, in the lowest one. */
static struct ddsketch_bucket raised(const struct ddsketch *s,
                                     const struct ddsketch_shape *shape,
                                     struct ddsketch_bucket x)
{
    int32_t low = s->high[x.sign - 1] - (shape->span - 1);
    if (x.index < low)
        x.index = low;
    return x;
}

/* A table of 2^log bytes in place of the one that s has. */
static int rebuild(struct ddsketch *s, const struct ddsketch_shape *shape,
                   struct blocks *b, unsigned log, struct err *e)
{
    uint32_t place;
    if (blocks_get(b, log, &place, e))
        return -1;
    size_t n = ((size_t)1 << log) / sizeof(struct ddsketch_bucket);
    size_t used = 0, n_old = slots(s);
    const struct ddsketch_bucket *old = table_of(s, b);
    for (size_t i = 0; i < n_old; i++) {
        if (!old[i].sign)
            continue;
        struct ddsketch_bucket x = raised(s, shape, old[i]);
        struct ddsketch_bucket *to =
            find(blocks_at(b, place), n, x.index, x.sign);
        used += to->sign == 0;
        x.count += to->count;
        *to = x;
    }
    blocks_put(b, s->log, s->place);
    s->place = place;
    s->log = (uint8_t)log;
    s->used = (uint32_t)used;
    return 0;
}

/* Room for one bucket more: three quarters of a table are used. A table that
 * has room for the spans of both signs need not grow any more: buckets that are
 * too low are put together instead. */
static int make_room(struct ddsketch *s, const struct ddsketch_shape *shape,
                     struct blocks *b, struct err *e)
{
    size_t most = 2 * (size_t)shape->span;
    if (s->used + 1U <= slots(s) / 4 * 3)
        return 0;
    unsigned log = LOG_LEAST;
    if (s->place)
        log = slots(s) / 4 * 3 <= most ? s->log + 1U : s->log;
    return rebuild(s, shape, b, log, e);
}

int ddsketch_add(struct ddsketch *s, const struct ddsketch_shape *shape,
                 struct blocks *b, struct ddsketch_bucket x, struct err *e)
{
    if (x.sign == 0) {
        s->zeros += x.count;
        s->n += x.count;
        return 0;
    }
    if (make_room(s, shape, b, e))
        return -1;
    int32_t *high = &s->high[x.sign - 1];
    if (!(s->signs & x.sign) || x.index > *high)
        *high = x.index;
    s->signs |= (uint8_t)x.sign;
    x = raised(s, shape, x);
    struct ddsketch_bucket *to =
        find(table_of(s, b), slots(s), x.index, x.sign);
    s->used += to->sign == 0;
    s->n += x.count;
    x.count += to->count;
    *to = x;
    return 0;
}

/* Negative ones first, those farthest from zero first. */
static int cmp_buckets(const void *a, const void *b)
{
    const struct ddsketch_bucket *x = a, *y = b;
    if (x->sign != y->sign)
        return x->sign == 2 ? -1 : 1;
    int order = (x->index > y->index) - (x->index < y->index);
    return x->sign == 2 ? -order : order;
}

long ddsketch_buckets(const struct ddsketch *s,
                      const struct ddsketch_shape *shape,
                      const struct blocks *b, struct ddsketch_bucket **all)
{
    const struct ddsketch_bucket *table = table_of(s, b);
    struct ddsketch_bucket *v = calloc((size_t)s->used + 1, sizeof(*v));
    size_t n = 0, kept = 0;
    *all = v;
    if (!v)
        return -1;
    for (size_t i = 0; i < slots(s); i++)
        if (table[i].sign)
            v[n++] = raised(s, shape, table[i]);
    qsort(v, n, sizeof(*v), cmp_buckets);
    for (size_t i = 0; i < n; i++) {
        if (kept && cmp_buckets(&v[kept - 1], &v[i]) == 0)
            v[kept - 1].count += v[i].count;
        else
            v[kept++] = v[i];
    }
    return (long)kept;
}
