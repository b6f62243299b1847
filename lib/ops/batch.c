#include "ops/batch.h"

#include <stdlib.h>

int batch_init(struct batch *b, size_t values, struct err *e)
{
    *b = (struct batch){ .values = values };
    b->items = calloc(BATCH_RECORDS * values, sizeof(*b->items));
    /* Room for all from the start: adding then never fails for memory. */
    if (!b->items ||
        buf_reserve(&b->bytes, (size_t)BATCH_RECORDS * BATCH_RECORD_BYTES))
        return err_nomem(e);
    return 0;
}

bool batch_add(struct batch *b, struct hash128 hash, const struct val *vals)
{
    size_t before = b->bytes.n;
    struct batch_item *item = b->items + b->n * b->values;
    for (size_t i = 0; i < b->values; i++) {
        size_t n = vals[i].raw.n;
        if (n > BATCH_RECORD_BYTES ||
            b->bytes.n + n - before > BATCH_RECORD_BYTES) {
            b->bytes.n = before;
            return false;
        }
        item[i] = (struct batch_item){ vals[i].type, (uint32_t)n, b->bytes.n };
        buf_add_str(&b->bytes, vals[i].raw);
    }
    b->hash[b->n++] = hash;
    return true;
}

void batch_get(const struct batch *b, size_t i, struct val *vals)
{
    const struct batch_item *item = b->items + i * b->values;
    for (size_t j = 0; j < b->values; j++)
        vals[j] = (struct val){ item[j].type,
                                { b->bytes.p + item[j].at, item[j].n } };
}

void batch_reset(struct batch *b)
{
    b->n = 0;
    buf_reset(&b->bytes);
}

void batch_free(struct batch *b)
{
    free(b->items);
    buf_free(&b->bytes);
    *b = (struct batch){ 0 };
}
