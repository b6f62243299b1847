/* watched: the pipelines that are declared, and how they do. */
#ifndef REPORT_CMD_WATCHED_H
#define REPORT_CMD_WATCHED_H

#include "report/health.h"
#include "report_cmd.h"

struct watched {
    struct buf dir;              /* of their files */
    struct pipeline_conf *confs; /* owned */
    struct health *health;       /* owned, judged: of the same index */
    size_t n;
    size_t bad; /* files that cannot be used: a line on stderr said why */
};

/* Reads the pipeline files, of the operands or all, and judges the pipelines by
 * their runs. w is zeroed; watched_close in every case. 0, or -1 with st->err;
 * an operand without a file is ERR_CONFIG. */
int watched_open(struct watched *w, struct stage *st, const struct args *a,
                 const char *state, int64_t now_us);

/* The same, and of pipelines that have run and are not declared: all that is
 * wrong with one is that its last run failed. Dead letters are counted. */
int watched_seen(struct watched *w, struct stage *st, const struct args *a,
                 const char *state, const struct runs *runs, int64_t now_us);

/* The pipeline of that name, or NULL. */
const struct health *watched_find(const struct watched *w, const char *name);

void watched_close(struct watched *w);

#endif
