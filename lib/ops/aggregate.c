#include "ops/aggregate.h"

#include "json/pointer.h"
#include "json/select.h"
#include "ops/acc.h"
#include "ops/aggspec.h"
#include "ops/batch.h"
#include "ops/group.h"

#include <stdlib.h>

/* Fewer groups than this stay in the caches, and need not be sent for. */
#define PREFETCH_FROM 4096
#define CACHE_LINE 64

/* Keys of a batch, where they do not lie in the records. */
#define KEYS_BYTES 65536

/* What aggregates skip. */
#define GAPS (BATCH_TYPE(JSON_MISSING) | BATCH_TYPE(JSON_NULL))

/* A field of the output: a key part, or an aggregate of accumulators. Several
 * aggregates may share one: an average is a sum over a count. */
struct column {
    struct str name;
    struct buf label; /* "name": as it is printed */
    enum aggspec_fn fn;
    size_t acc, count;
};

/* An accumulator and the values of a record that it works on. */
struct feed {
    struct acc acc;
    const char *fn; /* the function that asked for it first, for messages */
    size_t judged;  /* the argument */
    size_t taken;   /* what acc_judged made of it */
};

/* Records come in batches. Most are taken column by column; what can be
 * rejected, and what is rare, record by record in between. The values of a
 * record in hand are in one array: the arguments as they were looked up (keys
 * and what is aggregated), and what distinct counts by. */
struct aggregate {
    struct budget *budget;
    struct path *by; /* key fields */
    size_t n_by;
    struct aggspecs specs;
    struct column *columns; /* n_by keys, then the specs */

    struct select *select;
    size_t n_args;
    const struct path **arg_path; /* borrowed from by and specs */
    struct val *vals;             /* of the record in hand */
    size_t *by_arg;               /* which arguments are the key */
    struct val *key_vals;         /* and they themselves */

    struct feed *feeds;
    size_t n_feeds;
    struct batch batch;
    struct group_key keyed[SELECT_BATCH]; /* the batch's keys */
    uint32_t group[SELECT_BATCH]; /* and where the records taken belong */
    char *row[SELECT_BATCH];
    uint64_t special; /* records of the batch to be taken one by one */
    struct groups groups;
    struct region rows, side;
    size_t row_size;
    bool far; /* some accumulator's far */

    struct buf keys, key, pointer, message;
    uint32_t *order; /* owned; NULL: first appearance */
    uint32_t next;   /* to print */
};

struct aggregate *aggregate_new(struct budget *budget, struct err *e)
{
    struct aggregate *a = calloc(1, sizeof(*a));
    if (a)
        a->select = select_new();
    if (!a || !a->select) {
        free(a);
        err_nomem(e);
        return NULL;
    }
    a->budget = budget;
    a->rows.budget = budget;
    a->side.budget = budget;
    return a;
}

/* ---- the description ---- */

int aggregate_group_by(struct aggregate *a, struct str fields, struct err *e)
{
    struct path *more;
    size_t n;
    if (path_list_parse(&more, &n, fields, e))
        return -1;
    struct path *by = realloc(a->by, (a->n_by + n) * sizeof(*by));
    if (!by) {
        path_list_free(more, n);
        return err_nomem(e);
    }
    memcpy(by + a->n_by, more, n * sizeof(*by));
    free(more);
    a->by = by;
    a->n_by += n;
    return 0;
}

int aggregate_compute(struct aggregate *a, struct str specs, struct err *e)
{
    return aggspec_parse(&a->specs, specs, e);
}

/* The number of path among the values looked up in each record. */
static int add_arg(struct aggregate *a, const struct path *path, size_t *arg,
                   struct err *e)
{
    int slot = select_add(a->select, path);
    if (slot < 0)
        return err_nomem(e);
    *arg = (size_t)slot;
    if (*arg == a->n_args)
        a->arg_path[a->n_args++] = path;
    return 0;
}

static size_t add_feed(struct aggregate *a, enum acc_kind kind, size_t arg,
                       enum aggspec_fn fn)
{
    for (size_t i = 0; i < a->n_feeds; i++)
        if (a->feeds[i].acc.kind == kind && a->feeds[i].judged == arg)
            return i;
    struct feed *f = &a->feeds[a->n_feeds];
    *f = (struct feed){ .fn = aggspec_fn_name(fn), .judged = arg };
    f->taken = arg;
    acc_init(&f->acc, kind, a->budget);
    return a->n_feeds++;
}

static int add_spec(struct aggregate *a, const struct aggspec *s,
                    struct column *c, struct err *e)
{
    static const enum acc_kind kinds[] = {
        [AGGSPEC_ROWS] = ACC_ROWS,         [AGGSPEC_COUNT] = ACC_COUNT,
        [AGGSPEC_SUM] = ACC_SUM,           [AGGSPEC_AVG] = ACC_SUM,
        [AGGSPEC_MIN] = ACC_MIN,           [AGGSPEC_MAX] = ACC_MAX,
        [AGGSPEC_FIRST] = ACC_FIRST,       [AGGSPEC_LAST] = ACC_LAST,
        [AGGSPEC_DISTINCT] = ACC_DISTINCT,
    };
    size_t arg = 0;
    if (s->fn != AGGSPEC_ROWS && add_arg(a, &s->arg, &arg, e))
        return -1;
    c->fn = s->fn;
    c->acc = add_feed(a, kinds[s->fn], arg, s->fn);
    if (s->fn == AGGSPEC_SUM || s->fn == AGGSPEC_AVG)
        c->count = add_feed(a, ACC_COUNT, arg, s->fn);
    return 0;
}

/* Names column i; two of one name would be one field of the output. */
static int name_column(struct aggregate *a, size_t i, struct str name,
                       struct err *e)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(a->columns[j].name, name))
            return err_set(e, ERR_USAGE,
                           "two output fields are called '%.*s': give one "
                           "another name",
                           STR_ARG(name));
    struct column *c = &a->columns[i];
    c->name = name;
    json_quote(&c->label, name);
    return buf_addc(&c->label, ':') ? err_nomem(e) : 0;
}

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

/* Behind the arguments: the keys of distinct. */
static int lay_out_vals(struct aggregate *a, struct err *e)
{
    size_t n = a->n_args;
    for (size_t i = 0; i < a->n_feeds; i++)
        if (a->feeds[i].acc.kind == ACC_DISTINCT)
            a->feeds[i].taken = n++;
    a->vals = calloc(n + 1, sizeof(*a->vals));
    if (!a->vals)
        return err_nomem(e);
    if (batch_init(&a->batch, a->select, e))
        return -1;
    for (size_t i = 0; i < a->n_feeds; i++)
        if (acc_wants_numbers(a->feeds[i].acc.kind))
            a->batch.wants_numbers[a->feeds[i].judged] = true;
    return 0;
}

static int allocate(struct aggregate *a, struct err *e)
{
    size_t columns = a->n_by + a->specs.n;
    a->columns = calloc(columns, sizeof(*a->columns));
    a->arg_path = calloc(columns, sizeof(*a->arg_path));
    a->by_arg = calloc(columns, sizeof(*a->by_arg));
    a->key_vals = calloc(columns, sizeof(*a->key_vals));
    a->feeds = calloc(2 * columns, sizeof(*a->feeds));
    if (!a->columns || !a->arg_path || !a->by_arg || !a->key_vals || !a->feeds)
        return err_nomem(e);
    return 0;
}

/* Makes the next group's row, zeroed. */
static int add_row(struct aggregate *a, struct err *e)
{
    if (region_reserve(&a->rows, a->row_size + ACC_PADDING, e))
        return -1;
    a->rows.n += a->row_size;
    return 0;
}

/* Without a key there is one row, whatever comes. */
static int begin_rows(struct aggregate *a, struct err *e)
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

int aggregate_begin(struct aggregate *a, struct err *e)
{
    if (a->n_by + a->specs.n == 0)
        return err_set(e, ERR_USAGE, "nothing to group by and no aggregate");
    if (allocate(a, e))
        return -1;
    for (size_t i = 0; i < a->n_by; i++)
        if (add_arg(a, &a->by[i], &a->by_arg[i], e) ||
            name_column(a, i, path_name(&a->by[i]), e))
            return -1;
    for (size_t i = 0; i < a->specs.n; i++) {
        size_t c = a->n_by + i;
        if (add_spec(a, &a->specs.v[i], &a->columns[c], e) ||
            name_column(a, c, a->specs.v[i].name, e))
            return -1;
    }
    group_init(&a->groups, a->n_by, a->budget);
    a->keys.max = KEYS_BYTES;
    if (a->n_by && buf_reserve(&a->keys, KEYS_BYTES))
        return err_nomem(e);
    return lay_out_vals(a, e);
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

static char *row_of(const struct aggregate *a, uint32_t group)
{
    return a->rows.p + (size_t)group * a->row_size;
}

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
        const char *row = row_of(a, a->group[i]);
        for (size_t at = 0; at < a->row_size; at += CACHE_LINE)
            __builtin_prefetch(row + at, 1);
        __builtin_prefetch(row + a->row_size - 1, 1);
    }
    for (size_t i = from; i < to; i++)
        a->row[i] = row_of(a, a->group[i]);
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
        struct acc_run run = {
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
    return begin_rows(a, e);
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
        int r = acc_judge(&f->acc, v, f->fn, &code, &a->message, e);
        a->far |= f->acc.far;
        if (r != 1)
            return r ? r : fault_at(a, fault, code, a->arg_path[f->judged]);
        a->vals[f->taken] = acc_judged(&f->acc, v);
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
        int r = acc_rehearse(&f->acc, row_of(a, group), a->vals[f->judged],
                             &code, &a->message, e);
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
        if (wanted(f, a->vals) && acc_take(&f->acc, row_of(a, group), &a->side,
                                           group, a->vals[f->taken], e))
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

/* ---- results ---- */

int aggregate_end(struct aggregate *a, bool sorted, struct err *e)
{
    a->next = 0;
    if (begin_rows(a, e))
        return -1;
    if (sorted && a->n_by && !a->order)
        a->order = group_sort(&a->groups, e);
    return sorted && a->n_by && !a->order ? -1 : 0;
}

static int add_result(const struct aggregate *a, struct buf *line,
                      const struct column *c, const char *row, struct err *e)
{
    const struct acc *acc = &a->feeds[c->acc].acc;
    uint64_t count = 1;
    if (acc->kind == ACC_SUM)
        count = acc_count(&a->feeds[c->count].acc, row);
    if (count == 0) {
        buf_addz(line, "null");
    } else if (c->fn != AGGSPEC_AVG) {
        acc_print(acc, row, &a->side, line);
    } else {
        int r = acc_print_average(acc, row, count, line);
        if (r == -1)
            return err_nomem(e);
        if (r)
            return err_set(e, ERR_DATA,
                           "'%.*s' is outside the range of decimals",
                           STR_ARG(c->name));
    }
    return 0;
}

int aggregate_next(struct aggregate *a, struct buf *line, struct err *e)
{
    if (a->next == (a->n_by ? a->groups.n : 1))
        return 0;
    uint32_t group = a->order ? a->order[a->next] : a->next;
    a->next++;
    buf_reset(line);
    buf_addc(line, '{');
    if (a->n_by)
        group_spelling(&a->groups, group, a->key_vals);
    for (size_t i = 0; i < a->n_by + a->specs.n; i++) {
        struct column *c = &a->columns[i];
        if (i < a->n_by && a->key_vals[i].type == JSON_MISSING)
            continue;
        if (line->n > 1)
            buf_addc(line, ',');
        buf_add_str(line, buf_str(&c->label));
        if (i < a->n_by)
            buf_add_str(line, a->key_vals[i].raw);
        else if (add_result(a, line, c, row_of(a, group), e))
            return -1;
    }
    return buf_addc(line, '}') ? err_nomem(e) : 1;
}

void aggregate_free(struct aggregate *a)
{
    if (!a)
        return;
    region_free(&a->rows);
    for (size_t i = 0; i < a->n_feeds; i++)
        acc_free(&a->feeds[i].acc);
    batch_free(&a->batch);
    for (size_t i = 0; a->columns && i < a->n_by + a->specs.n; i++)
        buf_free(&a->columns[i].label);
    group_free(&a->groups);
    region_free(&a->side);
    path_list_free(a->by, a->n_by);
    aggspec_free(&a->specs);
    select_free(a->select);
    free(a->columns);
    free(a->arg_path);
    free(a->vals);
    free(a->by_arg);
    free(a->key_vals);
    free(a->feeds);
    free(a->order);
    buf_free(&a->keys);
    buf_free(&a->key);
    buf_free(&a->pointer);
    buf_free(&a->message);
    free(a);
}
