#include "io/inflate.h"

#include "base/str.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM ((size_t)64 << 10)
#define RATIO_FROM ((uint64_t)1 << 20)

struct inflater {
    enum inflate_kind kind;
    struct input_limits limits;
    const char *uri;
    z_stream gz;
    ZSTD_DStream *zd;
    size_t at, n;     /* compressed bytes not yet used: room[at .. n) */
    uint64_t in, out; /* bytes used and given in all */
    bool open;        /* inside a member or frame */
    bool eof;         /* no more compressed bytes will come */
    unsigned char room[ROOM];
};

enum inflate_kind inflate_sniff(const void *p, size_t n)
{
    static const unsigned char gzip[2] = { 0x1f, 0x8b };
    static const unsigned char zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd };
    const unsigned char *b = p;

    if (n == 0)
        return INFLATE_MORE;
    if (memcmp(b, gzip, n < 2 ? n : 2) == 0)
        return n < 2 ? INFLATE_MORE : INFLATE_GZIP;
    if (memcmp(b, zstd, n < 4 ? n : 4) == 0)
        return n < 4 ? INFLATE_MORE : INFLATE_ZSTD;
    return INFLATE_NONE;
}

int inflater_new(struct inflater **zp, enum inflate_kind kind,
                 const struct input_limits *limits, const char *uri,
                 struct err *e)
{
    struct inflater *z = malloc(sizeof(*z));

    if (!z)
        return err_nomem(e);
    memset(z, 0, offsetof(struct inflater, room));
    z->kind = kind;
    z->limits = *limits;
    z->uri = uri;
    /* 16 above the window bits: gzip alone, neither zlib nor raw deflate. */
    if (kind == INFLATE_GZIP ? inflateInit2(&z->gz, MAX_WBITS + 16) != Z_OK
                             : !(z->zd = ZSTD_createDStream())) {
        free(z);
        return err_nomem(e);
    }
    *zp = z;
    return 0;
}

void *inflater_room(struct inflater *z, size_t *space)
{
    z->at = z->n = 0;
    *space = sizeof(z->room);
    return z->room;
}

void inflater_feed(struct inflater *z, size_t n)
{
    z->n = n;
    z->eof = n == 0;
}

bool inflater_done(const struct inflater *z)
{
    return z->eof && !z->open;
}

static const char *kind_name(const struct inflater *z)
{
    return z->kind == INFLATE_GZIP ? "gzip" : "zstd";
}

static int corrupt(struct inflater *z, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, "%s data of '%s' is corrupt: %s", kind_name(z),
                   z->uri, why);
}

/* One step of a member: uses some compressed bytes, gives *got plain ones. */
static int step_gzip(struct inflater *z, void *buf, size_t n, size_t *got,
                     struct err *e)
{
    z->gz.next_in = z->room + z->at;
    z->gz.avail_in = (uInt)(z->n - z->at);
    z->gz.next_out = buf;
    z->gz.avail_out = n > UINT_MAX ? UINT_MAX : (uInt)n;

    uInt want = z->gz.avail_out;
    int r = inflate(&z->gz, Z_NO_FLUSH);
    z->at = z->n - z->gz.avail_in;
    *got = want - z->gz.avail_out;
    if (r == Z_MEM_ERROR)
        return err_nomem(e);
    if (r == Z_STREAM_END) {
        z->open = false;
        inflateReset(&z->gz);
        return 0;
    }
    if (r != Z_OK && r != Z_BUF_ERROR)
        return corrupt(z, z->gz.msg ? z->gz.msg : zError(r), e);
    return 0;
}

static int step_zstd(struct inflater *z, void *buf, size_t n, size_t *got,
                     struct err *e)
{
    ZSTD_inBuffer in = { z->room, z->n, z->at };
    ZSTD_outBuffer out = { buf, n, 0 };
    size_t r = ZSTD_decompressStream(z->zd, &out, &in);

    z->at = in.pos;
    *got = out.pos;
    if (ZSTD_isError(r))
        return corrupt(z, ZSTD_getErrorName(r), e);
    if (r == 0)
        z->open = false;
    return 0;
}

/* At the first byte of what should be a member or frame. */
static int enter(struct inflater *z, struct err *e)
{
    unsigned char c = z->room[z->at];
    /* Skippable frames start with 0x50 to 0x5f (RFC 8878, section 3.1.2). */
    bool ours =
        z->kind == INFLATE_GZIP ? c == 0x1f : c == 0x28 || (c & 0xf0) == 0x50;

    if (!ours)
        return err_set(e, ERR_DATA,
                       "trailing garbage behind the %s data of "
                       "'%s'",
                       kind_name(z), z->uri);
    z->open = true;
    return 0;
}

static int check_limits(const struct inflater *z, struct err *e)
{
    const struct input_limits *l = &z->limits;

    if (l->max_bytes && z->out > l->max_bytes)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the "
                       "limit of %llu bytes",
                       z->uri, (unsigned long long)l->max_bytes);
    if (l->max_ratio && z->out > RATIO_FROM && z->out / l->max_ratio > z->in)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the "
                       "limit of %llu times its size",
                       z->uri, (unsigned long long)l->max_ratio);
    return 0;
}

ssize_t inflater_read(struct inflater *z, void *buf, size_t n, struct err *e)
{
    for (;;) {
        bool empty = z->at == z->n;
        if (!z->open && (empty || z->eof))
            return 0;
        if (!z->open && enter(z, e) != 0)
            return -1;

        size_t from = z->at, got = 0;
        int r = z->kind == INFLATE_GZIP ? step_gzip(z, buf, n, &got, e)
                                        : step_zstd(z, buf, n, &got, e);
        z->in += z->at - from;
        z->out += got;
        if (r != 0 || check_limits(z, e) != 0)
            return -1;
        if (got > 0)
            return (ssize_t)(got > SSIZE_MAX ? SSIZE_MAX : got);
        /* Nothing came out. With input left there was progress in it; without
         * any, the decoder waits for more, or has just closed its member. */
        if (z->at < z->n || !z->open)
            continue;
        if (!z->eof)
            return 0;
        return err_set(e, ERR_DATA, "%s data of '%s' is truncated",
                       kind_name(z), z->uri);
    }
}

void inflater_free(struct inflater *z)
{
    if (!z)
        return;
    if (z->kind == INFLATE_GZIP)
        inflateEnd(&z->gz);
    else
        ZSTD_freeDStream(z->zd);
    free(z);
}
