#include "io/decode.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#define RATIO_FROM ((uint64_t)1 << 20)

struct decoder;

/* One step of a member or frame: uses some compressed bytes, gives *got plain
 * ones, clears `open` at its end. */
typedef int step_fn(struct decoder *d, void *buf, size_t n, size_t *got,
                    struct err *e);

struct decoder {
    enum inflate_kind kind;
    step_fn *step;
    struct input_limits limits;
    const char *uri;
    const unsigned char *p; /* borrowed: compressed bytes, */
    size_t at, n;           /* of which p[at .. n) are not yet used */
    uint64_t in, out;       /* bytes used and given in all */
    bool open;              /* inside a member or frame */
    bool eof;               /* no more compressed bytes will come */
    z_stream gz;
    ZSTD_DStream *zd;
#ifdef HAVE_ISAL
    bool body; /* behind the header of a member, which zlib reads */
    struct inflate_state isal;
#endif
};

static const char *kind_name(const struct decoder *d)
{
    return d->kind == INFLATE_GZIP ? "gzip" : "zstd";
}

static int corrupt(struct decoder *d, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, "%s data of '%s' is corrupt: %s", kind_name(d),
                   d->uri, why);
}

/* zlib, until it has no input or no room left, or where flush stops it. */
static int run_zlib(struct decoder *d, void *buf, size_t n, int flush,
                    size_t *got, struct err *e)
{
    /* zlib does not write to its input, whatever its type says. */
    d->gz.next_in = (unsigned char *)(uintptr_t)d->p + d->at;
    d->gz.avail_in = (uInt)(d->n - d->at);
    d->gz.next_out = buf;
    d->gz.avail_out = n > UINT_MAX ? UINT_MAX : (uInt)n;

    uInt room = d->gz.avail_out;
    int r = inflate(&d->gz, flush);
    d->at = d->n - d->gz.avail_in;
    *got = room - d->gz.avail_out;
    if (r == Z_MEM_ERROR)
        return err_nomem(e);
    if (r == Z_STREAM_END) {
        d->open = false;
        inflateReset(&d->gz);
        return 0;
    }
    if (r != Z_OK && r != Z_BUF_ERROR)
        return corrupt(d, d->gz.msg ? d->gz.msg : zError(r), e);
    return 0;
}

static int step_zlib(struct decoder *d, void *buf, size_t n, size_t *got,
                     struct err *e)
{
    return run_zlib(d, buf, n, Z_NO_FLUSH, got, e);
}

#ifdef HAVE_ISAL

/* The header of a member, which ISA-L would not read to the letter of RFC 1952
 * where it comes in pieces. Z_BLOCK stops behind it and sets this bit. */
static int step_header(struct decoder *d, void *buf, size_t *got, struct err *e)
{
    if (run_zlib(d, buf, 0, Z_BLOCK, got, e))
        return -1;
    d->body = d->gz.data_type & 128;
    if (d->body) {
        inflateReset(&d->gz);
        isal_inflate_reset(&d->isal);
        d->isal.crc_flag = ISAL_GZIP_NO_HDR_VER; /* the trailer it checks */
    }
    return 0;
}

static const char *isal_why(int r)
{
    switch (r) {
    case ISAL_INVALID_BLOCK: return "invalid block";
    case ISAL_INVALID_SYMBOL: return "invalid code";
    case ISAL_INVALID_LOOKBACK: return "invalid distance too far back";
    case ISAL_INCORRECT_CHECKSUM: return "incorrect data check";
    default: return "invalid data";
    }
}

static int step_isal(struct decoder *d, void *buf, size_t n, size_t *got,
                     struct err *e)
{
    if (!d->body)
        return step_header(d, buf, got, e);
    d->isal.next_in = (unsigned char *)(uintptr_t)d->p + d->at;
    d->isal.avail_in = (uint32_t)(d->n - d->at);
    d->isal.next_out = buf;
    d->isal.avail_out = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;

    uint32_t room = d->isal.avail_out;
    size_t from = d->at;
    int r = isal_inflate(&d->isal);
    d->at = d->n - d->isal.avail_in;
    *got = room - d->isal.avail_out;
    if (r != ISAL_DECOMP_OK)
        return corrupt(d, isal_why(r), e);
    if (d->isal.block_state == ISAL_BLOCK_FINISH)
        d->open = d->body = false;
    else if (*got == 0 && d->at == from && from < d->n)
        return corrupt(d, "no end in sight", e);
    return 0;
}

static bool use_isal = true;

#endif

static int step_zstd(struct decoder *d, void *buf, size_t n, size_t *got,
                     struct err *e)
{
    ZSTD_inBuffer in = { d->p, d->n, d->at };
    ZSTD_outBuffer out = { buf, n, 0 };
    size_t r = ZSTD_decompressStream(d->zd, &out, &in);

    d->at = in.pos;
    *got = out.pos;
    if (ZSTD_isError(r))
        return corrupt(d, ZSTD_getErrorName(r), e);
    if (r == 0)
        d->open = false;
    return 0;
}

bool inflate_use(const char *name)
{
#ifdef HAVE_ISAL
    if (strcmp(name, "isa-l") == 0)
        return use_isal = true;
    use_isal = false;
#endif
    return strcmp(name, "zlib") == 0;
}

static bool set_up(struct decoder *d)
{
    if (d->kind == INFLATE_ZSTD) {
        d->step = step_zstd;
        return (d->zd = ZSTD_createDStream()) != NULL;
    }
    d->step = step_zlib;
#ifdef HAVE_ISAL
    if (use_isal)
        d->step = step_isal;
    isal_inflate_init(&d->isal);
#endif
    /* 16 above the window bits: gzip alone, neither zlib nor raw deflate. */
    return inflateInit2(&d->gz, MAX_WBITS + 16) == Z_OK;
}

int decoder_new(struct decoder **dp, enum inflate_kind kind,
                const struct input_limits *limits, const char *uri,
                struct err *e)
{
    struct decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return err_nomem(e);
    d->kind = kind;
    d->limits = *limits;
    d->uri = uri;
    if (!set_up(d)) {
        free(d);
        return err_nomem(e);
    }
    *dp = d;
    return 0;
}

void decoder_feed(struct decoder *d, const void *p, size_t n)
{
    d->p = p;
    d->at = 0;
    d->n = n;
    d->eof = n == 0;
}

bool decoder_done(const struct decoder *d)
{
    return d->eof && !d->open;
}

/* At the first byte of what should be a member or frame. */
static int enter(struct decoder *d, struct err *e)
{
    unsigned char c = d->p[d->at];
    /* Skippable frames start with 0x50 to 0x5f (RFC 8878, section 3.1.2). */
    bool ours =
        d->kind == INFLATE_GZIP ? c == 0x1f : c == 0x28 || (c & 0xf0) == 0x50;

    if (!ours)
        return err_set(e, ERR_DATA,
                       "trailing garbage behind the %s data of '%s'",
                       kind_name(d), d->uri);
    d->open = true;
    return 0;
}

static int check_limits(const struct decoder *d, struct err *e)
{
    const struct input_limits *l = &d->limits;

    if (l->max_bytes && d->out > l->max_bytes)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the "
                       "limit of %llu bytes",
                       d->uri, (unsigned long long)l->max_bytes);
    if (l->max_ratio && d->out > RATIO_FROM && d->out / l->max_ratio > d->in)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the "
                       "limit of %llu times its size",
                       d->uri, (unsigned long long)l->max_ratio);
    return 0;
}

/* Up to the limit bytes are given, however many are asked for at a time: the
 * byte beyond it is asked for alone. */
static size_t within_limit(const struct decoder *d, size_t n)
{
    uint64_t left = d->limits.max_bytes - d->out;
    if (!d->limits.max_bytes || n <= left)
        return n;
    return left ? (size_t)left : 1;
}

ssize_t decoder_read(struct decoder *d, void *buf, size_t n, struct err *e)
{
    n = within_limit(d, n);
    for (;;) {
        bool empty = d->at == d->n;
        if (!d->open && (empty || d->eof))
            return 0;
        if (!d->open && enter(d, e) != 0)
            return -1;

        size_t from = d->at, got = 0;
        int r = d->step(d, buf, n, &got, e);
        d->in += d->at - from;
        d->out += got;
        if (r != 0 || check_limits(d, e) != 0)
            return -1;
        if (got > 0)
            return (ssize_t)(got > SSIZE_MAX ? SSIZE_MAX : got);
        /* Nothing came out. With input left there was progress in it; without
         * any, the decoder waits for more, or has just closed its member. */
        if (d->at < d->n || !d->open)
            continue;
        if (!d->eof)
            return 0;
        return err_set(e, ERR_DATA, "%s data of '%s' is truncated",
                       kind_name(d), d->uri);
    }
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    if (d->kind == INFLATE_GZIP)
        inflateEnd(&d->gz);
    else
        ZSTD_freeDStream(d->zd);
    free(d);
}
