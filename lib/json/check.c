#include "json/check.h"

#include "json/utf8.h"

#include <stdint.h>

/* Bytes that a string scan must stop at: quote, backslash, controls, and all
 * that is not ASCII. */
static inline bool is_stop(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

/* Eight bytes at a time: true if one of them is a quote, a backslash, a
 * control or not ASCII (zero-byte trick, Mycroft 1987). */
static inline bool word_has_stop(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t w;
    memcpy(&w, p, 8);
    uint64_t q = w ^ (ones * '"'), b = w ^ (ones * '\\');
    uint64_t hit = (q - ones) & ~q;
    hit |= (b - ones) & ~b;
    hit |= (w - ones * 0x20) & ~w;
    return ((hit | w) & high) != 0;
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static int fail(struct json_fault *f, const char *code, const char *why,
                const char *start, const char *at)
{
    *f = (struct json_fault){ code, why, (size_t)(at - start) };
    return -1;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

/* p is behind the opening quote; returns the byte behind the closing one, or
 * NULL with fault filled. */
static const char *check_string(const char *start, const char *p,
                                const char *end, struct json_fault *f)
{
    for (;;) {
        while (end - p >= 8 && !word_has_stop(p))
            p += 8;
        while (p < end && !is_stop((unsigned char)*p))
            p++;
        if (p == end) {
            fail(f, "not_json", "string without end", start, p);
            return NULL;
        }
        unsigned char c = (unsigned char)*p;
        if (c == '"')
            return p + 1;
        if (c >= 0x80) {
            size_t n = utf8_char(p, end);
            if (n == 0) {
                fail(f, "invalid_utf8", "not UTF-8", start, p);
                return NULL;
            }
            p += n;
        } else if (c == '\\') {
            if (end - p < 2) {
                fail(f, "not_json", "string without end", start, p);
                return NULL;
            }
            switch (p[1]) {
            case '"':
            case '\\':
            case '/':
            case 'b':
            case 'f':
            case 'n':
            case 'r':
            case 't': p += 2; break;
            case 'u':
                if (end - p < 6 || !is_hex(p[2]) || !is_hex(p[3]) ||
                    !is_hex(p[4]) || !is_hex(p[5])) {
                    fail(f, "not_json", "\\u without four hex digits", start,
                         p);
                    return NULL;
                }
                p += 6;
                break;
            default:
                fail(f, "not_json", "unknown escape", start, p);
                return NULL;
            }
        } else if (c == 0) {
            fail(f, "nul_byte", "NUL byte", start, p);
            return NULL;
        } else {
            fail(f, "not_json", "control character in a string", start, p);
            return NULL;
        }
    }
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Returns the byte behind the number at p, or NULL. */
static const char *check_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p == end)
        return NULL;
    if (*p == '0')
        p++;
    else if (*p >= '1' && *p <= '9')
        p = skip_digits(p, end);
    else
        return NULL;
    if (p < end && *p == '.') {
        const char *d = skip_digits(p + 1, end);
        if (d == p + 1)
            return NULL;
        p = d;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        const char *d = skip_digits(p, end);
        if (d == p)
            return NULL;
        p = d;
    }
    return p;
}

bool json_number_valid(struct str s)
{
    const char *end = s.p + s.n;
    return s.n > 0 && check_number(s.p, end) == end;
}

static const char *check_literal(const char *p, const char *end, struct str w)
{
    if ((size_t)(end - p) >= w.n && memcmp(p, w.p, w.n) == 0)
        return p + w.n;
    return NULL;
}

static int unexpected(struct json_fault *f, const char *why, const char *start,
                      const char *p, const char *end)
{
    if (p < end && *p == '\0')
        return fail(f, "nul_byte", "NUL byte", start, p);
    if (p < end && (unsigned char)*p >= 0x80 && utf8_char(p, end) == 0)
        return fail(f, "invalid_utf8", "not UTF-8", start, p);
    return fail(f, "not_json", p == end ? "text ends too early" : why, start,
                p);
}

int json_check_value(struct str text, unsigned max_depth, struct json_fault *f)
{
    /* One bit a level: 1 in an object, 0 in an array. */
    uint64_t small[JSON_DEPTH_DEFAULT / 64];
    static _Thread_local uint64_t large[JSON_DEPTH_MAX / 64];
    uint64_t *stack = max_depth <= JSON_DEPTH_DEFAULT ? small : large;
    if (max_depth > JSON_DEPTH_MAX)
        max_depth = JSON_DEPTH_MAX;
    unsigned depth = 0;
    const char *start = text.p, *p = text.p, *end = text.p + text.n;

value:
    p = skip_space(p, end);
    if (p == end)
        return unexpected(f, "", start, p, end);
    switch (*p) {
    case '{':
    case '[': {
        bool object = *p == '{';
        if (depth == max_depth)
            return fail(f, "too_deep", "nested too deep", start, p);
        if (object)
            stack[depth / 64] |= (uint64_t)1 << (depth % 64);
        else
            stack[depth / 64] &= ~((uint64_t)1 << (depth % 64));
        depth++;
        p = skip_space(p + 1, end);
        if (p < end && *p == (object ? '}' : ']')) {
            p++;
            depth--;
            break;
        }
        if (object)
            goto key;
        goto value;
    }
    case '"':
        p = check_string(start, p + 1, end, f);
        if (!p)
            return -1;
        break;
    case 't':
    case 'f':
    case 'n': {
        const char *q = check_literal(p, end,
                                      *p == 't'   ? STR("true")
                                      : *p == 'f' ? STR("false")
                                                  : STR("null"));
        if (!q)
            return unexpected(f, "value expected", start, p, end);
        p = q;
        break;
    }
    default: {
        const char *q = check_number(p, end);
        if (!q)
            return unexpected(f,
                              *p == '-' || (*p >= '0' && *p <= '9')
                                  ? "malformed number"
                                  : "value expected",
                              start, p, end);
        p = q;
    }
    }

behind:
    p = skip_space(p, end);
    if (depth == 0) {
        if (p != end)
            return unexpected(f, "text behind the value", start, p, end);
        return 0;
    }
    bool object = stack[(depth - 1) / 64] >> ((depth - 1) % 64) & 1;
    if (p < end && *p == ',') {
        p++;
        if (!object)
            goto value;
        p = skip_space(p, end);
    } else if (p < end && *p == (object ? '}' : ']')) {
        p++;
        depth--;
        goto behind;
    } else {
        return unexpected(
            f, object ? "',' or '}' expected" : "',' or ']' expected", start, p,
            end);
    }

key:
    if (p == end || *p != '"')
        return unexpected(f, "key expected", start, p, end);
    p = check_string(start, p + 1, end, f);
    if (!p)
        return -1;
    p = skip_space(p, end);
    if (p == end || *p != ':')
        return unexpected(f, "':' expected", start, p, end);
    p++;
    goto value;
}

int json_check_object(struct str text, unsigned max_depth, struct json_fault *f)
{
    if (json_check_value(text, max_depth, f))
        return -1;
    const char *p = skip_space(text.p, text.p + text.n);
    if (*p != '{')
        return fail(f, "not_object", "not an object", text.p, p);
    return 0;
}
