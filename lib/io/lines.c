#include "io/lines.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)256 << 10)

int lines_init(struct lines *l, struct input *in, size_t max, struct err *e)
{
    *l = (struct lines){ .in = in, .max = max, .cap = BLOCK };
    l->buf = malloc(l->cap);
    return l->buf ? 0 : err_nomem(e);
}

void lines_free(struct lines *l)
{
    free(l->buf);
    *l = (struct lines){ 0 };
}

/* Reads one more block behind what is there, which moves to the front. */
static int refill(struct lines *l, struct err *e)
{
    size_t have = l->end - l->start;
    if (l->start && (have == 0 || l->cap - l->end < BLOCK / 2)) {
        memmove(l->buf, l->buf + l->start, have);
        l->start = 0;
        l->end = have;
    }
    if (l->cap - l->end < BLOCK / 2) {
        char *grown = realloc(l->buf, l->cap * 2);
        if (!grown)
            return err_nomem(e);
        l->buf = grown;
        l->cap *= 2;
    }
    ssize_t n = input_read(l->in, l->buf + l->end, l->cap - l->end, e);
    if (n < 0)
        return -1;
    l->end += (size_t)n;
    l->eof = n == 0;
    return 0;
}

/* The line in buf[start .. start + n), its end of `skip` bytes behind it. */
static int hand_out(struct lines *l, struct line *line, size_t n, size_t skip)
{
    *line = (struct line){ .text = { l->buf + l->start, n },
                           .line = ++l->line,
                           .offset = l->offset,
                           .length = n,
                           .unterminated = skip == 0 };
    l->start += n + skip;
    l->offset += n + skip;
    l->scanned = 0;
    if (line->line == 1 && n >= 3 &&
        memcmp(line->text.p, "\xef\xbb\xbf", 3) == 0) {
        line->text.p += 3;
        line->text.n -= 3;
        line->offset += 3;
        line->length -= 3;
    }
    if (line->text.n && skip && line->text.p[line->text.n - 1] == '\r') {
        line->text.n--;
        line->length--;
    }
    return 1;
}

/* A line beyond the limit: keeps its first bytes and reads over the rest, up
 * to nl if its end is in the buffer already. */
static int skip_long(struct lines *l, struct line *line, char *nl,
                     struct err *e)
{
    size_t keep = l->max < LINES_KEEP ? l->max : LINES_KEEP;
    char *kept = l->buf + l->start;
    uint64_t length = nl ? (uint64_t)(nl - kept) : l->end - l->start;
    if (nl) {
        l->start += (size_t)length + 1;
    } else {
        memmove(l->buf, kept, keep);
        kept = l->buf;
        l->start = l->end = keep;
    }
    while (!nl && !l->eof) {
        ssize_t n = input_read(l->in, l->buf + keep, l->cap - keep, e);
        if (n < 0)
            return -1;
        l->eof = n == 0;
        nl = n ? memchr(l->buf + keep, '\n', (size_t)n) : NULL;
        length += nl ? (uint64_t)(nl - l->buf) - keep : (uint64_t)n;
        if (nl) {
            l->start = (size_t)(nl - l->buf) + 1;
            l->end = keep + (size_t)n;
        }
    }
    *line = (struct line){ .text = { kept, keep },
                           .line = ++l->line,
                           .offset = l->offset,
                           .length = length,
                           .too_long = true,
                           .unterminated = !nl };
    l->offset += length + (nl ? 1 : 0);
    l->scanned = 0;
    return 1;
}

int lines_next(struct lines *l, struct line *line, struct err *e)
{
    for (;;) {
        size_t have = l->end - l->start;
        char *from = l->buf + l->start;
        char *nl = have > l->scanned
                       ? memchr(from + l->scanned, '\n', have - l->scanned)
                       : NULL;
        size_t n = nl ? (size_t)(nl - from) : have;
        /* One byte more may be the CR of a CRLF. */
        if (nl && n <= l->max + (n && from[n - 1] == '\r'))
            return hand_out(l, line, n, 1);
        if (nl || n > l->max + 1 || (l->eof && n > l->max))
            return skip_long(l, line, nl, e);
        l->scanned = have;
        if (l->eof)
            return have ? hand_out(l, line, have, 0) : 0;
        if (refill(l, e))
            return -1;
    }
}
