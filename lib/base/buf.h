/* buf: a growable byte buffer with a maximum.
 *
 * An addition that does not fit under the maximum, or for which there is no
 * memory, sets `failed` and leaves the contents as they were; all later
 * additions are refused until buf_reset. So a run of additions is checked once
 * at its end. Every addition also returns 0 or -1. Not thread-safe. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct buf {
    char *p;     /* owned; NULL until the first addition */
    size_t n;    /* bytes in use */
    size_t cap;  /* bytes allocated */
    size_t max;  /* bytes at most; 0 means BUF_MAX_DEFAULT */
    bool failed; /* an addition was refused since the last reset */
};

/* What a buffer may grow to if nobody said otherwise: a record of 16 MiB,
 * escaped at worst sixfold. */
#define BUF_MAX_DEFAULT ((size_t)128 << 20)

/* Empties b and forgets a failure; keeps its memory for reuse. */
void buf_reset(struct buf *b);

/* Frees b's memory; b is then as new. */
void buf_free(struct buf *b);

/* Makes room for n more bytes without adding them. */
int buf_reserve(struct buf *b, size_t n);

int buf_add(struct buf *b, const void *p, size_t n);
int buf_add_str(struct buf *b, struct str s);
int buf_addz(struct buf *b, const char *z);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* The contents as a slice, borrowed until the next change of b. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->p ? b->p : "", b->n };
}

/* The contents as a NUL-terminated string, borrowed likewise; NULL if there
 * was a failure or there is no memory for the terminator. */
const char *buf_z(struct buf *b);

#endif
