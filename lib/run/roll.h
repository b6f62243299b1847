/* roll: who has announced what at the gate, and what follows from it.
 *
 * Knows nothing of processes and sockets: it is fed with messages and asked. A
 * run may be committed if every stage that announced its start announced a good
 * end, or, a loader, that it is ready. */
#ifndef RUN_ROLL_H
#define RUN_ROLL_H

#include "base/buf.h"
#include "base/err.h"
#include "gate/message.h"

#include <stdbool.h>
#include <sys/types.h>

struct roll_stage {
    uint64_t id;
    pid_t pid;
    bool loads, ready, ended, after, committed;
    bool doubtful;
    bool gone; /* set by the caller: the process is no more */
    int exit;
    int line;      /* the channel of a loader that is ready; -1 */
    pid_t adopted; /* the process behind it; 0 */
    char *start;   /* owned: texts of the messages; NULL: did not come */
    char *ready_text, *end;
};

struct roll {
    struct roll_stage *v; /* owned, in order of their starts */
    size_t n, cap;
    size_t *ends; /* owned: indexes in order of their ends */
    size_t n_ends;
};

/* Takes a message from process pid; with "ready" comes the channel. Takes line
 * in every case. 0, or -1 with e. */
int roll_take(struct roll *r, struct str text, pid_t pid, int line,
              struct err *e);

/* Stages that have neither ended nor are ready. */
size_t roll_at_work(const struct roll *r);

/* Loaders that are ready and have not ended. */
size_t roll_ready(const struct roll *r);

/* A loader that was ready is no more, and has said nothing. */
void roll_lost(struct roll *r, struct roll_stage *s);

/* Closes the channel of a loader. */
void roll_hang_up(struct roll_stage *s);

/* What failed first, as far as it can be told. */
struct roll_cause {
    int exit;       /* 0: nothing failed */
    bool by_reader; /* it ended by SIGPIPE: the cause may be its reader's */
    char stage[64];
    char message[1000]; /* whole, with the stage in it */
};

/* Judges what is known: a stage that is gone and has not announced its end has
 * died. early_close: a stage that ended by SIGPIPE has ended well. */
void roll_judge(const struct roll *r, bool early_close, struct roll_cause *c);

/* Where all ended well: a loader that is ready but speaks against its own
 * commit. c->exit is 0 where there is none. */
void roll_doubt(const struct roll *r, struct roll_cause *c);

/* Rows of the loads that are committed. */
uint64_t roll_rows(const struct roll *r);

/* What the stages that have ended moved and held. Bytes in are those of stages
 * that no pipe feeds, or where there are none of those that a foreign command
 * feeds; bytes out those of loaders and of stages that write into no pipe, or
 * else of those that feed a foreign command. A stage's memory counts its peak
 * for as long as it ran. */
struct roll_use {
    uint64_t bytes_in, bytes_out;
    double byte_seconds;
    bool unchanged; /* a loader ended well without a load: all was there */
};
void roll_use(const struct roll *r, struct roll_use *u);

/* Appends the stages, and what loaders loaded, as two JSON arrays:
 * "stages":[...],"loads":[...]. 0, or -1 if out failed. */
int roll_format(const struct roll *r, struct buf *out);

/* Empties r. */
void roll_free(struct roll *r);

#endif
