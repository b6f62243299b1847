#include "io/pack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_LEVEL 6
#define ZSTD_LEVEL 3

struct pack {
    int fd; /* owned; -1: there is a writer, or it is closed */
    int (*write)(void *to, struct str bytes, struct err *e);
    void *to;         /* borrowed */
    const char *name; /* borrowed */
    enum pack_kind kind;
    char *block; /* owned: what is to be written next */
    size_t n, cap;
    z_stream gzip;
    ZSTD_CStream *zstd; /* owned */
};

const char *pack_suffix(enum pack_kind kind)
{
    static const char *const suffixes[] = { "", ".gz", ".zst" };
    return suffixes[kind];
}

static int start(struct pack *p)
{
    if (p->kind == PACK_GZIP)
        return deflateInit2(&p->gzip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8,
                            Z_DEFAULT_STRATEGY) == Z_OK
                   ? 0
                   : -1;
    if (p->kind == PACK_NONE)
        return 0;
    p->zstd = ZSTD_createCStream();
    return p->zstd &&
                   !ZSTD_isError(ZSTD_CCtx_setParameter(
                       p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
                   !ZSTD_isError(
                       ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1))
               ? 0
               : -1;
}

/* NULL without memory; what it is of is not closed then. */
static struct pack *make(const struct pack *like)
{
    struct pack *p = malloc(sizeof(*p));
    if (!p)
        return NULL;
    *p = *like;
    p->block = malloc(p->cap);
    if (!p->block || start(p)) {
        p->fd = -1;
        pack_free(p);
        return NULL;
    }
    return p;
}

struct pack *pack_new(int fd, enum pack_kind kind, size_t block,
                      const char *name, struct err *e)
{
    struct pack *p = make(
        &(struct pack){ .fd = fd, .name = name, .kind = kind, .cap = block });
    if (!p) {
        close(fd);
        err_nomem(e);
    }
    return p;
}

struct pack *
pack_new_to(int (*write)(void *to, struct str bytes, struct err *e), void *to,
            enum pack_kind kind, size_t block, const char *name, struct err *e)
{
    struct pack *p = make(&(struct pack){ .fd = -1,
                                          .write = write,
                                          .to = to,
                                          .name = name,
                                          .kind = kind,
                                          .cap = block });
    if (!p)
        err_nomem(e);
    return p;
}

static int write_out(struct pack *p, const char *s, size_t n, struct err *e)
{
    if (p->write)
        return n ? p->write(p->to, (struct str){ s, n }, e) : 0;
    while (n) {
        ssize_t w = write(p->fd, s, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return err_sys(e, ERR_IO, errno, "cannot write '%s'", p->name);
        s += w;
        n -= (size_t)w;
    }
    return 0;
}

static int flush(struct pack *p, struct err *e)
{
    size_t n = p->n;
    p->n = 0;
    return write_out(p, p->block, n, e);
}

static int write_plain(struct pack *p, struct str s, struct err *e)
{
    if (p->cap - p->n < s.n && flush(p, e))
        return -1;
    if (s.n >= p->cap)
        return write_out(p, s.p, s.n, e);
    memcpy(p->block + p->n, s.p, s.n);
    p->n += s.n;
    return 0;
}

static int write_gzip(struct pack *p, struct str s, int how, struct err *e)
{
    z_stream *z = &p->gzip;
    int r;
    do {
        /* zlib counts in 32 bits. */
        uInt piece = s.n > 1U << 30 ? 1U << 30 : (uInt)s.n;
        z->next_in = (Bytef *)(uintptr_t)s.p;
        z->avail_in = piece;
        do {
            if (p->n == p->cap && flush(p, e))
                return -1;
            z->next_out = (Bytef *)p->block + p->n;
            z->avail_out = (uInt)(p->cap - p->n);
            r = deflate(z, piece == s.n ? how : Z_NO_FLUSH);
            p->n = p->cap - z->avail_out;
        } while (z->avail_in || z->avail_out == 0);
        s = (struct str){ s.p + piece, s.n - piece };
    } while (s.n);
    return how == Z_FINISH && r != Z_STREAM_END
               ? err_set(e, ERR_BUG, "gzip does not end in '%s'", p->name)
               : 0;
}

static int write_zstd(struct pack *p, struct str s, ZSTD_EndDirective how,
                      struct err *e)
{
    ZSTD_inBuffer in = { s.p, s.n, 0 };
    size_t left;
    do {
        if (p->n == p->cap && flush(p, e))
            return -1;
        ZSTD_outBuffer out = { p->block, p->cap, p->n };
        left = ZSTD_compressStream2(p->zstd, &out, &in, how);
        if (ZSTD_isError(left))
            return err_set(e, ERR_TEMPFAIL, "cannot compress '%s': %s", p->name,
                           ZSTD_getErrorName(left));
        p->n = out.pos;
    } while (in.pos < in.size || (how == ZSTD_e_end && left));
    return 0;
}

int pack_write(struct pack *p, struct str s, struct err *e)
{
    switch (p->kind) {
    case PACK_NONE: return write_plain(p, s, e);
    case PACK_GZIP: return s.n ? write_gzip(p, s, Z_NO_FLUSH, e) : 0;
    case PACK_ZSTD: break;
    }
    return write_zstd(p, s, ZSTD_e_continue, e);
}

int pack_end(struct pack *p, bool sync, struct err *e)
{
    int r = 0;
    if (p->kind == PACK_GZIP)
        r = write_gzip(p, STR(""), Z_FINISH, e);
    else if (p->kind == PACK_ZSTD)
        r = write_zstd(p, STR(""), ZSTD_e_end, e);
    if (r || flush(p, e))
        return -1;
    if (p->write)
        return 0;
    if (sync && fsync(p->fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot sync '%s'", p->name);
    int fd = p->fd;
    p->fd = -1;
    if (close(fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot close '%s'", p->name);
    return 0;
}

void pack_free(struct pack *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    if (p->kind == PACK_GZIP)
        (void)deflateEnd(&p->gzip);
    ZSTD_freeCStream(p->zstd);
    free(p->block);
    free(p);
}
