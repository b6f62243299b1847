#include "table/bloom.h"

#include "base/seed.h"

#include <math.h>
#include <string.h>

#define GROWTH 4
#define LEAST 1024 /* keys: the theory is of many bits */
#define LN2 0.69314718055994530942

/* Bits and hashes for so many keys at this error: the optimum is half of the
 * bits set. */
static int add_filter(struct bloom *b, uint64_t keys, struct err *e)
{
    struct bloom_filter *f = &b->v[b->n];
    if (b->n == BLOOM_FILTERS)
        return err_set(e, ERR_CONFIG, "too many keys");
    /* The errors of all filters are a series with this sum at most. */
    double error = ldexp(b->error, -(int)b->n - 1);
    double per_key = -log(error) / (LN2 * LN2);
    double bits = ceil((double)keys * per_key / 64) * 64;
    if (!(bits < (double)((uint64_t)1 << 50)))
        return err_set(e, ERR_CONFIG, "too many keys for one set");
    *f = (struct bloom_filter){ .bits.budget = b->budget,
                                .n_bits = (uint64_t)bits,
                                .room = keys };
    f->hashes = (unsigned)ceil(-log2(error));
    if (region_reserve(&f->bits, (size_t)(f->n_bits / 8), e))
        return -1;
    f->bits.n = (size_t)(f->n_bits / 8);
    b->n++;
    return 0;
}

int bloom_init(struct bloom *b, double error, uint64_t expect,
               struct budget *budget, struct err *e)
{
    *b = (struct bloom){
        .error = error, .expect = expect, .budget = budget, .seed = seed(6)
    };
    return add_filter(b, expect < LEAST ? LEAST : expect, e);
}

void bloom_free(struct bloom *b)
{
    for (unsigned i = 0; i < b->n; i++)
        region_free(&b->v[i].bits);
    b->n = 0;
}

struct hash128 bloom_hash(const struct bloom *b, struct str key)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(key.p, key.n, b->seed);
    return (struct hash128){ h.low64, h.high64 | 1 };
}

/* The bits of a key, one after another: bits in arithmetic progression, as
 * double hashing makes them, would err more often than the bound allows. */
static inline uint64_t next_bit(const struct bloom_filter *f, struct hash128 *h)
{
    __extension__ typedef unsigned __int128 wide;
    h->lo = (h->lo ^ h->lo >> 32) * 0x9e3779b97f4a7c15 + h->hi;
    return (uint64_t)((wide)h->lo * f->n_bits >> 64);
}

static bool has(const struct bloom_filter *f, struct hash128 h)
{
    const unsigned char *bits = (const unsigned char *)f->bits.p;
    for (unsigned i = 0; i < f->hashes; i++) {
        uint64_t bit = next_bit(f, &h);
        if (!(bits[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}

int bloom_add(struct bloom *b, struct hash128 hash, struct err *e)
{
    /* The last is the largest: most keys are in it. */
    for (unsigned i = b->n; i-- > 0;)
        if (has(&b->v[i], hash))
            return 0;
    struct bloom_filter *f = &b->v[b->n - 1];
    if (f->keys == f->room) {
        if (add_filter(b, f->room * GROWTH, e))
            return -1;
        f = &b->v[b->n - 1];
    }
    unsigned char *bits = (unsigned char *)f->bits.p;
    for (unsigned i = 0; i < f->hashes; i++) {
        uint64_t bit = next_bit(f, &hash);
        bits[bit / 8] = (unsigned char)(bits[bit / 8] | 1U << bit % 8);
    }
    f->keys++;
    return 1;
}

void bloom_prefetch(const struct bloom *b, struct hash128 hash)
{
    const struct bloom_filter *f = &b->v[b->n - 1];
    for (unsigned i = 0; i < f->hashes && i < 8; i++)
        __builtin_prefetch(f->bits.p + next_bit(f, &hash) / 8, 1);
}
