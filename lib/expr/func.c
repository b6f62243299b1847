/* The functions of the language: a row of the table each. */
#include "base/date.h"
#include "expr/lex.h"
#include "expr/private.h"
#include "json/utf8.h"

#include <errno.h>
#include <wctype.h>

/* ---- arguments */

static int need_string(struct expr_set *x, uint32_t at, const char *what,
                       struct operand *o)
{
    if (o->type != JSON_STRING)
        return operand_mistyped(x, at, o, what);
    return operand_string(x, o);
}

static int need_number(struct expr_set *x, uint32_t at, const char *what,
                       struct operand *o)
{
    if (o->type != JSON_NUMBER)
        return operand_mistyped(x, at, o, what);
    return operand_number(x, at, o);
}

static void set_number(struct operand *out, const struct decimal *d)
{
    *out = OPERAND(JSON_NUMBER);
    out->num = *d;
    out->has_num = true;
    out->owns_num = d->big != NULL;
}

static int set_text(struct expr_set *x, struct operand *out)
{
    if (x->text.failed)
        return -2;
    struct str s = arena_dup(&x->scratch, buf_str(&x->text));
    if (!s.p)
        return -2;
    *out = operand_text_of(s);
    return 0;
}

/* ---- dates */

/* The day of a date or a date-time (there by the clock of the set's zone). */
static int day_of(struct expr_set *x, uint32_t at, const char *what,
                  struct operand *o, int64_t *day)
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t us;
    char is[80];
    int rc = need_string(x, at, what, o);
    if (rc)
        return rc;
    if (date_parse(o->text, day))
        return 0;
    if (!time_parse(o->text, NULL, &us))
        return expr_faultf(x, at, o, "expr_date",
                           "%s is neither a date nor a date-time",
                           operand_describe(o, is));
    if (time_is_rfc3339(o->text)) /* with a zone: seen from ours */
        us += (int64_t)tz_offset(us, x->env.tz) * 1000000;
    *day = us / day_us - (us % day_us < 0);
    if (*day < date_days(0, 1, 1) || *day > date_days(9999, 12, 31))
        return expr_faultf(x, at, o, "expr_date",
                           "%s is outside the years 0000 to 9999",
                           operand_describe(o, is));
    return 0;
}

static int call_date(struct expr_set *x, uint32_t at, struct operand *args,
                     uint32_t n, struct operand *out)
{
    int64_t day;
    int rc = day_of(x, at, "date needs a string", &args[0], &day);
    (void)n;
    if (rc)
        return rc;
    buf_reset(&x->text);
    date_format(&x->text, day);
    return set_text(x, out);
}

static int call_days(struct expr_set *x, uint32_t at, struct operand *args,
                     uint32_t n, struct operand *out)
{
    int64_t a, b;
    int rc = day_of(x, at, "days needs strings", &args[0], &a);
    (void)n;
    if (rc == 0)
        rc = day_of(x, at, "days needs strings", &args[1], &b);
    if (rc)
        return rc;
    struct decimal d = DECIMAL_ZERO;
    decimal_set_i64(&d, a - b); /* small: cannot fail */
    set_number(out, &d);
    return 0;
}

/* The instant of a date or a date-time (without a zone: in the set's). */
static int instant_of(struct expr_set *x, uint32_t at, struct operand *o,
                      int64_t *us)
{
    char is[80];
    int rc = need_string(x, at, "seconds needs strings", o);
    if (rc || time_parse(o->text, x->env.tz, us))
        return rc;
    return expr_faultf(x, at, o, "expr_date",
                       "%s is neither a date nor a date-time",
                       operand_describe(o, is));
}

static int call_seconds(struct expr_set *x, uint32_t at, struct operand *args,
                        uint32_t n, struct operand *out)
{
    int64_t a, b;
    int rc = instant_of(x, at, &args[0], &a);
    (void)n;
    if (rc == 0)
        rc = instant_of(x, at, &args[1], &b);
    if (rc)
        return rc;
    struct decimal d = { .small = a - b, .scale = 6 };
    for (; d.scale && d.small % 10 == 0; d.scale--)
        d.small /= 10;
    set_number(out, &d);
    return 0;
}

/* ---- numbers */

static int call_round(struct expr_set *x, uint32_t at, struct operand *args,
                      uint32_t n, struct operand *out)
{
    int64_t digits = 0;
    int rc = need_number(x, at, "round needs a number", &args[0]);
    if (rc == 0 && n > 1) {
        const char *what = "round needs whole digits of -10000 to 10000";
        rc = need_number(x, at, what, &args[1]);
        if (rc == 0 && (!decimal_to_i64(&args[1].num, &digits) ||
                        digits < -10000 || digits > 10000))
            rc = operand_mistyped(x, at, &args[1], what);
    }
    if (rc)
        return rc;
    struct decimal d = DECIMAL_ZERO;
    rc = decimal_round(&d, &args[0].num, (int32_t)digits);
    if (rc)
        return expr_decimal_fault(x, at, rc);
    set_number(out, &d);
    return 0;
}

static int call_abs(struct expr_set *x, uint32_t at, struct operand *args,
                    uint32_t n, struct operand *out)
{
    const struct decimal zero = DECIMAL_ZERO;
    struct decimal d = DECIMAL_ZERO;
    int rc = need_number(x, at, "abs needs a number", &args[0]);
    (void)n;
    if (rc)
        return rc;
    rc = decimal_cmp(&args[0].num, &zero) < 0 ? decimal_neg(&d, &args[0].num)
                                              : decimal_copy(&d, &args[0].num);
    if (rc)
        return expr_decimal_fault(x, at, rc);
    set_number(out, &d);
    return 0;
}

/* The whole number next to a, below (-1) or above (1). */
static int next_whole(struct decimal *d, const struct decimal *a, int side)
{
    const struct decimal one = { .small = 1 };
    int rc = decimal_round(d, a, 0);
    if (rc == 0 && decimal_cmp(d, a) * side < 0)
        rc = side < 0 ? decimal_sub(d, d, &one) : decimal_add(d, d, &one);
    return rc;
}

static int whole(struct expr_set *x, uint32_t at, struct operand *arg,
                 const char *what, int side, struct operand *out)
{
    struct decimal d = DECIMAL_ZERO;
    int rc = need_number(x, at, what, arg);
    if (rc)
        return rc;
    rc = next_whole(&d, &arg->num, side);
    if (rc) {
        decimal_free(&d);
        return expr_decimal_fault(x, at, rc);
    }
    set_number(out, &d);
    return 0;
}

static int call_floor(struct expr_set *x, uint32_t at, struct operand *args,
                      uint32_t n, struct operand *out)
{
    (void)n;
    return whole(x, at, &args[0], "floor needs a number", -1, out);
}

static int call_ceil(struct expr_set *x, uint32_t at, struct operand *args,
                     uint32_t n, struct operand *out)
{
    (void)n;
    return whole(x, at, &args[0], "ceil needs a number", 1, out);
}

/* ---- text */

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

/* One character beyond ASCII. Letters are the same in every environment. */
static int other_letter(struct expr_set *x, uint32_t at, wint_t c, bool upper)
{
    if (!x->letters)
        x->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    if (!x->letters && errno == ENOMEM)
        return -2;
    if (!x->letters)
        return expr_faultf(x, at, NULL, "expr_locale",
                           "the system has no locale C.UTF-8");
    encode(&x->text,
           upper ? towupper_l(c, x->letters) : towlower_l(c, x->letters));
    return 0;
}

static int change_case(struct expr_set *x, uint32_t at, struct str s,
                       bool upper, struct operand *out)
{
    const char *p = s.p, *end = s.p + s.n;
    char first = upper ? 'a' : 'A';
    buf_reset(&x->text);
    if (buf_reserve(&x->text, s.n))
        return -2;
    while (p < end) {
        size_t n = utf8_char(p, end);
        if (n > 1) {
            int rc = other_letter(x, at, decode(p, n), upper);
            if (rc)
                return rc;
        } else { /* or a byte of a lone surrogate */
            bool letter = *p >= first && *p <= first + 25;
            buf_addc(&x->text, letter ? (char)(*p ^ 0x20) : *p);
            n = 1;
        }
        p += n;
    }
    return set_text(x, out);
}

static int call_lower(struct expr_set *x, uint32_t at, struct operand *args,
                      uint32_t n, struct operand *out)
{
    int rc = need_string(x, at, "lower needs a string", &args[0]);
    (void)n;
    return rc ? rc : change_case(x, at, args[0].text, false, out);
}

static int call_upper(struct expr_set *x, uint32_t at, struct operand *args,
                      uint32_t n, struct operand *out)
{
    int rc = need_string(x, at, "upper needs a string", &args[0]);
    (void)n;
    return rc ? rc : change_case(x, at, args[0].text, true, out);
}

static int call_trim(struct expr_set *x, uint32_t at, struct operand *args,
                     uint32_t n, struct operand *out)
{
    int rc = need_string(x, at, "trim needs a string", &args[0]);
    (void)n;
    if (rc)
        return rc;
    struct str s = args[0].text;
    while (s.n && s.p[0] == ' ')
        s.p++, s.n--;
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    *out = operand_text_of(s);
    return 0;
}

static int call_length(struct expr_set *x, uint32_t at, struct operand *args,
                       uint32_t n, struct operand *out)
{
    struct decimal d = DECIMAL_ZERO;
    int64_t count = 0;
    (void)n;
    if (args[0].type == JSON_ARRAY) {
        struct json_iter it = json_iter(args[0].raw);
        struct val v;
        while (json_next(&it, NULL, &v))
            count++;
    } else {
        int rc =
            need_string(x, at, "length needs a string or an array", &args[0]);
        if (rc)
            return rc;
        for (size_t i = 0; i < args[0].text.n; i++)
            count += ((unsigned char)args[0].text.p[i] & 0xc0) != 0x80;
    }
    decimal_set_i64(&d, count);
    set_number(out, &d);
    return 0;
}

/* ---- any type */

static int call_nullif(struct expr_set *x, uint32_t at, struct operand *args,
                       uint32_t n, struct operand *out)
{
    int c = 1;
    (void)n;
    if (!operand_absent(&args[0]) && !operand_absent(&args[1])) {
        int rc = operand_compare(x, at, &args[0], &args[1], &c);
        if (rc)
            return rc;
    }
    if (c == 0) {
        *out = OPERAND(JSON_NULL);
        return 0;
    }
    *out = args[0];
    args[0].owns_num = false;
    return 0;
}

static const struct func functions[] = {
    { "abs", 1, 1, false, call_abs },
    { "ceil", 1, 1, false, call_ceil },
    { "date", 1, 1, false, call_date },
    { "days", 2, 2, false, call_days },
    { "floor", 1, 1, false, call_floor },
    { "length", 1, 1, false, call_length },
    { "lower", 1, 1, false, call_lower },
    { "nullif", 2, 2, true, call_nullif },
    { "round", 1, 2, false, call_round },
    { "seconds", 2, 2, false, call_seconds },
    { "trim", 1, 1, false, call_trim },
    { "upper", 1, 1, false, call_upper },
};

int func_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
        if (lex_is(name, functions[i].name))
            return (int)i;
    return -1;
}

const struct func *func_get(int index)
{
    return &functions[index];
}
