#include "quality/describe.h"

#include "json/value.h"

int describe_value(struct buf *out, struct str raw)
{
    if (raw.n <= DESCRIBE_BYTES)
        return buf_add_str(out, raw);
    size_t n = DESCRIBE_BYTES;
    while (n && ((unsigned char)raw.p[n] & 0xc0) == 0x80)
        n--;
    buf_add(out, raw.p, n);
    return buf_addz(out, "...");
}

/* A number's key is its sign, its digits, 'e' and the exponent of the first of
 * them: 1234e3 is 1234. */
static int add_number(struct buf *out, struct str canon)
{
    struct buf text = { 0 };
    struct decimal d = DECIMAL_ZERO;
    size_t first = canon.n && canon.p[0] == '-' ? 2 : 1;
    buf_add(&text, canon.p, first < canon.n ? first : canon.n);
    if (first < canon.n) {
        if (canon.p[first] != 'e')
            buf_addc(&text, '.');
        buf_add(&text, canon.p + first, canon.n - first);
    }
    int r = text.failed ? -1 : decimal_parse(&d, buf_str(&text));
    if (r == 0)
        r = decimal_format(out, &d);
    decimal_free(&d);
    buf_free(&text);
    return r;
}

/* Appends the first part of key; returns its length, 0 where it is no scalar
 * or there is no memory. */
static size_t add_part(struct buf *out, struct str key)
{
    uint32_t n;
    struct buf quoted = { 0 };
    const char *end;
    switch (key.p[0]) {
    case 't': return buf_addz(out, "true") ? 0 : 1;
    case 'f': return buf_addz(out, "false") ? 0 : 1;
    case '#':
        end = memchr(key.p, '\0', key.n);
        n = end ? (uint32_t)(end - key.p) : 0;
        if (!end || add_number(out, (struct str){ key.p + 1, n - 1 }))
            return 0;
        return n + 1;
    case '"':
        memcpy(&n, key.p + 1, sizeof(n));
        json_quote(&quoted, (struct str){ key.p + 1 + sizeof(n), n });
        describe_value(out, buf_str(&quoted));
        buf_free(&quoted);
        return out->failed ? 0 : 1 + sizeof(n) + n;
    default: return 0;
    }
}

int describe_key(struct buf *out, struct str key)
{
    for (bool first = true; key.n; first = false) {
        if (!first)
            buf_addz(out, ", ");
        size_t n = add_part(out, key);
        if (!n)
            return buf_addz(out, "...");
        key = (struct str){ key.p + n, key.n - n };
    }
    return out->failed ? -1 : 0;
}

int describe_number(struct buf *out, const struct decimal *d)
{
    struct decimal r = DECIMAL_ZERO;
    struct buf text = { 0 };
    int rc = decimal_round(&r, d, 12);
    if (rc == 0 && decimal_is_zero(&r))
        rc = decimal_copy(&r, d); /* a small number is not 0 */
    if (rc == 0)
        rc = decimal_format(&text, &r);
    struct str s = buf_str(&text);
    if (s.n && memchr(s.p, '.', s.n) && !memchr(s.p, 'e', s.n)) {
        while (s.p[s.n - 1] == '0')
            s.n--;
        s.n -= s.p[s.n - 1] == '.';
    }
    if (rc == 0)
        rc = buf_add_str(out, s);
    decimal_free(&r);
    buf_free(&text);
    return rc ? -1 : 0;
}

int describe_share(struct buf *out, const struct decimal *d)
{
    static const struct decimal hundred = { .small = 100 };
    struct decimal p = DECIMAL_ZERO;
    int r = decimal_mul(&p, d, &hundred);
    if (r == 0)
        r = describe_number(out, &p);
    decimal_free(&p);
    return r || buf_addc(out, '%') ? -1 : 0;
}
