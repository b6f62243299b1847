#include "profile/distribution.h"

#include <math.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
    const struct distribution_step *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static int from_values(struct distribution *d, const struct frequent *f)
{
    d->v = malloc((f->n + 1) * sizeof(*d->v));
    if (!d->v)
        return -1;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct frequent_entry *e = &f->v[i];
        if (e->type == JSON_NUMBER && !isnan(e->number))
            d->v[d->n++] = (struct distribution_step){ e->number, e->count };
    }
    qsort(d->v, d->n, sizeof(*d->v), by_number);
    return 0;
}

static int from_sketch(struct distribution *d, const struct column *c,
                       const struct column_shared *s)
{
    struct ddsketch_bucket *all = NULL;
    long n = c->sketch.n
                 ? ddsketch_buckets(&c->sketch, &s->shape, &s->blocks, &all)
                 : 0;
    d->v = n < 0 ? NULL : malloc(((size_t)n + 1) * sizeof(*d->v));
    if (!d->v) {
        free(all);
        return -1;
    }
    for (long i = 0; i < n; i++)
        d->v[d->n++] =
            (struct distribution_step){ ddsketch_middle(&s->shape, &all[i]),
                                        all[i].count };
    free(all);
    if (c->sketch.zeros)
        d->v[d->n++] = (struct distribution_step){ 0, c->sketch.zeros };
    qsort(d->v, d->n, sizeof(*d->v), by_number);
    return 0;
}

int distribution_of(struct distribution *d, const struct column *c,
                    const struct column_shared *s)
{
    *d = (struct distribution){ .exact = column_is_exact(c),
                                .shape = &s->shape };
    if (d->exact ? from_values(d, &c->values) : from_sketch(d, c, s))
        return -1;
    for (size_t i = 0; i < d->n; i++)
        d->total += d->v[i].n;
    return 0;
}

void distribution_free(struct distribution *d)
{
    free(d->v);
    d->v = NULL;
}

double distribution_at(const struct distribution *d, double p)
{
    double want = ceil(p * (double)d->total);
    uint64_t rank = want < 1 ? 1 : (uint64_t)want, seen = 0;
    for (size_t i = 0; i < d->n; i++) {
        seen += d->v[i].n;
        if (seen >= rank)
            return d->v[i].x;
    }
    return d->v[d->n - 1].x;
}

void distribution_split(const struct distribution *d, const double *edges,
                        size_t n, bool edges_exact, uint64_t *bins)
{
    size_t at = 0;
    bool exact = d->exact && edges_exact;
    memset(bins, 0, (n + 1) * sizeof(*bins));
    for (size_t i = 0; i < d->n; i++) {
        double x = d->v[i].x;
        while (at < n && (exact ? x > edges[at]
                                : column_rank(d->shape, x) >
                                      column_rank(d->shape, edges[at])))
            at++;
        bins[at] += d->v[i].n;
    }
}
