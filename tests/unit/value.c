#include "unit.h"

#include "json/value.h"

#include <stdlib.h>

/* What text is quoted, into a buffer that already holds `before` bytes. */
static char *quoted(struct str text, size_t before, size_t max)
{
    struct buf b = { .max = max };
    for (size_t i = 0; i < before; i++)
        CHECK(buf_addc(&b, ' ') == 0);
    if (json_quote(&b, text)) {
        CHECK(b.failed && b.n == before);
        buf_free(&b);
        return NULL;
    }
    char *s = strndup(b.p + before, b.n - before);
    buf_free(&b);
    return s;
}

static void check_quoted(struct str text, const char *want)
{
    for (size_t before = 0; before < 100; before++) {
        char *have = quoted(text, before, 0);
        CHECK_STR(have, want);
        free(have);
    }
}

TEST(
    "text is quoted with the shortest escapes, wherever the buffer has to grow")
{
    check_quoted(STR(""), "\"\"");
    check_quoted(STR("plain, \xc3\xa9 and \x7f"),
                 "\"plain, \xc3\xa9 and \x7f\"");
    check_quoted(STR("{\"a\":\"\\\\\"}"), "\"{\\\"a\\\":\\\"\\\\\\\\\\\"}\"");
    check_quoted(STR("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    check_quoted(((struct str){ "\0\x1f\v", 3 }), "\"\\u0000\\u001f\\u000b\"");
}

TEST("every byte comes back from its quoted form")
{
    char text[256];
    for (int i = 0; i < 256; i++)
        text[i] = (char)i;
    struct buf b = { 0 }, back = { 0 };
    CHECK(json_quote(&b, (struct str){ text, 256 }) == 0);
    CHECK(json_unescape(&back, (struct str){ b.p + 1, b.n - 2 }) == 0);
    CHECK(back.n == 256 && memcmp(back.p, text, 256) == 0);
    buf_free(&b);
    buf_free(&back);
}

TEST("quoted text may fill its buffer to the last byte, and no further")
{
    char *have = quoted(STR("\n\n\"\x01"), 50, 64);
    CHECK_STR(have, "\"\\n\\n\\\"\\u0001\"");
    free(have);
    CHECK(quoted(STR("\n\n\"\x01"), 51, 64) == NULL);
}

UNIT_MAIN
