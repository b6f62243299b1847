/* Operands: values in the forms that operators ask for. */
#include "expr/private.h"
#include "json/utf8.h"

#include <stdarg.h>
#include <stdio.h>

struct operand operand_bool(bool b)
{
    struct operand o = OPERAND(b ? JSON_TRUE : JSON_FALSE);
    o.raw = b ? STR("true") : STR("false");
    return o;
}

struct operand operand_text_of(struct str text)
{
    struct operand o = OPERAND(JSON_STRING);
    o.text = text;
    o.has_text = true;
    return o;
}

/* ---- faults */

const char *operand_describe(const struct operand *o, char out[80])
{
    const char *name = json_type_name(o->type);
    struct str s = o->has_text ? o->text : o->raw;
    const char *quote = o->type == JSON_STRING ? "\"" : "";
    if ((o->type != JSON_STRING && o->type != JSON_NUMBER) || !s.p) {
        snprintf(out, 80, "%s", name);
        return out;
    }
    if (*quote && !o->has_text) /* raw has quotes of its own */
        s = (struct str){ s.p + 1, s.n >= 2 ? s.n - 2 : 0 };
    size_t n = s.n;
    if (n > 40)
        for (n = 40; n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80;)
            n--;
    snprintf(out, 80, "%s %s%.*s%s%s", name, quote, (int)n, s.p,
             n < s.n ? "..." : "", quote);
    return out;
}

int expr_faultf(struct expr_set *x, uint32_t at, const struct operand *o,
                const char *code, const char *fmt, ...)
{
    struct expr_fault *f = x->fault;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->msg, sizeof(f->msg), fmt, ap);
    va_end(ap);
    size_t n = strlen(f->msg);
    snprintf(f->msg + n, sizeof(f->msg) - n, " (%.100s, byte %u)",
             x->running->what, at + 1);
    f->code = code;
    f->path = o && o->slot >= 0 ? x->fields[o->slot].pointer : STR("");
    return -1;
}

int operand_mistyped(struct expr_set *x, uint32_t at, const struct operand *o,
                     const char *what)
{
    char is[80];
    return expr_faultf(x, at, o, "expr_type", "%s, not %s", what,
                       operand_describe(o, is));
}

int expr_decimal_fault(struct expr_set *x, uint32_t at, int rc)
{
    if (rc == -1)
        return -2;
    if (rc == -3)
        return expr_faultf(x, at, NULL, "division_by_zero", "division by zero");
    return expr_faultf(x, at, NULL, "number_range",
                       "result is outside the range of numbers");
}

/* ---- forms */

int operand_number(struct expr_set *x, uint32_t at, struct operand *o)
{
    if (o->has_num)
        return 0;
    o->num = DECIMAL_ZERO;
    int rc = decimal_parse(&o->num, o->raw);
    if (rc == -1)
        return -2;
    if (rc) {
        char is[80];
        return expr_faultf(x, at, o, "number_range",
                           "%s is too large or too small to compute with",
                           operand_describe(o, is));
    }
    o->has_num = true;
    o->owns_num = o->num.big != NULL;
    return 0;
}

int operand_string(struct expr_set *x, struct operand *o)
{
    if (o->has_text)
        return 0;
    struct val v = { JSON_STRING, o->raw };
    if (json_string(v, &x->text, &o->text))
        return -2;
    if (o->text.n && o->text.p == x->text.p) {
        o->text = arena_dup(&x->scratch, o->text);
        if (!o->text.p)
            return -2;
    }
    o->has_text = true;
    return 0;
}

/* The first lone surrogate in text (json_unescape's three bytes), or its end.
 */
static const char *find_surrogate(const char *p, const char *end)
{
    while ((p = memchr(p, 0xed, (size_t)(end - p))) != NULL) {
        if (end - p >= 3 && (unsigned char)p[1] >= 0xa0)
            return p;
        p++;
    }
    return end;
}

/* Lone surrogates become escapes again, since they have no UTF-8. */
int operand_quote(struct buf *out, struct str text)
{
    const char *p = text.p, *end = text.p + text.n;
    const char *s = text.n ? find_surrogate(p, end) : end;
    if (s == end)
        return json_quote(out, text);
    buf_addc(out, '"');
    while (p < end) {
        size_t at = out->n;
        if (json_quote(out, (struct str){ p, (size_t)(s - p) }))
            return -1;
        memmove(out->p + at, out->p + at + 1, out->n - at - 2);
        out->n -= 2; /* the quotes of a part */
        if (s == end)
            break;
        unsigned u = 0xd000u | ((unsigned char)s[1] & 63u) << 6 |
                     ((unsigned char)s[2] & 63u);
        buf_addf(out, "\\u%04x", u);
        p = s + 3;
        s = p < end ? find_surrogate(p, end) : end;
    }
    return buf_addc(out, '"');
}

int operand_write(struct expr_set *x, struct operand *o)
{
    if (o->raw.p)
        return 0;
    if (o->type <= JSON_NULL) {
        o->raw = o->type == JSON_NULL ? STR("null") : STR("");
        return 0;
    }
    buf_reset(&x->text);
    int rc = o->type == JSON_NUMBER ? decimal_format(&x->text, &o->num)
                                    : operand_quote(&x->text, o->text);
    if (rc)
        return -2;
    o->raw = arena_dup(&x->scratch, buf_str(&x->text));
    return o->raw.p ? 0 : -2;
}

int operand_keep(struct expr_set *x, struct operand *o)
{
    int rc = operand_write(x, o);
    if (rc == 0 && o->type == JSON_STRING)
        rc = operand_string(x, o);
    if (rc)
        return rc;
    o->raw = arena_dup(&x->fixed, o->raw);
    if (o->has_text)
        o->text = arena_dup(&x->fixed, o->text);
    if (!o->raw.p || (o->has_text && !o->text.p))
        return -2;
    if (o->type != JSON_NUMBER || o->owns_num)
        return 0;
    /* Out of range: it still passes through as it is written. */
    struct decimal num = DECIMAL_ZERO;
    rc = decimal_parse(&num, o->raw);
    if (rc == -1)
        return -2;
    o->has_num = rc == 0;
    o->owns_num = num.big != NULL;
    o->num = num;
    return 0;
}

int operand_compare(struct expr_set *x, uint32_t at, struct operand *a,
                    struct operand *b, int *c)
{
    char is[80], other[80];
    int rc;
    if (a->type == JSON_NUMBER && b->type == JSON_NUMBER) {
        if ((rc = operand_number(x, at, a)) || (rc = operand_number(x, at, b)))
            return rc;
        *c = decimal_cmp(&a->num, &b->num);
        return 0;
    }
    if (a->type == JSON_STRING && b->type == JSON_STRING) {
        if ((rc = operand_string(x, a)) || (rc = operand_string(x, b)))
            return rc;
        *c = str_cmp(a->text, b->text);
        return 0;
    }
    bool a_bool = a->type == JSON_TRUE || a->type == JSON_FALSE;
    bool b_bool = b->type == JSON_TRUE || b->type == JSON_FALSE;
    if (a_bool && b_bool) {
        *c = (int)(a->type == JSON_TRUE) - (int)(b->type == JSON_TRUE);
        return 0;
    }
    return expr_faultf(x, at, a->slot >= 0 ? a : b, "expr_type",
                       "cannot compare %s with %s", operand_describe(a, is),
                       operand_describe(b, other));
}

/* ---- LIKE */

static size_t char_length(const char *p, const char *end)
{
    size_t n = utf8_char(p, end);
    return n ? n : 1;
}

bool like_match(struct str text, struct str pattern, struct str escape)
{
    const char *t = text.p, *tend = t + text.n;
    const char *p = pattern.p, *pend = p + pattern.n;
    const char *star = NULL, *resume = NULL; /* behind the last '%' */
    while (t < tend || p < pend) {
        const char *q = p;
        bool literal = false;
        if (escape.n && (size_t)(pend - q) > escape.n &&
            memcmp(q, escape.p, escape.n) == 0) {
            q += escape.n;
            literal = true;
        }
        if (q < pend && *q == '%' && !literal) {
            star = p = q + 1;
            resume = t;
            continue;
        }
        if (q < pend && t < tend) {
            size_t n = char_length(t, tend);
            size_t m = char_length(q, pend);
            if ((*q == '_' && !literal) || (n == m && memcmp(t, q, n) == 0)) {
                t += n;
                p = q + m;
                continue;
            }
        }
        if (!star || resume >= tend)
            return false;
        resume += char_length(resume, tend);
        t = resume;
        p = star;
    }
    return true;
}
