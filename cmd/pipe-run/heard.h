/* heard: what programs of other makers say on stderr. It goes on to where
 * pipe-run's own stderr goes, and line by line into the log of the run. */
#ifndef RUN_CMD_HEARD_H
#define RUN_CMD_HEARD_H

#include "stage/stage.h"

struct heard {
    struct stage *st;
    struct buf line; /* of which the end has not come yet */
    size_t kept;     /* bytes in the log, more or less */
};

/* Takes what came; n is 0 at the end. */
void heard_take(struct heard *h, const char *text, size_t n);

void heard_free(struct heard *h);

#endif
