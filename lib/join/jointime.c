#include "join/jointime.h"

#include "base/date.h"

/* Numbers with an exponent, or with zeros in front of a short one. */
static enum jointime_result read_long(struct str text, struct jointime *t)
{
    struct decimal d = DECIMAL_ZERO;
    int r = decimal_parse(&d, text);
    bool fits = r == 0 && !d.big;
    decimal_int v = d.small;
    int32_t scale = d.scale;
    decimal_free(&d);
    if (r == -1)
        return JOINTIME_NO_MEMORY;
    const decimal_int most = (decimal_int)digits_pow10[18];
    for (; fits && scale < 0 && v < most && v > -most; scale++)
        v *= 10;
    for (; fits && scale > 0 && v % 10 == 0 &&
           (scale > 18 || v >= most || v <= -most);
         scale--)
        v /= 10;
    if (!fits || scale < 0 || scale > 18 || v >= most || v <= -most)
        return JOINTIME_BAD;
    *t = (struct jointime){ (int64_t)v, scale };
    return JOINTIME_OK;
}

static enum jointime_result read_number(struct str text, struct jointime *t)
{
    bool neg = *text.p == '-';
    uint64_t v;
    if (!digits_read(text.p + neg, text.n - neg, &v, &t->scale))
        return read_long(text, t);
    t->v = neg ? -(int64_t)v : (int64_t)v;
    return JOINTIME_OK;
}

enum jointime_result jointime_read(struct val v, const char *tz,
                                   struct buf *scratch, struct jointime *t)
{
    struct str text;
    if (v.type <= JSON_NULL)
        return JOINTIME_NONE;
    if (v.type == JSON_NUMBER)
        return read_number(v.raw, t);
    if (v.type != JSON_STRING)
        return JOINTIME_BAD;
    if (json_string(v, scratch, &text))
        return JOINTIME_NO_MEMORY;
    t->scale = JOINTIME_INSTANT;
    return time_parse(text, tz, &t->v) ? JOINTIME_OK : JOINTIME_BAD;
}
