#include "report/back.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

int back_open(struct back *b, const char *path, struct err *e)
{
    struct stat st;
    *b = (struct back){ .path = path, .text.max = BACK_LINE_MAX + 2 * BLOCK };
    b->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    if (fstat(b->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err_set(e, ERR_IO, "cannot read '%s': it is no file", path);
        back_close(b);
        return -1;
    }
    b->at = (uint64_t)st.st_size;
    return 1;
}

/* Makes room for n bytes at the front: twice as much as is there, so that a
 * long line is not moved once a block. */
static int make_room(struct back *b, size_t n, struct err *e)
{
    if (b->from >= n)
        return 0;
    size_t have = b->text.n - b->from;
    if (have > BACK_LINE_MAX)
        return err_set(e, ERR_DATA, "a line of '%s' is longer than %zu bytes",
                       b->path, BACK_LINE_MAX);
    size_t from = n + have;
    if (from + have > b->text.max)
        from = b->text.max - have;
    if (from < n || buf_reserve(&b->text, from + have - b->text.n))
        return err_nomem(e);
    memmove(b->text.p + from, b->text.p + b->from, have);
    b->text.n = from + have;
    b->from = from;
    return 0;
}

/* Reads the block before what is there. */
static int read_block(struct back *b, struct err *e)
{
    size_t n = b->at < BLOCK ? (size_t)b->at : BLOCK;
    if (make_room(b, n, e))
        return -1;
    char *to = b->text.p + b->from - n;
    for (size_t got = 0; got < n;) {
        ssize_t r = pread(b->fd, to + got, n - got, (off_t)(b->at - n + got));
        if (r > 0)
            got += (size_t)r;
        else if (r == 0 || errno != EINTR)
            return r ? err_sys(e, ERR_IO, errno, "cannot read '%s'", b->path)
                     : err_set(e, ERR_IO, "'%s' was cut while it was read",
                               b->path);
    }
    b->from -= n;
    b->at -= n;
    return 0;
}

int back_line(struct back *b, struct str *line, struct err *e)
{
    size_t looked = 0; /* bytes at the end that hold no LF */
    while (b->fd >= 0) {
        size_t have = b->text.n - b->from;
        const char *start = b->text.p + b->from;
        const char *lf =
            have > looked ? memrchr(start, '\n', have - looked) : NULL;
        if (!lf && b->at) {
            looked = have;
            if (read_block(b, e))
                return -1;
            continue;
        }
        if (!lf && have == 0)
            return 0;
        const char *text = lf ? lf + 1 : start;
        *line = (struct str){ text, (size_t)(start + have - text) };
        b->text.n = lf ? (size_t)(lf - b->text.p) : b->from;
        looked = 0;
        if (line->n)
            return 1;
    }
    return 0;
}

void back_close(struct back *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
    buf_free(&b->text);
}
