#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Copies text with control bytes written as \xNN: data may hold escape
 * sequences, and messages end up on terminals. */
static void set_escaped(char *out, size_t cap, const char *text)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            if (n + 5 > cap)
                break;
            n += (size_t)snprintf(out + n, cap - n, "\\x%02x", *p);
        } else {
            if (n + 2 > cap)
                break;
            out[n++] = (char)*p;
        }
    }
    out[n] = '\0';
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char text[sizeof(e->msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    e->code = code;
    e->line = 0;
    set_escaped(e->msg, sizeof(e->msg), text);
    return -1;
}

int err_sys(struct err *e, enum err_code code, int errnum, const char *fmt, ...)
{
    char text[sizeof(e->msg)];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(text))
        snprintf(text + n, sizeof(text) - (size_t)n, ": %s", strerror(errnum));
    if (errnum == EACCES || errnum == EPERM || errnum == EROFS)
        code = ERR_NOPERM;
    else if (errnum == ENOENT && code == ERR_IO)
        code = ERR_NOINPUT;
    e->code = code;
    e->line = 0;
    set_escaped(e->msg, sizeof(e->msg), text);
    return -1;
}

int err_nomem(struct err *e)
{
    return err_set(e, ERR_TEMPFAIL, "out of memory");
}
