#include "source/sight.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)128 << 10)

void sight_init(struct sight *w, struct input *in)
{
    *w = (struct sight){ .in = in };
}

/* Makes room behind the bytes at hand. */
static int make_room(struct sight *w, struct err *e)
{
    if (w->p != w->buf && w->n > 0)
        memmove(w->buf, w->p, w->n);
    w->p = w->buf;
    if (w->cap - w->n >= BLOCK)
        return 0;

    size_t cap = w->cap ? 2 * w->cap : 2 * BLOCK;
    char *p = realloc(w->buf, cap + SIGHT_PADDING);
    if (!p)
        return err_nomem(e);
    w->p = w->buf = p;
    w->cap = cap;
    return 0;
}

int sight_more(struct sight *w, struct err *e)
{
    if (w->eof)
        return 0;
    size_t behind = w->buf ? w->cap - (size_t)(w->p - w->buf) - w->n : 0;
    if (behind < BLOCK && make_room(w, e) != 0)
        return -1;

    size_t space = w->cap - (size_t)(w->p - w->buf) - w->n;
    ssize_t got = input_read(w->in, w->p + w->n, space, e);
    if (got < 0)
        return -1;
    if (got == 0) {
        w->eof = true;
        return 0;
    }
    w->n += (size_t)got;
    return 1;
}

void sight_drop(struct sight *w, size_t n)
{
    w->p += n;
    w->n -= n;
    w->offset += n;
}

int sight_skip_bom(struct sight *w, struct err *e)
{
    int r = 1;

    /* Only bytes that may become a mark are worth waiting for. */
    while (r == 1 && (w->n == 0 || (w->n < 3 && (w->p[0] & 0x80))))
        r = sight_more(w, e);
    if (r < 0)
        return -1;
    if (w->n >= 2 &&
        (memcmp(w->p, "\xff\xfe", 2) == 0 || memcmp(w->p, "\xfe\xff", 2) == 0))
        return err_set(e, ERR_DATA,
                       "'%s' is UTF-16 or UTF-32: say --encoding, or convert "
                       "it with iconv -t UTF-8",
                       input_name(w->in));
    if (w->n >= 3 && memcmp(w->p, "\xef\xbb\xbf", 3) == 0)
        sight_drop(w, 3);
    return 0;
}

void sight_free(struct sight *w)
{
    free(w->buf);
    *w = (struct sight){ 0 };
}
