#include "ops/private.h"

#include <stdlib.h>

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
    acc_init(&f->acc, kind, NULL, a->budget);
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
    buf_addc(&c->label, ',');
    json_quote(&c->label, name);
    return buf_addc(&c->label, ':') ? err_nomem(e) : 0;
}

static int lay_out_vals(struct aggregate *a, struct err *e)
{
    a->vals = calloc(a->n_args + 1, sizeof(*a->vals));
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
    a->keys.max = AGGREGATE_KEYS;
    if (a->n_by && buf_reserve(&a->keys, AGGREGATE_KEYS))
        return err_nomem(e);
    return lay_out_vals(a, e);
}

/* ---- results ---- */

int aggregate_end(struct aggregate *a, bool sorted, struct err *e)
{
    a->next = 0;
    if (aggregate_begin_rows(a, e))
        return -1;
    if (sorted && a->n_by && !a->order)
        a->order = group_sort(&a->groups, e);
    return sorted && a->n_by && !a->order ? -1 : 0;
}

static int add_result(struct aggregate *a, struct buf *line,
                      const struct column *c, uint32_t group, struct err *e)
{
    const char *row = aggregate_row(a, group);
    struct acc *acc = &a->feeds[c->acc].acc;
    uint64_t count = 1;
    if (acc->kind == ACC_SUM)
        count = acc_count(&a->feeds[c->count].acc, row);
    if (count == 0) {
        buf_addz(line, "null");
    } else if (c->fn != AGGSPEC_AVG) {
        return acc_print(acc, row, &a->side, group, NULL, line, e);
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
        bool first = line->n == 1; /* and without a comma */
        buf_add(line, c->label.p + first, c->label.n - first);
        if (i < a->n_by)
            buf_add_str(line, a->key_vals[i].raw);
        else if (add_result(a, line, c, group, e))
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
