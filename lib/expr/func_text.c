/* Functions of strings that measure, change case, trim and search. */
#include "expr/func.h"
#include "json/utf8.h"

#include <errno.h>
#include <wctype.h>

#define WHOLE_MAX INT64_C(1000000000000) /* for positions and lengths */

/* ---- characters */

size_t text_step(const char *p, const char *end)
{
    size_t n = 1;
    while (p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

size_t text_chars(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

size_t text_offset(struct str s, size_t i)
{
    size_t at = 0;
    for (; at < s.n; at++)
        if (((unsigned char)s.p[at] & 0xc0) != 0x80 && i-- == 0)
            break;
    return at;
}

/* ---- case */

static wint_t decode(const char *p, size_t n)
{
    static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    wint_t c = (unsigned char)p[0] & mask[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 63u);
    return c;
}

static void encode(struct buf *out, wint_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xc0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xe0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(out, (char)(0x80 | (c & 63)));
    } else {
        buf_addc(out, (char)(0xf0 | c >> 18));
        buf_addc(out, (char)(0x80 | (c >> 12 & 63)));
        buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(out, (char)(0x80 | (c & 63)));
    }
}

/* Letters are the same in every environment. */
static int need_letters(struct call *c)
{
    struct expr_set *x = c->x;
    if (!x->letters)
        x->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    if (x->letters)
        return 0;
    if (errno == ENOMEM)
        return -2;
    return expr_faultf(x, c->at, NULL, "expr_locale",
                       "the system has no locale C.UTF-8");
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Appends a character of n bytes (0: a byte of a lone surrogate) in a case;
 * *word tells whether it is a letter or digit. */
static int add_cased(struct call *c, const char *p, size_t n, bool upper,
                     bool *word)
{
    struct buf *out = &c->x->text;
    if (n > 1) {
        int rc = need_letters(c);
        if (rc)
            return rc;
        locale_t l = c->x->letters;
        wint_t w = decode(p, n);
        *word = iswalnum_l(w, l);
        encode(out, upper ? towupper_l(w, l) : towlower_l(w, l));
        return 0;
    }
    char first = upper ? 'a' : 'A';
    bool turn = *p >= first && *p <= first + 25;
    *word = is_alnum(*p);
    buf_addc(out, turn ? (char)(*p ^ 0x20) : *p);
    return 0;
}

enum letter_case { LOWER, UPPER, INITIAL };

static int change_case(struct call *c, enum letter_case to)
{
    struct str s;
    int rc = call_string(c, 0, &s);
    if (rc)
        return rc;
    buf_reserve(call_buf(c), s.n);
    bool inside = false;
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = utf8_char(p, end);
        bool upper = to == UPPER || (to == INITIAL && !inside);
        rc = add_cased(c, p, n, upper, &inside);
        if (rc)
            return rc;
        p += n ? n : 1;
    }
    return call_buf_text(c);
}

static int call_lower(struct call *c)
{
    return change_case(c, LOWER);
}

static int call_upper(struct call *c)
{
    return change_case(c, UPPER);
}

static int call_initcap(struct call *c)
{
    return change_case(c, INITIAL);
}

/* ---- space */

/* Bytes of the character at p if it is one of chars, else 0. */
static size_t one_of(const char *p, const char *end, struct str chars)
{
    size_t n = text_step(p, end);
    const char *q = chars.p, *qend = q + chars.n;
    for (size_t m; q < qend; q += m) {
        m = text_step(q, qend);
        if (m == n && memcmp(p, q, n) == 0)
            return n;
    }
    return 0;
}

static int trim(struct call *c, bool left, bool right)
{
    struct str s, chars = STR(" ");
    int rc = call_string(c, 0, &s);
    if (rc == 0 && c->n > 1)
        rc = call_string(c, 1, &chars);
    if (rc)
        return rc;
    const char *p = s.p, *end = s.p + s.n;
    for (size_t n; left && p < end && (n = one_of(p, end, chars)) > 0;)
        p += n;
    while (right && end > p) {
        const char *last = end - 1;
        while (last > p && ((unsigned char)*last & 0xc0) == 0x80)
            last--;
        if (!one_of(last, end, chars))
            break;
        end = last;
    }
    return call_text(c, (struct str){ p, (size_t)(end - p) });
}

static int call_trim(struct call *c)
{
    return trim(c, true, true);
}

static int call_ltrim(struct call *c)
{
    return trim(c, true, false);
}

static int call_rtrim(struct call *c)
{
    return trim(c, false, true);
}

/* Bytes of the white space at p (Unicode's White_Space), or 0. */
static size_t space_at(const char *p, const char *end)
{
    if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        return 1;
    size_t n = utf8_char(p, end);
    if (n < 2)
        return 0;
    wint_t w = decode(p, n);
    bool space = w == 0x85 || w == 0xa0 || w == 0x1680 ||
                 (w >= 0x2000 && w <= 0x200a) || w == 0x2028 || w == 0x2029 ||
                 w == 0x202f || w == 0x205f || w == 0x3000;
    return space ? n : 0;
}

static int call_squeeze(struct call *c)
{
    struct str s;
    int rc = call_string(c, 0, &s);
    if (rc)
        return rc;
    struct buf *out = call_buf(c);
    buf_reserve(out, s.n);
    bool space = false;
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = space_at(p, end);
        if (n) {
            space = true;
            p += n;
            continue;
        }
        if (space && out->n)
            buf_addc(out, ' ');
        space = false;
        n = text_step(p, end);
        buf_add(out, p, n);
        p += n;
    }
    return call_buf_text(c);
}

/* ---- measures */

static int call_length(struct call *c)
{
    struct str s;
    if (c->args[0].type == JSON_ARRAY) {
        struct json_iter it = json_iter(c->args[0].raw);
        struct val v;
        int64_t count = 0;
        while (json_next(&it, NULL, &v))
            count++;
        return call_i64(c, count);
    }
    if (c->args[0].type != JSON_STRING)
        return call_needs(c, 0, "a string or an array");
    int rc = call_string(c, 0, &s);
    return rc ? rc : call_i64(c, (int64_t)text_chars(s));
}

static int call_char_length(struct call *c)
{
    struct str s;
    int rc = call_string(c, 0, &s);
    return rc ? rc : call_i64(c, (int64_t)text_chars(s));
}

static int call_octet_length(struct call *c)
{
    struct str s;
    int rc = call_string(c, 0, &s);
    return rc ? rc : call_i64(c, (int64_t)s.n);
}

/* ---- parts */

/* Characters from..to of s, 0-based, both within it or behind. */
static int part(struct call *c, struct str s, size_t from, size_t to)
{
    size_t a = text_offset(s, from);
    struct str rest = { s.p + a, s.n - a };
    rest.n = text_offset(rest, to - from);
    return call_text(c, rest);
}

/* As SQLite has it: a start below 1 counts from the end, one before the first
 * character (0 is one) takes up some of the length, and a negative length is
 * one of what stands before the start. */
static int call_substr(struct call *c)
{
    struct str s;
    int64_t from, n = WHOLE_MAX * 4;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_whole(c, 1, -WHOLE_MAX, WHOLE_MAX, &from);
    if (rc == 0 && c->n > 2)
        rc = call_whole(c, 2, -WHOLE_MAX, WHOLE_MAX, &n);
    if (rc)
        return rc;
    int64_t chars = from < 0 || n < 0 ? (int64_t)text_chars(s) : 0;
    if (from < 0) {
        from += chars;
        if (from < 0) {
            n = n < 0 ? 0 : n + from;
            n = n < 0 ? 0 : n;
            from = 0;
        }
    } else if (from > 0) {
        from--;
    } else if (n > 0) {
        n--;
    }
    if (n < 0) {
        int64_t back = -n < from ? -n : from;
        from -= back;
        n = back;
    }
    return part(c, s, (size_t)from, (size_t)(from + n));
}

/* left: a negative count is what stays away at the other end; so for right. */
static int side(struct call *c, bool right)
{
    struct str s;
    int64_t n;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_whole(c, 1, -WHOLE_MAX, WHOLE_MAX, &n);
    if (rc)
        return rc;
    int64_t chars = right || n < 0 ? (int64_t)text_chars(s) : WHOLE_MAX;
    if (n < 0)
        n = chars + n < 0 ? 0 : chars + n;
    if (n > chars)
        n = chars;
    return right ? part(c, s, (size_t)(chars - n), (size_t)chars)
                 : part(c, s, 0, (size_t)n);
}

static int call_left(struct call *c)
{
    return side(c, false);
}

static int call_right(struct call *c)
{
    return side(c, true);
}

/* ---- searches */

static int two_strings(struct call *c, struct str *s, struct str *t)
{
    int rc = call_string(c, 0, s);
    return rc ? rc : call_string(c, 1, t);
}

static int call_instr(struct call *c)
{
    struct str s, t;
    int rc = two_strings(c, &s, &t);
    if (rc)
        return rc;
    const char *p = t.n ? memmem(s.p, s.n, t.p, t.n) : s.p;
    if (!p)
        return call_i64(c, 0);
    struct str before = { s.p, (size_t)(p - s.p) };
    return call_i64(c, (int64_t)text_chars(before) + 1);
}

static int call_starts_with(struct call *c)
{
    struct str s, t;
    int rc = two_strings(c, &s, &t);
    if (rc)
        return rc;
    return call_bool(c, t.n <= s.n && memcmp(s.p, t.p, t.n) == 0);
}

static int call_ends_with(struct call *c)
{
    struct str s, t;
    int rc = two_strings(c, &s, &t);
    if (rc)
        return rc;
    return call_bool(c, t.n <= s.n && memcmp(s.p + s.n - t.n, t.p, t.n) == 0);
}

static const struct func rows[] = {
    { "char_length", 1, 1, false, "", call_char_length },
    { "ends_with", 2, 2, false, "", call_ends_with },
    { "initcap", 1, 1, false, "", call_initcap },
    { "instr", 2, 2, false, "", call_instr },
    { "left", 2, 2, false, "", call_left },
    { "length", 1, 1, false, "", call_length },
    { "lower", 1, 1, false, "", call_lower },
    { "ltrim", 1, 2, false, "", call_ltrim },
    { "octet_length", 1, 1, false, "", call_octet_length },
    { "right", 2, 2, false, "", call_right },
    { "rtrim", 1, 2, false, "", call_rtrim },
    { "squeeze", 1, 1, false, "", call_squeeze },
    { "starts_with", 2, 2, false, "", call_starts_with },
    { "strpos", 2, 2, false, "", call_instr },
    { "substr", 2, 3, false, "", call_substr },
    { "substring", 2, 3, false, "", call_substr },
    { "trim", 1, 2, false, "", call_trim },
    { "upper", 1, 1, false, "", call_upper },
};

const struct func_table func_text = FUNC_TABLE(rows);
