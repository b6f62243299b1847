#include "cdc/decoder.h"

#include "base/date.h"

#include <inttypes.h>

/* Where and when. */
static int add_origin(struct buf *out, const struct cdc_op *op,
                      const struct cdc_event *ev)
{
    int64_t us;
    if (op->schema.n) {
        buf_addz(out, ",\"__schema\":");
        buf_add_str(out, op->schema);
    }
    if (op->table.n) {
        buf_addz(out, ",\"__table\":");
        buf_add_str(out, op->table);
    }
    if (ev->position.log == CDC_LOG_LSN)
        buf_addf(out, ",\"__lsn\":%" PRIu64, ev->position.at[0]);
    if (ev->at.n && time_parse(ev->at, NULL, &us))
        buf_addf(out, ",\"__source_ts_ms\":%" PRId64, us / 1000);
    return buf_addz(out, "}\n");
}

/* row is an object, or empty. */
static int add_row(struct buf *out, struct str row, char letter, bool deleted,
                   const struct cdc_op *op, const struct cdc_event *ev)
{
    struct str body = row.n ? (struct str){ row.p, row.n - 1 } : STR("{");
    struct json_iter it = json_iter(row);
    struct val v;
    buf_add_str(out, body);
    if (row.n && json_next(&it, NULL, &v))
        buf_addc(out, ',');
    buf_addf(out, "\"__op\":\"%c\",\"__deleted\":%s", letter,
             deleted ? "true" : "false");
    return add_origin(out, op, ev);
}

enum cdc_result cdc_unwrap(struct cdc *c, struct str record, struct buf *out,
                           size_t *n, struct cdc_fault *why)
{
    struct cdc_event ev;
    enum cdc_result r = cdc_decode(c, record, &ev, why);
    *n = 0;
    for (size_t i = 0; r == CDC_OPS && i < ev.n; i++) {
        const struct cdc_op *op = &ev.ops[i];
        if (op->old_key.n) {
            add_row(out, op->old_key, 'd', true, op, &ev);
            ++*n;
        }
        add_row(out, op->row, op->op, op->kind != CDC_ROW, op, &ev);
        ++*n;
    }
    return out->failed ? CDC_NOMEM : r;
}
