#include "aggregate/cell.h"

/* Finds room for n bytes in the side region. */
static int make_room(struct cell *c, struct region *side, size_t n,
                     struct err *e)
{
    if (c->head & CELL_FAR && (size_t)c->cap * CELL_UNIT >= n)
        return 0;
    size_t units = (n + n / 2 + CELL_UNIT - 1) / CELL_UNIT;
    if (side->n / CELL_UNIT > UINT32_MAX || n > UINT32_MAX)
        return err_nomem(e);
    /* A key may be read past the end. */
    if (region_reserve(side, units * CELL_UNIT + CELL_PADDING, e))
        return -1;
    c->cap = (uint32_t)units;
    c->at = (uint32_t)(side->n / CELL_UNIT);
    side->n += units * CELL_UNIT;
    return 0;
}

int cell_set(struct cell *c, size_t size, struct region *side, struct str raw,
             struct err *e)
{
    if (raw.n < size && !(c->head & CELL_FAR)) {
        memcpy((char *)c + 1, raw.p, raw.n);
        c->head = (uint8_t)raw.n;
        return 0;
    }
    if (make_room(c, side, raw.n, e))
        return -1;
    memcpy(side->p + (size_t)c->at * CELL_UNIT, raw.p, raw.n);
    c->n = (uint32_t)raw.n;
    c->head = CELL_FAR;
    return 0;
}

struct val cell_get(const struct cell *c, const struct region *side)
{
    if (cell_is_empty(c))
        return (struct val){ JSON_MISSING, { "", 0 } };
    struct str raw = cell_raw(c, side);
    return (struct val){ json_type_of(*raw.p), raw };
}
