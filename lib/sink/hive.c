#include "sink/hive.h"

#include "json/check.h"
#include "json/number.h"
#include "json/utf8.h"

#define PLAIN_ZEROS 40 /* zeros at most to spell a number without exponent */

static bool is_escaped(unsigned char c)
{
    return c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\{[]^", c);
}

static void escape(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_escaped(c))
            buf_addf(out, "%%%02X", c);
        else
            buf_addc(out, (char)c);
    }
}

/* Is "." or ".." one of the steps, were this a path? Written as %2F a slash
 * leads nowhere; but whoever sends such a value means no good. */
static bool steps_up(struct str s)
{
    for (size_t i = 0, from = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '/')
            continue;
        if ((i - from == 2 || (i - from == 1 && s.n > 1)) &&
            memcmp(s.p + from, "..", i - from) == 0)
            return true;
        from = i + 1;
    }
    return false;
}

static int refuse(struct sink_refusal *why, struct str column, const char *what)
{
    return sink_refusef(why, "partition_value", column,
                        "names no partition folder: %s", what);
}

static int add_text(struct buf *out, struct str column, struct str text,
                    struct sink_refusal *why)
{
    if (text.n == 0)
        return buf_addz(out, HIVE_NULL) ? -1 : 1;
    if (memchr(text.p, '\0', text.n))
        return refuse(why, column, "it holds NUL");
    if (!utf8_valid(text))
        return refuse(why, column, "it is not UTF-8");
    if (steps_up(text))
        return refuse(why, column, "it leads to another folder");
    escape(out, text);
    return out->failed ? -1 : 1;
}

static void add_zeros(struct buf *out, int64_t n)
{
    while (n-- > 0)
        buf_addc(out, '0');
}

/* The number as people write it, where that takes few zeros. */
static int add_number(struct buf *out, struct str text)
{
    struct number x = number_parse(text);
    if (x.zero)
        return buf_addc(out, '0') ? -1 : 1;
    if (x.adjusted < -PLAIN_ZEROS || x.adjusted > PLAIN_ZEROS)
        return number_canon(out, text) == -1 ? -1 : 1;
    struct buf digits = { .max = text.n + 1 };
    buf_add_str(&digits, x.whole);
    buf_add_str(&digits, x.frac);
    struct str d = { digits.p, x.digits };
    int64_t whole = x.adjusted + 1;
    size_t before = whole <= 0              ? 0
                    : (uint64_t)whole < d.n ? (size_t)whole
                                            : d.n;
    if (x.neg)
        buf_addc(out, '-');
    buf_add(out, d.p, before);
    add_zeros(out, whole <= 0 ? 1 : whole - (int64_t)before);
    if (before < d.n) {
        buf_addc(out, '.');
        add_zeros(out, -whole);
        buf_add(out, d.p + before, d.n - before);
    }
    int r = digits.failed || out->failed ? -1 : 1;
    buf_free(&digits);
    return r;
}

static int add_string(struct buf *out, struct str column, struct val v,
                      struct sink_refusal *why)
{
    struct buf scratch = { 0 };
    struct str text;
    int r =
        json_string(v, &scratch, &text) ? -1 : add_text(out, column, text, why);
    /* Read back, the folder would be that of null. */
    if (r > 0 && str_eq(text, STR(HIVE_NULL)))
        r = refuse(why, column, "that is the one for null");
    buf_free(&scratch);
    return r;
}

static int add_value(struct buf *out, struct str column, struct val v,
                     struct sink_refusal *why)
{
    switch (v.type) {
    case JSON_MISSING:
    case JSON_NULL: return buf_addz(out, HIVE_NULL) ? -1 : 1;
    case JSON_FALSE:
    case JSON_TRUE: return buf_add_str(out, v.raw) ? -1 : 1;
    case JSON_NUMBER: return add_number(out, v.raw);
    case JSON_STRING: return add_string(out, column, v, why);
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return sink_refusef(why, "partition_value", column,
                        "names no partition folder: it is an %s",
                        json_type_name(v.type));
}

/* A folder that cannot be had leaves out as it was. */
static int check_length(struct buf *out, size_t from, struct str column,
                        struct sink_refusal *why, int r)
{
    if (r > 0 && out->n - from > HIVE_NAME_MAX)
        r = refuse(why, column, "it is too long");
    if (r == 0)
        out->n = from;
    return r;
}

int hive_folder(struct buf *out, struct str column, struct val v,
                struct sink_refusal *why)
{
    size_t from = out->n;
    escape(out, column);
    buf_addc(out, '=');
    return check_length(out, from, column, why, add_value(out, column, v, why));
}

int hive_folder_of(struct buf *out, struct str column, struct str text,
                   struct sink_refusal *why)
{
    size_t from = out->n;
    escape(out, column);
    buf_addc(out, '=');
    int r = json_number_valid(text) ? add_number(out, text)
                                    : add_text(out, column, text, why);
    return check_length(out, from, column, why, r);
}
