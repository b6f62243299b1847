#include "schema/tally.h"

#include "base/hash.h"

#include <stdlib.h>

#define SLOTS (TALLY_RULES_MAX * 2) /* a power of 2 */

static int tally_init(struct tally *t)
{
    if (t->rows)
        return 0;
    t->rows = malloc(TALLY_RULES_MAX * sizeof(*t->rows));
    t->slots = calloc(SLOTS, sizeof(*t->slots));
    return t->rows && t->slots ? 0 : -1;
}

/* The row of an error, made if it is new; NULL where there is no room. */
static struct tally_row *row_of(struct tally *t, const struct schema_error *x)
{
    size_t at = (hash64(x->rule) ^ hash64(str_of(x->code))) & (SLOTS - 1);
    for (; t->slots[at]; at = (at + 1) & (SLOTS - 1)) {
        struct tally_row *row = &t->rows[t->slots[at] - 1];
        if (strcmp(row->code, x->code) == 0 && str_eq(row->rule, x->rule))
            return row;
    }
    struct str rule = { NULL, 0 };
    if (t->n < TALLY_RULES_MAX)
        rule = arena_dup(&t->arena, x->rule);
    if (!rule.p)
        return NULL;
    t->rows[t->n] = (struct tally_row){ .code = x->code, .rule = rule };
    t->slots[at] = (uint32_t)++t->n;
    return &t->rows[t->n - 1];
}

int tally_add(struct tally *t, const struct schema_error *errors, size_t n)
{
    if (tally_init(t))
        return -1;
    t->records++;
    for (size_t i = 0; i < n; i++) {
        struct tally_row *row = row_of(t, &errors[i]);
        if (!row) {
            t->others++;
        } else if (row->last != t->records) {
            row->last = t->records;
            row->records++;
        }
    }
    return 0;
}

int tally_merge(struct tally *t, const struct tally *other)
{
    if (tally_init(t))
        return -1;
    t->records += other->records;
    t->others += other->others;
    for (size_t i = 0; i < other->n; i++) {
        const struct tally_row *from = &other->rows[i];
        struct schema_error x = { .code = from->code, .rule = from->rule };
        struct tally_row *row = row_of(t, &x);
        if (row)
            row->records += from->records;
        else
            t->others += from->records;
    }
    return 0;
}

static int by_records(const void *a, const void *b)
{
    const struct tally_row *x = a, *y = b;
    if (x->records != y->records)
        return x->records > y->records ? -1 : 1;
    int c = str_cmp(x->rule, y->rule);
    return c ? c : strcmp(x->code, y->code);
}

void tally_sort(struct tally *t)
{
    if (t->n)
        qsort(t->rows, t->n, sizeof(*t->rows), by_records);
}

void tally_free(struct tally *t)
{
    free(t->rows);
    free(t->slots);
    arena_free(&t->arena);
    *t = (struct tally){ 0 };
}
