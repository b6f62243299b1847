/* runs: the runs of a state directory, those that live included.
 *
 * The index STATE/runs.ndjson is read from its end, and only as far as needed.
 * Lines that are no records (a writer was killed, a disk was full) are counted
 * and left out. */
#ifndef REPORT_RUNS_H
#define REPORT_RUNS_H

#include "base/err.h"
#include "report/run.h"

#include <stddef.h>

#define RUNS_USUAL 20 /* ok runs that make what is usual */

struct runs_filter {
    const char *const *pipelines; /* n_pipelines of them; 0: all */
    size_t n_pipelines;
    const char *const *outcomes;
    size_t n_outcomes;
    int64_t since_us, until_us; /* by their starts, both included */
    size_t last;                /* at most; 0: all that there are */
    bool usual;                 /* fill in what is usual */
};

struct runs {
    struct run *v; /* owned: newest first, the living before all others */
    size_t n, cap;
    uint64_t damaged; /* lines left out */
    bool cut;         /* there are more, for which there was no room */
    struct arena text;
};

/* Gathers the runs that the filter chooses. r needs no init; runs_free in every
 * case. 0 or -1. */
int runs_read(struct runs *r, const char *state, const struct runs_filter *f,
              struct err *e);

/* Appends the runs that have not ended, and those that were killed and that
 * nobody has written down yet (outcome "died"), by their folders. */
int runs_live(struct runs *r, const char *state, struct err *e);

/* Says of a run that its record calls "running" whether it lives, or died with
 * its folder not looked at since. */
void runs_settle(struct run *run, const char *folder);

void runs_free(struct runs *r);

/* Finds the folder and the record of a run: `name` is its id, the start of the
 * id of one run only, "last", or a pipeline's name (its last run). Appends the
 * record, and the folder's path if it is still there. 1; 0 where there is none;
 * -1 with ERR_USAGE where several begin so. */
int runs_find(const char *state, const char *name, struct buf *record,
              struct buf *folder, struct err *e);

#endif
