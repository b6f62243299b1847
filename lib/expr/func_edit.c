/* Functions of strings that make other strings of them. */
#include "expr/func.h"

#define TEXT_MAX (EXPR_MEMORY / 4) /* bytes of a result */

static int call_concat(struct call *c)
{
    struct str s;
    /* First the parts: writing a number takes the buffer. */
    for (uint32_t i = 0; i < c->n; i++) {
        int rc = operand_absent(&c->args[i]) ? 0 : call_spelled(c, i, &s);
        if (rc)
            return rc;
    }
    struct buf *out = call_buf(c);
    for (uint32_t i = 0; i < c->n; i++) {
        if (operand_absent(&c->args[i]))
            continue;
        if (call_spelled(c, i, &s) || buf_add_str(out, s))
            break;
    }
    return call_buf_text(c);
}

static int call_replace(struct call *c)
{
    struct str s, from, to;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_string(c, 1, &from);
    if (rc == 0)
        rc = call_string(c, 2, &to);
    if (rc)
        return rc;
    const char *p = s.p, *end = s.p + s.n, *hit = NULL;
    if (from.n)
        hit = memmem(s.p, s.n, from.p, from.n);
    if (!hit)
        return call_text(c, s);
    struct buf *out = call_buf(c);
    for (; hit && !out->failed;
         hit = memmem(p, (size_t)(end - p), from.p, from.n)) {
        buf_add(out, p, (size_t)(hit - p));
        buf_add_str(out, to);
        p = hit + from.n;
    }
    buf_add(out, p, (size_t)(end - p));
    return call_buf_text(c);
}

static int call_reverse(struct call *c)
{
    struct str s;
    int rc = call_string(c, 0, &s);
    if (rc)
        return rc;
    char *out = arena_alloc(&c->x->scratch, s.n + 1), *q = out + s.n;
    if (!out)
        return -2;
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = text_step(p, end);
        memcpy(q -= n, p, n);
        p += n;
    }
    return call_text(c, (struct str){ out, s.n });
}

static int too_long(struct call *c)
{
    return call_faultf(c, "expr_size", "the result has more than %zu bytes",
                       TEXT_MAX);
}

static int call_repeat(struct call *c)
{
    struct str s;
    int64_t n;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_whole(c, 1, INT64_MIN, INT64_MAX, &n);
    if (rc)
        return rc;
    if (n <= 0 || s.n == 0)
        return call_text(c, STR(""));
    if ((uint64_t)n > TEXT_MAX / s.n)
        return too_long(c);
    struct buf *out = call_buf(c);
    if (buf_reserve(out, s.n * (size_t)n) == 0)
        while (n--)
            buf_add_str(out, s);
    return call_buf_text(c);
}

/* Appends n characters of fill, over and over. */
static void add_fill(struct buf *out, struct str fill, size_t n)
{
    size_t all = text_chars(fill);
    for (; n >= all; n -= all)
        buf_add_str(out, fill);
    fill.n = text_offset(fill, n);
    buf_add_str(out, fill);
}

static int pad(struct call *c, bool left)
{
    struct str s, fill = STR(" ");
    int64_t n;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_whole(c, 1, INT64_MIN, INT64_MAX, &n);
    if (rc == 0 && c->n > 2)
        rc = call_string(c, 2, &fill);
    if (rc)
        return rc;
    int64_t chars = (int64_t)text_chars(s);
    if (n <= chars || fill.n == 0) {
        s.n = text_offset(s, n < 0 ? 0 : (size_t)n);
        return call_text(c, s);
    }
    if ((uint64_t)n > TEXT_MAX)
        return too_long(c);
    struct buf *out = call_buf(c);
    if (!left)
        buf_add_str(out, s);
    add_fill(out, fill, (size_t)(n - chars));
    if (left)
        buf_add_str(out, s);
    return call_buf_text(c);
}

static int call_lpad(struct call *c)
{
    return pad(c, true);
}

static int call_rpad(struct call *c)
{
    return pad(c, false);
}

/* Ends *field at the next separator and returns what is behind it; NULL: there
 * is none. */
static const char *cut(struct str *field, struct str sep)
{
    const char *hit = sep.n ? memmem(field->p, field->n, sep.p, sep.n) : NULL;
    if (!hit)
        return NULL;
    field->n = (size_t)(hit - field->p);
    return hit + sep.n;
}

static int64_t count_parts(struct str s, struct str sep)
{
    const char *end = s.p + s.n;
    int64_t n = 1;
    for (const char *p; (p = cut(&s, sep)) != NULL; n++)
        s = (struct str){ p, (size_t)(end - p) };
    return n;
}

static int call_split_part(struct call *c)
{
    struct str s, sep;
    int64_t n;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_string(c, 1, &sep);
    if (rc == 0)
        rc = call_whole(c, 2, INT64_MIN + 1, INT64_MAX, &n);
    if (rc)
        return rc;
    if (n == 0)
        return call_needs(c, 2, "a whole number other than 0");
    if (n < 0)
        n += count_parts(s, sep) + 1;
    if (n <= 0)
        return call_text(c, STR(""));
    const char *end = s.p + s.n;
    while (n-- > 1) {
        const char *p = cut(&s, sep);
        if (!p)
            return call_text(c, STR(""));
        s = (struct str){ p, (size_t)(end - p) };
    }
    (void)cut(&s, sep);
    return call_text(c, s);
}

/* The string as an array of its parts; of its characters if sep is empty. */
static int call_split(struct call *c)
{
    struct str s, sep;
    int rc = call_string(c, 0, &s);
    if (rc == 0)
        rc = call_string(c, 1, &sep);
    if (rc)
        return rc;
    const char *p = s.p, *end = s.p + s.n;
    struct buf *out = call_buf(c);
    buf_addc(out, '[');
    while (p && !out->failed) {
        struct str part = { p, (size_t)(end - p) };
        if (sep.n) {
            p = cut(&part, sep);
        } else {
            part.n = s.n ? text_step(p, end) : 0;
            p = p + part.n < end ? p + part.n : NULL;
        }
        if (out->n > 1)
            buf_addc(out, ',');
        operand_quote(out, part);
    }
    buf_addc(out, ']');
    return call_buf_json(c, JSON_ARRAY);
}

static const struct func rows[] = {
    { "concat", 1, FUNC_ANY, true, "", call_concat },
    { "lpad", 2, 3, false, "", call_lpad },
    { "repeat", 2, 2, false, "", call_repeat },
    { "replace", 3, 3, false, "", call_replace },
    { "reverse", 1, 1, false, "", call_reverse },
    { "rpad", 2, 3, false, "", call_rpad },
    { "split", 2, 2, false, "", call_split },
    { "split_part", 3, 3, false, "", call_split_part },
};

const struct func_table func_edit = FUNC_TABLE(rows);
