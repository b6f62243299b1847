/* gate: a stage's side of pipe-run's commit gate.
 *
 * pipe-run hands down one end of a socket and names it in $PIPE_GATE, as
 * FD:INODE, so that a number that has become something else is never taken for
 * it. Through it a stage announces its start and its end; a start without a
 * good end is an abort of the whole run.
 *
 * A loader must not wait for the word inside the pipeline: the shell waits for
 * the pipeline, and pipe-run for the shell. So it splits before it opens its
 * target. The child loads and says that it is ready; the process that the shell
 * waits for ends then, with 0. The child, adopted by pipe-run, waits for the
 * word on a channel of its own. */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "base/err.h"
#include "gate/message.h"

#include <sys/types.h>

#define GATE_ENV "PIPE_GATE"

struct gate {
    int fd;         /* the gate; -1: there is none */
    int line;       /* the loader's own channel once it is ready; else -1 */
    int told;       /* the pipe to the process that the shell waits for; -1 */
    uint64_t id;    /* of this stage in this run */
    bool started;   /* "start" was said */
    bool aborted;   /* the word was to abort: pipe-run says why */
    int *inherited; /* owned: descriptors that came with the process */
    size_t n_inherited;
};

/* True if the run id in the environment was made up by pipe-run: it names the
 * run for people, and says nothing about what it loads. */
bool gate_made_run_id(void);

/* Finds the gate; g->fd is -1 where there is none. g needs no init. */
void gate_find(struct gate *g);

/* Announces the stage. ERR_TEMPFAIL where pipe-run is gone. Without a gate
 * nothing happens, here and below. */
int gate_start(struct gate *g, const char *stage, char *const *argv, bool loads,
               struct err *e);

/* Splits a loader. Returns 1 in the child, which goes on; 0 in the process
 * that the shell waits for, when the child is ready or has ended: *exit is what
 * to exit with (128 + signal for a signal); -1 with e. stop is asked whenever a
 * signal has come; what it returns, unless 0, is passed on to the child. */
int gate_split(struct gate *g, const char *stage, int (*stop)(void), int *exit,
               struct err *e);

/* Says that all is loaded but not committed, and waits for the word: 0 to
 * commit, -1 with ERR_TEMPFAIL. load is a JSON object for the run's record;
 * doubt, unless NULL, says why not to commit even if all ended well.
 * Standard streams that somebody may wait for the end of, and descriptors that
 * came with the process, are given up. */
int gate_ready(struct gate *g, const char *stage, struct str load,
               const char *doubt, int (*stop)(void), struct err *e);

/* Announces the end; m->kind and m->id are filled in here. -1 with
 * ERR_TEMPFAIL where nobody hears it. */
int gate_end(struct gate *g, struct gate_message *m, struct err *e);

void gate_close(struct gate *g);

#endif
