#include "unit.h"

#include "json/key.h"
#include "table/fieldkey.h"
#include "table/keyset.h"
#include "table/spool.h"

#include <stdlib.h>

static int insert(struct keyset *k, const char *key, uint32_t *number)
{
    struct err e = { 0 };
    return keyset_insert(k, hash128(str_of(key)), str_of(key), number, &e);
}

TEST("a key is new once and keeps its number")
{
    struct budget b = { 0 };
    struct keyset k;
    uint32_t n;
    keyset_init(&k, &b);
    CHECK(!keyset_find(&k, hash128(STR("a")), STR("a"), &n));
    CHECK(insert(&k, "a", &n) == 1 && n == 0);
    CHECK(insert(&k, "b", &n) == 1 && n == 1);
    CHECK(insert(&k, "a", &n) == 0 && n == 0);
    CHECK(keyset_find(&k, hash128(STR("b")), STR("b"), &n) && n == 1);
    CHECK(k.n == 2);
    keyset_free(&k);
    CHECK(b.used == 0);
}

TEST("the empty key is a key")
{
    struct budget b = { 0 };
    struct keyset k;
    uint32_t n = 9;
    keyset_init(&k, &b);
    CHECK(insert(&k, "", &n) == 1 && n == 0);
    CHECK(insert(&k, "", &n) == 0 && n == 0);
    CHECK(insert(&k, "a", &n) == 1 && n == 1);
    keyset_free(&k);
}

TEST("keys are walked in order of insertion")
{
    struct budget b = { 0 };
    struct keyset k;
    uint32_t n;
    size_t at = 0;
    struct str key;
    char want[16];
    keyset_init(&k, &b);
    CHECK(!keyset_next(&k, &at, &key));
    insert(&k, "", &n);
    for (int i = 1; i < 10000; i++) {
        snprintf(want, sizeof(want), "%d", i);
        insert(&k, want, &n);
    }
    CHECK(keyset_next(&k, &at, &key) && key.n == 0);
    for (int i = 1; i < 10000 && !unit_failed; i++) {
        snprintf(want, sizeof(want), "%d", i);
        CHECK(keyset_next(&k, &at, &key) && str_eq(key, str_of(want)));
    }
    CHECK(!keyset_next(&k, &at, &key));
    keyset_free(&k);
}

TEST("keys of one hash are told apart by their bytes")
{
    struct budget b = { 0 };
    struct keyset k;
    struct err e = { 0 };
    struct hash128 h = { 1, UINT64_MAX }; /* the last slot: probing wraps */
    keyset_init(&k, &b);
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t n;
        struct str key = { (char *)&i, sizeof(i) };
        CHECK(keyset_insert(&k, h, key, &n, &e) == 1 && n == i);
        if (unit_failed)
            break;
    }
    for (uint32_t i = 0; i < 5000; i += 7) {
        uint32_t n;
        struct str key = { (char *)&i, sizeof(i) };
        CHECK(keyset_insert(&k, h, key, &n, &e) == 0 && n == i);
    }
    keyset_free(&k);
}

TEST("400,000 keys survive growth with their numbers and bytes")
{
    enum { N = 400000 };
    struct budget b = { 0 };
    struct keyset k;
    uint32_t n;
    char key[64];
    keyset_init(&k, &b);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < N && !unit_failed; i++) {
            snprintf(key, sizeof(key), "key-%.*s-%u", (int)(i % 30),
                     "..............................", i);
            CHECK(insert(&k, key, &n) == (round == 0) && n == i);
        }
    }
    CHECK(k.n == N);
    CHECK(b.used > 0 && b.used < (size_t)N * 64);
    keyset_free(&k);
    CHECK(b.used == 0);
}

TEST("past the budget an insertion fails and the set stays as it was")
{
    struct budget b = { .max = 1 << 20 };
    struct keyset k;
    struct err e = { 0 };
    uint32_t n, i = 0;
    char key[32];
    keyset_init(&k, &b);
    for (;; i++) {
        snprintf(key, sizeof(key), "key %u", i);
        if (keyset_insert(&k, hash128(str_of(key)), str_of(key), &n, &e) < 0)
            break;
        CHECK(n == i);
    }
    CHECK(e.code == ERR_CONFIG);
    CHECK(strstr(e.msg, "1 MiB") != NULL);
    CHECK(i > 10000 && k.n == i && b.used <= b.max);
    CHECK(insert(&k, "key 0", &n) == 0 && n == 0);
    snprintf(key, sizeof(key), "key %u", i - 1);
    CHECK(insert(&k, key, &n) == 0 && n == i - 1);
    keyset_free(&k);
}

TEST("a region keeps its bytes as it grows past huge pages")
{
    struct budget b = { 0 };
    struct region r = { .budget = &b };
    struct err e = { 0 };
    for (uint32_t i = 0; i < 3000000; i++)
        if (region_add(&r, &i, sizeof(i), &e))
            break;
    CHECK(r.n == 3000000 * sizeof(uint32_t) && b.used == r.cap);
    const uint32_t *v = (const uint32_t *)(void *)r.p;
    for (uint32_t i = 0; i < 3000000 && !unit_failed; i++)
        CHECK(v[i] == i);
    region_free(&r);
    CHECK(b.used == 0 && r.p == NULL && r.budget == &b);
}

/* ---- keys of records ---- */

/* The key of record by lists, as bytes; freed by the caller. */
static struct buf key_by(const char *list, const char *record,
                         enum fieldkey_result *result, size_t *part)
{
    struct fieldkey k = { 0 };
    struct err e = { 0 };
    struct buf out = { 0 };
    CHECK(fieldkey_init(&k, &list, list ? 1 : 0, &e) == 0);
    buf_reset(&k.key);
    CHECK(fieldkey_make(&k, str_of(record), NULL, result, part, &e) == 0);
    buf_add_str(&out, buf_str(&k.key));
    fieldkey_free(&k);
    return out;
}

static bool same_key(const char *list, const char *a, const char *b)
{
    enum fieldkey_result r;
    size_t part;
    struct buf x = key_by(list, a, &r, &part), y = key_by(list, b, &r, &part);
    bool same = str_eq(buf_str(&x), buf_str(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

TEST("numbers are one key by value, strings by characters, never across types")
{
    static const char *const same[][2] = {
        { "1", "1.0" },
        { "1", "1e0" },
        { "0", "-0" },
        { "0", "0e999" },
        { "1200", "12e2" },
        { "-1.50", "-15e-1" },
        { "\"ab\"", "\"a\\u0062\"" },
        { "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
        { "\"a/b\"", "\"a\\/b\"" },
        { "[1,2]", "[ 1.0, 2 ]" },
        { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}" },
        { "{\"a\":0,\"a\":1}", "{\"a\":1}" },
        { "123456789012345678901234567890",
          "123456789012345678901234567890.0" },
    };
    static const char *const different[][2] = {
        { "1", "\"1\"" },
        { "1", "true" },
        { "null", "\"null\"" },
        { "0", "false" },
        { "\"\"", "null" },
        { "[]", "{}" },
        { "[1,2]", "[2,1]" },
        { "[[1],2]", "[1,[2]]" },
        { "\"a\"", "\"A\"" },
        { "\"e\xcc\x81\"", "\"\xc3\xa9\"" },
        { "123456789012345678901", "123456789012345678902" },
        { "0.1", "0.1000000000000000055511151231257827" },
        { "{\"a\":null}", "{}" },
    };
    char a[200], b[200];
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        snprintf(a, sizeof(a), "{\"k\":%s}", same[i][0]);
        snprintf(b, sizeof(b), "{\"x\":0, \"k\" : %s }", same[i][1]);
        CHECK(same_key("k", a, b));
    }
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        snprintf(a, sizeof(a), "{\"k\":%s}", different[i][0]);
        snprintf(b, sizeof(b), "{\"k\":%s}", different[i][1]);
        CHECK(!same_key("k", a, b));
    }
}

TEST("parts of a composite key do not run together")
{
    CHECK(!same_key("a,b", "{\"a\":\"x\",\"b\":\"yz\"}",
                    "{\"a\":\"xy\",\"b\":\"z\"}"));
    CHECK(!same_key("a,b", "{\"a\":1}", "{\"b\":1}"));
    CHECK(!same_key("a,b", "{\"a\":1,\"b\":null}", "{\"a\":1}"));
    CHECK(same_key("a,b.c[1]", "{\"b\":{\"c\":[0,7]},\"a\":1}",
                   "{\"a\":1e0,\"b\":{\"c\":[1,7.0,8]}}"));
}

TEST("without fields the whole record is the key, by value")
{
    CHECK(same_key(NULL, "{\"a\":1,\"b\":[2]}", "{ \"b\":[2.0],\"a\":1 }"));
    CHECK(!same_key(NULL, "{\"a\":1}", "{\"a\":1,\"b\":null}"));
}

TEST("the first null or missing part is named, and the key is there all the "
     "same")
{
    enum fieldkey_result r;
    size_t part = 9;
    struct buf k = key_by("a,b,c", "{\"a\":1,\"c\":null}", &r, &part);
    CHECK(r == FIELDKEY_NULL && part == 1 && k.n > 0);
    buf_free(&k);
}

TEST("a key has a word or bytes, and a null part is named either way")
{
    struct fieldkey k = { 0 };
    struct err e = { 0 };
    enum fieldkey_result r;
    size_t part;
    const char *list = "a,b";
    CHECK(fieldkey_init(&k, &list, 1, &e) == 0);
    CHECK(fieldkey_use_words(&k, &e) == 0);
    CHECK(fieldkey_make(&k, STR("{\"a\":\"x12\",\"b\":34}"), NULL, &r, &part,
                        &e) == 0);
    CHECK(r == FIELDKEY_OK && k.word != 0 && k.key.n == 0);
    CHECK(fieldkey_make(&k, STR("{\"a\":12345678,\"b\":null}"), NULL, &r, &part,
                        &e) == 0);
    CHECK(r == FIELDKEY_NULL && part == 1 && k.word != 0 && k.key.n == 0);
    CHECK(fieldkey_make(&k, STR("{\"b\":\"many letters\"}"), NULL, &r, &part,
                        &e) == 0);
    CHECK(r == FIELDKEY_NULL && part == 0 && k.word == 0 && k.key.n > 0);
    fieldkey_free(&k);
}

TEST("a number outside the range where keys compare is told, not compared")
{
    enum fieldkey_result r;
    size_t part;
    struct buf k = key_by("a,b", "{\"a\":1,\"b\":1e7000}", &r, &part);
    CHECK(r == FIELDKEY_RANGE && part == 1);
    buf_free(&k);
}

TEST("a record of the deepest nesting allowed can be a key, a deeper one is "
     "told")
{
    char record[1200];
    for (size_t depth = 255; depth <= 257; depth++) {
        size_t n = 0;
        for (size_t i = 0; i < depth; i++)
            n += (size_t)sprintf(record + n, "%s", i ? "[" : "{\"a\":");
        record[n++] = '1';
        for (size_t i = 0; i < depth; i++)
            record[n++] = i + 1 < depth ? ']' : '}';
        record[n] = '\0';
        enum fieldkey_result r;
        size_t part;
        struct buf k = key_by(NULL, record, &r, &part);
        CHECK(r == (depth <= 256 ? FIELDKEY_OK : FIELDKEY_DEEP));
        buf_free(&k);
    }
}

TEST("a key field given twice is refused")
{
    struct fieldkey k = { 0 };
    struct err e = { 0 };
    const char *lists[] = { "a,b", "a" };
    CHECK(fieldkey_init(&k, lists, 2, &e) == -1);
    CHECK(e.code == ERR_USAGE);
    CHECK_STR(e.msg, "key field 'a' is given twice");
    fieldkey_free(&k);
}

/* ---- spool ---- */

TEST("records come back from the spool as they went in")
{
    enum { N = 2000 };
    struct spool s;
    struct err e = { 0 };
    static char big[700000];
    static uint64_t places[N];
    memset(big, 'x', sizeof(big));
    const char *dir = getenv("TMPDIR");
    CHECK(spool_open(&s, dir ? dir : "/tmp", &e) == 0);
    for (uint32_t i = 0; i < N; i++) {
        size_t n = i % 500 == 499 ? sizeof(big) : i % 3000;
        CHECK(spool_add(&s, i ^ 5, (struct str){ big, n }, &places[i], &e) ==
              0);
    }
    CHECK(spool_rewind(&s, &e) == 0);
    uint32_t number;
    struct str record;
    uint64_t at;
    for (uint32_t i = 0; i < N && !unit_failed; i++) {
        size_t n = i % 500 == 499 ? sizeof(big) : i % 3000;
        CHECK(spool_next(&s, &number, &record, &at, &e) == 1);
        CHECK(number == (i ^ 5) && record.n == n && at == places[i]);
        CHECK(n == 0 || memcmp(record.p, big, n) == 0);
    }
    CHECK(spool_next(&s, &number, &record, &at, &e) == 0);
    spool_close(&s);
}

TEST("a spool in a folder that is not there fails with its name")
{
    struct spool s;
    struct err e = { 0 };
    CHECK(spool_open(&s, "/nowhere/at/all", &e) == -1);
    CHECK(e.code == ERR_CANTCREAT);
    CHECK(strstr(e.msg, "'/nowhere/at/all'") != NULL);
    spool_close(&s);
}

UNIT_MAIN
