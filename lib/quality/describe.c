#include "quality/describe.h"

#include "json/key.h"
#include "json/utf8.h"

/* What is not UTF-8 is not for messages. */
int describe_value(struct buf *out, struct str raw)
{
    size_t n = raw.n <= DESCRIBE_BYTES ? raw.n : DESCRIBE_BYTES;
    while (n && n < raw.n && ((unsigned char)raw.p[n] & 0xc0) == 0x80)
        n--;
    if (!utf8_valid((struct str){ raw.p, n }))
        n = 0;
    buf_add(out, raw.p, n);
    return n < raw.n ? buf_addz(out, "...") : out->failed ? -1 : 0;
}

static int add_number(struct buf *out, struct str text)
{
    struct decimal d = DECIMAL_ZERO;
    int r = decimal_parse(&d, text);
    if (r == 0)
        r = describe_number(out, &d);
    decimal_free(&d);
    return r;
}

int describe_key(struct buf *out, struct str key)
{
    struct buf text = { 0 };
    int r = 0;
    for (bool first = true; key.n && r == 0; first = false) {
        if (!first)
            buf_addz(out, ", ");
        buf_reset(&text);
        r = key_print(&text, &key);
        if (r == 0)
            r = json_val(buf_str(&text)).type == JSON_NUMBER
                    ? add_number(out, buf_str(&text))
                    : describe_value(out, buf_str(&text));
    }
    buf_free(&text);
    return r || out->failed ? -1 : 0;
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
