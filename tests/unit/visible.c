/* Text for terminals. */
#include "json/visible.h"

#include "json/check.h"
#include "json/utf8.h"
#include "json/value.h"
#include "unit.h"

#include <stdint.h>

static const char *shown(int (*how)(struct buf *, struct str), struct str s)
{
    static struct buf b;
    buf_reset(&b);
    CHECK(how(&b, s) == 0);
    return buf_z(&b);
}

TEST("text that is harmless stays as it is")
{
    static const char text[] = "a \"b\" \\ caf\xc3\xa9 \xf0\x9f\x98\x80 {}";
    CHECK_STR(shown(visible_text, str_of(text)), text);
    CHECK_STR(shown(visible_lines, str_of(text)), text);
    CHECK_STR(shown(visible_json, str_of(text)), text);
    CHECK_STR(shown(visible_text, STR("")), "");
}

TEST("controls, directions and bytes that are no text are named")
{
    CHECK_STR(shown(visible_text, STR("\x1b[31m\a\0\x7f|\n\t\r")),
              "\\x1b[31m\\x07\\x00\\x7f|\\n\\t\\r");
    CHECK_STR(shown(visible_lines, STR("a\n\x1b"
                                       "b")),
              "a\n\\x1bb");
    CHECK_STR(
        shown(visible_text, STR("\xc2\x9b"
                                "5m\xe2\x80\xae\xef\xbb\xbf\xf3\xa0\x80\x81")),
        "\\u{9b}5m\\u{202e}\\u{feff}\\u{e0001}");
    CHECK_STR(shown(visible_text, STR("\xff|\xed\xa0\x80|\xe2\x80")),
              "\\xff|\\xed\\xa0\\x80|\\xe2\\x80");
}

TEST("JSON keeps its meaning")
{
    CHECK_STR(shown(visible_json, STR("{\"a\":\"\x7f\xc2\x9b\xe2\x80\xae"
                                      "\xf3\xa0\x80\x81\xff\"}\n")),
              "{\"a\":\"\\u007f\\u009b\\u202e\\udb40\\udc01\\ufffd\"}\n");
    /* Every character, one by one. */
    struct buf text = { 0 }, line = { 0 }, back = { 0 };
    for (uint32_t c = 1; c < 0x110000; c++) {
        char u[5] = { 0 };
        if (c >= 0xd800 && c < 0xe000)
            continue;
        if (c < 0x80)
            u[0] = (char)c;
        else if (c < 0x800)
            u[0] = (char)(0xc0 | c >> 6), u[1] = (char)(0x80 | (c & 63));
        else if (c < 0x10000)
            u[0] = (char)(0xe0 | c >> 12), u[1] = (char)(0x80 | (c >> 6 & 63)),
            u[2] = (char)(0x80 | (c & 63));
        else
            u[0] = (char)(0xf0 | c >> 18), u[1] = (char)(0x80 | (c >> 12 & 63)),
            u[2] = (char)(0x80 | (c >> 6 & 63)), u[3] = (char)(0x80 | (c & 63));
        buf_reset(&text);
        buf_reset(&line);
        buf_reset(&back);
        json_quote(&text, str_of(u));
        visible_json(&line, buf_str(&text));
        struct val v = json_val(buf_str(&line));
        struct str raw = { v.raw.p + 1, v.raw.n - 2 };
        bool same = json_unescape(&back, raw) == 0 &&
                    str_eq(buf_str(&back), str_of(u)) &&
                    utf8_valid(buf_str(&line));
        CHECK(same);
        if (!same)
            break;
    }
    buf_free(&text);
    buf_free(&line);
    buf_free(&back);
}

TEST("a start of a text splits no character")
{
    struct str s = STR("a\xc3\xa9\xf0\x9f\x98\x80z");
    static const size_t want[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8, 8 };
    for (size_t n = 0; n < sizeof(want) / sizeof(*want); n++)
        CHECK(visible_start(s, n).n == want[n]);
    CHECK(visible_width(s) == 4);
}

UNIT_MAIN
