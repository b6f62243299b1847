#include "ops/cell.h"

int cell_set(struct cell *c, struct region *side, struct str raw, struct err *e)
{
    if (raw.n <= CELL_INLINE && !(c->n & CELL_FAR)) {
        memcpy(c->in, raw.p, raw.n);
        c->n = (uint32_t)raw.n;
        return 0;
    }
    if (raw.n > CELL_MAX)
        return err_set(e, ERR_CONFIG, "value of %zu bytes: too long to keep",
                       raw.n);
    if (!(c->n & CELL_FAR) || (size_t)c->far.cap * CELL_UNIT < raw.n) {
        size_t units = (raw.n + raw.n / 2 + CELL_UNIT - 1) / CELL_UNIT;
        if (side->n / CELL_UNIT > UINT32_MAX)
            return err_nomem(e);
        if (region_reserve(side, units * CELL_UNIT, e))
            return -1;
        c->far.cap = (uint32_t)units;
        c->far.at = (uint32_t)(side->n / CELL_UNIT);
        side->n += units * CELL_UNIT;
    }
    memcpy(side->p + (size_t)c->far.at * CELL_UNIT, raw.p, raw.n);
    c->n = (uint32_t)raw.n | CELL_FAR;
    return 0;
}

struct val cell_get(const struct cell *c, const struct region *side)
{
    uint32_t n = c->n & CELL_MAX;
    if (n == 0)
        return (struct val){ JSON_MISSING, { "", 0 } };
    const char *p =
        c->n & CELL_FAR ? side->p + (size_t)c->far.at * CELL_UNIT : c->in;
    return (struct val){ json_type_of(*p), { p, n } };
}
