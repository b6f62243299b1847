/* metrics: samples by family, as the text exposition format of Prometheus
 * (version 0.0.4) writes them.
 *
 *     metrics_family(&m, "pipeline_runs_total", METRIC_COUNTER, "Runs.");
 *     metrics_set(&m, buf_str(&labels), 1);
 *     metrics_family(...);
 *     metrics_merge(&m, &before);     // counters go on from what was
 *     metrics_format(&text, &m);
 *
 * A text ends with the comment "# EOF", so that one which was cut is told from
 * a whole one. Additions that fail for memory set `failed`. One thread. */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define METRICS_BYTES_MAX ((size_t)16 << 20) /* of a text */
#define METRICS_BOUNDS_MAX 32                /* of a histogram */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_sample {
    struct str suffix; /* of a histogram: _bucket, _sum, _count; else empty */
    struct str labels; /* as between the braces; may be empty */
    double value;
};

struct metric_family {
    struct str name, help;
    enum metric_type type;
    bool initial; /* of a gauge: only where it was not there before */
    struct metric_sample *samples; /* owned */
    size_t n;
};

struct metrics {
    struct metric_family *families; /* owned */
    size_t n;
    struct arena text;
    bool failed;
};

void metrics_init(struct metrics *m);

/* Begins a family, which must not be there yet; samples are added to the last
 * one. help has no line feed. */
void metrics_family(struct metrics *m, const char *name, enum metric_type type,
                    const char *help);

/* Adds a sample to the last family. */
void metrics_set(struct metrics *m, struct str labels, double value);

/* Adds a histogram with one observation to the last family; bounds ascend, and
 * +Inf is added to them. */
void metrics_observe(struct metrics *m, struct str labels, const double *bounds,
                     size_t n, double value);

/* The same with many: counts[i] of them, of n + 1, are at most bounds[i] and
 * above the bound before it, the last ones above all. */
void metrics_histogram(struct metrics *m, struct str labels,
                       const double *bounds, size_t n, const uint64_t *counts,
                       double sum);

/* The last family, of gauges, is to stand as it was where it was there before:
 * what is added now is how it begins. */
void metrics_initial(struct metrics *m);

/* Appends `name="value"` to labels, with a comma before it where others stand;
 * what is not UTF-8 in value becomes U+FFFD. 0 or -1. */
int metrics_label(struct buf *labels, const char *name, struct str value);

/* Takes in what was: counters and histograms add up (a histogram only with one
 * of the same buckets), a family of gauges stands as it is now, which may be
 * without samples, and families that are not there now are kept. Borrows
 * nothing from before. */
void metrics_merge(struct metrics *now, const struct metrics *before);

/* Adds the samples of other, of other labels; what m has already stays. Borrows
 * nothing from other. */
void metrics_join(struct metrics *m, const struct metrics *other);

/* Appends the text. 0 or -1 (memory). */
int metrics_format(struct buf *out, const struct metrics *m);

/* Reads a text that metrics_format wrote into m, which needs no init. 0; -1
 * with ERR_DATA, the line in e->line, where it is something else; free m also
 * then. */
int metrics_parse(struct metrics *m, struct str text, struct err *e);

void metrics_free(struct metrics *m);

#endif
