/* starve: an allocator of which any call can fail. The C library's own,
 * counted: for unit programs that fail each allocation in turn. Sanitizers
 * bring an allocator of their own: include it without them only. */
#ifndef STARVE_H
#define STARVE_H

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static long countdown = -1; /* allocations until one fails */
static long live;           /* blocks that are not freed */

static bool refused(void)
{
    return countdown >= 0 && countdown-- == 0;
}

void *malloc(size_t n)
{
    void *p = refused() ? NULL : __libc_malloc(n);
    live += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = refused() ? NULL : __libc_calloc(n, size);
    live += p != NULL;
    return p;
}

void *realloc(void *old, size_t n)
{
    void *p = refused() ? NULL : __libc_realloc(old, n);
    live += p != NULL && old == NULL;
    return p;
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}

struct starved {
    long failures; /* allocations without which the job failed */
    long spared;   /* and those without which it did well */
};

/* Does the job with the first, second, ... allocation failing, until none is
 * left to fail. Checks that nothing leaks. job: whether it did well. */
static inline struct starved starve_each(bool (*job)(void))
{
    struct starved was = { 0, 0 };
    printf("# counting\n"); /* takes a buffer for good */
    CHECK(job());           /* what is kept for good is there from now */
    long before = live;
    for (long n = 0; n < 5000; n++) {
        countdown = n;
        bool ok = job();
        bool reached = countdown < 0;
        countdown = -1;
        if (live != before) {
            printf("# allocation %ld: %ld left\n", n, live - before);
            CHECK(!"no leak");
            break;
        }
        if (!reached) {
            CHECK(ok);
            break;
        }
        was.failures += !ok;
        was.spared += ok;
    }
    printf("# %ld allocations failed in turn\n", was.failures);
    return was;
}

#endif
