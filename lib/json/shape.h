/* shape: the grammar of a line, proven once for all lines of the same tokens.
 *
 * Whether a line is a JSON object follows from its tokens alone (scan.h), but
 * for what the tokens do not show: the spelling of numbers and of true, false
 * and null, escapes, and UTF-8. So the grammar of each new sequence of tokens
 * is walked once and kept, and of every line of a known shape only the rest is
 * checked. Real data has few shapes; where it has many, a line costs the walk
 * and no more. Not thread-safe: one cache a thread. */
#ifndef JSON_SHAPE_H
#define JSON_SHAPE_H

#include "base/err.h"
#include "json/scan.h"

/* One proven sequence of tokens. Lives until SHAPE_KEEP other shapes have been
 * proven after another one took its place. */
struct shape {
    uint8_t *tok; /* owned; SHAPE_SHORT bytes or more */
    uint8_t *own; /* behind them: 0xff for each byte that is a token; for up to
                     SHAPE_SHORT tokens, else NULL */
    uint32_t n;
    uint32_t *number, *literal; /* owned: indexes of numbers; of true, false
                                   and null */
    uint32_t n_number, n_literal;
    uint32_t *close; /* owned: for each { or [ its closing token's index */
    unsigned depth;  /* containers within each other; 1: flat */
    uint64_t hash;
    uint64_t serial; /* unique over all shapes of the process; 0: empty */
};

#define SHAPE_KEEP 128
#define SHAPE_SHORT 128

struct shape_cache;

/* NULL without memory. */
struct shape_cache *shape_cache_new(void);
void shape_cache_free(struct shape_cache *c);

/* The shape of line, proven to be that of one JSON object nested at most
 * max_depth deep; NULL where it is none (or there is no memory): json_check
 * then says what is wrong. Borrowed for the next SHAPE_KEEP calls. */
const struct shape *shape_of(struct shape_cache *c,
                             const struct scan_line *line, unsigned max_depth);

/* Checks of a line of this shape all that the shape does not prove. True if
 * the line is JSON and UTF-8. block is where line's positions point into. */
bool shape_check(const struct shape *s, const char *block,
                 const struct scan_line *line);

/* True if there is nothing for shape_check to do: the scan saw it all. */
static inline bool shape_is_all(const struct shape *s,
                                const struct scan_line *line)
{
    return !line->flags && !s->n_literal;
}

/* The bytes of the value or key that begins at token i, without spaces behind
 * it; for { and [ up to the closing token. */
struct str shape_text(const struct shape *s, const char *block,
                      const struct scan_line *line, uint32_t i);

#endif
