/* jointime: the times by which an as-of join looks back.
 *
 * A time is an instant (RFC 3339, a date, or a time without a zone, all as
 * strings) or a number; one reference holds one of the two. Thread-safe. */
#ifndef JOIN_JOINTIME_H
#define JOIN_JOINTIME_H

#include "base/decimal.h"
#include "base/digits.h"
#include "json/value.h"

#include <stdint.h>

#define JOINTIME_INSTANT (-1)

/* Of a number v * 10^-scale; of an instant v is in microseconds since
 * 1970-01-01T00:00:00Z, and scale JOINTIME_INSTANT. */
struct jointime {
    int64_t v;
    int32_t scale;
};

enum jointime_result {
    JOINTIME_OK,
    JOINTIME_NONE, /* null or missing */
    JOINTIME_BAD,  /* no time, and no number of at most 18 digits */
    JOINTIME_NO_MEMORY
};

/* Reads v; times without a zone are in tz (NULL: UTC). scratch is for strings
 * with escapes. */
enum jointime_result jointime_read(struct val v, const char *tz,
                                   struct buf *scratch, struct jointime *t);

/* <0, 0 or >0; both of one kind. */
static inline int jointime_cmp(struct jointime a, struct jointime b)
{
    decimal_int x = a.v, y = b.v;
    if (a.scale < b.scale) /* times 10^18 at most: fits */
        x *= (decimal_int)digits_pow10[b.scale - a.scale];
    else if (a.scale > b.scale)
        y *= (decimal_int)digits_pow10[a.scale - b.scale];
    return (x > y) - (x < y);
}

#endif
