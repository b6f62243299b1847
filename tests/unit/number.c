#include "unit.h"

#include "json/key.h"
#include "json/number.h"

static int cmp(const char *a, const char *b)
{
    int c = number_cmp(str_of(a), str_of(b));
    return (c > 0) - (c < 0);
}

TEST("numbers compare by value at any length")
{
    CHECK(cmp("1", "1.0") == 0);
    CHECK(cmp("1", "1e0") == 0);
    CHECK(cmp("10", "1e1") == 0);
    CHECK(cmp("100e-2", "1") == 0);
    CHECK(cmp("0", "-0.0e5") == 0);
    CHECK(cmp("12345678901234567890123", "12345678901234567890124") == -1);
    CHECK(cmp("-12345678901234567890123", "-12345678901234567890124") == 1);
    CHECK(cmp("0.1", "0.10000000000000000000001") == -1);
    CHECK(cmp("9", "10") == -1);
    CHECK(cmp("-1", "1") == -1);
    CHECK(cmp("-0", "1") == -1);
    CHECK(cmp("1e400", "1e399") == 1);
    CHECK(cmp("0.001", "0.01") == -1);
    CHECK(cmp("1.5", "1.50000") == 0);
    CHECK(cmp("1200", "12e2") == 0);
    CHECK(cmp("-3", "0") == -1);
}

TEST("whole numbers are told from others by value")
{
    CHECK(number_is_integer(STR("1.0")));
    CHECK(number_is_integer(STR("1e3")));
    CHECK(number_is_integer(STR("1.5e1")));
    CHECK(number_is_integer(STR("-0.0")));
    CHECK(!number_is_integer(STR("1.5")));
    CHECK(!number_is_integer(STR("1e-1")));
    CHECK(number_is_integer(STR("100e-2")));
}

TEST("64-bit integers are exact to their ends")
{
    int64_t v;
    CHECK(number_to_i64(STR("9223372036854775807"), &v) && v == INT64_MAX);
    CHECK(number_to_i64(STR("-9223372036854775808"), &v) && v == INT64_MIN);
    CHECK(!number_to_i64(STR("9223372036854775808"), &v));
    CHECK(!number_to_i64(STR("-9223372036854775809"), &v));
    CHECK(!number_to_i64(STR("18446744073709551616"), &v));
    CHECK(number_to_i64(STR("1.2e1"), &v) && v == 12);
    CHECK(number_to_i64(STR("-0"), &v) && v == 0);
    CHECK(!number_to_i64(STR("0.5"), &v));
    CHECK(!number_to_i64(STR("1e30"), &v));
    CHECK(number_scaled_i64(STR("12.345"), 3, &v) && v == 12345);
    CHECK(!number_scaled_i64(STR("12.345"), 2, &v));
    CHECK(number_scaled_i64(STR("-0.05"), 2, &v) && v == -5);
    CHECK(number_scaled_i64(STR("7"), 2, &v) && v == 700);
}

/* The key of a value, or NULL. */
static const char *key_of(const char *text, size_t *n)
{
    static struct buf b[2];
    static int turn;
    turn = !turn;
    buf_reset(&b[turn]);
    if (key_add(&b[turn], json_val(str_of(text))))
        return NULL;
    *n = b[turn].n;
    return b[turn].p;
}

static bool same(const char *a, const char *b)
{
    size_t n, m;
    const char *x = key_of(a, &n), *y = key_of(b, &m);
    return x && y && n == m && memcmp(x, y, n) == 0;
}

TEST("keys are equal exactly if the values are")
{
    CHECK(same("1", "1.0") && same("1", "1e0") && same("0", "-0"));
    CHECK(!same("\"1\"", "1"));
    CHECK(same("\"ab\"", "\"a\\u0062\""));
    CHECK(same("\"/\"", "\"\\/\""));
    CHECK(!same("\"e\xcc\x81\"", "\"\xc3\xa9\""));
    CHECK(!same("null", "\"null\"") && !same("true", "false"));
    CHECK(same("[1, 2]", "[1.0,2]") && !same("[1,2]", "[2,1]"));
    CHECK(same("{\"a\":1,\"b\":2}", "{\"b\":2.0, \"a\":1}"));
    CHECK(same("{\"a\":1,\"a\":2}", "{\"a\":2}"));
    CHECK(!same("{\"a\":1}", "{\"a\":1,\"b\":null}"));
    CHECK(!same("[[1],2]", "[[1,2]]"));
    CHECK(!same("\"\\ud800\"", "\"\\ud801\""));
    CHECK(!same("{}", "[]"));
}

TEST("a composite key cannot be confused by where its parts end")
{
    struct buf a = { 0 }, b = { 0 };
    key_add(&a, json_val(STR("\"x\"")));
    key_add(&a, json_val(STR("\"yz\"")));
    key_add(&b, json_val(STR("\"xy\"")));
    key_add(&b, json_val(STR("\"z\"")));
    CHECK(!str_eq(buf_str(&a), buf_str(&b)));
    buf_reset(&a);
    buf_reset(&b);
    key_add(&a, (struct val){ JSON_MISSING, { "", 0 } });
    key_add(&b, json_val(STR("null")));
    CHECK(!str_eq(buf_str(&a), buf_str(&b)));
    buf_free(&a);
    buf_free(&b);
}

TEST("numbers outside the range of keys are refused, not rounded")
{
    size_t n;
    CHECK(key_of("1e6144", &n) != NULL);
    CHECK(key_of("1e6145", &n) == NULL);
    CHECK(key_of("1e-6145", &n) == NULL);
    CHECK(key_of("1e99999999999999999999", &n) == NULL);
    CHECK(key_of("0e99999999999999999999", &n) != NULL);
}

UNIT_MAIN
