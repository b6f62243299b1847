/* Groups that do not fit into memory.
 *
 * When the budget is used up, the states of all groups go to disk, in parts by
 * a hash of the key, and the table begins anew. At the end each part is read
 * back by itself: the states of one group come together in the order in which
 * they were made, so that the result is what it would have been. A part that
 * does not fit either is parted again. A group's number is how many appeared
 * before it: results of a part ascend by it, and are merged into the order of
 * first appearance; or by key, where that was asked for. */
#include "base/hash.h"
#include "json/key.h"
#include "json/order.h"
#include "aggregate/private.h"

#include <stdlib.h>

/* Independent of the tables' hashes: it decides over parts, not slots. */
#define PART_SEED UINT64_C(0x9e3779b97f4a7c15)

#define TICK_EVERY 1024 /* groups or items */

bool overflow_can(const struct aggregate *a)
{
    return a->over.dir && a->n_parts && !a->windowed &&
           (a->budget->refused || a->merging);
}

static struct spill *new_spill(const struct aggregate *a, struct err *e)
{
    struct spill *s = malloc(sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    if (spill_init(s, a->over.memory, a->over.dir, e)) {
        free(s);
        return NULL;
    }
    return s;
}

static void free_spill(struct spill *s)
{
    if (s)
        spill_free(s);
    free(s);
}

void overflow_free(struct aggregate *a)
{
    struct overflow *o = &a->over;
    free_spill(o->states);
    free_spill(o->results);
    region_free(&o->numbers);
    buf_free(&o->item);
    buf_free(&o->key);
    free(o->a);
    free(o->b);
    o->states = o->results = NULL;
    o->a = o->b = NULL;
}

/* ---- items: the parts of the key, LF behind each, and what belongs to it */

static struct str take_key(const struct aggregate *a, struct str item,
                           struct val *vals)
{
    for (size_t i = 0; i < a->n_parts; i++) {
        const char *lf = memchr(item.p, '\n', item.n);
        size_t n = (size_t)(lf - item.p);
        vals[i] = json_val((struct str){ item.p, n });
        item.p += n + 1;
        item.n -= n + 1;
    }
    return item;
}

static void add_key(const struct aggregate *a, struct buf *item,
                    const struct val *vals)
{
    for (size_t i = 0; i < a->n_parts; i++) {
        buf_add_str(item, vals[i].raw);
        buf_addc(item, '\n');
    }
}

/* The part of a key: by value, so that spellings do not matter. */
static int part_of(struct aggregate *a, const struct spill *s,
                   const struct val *vals, unsigned level, unsigned *part,
                   struct err *e)
{
    struct buf *key = &a->over.key;
    buf_reset(key);
    for (size_t i = 0; i < a->n_parts; i++)
        if (key_add(key, vals[i]))
            return err_nomem(e);
    *part = spill_part_of(s, XXH3_64bits_withSeed(key->p, key->n, PART_SEED),
                          level);
    return 0;
}

/* 0, or -1 where the run is to end. */
static int tick(struct overflow *o)
{
    if (!o->tick || ++o->steps % TICK_EVERY)
        return 0;
    return o->tick(o->tick_ctx) ? -1 : 0;
}

int overflow_dump(struct aggregate *a, struct err *e)
{
    struct overflow *o = &a->over;
    uint32_t n = aggregate_size(a);
    unsigned part;
    if (!o->states && !(o->states = new_spill(a, e)))
        return -1;
    a->budget->refused = false;
    int r = states_begin(a, e);
    for (uint32_t g = 0; r == 0 && g < n; g++) {
        buf_reset(&o->item);
        group_spelling(&a->groups, g, a->key_vals);
        add_key(a, &o->item, a->key_vals);
        r = part_of(a, o->states, a->key_vals, 0, &part, e);
        if (r == 0)
            r = states_write(a, g, &o->item, e);
        if (r == 0)
            r = spill_add(o->states, part, o->born + g, buf_str(&o->item), e);
        o->bytes += o->item.n;
        if (r == 0)
            r = tick(o);
    }
    states_end(a);
    o->born += n;
    if (r == 0)
        aggregate_reset(a);
    return r;
}

/* ---- reading parts back ---- */

static int by_key(void *ctx, struct str x, struct str y)
{
    struct aggregate *a = ctx;
    take_key(a, x, a->over.a);
    take_key(a, y, a->over.b);
    for (size_t i = 0; i < a->n_parts; i++) {
        int order = 0;
        if (order_cmp(a->over.a[i], a->over.b[i], &order))
            a->over.failed = true;
        if (order)
            return order;
    }
    return 0;
}

static struct spill *new_results(struct aggregate *a, struct err *e)
{
    struct spill *s = new_spill(a, e);
    if (s && a->sorted) {
        s->cmp = by_key;
        s->ctx = a;
    }
    return s;
}

/* Absorbs all items of part i. 0; 1 where memory does not do, -1. */
static int load(struct aggregate *a, struct spill *states, unsigned i,
                struct err *e)
{
    struct overflow *o = &a->over;
    struct aggregate_fault fault;
    struct str item;
    uint64_t number;
    int r;
    o->numbers.n = 0;
    if (spill_rewind(states, i, e))
        return -1;
    while ((r = spill_next(states, i, &number, &item, e)) == 1) {
        uint32_t group, before = a->groups.n;
        size_t feed = 0;
        struct str rest = take_key(a, item, a->key_vals);
        r = aggregate_group(a, a->key_vals, false, &group, &fault, e);
        if (r == 0)
            return err_set(e, ERR_BUG, "a key that was set aside is none");
        if (r == 1 && a->groups.n > before)
            r = region_add(&o->numbers, &number, sizeof(number), e) ? -1 : 1;
        if (r == 1)
            r = states_absorb(a, group, rest, &feed, e) ? -1 : 1;
        if (r != 1)
            return a->budget->refused ? 1 : -1;
    }
    return r;
}

/* Prints all groups of the table into run i of results. */
static int print_all(struct aggregate *a, struct spill *results, unsigned i,
                     struct err *e)
{
    struct overflow *o = &a->over;
    struct buf line = { 0 };
    uint32_t n = aggregate_size(a);
    const uint64_t *numbers = (const uint64_t *)(void *)o->numbers.p;
    int r = a->partial ? states_begin(a, e) : 0;
    if (r == 0 && a->sorted && !(a->order = group_sort(&a->groups, e)))
        r = -1;
    for (uint32_t k = 0; r == 0 && k < n; k++) {
        uint32_t g = a->order ? a->order[k] : k;
        r = aggregate_print(a, g, STR(""), &line, e);
        if (tick(o))
            r = -1;
        if (r != 1)
            continue;
        r = 0;
        buf_reset(&o->item);
        if (a->sorted) {
            group_spelling(&a->groups, g, a->key_vals);
            add_key(a, &o->item, a->key_vals);
        }
        if (buf_add_str(&o->item, buf_str(&line)))
            r = err_nomem(e);
        else
            r = spill_add(results, i, numbers[g], buf_str(&o->item), e);
    }
    states_end(a);
    buf_free(&line);
    return r;
}

static int work_part(struct aggregate *a, struct spill *states, unsigned i,
                     struct spill *results, unsigned level, struct err *e);

/* Distributes the items of part i by the next level of the hash. */
static int distribute(struct aggregate *a, struct spill *states, unsigned i,
                      struct spill *finer, unsigned level, struct err *e)
{
    struct str item;
    uint64_t number;
    unsigned part;
    int r;
    if (spill_rewind(states, i, e))
        return -1;
    while ((r = spill_next(states, i, &number, &item, e)) == 1) {
        take_key(a, item, a->key_vals);
        if (part_of(a, finer, a->key_vals, level, &part, e) ||
            spill_add(finer, part, number, item, e) || tick(&a->over))
            return -1;
    }
    spill_drop(states, i);
    return r;
}

/* Works through part i in finer parts, and merges their results into one. */
static int work_finer(struct aggregate *a, struct spill *states, unsigned i,
                      struct spill *results, unsigned level, struct err *e)
{
    struct spill *finer = new_spill(a, e);
    struct spill *runs = finer ? new_results(a, e) : NULL;
    struct str item;
    uint64_t number;
    int r = runs ? distribute(a, states, i, finer, level, e) : -1;
    for (unsigned k = 0; r == 0 && k < finer->n; k++)
        r = work_part(a, finer, k, runs, level, e);
    while (r == 0 && (r = spill_merge(runs, &number, &item, e)) == 1)
        r = spill_add(results, i, number, item, e) || tick(&a->over) ? -1 : 0;
    free_spill(finer);
    free_spill(runs);
    return r;
}

static int too_large(const struct aggregate *a, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "a single group needs more than the %zu MiB that --memory "
                   "allows",
                   a->over.memory >> 20);
}

/* Brings the groups of part i together, and their results into run i. */
static int work_part(struct aggregate *a, struct spill *states, unsigned i,
                     struct spill *results, unsigned level, struct err *e)
{
    struct err why = { 0 };
    a->budget->refused = false;
    int r = load(a, states, i, &why);
    if (r < 0) {
        *e = why;
        return -1;
    }
    if (r == 0) {
        spill_drop(states, i);
        r = print_all(a, results, i, e);
        aggregate_reset(a);
        return r;
    }
    uint32_t groups = a->groups.n;
    region_free(&a->over.numbers);
    aggregate_reset(a);
    if (level + 1 == SPILL_LEVELS || groups <= 1)
        return too_large(a, e);
    return work_finer(a, states, i, results, level + 1, e);
}

int overflow_end(struct aggregate *a, struct err *e)
{
    struct overflow *o = &a->over;
    if (overflow_dump(a, e))
        return -1;
    o->a = calloc(a->n_parts, sizeof(*o->a));
    o->b = calloc(a->n_parts, sizeof(*o->b));
    o->results = o->a && o->b ? new_results(a, e) : NULL;
    if (!o->results)
        return o->a && o->b ? -1 : err_nomem(e);
    for (unsigned i = 0; i < o->states->n; i++)
        if (work_part(a, o->states, i, o->results, 0, e))
            return -1;
    region_free(&o->numbers);
    return 0;
}

int overflow_next(struct aggregate *a, struct buf *line, struct err *e)
{
    struct str item;
    uint64_t number;
    int r = spill_merge(a->over.results, &number, &item, e);
    if (r != 1)
        return r;
    if (a->over.failed)
        return err_nomem(e);
    if (a->sorted)
        item = take_key(a, item, a->key_vals);
    buf_reset(line);
    return buf_add_str(line, item) ? err_nomem(e) : 1;
}
