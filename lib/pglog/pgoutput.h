/* pgoutput: PostgreSQL's own protocol of logical replication, versions 1 and 2
 * without streamed transactions (its documentation, "Logical Replication
 * Message Formats").
 *
 * A transaction is BEGIN, its changes, COMMIT; transactions come in the order
 * of their commits. Not thread-safe. */
#ifndef PGLOG_PGOUTPUT_H
#define PGLOG_PGOUTPUT_H

#include "base/err.h"
#include "base/str.h"
#include "pglog/relation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pgoutput_kind {
    PGOUTPUT_NOTICE,  /* relation, type, origin, message: no change */
    PGOUTPUT_BEGIN,   /* lsn (of the commit), at_us, xid */
    PGOUTPUT_COMMIT,  /* lsn, end_lsn, at_us */
    PGOUTPUT_INSERT,  /* relation, after */
    PGOUTPUT_UPDATE,  /* relation, after, and before where the key changed or
                         the identity is full */
    PGOUTPUT_DELETE,  /* relation, before */
    PGOUTPUT_TRUNCATE /* truncated */
};

enum pgoutput_value_kind {
    PGOUTPUT_NULL,
    PGOUTPUT_TEXT,
    PGOUTPUT_UNCHANGED /* a large value that was not changed and not sent */
};

struct pgoutput_value {
    enum pgoutput_value_kind kind;
    struct str text;
};

/* A row, a value for each of the relation's columns. */
struct pgoutput_row {
    const struct pgoutput_value *v; /* NULL: there is none */
    size_t n;
    bool key_only; /* columns outside of the key were not sent (null) */
};

/* What a message says; borrowed from it and from the decoder until the next
 * call. */
struct pgoutput_message {
    enum pgoutput_kind kind;
    uint64_t lsn, end_lsn;
    int64_t at_us; /* of the commit, since 1970 */
    uint32_t xid;
    const struct relation *relation;
    struct relation *described; /* by a notice, for the caller to complete */
    struct pgoutput_row before, after;
    const struct relation *const *truncated;
    size_t n_truncated;
};

struct pgoutput;

/* Owned, freed with pgoutput_free. NULL: no memory. */
struct pgoutput *pgoutput_new(void);
void pgoutput_free(struct pgoutput *d);

/* Reads one message. 0; -1 with ERR_DATA where it is none, or a change of a
 * table that was not described, or out of its place (a change outside of a
 * transaction). */
int pgoutput_read(struct pgoutput *d, struct str message,
                  struct pgoutput_message *m, struct err *e);

#endif
