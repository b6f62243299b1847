#include "unit.h"

#include "json/order.h"
#include "json/pointer.h"

static int order(const char *a, const char *b)
{
    int o = 99;
    int r = order_cmp(json_val(str_of(a)), json_val(str_of(b)), &o);
    return r ? r * 100 : (o > 0) - (o < 0);
}

TEST("values of every type stand in jq's order")
{
    static const char *const up[] = {
        "",
        "null",
        "false",
        "true",
        "-1e400",
        "-2",
        "-1.5",
        "0",
        "0.1",
        "0.10000000000000000001",
        "1",
        "9007199254740992",
        "9007199254740993",
        "12345678901234567890123",
        "1e400",
        "\"\"",
        "\"10\"",
        "\"9\"",
        "\"A\"",
        "\"a\"",
        "\"a\\u0000\"",
        "\"aa\"",
        "\"\\u00e9\"",
        "\"\xef\xbf\xbd\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "[null]",
        "[1]",
        "[1,null]",
        "[1,2]",
        "[[]]",
        "{}",
        "{\"a\":2}",
        "{\"a\":1,\"b\":0}",
        "{\"b\":3,\"a\":1,\"a\":2}",
        "{\"a\":1,\"c\":0}",
        "{\"b\":0}",
    };
    enum { N = sizeof(up) / sizeof(up[0]) };
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            int want = i < j ? -1 : i > j;
            if (order(up[i], up[j]) != want)
                printf("# %s against %s\n", up[i], up[j]);
            CHECK(order(up[i], up[j]) == want);
        }
    }
}

TEST("values that are equal have no order, however they are spelled")
{
    CHECK(order("1", "1.0") == 0 && order("1e2", "100") == 0);
    CHECK(order("-0", "0.00") == 0);
    CHECK(order("\"ab\"", "\"a\\u0062\"") == 0);
    CHECK(order("[1, \"x\"]", "[1.0,\"\\u0078\"]") == 0);
    CHECK(order("{\"a\":1,\"b\":2}", "{\"b\":2.0,\"\\u0061\":1}") == 0);
}

TEST("nesting beyond the limit is an error, not a crash")
{
    static char a[20001], b[20001];
    memset(a, '[', 10000);
    memset(a + 10000, ']', 10000);
    memcpy(b, a, sizeof(a));
    b[9999] = '1'; /* differs at the bottom only */
    CHECK(order(a, b) == -300);
}

TEST("a path is reported as a JSON Pointer")
{
    static const char *const cases[][2] = {
        { "a", "/a" }, { "a.b[0]", "/a/b/0" }, { "/x~1y/~0z/2", "/x~1y/~0z/2" },
        { "", "" },    { "a.x~y", "/a/x~0y" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct path p;
        struct err e = { 0 };
        struct buf out = { 0 };
        CHECK(path_parse(&p, str_of(cases[i][0]), &e) == 0);
        CHECK(pointer_add(&out, &p) == 0);
        CHECK_STR(buf_z(&out), cases[i][1]);
        buf_free(&out);
        path_free(&p);
    }
}

static struct order_key key_of(const char *text)
{
    static char room[8][128];
    static unsigned turn;
    char *p = room[turn++ % 8];
    memset(p, '7', 128); /* what stands behind must not matter */
    memcpy(p, text, strlen(text));
    struct val v = json_val(str_of(text));
    v.raw.p = p;
    return order_key_of(v);
}

TEST("where short keys tell the order of two values, it is the order")
{
    static const char *const values[] = {
        "null",
        "true",
        "-999999999999999999",
        "-1.5",
        "-1",
        "-0.000000000000000001",
        "0",
        "-0.0",
        "0.10",
        "0.1",
        "0.123456789",
        "1",
        "1.00",
        "1.01",
        "12345678",
        "123456789",
        "1234567.8",
        "12345678.9",
        "123456789012345",
        "1234567890123456",
        "12345678901234567",
        "99999999999999999.9",
        "999999999999999999",
        "1000000000000000000",
        "1e2",
        "\"\"",
        "\"!\"",
        "\"a\"",
        "\"a!\"",
        "\"abcdefg\"",
        "\"abcdefgh\"",
        "\"abcdefgh!\"",
        "\"abcdefghi\"",
        "\"abcdefghijklmno\"",
        "\"abcdefghijklmnop\"",
        "\"abcdefghijklmnopq\"",
        "\"abcdefghijklmnopr\"",
        "\"b\"",
        "\"\xc3\xa9\"",
        "\"\xf0\x9f\x98\x80\"",
        "[]",
    };
    const size_t n = sizeof(values) / sizeof(*values);
    unsigned told = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            int have = 99;
            if (!order_keys_cmp(key_of(values[i]), key_of(values[j]), &have))
                continue;
            if (have != order(values[i], values[j]))
                printf("# %s %s\n", values[i], values[j]);
            CHECK(have == order(values[i], values[j]));
            told++;
        }
    }
    /* All pairs of plain numbers, and of strings but where both are the long
     * ones or one is a long one's beginning. */
    CHECK(told == 20 * 20 + 15 * 15 - 8);
}

UNIT_MAIN
