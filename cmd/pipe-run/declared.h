/* declared: what the pipeline's file (pipeline.json(5)) says of a run: its
 * environment, and who is told how it went. */
#ifndef RUN_CMD_DECLARED_H
#define RUN_CMD_DECLARED_H

#include "config/pipeline.h"
#include "run/runlog.h"
#include "stage/stage.h"

struct declared {
    struct stage *st;
    struct buf folder;
    struct pipeline_conf conf;
    bool given;       /* there is such a file */
    const char *ping; /* the command line's, or the file's; NULL: none */
};

/* Reads CONFIG/PIPELINE.json, where there is one, and sets the variables of
 * env (NULL: none) for all that is started from here on. 0, or -1 with
 * st->err. */
int declared_read(struct declared *d, struct stage *st, const char *config,
                  const char *env, const char *ping);

/* The run begins. */
void declared_begin(struct declared *d);

/* It is over, and its record is written. Failures are warnings. */
void declared_end(struct declared *d, const struct runlog *record,
                  const struct runlog_dir *dir);

void declared_free(struct declared *d);

#endif
