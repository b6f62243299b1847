#include "aggregate/sum.h"

void sums_init(struct sums *all, struct budget *budget)
{
    *all = (struct sums){ .wide.budget = budget };
}

static struct decimal *decimals(const struct sums *all)
{
    return (struct decimal *)(void *)all->wide.p;
}

void sums_free(struct sums *all)
{
    for (size_t i = 0; i < all->wide.n / sizeof(struct decimal); i++)
        decimal_free(&decimals(all)[i]);
    region_free(&all->wide);
}

const struct decimal *sum_get(const struct sums *all, const struct sum *s,
                              struct decimal *room)
{
    if (s->wide)
        return &decimals(all)[s->wide - 1];
    *room = (struct decimal){ .small = s->v, .scale = s->scale };
    return room;
}

/* The decimal of a sum, made where it has none yet; NULL with e. */
static struct decimal *widen(struct sums *all, struct sum *s, struct err *e)
{
    struct decimal d = { .small = s->v, .scale = s->scale };
    if (!s->wide) {
        size_t n = all->wide.n / sizeof(d);
        if (n >= UINT32_MAX) {
            err_nomem(e);
            return NULL;
        }
        if (region_add(&all->wide, &d, sizeof(d), e))
            return NULL;
        s->wide = (uint32_t)n + 1;
    }
    return &decimals(all)[s->wide - 1];
}

int sum_add_wide(struct sums *all, struct sum *s, decimal_int v, int32_t scale,
                 struct err *e)
{
    struct decimal *d = widen(all, s, e);
    if (!d)
        return -1;
    return decimal_add_scaled(d, v, scale) ? err_nomem(e) : 0;
}

int sum_add_text(struct sums *all, struct sum *s, struct str number,
                 struct err *e)
{
    struct decimal *d = widen(all, s, e);
    if (!d)
        return -1;
    int r = decimal_add_text(d, number);
    if (r == -2) /* who adds has seen to it */
        return err_set(e, ERR_BUG, "sum left the range of decimals");
    return r ? err_nomem(e) : 0;
}

int sum_add_decimal(struct sums *all, struct sum *s, const struct decimal *d,
                    struct err *e)
{
    int64_t v = (int64_t)d->small;
    if (!d->big && v == d->small && d->scale >= 0 && d->scale <= 18 &&
        sum_add_narrow(s, v, d->scale))
        return 0;
    struct decimal *to = widen(all, s, e);
    if (!to)
        return -1;
    int r = decimal_add(to, to, d);
    if (r == -2)
        return err_set(e, ERR_DATA, "sum leaves the range of decimals");
    return r ? err_nomem(e) : 0;
}
