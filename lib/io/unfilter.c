#include "io/unfilter.h"

#include "io/libarchive.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)64 << 10)
#define RATIO_FROM ((uint64_t)1 << 20)

struct unfilter {
    const struct libarchive *api;
    struct archive *a; /* owned */
    struct input *in;  /* borrowed */
    uint64_t got, out; /* bytes of compressed and plain data */
    bool empty;        /* there is no plain data */
    struct err err;    /* of the callback, which cannot hand it on */
    char block[BLOCK];
};

bool unfilter_sniff(struct str head)
{
    if (head.n >= 6 && memcmp(head.p, "\xfd\x37zXZ\0", 6) == 0)
        return true;
    if (head.n >= 4 && memcmp(head.p, "\x04\x22\x4d\x18", 4) == 0)
        return true;
    return head.n >= 4 && memcmp(head.p, "BZh", 3) == 0 && head.p[3] >= '1' &&
           head.p[3] <= '9';
}

static int fail(struct unfilter *u, struct err *e)
{
    if (u->err.code != ERR_NONE) {
        *e = u->err;
        return -1;
    }
    const char *why = u->api->error_string(u->a);
    return err_set(e, ERR_DATA,
                   "compressed data of '%s' is truncated or corrupt: %s",
                   u->in->uri, why ? why : "it does not say why");
}

static la_ssize_t read_block(struct archive *a, void *up, const void **block)
{
    struct unfilter *u = up;
    (void)a;
    ssize_t n = input_read(u->in, u->block, BLOCK, &u->err);
    *block = u->block;
    u->got += n > 0 ? (uint64_t)n : 0;
    return n < 0 ? ARCHIVE_FATAL : n;
}

static int set_up(struct unfilter *u, struct err *e)
{
    const struct libarchive *api = u->api;
    struct archive_entry *entry;
    u->a = api->read_new();
    if (!u->a)
        return err_nomem(e);
    if (api->read_support_format_raw(u->a) != ARCHIVE_OK ||
        api->read_support_format_empty(u->a) != ARCHIVE_OK ||
        api->read_support_filter_bzip2(u->a) != ARCHIVE_OK ||
        api->read_support_filter_xz(u->a) != ARCHIVE_OK ||
        api->read_support_filter_lz4(u->a) != ARCHIVE_OK ||
        api->read_set_read_callback(u->a, read_block) != ARCHIVE_OK ||
        api->read_set_callback_data(u->a, u) != ARCHIVE_OK ||
        api->read_open1(u->a) != ARCHIVE_OK)
        return fail(u, e);
    int r = api->read_next_header(u->a, &entry);
    u->empty = r == ARCHIVE_EOF;
    if (r != ARCHIVE_OK && !u->empty)
        return fail(u, e);
    /* Of a head that is cut short it would hand out the bytes as they are. */
    if (api->filter_code(u->a, 0) == ARCHIVE_FILTER_NONE)
        return err_set(e, ERR_DATA,
                       "compressed data of '%s' is truncated or corrupt",
                       u->in->uri);
    return 0;
}

int unfilter_open(struct unfilter **up, struct input *in, struct err *e)
{
    const struct libarchive *api = libarchive(e);
    struct unfilter *u = api ? malloc(sizeof(*u)) : NULL;
    if (!u)
        return api ? err_nomem(e) : -1;
    memset(u, 0, offsetof(struct unfilter, block));
    u->api = api;
    u->in = in;
    if (set_up(u, e) != 0) {
        unfilter_close(u);
        return -1;
    }
    *up = u;
    return 0;
}

static int check_limits(const struct unfilter *u, struct err *e)
{
    const struct input_limits *l = &u->in->limits;
    if (l->max_bytes && u->out > l->max_bytes)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the limit of %llu bytes",
                       u->in->uri, (unsigned long long)l->max_bytes);
    if (l->max_ratio && u->out > RATIO_FROM && u->out / l->max_ratio > u->got)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the limit of %llu times "
                       "its size",
                       u->in->uri, (unsigned long long)l->max_ratio);
    return 0;
}

/* libarchive stops where a stream ends and no other begins. */
static int check_end(struct unfilter *u, struct err *e)
{
    ssize_t n = input_read(u->in, u->block, BLOCK, e);
    uint64_t used = (uint64_t)u->api->filter_bytes(u->a, -1);
    if (n == 0 && used == u->got)
        return 0;
    return n < 0 ? -1
                 : err_set(e, ERR_DATA,
                           "trailing garbage behind the compressed data of "
                           "'%s'",
                           u->in->uri);
}

ssize_t unfilter_read(void *up, void *buf, size_t n, struct err *e)
{
    struct unfilter *u = up;
    la_ssize_t r = u->empty ? 0 : u->api->read_data(u->a, buf, n);
    if (r < 0)
        return fail(u, e);
    u->out += (uint64_t)r;
    if (r == 0)
        return check_end(u, e);
    return check_limits(u, e) ? -1 : r;
}

void unfilter_close(struct unfilter *u)
{
    if (!u)
        return;
    if (u->a)
        (void)u->api->read_free(u->a);
    free(u);
}
