/* prune: removes what runs left behind and what is older than a pipeline's
 * `keep` says: folders of runs, logs, records in the index, dead letters.
 *
 * The last run of a pipeline and the last that ended well stay in the index,
 * however old: they are what it is judged by. So do the folders of runs that
 * live, and of those that state waits for (run/pending.h). */
#ifndef REPORT_PRUNE_H
#define REPORT_PRUNE_H

#include "report/health.h"

struct pruned {
    uint64_t runs, logs, records, letters;
    uint64_t open; /* letters among them that nobody had replayed */
};

/* Prunes what belongs to the pipelines of v, whose runs are gathered; done[i]
 * is what was removed of v[i], or would be where dry. 0, or -1 with e: some may
 * be gone then. */
int prune_all(const struct health *v, size_t n, const char *state,
              int64_t now_us, bool dry, struct pruned *done, struct err *e);

#endif
