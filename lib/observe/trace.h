/* trace: the W3C trace context of a process (Trace Context, level 1): which
 * trace it belongs to, and its own span in it. It travels in the environment,
 * as TRACEPARENT, so that what starts a pipeline and what the pipeline starts
 * meet in one trace. */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include "base/str.h"

#include <stdbool.h>

#define TRACE_ENV "TRACEPARENT"
#define TRACE_TEXT 56 /* of a traceparent, NUL counted */

struct trace {
    char id[33];     /* of the trace, 32 hexadecimal digits; "": none */
    char span[17];   /* of this process */
    char parent[17]; /* "" where the trace begins here */
    char flags[3];
};

/* Takes text as the parent and makes a span. False, and t is empty, where it
 * is no traceparent: a broken one begins nothing. */
bool trace_join(struct trace *t, struct str text);

/* Begins a trace, which is sampled. */
void trace_begin(struct trace *t);

/* Writes what children are to have as TRACEPARENT. */
void trace_format(const struct trace *t, char out[TRACE_TEXT]);

#endif
