/* The number of different values, about (aggregate/hll.h). A state is few
 * registers as a hash table, or from some number on all of them, in a block
 * (aggregate/blocks.h) either way; which of the two depends on their number
 * alone.
 *
 * It is written as [bits,register,rank,...] by register, or as [bits,"ranks"]
 * with a character of the base64 alphabet for each register. Values are hashed
 * by their keys (json/key.h) without a seed: the same in every process. */
#include "aggregate/acc_ops.h"
#include "aggregate/hll.h"

#include "base/hash.h"
#include "json/key.h"
#include "json/number.h"

#include <stdlib.h>

struct registers {
    uint32_t place; /* of the block; 0: none */
    uint32_t n;     /* registers above 0, while they are few */
    uint32_t log;   /* of the block's bytes */
    uint32_t dense; /* all are there */
};

/* An entry of the table: the register, from 1, and its rank. */
#define RANK_BITS 6
#define RANK_MASK ((1U << RANK_BITS) - 1)
#define TABLE_LOG_LEAST 6

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint32_t entry_of(uint32_t at, unsigned rank)
{
    return (at + 1) << RANK_BITS | rank;
}

static void start(struct acc *acc)
{
    unsigned bits = acc->param.bits;
    if (bits < HLL_BITS_LEAST || bits > HLL_BITS_MOST)
        acc->param.bits = HLL_BITS_DEFAULT;
}

/* The slot of a register in a table of 2^log bytes, or where it belongs. */
static uint32_t *find(uint32_t *table, unsigned log, uint32_t at)
{
    uint32_t mask = (1U << (log - 2)) - 1;
    uint32_t i = (at * 2654435769U >> 8) & mask;
    while (table[i] && table[i] >> RANK_BITS != at + 1)
        i = (i + 1) & mask;
    return &table[i];
}

static void raise_dense(uint8_t *all, uint32_t at, unsigned rank)
{
    if (all[at] < rank)
        all[at] = (uint8_t)rank;
}

/* The next form of a table that is full: one of twice the size, or, where that
 * would take half of what all registers take, these. */
static int grow(struct acc *acc, struct registers *r, struct err *e)
{
    unsigned log = r->place ? r->log + 1 : TABLE_LOG_LEAST;
    bool dense = log >= acc->param.bits;
    uint32_t place;
    if (dense)
        log = acc->param.bits;
    if (blocks_get(&acc->blocks, log, &place, e))
        return -1;
    const uint32_t *old = r->place ? blocks_at(&acc->blocks, r->place) : NULL;
    for (size_t i = 0; old && i < (size_t)1 << (r->log - 2); i++) {
        uint32_t at = (old[i] >> RANK_BITS) - 1;
        if (!old[i])
            continue;
        if (dense)
            raise_dense(blocks_at(&acc->blocks, place), at, old[i] & RANK_MASK);
        else
            *find(blocks_at(&acc->blocks, place), log, at) = old[i];
    }
    blocks_put(&acc->blocks, r->log, r->place);
    r->place = place;
    r->log = log;
    r->dense = dense;
    return 0;
}

static int raise_register(struct acc *acc, struct registers *r, uint32_t at,
                          unsigned rank, struct err *e)
{
    uint32_t *slot = NULL;
    if (r->place && !r->dense) {
        slot = find(blocks_at(&acc->blocks, r->place), r->log, at);
        if (*slot) {
            if ((*slot & RANK_MASK) < rank)
                *slot = entry_of(at, rank);
            return 0;
        }
    }
    /* A table is filled to three quarters. */
    if (!r->dense && (!r->place || r->n + 1 > 3U << (r->log - 4))) {
        if (grow(acc, r, e))
            return -1;
        slot = NULL;
    }
    void *block = blocks_at(&acc->blocks, r->place);
    if (r->dense) {
        raise_dense(block, at, rank);
        return 0;
    }
    *(slot ? slot : find(block, r->log, at)) = entry_of(at, rank);
    r->n++;
    return 0;
}

static int judge(struct acc *acc, struct val v, struct val by, const char *fn,
                 const char **code, struct buf *why, struct err *e)
{
    (void)by, (void)fn;
    buf_reset(&acc->key);
    int r = key_add(&acc->key, v);
    return r ? acc_refuse_value(r, code, why, e) : 1;
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    unsigned rank;
    (void)by;
    buf_reset(&acc->key);
    if (key_add(&acc->key, v))
        return err_nomem(e); /* it had a key when it was judged */
    uint32_t place =
        hll_place(hash64(buf_str(&acc->key)), acc->param.bits, &rank);
    return raise_register(acc, at.state, place, rank, e);
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    const struct registers *r = at.state;
    uint32_t histogram[64] = { 0 }, all = 1U << acc->param.bits;
    (void)q;
    if (r->dense) {
        const uint8_t *p = blocks_at(&acc->blocks, r->place);
        for (uint32_t i = 0; i < all; i++)
            histogram[p[i]]++;
    } else {
        const uint32_t *p = r->place ? blocks_at(&acc->blocks, r->place) : NULL;
        for (size_t i = 0; p && i < (size_t)1 << (r->log - 2); i++)
            if (p[i])
                histogram[p[i] & RANK_MASK]++;
        histogram[0] = all - r->n;
    }
    uint64_t n = hll_estimate(histogram, acc->param.bits);
    return number_add_u64(out, n) ? err_nomem(e) : 0;
}

/* ---- states ---- */

static int cmp_entries(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int write_few(const struct acc *acc, const struct registers *r,
                     struct buf *out, struct err *e)
{
    uint32_t *sorted = calloc((size_t)r->n + 1, sizeof(*sorted));
    if (!sorted)
        return err_nomem(e);
    const uint32_t *p = r->place ? blocks_at(&acc->blocks, r->place) : NULL;
    size_t n = 0;
    for (size_t i = 0; p && i < (size_t)1 << (r->log - 2); i++)
        if (p[i])
            sorted[n++] = p[i];
    qsort(sorted, n, sizeof(*sorted), cmp_entries);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, ",%u,%u", (sorted[i] >> RANK_BITS) - 1,
                 sorted[i] & RANK_MASK);
    free(sorted);
    return 0;
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    const struct registers *r = at.state;
    buf_addf(out, "[%u", acc->param.bits);
    if (!r->dense) {
        if (write_few(acc, r, out, e))
            return -1;
        return buf_addc(out, ']') ? err_nomem(e) : 0;
    }
    size_t n = (size_t)1 << acc->param.bits;
    const uint8_t *p = blocks_at(&acc->blocks, r->place);
    buf_addz(out, ",\"");
    if (buf_reserve(out, n + 2))
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        out->p[out->n++] = alphabet[p[i]];
    return buf_addz(out, "\"]") ? err_nomem(e) : 0;
}

/* All registers of a string's: only looked at where !take. */
static int absorb_all(struct acc *acc, struct registers *r, struct val v,
                      bool take_them, struct err *e)
{
    size_t n = (size_t)1 << acc->param.bits;
    if (v.raw.n != n + 2)
        return acc_no_state(acc, e);
    for (size_t i = 0; i < n; i++) {
        const char *at = memchr(alphabet, v.raw.p[i + 1], 64);
        unsigned rank = at ? (unsigned)(at - alphabet) : UINT32_MAX;
        if (rank > hll_rank_most(acc->param.bits))
            return acc_no_state(acc, e);
        if (take_them && rank && raise_register(acc, r, (uint32_t)i, rank, e))
            return -1;
    }
    return 0;
}

/* The registers behind the bits; the same. */
static int absorb_rest(struct acc *acc, struct registers *r,
                       struct json_iter it, bool take_them, struct err *e)
{
    struct val v;
    uint64_t at, rank;
    while (json_next(&it, NULL, &v)) {
        if (v.type == JSON_STRING) {
            if (absorb_all(acc, r, v, take_them, e))
                return -1;
            continue;
        }
        if (!acc_read_count(v, &at) || at >> acc->param.bits ||
            !json_next(&it, NULL, &v) || !acc_read_count(v, &rank) ||
            rank == 0 || rank > hll_rank_most(acc->param.bits))
            return acc_no_state(acc, e);
        if (take_them &&
            raise_register(acc, r, (uint32_t)at, (unsigned)rank, e))
            return -1;
    }
    return it.broken ? acc_no_state(acc, e) : 0;
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    struct val v;
    uint64_t bits;
    if (state.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(state.raw);
    if (!json_next(&it, NULL, &v) || !acc_read_count(v, &bits) ||
        bits != acc->param.bits)
        return acc_no_state(acc, e);
    if (absorb_rest(acc, at.state, it, false, e))
        return -1;
    return absorb_rest(acc, at.state, it, true, e);
}

const struct acc_ops acc_ops_hll = {
    .types = ACC_SCALARS,
    .numbers = true,
    .bytes = sizeof(struct registers),
    .start = start,
    .judge = judge,
    .take = take,
    .take_run = acc_take_each,
    .print = print,
    .write = write,
    .absorb = absorb,
};
