/* err: why something failed, filled by the library and printed by the stage.
 *
 * The library never prints and never exits. A function that can fail returns
 * 0 or -1 (readers: 1 for an item, 0 at the end, -1) and fills a struct err,
 * which stays untouched on success. A message says first what failed, quotes
 * the subject, starts lower case and ends without a full stop. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

/* The class of a failure is the exit code it leads to (sysexits.h). */
enum err_code {
    ERR_NONE = 0,
    ERR_USAGE = 64,       /* the command line */
    ERR_DATA = 65,        /* the input */
    ERR_NOINPUT = 66,     /* an input that is not there */
    ERR_UNAVAILABLE = 69, /* a service or library that is not there */
    ERR_BUG = 70,         /* a promise of ours that was broken */
    ERR_CANTCREAT = 73,   /* an output that cannot be created */
    ERR_IO = 74,          /* read, write, fsync, rename */
    ERR_TEMPFAIL = 75,    /* nothing committed, retry makes sense */
    ERR_NOPERM = 77,
    ERR_CONFIG = 78
};

struct err {
    enum err_code code;
    uint64_t line; /* 1-based line of the source, 0 where it has none */
    char msg[1000];
};

/* Sets code and formatted message; control bytes in the result are escaped as
 * \xNN so that data never drives a terminal. Always returns -1, so that
 * callers write: return err_set(e, ERR_DATA, "...", ...). */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and strerror(errnum) behind the message. EACCES and EPERM
 * become ERR_NOPERM, ENOENT becomes ERR_NOINPUT if code is ERR_IO. */
int err_sys(struct err *e, enum err_code code, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Out of memory: ERR_TEMPFAIL. Always returns -1. */
int err_nomem(struct err *e);

#endif
