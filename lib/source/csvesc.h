/* csvesc: cuts CSV with an escape character into cells, which libcsv does not.
 *
 * The escape makes a delimiter, a quote, a line end or an escape behind it an
 * ordinary character and goes. Before any other character it is one itself and
 * stays, so that nothing is lost of a path like C:\new. Else as csvtok.h says.
 * Not thread-safe. */
#ifndef SOURCE_CSVESC_H
#define SOURCE_CSVESC_H

#include "base/buf.h"
#include "source/csvtok.h"

struct csvesc {
    struct csvtok_dialect dialect;
    enum { CSVESC_AT_CELL, CSVESC_PLAIN, CSVESC_QUOTED, CSVESC_CLOSED } state;
    struct buf cell; /* so far */
};

enum csvesc_found {
    CSVESC_MORE,   /* the row goes on */
    CSVESC_ROW,    /* it has ended with the line */
    CSVESC_QUOTE,  /* text behind a closing quote */
    CSVESC_BEHIND, /* text behind the line end */
    CSVESC_NOMEM
};

/* Starts a new row; the struct is zeroed before the first time. */
void csvesc_reset(struct csvesc *s, struct csvtok_dialect d);
void csvesc_free(struct csvesc *s);

/* Takes one line with its end; last: nothing follows it. on_cell gets each
 * cell, NULL for an empty one without quotes. Behind QUOTE, BEHIND and NOMEM
 * reset it. */
enum csvesc_found csvesc_run(struct csvesc *s, struct str line, bool last,
                             void (*on_cell)(void *text, size_t n, void *ctx),
                             void *ctx);

#endif
