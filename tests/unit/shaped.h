/* shaped: a text as the reader hands it to a stage: scanned, its shape known.
 * For tests. The block is copied to be no longer than it has to be, so that a
 * sanitizer sees a read beyond. */
#ifndef SHAPED_H
#define SHAPED_H

#include "json/select.h"

#include <stdlib.h>
#include <string.h>

struct shaper {
    struct shape_cache *shapes;
    struct scan scan;
    struct scan_line line;
    struct shaped view;
    char *block;
};

/* Text behind `before` bytes of another line; NULL where it is no line with
 * the shape of a record, or without memory. Valid until the next call. */
static inline const struct shaped *shaper_guess(struct shaper *s,
                                                struct str text, size_t before)
{
    size_t n = before + text.n + 1;
    free(s->block);
    s->block = malloc(n + SCAN_PADDING);
    if (!s->shapes)
        s->shapes = shape_cache_new();
    if (!s->block || !s->shapes)
        return NULL;
    memset(s->block, ' ', before);
    memcpy(s->block + before, text.p, text.n);
    s->block[n - 1] = '\n';
    memset(s->block + n, 'x', SCAN_PADDING);
    scan_restart(&s->scan, (uint32_t)before);
    struct str block = { s->block, n };
    if (scan_next(&s->scan, block, true, &s->line) != 1 ||
        s->line.end != n - 1 || s->line.flags & SCAN_FAULT)
        return NULL;
    const struct shape *shape = shape_of(s->shapes, &s->line, 256);
    s->view = (struct shaped){ shape, &s->line, s->block };
    return shape ? &s->view : NULL;
}

/* The same, checked to the last byte. */
static inline const struct shaped *shaper_next(struct shaper *s,
                                               struct str text, size_t before)
{
    const struct shaped *at = shaper_guess(s, text, before);
    return at && shape_check(at->shape, at->block, at->line) ? at : NULL;
}

static inline void shaper_free(struct shaper *s)
{
    shape_cache_free(s->shapes);
    scan_free(&s->scan);
    free(s->block);
    *s = (struct shaper){ 0 };
}

#endif
