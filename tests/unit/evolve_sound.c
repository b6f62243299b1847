/* A comparison that says "compatible" is never wrong: over random schemas,
 * versions of them with some choices changed, and random values. */
#include "../lib/evolvecheck.h"
#include "../lib/schemagen.h"
#include "unit.h"

#include <stdlib.h>

#define CHOICES 160
#define VALUES 80

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t seed = 20260101;
static uint64_t next(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(next() >> 32);
}

struct sums {
    int pairs, shown, neither, accepted, wrong;
};

static void check_values(struct evolvecheck *k, struct sums *s,
                         const struct buf *was, const struct buf *now)
{
    uint8_t choices[40];
    struct buf value = { 0 };
    for (int i = 0; i < VALUES; i++) {
        fill(choices, sizeof(choices));
        buf_reset(&value);
        gen_instance(&value, choices, sizeof(choices));
        if (evolve_holds(k, buf_str(&value), &s->accepted))
            continue;
        if (s->wrong++ < 5)
            printf("# old %.*s\n# new %.*s\n# value %.*s, breaks %u\n",
                   STR_ARG(buf_str(was)), STR_ARG(buf_str(now)),
                   STR_ARG(buf_str(&value)), k->breaks);
        break;
    }
    buf_free(&value);
}

static void check_pair(struct sums *s)
{
    uint8_t choices[CHOICES];
    struct buf was = { 0 }, now = { 0 };
    struct evolvecheck k;
    fill(choices, sizeof(choices));
    gen_document(&was, choices, sizeof(choices));
    for (uint64_t n = 1 + next() % 3; n; n--)
        choices[next() % 60] = (uint8_t)(next() >> 32);
    gen_document(&now, choices, sizeof(choices));
    evolve_begin(&k, buf_str(&was), buf_str(&now));
    if (k.usable) {
        s->pairs++;
        s->shown += k.breaks != COMPAT_FULL;
        s->neither += k.breaks == COMPAT_FULL;
        check_values(&k, s, &was, &now);
    }
    evolve_end(&k);
    buf_free(&was);
    buf_free(&now);
}

TEST("what is called compatible has no counterexample")
{
    const char *n = getenv("EVOLVE_PAIRS");
    const char *from = getenv("EVOLVE_SEED");
    struct sums s = { 0 };
    if (from)
        seed = strtoull(from, NULL, 10);
    for (long i = n ? atol(n) : 3000; i > 0; i--)
        check_pair(&s);
    CHECK(s.wrong == 0);
    /* The generator has to give both kinds, and values that are accepted. */
    CHECK(s.shown > s.pairs / 5);
    CHECK(s.neither > s.pairs / 20);
    CHECK(s.accepted > s.pairs * 5);
    printf("# %d pairs, %d compatible one way or both, %d neither, %d wrong\n",
           s.pairs, s.shown, s.neither, s.wrong);
}

UNIT_MAIN
