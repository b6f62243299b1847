/* back: the lines of a file from the last one to the first.
 *
 * For journals that are appended to, whose end is what is wanted. Reads blocks
 * from where the file ended when it was opened; what is appended meanwhile is
 * not seen. A last line without LF is given too: a writer that was killed may
 * have left it, so it need not be whole. */
#ifndef REPORT_BACK_H
#define REPORT_BACK_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define BACK_LINE_MAX ((size_t)64 << 20)

struct back {
    int fd; /* -1: there is no file */
    const char *path;
    uint64_t at;     /* bytes of the file not yet read */
    struct buf text; /* read, and not yet given: ends where the last line did */
    size_t from;     /* bytes at the front of text that are room */
};

/* Opens the file at path (borrowed): 1; 0 where there is none, which is then
 * an empty one; -1 with ERR_NOPERM or ERR_IO. */
int back_open(struct back *b, const char *path, struct err *e);

/* The line before: 1, borrowed until the next call, without its LF; 0 at the
 * file's start; -1 with ERR_IO, or ERR_DATA for a line of more than
 * BACK_LINE_MAX bytes. Empty lines are left out. */
int back_line(struct back *b, struct str *line, struct err *e);

void back_close(struct back *b);

#endif
