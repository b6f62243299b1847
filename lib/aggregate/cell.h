/* cell: one JSON value kept inside a row of a table, with its spelling.
 *
 * A cell is as many bytes as its table gives it. What does not fit lies in a
 * side region that all cells of a table share, where a cell keeps its place and
 * outgrows it by half, so that replacing a value over and over costs no memory.
 * A zeroed cell is empty. Cells hold no pointers: rows may move. */
#ifndef AGGREGATE_CELL_H
#define AGGREGATE_CELL_H

#include "base/err.h"
#include "json/order.h"
#include "json/value.h"
#include "table/region.h"

#include <stdint.h>

/* Sizes of cells, in bytes, are multiples of CELL_ALIGN between these two. */
#define CELL_LEAST 16
#define CELL_MOST 48
#define CELL_ALIGN 8

/* So many bytes behind the start of a cell or of a value with a key must be
 * readable, whatever its size. */
#define CELL_PADDING CELL_MOST

struct cell {
    uint8_t head;     /* bytes in the cell, and flags; 0: empty */
    uint8_t in[3];    /* the first of them; more behind, up to the size */
    uint32_t n;       /* CELL_FAR: bytes */
    uint32_t cap, at; /* and their place, in units of CELL_UNIT bytes */
};

#define CELL_UNIT 16
#define CELL_FAR 0x80   /* the bytes are in the side region */
#define CELL_KEYED 0x40 /* the value has a key (json/order.h) */
#define CELL_LENGTH 0x3f

_Static_assert(sizeof(struct cell) == CELL_LEAST, "the least cell can be far");
_Static_assert(CELL_MOST - 1 <= CELL_LENGTH, "a length fits beside flags");
_Static_assert(CELL_MOST > ORDER_PADDING, "keys are read in place");

/* The size of a cell for values that mostly have n bytes. */
static inline size_t cell_size(size_t n)
{
    if (n >= CELL_MOST || n < CELL_LEAST)
        return CELL_LEAST; /* what is longer than that is far anyway */
    return (n + CELL_ALIGN) / CELL_ALIGN * CELL_ALIGN;
}

/* Keeps raw (a value as it stands in the record) in place of what c, a cell of
 * size bytes, held. Returns 0, or -1 with e and c unchanged: the budget,
 * memory, a value of 4 GiB, or 64 GiB in the side region. */
int cell_set(struct cell *c, size_t size, struct region *side, struct str raw,
             struct err *e);

/* The same for a value that has a key. */
static inline int cell_set_keyed(struct cell *c, size_t size,
                                 struct region *side, struct str raw,
                                 struct err *e)
{
    char *in = (char *)c + 1;
    if (raw.n < size && !(c->head & CELL_FAR)) {
        /* Whole words, of which the last two overlap. */
        for (size_t at = 0; at < size - 8; at += 8)
            memcpy(in + at, raw.p + at, 8);
        memcpy(in + size - 9, raw.p + size - 9, 8);
        c->head = (uint8_t)(raw.n | CELL_KEYED);
        return 0;
    }
    if (cell_set(c, size, side, raw, e))
        return -1;
    c->head |= CELL_KEYED;
    return 0;
}

static inline bool cell_is_empty(const struct cell *c)
{
    return c->head == 0;
}

/* The bytes and length of what c holds in itself. */
static inline const char *cell_bytes(const struct cell *c)
{
    return (const char *)c + 1;
}

static inline size_t cell_length(const struct cell *c)
{
    return c->head & CELL_LENGTH;
}

/* True if c holds a string, in itself, that has a key. */
static inline bool cell_has_string(const struct cell *c)
{
    return (c->head & (CELL_FAR | CELL_KEYED)) == CELL_KEYED &&
           *cell_bytes(c) == '"';
}

/* The bytes that c holds; borrowed as of cell_get. */
static inline struct str cell_raw(const struct cell *c,
                                  const struct region *side)
{
    if (c->head & CELL_FAR)
        return (struct str){ side->p + (size_t)c->at * CELL_UNIT, c->n };
    return (struct str){ cell_bytes(c), cell_length(c) };
}

/* What c holds; MISSING where it is empty. Borrowed until the next change of
 * the cell, its row or the side region. */
struct val cell_get(const struct cell *c, const struct region *side);

/* The key of what c holds: ORDER_OTHER where it was not set as keyed. */
static inline struct order_key cell_key(const struct cell *c,
                                        const struct region *side)
{
    if (!(c->head & CELL_KEYED))
        return (struct order_key){ .kind = ORDER_OTHER };
    struct str raw = cell_raw(c, side);
    enum json_type type = *raw.p == '"' ? JSON_STRING : JSON_NUMBER;
    return order_key_of((struct val){ type, raw });
}

#endif
