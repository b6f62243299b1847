/* windowspec: the language of --window.
 *
 *     tumbling:LENGTH  (or LENGTH alone)  one behind the other
 *     sliding:LENGTH,STEP                 a new one every STEP
 *     session:GAP                         ends when nothing came for GAP
 *     trailing:LENGTH                     for each record, what came before it
 *
 * Lengths are those of window/span.h. Of tumbling windows, and of STEP, 24
 * hours at most or whole days, weeks, months. A sliding window is a number of
 * steps in a row; GAP is a length on every day. */
#ifndef WINDOW_WINDOWSPEC_H
#define WINDOW_WINDOWSPEC_H

#include "base/err.h"
#include "window/span.h"

#define WINDOWSPEC_STEPS 1440 /* of a sliding window, at most */

enum window_kind {
    WINDOW_TUMBLING,
    WINDOW_SLIDING,
    WINDOW_SESSION,
    WINDOW_TRAILING
};

struct windowspec {
    enum window_kind kind;
    struct span step;   /* tumbling, sliding: from one window to the next */
    int64_t steps;      /* of a window; 1 where it is tumbling */
    int64_t gap;        /* session: microseconds */
    struct span length; /* trailing */
};

/* 0, or -1 with ERR_USAGE quoting text. */
int windowspec_parse(struct windowspec *w, struct str text, struct err *e);

#endif
