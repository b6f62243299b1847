#include "stage/tally.h"

#include "base/hash.h"
#include "json/visible.h"
#include "stage/stage.h"

#include <stdlib.h>

#define SLOTS (TALLY_RULES_MAX * 2) /* a power of 2 */

static int tally_init(struct tally *t)
{
    if (t->rows)
        return 0;
    t->arena.max = TALLY_BYTES_MAX;
    t->rows = malloc(TALLY_RULES_MAX * sizeof(*t->rows));
    t->slots = calloc(SLOTS, sizeof(*t->slots));
    return t->rows && t->slots ? 0 : -1;
}

static struct str rule_of(const struct reason *x)
{
    return x->rule.n ? x->rule : x->path;
}

static size_t hash_of(const struct reason *x)
{
    return (hash64(rule_of(x)) ^ hash64(str_of(x->code))) +
           31 * (hash64(x->schema) ^ hash64(x->check));
}

static bool is_of(const struct tally_row *row, const struct reason *x)
{
    return strcmp(row->code, x->code) == 0 && str_eq(row->rule, rule_of(x)) &&
           str_eq(row->schema, x->schema) && str_eq(row->check, x->check);
}

/* The row of a reason, made if it is new; NULL where there is no room. */
static struct tally_row *row_of(struct tally *t, const struct record *rec,
                                const struct reason *x)
{
    size_t at = hash_of(x) & (SLOTS - 1);
    for (; t->slots[at]; at = (at + 1) & (SLOTS - 1))
        if (is_of(&t->rows[t->slots[at] - 1], x))
            return &t->rows[t->slots[at] - 1];
    if (t->n == TALLY_RULES_MAX)
        return NULL;
    struct tally_row row = {
        .code = x->code,
        .rule = arena_dup(&t->arena, rule_of(x)),
        .schema = arena_dup(&t->arena, x->schema),
        .check = arena_dup(&t->arena, x->check),
        .line = rec->line,
        .path =
            arena_dup(&t->arena, visible_start(x->path, TALLY_EXAMPLE_BYTES)),
        .message = arena_dup(&t->arena,
                             visible_start(x->message, TALLY_EXAMPLE_BYTES)),
    };
    if (!row.rule.p || !row.schema.p || !row.check.p || !row.path.p ||
        !row.message.p)
        return NULL;
    t->rows[t->n] = row;
    t->slots[at] = (uint32_t)++t->n;
    return &t->rows[t->n - 1];
}

int tally_add(struct tally *t, const struct record *rec,
              const struct reason *reasons, size_t n)
{
    if (tally_init(t))
        return -1;
    t->records++;
    for (size_t i = 0; i < n; i++) {
        struct tally_row *row = row_of(t, rec, &reasons[i]);
        if (!row) {
            t->others++;
        } else if (row->last != t->records) {
            row->last = t->records;
            row->records++;
        }
    }
    return 0;
}

static int by_records(const void *a, const void *b)
{
    const struct tally_row *x = a, *y = b;
    if (x->records != y->records)
        return x->records > y->records ? -1 : 1;
    int c = str_cmp(x->rule, y->rule);
    c = c ? c : strcmp(x->code, y->code);
    c = c ? c : str_cmp(x->schema, y->schema);
    return c ? c : str_cmp(x->check, y->check);
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
