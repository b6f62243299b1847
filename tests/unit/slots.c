#include "unit.h"

#include "table/keyset.h"
#include "table/wordset.h"

#include <stdlib.h>

static uint64_t rnd(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* What must be true of a table at any time. */
static void check_table(const struct slots *s)
{
    uint64_t n = 0, last = 0;
    for (uint64_t i = 0; i < s->end && !unit_failed; i++) {
        uint64_t v = s->v[i];
        if (v == 0)
            continue;
        n++;
        CHECK(v > last);
        uint64_t home = slots_home(s, v);
        CHECK(home <= i && home < s->homes);
        for (uint64_t j = home; j < i && !unit_failed; j++)
            CHECK(s->v[j] != 0);
        last = v;
    }
    CHECK(n == s->n && n <= s->room);
    for (unsigned i = 1; i <= SLOTS_AT_A_TIME; i++)
        CHECK(s->v[s->end - i] == 0);
}

/* 1: new, 0: there, -1. */
static int put(struct slots *s, uint64_t value)
{
    struct err e = { 0 };
    if (*slots_seek(s, value) == value)
        return 0;
    if (slots_full(s) && slots_reserve(s, &e))
        return -1;
    slots_put(s, slots_seek(s, value), value);
    return 1;
}

static uint64_t odd(uint64_t i)
{
    return i * 0x9e3779b97f4a7c15;
}

static uint64_t rising(uint64_t i)
{
    return (i + 1) << 20;
}

static uint64_t falling(uint64_t i)
{
    return UINT64_MAX - i;
}

static uint64_t one_home(uint64_t i)
{
    return ((uint64_t)1 << 63) + odd(i) % ((uint64_t)1 << 34);
}

static uint64_t both_ends(uint64_t i)
{
    return i % 2 ? UINT64_MAX - i : 1 + i;
}

static uint64_t clusters(uint64_t i)
{
    return odd(i % 64) + i / 64 + 1;
}

TEST("values keep their order through growth, wherever their homes are")
{
    static const struct {
        uint64_t (*value)(uint64_t);
        uint64_t n;
    } cases[] = {
        { odd, 1500000 },   { rising, 4000 },    { falling, 4000 },
        { one_home, 4000 }, { both_ends, 4000 }, { clusters, 40000 },
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct budget b = { 0 };
        struct slots s;
        uint64_t n = cases[c].n, check = 1;
        slots_init(&s, &b);
        CHECK(*slots_seek(&s, 5) == 0);
        for (uint64_t i = 1; i <= n && !unit_failed; i++) {
            CHECK(put(&s, cases[c].value(i)) == 1);
            if (i == check) {
                check_table(&s);
                check = check * 5 / 4 + 1;
            }
        }
        check_table(&s);
        for (uint64_t i = 1; i <= n && !unit_failed; i++)
            CHECK(put(&s, cases[c].value(i)) == 0);
        CHECK(s.n == n && b.used == s.mem.cap);
        slots_free(&s);
        CHECK(b.used == 0);
    }
}

TEST("values that crowd at one place do not blow the table up")
{
    struct budget b = { 0 };
    struct slots s;
    slots_init(&s, &b);
    for (uint64_t i = 0; i < 5000 && !unit_failed; i++)
        CHECK(put(&s, UINT64_MAX - i) == 1);
    CHECK(b.used < (size_t)1 << 20);
    slots_free(&s);
}

TEST("a large table is more than half full and at most four fifths")
{
    struct budget b = { 0 };
    struct slots s;
    slots_init(&s, &b);
    for (uint64_t i = 1; i <= 3000000 && !unit_failed; i++) {
        put(&s, odd(i));
        if (i > 1000000 && i % 1000 == 0)
            CHECK(b.used <= i * 8 * 2 && b.used >= i * 8 * 5 / 4);
    }
    slots_free(&s);
}

TEST("a table past its budget stays as it was")
{
    struct budget b = { .max = (size_t)3 << 20 };
    struct slots s;
    uint64_t i = 1;
    slots_init(&s, &b);
    while (put(&s, odd(i)) == 1)
        i++;
    CHECK(s.n == i - 1 && i > 100000 && b.used <= b.max);
    check_table(&s);
    for (uint64_t j = 1; j < i && !unit_failed; j++)
        CHECK(put(&s, odd(j)) == 0);
    slots_free(&s);
}

/* ---- words ---- */

TEST("3,000,000 words, new once each, in any order")
{
    enum { N = 1500000 };
    struct budget b = { 0 };
    struct wordset w;
    struct err e = { 0 };
    unsigned char *seen = calloc(N, 1);
    size_t n = 0;
    wordset_init(&w, &b);
    for (size_t i = 0; i < 2 * N && !unit_failed; i++) {
        size_t id = rnd() % N;
        /* Some next to each other, some far apart. */
        uint64_t word = id % 3 ? id + 1 : (id + 1) << 40 | id;
        uint64_t hash = wordset_hash(&w, word);
        CHECK(hash != 0);
        CHECK(wordset_insert(&w, hash, &e) == !seen[id]);
        n += !seen[id];
        seen[id] = 1;
    }
    CHECK(w.slots.n == n);
    check_table(&w.slots);
    wordset_free(&w);
    CHECK(b.used == 0);
    free(seen);
}

/* The way back from a hash, which shows that no two words share one. */
static uint64_t inverse(uint64_t odd_number)
{
    uint64_t x = odd_number; /* Newton's iteration: right bits double */
    for (int i = 0; i < 6; i++)
        x *= 2 - odd_number * x;
    return x;
}

TEST("the hash of a word can be undone, so it is the word's own")
{
    struct budget b = { 0 };
    struct wordset w;
    wordset_init(&w, &b);
    uint64_t back[2] = { inverse(w.mul[0]), inverse(w.mul[1]) };
    for (int i = 0; i < 100000 && !unit_failed; i++) {
        uint64_t word = i < 64 ? (uint64_t)1 << i : rnd();
        uint64_t x = (wordset_hash(&w, word) ^ w.zero) * back[1];
        x = (x ^ x >> 32) * back[0];
        CHECK((x ^ w.add) == word);
    }
    CHECK(wordset_hash(&w, 0) == 0);
    wordset_free(&w);
}

TEST("words that differ little are spread all the same")
{
    struct budget b = { 0 };
    for (unsigned shift = 0; shift < 54; shift += 3) {
        struct wordset w;
        struct err e = { 0 };
        unsigned far = 0;
        wordset_init(&w, &b);
        for (uint64_t i = 1; i <= 1000; i++)
            wordset_insert(&w, wordset_hash(&w, i << shift), &e);
        for (uint64_t i = 0; i < w.slots.end; i++)
            if (w.slots.v[i] && i - slots_home(&w.slots, w.slots.v[i]) > 30)
                far++;
        CHECK(far < 100);
        wordset_free(&w);
    }
}

/* ---- keys, against a set that is known by construction ---- */

/* Writes key number id, which is no other's: below 2^16 as few bytes as hold
 * it, then longer and longer ones, alike but for the place of the number. */
static struct str key_of(uint32_t id, char *out)
{
    static const size_t lengths[] = { 4,   5,   8,    16,  31,  126,   127,
                                      128, 129, 1000, 240, 241, 16383, 16384 };
    if (id == 0)
        return (struct str){ out, 0 };
    if (id < 1u << 16) {
        memcpy(out, &(uint16_t){ (uint16_t)id }, 2);
        return (struct str){ out, id < 256 ? 1 : 2 };
    }
    /* The very long ones are rare. */
    size_t kind = id % 1024 < 1020 ? id % 5 : 5 + id / 1024 % 9;
    size_t n = lengths[kind];
    memset(out, id % 2 ? 0 : 'x', n);
    memcpy(out + (id % 3 ? n - 4 : 0), &id, 4);
    return (struct str){ out, n };
}

static void differ(bool numbered, unsigned hash_bits)
{
    enum { N = 700000 };
    static char text[20000];
    struct budget b = { 0 };
    struct keyset k;
    struct err e = { 0 };
    uint32_t *number = calloc(N, sizeof(*number)), n = 0;
    if (numbered)
        keyset_init(&k, &b);
    else
        keyset_init_unnumbered(&k, &b);
    /* Where few bits of the hash are left, equal tags abound. */
    size_t rounds = hash_bits < 64 ? 20000 : 2 * N;
    uint64_t mask = hash_bits < 64 ? ~(UINT64_MAX >> hash_bits) : UINT64_MAX;
    for (size_t i = 0; i < rounds && !unit_failed; i++) {
        uint32_t id = (uint32_t)(rnd() % (rounds / 2)), got = 99;
        struct str key = key_of(id, text);
        struct hash128 h = keyset_hash(&k, key);
        h.hi &= mask;
        CHECK(keyset_find(&k, h, key, &got) == (number[id] != 0));
        CHECK(got == (number[id] ? numbered ? number[id] - 1 : 0 : 99));
        keyset_prefetch(&k, h);
        keyset_prefetch_key(&k, h);
        CHECK(keyset_insert(&k, h, key, &got, &e) == (number[id] == 0));
        if (number[id] == 0)
            number[id] = ++n;
        CHECK(got == (numbered ? number[id] - 1 : 0));
    }
    CHECK(k.n == n);
    check_table(&k.slots);
    keyset_free(&k);
    CHECK(b.used == 0);
    free(number);
}

TEST("1,400,000 keys of 0 to 16,384 bytes: new once each, numbered in order")
{
    differ(true, 64);
}

TEST("the same without numbers")
{
    differ(false, 64);
}

TEST("keys of equal hashes are told apart, and found again after growth")
{
    differ(true, 0);
    differ(false, 3);
    differ(true, 9);
}

UNIT_MAIN
