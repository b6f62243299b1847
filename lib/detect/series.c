#include "detect/series.h"

#include "base/hash.h"
#include "base/seed.h"

#include <stdlib.h>

struct series_entry {
    struct series_entry *chain;         /* the next of its hash */
    struct series_entry *newer, *older; /* in order of the last value */
    uint64_t hash;
    size_t n_key;
    double block[]; /* the series; behind it the key */
};

/* What malloc takes for itself, about. */
#define OVERHEAD (2 * sizeof(void *))

static size_t cost(const struct series *s, size_t n_key)
{
    return sizeof(struct series_entry) + s->block + n_key + OVERHEAD;
}

static char *key_of(const struct series *s, const struct series_entry *x)
{
    return (char *)x->block + s->block;
}

void series_init(struct series *s, const struct detect_params *p,
                 size_t max_bytes)
{
    *s = (struct series){ .block = detect_size(p),
                          .seed = seed(0),
                          .max = max_bytes };
}

static void unlink_age(struct series *s, struct series_entry *x)
{
    *(x->newer ? &x->newer->older : &s->newest) = x->older;
    *(x->older ? &x->older->newer : &s->oldest) = x->newer;
}

static void link_newest(struct series *s, struct series_entry *x)
{
    x->newer = NULL;
    x->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = x;
    s->newest = x;
}

static struct series_entry **head_of(const struct series *s, uint64_t hash)
{
    return &s->heads[hash & (s->n_heads - 1)];
}

static void forget_oldest(struct series *s)
{
    struct series_entry *x = s->oldest, **at = head_of(s, x->hash);
    while (*at != x)
        at = &(*at)->chain;
    *at = x->chain;
    unlink_age(s, x);
    s->used -= cost(s, x->n_key);
    s->n--;
    s->forgotten++;
    free(x);
}

static struct series_entry *find(const struct series *s, uint64_t hash,
                                 struct str key)
{
    struct series_entry *x = s->n_heads ? *head_of(s, hash) : NULL;
    for (; x; x = x->chain)
        if (x->hash == hash &&
            str_eq(key, (struct str){ key_of(s, x), x->n_key }))
            break;
    return x;
}

/* One head a series, at least. */
static int grow(struct series *s, struct err *e)
{
    size_t n = s->n_heads ? s->n_heads * 2 : 64;
    struct series_entry **heads = calloc(n, sizeof(*heads));
    if (!heads)
        return err_nomem(e);
    s->used += (n - s->n_heads) * sizeof(*heads);
    free(s->heads);
    s->heads = heads;
    s->n_heads = n;
    for (struct series_entry *x = s->oldest; x; x = x->newer) {
        struct series_entry **head = head_of(s, x->hash);
        x->chain = *head;
        *head = x;
    }
    return 0;
}

static int make_room(struct series *s, size_t bytes, struct err *e)
{
    if (s->n >= s->n_heads && grow(s, e))
        return -1;
    while (s->max && s->used + bytes > s->max) {
        if (!s->oldest)
            return err_set(e, ERR_CONFIG,
                           "--memory is too small for a series of %zu bytes",
                           bytes);
        forget_oldest(s);
    }
    return 0;
}

int series_get(struct series *s, struct str key, struct detect **d,
               struct err *e)
{
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.n, s->seed);
    struct series_entry *x = find(s, hash, key);
    if (x) {
        unlink_age(s, x);
    } else {
        size_t bytes = cost(s, key.n);
        if (make_room(s, bytes, e))
            return -1;
        x = calloc(1, bytes);
        if (!x)
            return err_nomem(e);
        x->hash = hash;
        x->n_key = key.n;
        memcpy(key_of(s, x), key.p, key.n);
        struct series_entry **head = head_of(s, hash);
        x->chain = *head;
        *head = x;
        s->used += bytes;
        s->n++;
    }
    link_newest(s, x);
    *d = (struct detect *)x->block;
    return 0;
}

bool series_next(const struct series *s, const struct series_entry **at,
                 struct str *key, const struct detect **d)
{
    *at = *at ? (*at)->newer : s->oldest;
    if (!*at)
        return false;
    *key = (struct str){ key_of(s, *at), (*at)->n_key };
    *d = (const struct detect *)(*at)->block;
    return true;
}

void series_free(struct series *s)
{
    while (s->oldest) {
        struct series_entry *x = s->oldest;
        s->oldest = x->newer;
        free(x);
    }
    free(s->heads);
    *s = (struct series){ 0 };
}
