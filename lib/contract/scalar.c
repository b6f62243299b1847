/* What a plain scalar is: the core schema of YAML 1.2.2, section 10.3.2. */
#include "contract/yaml.h"

#include "json/number.h"

static bool is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(s, str_of(*words)))
            return true;
    return false;
}

static size_t digits(struct str s, size_t from, const char *set)
{
    size_t n = from;
    while (n < s.n && s.p[n] && strchr(set, s.p[n]))
        n++;
    return n - from;
}

/* A decimal number, whole or not: its parts, or false. */
struct spelled {
    bool negative;
    struct str whole, fraction, exponent; /* fraction.p NULL: no point */
};

static bool split(struct str s, struct spelled *n)
{
    size_t at = s.n && (s.p[0] == '-' || s.p[0] == '+'), from = at;
    n->negative = at && s.p[0] == '-';
    at += digits(s, at, "0123456789");
    n->whole = (struct str){ s.p + from, at - from };
    n->fraction = n->exponent = (struct str){ NULL, 0 };
    if (at < s.n && s.p[at] == '.') {
        size_t k = digits(s, at + 1, "0123456789");
        n->fraction = (struct str){ s.p + at + 1, k };
        at += 1 + k;
    }
    if (!n->whole.n && !n->fraction.n)
        return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        from = at++;
        at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        size_t k = digits(s, at, "0123456789");
        at += k;
        if (!k)
            return false;
        n->exponent = (struct str){ s.p + from, at - from };
    }
    return at == s.n;
}

/* Spells the number as JSON does: no plus sign, no leading zeros, digits on
 * both sides of a point. */
static int respell(struct yaml *y, struct arena *a, const struct spelled *n)
{
    struct str whole = n->whole;
    struct buf b = { 0 };
    while (whole.n > 1 && *whole.p == '0')
        whole.p++, whole.n--;
    if (n->negative)
        buf_addc(&b, '-');
    buf_add_str(&b, whole.n ? whole : STR("0"));
    if (n->fraction.n) {
        buf_addc(&b, '.');
        buf_add_str(&b, n->fraction);
    }
    buf_add_str(&b, n->exponent);
    struct str text = { NULL, 0 };
    if (!b.failed)
        text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    if (!text.p)
        return -1;
    y->text = text;
    return 0;
}

/* 0o17 and 0x1F. 1; 0 where s is neither; -1 past 64 bits. */
static int radix(struct str s, uint64_t *v)
{
    static const char set[] = "0123456789abcdefABCDEF";
    bool hex = s.n > 2 && s.p[0] == '0' && s.p[1] == 'x';
    bool octal = s.n > 2 && s.p[0] == '0' && s.p[1] == 'o';
    unsigned bits = hex ? 4 : 3;
    *v = 0;
    if (!(hex && digits(s, 2, set) == s.n - 2) &&
        !(octal && digits(s, 2, "01234567") == s.n - 2))
        return 0;
    for (size_t i = 2; i < s.n; i++) {
        unsigned c = (unsigned)(strchr(set, s.p[i]) - set);
        if (*v >> (64 - bits))
            return -1;
        *v = *v << bits | (c > 15 ? c - 6 : c);
    }
    return 1;
}

static int resolve_number(struct yaml *y, struct arena *a, const char **why)
{
    static const char *const beyond[] = { ".inf",  ".Inf",  ".INF",  "+.inf",
                                          "+.Inf", "+.INF", "-.inf", "-.Inf",
                                          "-.INF", ".nan",  ".NaN",  ".NAN",
                                          NULL };
    struct spelled n;
    struct buf b = { 0 };
    uint64_t v;
    int r = radix(y->text, &v);
    *why = r < 0 ? "number of more than 64 bits" : NULL;
    if (is_one_of(y->text, beyond))
        *why = "JSON has no such number";
    if (*why)
        return -1;
    if (r == 0 && !split(y->text, &n))
        return 0;
    y->type = JSON_NUMBER;
    if (r == 0)
        return respell(y, a, &n);
    number_add_u64(&b, v);
    y->text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return y->text.p ? 0 : -1;
}

int yaml_resolve(struct yaml *y, struct arena *a, const char **why)
{
    static const char *const nulls[] = {
        "", "~", "null", "Null", "NULL", NULL
    };
    static const char *const trues[] = { "true", "True", "TRUE", NULL };
    static const char *const falses[] = { "false", "False", "FALSE", NULL };
    y->type = JSON_STRING;
    *why = NULL;
    if (is_one_of(y->text, nulls)) {
        y->type = JSON_NULL;
        y->text = STR("null");
    } else if (is_one_of(y->text, trues)) {
        y->type = JSON_TRUE;
        y->text = STR("true");
    } else if (is_one_of(y->text, falses)) {
        y->type = JSON_FALSE;
        y->text = STR("false");
    } else {
        return resolve_number(y, a, why);
    }
    return 0;
}
