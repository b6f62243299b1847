#include "ops/batch.h"

#include <stdlib.h>

int batch_init(struct batch *b, const struct select *s, struct err *e)
{
    size_t columns = select_size(s) + 1; /* so that none is not no memory */
    *b = (struct batch){ 0 };
    b->wants_keys = calloc(columns, sizeof(*b->wants_keys));
    b->keys = calloc(columns * SELECT_BATCH, sizeof(*b->keys));
    b->no_key = calloc(columns, sizeof(*b->no_key));
    if (select_batch_init(&b->picked, s) || !b->wants_keys || !b->keys ||
        !b->no_key)
        return err_nomem(e);
    return 0;
}

void batch_free(struct batch *b)
{
    select_batch_free(&b->picked);
    free(b->wants_keys);
    free(b->keys);
    free(b->no_key);
    *b = (struct batch){ 0 };
}

static void make_keys(struct batch *b, size_t column)
{
    const struct val *vals = batch_vals(b, column);
    struct order_key *keys = b->keys + column * SELECT_BATCH;
    uint64_t no_key = 0;
    for (size_t i = 0; i < b->n; i++) {
        bool has_key = !(
            (vals[i].type == JSON_STRING ? b->walked | b->escaped : b->walked) &
            BATCH_BIT(i));
        keys[i] = has_key ? order_key_of(vals[i])
                          : (struct order_key){ .kind = ORDER_OTHER };
        if (keys[i].kind == ORDER_OTHER && vals[i].type == JSON_NUMBER)
            no_key |= BATCH_BIT(i);
    }
    b->no_key[column] = no_key;
}

void batch_fill(struct batch *b, struct select *s,
                const struct select_record *recs, size_t n)
{
    b->n = n;
    b->broken = select_pick_batch(s, recs, n, &b->picked);
    b->walked = b->escaped = 0;
    for (size_t i = 0; i < n; i++) {
        if (!recs[i].shaped)
            b->walked |= BATCH_BIT(i);
        else if (recs[i].shaped->line->flags & SCAN_ESCAPES)
            b->escaped |= BATCH_BIT(i);
    }
    for (size_t column = 0; column < select_size(s); column++)
        if (b->wants_keys[column])
            make_keys(b, column);
}

uint64_t batch_of_types(const struct batch *b, size_t column, unsigned types)
{
    uint64_t set = 0;
    const struct val *vals = batch_vals(b, column);
    for (size_t i = 0; batch_has(b, column, types) && i < b->n; i++)
        if (types & BATCH_TYPE(vals[i].type))
            set |= BATCH_BIT(i);
    return set;
}
