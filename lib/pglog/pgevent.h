/* pgevent: changes of PostgreSQL's tables as JSON events.
 *
 * Those of pgoutput become Debezium's form:
 *   {"before":{...}|null,"after":{...}|null,"source":{"connector":
 *    "postgresql","db":...,"schema":...,"table":...,"txId":...,"lsn":...,
 *    "ts_ms":...,"ts_us":...,"snapshot":"false"},"op":"c|u|d|t|r"}
 * lsn is the change's own place in the log, ts_ms the time of the commit.
 * "before" has the columns that the server sent: the key, or all of them under
 * REPLICA IDENTITY FULL. A large value that an update did not touch is not
 * sent: the field is missing (unless "before" has it), so that a target keeps
 * what it has.
 *
 * Rows of a snapshot can also be had in wal2json's form, format 2, for a
 * stream of which wal2json writes the rest. Thread-safe. */
#ifndef PGLOG_PGEVENT_H
#define PGLOG_PGEVENT_H

#include "base/buf.h"
#include "pglog/pgoutput.h"
#include "pglog/relation.h"
#include "source/pgvalue.h"

#include <stdbool.h>
#include <stdint.h>

/* What all events of a transaction, or of a snapshot, tell of themselves. */
struct pgevent_source {
    struct str db; /* in JSON */
    uint64_t lsn;
    int64_t at_us; /* 0: not known */
    uint32_t xid;  /* 0: of no transaction */
    bool snapshot;
    struct pgvalue *room; /* to work in; borrowed */
};

/* Appends an event: kind is PGOUTPUT_INSERT (of a snapshot: op "r"), UPDATE,
 * DELETE or TRUNCATE. Rows without values are null. 0, or -1 if out failed. */
int pgevent_add(struct buf *out, enum pgoutput_kind kind,
                const struct relation *rel, const struct pgoutput_row *before,
                const struct pgoutput_row *after,
                const struct pgevent_source *source);

/* Appends what wal2json writes of a row that was inserted, and of a table that
 * was truncated (row without values). As pgevent_add. */
int pgevent_add_wal2json(struct buf *out, const struct relation *rel,
                         const struct pgoutput_row *row, uint64_t lsn);

#endif
