#include "expr/caret.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN 72 /* columns of the text in a message */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

int caret_error(struct err *e, const char *what, struct str text, size_t at,
                const char *fmt, ...)
{
    char why[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    err_set(e, ERR_USAGE, "%.100s: %s at byte %zu", what, why, at + 1);

    /* Of a long text the part around the byte is shown. Line feeds are
     * written behind err_set, which would escape them. */
    size_t from = at > SHOWN / 2 ? at - SHOWN / 2 : 0;
    while (from < at && is_continuation(text.p[from]))
        from++;
    char *out = e->msg + strlen(e->msg), *end = e->msg + sizeof(e->msg) - 1;
    size_t column = 0;
    out = stpcpy(out, "\n  ");
    for (size_t i = from; i < text.n && out + SHOWN + 16 < end; i++) {
        bool first = !is_continuation(text.p[i]);
        if (first && i - from >= SHOWN)
            break;
        column += first && i < at;
        unsigned char c = (unsigned char)text.p[i];
        *out++ = c < 0x20 || c == 0x7f ? ' ' : text.p[i];
    }
    out = stpcpy(out, "\n  ");
    while (column--)
        *out++ = ' ';
    stpcpy(out, "^");
    return -1;
}
