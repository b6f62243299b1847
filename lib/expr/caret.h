/* caret: points at the byte of an option's text that is wrong. */
#ifndef EXPR_CARET_H
#define EXPR_CARET_H

#include "base/err.h"
#include "base/str.h"

/* ERR_USAGE: what (the option), the reason, the byte (at is 0-based, shown
 * 1-based); behind a line feed follow the text, of long ones the part around
 * the byte, and on a line of its own a caret. Returns -1. */
int caret_error(struct err *e, const char *what, struct str text, size_t at,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
