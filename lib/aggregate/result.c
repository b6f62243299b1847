/* Groups into records. */
#include "aggregate/private.h"

#include <stdlib.h>

/* ---- one group ---- */

static int out_of_range(const struct column *c, struct err *e)
{
    return err_set(e, ERR_DATA, "'%.*s' is outside the range of decimals",
                   STR_ARG(c->name));
}

/* What is computed from sums, counts and squares. */
static int add_quotient(const struct aggregate *a, struct buf *line,
                        const struct column *c, const char *row, struct err *e)
{
    const struct acc *sum = &a->feeds[c->acc].acc;
    const struct acc *squares = &a->feeds[c->squares].acc;
    uint64_t n = acc_count(&a->feeds[c->count].acc, row);
    enum aggspec_fn fn = c->spec->fn;
    int r;
    if (n == 0) {
        buf_addz(line, "null");
        return 0;
    }
    if (fn == AGGSPEC_AVG)
        r = acc_print_average(sum, row, n, line);
    else
        r = acc_print_variance(sum, squares, row, n,
                               fn == AGGSPEC_VARIANCE || fn == AGGSPEC_STDDEV,
                               fn == AGGSPEC_STDDEV || fn == AGGSPEC_STDDEV_POP,
                               line);
    if (r == -1)
        return err_nomem(e);
    return r ? out_of_range(c, e) : 0;
}

static int add_result(struct aggregate *a, struct buf *line,
                      const struct column *c, uint32_t group, struct err *e)
{
    struct acc *acc = &a->feeds[c->acc].acc;
    const char *row = aggregate_row(a, group);
    enum aggspec_fn fn = c->spec->fn;
    if (fn == AGGSPEC_SUM && acc_count(&a->feeds[c->count].acc, row) == 0) {
        buf_addz(line, "null");
        return 0;
    }
    if (acc->kind == ACC_SUM && fn != AGGSPEC_SUM)
        return add_quotient(a, line, c, row, e);
    return acc_print(acc, row, &a->side, group, &c->spec->q, line, e);
}

/* Adds column i with a comma in front, unless it is the first. */
static void add_label(struct buf *line, const struct column *c)
{
    bool first = line->n == 1;
    buf_add(line, c->label.p + first, c->label.n - first);
}

static int add_state(struct aggregate *a, uint32_t group, struct buf *line,
                     struct err *e)
{
    buf_addf(line, "%s\"_state\":{\"v\":1,\"of\":\"%s\",\"s\":",
             line->n > 1 ? "," : "", a->signature);
    if (states_write(a, group, line, e))
        return -1;
    return buf_addc(line, '}') ? err_nomem(e) : 0;
}

/* 1, 0 where a condition does not hold, -1. */
static int having(struct aggregate *a, struct str line, struct err *e)
{
    struct expr_fault f;
    if (a->n_having == 0 || a->partial)
        return 1;
    expr_begin(a->having);
    if (expr_load(a->having, line, NULL))
        return err_set(e, ERR_BUG, "a result is not JSON");
    for (size_t i = 0; i < a->n_having; i++) {
        int r = expr_test(a->having, (int)i, &f);
        if (r == -2)
            return err_nomem(e);
        if (r < 0)
            return err_set(e, ERR_DATA, "%s, in %.*s", f.msg,
                           (int)(line.n < 200 ? line.n : 200), line.p);
        if (r == 0)
            return 0;
    }
    return 1;
}

/* State indexes are there (states_begin). */
static int print_group(struct aggregate *a, uint32_t group, struct str head,
                       struct buf *line, struct err *e)
{
    buf_reset(line);
    buf_addc(line, '{');
    buf_add_str(line, head);
    if (a->n_parts)
        group_spelling(&a->groups, group, a->key_vals);
    for (size_t i = 0; i < a->n_by; i++) {
        const struct val *v = &a->key_vals[i + a->windowed];
        if (v->type == JSON_MISSING)
            continue;
        add_label(line, &a->columns[i]);
        buf_add_str(line, v->raw);
    }
    if (a->partial && add_state(a, group, line, e))
        return -1;
    for (size_t i = a->n_by; i < a->n_by + a->specs.n && !a->partial; i++) {
        add_label(line, &a->columns[i]);
        if (add_result(a, line, &a->columns[i], group, e))
            return -1;
    }
    if (buf_addc(line, '}'))
        return err_nomem(e);
    return having(a, buf_str(line), e);
}

int aggregate_print(struct aggregate *a, uint32_t group, struct str head,
                    struct buf *line, struct err *e)
{
    return print_group(a, group, head, line, e);
}

/* ---- all of them ---- */

int aggregate_end(struct aggregate *a, bool sorted, struct err *e)
{
    a->next = 0;
    a->sorted = sorted && a->n_by;
    states_end_rehearsal(a);
    if (a->over.states)
        return overflow_end(a, e);
    if (aggregate_begin_rows(a, e))
        return -1;
    if (a->sorted && !a->order) {
        a->order = group_sort(&a->groups, e);
        if (!a->order)
            return -1;
    }
    return a->partial ? states_begin(a, e) : 0;
}

int aggregate_next(struct aggregate *a, struct buf *line, struct err *e)
{
    if (a->over.results)
        return overflow_next(a, line, e);
    while (a->next < aggregate_size(a)) {
        uint32_t group = a->order ? a->order[a->next] : a->next;
        a->next++;
        int r = print_group(a, group, STR(""), line, e);
        if (r)
            return r;
    }
    states_end(a);
    return 0;
}

/* ---- groups one by one ---- */

uint32_t aggregate_groups(const struct aggregate *a)
{
    return aggregate_size(a);
}

int64_t aggregate_window_of(const struct aggregate *a, uint32_t group)
{
    char text[24] = "";
    group_spelling(&a->groups, group, a->key_vals);
    size_t n = a->key_vals[0].raw.n < 23 ? a->key_vals[0].raw.n : 23;
    memcpy(text, a->key_vals[0].raw.p, n);
    return strtoll(text, NULL, 10);
}

int aggregate_fold(struct aggregate *a, uint32_t from, uint32_t into,
                   struct err *e)
{
    size_t feed = 0;
    buf_reset(&a->state);
    int r = states_begin(a, e) || states_write(a, from, &a->state, e) ? -1 : 0;
    states_end(a);
    return r ? r : states_absorb(a, into, buf_str(&a->state), &feed, e);
}

/* Writes down the groups that stay: their keys, LF behind each part, and
 * states, both with LF behind. */
static int write_kept(struct aggregate *a, bool (*keep)(void *, uint32_t),
                      void *ctx, struct region *kept, struct region *numbers,
                      struct err *e)
{
    for (uint32_t g = 0; g < aggregate_size(a); g++) {
        if (!keep(ctx, g))
            continue;
        buf_reset(&a->state);
        group_spelling(&a->groups, g, a->key_vals);
        for (size_t i = 0; i < a->n_parts; i++) {
            buf_add_str(&a->state, a->key_vals[i].raw);
            buf_addc(&a->state, '\n');
        }
        if (states_write(a, g, &a->state, e))
            return -1;
        if (buf_addc(&a->state, '\n'))
            return err_nomem(e);
        if (region_add(kept, a->state.p, a->state.n, e) ||
            region_add(numbers, &g, sizeof(g), e))
            return -1;
    }
    return 0;
}

static struct str next_line(const char **p)
{
    const char *lf = strchr(*p, '\n');
    struct str line = { *p, (size_t)(lf - *p) };
    *p = lf + 1;
    return line;
}

static int read_kept(struct aggregate *a, const struct region *kept,
                     const struct region *numbers,
                     void (*moved)(void *, uint32_t, uint32_t), void *ctx,
                     struct err *e)
{
    const uint32_t *was = (const uint32_t *)(void *)numbers->p;
    const char *p = kept->p;
    struct aggregate_fault fault;
    for (size_t i = 0; i < numbers->n / sizeof(*was); i++) {
        uint32_t group;
        size_t feed = 0;
        for (size_t k = 0; k < a->n_parts; k++)
            a->key_vals[k] = json_val(next_line(&p));
        if (aggregate_group(a, a->key_vals, false, &group, &fault, e) != 1 ||
            states_absorb(a, group, next_line(&p), &feed, e))
            return -1;
        if (moved)
            moved(ctx, was[i], group);
    }
    return 0;
}

int aggregate_keep(struct aggregate *a, bool (*keep)(void *, uint32_t),
                   void (*moved)(void *, uint32_t, uint32_t), void *ctx,
                   struct err *e)
{
    /* What is written down stands beside the tables for a moment. */
    struct budget none = { 0 };
    struct region kept = { .budget = &none }, numbers = { .budget = &none };
    int r = states_begin(a, e);
    if (r == 0)
        r = write_kept(a, keep, ctx, &kept, &numbers, e);
    states_end(a);
    if (r == 0) {
        aggregate_reset(a);
        r = read_kept(a, &kept, &numbers, moved, ctx, e);
    }
    region_free(&kept);
    region_free(&numbers);
    return r;
}
