/* What is grouped by and what is computed. */
#include "base/hash.h"
#include "aggregate/private.h"

#include <stdio.h>
#include <stdlib.h>

struct aggregate *aggregate_new(struct budget *budget,
                                const struct expr_env *env, struct err *e)
{
    struct aggregate *a = calloc(1, sizeof(*a));
    if (a) {
        a->select = select_new();
        a->exprs = expr_new(env);
        a->having = expr_new(env);
    }
    if (!a || !a->select || !a->exprs || !a->having) {
        if (a) {
            select_free(a->select);
            expr_free(a->exprs);
            expr_free(a->having);
        }
        free(a);
        err_nomem(e);
        return NULL;
    }
    a->budget = budget;
    a->rows.budget = budget;
    a->side.budget = budget;
    a->over.numbers.budget = budget;
    return a;
}

/* ---- the description ---- */

/* True for what nobody calls a field. */
static bool is_computed(struct str item)
{
    for (size_t i = 0; i < item.n && item.p[0] != '/'; i++)
        if (strchr("()<>=|*+'", item.p[i]))
            return true;
    return false;
}

/* The '=' of "name=EXPR"; NULL where there is none. */
static const char *equals_of(struct str item)
{
    for (size_t i = 0; i < item.n && !strchr("(\"'", item.p[i]); i++)
        if (item.p[i] == '=')
            return i + 1 < item.n && item.p[i + 1] != '=' ? item.p + i : NULL;
    return NULL;
}

static int parse_grouping(struct grouping *g, struct str item, struct err *e)
{
    const char *equals = equals_of(item);
    if (!equals) {
        if (item.n == 0)
            return err_set(e, ERR_USAGE, "--group-by: field expected");
        if (is_computed(item))
            return err_set(e, ERR_USAGE,
                           "--group-by '%.*s': an expression needs a name: "
                           "name=EXPR",
                           STR_ARG(item));
        if (argument_parse_field(&g->arg, item, e))
            return -1;
        g->name = path_name(&g->arg.path);
        return 0;
    }
    struct str name =
        str_trim((struct str){ item.p, (size_t)(equals - item.p) });
    struct str text = { equals + 1, item.n - (size_t)(equals + 1 - item.p) };
    if (name.n == 0)
        return err_set(e, ERR_USAGE, "--group-by '%.*s': no name before '='",
                       STR_ARG(item));
    char *copy = strndup(name.p, name.n);
    g->named = true;
    g->name = (struct str){ copy, name.n };
    if (!copy)
        return err_nomem(e);
    return argument_parse(&g->arg, str_trim(text), e);
}

static void grouping_free(struct grouping *g)
{
    if (g->named)
        free((void *)(size_t)g->name.p);
    argument_free(&g->arg);
}

int aggregate_group_by(struct aggregate *a, struct str fields, struct err *e)
{
    struct str item;
    size_t at = 0, start;
    while (argument_next(fields, &at, &item, &start)) {
        struct grouping *by = realloc(a->by, (a->n_by + 1) * sizeof(*by));
        if (!by)
            return err_nomem(e);
        a->by = by;
        by[a->n_by] = (struct grouping){ 0 };
        if (parse_grouping(&by[a->n_by++], item, e))
            return -1;
    }
    return 0;
}

int aggregate_compute(struct aggregate *a, struct str specs, struct err *e)
{
    return aggspec_parse(&a->specs, specs, e);
}

int aggregate_having(struct aggregate *a, struct str text, struct err *e)
{
    if (expr_add(a->having, "--having", text, e) < 0)
        return -1;
    a->n_having++;
    return 0;
}

void aggregate_partial(struct aggregate *a)
{
    a->partial = true;
}

void aggregate_merge(struct aggregate *a)
{
    a->merging = true;
}

void aggregate_by_window(struct aggregate *a)
{
    a->windowed = true;
}

void aggregate_spill_to(struct aggregate *a, const char *dir, size_t memory)
{
    a->over.dir = dir;
    a->over.memory = memory;
    a->budget->max = memory / 4 * 3;
}

void aggregate_watch(struct aggregate *a, int (*tick)(void *ctx), void *ctx)
{
    a->over.tick = tick;
    a->over.tick_ctx = ctx;
}

uint64_t aggregate_spilled(const struct aggregate *a)
{
    return a->over.bytes;
}

/* ---- columns of the input ---- */

/* The column of an expression, or NO_COLUMN. */
static size_t computed_column(const struct aggregate *a,
                              const struct argument *arg)
{
    for (size_t i = 0; i < a->n_exprs; i++)
        if (argument_same(a->computed[i], arg))
            return a->n_fields + i;
    return NO_COLUMN;
}

/* Makes an argument known: fields get slots, expressions are parsed. */
static int know_argument(struct aggregate *a, const struct argument *arg,
                         const char *option, struct str name, struct err *e)
{
    char what[80];
    if (!argument_is_expr(arg)) {
        int slot = select_add(a->select, &arg->path);
        if (slot < 0)
            return err_nomem(e);
        if ((size_t)slot == a->n_fields)
            a->field[a->n_fields++] = &arg->path;
        return 0;
    }
    for (size_t i = 0; i < a->n_exprs; i++)
        if (argument_same(a->computed[i], arg))
            return 0;
    snprintf(what, sizeof(what), "%s %.*s", option,
             (int)(name.n < 60 ? name.n : 60), name.p);
    if (expr_add(a->exprs, what, arg->expr, e) < 0)
        return -1;
    a->computed[a->n_exprs++] = arg;
    return 0;
}

/* The column of an argument that is known. */
static size_t column_of(struct aggregate *a, const struct argument *arg)
{
    if (argument_is_expr(arg))
        return computed_column(a, arg);
    return (size_t)select_add(a->select, &arg->path);
}

static bool has_argument(const struct aggspec *s)
{
    return s->fn != AGGSPEC_ROWS;
}

static bool has_second(const struct aggspec *s)
{
    return s->fn == AGGSPEC_ARG_MIN || s->fn == AGGSPEC_ARG_MAX;
}

static int know_arguments(struct aggregate *a, struct err *e)
{
    for (size_t i = 0; i < a->n_by; i++)
        if (know_argument(a, &a->by[i].arg, "--group-by", a->by[i].name, e))
            return -1;
    for (size_t i = 0; i < a->specs.n; i++) {
        const struct aggspec *s = &a->specs.v[i];
        if ((has_argument(s) &&
             know_argument(a, &s->arg, "--aggregate", s->name, e)) ||
            (has_second(s) &&
             know_argument(a, &s->by, "--aggregate", s->name, e)))
            return -1;
    }
    return 0;
}

/* ---- accumulators ---- */

static bool same_param(enum acc_kind kind, const struct acc_param *x,
                       const struct acc_param *y)
{
    if (kind == ACC_SKETCH)
        return !(x->error < y->error) && !(x->error > y->error);
    return kind != ACC_BUCKETS ||
           (x->n == y->n && decimal_cmp(&x->low, &y->low) == 0 &&
            decimal_cmp(&x->width, &y->width) == 0);
}

static size_t add_feed(struct aggregate *a, enum acc_kind kind, size_t arg,
                       size_t by, const struct aggspec *s)
{
    for (size_t i = 0; i < a->n_feeds; i++) {
        const struct feed *f = &a->feeds[i];
        if (f->acc.kind == kind && f->judged == arg && f->by == by &&
            same_param(kind, f->param, &s->param))
            return i;
    }
    struct feed *f = &a->feeds[a->n_feeds];
    *f = (struct feed){
        .fn = s->fn_name, .param = &s->param, .judged = arg, .by = by
    };
    acc_init(&f->acc, kind, f->param, a->budget);
    return a->n_feeds++;
}

static void add_spec(struct aggregate *a, const struct aggspec *s,
                     struct column *c)
{
    static const enum acc_kind kinds[] = {
        [AGGSPEC_ROWS] = ACC_ROWS,
        [AGGSPEC_COUNT] = ACC_COUNT,
        [AGGSPEC_SUM] = ACC_SUM,
        [AGGSPEC_AVG] = ACC_SUM,
        [AGGSPEC_MIN] = ACC_MIN,
        [AGGSPEC_MAX] = ACC_MAX,
        [AGGSPEC_FIRST] = ACC_FIRST,
        [AGGSPEC_LAST] = ACC_LAST,
        [AGGSPEC_ARG_MIN] = ACC_ARG_MIN,
        [AGGSPEC_ARG_MAX] = ACC_ARG_MAX,
        [AGGSPEC_VARIANCE] = ACC_SUM,
        [AGGSPEC_VAR_POP] = ACC_SUM,
        [AGGSPEC_STDDEV] = ACC_SUM,
        [AGGSPEC_STDDEV_POP] = ACC_SUM,
        [AGGSPEC_DISTINCT] = ACC_DISTINCT,
        [AGGSPEC_APPROX_DISTINCT] = ACC_HLL,
        [AGGSPEC_PERCENTILE] = ACC_VALUES,
        [AGGSPEC_APPROX_PERCENTILE] = ACC_SKETCH,
        [AGGSPEC_MODE] = ACC_TALLY,
        [AGGSPEC_TOP] = ACC_TALLY,
        [AGGSPEC_LIST] = ACC_LIST,
        [AGGSPEC_HISTOGRAM] = ACC_BUCKETS,
    };
    size_t arg = has_argument(s) ? column_of(a, &s->arg) : 0;
    size_t by = has_second(s) ? column_of(a, &s->by) : NO_COLUMN;
    c->spec = s;
    c->acc = add_feed(a, kinds[s->fn], arg, by, s);
    if (kinds[s->fn] == ACC_SUM)
        c->count = add_feed(a, ACC_COUNT, arg, by, s);
    if (s->fn >= AGGSPEC_VARIANCE && s->fn <= AGGSPEC_STDDEV_POP)
        c->squares = add_feed(a, ACC_SQUARES, arg, by, s);
}

/* What stands in front of the results of a window (window/window.h). */
static bool is_of_window(struct str name)
{
    return str_eq(name, STR("window_start")) ||
           str_eq(name, STR("window_end")) ||
           str_eq(name, STR("window_update"));
}

/* Names column i; two of one name would be one field of the output. */
static int name_column(struct aggregate *a, size_t i, struct str name,
                       struct err *e)
{
    if ((a->partial || a->merging) && str_eq(name, STR("_state")))
        return err_set(e, ERR_USAGE,
                       "'_state' is what --partial writes: give the field "
                       "another name");
    if (a->windowed && is_of_window(name))
        return err_set(e, ERR_USAGE,
                       "'%.*s' is the window's: give the field another name",
                       STR_ARG(name));
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

static int lay_out_batch(struct aggregate *a, struct err *e)
{
    if (batch_init(&a->batch, a->select, a->n_exprs, e))
        return -1;
    for (size_t i = 0; i < a->n_feeds; i++) {
        const struct feed *f = &a->feeds[i];
        if (acc_wants_numbers(f->acc.kind))
            a->batch.wants_numbers[f->judged] = true;
        if (f->by != NO_COLUMN && acc_wants_by_numbers(f->acc.kind))
            a->batch.wants_numbers[f->by] = true;
    }
    return 0;
}

static int allocate(struct aggregate *a, struct err *e)
{
    size_t columns = a->n_by + a->specs.n + 1, args = a->n_by + 2 * a->specs.n;
    a->columns = calloc(columns, sizeof(*a->columns));
    a->field = calloc(args + 1, sizeof(*a->field));
    a->computed = calloc(args + 1, sizeof(*a->computed));
    a->by_arg = calloc(columns, sizeof(*a->by_arg));
    a->key_vals = calloc(columns, sizeof(*a->key_vals));
    a->feeds = calloc(3 * columns, sizeof(*a->feeds));
    if (!a->columns || !a->field || !a->computed || !a->by_arg ||
        !a->key_vals || !a->feeds)
        return err_nomem(e);
    return 0;
}

static void sign_argument(struct buf *b, const struct argument *arg)
{
    json_quote(b, argument_is_expr(arg) ? arg->expr : arg->path.text);
}

/* What states are of, so that others are refused. */
static int sign(struct aggregate *a, struct err *e)
{
    struct buf b = { 0 };
    for (size_t i = 0; i < a->n_by; i++) {
        json_quote(&b, a->by[i].name);
        buf_addc(&b, ' ');
    }
    for (size_t i = 0; i < a->n_feeds; i++) {
        const struct feed *f = &a->feeds[i];
        buf_addf(&b, "%d %zu %zu ", f->acc.kind, f->judged, f->by);
        if (f->acc.kind == ACC_SKETCH)
            buf_addf(&b, "%.17g ", f->param->error);
        if (f->acc.kind != ACC_BUCKETS)
            continue;
        buf_addf(&b, "%u ", f->param->n);
        decimal_format(&b, &f->param->low);
        buf_addc(&b, ' ');
        decimal_format(&b, &f->param->width);
    }
    for (size_t i = 0; i < a->specs.n; i++) {
        const struct aggspec *s = &a->specs.v[i];
        json_quote(&b, s->name);
        if (has_argument(s))
            sign_argument(&b, &s->arg);
        if (has_second(s))
            sign_argument(&b, &s->by);
    }
    int r = b.failed ? err_nomem(e) : 0;
    snprintf(a->signature, sizeof(a->signature), "%016llx",
             (unsigned long long)hash64(buf_str(&b)));
    buf_free(&b);
    return r;
}

static int begin_columns(struct aggregate *a, struct err *e)
{
    for (size_t i = 0; i < a->n_by; i++) {
        a->by_arg[i] = column_of(a, &a->by[i].arg);
        if (name_column(a, i, a->by[i].name, e))
            return -1;
    }
    for (size_t i = 0; i < a->specs.n; i++) {
        size_t c = a->n_by + i;
        add_spec(a, &a->specs.v[i], &a->columns[c]);
        if (name_column(a, c, a->specs.v[i].name, e))
            return -1;
    }
    return sign(a, e);
}

/* A misspelt field would be missing in every group: none would be printed. */
static int check_having(const struct aggregate *a, struct err *e)
{
    struct str name;
    for (size_t slot = 0; (name = expr_root(a->having, slot)).p; slot++) {
        size_t i = 0, n = a->n_by + a->specs.n;
        while (i < n && !str_eq(a->columns[i].name, name))
            i++;
        if (i == n && !(a->windowed && is_of_window(name)))
            return err_set(e, ERR_USAGE,
                           "--having: no field of the output is called '%.*s'",
                           STR_ARG(name));
    }
    return 0;
}

/* What empty tables take is not a matter of the data: it is always allowed. */
static void allow_tables(struct aggregate *a)
{
    size_t regions = 8, least;
    for (size_t i = 0; i < a->n_feeds; i++)
        regions += a->feeds[i].acc.kind >= ACC_DISTINCT ? 4 : 0;
    least = regions * REGION_FIRST;
    if (a->budget->max && a->budget->max < least)
        a->budget->max = least;
}

int aggregate_begin(struct aggregate *a, struct err *e)
{
    if (a->n_by + a->specs.n == 0)
        return err_set(e, ERR_USAGE, "nothing to group by and no aggregate");
    if (allocate(a, e) || know_arguments(a, e) || begin_columns(a, e) ||
        check_having(a, e))
        return -1;
    allow_tables(a);
    a->n_parts = a->n_by + a->windowed;
    group_init(&a->groups, a->n_parts, a->budget);
    a->keys.max = AGGREGATE_KEYS;
    if (a->n_parts && buf_reserve(&a->keys, AGGREGATE_KEYS))
        return err_nomem(e);
    return lay_out_batch(a, e);
}

/* ---- the end ---- */

void aggregate_reset(struct aggregate *a)
{
    group_free(&a->groups);
    group_init(&a->groups, a->n_parts, a->budget);
    region_free(&a->rows);
    region_free(&a->side);
    free(a->order);
    a->order = NULL;
    a->next = 0;
    for (size_t i = 0; i < a->n_feeds; i++)
        acc_reset(&a->feeds[i].acc);
    if (a->n_parts == 0)
        a->row_size = 0;
}

void aggregate_clear(struct aggregate *a)
{
    aggregate_reset(a);
}

void aggregate_free(struct aggregate *a)
{
    if (!a)
        return;
    overflow_free(a);
    states_end_rehearsal(a);
    region_free(&a->rows);
    for (size_t i = 0; i < a->n_feeds; i++)
        acc_free(&a->feeds[i].acc);
    batch_free(&a->batch);
    for (size_t i = 0; a->columns && i < a->n_by + a->specs.n; i++)
        buf_free(&a->columns[i].label);
    group_free(&a->groups);
    region_free(&a->side);
    for (size_t i = 0; i < a->n_by; i++)
        grouping_free(&a->by[i]);
    free(a->by);
    aggspec_free(&a->specs);
    select_free(a->select);
    expr_free(a->exprs);
    expr_free(a->having);
    free(a->columns);
    free((void *)a->field);
    free((void *)a->computed);
    free(a->by_arg);
    free(a->key_vals);
    free(a->feeds);
    free(a->order);
    buf_free(&a->keys);
    buf_free(&a->key);
    buf_free(&a->pointer);
    buf_free(&a->message);
    buf_free(&a->state);
    free(a);
}
