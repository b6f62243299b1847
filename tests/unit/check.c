#include "unit.h"

#include "json/check.h"

static const char *code_of(const char *text)
{
    struct json_fault f = { 0 };
    return json_check_value(str_of(text), 256, &f) ? f.code : "ok";
}

TEST("every kind of value is accepted")
{
    static const char *const good[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.5",
        "1e400",
        "-12.30E+07",
        "\"\"",
        "\"a\\u00e9\\n\"",
        "{\"a\":[1,{\"b\":null}]}",
        " { \"a\" : 1 , \"b\" : [ ] } ",
        "\"\\ud800\"",
        "[[],{},\"\"]",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        CHECK_STR(code_of(good[i]), "ok");
}

TEST("what is not JSON is refused")
{
    static const char *const bad[] = {
        "",        " ",        "{",          "}",           "[",
        "]",       "[1",       "[1,",        "[1,]",        "[,1]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",       "{1:1}",
        "01",      "-",        "+1",         "1.",          ".5",
        "1e",      "1e+",      "0x1",        "nul",         "nulll",
        "True",    "NaN",      "Infinity",   "\"",          "\"a",
        "\"\\",    "\"\\x\"",  "\"\\u12\"",  "\"\\u12g4\"", "\"\t\"",
        "\"\n\"",  "1 2",      "{} {}",      "[1}",         "{\"a\":1]",
        "'a'",     "[1 2]",    "{\"a\" 1}",  "//",          "\xef\xbb\xbf{}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (strcmp(code_of(bad[i]), "not_json") != 0)
            printf("# accepted or misnamed: %s (%s)\n", bad[i],
                   code_of(bad[i]));
        CHECK_STR(code_of(bad[i]), "not_json");
    }
}

TEST("invalid UTF-8 is named as such, in strings and between tokens")
{
    static const char *const bad[] = {
        "\"\x80\"",
        "\"\xc0\xaf\"",
        "\"\xc3\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe0\x80\x80\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xfe\"",
        "[\xff]",
        "\"abcdefgh\xe2\x82\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_STR(code_of(bad[i]), "invalid_utf8");
}

TEST("a NUL byte is named as such")
{
    struct json_fault f;
    CHECK(json_check_value(STR("\"a\0b\""), 8, &f) == -1);
    CHECK_STR(f.code, "nul_byte");
    CHECK(json_check_value(STR("[1,\0]"), 8, &f) == -1);
    CHECK_STR(f.code, "nul_byte");
    CHECK(f.offset == 3);
}

TEST("depth is bounded without recursion")
{
    static char deep[200001];
    struct json_fault f;
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    CHECK(json_check_value((struct str){ deep, 200000 }, 256, &f) == -1);
    CHECK_STR(f.code, "too_deep");
    CHECK(f.offset == 256);
    CHECK(json_check_value((struct str){ deep, 100000 }, JSON_DEPTH_MAX, &f) ==
          -1);
    CHECK(json_check_value((struct str){ deep + 50000, 100000 }, JSON_DEPTH_MAX,
                           &f) == 0);
    CHECK(json_check_value(STR("[[]]"), 2, &f) == 0);
    CHECK(json_check_value(STR("[[]]"), 1, &f) == -1);
}

TEST("a record is an object, and the offset of a fault is that of the byte")
{
    struct json_fault f;
    CHECK(json_check_object(STR(" {\"a\":1}"), 8, &f) == 0);
    CHECK(json_check_object(STR("[1]"), 8, &f) == -1);
    CHECK_STR(f.code, "not_object");
    CHECK(json_check_object(STR("{\"a\":tru}"), 8, &f) == -1);
    CHECK(f.offset == 5);
}

TEST("every truncated prefix of an object is refused")
{
    struct str whole = STR("{\"a\":[1,2.5e3,\"x\\u00e9\xc3\xa9\"],\"b\":"
                           "{\"c\":true,\"d\":null},\"e\":-0}");
    struct json_fault f;
    for (size_t n = 0; n < whole.n; n++)
        CHECK(json_check_object((struct str){ whole.p, n }, 8, &f) == -1);
    CHECK(json_check_object(whole, 8, &f) == 0);
}

TEST("strings stop at the right byte whatever their length and alignment")
{
    static const char *const stops[] = { "\"", "\\\"", "\xc3\xa9", "\x01" };
    char text[128];
    struct json_fault f;
    for (size_t lead = 0; lead < 16; lead++)
        for (size_t n = 0; n < 40; n++)
            for (size_t k = 0; k < 4; k++) {
                size_t m = 0;
                memset(text, ' ', lead);
                m = lead;
                text[m++] = '"';
                memset(text + m, 'a', n);
                m += n;
                memcpy(text + m, stops[k], strlen(stops[k]));
                m += strlen(stops[k]);
                if (k)
                    text[m++] = '"';
                int r = json_check_value((struct str){ text, m }, 8, &f);
                CHECK(r == (k == 3 ? -1 : 0));
                if (k == 3)
                    CHECK(f.offset == lead + 1 + n);
            }
}

UNIT_MAIN
