/* The number of different values. A state is that number; the values of all
 * groups are in one set, the group's number before the key. A state is written
 * as an array of the values, as first appeared; keys have one spelling each.
 *
 * To write group by group, the set is walked once and its keys are sorted by
 * group (counting sort). */
#include "aggregate/acc_keys.h"

#include "json/key.h"
#include "json/number.h"

#include <stdlib.h>

struct acc_index {
    uint64_t *from; /* owned, by group: the first of its keys; one behind */
    uint64_t *key;  /* owned: where each key starts, for keyset_next */
};

static int judge(struct acc *acc, struct val v, struct val by, const char *fn,
                 const char **code, struct buf *why, struct err *e)
{
    (void)by, (void)fn;
    buf_reset(&acc->key);
    int r = key_add(&acc->key, v);
    return r ? acc_refuse_value(r, code, why, e) : 1;
}

static int insert(struct acc *acc, uint64_t *count, struct str key,
                  struct hash128 hash, struct err *e)
{
    uint32_t number;
    int r = keyset_insert(&acc->seen, hash, key, &number, e);
    *count += r == 1;
    return r < 0 ? -1 : 0;
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    struct str key;
    (void)by;
    if (acc_key_of(acc, at.group, v, &key, e))
        return -1;
    return insert(acc, at.state, key, keyset_hash(&acc->seen, key), e);
}

static int take_run(struct acc *acc, struct run *run, struct err *e)
{
    struct acc_keys k;
    for (; run->from < run->to; run->from = k.next) {
        if (acc_keys_make(acc, run, &k, e))
            return -1;
        for (size_t j = 0; j < k.n; j++) {
            if (insert(acc, acc_state(acc, run, k.of[j]),
                       acc_keys_get(acc, &k, j), k.hash[j], e)) {
                run->from = k.of[j];
                return -1;
            }
        }
    }
    return 0;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    (void)acc, (void)q;
    return number_add_u64(out, *(const uint64_t *)at.state) ? err_nomem(e) : 0;
}

/* ---- states ---- */

static uint32_t group_in(struct str *key)
{
    uint32_t group;
    memcpy(&group, key->p, sizeof(group));
    *key = (struct str){ key->p + sizeof(group), key->n - sizeof(group) };
    return group;
}

static void drop_index(struct acc *acc)
{
    if (!acc->index)
        return;
    free(acc->index->from);
    free(acc->index->key);
    free(acc->index);
    acc->index = NULL;
}

/* After the first walk from[g + 2] counts the keys of g, and the second one
 * moves from[g + 1] from their first to behind their last. */
static int write_begin(struct acc *acc, uint32_t n_groups, struct err *e)
{
    struct acc_index *x = calloc(1, sizeof(*x));
    acc->index = x;
    if (!x)
        return err_nomem(e);
    x->from = calloc((size_t)n_groups + 2, sizeof(*x->from));
    x->key = calloc((size_t)acc->seen.n + 1, sizeof(*x->key));
    if (!x->from || !x->key)
        return err_nomem(e);
    struct str key;
    for (size_t at = 0; keyset_next(&acc->seen, &at, &key);) {
        uint32_t group = group_in(&key);
        if (group >= n_groups)
            return err_set(e, ERR_BUG, "value of a group that is not there");
        x->from[group + 2]++;
    }
    for (size_t g = 2; g < (size_t)n_groups + 2; g++)
        x->from[g] += x->from[g - 1];
    for (size_t at = 0, start = 0; keyset_next(&acc->seen, &at, &key);
         start = at)
        x->key[x->from[group_in(&key) + 1]++] = start;
    return 0;
}

/* A lone surrogate, which key_print leaves in three bytes that are not UTF-8,
 * as its escape. */
static int add_text(struct buf *out, struct str s)
{
    size_t done = 0;
    for (size_t i = 0; i + 2 < s.n; i++) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        if (p[0] != 0xed || p[1] < 0xa0)
            continue;
        buf_add(out, s.p + done, i - done);
        buf_addf(out, "\\u%04x", 0xd000 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f));
        done = i + 3;
    }
    return buf_add(out, s.p + done, s.n - done);
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    const struct acc_index *x = acc->index;
    struct str key;
    buf_addc(out, '[');
    for (uint64_t i = x->from[at.group]; i < x->from[at.group + 1]; i++) {
        size_t start = x->key[i];
        if (i > x->from[at.group])
            buf_addc(out, ',');
        keyset_next(&acc->seen, &start, &key);
        group_in(&key);
        buf_reset(&acc->key);
        if (key_print(&acc->key, &key))
            return err_nomem(e);
        add_text(out, buf_str(&acc->key));
    }
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

const struct acc_ops acc_ops_distinct = {
    .types = ACC_SCALARS,
    .numbers = true,
    .bytes = sizeof(uint64_t),
    .judge = judge,
    .take = take,
    .take_run = take_run,
    .print = print,
    .write_begin = write_begin,
    .write = write,
    .write_end = drop_index,
    .absorb = acc_absorb_values,
};
