/* cell: one JSON value kept inside a row of a table, with its spelling.
 *
 * Up to CELL_INLINE bytes lie in the cell itself; longer ones in a side region
 * that all cells of a table share, where a cell keeps its place and outgrows
 * it by half, so that replacing a value over and over costs no memory. A zeroed
 * cell is empty. Cells hold no pointers: rows may move. */
#ifndef OPS_CELL_H
#define OPS_CELL_H

#include "base/err.h"
#include "json/value.h"
#include "table/region.h"

#include <stdint.h>

#define CELL_INLINE 28
#define CELL_UNIT 16

struct cell {
    uint32_t n; /* bytes, 0: empty; with CELL_FAR set they are in the side
                   region */
    union {
        char in[CELL_INLINE];
        struct {
            uint32_t cap, at; /* in units of CELL_UNIT bytes */
        } far;
    };
};

/* Keeps raw (a value as it stands in the record, below 2 GiB) in place of what
 * c held. Returns 0, or -1 with e and c unchanged: the budget, memory, or 64
 * GiB in the side region. */
int cell_set(struct cell *c, struct region *side, struct str raw,
             struct err *e);

/* What c holds; MISSING where it is empty. Borrowed until the next change of
 * the cell, its row or the side region. */
struct val cell_get(const struct cell *c, const struct region *side);

#endif
