#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){ .max = b->max };
}

int buf_reserve(struct buf *b, size_t n)
{
    size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
    if (b->failed)
        return -1;
    if (b->cap - b->n >= n && b->p)
        return 0;
    if (n > max || b->n > max - n) {
        b->failed = true;
        return -1;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->n + n)
        cap = cap > max / 2 ? max : cap * 2;
    char *p = realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return -1;
    }
    b->p = p;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
    if (buf_reserve(b, n))
        return -1;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    return 0;
}

int buf_add_str(struct buf *b, struct str s)
{
    return buf_add(b, s.p, s.n);
}

int buf_addz(struct buf *b, const char *z)
{
    return buf_add(b, z, strlen(z));
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    size_t room = b->p ? b->cap - b->n : 0;
    va_list again;
    va_copy(again, ap);
    int n =
        b->failed ? -1 : vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    if (n >= 0 && (size_t)n >= room) { /* cut short, or not written at all */
        if (buf_reserve(b, (size_t)n + 1) == 0)
            vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->failed |= n < 0;
    if (b->failed)
        return -1;
    b->n += (size_t)n;
    return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = buf_vaddf(b, fmt, ap);
    va_end(ap);
    return r;
}

const char *buf_z(struct buf *b)
{
    if (b->failed || buf_addc(b, '\0'))
        return NULL;
    b->n--;
    return b->p;
}
