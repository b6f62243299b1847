/* order: a total order of JSON values, as jq sorts them.
 *
 * missing < null < false < true < numbers < strings < arrays < objects.
 * Numbers by value, exactly; strings by their characters (code points);
 * arrays element by element, a shorter one first; objects first by their keys
 * as a sorted array, then by their values in that order of keys. Of duplicate
 * keys the last counts. */
#ifndef JSON_ORDER_H
#define JSON_ORDER_H

#include "base/decimal.h"
#include "base/digits.h"
#include "json/value.h"

#include <endian.h>

/* Sets *order to <0, 0 or >0. Returns 0; -1 without memory, -3 where a value
 * is not JSON or nests deeper than JSON_DEPTH_DEFAULT. */
int order_cmp(struct val a, struct val b, int *order);

/* ---- short keys: most values are compared without looking at them ---- */

enum order_kind {
    ORDER_OTHER, /* says nothing: order_cmp has to */
    ORDER_NUMBER,
    ORDER_STRING
};

struct order_key {
    uint64_t high; /* string: its first 8 characters, the first one highest;
                      number: v, an int64_t, of v * 10^-scale */
    uint64_t low;  /* string: 8 more, with zeros behind the end */
    uint32_t kind;
    int32_t scale; /* string: 1 if it goes on behind them */
};

#define ORDER_PADDING DIGITS_PADDING

/* The first n bytes of a big-endian word; of 8 and more all. */
extern const uint64_t order_masks[9];

/* Characters 0 to 7, and 8 to 15, of a string of n, of which 16 bytes are
 * readable: as they are where it has no escapes. */
static inline uint64_t order_high(const char *p, size_t n)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return be64toh(w) & order_masks[n < 8 ? n : 8];
}

static inline uint64_t order_low(const char *p, size_t n)
{
    return n > 8 ? order_high(p + 8, n - 8) : 0;
}

/* The key of such a string. Bytes that are not escaped are in the order of
 * characters, and none is 0. */
static inline struct order_key order_key_string(const char *p, size_t n)
{
    return (struct order_key){ order_high(p, n), order_low(p, n), ORDER_STRING,
                               n > 16 };
}

/* The key of a number of n bytes, of which ORDER_PADDING are readable. */
static inline struct order_key order_key_number(const char *p, size_t n)
{
    int64_t v;
    int32_t scale;
    bool good = digits_read_padded(p, n, &v, &scale);
    return (struct order_key){ (uint64_t)v, 0,
                               good ? ORDER_NUMBER : ORDER_OTHER, scale };
}

/* The key of v, of which ORDER_PADDING bytes are readable whatever its length.
 * A string must have no escapes: with one it has no key. */
static inline struct order_key order_key_of(struct val v)
{
    if (v.type == JSON_STRING)
        return order_key_string(v.raw.p + 1, v.raw.n - 2);
    if (v.type == JSON_NUMBER)
        return order_key_number(v.raw.p, v.raw.n);
    return (struct order_key){ .kind = ORDER_OTHER };
}

static inline int order_cmp_numbers(struct order_key a, struct order_key b)
{
    decimal_int x = (int64_t)a.high, y = (int64_t)b.high;
    if (a.scale < b.scale) /* times 10^18 at most: fits */
        x *= (decimal_int)digits_pow10[b.scale - a.scale];
    else if (a.scale > b.scale)
        y *= (decimal_int)digits_pow10[a.scale - b.scale];
    return (x > y) - (x < y);
}

/* Sets *order and returns true where the keys of two values tell it. */
static inline bool order_keys_cmp(struct order_key a, struct order_key b,
                                  int *order)
{
    if (a.kind != b.kind || a.kind == ORDER_OTHER)
        return false;
    if (a.kind == ORDER_NUMBER) {
        *order = order_cmp_numbers(a, b);
        return true;
    }
    if (a.high != b.high)
        *order = a.high < b.high ? -1 : 1;
    else
        *order = (a.low > b.low) - (a.low < b.low);
    return *order || !(a.scale | b.scale);
}

#endif
