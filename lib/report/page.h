/* page: all that is known of pipelines as one HTML file, which needs nothing
 * beside it: no script, no picture, no font, no request. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/buf.h"
#include "report/dag.h"
#include "report/health.h"
#include "report/letters.h"
#include "report/runs.h"

struct page {
    const struct health *health; /* judged; in the order of the page */
    size_t n_health;
    const struct runs *runs; /* newest first, with what is usual */
    const struct letters *letters;
    struct dag *dag; /* nothing is drawn of one without edges */
    int64_t from_us, now_us;
    const char *tz; /* NULL: UTC */
};

/* Appends the page. 0, or -1 with e (memory). */
int page_write(struct buf *out, const struct page *p, struct err *e);

/* The part for one pipeline; runs are its own, oldest first. */
struct page_part {
    const struct page *page;
    const struct health *health;
    size_t index; /* of the pipeline: names its anchor */
    const struct run **runs;
    size_t n;
};
void page_pipeline(struct buf *out, const struct page_part *part);

/* How the last run of a pipeline ended, or what is wrong, as a badge. */
void page_badge(struct buf *out, const struct health *h);

/* The looks: a style sheet in parts, NULL behind the last. */
extern const char *const page_style[];

#endif
