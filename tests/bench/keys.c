/* bench-keys: records with more keys than fit into memory, and what is to
 * become of them.
 *
 *     bench-keys N           N keys in random order, and one in ten again
 *     bench-keys N dedup     checks the first record of each key, from stdin
 *     bench-keys N sum       checks the sums by key, from stdin
 *
 * A record is {"k":"16 hex digits","v":number}. Key i is a bijection of i, so
 * that all differ and none has to be remembered; its v is i % 1000, that of a
 * repeated key 1000000 and comes later. A check takes records in any order: it
 * compares their number, the sum of v, and the sums of the keys and of keys
 * times v, which no lost, doubled or mixed-up record leaves as they are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATED 1000000u

struct sums {
    uint64_t records, v, keys, products;
};

/* The end of splitmix64 (Steele, Lea and Flood 2014): a bijection. */
static uint64_t key(uint64_t i)
{
    i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
    i = (i ^ i >> 27) * 0x94d049bb133111ebu;
    return i ^ i >> 31;
}

static uint64_t value(uint64_t i)
{
    return i % 1000;
}

/* Behind key i comes again one from the first part of those before it. */
static int repeats(uint64_t i, uint64_t *again)
{
    *again = i / 10;
    return i % 10 == 9;
}

static void count(struct sums *s, uint64_t k, uint64_t v)
{
    s->records++;
    s->v += v;
    s->keys += k;
    s->products += k * (v + 1);
}

static void write_record(uint64_t k, uint64_t v)
{
    static const char hex[] = "0123456789abcdef";
    char line[64] = "{\"k\":\"0123456789abcdef\",\"v\":", *p = line + 6;
    char digits[20];
    size_t n = 0;

    for (int shift = 60; shift >= 0; shift -= 4)
        *p++ = hex[k >> shift & 15];
    p = line + strlen(line);
    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n)
        *p++ = digits[--n];
    memcpy(p, "}\n", 2);
    fwrite_unlocked(line, 1, (size_t)(p + 2 - line), stdout);
}

static int generate(uint64_t n)
{
    uint64_t again;

    for (uint64_t i = 0; i < n && !ferror(stdout); i++) {
        write_record(key(i), value(i));
        if (repeats(i, &again))
            write_record(key(again), REPEATED);
    }
    return fflush(stdout) || ferror(stdout) ? 74 : 0;
}

/* What the records of stdin come to; v is the number at a line's end. */
static int read_sums(struct sums *have)
{
    char line[256];

    while (fgets(line, sizeof(line), stdin)) {
        char *end, *k = strstr(line, "\"k\":\""), *v = strrchr(line, ':');
        if (!k || !v || strlen(k) < 23)
            return -1;
        uint64_t number = strtoull(k + 5, &end, 16);
        if (end != k + 21 || *end != '"')
            return -1;
        uint64_t is = strtoull(v + 1, &end, 10);
        if (end == v + 1 || strcmp(end, "}\n") != 0)
            return -1;
        count(have, number, is);
    }
    return ferror(stdin) ? -1 : 0;
}

static int check(uint64_t n, int sum)
{
    struct sums have = { 0 }, want = { 0 };
    uint64_t again;

    /* Key i comes again behind key 10 i + 9. */
    for (uint64_t i = 0; i < n; i++) {
        uint64_t later = i * 10 + 9;
        int twice = sum && later < n && repeats(later, &again) && again == i;
        count(&want, key(i), value(i) + (twice ? REPEATED : 0));
    }
    if (read_sums(&have)) {
        fputs("bench-keys: a line that is no such record\n", stderr);
        return 65;
    }
    if (memcmp(&have, &want, sizeof(want)) == 0)
        return 0;
    fprintf(stderr,
            "bench-keys: %" PRIu64 " records with sum %" PRIu64
            " instead of %" PRIu64 " with %" PRIu64 "\n",
            have.records, have.v, want.records, want.v);
    return 65;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    uint64_t n = argc > 1 ? strtoull(argv[1], &end, 10) : 0;

    if (argc == 2 && *end == '\0')
        return generate(n);
    if (argc == 3 && *end == '\0' && strcmp(argv[2], "dedup") == 0)
        return check(n, 0);
    if (argc == 3 && *end == '\0' && strcmp(argv[2], "sum") == 0)
        return check(n, 1);
    fputs("usage: bench-keys N [dedup|sum]\n", stderr);
    return 64;
}
