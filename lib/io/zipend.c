#include "io/zipend.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END 22        /* bytes of the record, without its comment */
#define LOCATOR 20    /* of the zip64 record, right before it */
#define END64 56      /* the zip64 record, without what may extend it */
#define COMMENT 65535 /* at most */
#define TAIL (LOCATOR + END + COMMENT)

/* What the records say of the directory. */
struct directory {
    uint64_t entries, size, offset;
    uint64_t end; /* where what stands behind it begins */
};

static uint64_t number(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static int read_at(int fd, void *buf, size_t n, uint64_t at, const char *uri,
                   struct err *e)
{
    char *p = buf;
    while (n > 0) {
        ssize_t r = pread(fd, p, n, (off_t)at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_sys(e, ERR_IO, errno, "cannot read '%s'", uri);
        if (r == 0)
            return err_set(e, ERR_DATA, "archive '%s' was cut while it is read",
                           uri);
        p += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return 0;
}

/* The record whose comment ends with the file; NULL where there is none. */
static const unsigned char *find_end(const unsigned char *tail, size_t n)
{
    for (size_t comment = 0; comment <= COMMENT && comment + END <= n;
         comment++) {
        const unsigned char *p = tail + n - comment - END;
        if (memcmp(p, "PK\5\6", 4) == 0 && number(p + 20, 2) == comment)
            return p;
    }
    return NULL;
}

/* Takes the zip64 record in place of d. 0 or -1. */
static int read_zip64(int fd, const unsigned char *locator, uint64_t size,
                      struct directory *d, const char *uri, struct err *e)
{
    unsigned char record[END64];
    uint64_t at = number(locator + 8, 8);
    if (at > size || size - at < END64)
        return err_set(e, ERR_DATA,
                       "archive '%s' is truncated or corrupt: its zip64 record "
                       "is not where it should be",
                       uri);
    if (read_at(fd, record, END64, at, uri, e) != 0)
        return -1;
    if (memcmp(record, "PK\6\6", 4) != 0)
        return err_set(e, ERR_DATA,
                       "archive '%s' is truncated or corrupt: its zip64 record "
                       "is none",
                       uri);
    *d = (struct directory){ .entries = number(record + 32, 8),
                             .size = number(record + 40, 8),
                             .offset = number(record + 48, 8),
                             .end = at };
    return 0;
}

static int check_tail(int fd, const unsigned char *tail, size_t n,
                      uint64_t size, struct directory *d, const char *uri,
                      struct err *e)
{
    const unsigned char *p = find_end(tail, n);
    if (!p)
        return err_set(e, ERR_DATA,
                       "archive '%s' is truncated: it has no directory at its "
                       "end",
                       uri);
    *d = (struct directory){ .entries = number(p + 10, 2),
                             .size = number(p + 12, 4),
                             .offset = number(p + 16, 4),
                             .end = size - (uint64_t)(tail + n - p) };
    const unsigned char *locator = p - LOCATOR;
    if (p - tail >= LOCATOR && memcmp(locator, "PK\6\7", 4) == 0)
        return read_zip64(fd, locator, size, d, uri, e);
    return 0;
}

int zipend_check(int fd, uint64_t size, const char *uri, uint64_t *entries,
                 struct err *e)
{
    size_t n = size < TAIL ? (size_t)size : TAIL;
    unsigned char *tail = malloc(n ? n : 1);
    struct directory d = { 0 };
    if (!tail)
        return err_nomem(e);
    int r = read_at(fd, tail, n, size - n, uri, e);
    if (r == 0)
        r = check_tail(fd, tail, n, size, &d, uri, e);
    free(tail);
    if (r)
        return -1;
    if (d.size > d.end || d.offset != d.end - d.size)
        return err_set(e, ERR_DATA,
                       "archive '%s' is truncated or corrupt: its directory is "
                       "not where it should be",
                       uri);
    *entries = d.entries;
    return 0;
}
