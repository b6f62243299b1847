#include "json/visible.h"

#include "json/utf8.h"

#include <stdint.h>

/* Of a well-formed character of n bytes. */
static uint32_t code_point(const char *p, size_t n)
{
    static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = (unsigned char)p[0] & first[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3fu);
    return c;
}

/* Controls, what reorders text or cannot be seen, and private use. */
static bool is_treacherous(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xe000 && c <= 0xf8ff) || c >= 0xe0000;
}

static void add_named(struct buf *out, uint32_t c)
{
    if (c == '\n' || c == '\t' || c == '\r')
        buf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    else if (c < 0x80)
        buf_addf(out, "\\x%02x", c);
    else
        buf_addf(out, "\\u{%x}", c);
}

static void add_json(struct buf *out, uint32_t c)
{
    if (c < 0x10000)
        buf_addf(out, "\\u%04x", c);
    else
        buf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10),
                 0xdc00 + (c & 0x3ff));
}

/* What stands, in front of p: is written in one piece. */
static void add_plain(struct buf *out, const char **from, const char *p)
{
    buf_add(out, *from, (size_t)(p - *from));
    *from = p;
}

enum as { TEXT, LINES, JSON };

static bool stands(uint32_t c, enum as as)
{
    return !is_treacherous(c) || (c == '\n' && as == LINES) ||
           (c < 0x20 && as == JSON); /* white space */
}

static int add(struct buf *out, struct str s, enum as as)
{
    const char *from = s.p, *end = s.p + s.n;
    for (const char *p = s.p; p < end;) {
        size_t n = utf8_char(p, end);
        uint32_t c = n ? code_point(p, n) : 0;
        if (n && stands(c, as)) {
            p += n;
            continue;
        }
        add_plain(out, &from, p);
        if (n && as == JSON)
            add_json(out, c);
        else if (n)
            add_named(out, c);
        else if (as == JSON)
            buf_addz(out, "\\ufffd");
        else
            buf_addf(out, "\\x%02x", (unsigned char)*p);
        p += n ? n : 1;
        from = p;
    }
    add_plain(out, &from, end);
    return out->failed ? -1 : 0;
}

int visible_text(struct buf *out, struct str s)
{
    return add(out, s, TEXT);
}

int visible_lines(struct buf *out, struct str s)
{
    return add(out, s, LINES);
}

int visible_json(struct buf *out, struct str json)
{
    return add(out, json, JSON);
}

size_t visible_width(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

struct str visible_start(struct str s, size_t n)
{
    if (n >= s.n)
        return s;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return (struct str){ s.p, n };
}
