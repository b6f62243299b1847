/* dynlib: client libraries that a minimal machine may lack, loaded when they
 * are needed.
 *
 * Only their headers are needed to build. Once loaded a library stays. */
#ifndef IO_DYNLIB_H
#define IO_DYNLIB_H

#include "base/err.h"

#include <stddef.h>

struct dynlib_symbol {
    const char *name;
    void *to; /* address of the function pointer */
};

/* Loads the first of names (NULL-terminated: "librdkafka.so.1", ...) that is
 * there, and fills in the symbols. 0; or -1 with ERR_UNAVAILABLE, which names
 * the library (what) and the package to install. */
int dynlib_load(const char *what, const char *package, const char *const *names,
                const struct dynlib_symbol *symbols, size_t n, struct err *e);

#endif
