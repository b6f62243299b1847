/* Functions that make personal data unreadable. */
#include "expr/func.h"

#define KEEP_DEFAULT 4
#define KEEP_FROM 8 /* letters and digits that there must be for that */
#define WHOLE_MAX INT64_C(1000000000000)

/* A letter or digit; beyond ASCII every character is taken for one, so that
 * none slips through. */
static bool is_sign(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (unsigned char)c >= 0x80;
}

static int64_t count_signs(struct str s)
{
    int64_t n = 0;
    for (const char *p = s.p, *end = s.p + s.n; p < end; p += text_step(p, end))
        n += is_sign(*p);
    return n;
}

/* The '@' of an e-mail address: one only, something before it, behind it a
 * domain with a point within, no space; else NULL. */
static const char *address(struct str s)
{
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL, *end = s.p + s.n;
    if (!at || at == s.p || memchr(at + 1, '@', (size_t)(end - at - 1)))
        return NULL;
    const char *point = memrchr(at, '.', (size_t)(end - at));
    if (!point || point == at + 1 || point + 1 == end)
        return NULL;
    for (const char *p = s.p; p < end; p++)
        if ((unsigned char)*p <= ' ')
            return NULL;
    return at;
}

/* Of the part before the '@' the first character stays, unless it is the only
 * one. */
static int mask_address(struct call *c, struct str s, const char *at)
{
    struct buf *out = call_buf(c);
    const char *p = s.p;
    size_t first = text_step(p, at);
    if (p + first < at) {
        buf_add(out, p, first);
        p += first;
    }
    for (; p < at; p += text_step(p, at))
        buf_addc(out, '*');
    buf_add(out, at, (size_t)(s.p + s.n - at));
    return call_buf_text(c);
}

static int call_mask(struct call *c)
{
    struct str s;
    int64_t keep = KEEP_DEFAULT;
    int rc = c->args[0].type == JSON_TRUE || c->args[0].type == JSON_FALSE
                 ? call_needs(c, 0, "a string or a number")
                 : call_spelled(c, 0, &s);
    if (rc == 0 && c->n > 1)
        rc = call_whole(c, 1, 0, WHOLE_MAX, &keep);
    if (rc)
        return rc;
    const char *at = c->n > 1 ? NULL : address(s);
    if (at)
        return mask_address(c, s, at);
    int64_t left = count_signs(s);
    if (left < (c->n > 1 ? keep + 1 : KEEP_FROM))
        keep = 0;
    struct buf *out = call_buf(c);
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = text_step(p, end);
        if (!is_sign(*p) || left-- <= keep)
            buf_add(out, p, n);
        else
            buf_addc(out, '*');
        p += n;
    }
    return call_buf_text(c);
}

static int call_redact(struct call *c)
{
    return call_text(c, STR("[REDACTED]"));
}

static const struct func rows[] = {
    { "mask", 1, 2, false, "", call_mask },
    { "redact", 1, 1, false, "", call_redact },
};

const struct func_table func_mask = FUNC_TABLE(rows);
