/* locks: what keeps runs from overlapping: one by name, and one by pipeline and
 * date, so that a nightly run and a backfill never load the same date at once.
 *
 * The lock of the date is handed down: its descriptor is open in all that the
 * run starts, and PIPE_DATE_LOCK names it. A pipe-run below, or below
 * pipe-backfill, finds it there and takes it for its own. */
#ifndef RUN_CMD_LOCKS_H
#define RUN_CMD_LOCKS_H

#include "stage/stage.h"

struct locks {
    int named, dated; /* -1: none */
    bool busy;        /* another run has one of them */
    struct buf path;  /* of the date's, where it was taken here */
};

/* Locks folder/NAME for each name that is not "", waiting up to wait_ms. l is
 * zeroed but for its descriptors. 0, or -1 with st->err; locks_free in every
 * case. */
int locks_take(struct locks *l, struct stage *st, const char *folder,
               const char *named, const char *dated, uint64_t wait_ms);

/* Nothing of the run is left. */
void locks_free(struct locks *l);

#endif
