/* replay: what the parts of a replay share. */
#ifndef DLQ_CMD_REPLAY_H
#define DLQ_CMD_REPLAY_H

#include "dlq/replays.h"
#include "feed.h"
#include "held.h"

#define ALL SIZE_MAX /* in place of a group: all that is to go on */

struct journal {
    struct hash128 id;
    int64_t us;
    char run_id[40]; /* that the ledger knows the load by */
};

struct job {
    struct stage *st;
    const struct args *a;
    struct pick pick;
    struct feed feed;
    int lock;     /* on the folder of the letters: one replay at a time */
    char *target; /* owned: the queue, wherever a stage runs */
    int spool;    /* what the stages passed on */
    uint64_t spooled, done;  /* bytes; letters that their own stage loaded */
    struct idmap unfinished; /* line keys of a replay that was committed in
                                part: these go again, and no others */
    struct journal earlier;  /* its own, closed with ours */
};

/* ---- env.c: variables of what a replay starts */

#define ENV_MAX 8

/* Adds NAME=VALUE, or NAME to be unset. 0 or -1. */
int env_add(char **env, const char *name, const char *value);

/* Which letters it is fed (fd holds the replay file), which run it is, which
 * queue is the letters'. 0, or -1 with the stage's err. */
int env_make(char **env, struct job *j, bool stage, int fd, const char *run_id);

void env_free(char **env);

/* ---- journal.c: loads and marks as one */

/* Notes in the journal the letters of a group, or ALL, which the run of g is
 * going to load, and has the run write down its loads. */
int journal_begin(struct job *j, size_t group, const struct held *g,
                  struct journal *is);

/* The run is over: marks those of them that did not come back, where it is
 * committed; else lets all of them go. *fate tells which; HELD_IN_PART and -1
 * leave the journal as it is, for the next replay. */
int journal_end(struct job *j, size_t group, const struct held *g,
                const struct journal *is, enum held_fate *fate);

/* Finishes what replays that died have left behind: marks what they loaded.
 * Before letters are picked. */
int journal_recover(struct job *j);

/* Marks all letters of the feed that are to go on, without a journal. */
int journal_mark(struct job *j);

/* Notes which letters stand in the queue with more attempts than before.
 * Returns how many are back in all, or -1. */
int64_t journal_find_back(struct job *j);

/* ---- rest.c */

/* Copies what the stages passed. 0 or -1. */
int rest_copy(struct job *j, struct output *out);

/* Feeds the rest of the pipeline what the stages passed, and marks the letters
 * that it loaded. */
int rest_run(struct job *j);

#endif
