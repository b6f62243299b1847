/* render: a summary for people to read: a table for a terminal, or a page.
 *
 * Whatever the data holds, a terminal does nothing with it but show it, and a
 * browser takes none of it for markup. */
#ifndef PROFILE_RENDER_H
#define PROFILE_RENDER_H

#include "profile/compare.h"

#define RENDER_WIDTH_LEAST 40

/* What is shown; all borrowed. */
struct rendering {
    const struct summary *now;
    const struct summary *base;          /* NULL: not compared */
    const struct comparison *comparison; /* with base */
    const char *title;                   /* plain text */
};

/* Appends a table of lines that have at most width characters, and what was
 * found in comparing, with line ends. 0 or -1 (memory). */
int render_text(const struct rendering *r, size_t width, struct buf *out);

/* Appends a page of HTML that needs nothing from elsewhere. 0 or -1. */
int render_html(const struct rendering *r, struct buf *out);

/* ---- for both ---- */

/* Appends the types that a field's values have: "string", "integer 98%, string
 * 2%". 0 or -1. */
int render_types(const struct summary_field *f, struct buf *out);

/* Appends 12,345,678; 520.3 MB; 1.5% (of: 0 is 0%). 0 or -1. */
int render_count(struct buf *out, uint64_t n);
int render_bytes(struct buf *out, uint64_t n);
int render_share(struct buf *out, uint64_t n, uint64_t of);

/* Appends a number as short as six digits make it. */
int render_number(struct buf *out, double v);

#endif
