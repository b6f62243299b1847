/* starve: an allocator of which any call can fail. The C library's own,
 * counted: for unit programs that fail each allocation in turn. Sanitizers
 * bring an allocator of their own: include it without them only. */
#ifndef STARVE_H
#define STARVE_H

#include <stdbool.h>
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

#endif
