/* chart: a figure of runs over time, as SVG within HTML.
 *
 * The drawing is stretched to the room that there is; strokes and text are not,
 * so it can be read on a phone. Text stands in HTML around it. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "base/buf.h"
#include "report/run.h"

#include <stddef.h>

struct chart {
    const char *title;
    const struct run *const *runs; /* oldest first; borrowed */
    size_t n;
    int64_t from_us, to_us; /* what the axis spans */
    const char *tz;
    bool bars; /* from zero up, else dots on a line */
    /* The figure of a run, and what is usual for it; negative: not known. */
    double (*value)(const struct run *r);
    double (*usual)(const struct run *r);
    bool share;   /* ends at 1, and begins where there is something to see */
    double limit; /* a line that is not to be crossed; 0: none */
    /* Appends a figure as people read it. */
    void (*say)(struct buf *out, double value);
};

/* Appends the figure. What fails shows in out->failed. */
void chart_draw(struct buf *out, const struct chart *c);

#endif
