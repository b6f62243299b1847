/* All values in order. A state is a chain (aggregate/chain.h) of their bytes,
 * each with a comma behind; it is printed and written as an array. */
#include "aggregate/acc_ops.h"
#include "aggregate/chain.h"

/* Both in one piece, so that a value is there as a whole or not at all. */
static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    (void)by;
    buf_reset(&acc->key);
    buf_add_str(&acc->key, v.raw);
    if (buf_addc(&acc->key, ','))
        return err_nomem(e);
    return chain_add(at.state, &acc->pool, acc->key.p, acc->key.n, e);
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    const struct chain *c = at.state;
    uint32_t place = 0;
    size_t n;
    const char *p;
    if (buf_reserve(out, chain_size(c) + 2))
        return err_nomem(e);
    buf_addc(out, '[');
    while ((p = chain_next(c, &acc->pool, &place, &n)))
        buf_add(out, p, n);
    if (chain_size(c))
        out->n--; /* the last comma */
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    const struct chain *c = at.state;
    (void)q;
    if (chain_size(c) == 0)
        return buf_addz(out, "null") ? err_nomem(e) : 0;
    return write(acc, at, out, e);
}

const struct acc_ops acc_ops_list = {
    .types = ACC_ALL_TYPES,
    .bytes = sizeof(struct chain),
    .take = take,
    .take_run = acc_take_each,
    .print = print,
    .write = write,
    .absorb = acc_absorb_values,
};
