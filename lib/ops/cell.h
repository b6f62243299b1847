/* cell: one JSON value kept inside a row of a table, with its spelling.
 *
 * Up to CELL_INLINE bytes lie in the cell itself; longer ones in a side region
 * that all cells of a table share, where a cell keeps its place and outgrows
 * it by half, so that replacing a value over and over costs no memory. A zeroed
 * cell is empty. Cells hold no pointers: rows may move. */
#ifndef OPS_CELL_H
#define OPS_CELL_H

#include "base/err.h"
#include "json/order.h"
#include "json/value.h"
#include "table/region.h"

#include <stdint.h>

#define CELL_INLINE 28
#define CELL_UNIT 16
#define CELL_MAX 0x3fffffffu

/* Flags beside the length. */
#define CELL_FAR 0x80000000u   /* the bytes are in the side region */
#define CELL_KEYED 0x40000000u /* the value has a key (json/order.h) */

struct cell {
    uint32_t n; /* bytes, and flags; 0: empty */
    union {
        char in[CELL_INLINE];
        struct {
            uint32_t cap, at; /* in units of CELL_UNIT bytes */
        } far;
    };
};

/* Keeps raw (a value as it stands in the record) in place of what c held.
 * Returns 0, or -1 with e and c unchanged: the budget, memory, more than
 * CELL_MAX bytes, or 64 GiB in the side region. */
int cell_set(struct cell *c, struct region *side, struct str raw,
             struct err *e);

/* The same for a value that has a key; CELL_INLINE bytes from raw.p are
 * readable whatever its length. */
static inline int cell_set_keyed(struct cell *c, struct region *side,
                                 struct str raw, struct err *e)
{
    if (raw.n <= CELL_INLINE && !(c->n & CELL_FAR))
        memcpy(c->in, raw.p, CELL_INLINE);
    else if (cell_set(c, side, raw, e))
        return -1;
    c->n = (c->n & CELL_FAR) | CELL_KEYED | (uint32_t)raw.n;
    return 0;
}

/* What c holds; MISSING where it is empty. Borrowed until the next change of
 * the cell, its row or the side region. */
struct val cell_get(const struct cell *c, const struct region *side);

/* The key of what c holds: ORDER_OTHER where it was not set as keyed. */
static inline struct order_key cell_key(const struct cell *c,
                                        const struct region *side)
{
    if (!(c->n & CELL_KEYED))
        return (struct order_key){ .kind = ORDER_OTHER };
    const char *p =
        c->n & CELL_FAR ? side->p + (size_t)c->far.at * CELL_UNIT : c->in;
    enum json_type type = *p == '"' ? JSON_STRING : JSON_NUMBER;
    return order_key_of((struct val){ type, { p, c->n & CELL_MAX } });
}

_Static_assert(CELL_INLINE >= ORDER_PADDING, "keys are read in place");

#endif
