/* baseline: the measures of the last good runs, in a file.
 *
 * NDJSON, the oldest run first:
 *
 *     {"v":1,"date":"2026-01-31","run_id":"...","ts":"...",
 *      "measures":{"rows":1000,"null share of /country":0.013}}
 *
 * A run is known by its date or, where it has none, by its id: a re-run takes
 * the place of its own entry and is not compared with it. The file is replaced
 * by rename, under a lock on the file itself: a reader sees the old one or the
 * new one, whenever a writer dies. Not thread-safe. */
#ifndef QUALITY_BASELINE_H
#define QUALITY_BASELINE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/decimal.h"
#include "base/err.h"

#define BASELINE_RUNS 14
#define BASELINE_MIN 3
#define BASELINE_RUNS_MAX 10000
#define BASELINE_BYTES_MAX ((size_t)64 << 20)

struct baseline {
    char *path;         /* owned; NULL: there is none */
    size_t keep, least; /* runs to keep; runs that make a baseline */
    struct str date;    /* of this run, borrowed; .p NULL: none */
    struct str run_id;  /* borrowed */
    struct arena text;
    struct str *runs; /* owned: lines of other runs, in text */
    size_t n;
};

/* Reads the file at path (copied), which need not exist; b needs no init, but
 * for keep, least, date and run_id. Makes the file, so that what hinders that
 * is known before the work. 0; -1 with ERR_CONFIG where a line is not a run,
 * ERR_CANTCREAT, ERR_NOPERM or ERR_IO. */
int baseline_open(struct baseline *b, const char *path, struct err *e);

/* The median over the last `keep` other runs that have the measure `label`.
 * *runs is their number; *median is set where it is not 0. 0 or -1 (memory). */
int baseline_median(const struct baseline *b, struct str label,
                    struct decimal *median, size_t *runs, struct err *e);

/* Adds this run, or puts it in the place of its earlier entry, with measures
 * (the members of a JSON object, without braces), and drops the oldest beyond
 * `keep`. 0, or -1 with e and the file as it was. */
int baseline_add(struct baseline *b, struct str measures, struct err *e);

void baseline_free(struct baseline *b);

#endif
