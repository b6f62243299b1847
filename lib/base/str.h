/* str: a slice of bytes, borrowed from somebody else's memory.
 *
 * A struct str never owns: it is valid as long as the buffer it points into.
 * Bytes may be anything, NUL included; no terminator is promised. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* The slice of a string literal. */
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })

/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *z)
{
    return (struct str){ z, strlen(z) };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Bytewise order, shorter first on a common prefix: <0, 0 or >0. */
static inline int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

/* s without the spaces at both ends. */
static inline struct str str_trim(struct str s)
{
    while (s.n && s.p[0] == ' ')
        s.p++, s.n--;
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

#endif
