#include "position/frontier.h"

#include "base/date.h"
#include "json/number.h"
#include "json/value.h"

#include <math.h>
#include <stdlib.h>

bool frontier_key(enum position_kind kind, struct str value, int64_t *key)
{
    char text[64];
    if (kind == POSITION_TIME && value.n >= 2)
        return time_parse((struct str){ value.p + 1, value.n - 2 }, NULL, key);
    if (kind != POSITION_NUMBER || json_val(value).type != JSON_NUMBER)
        return false;
    if (number_to_i64(value, key))
        return true;
    if (value.n >= sizeof(text))
        return false;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    double v = floor(strtod(text, NULL));
    if (!(v > -9e18 && v < 9e18))
        return false;
    *key = (int64_t)v;
    return true;
}

/* The first key that still counts. */
static int64_t edge_of(uint64_t lag, const struct position *p)
{
    int64_t last, first;
    if (!frontier_key(p->kind, p->value, &last))
        return INT64_MIN;
    return __builtin_sub_overflow(last, (int64_t)lag, &first) ? INT64_MIN
                                                              : first;
}

static void prune(struct frontier *f, const struct position *p)
{
    int64_t first = edge_of(f->lag, p);
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].key >= first)
            f->v[kept++] = f->v[i];
    f->n = kept;
}

/* Unless half of it is free, and never much past the maximum. */
static int grow(struct frontier *f, struct err *e)
{
    if (f->cap && (2 * f->n < f->cap || f->cap > POSITION_TIES_MAX))
        return 0;
    size_t cap = f->cap ? 2 * f->cap : 64;
    struct frontier_entry *v = realloc(f->v, cap * sizeof(*v));
    if (!v)
        return err_nomem(e);
    f->v = v;
    f->cap = cap;
    return 0;
}

static int keep(struct frontier *f, const struct position *p, int64_t key,
                struct hash128 record, struct err *e)
{
    if (key < edge_of(f->lag, p))
        return 0;
    if (f->n == f->cap) {
        prune(f, p);
        if (f->n >= POSITION_TIES_MAX) {
            f->overflow = true;
            f->n = POSITION_TIES_MAX;
        }
        if (grow(f, e))
            return -1;
    }
    f->v[f->n++] = (struct frontier_entry){ key, record };
    return 0;
}

int frontier_take(struct frontier *f, struct position *p,
                  enum position_kind kind, struct str value,
                  struct hash128 record, struct err *e)
{
    bool order;
    int64_t key;
    int c = p->value.n ? position_cmp(kind, value, p->value, &order) : 1;
    if (c > 0 && position_set(p, kind, value, e))
        return -1;
    if (f->lag)
        return frontier_key(kind, value, &key) ? keep(f, p, key, record, e) : 0;
    if (c < 0)
        return 0;
    f->overflow |= p->n_ties == POSITION_TIES_MAX;
    return position_tie(p, record, 0, e) < 0 ? -1 : 0;
}

int frontier_settle(struct frontier *f, struct position *p, struct err *e)
{
    if (!f->lag || !p->value.n)
        return 0;
    prune(f, p);
    p->lag = f->lag;
    for (size_t i = 0; i < f->n; i++)
        if (position_tie(p, f->v[i].hash, f->v[i].key, e) < 0)
            return -1;
    f->overflow |= p->n_ties == POSITION_TIES_MAX;
    return 0;
}

/* Records are known only as far back as they were then: a lag that is new, or
 * has grown, does not reach behind that. */
static void narrow_lag(struct position *p, const struct position *before)
{
    int64_t last, known = edge_of(before->lag, before), whole, lag;
    if (!p->lag || p->rewind || p->kind != before->kind || known == INT64_MIN ||
        !frontier_key(p->kind, p->value, &last))
        return;
    known += !before->lag && p->kind == POSITION_NUMBER &&
             !number_to_i64(before->value, &whole);
    if (__builtin_sub_overflow(last, known, &lag) || (uint64_t)lag >= p->lag)
        return; /* a negative one is great */
    p->lag = (uint64_t)lag;
}

int frontier_merge(struct position *p, const struct position *before,
                   struct err *e)
{
    bool order;
    narrow_lag(p, before);
    bool same = before->value.n && p->kind == before->kind &&
                position_cmp(p->kind, p->value, before->value, &order) == 0 &&
                order;
    int64_t first = edge_of(p->lag, p), at = edge_of(0, before);
    for (size_t i = 0; i < before->ties_cap; i++) {
        const struct position_tie *t = &before->ties[i];
        /* Without a lag they all lie at the value. */
        int64_t key = before->lag || t->key ? t->key : at;
        if ((t->hash.lo || t->hash.hi) && (p->lag ? key >= first : same) &&
            position_tie(p, t->hash, p->lag ? key : 0, e) < 0)
            return -1;
    }
    return 0;
}

void frontier_free(struct frontier *f)
{
    free(f->v);
    *f = (struct frontier){ 0 };
}
