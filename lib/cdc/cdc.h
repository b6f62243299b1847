/* cdc: change events as operations on rows.
 *
 * Understood are, one JSON object each:
 *   Debezium    {"before":...,"after":...,"source":{...},"op":"c|r|u|d|t"},
 *               bare or within {"schema":...,"payload":...}; and flattened by
 *               ExtractNewRecordState, with __op or __deleted
 *   wal2json    format 1 {"change":[...]}, a transaction at a time;
 *               format 2 {"action":"I|U|D|T",...}, a change at a time
 * Heartbeats, tombstones, messages, transaction and schema change events
 * change no rows. An event whose row is not whole, because the source did not
 * send a large value that had not changed, is refused: loaded, the placeholder
 * would stand in its place.
 *
 * Values keep their bytes. Events take effect in the order they come; whoever
 * delivers some again delivers all behind them too, which ends in the same
 * rows. One thread. */
#ifndef CDC_CDC_H
#define CDC_CDC_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cdc_kind {
    CDC_ROW,     /* the row is now row, new or not */
    CDC_DELETE,  /* the row with the key in row is gone */
    CDC_TRUNCATE /* all rows are gone */
};

struct cdc_op {
    enum cdc_kind kind;
    char op;            /* what happened, in Debezium's letters: c r u d t */
    struct str row;     /* a JSON object; empty for CDC_TRUNCATE */
    struct str old_key; /* CDC_ROW: an object with the key that the row had,
                           where that changed; else empty */
    struct str schema, table; /* as JSON strings; empty: not told */
};

/* Where an event stands in its source's log. */
enum cdc_log {
    CDC_LOG_NONE,
    CDC_LOG_LSN,    /* PostgreSQL: at[0] */
    CDC_LOG_BINLOG, /* MySQL: number of the file, position, row */
    CDC_LOG_COMMIT, /* SQL Server: commit LSN (8 bytes, 2 bytes), event */
    CDC_LOG_SCN     /* Oracle: at[0] */
};

struct cdc_position {
    enum cdc_log log;
    uint64_t at[3];
};

/* What a record says; borrowed from it and from the decoder until the next
 * call. */
struct cdc_event {
    const struct cdc_op *ops;
    size_t n;
    struct str at; /* when it happened, RFC 3339; empty: not told */
    struct cdc_position position;
};

/* Why a record is refused. */
struct cdc_fault {
    const char *code;  /* static: not_an_event, unknown_op, no_row, no_key,
                          unavailable_value, other_table */
    struct str column; /* borrowed from the record; may be empty */
    char message[256];
};

enum cdc_result {
    CDC_NOMEM = -1,
    CDC_REFUSED, /* with why */
    CDC_NOTHING, /* an event that changes no rows of the table */
    CDC_OPS      /* n is 1 or more */
};

struct cdc;

/* A decoder for one table, owned, freed with cdc_free. keys (borrowed) are its
 * key columns; table is "TABLE" or "SCHEMA.TABLE" (borrowed): events of others
 * are nothing. Empty: the table of the first event, and an event of another
 * one is refused; "*": any. NULL: no memory. */
struct cdc *cdc_new(const struct str *keys, size_t n_keys, struct str table);
void cdc_free(struct cdc *c);

/* Reads record, checked JSON (on other bytes it stays within them). */
enum cdc_result cdc_decode(struct cdc *c, struct str record,
                           struct cdc_event *event, struct cdc_fault *why);

/* Appends what record says as rows, one JSON object a line (LF behind each):
 * the row as it is, with fields in the manner of Debezium's
 * ExtractNewRecordState behind its own: "__op" (c, r, u, d, t), "__deleted",
 * and where the event tells them "__schema", "__table", "__lsn" and
 * "__source_ts_ms". A row that is deleted is its key, or what else the source
 * sends of it; a truncation has no fields of its own; a change of key is a
 * delete of the old one and the row. *n counts the lines of CDC_OPS. */
enum cdc_result cdc_unwrap(struct cdc *c, struct str record, struct buf *out,
                           size_t *n, struct cdc_fault *why);

/* <0, 0 or >0; 0 also where the logs differ or there is none. */
int cdc_position_cmp(const struct cdc_position *a,
                     const struct cdc_position *b);

/* Appends it as JSON: {"lsn":1234}, {"file":3,"pos":154,"row":0} ..., null for
 * none. 0 or -1. */
int cdc_position_json(struct buf *out, const struct cdc_position *p);

#endif
