#include "json/value.h"

enum json_type json_type_of(char first)
{
    switch (first) {
    case 'n': return JSON_NULL;
    case 'f': return JSON_FALSE;
    case 't': return JSON_TRUE;
    case '"': return JSON_STRING;
    case '[': return JSON_ARRAY;
    case '{': return JSON_OBJECT;
    case '-': return JSON_NUMBER;
    default: return first >= '0' && first <= '9' ? JSON_NUMBER : JSON_MISSING;
    }
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {
        [JSON_MISSING] = "missing", [JSON_NULL] = "null",
        [JSON_FALSE] = "boolean",   [JSON_TRUE] = "boolean",
        [JSON_NUMBER] = "number",   [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",     [JSON_OBJECT] = "object",
    };
    return names[t];
}

const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* p is behind the opening quote; returns the closing one or NULL. */
static const char *string_end(const char *p, const char *end)
{
    const char *start = p;
    while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *b = p;
        while (b > start && b[-1] == '\\')
            b--;
        if ((p - b) % 2 == 0)
            return p;
        p++;
    }
    return NULL;
}

static const char *skip_container(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        switch (*p) {
        case '{':
        case '[': depth++; break;
        case '}':
        case ']':
            if (--depth == 0)
                return p + 1;
            break;
        case '"':
            p = string_end(p + 1, end);
            if (!p)
                return NULL;
            break;
        default: break;
        }
        p++;
    }
    return NULL;
}

const char *json_skip_value(const char *p, const char *end)
{
    if (p >= end)
        return NULL;
    if (*p == '"') {
        const char *q = string_end(p + 1, end);
        return q ? q + 1 : NULL;
    }
    if (*p == '{' || *p == '[')
        return skip_container(p, end);
    const char *q = p;
    while (q < end && *q != ',' && *q != '}' && *q != ']' && *q != ' ' &&
           *q != '\t' && *q != '\n' && *q != '\r' && *q != ':')
        q++;
    return q == p ? NULL : q;
}

struct val json_val(struct str text)
{
    const char *end = text.p + text.n;
    const char *p = json_skip_space(text.p, end);
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' ||
                       end[-1] == '\r'))
        end--;
    if (p == end)
        return (struct val){ JSON_MISSING, { p, 0 } };
    return (struct val){ json_type_of(*p), { p, (size_t)(end - p) } };
}

struct json_iter json_iter(struct str c)
{
    struct json_iter it = { .end = c.p + c.n };
    it.p = json_skip_space(c.p, it.end);
    if (it.p == it.end || (*it.p != '{' && *it.p != '[')) {
        it.broken = true;
        return it;
    }
    it.object = *it.p++ == '{';
    it.p = json_skip_space(it.p, it.end);
    return it;
}

static bool broken(struct json_iter *it)
{
    it->broken = true;
    return false;
}

bool json_next(struct json_iter *it, struct str *key, struct val *v)
{
    if (it->broken)
        return false;
    const char *p = it->p, *end = it->end;
    if (p >= end)
        return broken(it);
    if (*p == '}' || *p == ']')
        return false;
    struct str k = { p, 0 };
    if (it->object) {
        if (*p != '"')
            return broken(it);
        const char *q = string_end(p + 1, end);
        if (!q)
            return broken(it);
        k = (struct str){ p + 1, (size_t)(q - p - 1) };
        p = json_skip_space(q + 1, end);
        if (p >= end || *p != ':')
            return broken(it);
        p = json_skip_space(p + 1, end);
    }
    const char *q = json_skip_value(p, end);
    if (!q)
        return broken(it);
    *v = (struct val){ json_type_of(*p), { p, (size_t)(q - p) } };
    if (key)
        *key = k;
    p = json_skip_space(q, end);
    if (p < end && *p == ',')
        p = json_skip_space(p + 1, end);
    else if (p >= end || (*p != '}' && *p != ']'))
        return broken(it);
    it->p = p;
    return true;
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 0;
        v = v * 16 + d;
    }
    return v;
}

static size_t utf8_put(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Decodes the escape at p (a backslash) into out (4 bytes at most); sets *n to
 * the bytes written and returns the byte behind the escape. */
static const char *escape_get(const char *p, const char *end, char out[4],
                              size_t *n)
{
    *n = 1;
    if (end - p < 2) {
        out[0] = *p;
        return p + 1;
    }
    switch (p[1]) {
    case 'b': out[0] = '\b'; return p + 2;
    case 'f': out[0] = '\f'; return p + 2;
    case 'n': out[0] = '\n'; return p + 2;
    case 'r': out[0] = '\r'; return p + 2;
    case 't': out[0] = '\t'; return p + 2;
    case 'u': break;
    default: out[0] = p[1]; return p + 2;
    }
    if (end - p < 6) {
        out[0] = *p;
        return p + 1;
    }
    unsigned c = hex4(p + 2);
    p += 6;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
        p[1] == 'u') {
        unsigned low = hex4(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }
    *n = utf8_put(out, c);
    return p;
}

int json_unescape(struct buf *out, struct str raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    if (buf_reserve(out, raw.n))
        return -1;
    while (p < end) {
        const char *b = memchr(p, '\\', (size_t)(end - p));
        if (!b)
            return buf_add(out, p, (size_t)(end - p));
        char c[4];
        size_t n;
        buf_add(out, p, (size_t)(b - p));
        p = escape_get(b, end, c, &n);
        buf_add(out, c, n);
    }
    return out->failed ? -1 : 0;
}

int json_string(struct val v, struct buf *scratch, struct str *text)
{
    struct str raw = { v.raw.p + 1, v.raw.n >= 2 ? v.raw.n - 2 : 0 };
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n)) {
        *text = raw;
        return 0;
    }
    buf_reset(scratch);
    if (json_unescape(scratch, raw))
        return -1;
    *text = buf_str(scratch);
    return 0;
}

bool json_raw_equals(struct str raw, struct str text)
{
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n))
        return str_eq(raw, text);
    const char *p = raw.p, *end = raw.p + raw.n;
    const char *t = text.p, *tend = text.p + text.n;
    while (p < end) {
        char c[4];
        size_t n = 1;
        if (*p == '\\')
            p = escape_get(p, end, c, &n);
        else
            c[0] = *p++;
        if ((size_t)(tend - t) < n || memcmp(t, c, n) != 0)
            return false;
        t += n;
    }
    return t == tend;
}

/* How long text is once it is quoted. */
static size_t quoted_length(struct str text)
{
    size_t n = text.n + 2;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        n += (c == '"') | (c == '\\');
        if (c < 0x20)
            n += c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t'
                     ? 1
                     : 5;
    }
    return n;
}

static char *quote_control(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    *out++ = '\\';
    switch (c) {
    case '\b': *out++ = 'b'; return out;
    case '\f': *out++ = 'f'; return out;
    case '\n': *out++ = 'n'; return out;
    case '\r': *out++ = 'r'; return out;
    case '\t': *out++ = 't'; return out;
    default: break;
    }
    memcpy(out, "u00", 3);
    out[3] = hex[c >> 4];
    out[4] = hex[c & 15];
    return out + 5;
}

int json_quote(struct buf *out, struct str text)
{
    /* Where six times the text has room nothing need be counted. */
    bool room = out->p && !out->failed && (out->cap - out->n) / 6 > text.n;
    if (!room && buf_reserve(out, quoted_length(text)))
        return -1;
    char *o = out->p + out->n;
    *o++ = '"';
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20) {
            o = quote_control(o, c);
            continue;
        }
        *o = '\\'; /* and written over where there is none: quotes come too
                      irregularly to branch on */
        o += (c == '"') | (c == '\\');
        *o++ = (char)c;
    }
    *o++ = '"';
    out->n = (size_t)(o - out->p);
    return 0;
}

struct val json_get(struct val object, struct str key)
{
    struct val found = { JSON_MISSING, { object.raw.p, 0 } }, v;
    if (object.type != JSON_OBJECT)
        return found;
    struct json_iter it = json_iter(object.raw);
    struct str k;
    while (json_next(&it, &k, &v))
        if (json_raw_equals(k, key))
            found = v;
    return found;
}
