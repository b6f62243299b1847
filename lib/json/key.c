#include "json/key.h"

#include "json/check.h"
#include "json/members.h"
#include "json/number.h"

static int add(struct buf *out, struct val v, unsigned depth);

/* The first byte of a key says what it is: from SHORT on a string of so many
 * bytes more, LONG one of any length, which comes next. */
enum { SHORT = 0x80, LONG = 0xff };

#define HEAD_MAX (1 + sizeof(uint32_t))

/* Puts s, which may lie behind p, as a string; returns the end. The length
 * stands before the bytes, so that no content can look like the end of a key.
 */
static char *put_string(char *p, struct str s)
{
    uint32_t n = (uint32_t)s.n;
    bool is_long = s.n >= LONG - SHORT;
    memmove(p + (is_long ? HEAD_MAX : 1), s.p, s.n);
    *p++ = (char)(is_long ? LONG : SHORT + n);
    if (is_long)
        memcpy(p, &n, sizeof(n));
    return p + (is_long ? sizeof(n) : 0) + s.n;
}

static int add_string(struct buf *out, struct str s)
{
    if (buf_reserve(out, HEAD_MAX + s.n))
        return -1;
    out->n = (size_t)(put_string(out->p + out->n, s) - out->p);
    return 0;
}

/* A string as it stands in a record, without its quotes. */
static int add_raw_string(struct buf *out, struct str raw)
{
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n))
        return add_string(out, raw);
    /* Unescaping makes it shorter, but how much is known only then. */
    size_t at = out->n, from = at + HEAD_MAX;
    if (buf_reserve(out, HEAD_MAX + raw.n))
        return -1;
    out->n = from;
    if (json_unescape(out, raw))
        return -1;
    struct str s = { out->p + from, out->n - from };
    out->n = (size_t)(put_string(out->p + at, s) - out->p);
    return 0;
}

static int add_object(struct buf *out, struct str raw, unsigned depth)
{
    struct members ms;
    int r = members_read(&ms, raw);
    if (r == 0)
        buf_addc(out, '{');
    for (size_t i = 0; r == 0 && i < ms.n; i++) {
        add_string(out, ms.m[i].key);
        r = add(out, ms.m[i].val, depth);
    }
    members_free(&ms);
    return r ? r : buf_addc(out, '}');
}

static int add(struct buf *out, struct val v, unsigned depth)
{
    if (depth > JSON_DEPTH_DEFAULT)
        return -3;
    switch (v.type) {
    case JSON_MISSING: return buf_addc(out, 'm');
    case JSON_NULL: return buf_addc(out, 'n');
    case JSON_FALSE: return buf_addc(out, 'f');
    case JSON_TRUE: return buf_addc(out, 't');
    case JSON_NUMBER: {
        buf_addc(out, '#');
        int r = number_canon(out, v.raw);
        return r ? r : buf_addc(out, '\0');
    }
    case JSON_STRING:
        if (v.raw.n < 2)
            return -3;
        return add_raw_string(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
    case JSON_ARRAY: {
        struct json_iter it = json_iter(v.raw);
        struct val e;
        buf_addc(out, '[');
        while (json_next(&it, NULL, &e)) {
            int r = add(out, e, depth + 1);
            if (r)
                return r;
        }
        return it.broken ? -3 : buf_addc(out, ']');
    }
    case JSON_OBJECT: return add_object(out, v.raw, depth + 1);
    }
    return -3;
}

int key_add(struct buf *out, struct val v)
{
    return add(out, v, 0);
}

/* ---- back to JSON */

static struct str take(struct str *key, size_t n)
{
    struct str s = { key->p, n };
    *key = (struct str){ key->p + n, key->n - n };
    return s;
}

static int print_string(struct buf *out, struct str *key)
{
    uint32_t n = (unsigned char)*take(key, 1).p;
    if (n == LONG)
        memcpy(&n, take(key, sizeof(n)).p, sizeof(n));
    else
        n -= SHORT;
    return json_quote(out, take(key, n));
}

/* Digits have a point behind the first; the exponent is its. */
static int print_number(struct buf *out, struct str *key)
{
    take(key, 1);
    struct str s = take(key, strlen(key->p));
    take(key, 1);
    size_t head = 1 + (s.p[0] == '-');
    buf_add_str(out, take(&s, head));
    if (s.n && s.p[0] != 'e')
        buf_addc(out, '.');
    return buf_add_str(out, s);
}

static int print_container(struct buf *out, struct str *key, char end)
{
    buf_addc(out, *take(key, 1).p);
    for (bool first = true; *key->p != end; first = false) {
        if (!first)
            buf_addc(out, ',');
        if (end == '}') {
            print_string(out, key);
            buf_addc(out, ':');
        }
        key_print(out, key);
    }
    return buf_addc(out, *take(key, 1).p);
}

int key_print(struct buf *out, struct str *key)
{
    switch (*key->p) {
    case 'm':
    case 'n': take(key, 1); return buf_addz(out, "null");
    case 'f': take(key, 1); return buf_addz(out, "false");
    case 't': take(key, 1); return buf_addz(out, "true");
    case '#': return print_number(out, key);
    case '[': return print_container(out, key, ']');
    case '{': return print_container(out, key, '}');
    default: return print_string(out, key);
    }
}
