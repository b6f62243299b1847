#include "unit.h"

#include "table/contest.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 20000
#define RECORDS 60000

static uint64_t state = 88172645463325252;

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

struct made {
    char key[40], value[24];
    size_t k;
    int64_t v; /* -1: none */
};

static struct val value_of(const struct made *m)
{
    struct str raw = str_of(m->value);
    return m->v < 0 ? (struct val){ .type = JSON_NULL, .raw = STR("null") }
                    : (struct val){ JSON_NUMBER, raw };
}

static void make(struct made *m)
{
    m->k = (size_t)(rnd() % KEYS);
    m->v = (int64_t)(rnd() % 40) - 8;
    snprintf(m->key, sizeof(m->key), "the key of number %zu", m->k);
    snprintf(m->value, sizeof(m->value), "%lld%s",
             m->v < 0 ? 0LL : (long long)m->v, m->v % 3 ? "" : ".0");
}

/* Does record i win against the best so far? */
static bool wins(enum contest_rule rule, const struct made *m, int64_t was)
{
    switch (rule) {
    case CONTEST_FIRST: return false;
    case CONTEST_LAST: return true;
    case CONTEST_MAX: return m->v >= 0 && (was < 0 || m->v > was);
    default: return m->v >= 0 && (was < 0 || m->v < was);
    }
}

static void check_rule(enum contest_rule rule, size_t memory, bool parts)
{
    struct contest c;
    struct bits bits;
    struct err e = { 0 };
    struct budget budget = { .max = memory - memory / 8 };
    static struct made m[RECORDS];
    static uint64_t best[KEYS];
    uint64_t n = 0;
    for (size_t i = 0; i < KEYS; i++)
        best[i] = UINT64_MAX;
    contest_init(&c, rule, &budget, memory, "/tmp");
    CHECK(bits_init(&bits, RECORDS, rnd() % 2 ? 0 : RECORDS, "/tmp", &e) == 0);
    for (size_t i = 0; i < RECORDS; i++) {
        make(&m[i]);
        uint64_t *b = &best[m[i].k];
        if (*b == UINT64_MAX || wins(rule, &m[i], m[*b].v))
            *b = i;
        struct str key = str_of(m[i].key);
        CHECK(contest_enter(&c, keyset_hash(&c.keys, key), key, i,
                            value_of(&m[i]), &e) == 0);
    }
    /* FIRST has no table of numbers: who is first in the tables, the caller
     * knows. */
    CHECK(contest_settle(&c, &bits, NULL, NULL, &e) == 0);
    CHECK((c.deferred > 0) == parts && budget.used == 0);
    for (size_t i = 0; i < KEYS; i++)
        n += best[i] != UINT64_MAX;
    size_t wrong = 0;
    for (size_t i = 0; i < RECORDS; i++)
        wrong += bits_get(&bits, i) != (best[m[i].k] == i);
    CHECK(wrong == 0 && bits_count(&bits) == n);
    bits_free(&bits);
}

/* With all deferred, as a caller does whose own tables are full from the
 * start. */
static void check_first(size_t memory)
{
    struct contest c;
    struct bits bits;
    struct err e = { 0 };
    struct budget budget = { .max = memory - memory / 8 };
    static bool seen[KEYS];
    static bool first[RECORDS];
    struct made m;
    memset(seen, 0, sizeof(seen));
    contest_init(&c, CONTEST_FIRST, &budget, memory, "/tmp");
    CHECK(bits_init(&bits, RECORDS, 0, "/tmp", &e) == 0);
    for (size_t i = 0; i < RECORDS; i++) {
        make(&m);
        first[i] = !seen[m.k];
        seen[m.k] = true;
        CHECK(contest_defer(&c, str_of(m.key), i, value_of(&m), &e) == 0);
    }
    CHECK(contest_settle(&c, &bits, NULL, NULL, &e) == 0);
    size_t wrong = 0;
    for (size_t i = 0; i < RECORDS; i++)
        wrong += bits_get(&bits, i) != first[i];
    CHECK(wrong == 0 && budget.used == 0);
    bits_free(&bits);
}

TEST("whatever the memory, the record that wins is the one that stays")
{
    for (enum contest_rule r = CONTEST_LAST; r <= CONTEST_MIN; r++) {
        check_rule(r, (size_t)64 << 20, false);
        check_rule(r, (size_t)1 << 20, true);
        check_rule(r, (size_t)300 << 10, true);
    }
    check_first((size_t)64 << 20);
    check_first((size_t)200 << 10);
}

static int stop(void *ctx)
{
    (void)ctx;
    return -1;
}

TEST("failures of the disk, and a caller who stops, leave nothing behind")
{
    struct contest c;
    struct bits bits;
    struct err e = { 0 };
    struct budget budget = { .max = 1 << 20 };
    struct val none = { .type = JSON_MISSING };
    char key[40];
    contest_init(&c, CONTEST_LAST, &budget, 1 << 20, "/nowhere/at all");
    CHECK(contest_defer(&c, STR("a"), 0, none, &e) == -1);
    CHECK(e.code != ERR_NONE && strstr(e.msg, "/nowhere/at all"));
    contest_free(&c);
    CHECK(bits_init(&bits, 1000, 0, "/nowhere/at all", &e) == -1);
    contest_init(&c, CONTEST_FIRST, &budget, 1 << 20, "/tmp");
    CHECK(bits_init(&bits, 10000, 0, "/tmp", &e) == 0);
    for (uint64_t i = 0; i < 10000; i++) {
        snprintf(key, sizeof(key), "%d", (int)(i % 2));
        CHECK(contest_defer(&c, str_of(key), i, none, &e) == 0);
    }
    CHECK(contest_settle(&c, &bits, stop, NULL, &e) == -1);
    contest_free(&c);
    bits_free(&bits);
    CHECK(budget.used == 0);
}

UNIT_MAIN
