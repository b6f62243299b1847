/* The way of the records: looked up, sorted out, into groups and rows. */
#include "json/pointer.h"
#include "ops/private.h"

/* Fewer groups than this stay in the caches, and need not be sent for. */
#define PREFETCH_FROM 4096
#define CACHE_LINE 64

/* What aggregates skip. */
#define GAPS (BATCH_TYPE(JSON_MISSING) | BATCH_TYPE(JSON_NULL))

/* ---- rows ---- */

/* Lays the row out when the first records are there to be fitted to. Cells come
 * first: what is read past the end of one is then in the row still. A row that
 * fills its cache lines but for a little fills them all, so that the next one
 * begins with a line. */
static void lay_out_row(struct aggregate *a)
{
    size_t at = 0;
    for (int cells = 1; cells >= 0; cells--) {
        for (size_t i = 0; i < a->n_feeds; i++) {
            struct acc *acc = &a->feeds[i].acc;
            if (acc_is_cell(acc->kind) != (cells == 1))
                continue;
            acc_fit(acc, batch_longest(&a->batch, a->feeds[i].judged));
            acc->at = at;
            at += acc_size(acc);
        }
    }
    size_t lines = (at + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    a->row_size = at == 0 ? ACC_ALIGN : lines - at <= lines / 8 ? lines : at;
}

/* Makes the next group's row, zeroed. */
static int add_row(struct aggregate *a, struct err *e)
{
    if (region_reserve(&a->rows, a->row_size + ACC_PADDING, e))
        return -1;
    a->rows.n += a->row_size;
    return 0;
}

int aggregate_begin_rows(struct aggregate *a, struct err *e)
{
    if (a->row_size)
        return 0;
    lay_out_row(a);
    if (a->n_by)
        return 0;
    if (add_row(a, e))
        return -1;
    for (size_t i = 0; i < SELECT_BATCH; i++)
        a->row[i] = a->rows.p;
    return 0;
}

/* ---- keys ---- */

static const struct val *key_vals(struct aggregate *a, size_t i)
{
    for (size_t k = 0; k < a->n_by; k++)
        a->key_vals[k] = batch_vals(&a->batch, a->by_arg[k])[i];
    return a->key_vals;
}

/* Makes the keys of the batch and sends for what their lookup will need. What
 * has no key, or one too long for the buffer, which must not move, is
 * special. */
static void make_keys(struct aggregate *a)
{
    struct batch *b = &a->batch;
    uint64_t no_key = b->escaped | b->walked;
    const struct val *alone = a->n_by == 1 ? batch_vals(b, a->by_arg[0]) : NULL;
    size_t part;
    buf_reset(&a->keys);
    for (size_t i = 0; i < b->n; i++) {
        size_t at = a->keys.n;
        if (group_key_of(&a->groups, alone ? &alone[i] : key_vals(a, i),
                         !(no_key >> i & 1), &a->keys, &a->keyed[i], &part)) {
            a->special |= BATCH_BIT(i);
            a->keys.n = at;
            a->keys.failed = false;
            a->keyed[i] = (struct group_key){ 0 };
        }
        group_prefetch(&a->groups, &a->keyed[i]);
    }
    for (size_t i = 0; a->groups.n >= PREFETCH_FROM && i < b->n; i++)
        group_prefetch_bytes(&a->groups, &a->keyed[i]);
}

/* ---- groups ---- */

static int new_group(struct aggregate *a, size_t i, const struct group_key *k,
                     uint32_t *group, struct err *e)
{
    if (group_add(&a->groups, k, key_vals(a, i), group, e))
        return -1;
    return add_row(a, e);
}

/* Finds the groups of records from .. to - 1, or makes them. */
static int find_groups(struct aggregate *a, size_t from, size_t to,
                       struct err *e)
{
    for (size_t i = from; i < to; i++) {
        const struct group_key *k = &a->keyed[i];
        if (!group_find(&a->groups, k, &a->group[i]) &&
            new_group(a, i, k, &a->group[i], e))
            return -1;
        const char *row = aggregate_row(a, a->group[i]);
        for (size_t at = 0; at < a->row_size; at += CACHE_LINE)
            __builtin_prefetch(row + at, 1);
        __builtin_prefetch(row + a->row_size - 1, 1);
    }
    for (size_t i = from; i < to; i++)
        a->row[i] = aggregate_row(a, a->group[i]);
    return 0;
}

/* ---- taking many records ---- */

/* Takes records from .. to - 1, of which none is special. */
static int take_run(struct aggregate *a, size_t from, size_t to, struct err *e)
{
    const struct batch *b = &a->batch;
    if (a->n_by && find_groups(a, from, to, e))
        return -1;
    for (size_t i = 0; i < a->n_feeds; i++) {
        struct feed *f = &a->feeds[i];
        struct run run = {
            .from = from,
            .to = to,
            .vals = batch_vals(b, f->judged),
            .numbers = batch_numbers(b, f->judged),
            .no_keys = b->escaped | b->walked,
            .gaps = batch_has(b, f->judged, GAPS),
            .strings = b->picked.types[f->judged] == BATCH_TYPE(JSON_STRING) &&
                       !(b->escaped | b->walked),
            .one_row = a->n_by == 0,
            .rows = a->row,
            .groups = a->group,
            .side = &a->side,
        };
        if (acc_take_run(&f->acc, &run, e))
            return -1;
    }
    return 0;
}

/* Looks the records' values up and sorts out which are special. Numbers are
 * read while the slots of the keys are on their way. */
static int fill(struct aggregate *a, const struct select_record *recs, size_t n,
                struct err *e)
{
    struct batch *b = &a->batch;
    batch_fill(b, a->select, recs, n);
    a->special = b->broken | b->walked;
    if (a->n_by)
        make_keys(a);
    batch_read_numbers(b);
    for (size_t i = 0; i < a->n_feeds; i++) {
        const struct feed *f = &a->feeds[i];
        if (f->acc.kind == ACC_ROWS)
            continue;
        a->special |=
            batch_of_types(b, f->judged, ~(acc_types(f->acc.kind) | GAPS));
        if (acc_wants_numbers(f->acc.kind))
            a->special |= b->no_key[f->judged];
    }
    return aggregate_begin_rows(a, e);
}

/* ---- taking one record ---- */

static int fault_at(struct aggregate *a, struct aggregate_fault *f,
                    const char *code, const struct path *path)
{
    buf_reset(&a->pointer);
    if (path)
        pointer_add(&a->pointer, path);
    f->code = code;
    f->path = buf_str(&a->pointer);
    f->message = buf_str(&a->message);
    return 0;
}

/* What key_add says of a value, as a fault. */
static int key_fault(struct aggregate *a, int r, size_t arg,
                     struct aggregate_fault *f, struct err *e)
{
    if (r == -1)
        return err_nomem(e);
    buf_reset(&a->message);
    buf_addz(&a->message, r == -2 ? "number outside the range of decimals"
                                  : "value too deep to be compared");
    return fault_at(a, f, r == -2 ? "number_range" : "too_deep",
                    a->arg_path[arg]);
}

static int make_key(struct aggregate *a, size_t i, struct group_key *k,
                    struct aggregate_fault *f, struct err *e)
{
    size_t part;
    bool has_key = !((a->batch.escaped | a->batch.walked) & BATCH_BIT(i));
    buf_reset(&a->key);
    int r =
        group_key_of(&a->groups, key_vals(a, i), has_key, &a->key, k, &part);
    return r ? key_fault(a, r, a->by_arg[part], f, e) : 1;
}

static bool wanted(const struct feed *f, const struct val *vals)
{
    return f->acc.kind == ACC_ROWS || vals[f->judged].type > JSON_NULL;
}

/* Looks at all values before any group is touched: 1 where every accumulator
 * can take its own, 0 with a fault, -1. */
static int judge(struct aggregate *a, struct aggregate_fault *fault,
                 struct err *e)
{
    const char *code = NULL;
    for (size_t i = 0; i < a->n_feeds; i++) {
        struct feed *f = &a->feeds[i];
        struct val v = a->vals[f->judged];
        if (!wanted(f, a->vals))
            continue;
        int r = acc_judge(&f->acc, v, v, f->fn, &code, &a->message, e);
        a->far |= f->acc.far;
        if (r != 1)
            return r ? r : fault_at(a, fault, code, a->arg_path[f->judged]);
    }
    return 1;
}

/* Once numbers near the ends of the range have come, tries all sums of the
 * group aside before one is changed: 1, 0 with a fault, -1. */
static int rehearse(struct aggregate *a, const struct group_key *k,
                    struct aggregate_fault *fault, struct err *e)
{
    const char *code = NULL;
    uint32_t group = 0;
    if (a->n_by && !group_find(&a->groups, k, &group))
        return 1;
    for (size_t i = 0; i < a->n_feeds; i++) {
        const struct feed *f = &a->feeds[i];
        if (!wanted(f, a->vals))
            continue;
        int r = acc_rehearse(&f->acc, aggregate_row(a, group),
                             a->vals[f->judged], &code, &a->message, e);
        if (r != 1)
            return r ? r : fault_at(a, fault, code, a->arg_path[f->judged]);
    }
    return 1;
}

/* Takes record i of the batch: 1, 0 with a fault, -1. */
static int take_one(struct aggregate *a, size_t i,
                    struct aggregate_fault *fault, struct err *e)
{
    struct group_key k;
    uint32_t group = 0;
    buf_reset(&a->message);
    if (a->batch.broken & BATCH_BIT(i)) {
        buf_addz(&a->message, "not JSON");
        return fault_at(a, fault, "not_json", NULL);
    }
    for (size_t arg = 0; arg < a->n_args; arg++)
        a->vals[arg] = batch_vals(&a->batch, arg)[i];
    int r = a->n_by ? make_key(a, i, &k, fault, e) : 1;
    if (r == 1)
        r = judge(a, fault, e);
    if (r == 1 && a->far)
        r = rehearse(a, &k, fault, e);
    if (r != 1)
        return r;
    if (a->n_by && !group_find(&a->groups, &k, &group) &&
        new_group(a, i, &k, &group, e))
        return -1;
    for (size_t n = 0; n < a->n_feeds; n++) {
        struct feed *f = &a->feeds[n];
        if (wanted(f, a->vals) &&
            acc_take(&f->acc, aggregate_row(a, group), &a->side, group,
                     a->vals[f->judged], a->vals[f->judged], e))
            return -1;
    }
    return 1;
}

int aggregate_take(struct aggregate *a, const struct select_record *recs,
                   size_t n, size_t *at, struct aggregate_fault *fault,
                   struct err *e)
{
    if (*at == 0 && fill(a, recs, n, e))
        return -1;
    while (*at < n) {
        /* Once a sum may leave the range, every record is tried first. */
        uint64_t special = a->far ? ~(uint64_t)0 : a->special >> *at;
        size_t run = special ? (size_t)__builtin_ctzll(special) : n;
        if (run > n - *at)
            run = n - *at;
        if (run && take_run(a, *at, *at + run, e))
            return -1;
        *at += run;
        if (*at == n)
            break;
        int r = take_one(a, (*at)++, fault, e);
        if (r != 1)
            return r;
    }
    return 1;
}
