#include "unit.h"

#include "table/bloom.h"

#include <stdio.h>

static struct hash128 hash_of(const struct bloom *b, uint64_t i)
{
    return bloom_hash(b, (struct str){ (const char *)&i, sizeof(i) });
}

/* Adds keys that are all different; returns how many were taken for others. */
static uint64_t fill(struct bloom *b, uint64_t keys)
{
    struct err e = { 0 };
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < keys; i++) {
        struct hash128 h = hash_of(b, i);
        bloom_prefetch(b, h);
        int r = bloom_add(b, h, &e);
        CHECK(r >= 0);
        wrong += r == 0;
    }
    return wrong;
}

TEST("the error stays below its bound, also far past what was expected")
{
    static const struct {
        double error;
        uint64_t expect, keys;
    } cases[] = { { 0.01, 100000, 100000 },
                  { 0.01, 1000, 300000 },
                  { 0.001, 1, 300000 },
                  { 0.3, 5000, 200000 } };
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        struct bloom b;
        struct err e = { 0 };
        struct budget budget = { 0 };
        CHECK(bloom_init(&b, cases[c].error, cases[c].expect, &budget, &e) ==
              0);
        uint64_t wrong = fill(&b, cases[c].keys);
        double most = cases[c].error * (double)cases[c].keys;
        printf("# error %g: %g\n", cases[c].error,
               (double)wrong / (double)cases[c].keys);
        /* Five times the standard deviation is let pass. */
        CHECK((double)wrong < most + 5 * __builtin_sqrt(most) + 1);
        CHECK(wrong > 0 || cases[c].error < 0.01);
        /* What was added is found. */
        uint64_t lost = 0;
        for (uint64_t i = 0; i < cases[c].keys; i++)
            lost += bloom_add(&b, hash_of(&b, i), &e) != 0;
        CHECK(lost == 0);
        bloom_free(&b);
        CHECK(budget.used == 0);
    }
}

TEST("memory is that of the keys expected, and no room is an error")
{
    struct bloom b;
    struct err e = { 0 };
    struct budget budget = { .max = (size_t)4 << 20 };
    CHECK(bloom_init(&b, 1e-6, 1000000, &budget, &e) == 0);
    CHECK(budget.used < 3900000); /* 30 bits a key */
    CHECK(fill(&b, 1000000) < 10);
    int r = 0;
    for (uint64_t i = 0; i < 100 && r >= 0; i++)
        r = bloom_add(&b, hash_of(&b, 2000000 + i), &e);
    CHECK(r == -1);
    CHECK(e.code == ERR_CONFIG);
    bloom_free(&b);
    CHECK(bloom_init(&b, 1e-6, 100000000, &budget, &e) == -1);
    bloom_free(&b);
}

UNIT_MAIN
