/* task: a batch of a spool, ready to be loaded: whole as it was written, with
 * the command line, the environment and the folder of its load. */
#ifndef LOAD_TASK_H
#define LOAD_TASK_H

#include "base/buf.h"
#include "run/queue.h"

/* The version of .json that this program writes and reads. */
#define TASK_VERSION "1"

/* Variables that say where libpq connects to: kept with a batch. How it proves
 * who it is comes from whoever drains, so that no secret is kept.
 * NULL-terminated. */
extern const char *const task_env[];

struct task {
    char json[QUEUE_PATH], records[QUEUE_PATH]; /* paths */
    struct buf about;                           /* the .json */
    char **argv, **envp;  /* owned arrays; NULL-terminated */
    int stdin_fd, dir_fd; /* at the first record; the folder; -1 */
    bool damaged;         /* task_open failed since the batch is not what was
                             written */
    struct buf words, env_words, cwd; /* what argv and envp point into */
};

/* Opens a batch and holds it against what .json says of it. own: the run is
 * reported by this process, so that the load does not. 1; 0 where it is there
 * no more; -1 with e: ERR_DATA and t->damaged; ERR_CONFIG where .json is of
 * another version; else what keeps it from being read. task_close after
 * each. */
int task_open(struct task *t, const struct queue *q, uint64_t number, bool own,
              struct err *e);
void task_close(struct task *t);

#endif
