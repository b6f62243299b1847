#include "aggregate/batch.h"

#include "aggregate/cell.h"

#include <stdlib.h>

/* Values that have keys are read so far beyond their start: those that end
 * sooner are copied to where that is allowed. */
#define ROOM_FITS CELL_PADDING
#define ROOM ((size_t)2 * ROOM_FITS)

int batch_init(struct batch *b, const struct select *s, size_t computed,
               struct err *e)
{
    size_t paths = select_size(s);
    size_t columns = paths + computed + 1; /* so that none is not no memory */
    *b = (struct batch){ .columns = paths + computed, .paths = paths };
    b->wants_numbers = calloc(columns, sizeof(*b->wants_numbers));
    b->numbers = calloc(columns * SELECT_BATCH, sizeof(*b->numbers));
    b->no_key = calloc(columns, sizeof(*b->no_key));
    b->odd = calloc(columns, sizeof(*b->odd));
    b->room = calloc(computed + 1, SELECT_BATCH * ROOM);
    if (select_batch_init(&b->picked, s, computed) || !b->wants_numbers ||
        !b->numbers || !b->no_key || !b->odd || !b->room)
        return err_nomem(e);
    return 0;
}

void batch_free(struct batch *b)
{
    select_batch_free(&b->picked);
    free(b->wants_numbers);
    free(b->numbers);
    free(b->no_key);
    free(b->odd);
    free(b->room);
    *b = (struct batch){ 0 };
}

static void read_column(struct batch *b, size_t column)
{
    const struct val *v = batch_vals(b, column), *end = v + b->n;
    struct order_key *key = b->numbers + column * SELECT_BATCH;
    uint64_t no_key = 0, walked = column < b->paths ? b->walked : 0;
    for (uint64_t bit = 1; v < end; v++, key++, bit <<= 1) {
        if (v->type != JSON_NUMBER)
            continue;
        if (walked & bit) {
            no_key |= bit;
            continue;
        }
        *key = order_key_number(v->raw.p, v->raw.n);
        if (key->kind == ORDER_OTHER)
            no_key |= bit;
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
    for (size_t column = 0; column < b->columns; column++)
        b->odd[column] = column < b->paths ? b->escaped | b->walked : 0;
    for (size_t column = b->paths; column < b->columns; column++)
        b->picked.types[column] = 0;
}

void batch_put(struct batch *b, size_t column, size_t i, struct val v)
{
    char *room = b->room + ((column - b->paths) * SELECT_BATCH + i) * ROOM;
    if (v.raw.n <= ROOM_FITS) {
        memcpy(room, v.raw.p, v.raw.n);
        v.raw.p = room;
    }
    if (v.type == JSON_STRING && memchr(v.raw.p, '\\', v.raw.n))
        b->odd[column] |= BATCH_BIT(i);
    b->picked.vals[column * SELECT_BATCH + i] = v;
    b->picked.types[column] |= BATCH_TYPE(v.type);
}

void batch_read_numbers(struct batch *b)
{
    for (size_t column = 0; column < b->columns; column++)
        if (b->wants_numbers[column] &&
            batch_has(b, column, BATCH_TYPE(JSON_NUMBER)))
            read_column(b, column);
        else
            b->no_key[column] = 0;
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

size_t batch_longest(const struct batch *b, size_t column)
{
    size_t longest = 0;
    const struct val *vals = batch_vals(b, column);
    for (size_t i = 0; i < b->n; i++)
        if (vals[i].raw.n > longest)
            longest = vals[i].raw.n;
    return longest;
}
