/* How often each value appeared. The values of all groups are in one set, the
 * group's number before the key; the set numbers them, and beside it lie, by
 * these numbers, their counts and spellings, linked group by group. A state is
 * the ends of that list. It is written as [[value,count],...] in order of first
 * appearance, with the first spellings. */
#include "aggregate/acc_keys.h"

#include "json/key.h"
#include "json/number.h"

#include <stdlib.h>

struct entry {
    uint64_t count;
    uint64_t text; /* where its spelling starts */
    uint32_t n;    /* and its bytes */
    uint32_t next; /* of the group, from 1; 0: none */
};

struct list {
    uint32_t first, last; /* entries, from 1 */
    uint64_t n;
};

static struct entry *entry_of(const struct acc *acc, uint32_t number)
{
    return (struct entry *)(void *)acc->pool.p + (number - 1);
}

static struct str spelling(const struct acc *acc, const struct entry *x)
{
    return (struct str){ acc->text.p + x->text, x->n };
}

static int judge(struct acc *acc, struct val v, struct val by, const char *fn,
                 const char **code, struct buf *why, struct err *e)
{
    (void)by, (void)fn;
    buf_reset(&acc->key);
    int r = key_add(&acc->key, v);
    return r ? acc_refuse_value(r, code, why, e) : 1;
}

static void append(struct acc *acc, struct list *l, uint32_t number,
                   struct str raw)
{
    struct entry *x = entry_of(acc, number);
    *x = (struct entry){ .text = acc->text.n, .n = (uint32_t)raw.n };
    memcpy(acc->text.p + acc->text.n, raw.p, raw.n);
    acc->text.n += raw.n;
    acc->pool.n += sizeof(*x);
    if (l->last)
        entry_of(acc, l->last)->next = number;
    else
        l->first = number;
    l->last = number;
    l->n++;
}

/* Counts value v of this key. */
static int insert(struct acc *acc, struct list *l, struct str key,
                  struct hash128 hash, struct val v, uint64_t count,
                  struct err *e)
{
    uint32_t number;
    if (v.raw.n > UINT32_MAX)
        return err_nomem(e);
    if (region_reserve(&acc->pool, sizeof(struct entry), e) ||
        region_reserve(&acc->text, v.raw.n, e))
        return -1;
    int r = keyset_insert(&acc->seen, hash, key, &number, e);
    if (r < 0)
        return -1;
    if (r == 1)
        append(acc, l, number + 1, v.raw);
    entry_of(acc, number + 1)->count += count;
    return 0;
}

static int take_times(struct acc *acc, struct acc_place at, struct val v,
                      uint64_t count, struct err *e)
{
    struct str key;
    if (acc_key_of(acc, at.group, v, &key, e))
        return -1;
    return insert(acc, at.state, key, keyset_hash(&acc->seen, key), v, count,
                  e);
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    (void)by;
    return take_times(acc, at, v, 1, e);
}

static int take_run(struct acc *acc, struct run *run, struct err *e)
{
    struct acc_keys k;
    for (; run->from < run->to; run->from = k.next) {
        if (acc_keys_make(acc, run, &k, e))
            return -1;
        for (size_t j = 0; j < k.n; j++) {
            size_t i = k.of[j];
            if (insert(acc, acc_state(acc, run, i), acc_keys_get(acc, &k, j),
                       k.hash[j], run->vals[i], 1, e)) {
                run->from = i;
                return -1;
            }
        }
    }
    return 0;
}

/* ---- results ---- */

/* Entries of one group have numbers in order of appearance. */
static bool more_frequent(const struct acc *acc, uint32_t a, uint32_t b)
{
    uint64_t x = entry_of(acc, a)->count, y = entry_of(acc, b)->count;
    return x != y ? x > y : a < b;
}

/* A heap of entries, the least frequent one on top: its top sinks. */
static void sink(const struct acc *acc, uint32_t *heap, size_t n)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && more_frequent(acc, heap[child], heap[child + 1]))
            child++;
        if (more_frequent(acc, heap[child], heap[i]))
            return;
        uint32_t x = heap[i];
        heap[i] = heap[child];
        heap[child] = x;
    }
}

static void rise(const struct acc *acc, uint32_t *heap, size_t i)
{
    for (size_t up; i > 0; i = up) {
        up = (i - 1) / 2;
        if (!more_frequent(acc, heap[up], heap[i]))
            return;
        uint32_t x = heap[i];
        heap[i] = heap[up];
        heap[up] = x;
    }
}

/* The k most frequent values of a list of at least k, the first one first:
 * owned, freed with free; NULL without memory. */
static uint32_t *find_top(const struct acc *acc, const struct list *l, size_t k)
{
    uint32_t *heap = calloc(k + 1, sizeof(*heap));
    size_t n = 0;
    for (uint32_t x = l->first; heap && x; x = entry_of(acc, x)->next) {
        if (n < k) {
            heap[n] = x;
            rise(acc, heap, n++);
        } else if (k > 0 && more_frequent(acc, x, heap[0])) {
            heap[0] = x;
            sink(acc, heap, k);
        }
    }
    while (heap && n > 1) {
        uint32_t x = heap[0];
        heap[0] = heap[--n];
        heap[n] = x;
        sink(acc, heap, n);
    }
    return heap;
}

static void print_entry(const struct acc *acc, uint32_t number, bool count,
                        struct buf *out)
{
    const struct entry *x = entry_of(acc, number);
    if (!count) {
        buf_add_str(out, spelling(acc, x));
        return;
    }
    buf_addz(out, "{\"value\":");
    buf_add_str(out, spelling(acc, x));
    buf_addz(out, ",\"count\":");
    number_add_u64(out, x->count);
    buf_addc(out, '}');
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    const struct list *l = at.state;
    bool mode = q->ask == ASK_MODE;
    if (!mode && q->ask != ASK_TOP && q->ask != ASK_TOP_VALUES)
        return err_set(e, ERR_BUG, "not a question for a tally");
    if (l->n == 0)
        return buf_addz(out, "null") ? err_nomem(e) : 0;
    size_t k = mode ? 1 : q->k < l->n ? q->k : l->n;
    uint32_t *top = find_top(acc, l, k);
    if (!top)
        return err_nomem(e);
    if (!mode)
        buf_addc(out, '[');
    for (size_t i = 0; i < k; i++) {
        if (i > 0)
            buf_addc(out, ',');
        print_entry(acc, top[i], q->ask == ASK_TOP, out);
    }
    if (!mode)
        buf_addc(out, ']');
    free(top);
    return out->failed ? err_nomem(e) : 0;
}

/* ---- states ---- */

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    const struct list *l = at.state;
    buf_addc(out, '[');
    for (uint32_t n = l->first; n; n = entry_of(acc, n)->next) {
        const struct entry *x = entry_of(acc, n);
        buf_addz(out, n == l->first ? "[" : ",[");
        buf_add_str(out, spelling(acc, x));
        buf_addc(out, ',');
        number_add_u64(out, x->count);
        buf_addc(out, ']');
    }
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

static bool read_pair(struct val pair, struct val *v, uint64_t *count)
{
    struct val n, more;
    if (pair.type != JSON_ARRAY)
        return false;
    struct json_iter it = json_iter(pair.raw);
    return json_next(&it, NULL, v) && json_next(&it, NULL, &n) &&
           !json_next(&it, NULL, &more) && !it.broken &&
           acc_read_count(n, count) && *count > 0 &&
           *count <= (uint64_t)INT64_MAX;
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    struct val pair, v;
    uint64_t count;
    if (state.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(state.raw);
    while (json_next(&it, NULL, &pair)) {
        if (!read_pair(pair, &v, &count))
            return acc_no_state(acc, e);
        if (acc_judge_absorbed(acc, v, v, e))
            return -1;
    }
    if (it.broken)
        return acc_no_state(acc, e);
    it = json_iter(state.raw);
    while (json_next(&it, NULL, &pair))
        if (read_pair(pair, &v, &count) && take_times(acc, at, v, count, e))
            return -1;
    return 0;
}

const struct acc_ops acc_ops_tally = {
    .types = ACC_SCALARS,
    .numbers = true,
    .bytes = sizeof(struct list),
    .judge = judge,
    .take = take,
    .take_run = take_run,
    .print = print,
    .write = write,
    .absorb = absorb,
};
