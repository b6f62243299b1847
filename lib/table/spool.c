#include "table/spool.h"

#include "table/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

/* What stands before each record in the file. */
struct head {
    uint32_t number, length;
};

/* Frees the output's buffer; the file is not its to close. */
static void end_writing(struct spool *s)
{
    s->out.fd = -1;
    output_close(&s->out);
}

int spool_open(struct spool *s, const char *dir, struct err *e)
{
    *s = (struct spool){ .fd = -1, .out.fd = -1 };
    s->fd = spill_file(dir, e);
    if (s->fd < 0)
        return -1;
    if (output_fd(&s->out, s->fd, e) == 0) {
        s->out.path = strdup(dir); /* for messages; NULL does no harm */
        return 0;
    }
    spool_close(s);
    return -1;
}

int spool_add(struct spool *s, uint32_t number, struct str record, uint64_t *at,
              struct err *e)
{
    struct head h = { number, (uint32_t)record.n };
    if (output_write(&s->out, (struct str){ (char *)&h, sizeof(h) }, e) ||
        output_write(&s->out, record, e))
        return -1;
    *at = s->at;
    s->at += sizeof(h) + record.n;
    return 0;
}

int spool_rewind(struct spool *s, struct err *e)
{
    if (output_flush(&s->out, e))
        return -1;
    end_writing(s);
    s->at = 0;
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, errno, "cannot rewind the temporary file");
    return 0;
}

/* Has at least n bytes read ahead: 1, or 0 where the file ends before any of
 * them, or -1. */
static int fill(struct spool *s, size_t n, struct err *e)
{
    struct buf *b = &s->block;
    if (b->n - s->taken >= n)
        return 1;
    if (s->taken) {
        memmove(b->p, b->p + s->taken, b->n - s->taken);
        b->n -= s->taken;
        s->taken = 0;
    }
    if (buf_reserve(b, (n > BLOCK ? n : BLOCK) - b->n))
        return err_nomem(e);
    while (b->n < n) {
        ssize_t got = read(s->fd, b->p + b->n, b->cap - b->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, ERR_IO, errno, "cannot read the temporary file");
        if (got == 0 && b->n == 0)
            return 0;
        if (got == 0)
            return err_set(e, ERR_IO, "the temporary file is cut short");
        b->n += (size_t)got;
    }
    return 1;
}

int spool_next(struct spool *s, uint32_t *number, struct str *record,
               uint64_t *at, struct err *e)
{
    struct head h;
    int r = fill(s, sizeof(h), e);
    if (r != 1)
        return r;
    memcpy(&h, s->block.p + s->taken, sizeof(h));
    r = fill(s, sizeof(h) + h.length, e);
    if (r != 1)
        return -1;
    *number = h.number;
    *record = (struct str){ s->block.p + s->taken + sizeof(h), h.length };
    *at = s->at;
    s->at += sizeof(h) + h.length;
    s->taken += sizeof(h) + h.length;
    return 1;
}

void spool_close(struct spool *s)
{
    end_writing(s);
    buf_free(&s->block);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct spool){ .fd = -1, .out.fd = -1 };
}
