/* held: a program run by pipe-run, so that what it loads is committed whole or
 * not at all, and so that somebody knows afterwards which of both.
 *
 * The program waits until it is told to go: by then its letters are in the
 * queue's journal, with the folder of the run, and the run has a note that its
 * loads are to be written down before they are committed (run/pending.h).
 * Where this process dies, at any moment, held_fate tells what became of it.
 */
#ifndef DLQ_CMD_HELD_H
#define DLQ_CMD_HELD_H

#include "process.h"

struct held {
    pid_t pid;      /* of pipe-run */
    int go;         /* -1 once it was told */
    struct buf dir; /* owned: the folder of the run */
};

/* Starts it, to wait. spec is for the program itself; its env is set behind
 * pipe-run's own. pipeline (NULL: none) names the run, with ".replay" behind.
 * g needs no init. 0 with g->dir; or -1 with e, and g is done with. */
int held_start(struct held *g, const struct process_spec *spec,
               const char *pipeline, const char *run_id, struct stage *st);

/* Has the run write down its loads before it commits them. 0 or -1. */
int held_note(const struct held *g, struct err *e);

/* Lets the program go; without it held_end has it given up. */
void held_go(struct held *g);

/* Waits for the end: its exit status, as process_wait. */
int held_end(struct held *g, struct stage *st);

void held_free(struct held *g);

enum held_fate { HELD_LOST, HELD_COMMITTED, HELD_IN_PART };

/* What a run that is over has committed, by its record or by the ledgers of its
 * targets. -1 with ERR_TEMPFAIL where it lives, or a ledger cannot be asked;
 * with ERR_CONFIG where the folder is gone. */
int held_fate(const char *dir, enum held_fate *fate, struct err *e);

#endif
