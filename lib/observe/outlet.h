/* outlet: where metrics go: a folder of textfiles, or a Pushgateway.
 *
 * A Pushgateway does not add: what is pushed replaces what was. So the running
 * totals are kept in a folder of the state directory, as textfiles, and a push
 * sends all that is there of the pipeline as one group, by PUT. Pushes of one
 * pipeline wait for each other, and each gathers when its turn has come, so the
 * last one to arrive has the newest. */
#ifndef OBSERVE_OUTLET_H
#define OBSERVE_OUTLET_H

#include "observe/metrics.h"

#include <stdbool.h>

struct outlet {
    struct buf folder;   /* absolute where it is the state's; empty: none */
    struct buf url;      /* of the group; empty: nothing is pushed */
    struct buf pipeline; /* "" where it has no name */
};

/* Is it a URL, and not a folder? */
bool outlet_is_url(const char *to);

/* Takes the word of --metrics: DIR, or http(s)://HOST[:PORT][/PREFIX], to which
 * /metrics/job/PIPELINE/instance/HOSTNAME is added unless it has /metrics/job/
 * in it. state is the state directory; needed for a URL only. pipeline may be
 * NULL. o needs no init and is freed with outlet_free in every case. 0; -1 with
 * ERR_USAGE or memory. */
int outlet_open(struct outlet *o, const char *to, const char *state,
                const char *pipeline, struct err *e);

/* Merges m into the file of a stage (textfile_add). */
int outlet_add(const struct outlet *o, const char *stage, struct metrics *m,
               struct err *e);

/* Pushes, where there is something to push to; takes at most some 7 s, in a
 * process of its own. $PIPE_METRICS_TOKEN goes along as a bearer token. 0, or
 * -1 with e. While there are no threads. */
int outlet_push(const struct outlet *o, struct err *e);

void outlet_free(struct outlet *o);

#endif
