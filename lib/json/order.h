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
    union {
        int64_t v;      /* number: v * 10^-scale, as digits_read reads it */
        uint64_t first; /* string: its characters, the first one highest, */
    };
    uint64_t second; /* 16 of them, zeros behind the end */
    uint32_t kind;
    union {
        int32_t scale;
        uint32_t whole; /* the string has no more characters */
    };
};

#define ORDER_PADDING DIGITS_PADDING

/* What of bytes 0 to 7 and 8 to 15 belongs to a string of so many bytes, as
 * masks of big-endian words. */
extern const uint64_t order_masks[17][2];

/* The key of a string without escapes: n characters from p, of which 16 bytes
 * are readable. Bytes that are not escaped are in the order of characters, and
 * none is 0. */
static inline struct order_key order_key_string(const char *p, size_t n)
{
    uint64_t w[2];
    const uint64_t *mask = order_masks[n < 16 ? n : 16];
    memcpy(w, p, sizeof(w));
    return (struct order_key){ .first = be64toh(w[0]) & mask[0],
                               .second = be64toh(w[1]) & mask[1],
                               .kind = ORDER_STRING,
                               .whole = n <= 16 };
}

/* The key of v, of which ORDER_PADDING bytes are readable whatever its length.
 * A string must have no escapes: with one it has no key. */
static inline struct order_key order_key_of(struct val v)
{
    struct order_key k = { .kind = ORDER_OTHER };
    if (v.type == JSON_STRING)
        return order_key_string(v.raw.p + 1, v.raw.n - 2);
    if (v.type == JSON_NUMBER &&
        digits_read_padded(v.raw.p, v.raw.n, &k.v, &k.scale))
        k.kind = ORDER_NUMBER;
    return k;
}

/* Sets *order and returns true where the keys of two values tell it. */
static inline bool order_keys_cmp(const struct order_key *a,
                                  const struct order_key *b, int *order)
{
    if (a->kind != b->kind || a->kind == ORDER_OTHER)
        return false;
    if (a->kind == ORDER_STRING) {
        *order = a->first != b->first
                     ? (a->first < b->first ? -1 : 1)
                     : (a->second > b->second) - (a->second < b->second);
        return *order || (a->whole && b->whole);
    }
    decimal_int x = a->v, y = b->v; /* times 10^18 at most: fits */
    if (a->scale < b->scale)
        x *= (decimal_int)digits_pow10[b->scale - a->scale];
    else if (a->scale > b->scale)
        y *= (decimal_int)digits_pow10[a->scale - b->scale];
    *order = (x > y) - (x < y);
    return true;
}

#endif
