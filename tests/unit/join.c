/* join: times as they compare, rows by key in a table, what a row adds. */
#include "json/key.h"
#include "join/join.h"
#include "unit.h"

#include <stdlib.h>

static struct str s(const char *text)
{
    return str_of(text);
}

/* ---- times ---- */

static enum jointime_result read_time(const char *json, struct jointime *t)
{
    struct buf scratch = { 0 };
    enum jointime_result r =
        jointime_read(json_val(s(json)), NULL, &scratch, t);
    buf_free(&scratch);
    return r;
}

static int order(const char *a, const char *b)
{
    struct jointime x, y;
    CHECK(read_time(a, &x) == JOINTIME_OK);
    CHECK(read_time(b, &y) == JOINTIME_OK);
    return jointime_cmp(x, y);
}

TEST("numbers compare by value, whatever their spelling")
{
    CHECK(order("1", "1.0") == 0);
    CHECK(order("1e3", "1000.00") == 0);
    CHECK(order("-0", "0") == 0);
    CHECK(order("0.000000000000000001", "0") > 0);
    CHECK(order("-1.5", "-1.4") < 0);
    CHECK(order("999999999999999999", "0.999999999999999999") > 0);
    CHECK(order("-999999999999999999", "0.1") < 0);
    CHECK(order("0.5e1", "5") == 0);
    CHECK(order("1.000000000000000000000", "1") == 0);
}

TEST("instants compare across zones, and escapes are read")
{
    CHECK(order("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T01:00:00+01:00\"") ==
          0);
    CHECK(order("\"2026-01-01\"", "\"\\u0032026-01-01T00:00:00.000001Z\"") < 0);
}

TEST("what is no time, or too long, is bad; null and missing are none")
{
    struct jointime t;
    CHECK(read_time("\"soon\"", &t) == JOINTIME_BAD);
    CHECK(read_time("true", &t) == JOINTIME_BAD);
    CHECK(read_time("{}", &t) == JOINTIME_BAD);
    CHECK(read_time("1000000000000000001", &t) == JOINTIME_BAD);
    CHECK(read_time("1e18", &t) == JOINTIME_BAD);
    CHECK(read_time("1e-19", &t) == JOINTIME_BAD);
    CHECK(read_time("1e999999", &t) == JOINTIME_BAD);
    CHECK(read_time("null", &t) == JOINTIME_NONE);
    CHECK(jointime_read((struct val){ JSON_MISSING, STR("") }, NULL, NULL,
                        &t) == JOINTIME_NONE);
}

/* ---- the table ---- */

static uint64_t constant_hash = UINT64_C(0x123456789abcdef0);

/* What json/key.h makes of the string "k1". */
static struct str key_of(int key)
{
    static struct buf b;
    char text[16];
    int n = snprintf(text, sizeof(text), "\"k%d\"", key);
    buf_reset(&b);
    CHECK(key_add(&b, json_val((struct str){ text, (size_t)n })) == 0);
    return buf_str(&b);
}

/* Row number i of the key; all keys have one hash, so that only their bytes
 * tell them apart. */
static int add(struct jointable *t, int key, int row, struct err *e)
{
    char r[16];
    int n = snprintf(r, sizeof(r), ",\"v\":%d", row);
    return jointable_add(t, constant_hash, key_of(key),
                         (struct str){ r, (size_t)n }, NULL, e);
}

/* The rows that key has: "0 7 14", or "several". */
static const char *rows_of(const struct jointable *t, int key)
{
    static char out[200];
    const uint64_t *rows;
    const struct jointable_row *first =
        jointable_find(t, constant_hash, key_of(key));
    *out = '\0';
    if (!first)
        return out;
    int64_t count = jointable_match(t, first, NULL, 0, &rows);
    if (count < 0)
        return "several";
    for (int64_t i = 0; i < count; i++) {
        struct str row =
            jointable_row(t, rows ? jointable_at(t, rows[i]) : first);
        snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%.*s",
                 i ? " " : "", (int)row.n - 5, row.p + 5);
    }
    return out;
}

static void fill(struct jointable *t, enum jointable_multi multi,
                 struct budget *budget)
{
    struct err e = { 0 };
    jointable_init(t, multi, false, budget);
    for (int i = 0; i < 20; i++)
        CHECK(add(t, i % 7, i, &e) == 0);
    CHECK(jointable_freeze(t, &e) == 0);
    CHECK(e.code == ERR_NONE);
}

TEST("keys of one hash are told apart, and several rows go by the choice")
{
    static const struct {
        enum jointable_multi multi;
        const char *zero, *six;
    } cases[] = {
        { JOINTABLE_FIRST, "0", "6" },
        { JOINTABLE_LAST, "14", "13" },
        { JOINTABLE_ALL, "0 7 14", "6 13" },
        { JOINTABLE_FLAG, "several", "several" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct budget budget = { 0 };
        struct jointable t;
        fill(&t, cases[i].multi, &budget);
        CHECK_STR(rows_of(&t, 0), cases[i].zero);
        CHECK_STR(rows_of(&t, 6), cases[i].six);
        CHECK_STR(rows_of(&t, 7), "");
        jointable_free(&t);
        CHECK(budget.used == 0);
    }
}

TEST("a second row of a key is an error where keys are unique")
{
    struct budget budget = { 0 };
    struct jointable t;
    struct err e = { 0 };
    jointable_init(&t, JOINTABLE_FAIL, false, &budget);
    CHECK(add(&t, 1, 1, &e) == 0);
    CHECK(add(&t, 2, 2, &e) == 0);
    CHECK(add(&t, 1, 3, &e) == -1);
    CHECK(e.code == ERR_DATA);
    CHECK_STR(rows_of(&t, 1), "1");
    jointable_free(&t);
}

TEST("rows can be walked as they were added, up to what the budget allows")
{
    struct budget budget = { .max = (size_t)256 << 10 };
    struct jointable t;
    struct err e = { 0 };
    size_t at = 0;
    int n = 0, seen = 0;
    struct str key, row;
    struct jointime time;
    jointable_init(&t, JOINTABLE_ALL, false, &budget);
    while (add(&t, n % 3, n, &e) == 0 && n < 100000)
        n++;
    CHECK(budget.refused && n > 1000 && n < 100000);
    for (; jointable_next(&t, &at, &key, &row, &time); seen++) {
        char want[16];
        snprintf(want, sizeof(want), ",\"v\":%d", seen);
        CHECK(str_eq(row, s(want)));
        CHECK(str_eq(key, key_of(seen % 3)));
    }
    CHECK(seen == n);
    jointable_free(&t);
}

/* ---- what is added ---- */

static const char *added(struct joinrow *r, const char *record)
{
    static struct buf out;
    struct err e = { 0 };
    buf_reset(&out);
    CHECK(joinrow_make(r, s(record), &out, &e) == 0);
    return buf_z(&out);
}

TEST("a row is the members but the key, in the record's order")
{
    struct joinrow r = { 0 };
    struct err e = { 0 };
    struct path key;
    CHECK(path_parse(&key, STR("id"), &e) == 0);
    CHECK(joinrow_init(&r, NULL, 0, NULL, NULL, &key, 1, &e) == 0);
    CHECK_STR(added(&r, "{\"id\":1,\"a\": 1.0 ,\"b\":[ ]}"),
              ",\"a\":1.0,\"b\":[ ]");
    CHECK_STR(added(&r, "{\"b\":2,\"\\u0069d\":1,\"a\":3}"),
              ",\"b\":2,\"a\":3");
    CHECK_STR(added(&r, "{\"a\":1,\"b\":2,\"a\":4}"), ",\"a\":4,\"b\":2");
    CHECK_STR(added(&r, "{\"id\":1}"), "");
    CHECK(joinrow_names(&r) == 2);
    joinrow_free(&r);
    path_free(&key);
}

TEST("chosen fields keep the order of the choice; nested, they are an object")
{
    static const char *const lists[] = { "b AS x, c.d", "a" };
    struct joinrow r = { 0 };
    struct err e = { 0 };
    CHECK(joinrow_init(&r, lists, 2, NULL, "n", NULL, 0, &e) == 0);
    CHECK_STR(added(&r, "{\"a\":1,\"b\":2,\"c\":{\"d\":3}}"),
              ",\"n\":{\"x\":2,\"d\":3,\"a\":1}");
    CHECK_STR(added(&r, "{\"c\":{\"d\":null}}"), ",\"n\":{\"d\":null}");
    CHECK_STR(added(&r, "{}"), ",\"n\":{}");
    CHECK(joinrow_names(&r) == 1);
    joinrow_free(&r);
}

UNIT_MAIN
