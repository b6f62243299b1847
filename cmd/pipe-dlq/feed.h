/* feed: the letters of a replay, by the process that is to read them. */
#ifndef DLQ_CMD_FEED_H
#define DLQ_CMD_FEED_H

#include "dlq_cmd.h"

#include <sys/types.h>

/* A letter that is fed again. */
struct fed {
    size_t entry; /* of the pick's table */
    struct hash128 id;
    uint64_t attempt;
    size_t group;
    int64_t edit_us; /* when its bytes were edited last; 0: never */
    bool back;       /* rejected again */
    bool done;       /* loaded by its own stage, and marked */
};

/* Letters that one process reads: the same command line, folder, variables
 * and context. */
struct group {
    char *path;     /* owned: the program to run */
    char **argv;    /* owned, NULL-terminated */
    char *cwd;      /* owned; NULL: ours */
    char **env;     /* owned, NULL-terminated: NAME=VALUE, or NAME to unset */
    char *pipeline; /* owned; NULL: none */
    bool loads;     /* pipe-load: passes nothing on */
};

struct feed {
    struct fed *v; /* owned, by time */
    size_t n;
    struct group *groups; /* owned */
    size_t n_groups, cap_groups;
    uint64_t worn; /* letters left: poison pills */
    uint64_t cut;  /* letters left: only the start of the record */
};

/* Sorts the letters of p into groups. f needs no init; free it also on
 * failure. ERR_NOPERM for a letter whose command is none of our stages. */
int feed_sort(struct feed *f, struct stage *st, const struct args *a,
              struct pick *p);

/* Writes the records of a group, in order, to fd: what its stage is to read. */
int feed_records(const struct feed *f, size_t group, struct pick *p, int fd,
                 struct err *e);

/* Writes the replay file of a group (or, with group SIZE_MAX, of all letters
 * that are to go on: not done, and not back) to fd. */
int feed_replays(const struct feed *f, size_t group, struct pick *p,
                 const char *target, int fd, struct err *e);

/* The identity of a run over the letters of a group, or of all that are to
 * go on, as above: "replay-" and 32 hex digits. */
void feed_run_id(const struct feed *f, size_t group, char id[40]);

void feed_free(struct feed *f);

#endif
