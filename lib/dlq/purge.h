/* purge: take letters out of their segments for good.
 *
 * A segment is written anew without them, under its lock, and put in its own
 * place by rename; so a reader sees the old one or the new one, and a crash
 * leaves either. A segment that a live process writes to is not touched: its
 * letters are marked as purged, and go with the next purge. Marks go after the
 * letters that they name. What edits that died have left goes, too.
 *
 * Only one process at a time may mark or purge: the caller holds the lock of
 * the folder (target_lock). */
#ifndef DLQ_PURGE_H
#define DLQ_PURGE_H

#include "dlq/read.h"

struct dlq_purged {
    uint64_t removed; /* entries */
    uint64_t marked;  /* of these, entries with a line in a live segment */
};

/* Removes the n entries of r whose indexes are given, with all their lines,
 * and what earlier purges had to leave. r was read under the lock, and is out
 * of date afterwards. 0, or -1 with e: some may be gone then. */
int dlq_purge(struct dlq_read *r, const size_t *entries, size_t n,
              struct dlq_purged *done, struct err *e);

#endif
