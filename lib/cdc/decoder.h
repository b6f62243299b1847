/* decoder: what the parts of cdc share; nobody else includes it.
 *
 * cdc.c tells the forms apart and knows table and keys, debezium.c and
 * wal2json.c read one form each, position.c the places in logs, unwrap.c makes
 * rows of what they read. */
#ifndef CDC_DECODER_H
#define CDC_DECODER_H

#include "cdc/cdc.h"
#include "json/value.h"

struct cdc {
    const struct str *keys; /* borrowed */
    size_t n_keys;
    struct str table;   /* borrowed: as wanted */
    struct buf first;   /* SCHEMA NUL TABLE of the first event */
    struct cdc_op *ops; /* owned */
    size_t n, cap;
    struct buf text; /* rows that were built: room for all of a record's
                        is made first, so that slices stay put */
    struct buf at;
    struct buf key[2], scratch;
    struct cdc_position position;
    char op;                  /* of the operations that are added */
    struct str schema, whose; /* of the table, as JSON strings */
    struct cdc_fault *why;    /* of the call at hand */
};

/* The members of an event that tell what it is. */
enum top {
    TOP_PAYLOAD,
    TOP_SCHEMA,
    TOP_OP,
    TOP_BEFORE,
    TOP_AFTER,
    TOP_SOURCE,
    TOP_TS_MS,
    TOP_TS_US,
    TOP_TS_NS,
    TOP_ACTION,
    TOP_CHANGE,
    TOP_FLAT_OP,
    TOP_DELETED,
    TOP_STATUS,
    TOP_ID,
    TOP_DDL,
    TOP_OTHER, /* none of these; vals counts no value for it */
    TOP_N
};

struct event {
    struct str text;
    struct val v[TOP_N];
    size_t members;
};

/* Refuses: fills c->why, returns CDC_REFUSED. */
enum cdc_result cdc_refuse(struct cdc *c, const char *code, struct str column,
                           const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Does a change of this table count? CDC_OPS yes, CDC_NOTHING no, or refused
 * or no memory. Missing values are a table without a name. */
enum cdc_result cdc_table(struct cdc *c, struct val schema, struct val table);

/* Adds an operation. CDC_OPS or CDC_NOMEM. */
enum cdc_result cdc_add(struct cdc *c, enum cdc_kind kind, struct str row,
                        struct str old_key);

/* Did the key change? 1, 0, or -1 without memory. Parts that before does not
 * have did not. */
int cdc_key_changed(struct cdc *c, struct str before, struct str after);

/* An integer of JSON, as number or as string. */
bool cdc_number(struct val v, uint64_t *n);

/* Takes the time of the event from microseconds. */
enum cdc_result cdc_at(struct cdc *c, int64_t us);

enum cdc_result debezium_read(struct cdc *c, const struct event *ev);
enum cdc_result debezium_read_flat(struct cdc *c, const struct event *ev);
enum cdc_result wal2json_read_change(struct cdc *c, const struct event *ev);
enum cdc_result wal2json_read_action(struct cdc *c, const struct event *ev);

/* From Debezium's source, from "0/16B3748". */
void position_of_source(struct cdc_position *p, struct val source);
void position_of_lsn(struct cdc_position *p, struct val lsn);

#endif
