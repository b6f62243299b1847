/* The way of the records: looked up, sorted out, into groups and rows. */
#include "json/pointer.h"
#include "aggregate/private.h"

#include <stdio.h>

/* Fewer groups than this stay in the caches, and need not be sent for. */
#define PREFETCH_FROM 4096
#define CACHE_LINE 64

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
    if (a->n_parts)
        return 0;
    if (add_row(a, e))
        return -1;
    for (size_t i = 0; i < SELECT_BATCH; i++) {
        a->row[i] = a->rows.p;
        a->group[i] = 0;
    }
    return 0;
}

/* ---- keys ---- */

/* The parts of record i's key: the number of its window first. */
static const struct val *key_vals(struct aggregate *a, size_t i)
{
    struct val *to = a->key_vals;
    if (a->windowed) {
        to->type = JSON_NUMBER;
        to->raw = str_of(a->window[i]);
        to++;
    }
    for (size_t k = 0; k < a->n_by; k++)
        to[k] = batch_vals(&a->batch, a->by_arg[k])[i];
    return a->key_vals;
}

/* The records that have no short keys in any part of the key. */
static uint64_t keyless(const struct aggregate *a)
{
    uint64_t odd = a->windowed ? ~(uint64_t)0 : 0;
    for (size_t k = 0; k < a->n_by; k++)
        odd |= a->batch.odd[a->by_arg[k]];
    return odd;
}

/* Makes the keys of the batch and sends for what their lookup will need. What
 * has no key, or one too long for the buffer, which must not move, is
 * special. */
static void make_keys(struct aggregate *a)
{
    struct batch *b = &a->batch;
    uint64_t no_key = keyless(a);
    const struct val *alone =
        a->n_by == 1 && a->n_parts == 1 ? batch_vals(b, a->by_arg[0]) : NULL;
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

static int new_group(struct aggregate *a, const struct val *vals,
                     const struct group_key *k, uint32_t *group, struct err *e)
{
    /* The row first: what fails behind it leaves an unused row at the end. */
    size_t rows = a->rows.n;
    if (add_row(a, e))
        return -1;
    if (group_add(&a->groups, k, vals, group, e)) {
        a->rows.n = rows;
        return -1;
    }
    return 0;
}

/* Finds the groups of records from .. to - 1, or makes them. */
static int find_groups(struct aggregate *a, size_t from, size_t to,
                       struct err *e)
{
    for (size_t i = from; i < to; i++) {
        const struct group_key *k = &a->keyed[i];
        if (!group_find(&a->groups, k, &a->group[i]) &&
            new_group(a, key_vals(a, i), k, &a->group[i], e))
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

/* Runs one accumulator over records *at .. to - 1; *at is where it stopped. */
static int feed_run(struct aggregate *a, struct feed *f, size_t *at, size_t to,
                    struct err *e)
{
    const struct batch *b = &a->batch;
    bool two = f->by != NO_COLUMN;
    uint64_t odd = b->odd[f->judged] | (two ? b->odd[f->by] : 0);
    struct run run = {
        .from = *at,
        .to = to,
        .vals = batch_vals(b, f->judged),
        .numbers = batch_numbers(b, f->judged),
        .by = two ? batch_vals(b, f->by) : NULL,
        .by_numbers = two ? batch_numbers(b, f->by) : NULL,
        .no_keys = odd,
        .gaps =
            batch_has(b, f->judged, GAPS) || (two && batch_has(b, f->by, GAPS)),
        .strings =
            b->picked.types[f->judged] == BATCH_TYPE(JSON_STRING) && !odd,
        .one_row = a->n_parts == 0,
        .rows = a->row,
        .groups = a->group,
        .side = &a->side,
    };
    int r = acc_take_run(&f->acc, &run, e);
    *at = run.from;
    return r;
}

/* Takes records from .. to - 1, of which none is special: column by column.
 * Where memory runs out in the middle, what is there is set aside, and it goes
 * on from the very place in an empty table. */
static int take_run(struct aggregate *a, size_t from, size_t to, struct err *e)
{
    size_t feed = 0, at = from, stuck_feed = 0, stuck_at = 0;
    bool stuck = false;
    struct err *why = &a->over.why;
    for (;;) {
        int r = a->n_parts ? find_groups(a, from, to, why) : 0;
        while (r == 0 && feed < a->n_feeds) {
            r = feed_run(a, &a->feeds[feed], &at, to, why);
            if (r == 0) {
                feed++;
                at = from;
            }
        }
        if (r == 0)
            return 0;
        if (!overflow_can(a) ||
            (stuck && stuck_feed == feed && stuck_at == at)) {
            *e = *why;
            return -1;
        }
        if (overflow_dump(a, e))
            return -1;
        stuck = true;
        stuck_feed = feed;
        stuck_at = at;
    }
}

/* ---- expressions ---- */

/* Computes the columns that are expressions. */
static int compute(struct aggregate *a, const struct select_record *recs,
                   size_t n, struct err *e)
{
    struct expr_fault f;
    expr_begin(a->exprs);
    for (size_t i = 0; i < n; i++) {
        if (expr_load(a->exprs, recs[i].text, recs[i].shaped))
            continue; /* broken, as the batch knows */
        for (size_t k = 0; k < a->n_exprs; k++) {
            struct val v = { JSON_MISSING, { "", 0 } };
            int r = expr_eval(a->exprs, (int)k, &v, &f);
            if (r == -2)
                return err_nomem(e);
            if (r) {
                a->faulty |= BATCH_BIT(i);
                v = (struct val){ JSON_MISSING, { "", 0 } };
            }
            batch_put(&a->batch, a->n_fields + k, i, v);
        }
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
    a->recs = recs;
    a->faulty = 0;
    if (a->n_exprs && compute(a, recs, n, e))
        return -1;
    a->special = b->broken | b->walked | a->faulty;
    if (a->n_parts)
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
        if (f->by == NO_COLUMN)
            continue;
        a->special |=
            batch_of_types(b, f->by, ~(acc_by_types(f->acc.kind) | GAPS));
        if (acc_wants_by_numbers(f->acc.kind))
            a->special |= b->no_key[f->by];
    }
    return aggregate_begin_rows(a, e);
}

/* ---- taking one record ---- */

int aggregate_fault_at(struct aggregate *a, struct aggregate_fault *f,
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

/* The field of a column; NULL where it is computed. */
static const struct path *field_of(const struct aggregate *a, size_t column)
{
    return column < a->n_fields ? a->field[column] : NULL;
}

int aggregate_group(struct aggregate *a, const struct val *vals, bool has_key,
                    uint32_t *group, struct aggregate_fault *fault,
                    struct err *e)
{
    struct group_key k;
    size_t part;
    if (!a->n_parts) {
        *group = 0;
        return 1;
    }
    buf_reset(&a->key);
    int r = group_key_of(&a->groups, vals, has_key, &a->key, &k, &part);
    if (r == -1)
        return err_nomem(e);
    if (r) {
        buf_reset(&a->message);
        buf_addz(&a->message, r == -2 ? "number outside the range of decimals"
                                      : "value too deep to be compared");
        return aggregate_fault_at(
            a, fault, r == -2 ? "number_range" : "too_deep",
            a->merging ? NULL : field_of(a, a->by_arg[part - a->windowed]));
    }
    if (group_find(&a->groups, &k, group))
        return 1;
    return new_group(a, vals, &k, group, e) ? -1 : 1;
}

static struct val value_of(const struct aggregate *a, size_t column, size_t i)
{
    return batch_vals(&a->batch, column)[i];
}

static struct val second_of(const struct aggregate *a, const struct feed *f,
                            size_t i)
{
    if (f->by == NO_COLUMN)
        return (struct val){ JSON_TRUE, STR("true") };
    return value_of(a, f->by, i);
}

static bool wanted(const struct aggregate *a, const struct feed *f, size_t i)
{
    return f->acc.kind == ACC_ROWS ||
           (value_of(a, f->judged, i).type > JSON_NULL &&
            second_of(a, f, i).type > JSON_NULL);
}

/* Looks at all values before any group is touched: 1 where every accumulator
 * can take its own, 0 with a fault, -1. */
static int judge(struct aggregate *a, size_t i, struct aggregate_fault *fault,
                 struct err *e)
{
    const char *code = NULL;
    for (size_t n = 0; n < a->n_feeds; n++) {
        struct feed *f = &a->feeds[n];
        if (!wanted(a, f, i))
            continue;
        int r = acc_judge(&f->acc, value_of(a, f->judged, i),
                          second_of(a, f, i), f->fn, &code, &a->message, e);
        a->far |= f->acc.far;
        if (r != 1)
            return r ? r
                     : aggregate_fault_at(a, fault, code,
                                          field_of(a, f->judged));
    }
    return 1;
}

/* Once numbers near the ends of the range have come, tries all sums of the
 * group aside before one is changed: 1, 0 with a fault, -1. */
static int rehearse(struct aggregate *a, size_t i, uint32_t group,
                    struct aggregate_fault *fault, struct err *e)
{
    const char *code = NULL;
    for (size_t n = 0; n < a->n_feeds; n++) {
        const struct feed *f = &a->feeds[n];
        if (!wanted(a, f, i))
            continue;
        int r = acc_rehearse(&f->acc, aggregate_row(a, group),
                             value_of(a, f->judged, i), &code, &a->message, e);
        if (r != 1)
            return r ? r
                     : aggregate_fault_at(a, fault, code,
                                          field_of(a, f->judged));
    }
    return 1;
}

/* What the expressions have against record i. */
static int expression_fault(struct aggregate *a, size_t i,
                            struct aggregate_fault *fault, struct err *e)
{
    struct val v;
    int r = expr_load(a->exprs, a->recs[i].text, a->recs[i].shaped);
    for (size_t k = 0; k < a->n_exprs && r == 0; k++)
        r = expr_eval(a->exprs, (int)k, &v, &a->fault);
    if (r == -2)
        return err_nomem(e);
    buf_reset(&a->message);
    buf_addz(&a->message, a->fault.msg);
    fault->code = a->fault.code;
    fault->path = a->fault.path;
    fault->message = buf_str(&a->message);
    return 0;
}

/* The group of record i, if there is one or none is needed to judge. */
static bool known_group(struct aggregate *a, size_t i, bool has_key,
                        uint32_t *group)
{
    struct group_key k;
    size_t part;
    *group = 0;
    if (!a->n_parts)
        return true;
    buf_reset(&a->key);
    return group_key_of(&a->groups, key_vals(a, i), has_key, &a->key, &k,
                        &part) == 0 &&
           group_find(&a->groups, &k, group);
}

/* Takes record i, which all can take, accumulator by accumulator, and sets
 * groups aside where memory runs out. */
static int take_judged(struct aggregate *a, size_t i, bool has_key,
                       struct aggregate_fault *fault, struct err *e)
{
    size_t n = 0, stuck = SIZE_MAX;
    struct err *why = &a->over.why;
    for (;;) {
        int r = aggregate_group(a, key_vals(a, i), has_key, &a->group[i], fault,
                                why);
        if (r == 0)
            return 0;
        for (; r == 1 && n < a->n_feeds; n++) {
            struct feed *f = &a->feeds[n];
            if (wanted(a, f, i) &&
                acc_take(&f->acc, aggregate_row(a, a->group[i]), &a->side,
                         a->group[i], value_of(a, f->judged, i),
                         second_of(a, f, i), why)) {
                r = -1;
                break;
            }
        }
        if (r == 1)
            return 1;
        if (!overflow_can(a) || stuck == n) {
            *e = *why;
            return -1;
        }
        if (overflow_dump(a, e))
            return -1;
        stuck = n;
    }
}

/* Takes record i of the batch: 1, 0 with a fault, -1. */
static int take_one(struct aggregate *a, size_t i,
                    struct aggregate_fault *fault, struct err *e)
{
    uint32_t group;
    bool has_key = !(keyless(a) & BATCH_BIT(i));
    buf_reset(&a->message);
    if (a->batch.broken & BATCH_BIT(i)) {
        buf_addz(&a->message, "not JSON");
        return aggregate_fault_at(a, fault, "not_json", NULL);
    }
    if (a->faulty & BATCH_BIT(i))
        return expression_fault(a, i, fault, e);
    int r = judge(a, i, fault, e);
    if (r == 1 && a->far && known_group(a, i, has_key, &group))
        r = rehearse(a, i, group, fault, e);
    return r == 1 ? take_judged(a, i, has_key, fault, e) : r;
}

int aggregate_take_in(struct aggregate *a, const struct select_record *recs,
                      const int64_t *windows, size_t n, size_t *at,
                      struct aggregate_fault *fault, struct err *e)
{
    if (a->merging)
        return states_take(a, recs, n, at, fault, e);
    if (*at == 0) {
        for (size_t i = 0; windows && i < n; i++)
            snprintf(a->window[i], sizeof(a->window[i]), "%lld",
                     (long long)windows[i]);
        if (fill(a, recs, n, e))
            return -1;
    }
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

int aggregate_take(struct aggregate *a, const struct select_record *recs,
                   size_t n, size_t *at, struct aggregate_fault *fault,
                   struct err *e)
{
    return aggregate_take_in(a, recs, NULL, n, at, fault, e);
}

uint32_t aggregate_group_of(const struct aggregate *a, size_t i)
{
    return a->group[i];
}
