#include "report/tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 512
#define NAME_MAX_USTAR 100
#define SIZE_MAX_USTAR ((uint64_t)8 << 30)
#define PATH_MAX_BYTES 4096

/* A header: POSIX.1-2017, pax, "ustar Interchange Format". */
struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], check[8];
    char type, link[100], magic[6], version[2], user[32], group[32];
    char major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a header is one block");

/* ---- writing */

static void octal(char *to, size_t n, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%0*" PRIo64, (int)n - 1, value);
    memcpy(to, text, n);
}

static unsigned checksum(const struct ustar *h)
{
    const unsigned char *p = (const unsigned char *)h;
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : p[i];
    return sum;
}

static int put_header(struct pack *p, char type, struct str name,
                      const struct tar_entry *entry, uint64_t size,
                      struct err *e)
{
    struct ustar h = { .type = type };
    char sum[16];
    memcpy(h.name, name.p, name.n < sizeof(h.name) ? name.n : sizeof(h.name));
    octal(h.mode, sizeof(h.mode), entry->mode & 07777);
    octal(h.uid, sizeof(h.uid), 0);
    octal(h.gid, sizeof(h.gid), 0);
    octal(h.size, sizeof(h.size), size < SIZE_MAX_USTAR ? size : 0);
    octal(h.mtime, sizeof(h.mtime),
          entry->mtime > 0 ? (uint64_t)entry->mtime & 077777777777 : 0);
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    snprintf(sum, sizeof(sum), "%06o", checksum(&h) & 0777777);
    memcpy(h.check, sum, 7);
    h.check[7] = ' ';
    return pack_write(p, (struct str){ (const char *)&h, BLOCK }, e);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static void pax_record(struct buf *b, const char *key, struct str value)
{
    size_t n = strlen(key) + value.n + 3, digits = 1;
    for (size_t power = 10; n + digits >= power; power *= 10)
        digits++;
    buf_addf(b, "%zu %s=", n + digits, key);
    buf_add_str(b, value);
    buf_addc(b, '\n');
}

int tar_header(struct pack *p, const struct tar_entry *entry, struct err *e)
{
    struct buf pax = { .max = 2 * PATH_MAX_BYTES };
    char size[32];
    int r = 0;
    snprintf(size, sizeof(size), "%" PRIu64, entry->size);
    if (entry->path.n > NAME_MAX_USTAR)
        pax_record(&pax, "path", entry->path);
    if (entry->size >= SIZE_MAX_USTAR)
        pax_record(&pax, "size", str_of(size));
    if (pax.failed)
        r = err_nomem(e);
    else if (pax.n)
        r = put_header(p, 'x', STR("pax"), entry, pax.n, e) ||
                    pack_write(p, buf_str(&pax), e) || tar_pad(p, pax.n, e)
                ? -1
                : 0;
    buf_free(&pax);
    return r ? -1 : put_header(p, '0', entry->path, entry, entry->size, e);
}

int tar_pad(struct pack *p, uint64_t size, struct err *e)
{
    static const char zeros[BLOCK];
    size_t n = (BLOCK - (size_t)(size % BLOCK)) % BLOCK;
    return n ? pack_write(p, (struct str){ zeros, n }, e) : 0;
}

int tar_end(struct pack *p, struct err *e)
{
    static const char zeros[2 * BLOCK];
    return pack_write(p, (struct str){ zeros, sizeof(zeros) }, e);
}

/* ---- reading */

static int damaged(const struct tar_reader *t, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, "'%s' is no whole backup: %s",
                   input_name(t->in), why);
}

static int read_all(struct tar_reader *t, char *to, size_t n, struct err *e)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = input_read(t->in, to + got, n - got, e);
        if (r < 0)
            return -1;
        if (r == 0)
            return damaged(t, "it is cut off", e);
        got += (size_t)r;
    }
    return 0;
}

static int skip(struct tar_reader *t, struct err *e)
{
    char block[8192];
    uint64_t n = t->left + t->pad;
    while (n) {
        size_t part = n < sizeof(block) ? (size_t)n : sizeof(block);
        if (read_all(t, block, part, e))
            return -1;
        n -= part;
    }
    t->left = t->pad = 0;
    return 0;
}

static bool parse_octal(const char *p, size_t n, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < n && p[i] && p[i] != ' '; i++) {
        if (p[i] < '0' || p[i] > '7')
            return false;
        *value = *value * 8 + (uint64_t)(p[i] - '0');
    }
    return true;
}

static void begin(struct tar_reader *t, uint64_t size)
{
    t->left = size;
    t->pad = (unsigned)((BLOCK - size % BLOCK) % BLOCK);
}

/* Records of a pax header: the path and the size are of interest. */
static int read_pax(struct tar_reader *t, uint64_t *size, bool *has_size,
                    struct err *e)
{
    struct buf text = { .max = 2 * PATH_MAX_BYTES };
    if (t->left > text.max || buf_reserve(&text, (size_t)t->left))
        return damaged(t, "a header is too long", e);
    text.n = (size_t)t->left;
    t->left = 0;
    int r = read_all(t, text.p, text.n, e) || skip(t, e) ? -1 : 0;
    struct str rest = buf_str(&text);
    while (r == 0 && rest.n) {
        size_t n = 0, i = 0;
        for (; i < rest.n && rest.p[i] >= '0' && rest.p[i] <= '9' && n < 65536;
             i++)
            n = n * 10 + (size_t)(rest.p[i] - '0');
        if (n <= i + 2 || n > rest.n || rest.p[i] != ' ') {
            r = damaged(t, "a header makes no sense", e);
            break;
        }
        struct str record = { rest.p + i + 1, n - i - 2 };
        if (record.n > 5 && memcmp(record.p, "path=", 5) == 0) {
            buf_reset(&t->path);
            buf_add(&t->path, record.p + 5, record.n - 5);
        } else if (record.n > 5 && memcmp(record.p, "size=", 5) == 0) {
            char digits[32] = "";
            memcpy(digits, record.p + 5, record.n - 5 < 31 ? record.n - 5 : 31);
            *size = strtoull(digits, NULL, 10);
            *has_size = true;
        }
        rest.p += n;
        rest.n -= n;
    }
    buf_free(&text);
    return r;
}

/* A backup that was tampered with must not write elsewhere. */
static bool is_safe(struct str path)
{
    if (path.n == 0 || path.n > PATH_MAX_BYTES || *path.p == '/' ||
        memchr(path.p, 0, path.n))
        return false;
    while (path.n) {
        const char *slash = memchr(path.p, '/', path.n);
        size_t n = slash ? (size_t)(slash - path.p) : path.n;
        if (n == 0 || (n == 1 && *path.p == '.') ||
            (n == 2 && memcmp(path.p, "..", 2) == 0))
            return false;
        path.p += n + (slash != NULL);
        path.n -= n + (slash != NULL);
        if (slash && path.n == 0)
            return false;
    }
    return true;
}

int tar_next(struct tar_reader *t, struct tar_entry *entry, struct err *e)
{
    struct ustar h;
    uint64_t size, mode, mtime, sum, long_size = 0;
    bool has_size = false;
    buf_reset(&t->path);
    for (;;) {
        if (skip(t, e) || read_all(t, (char *)&h, BLOCK, e))
            return -1;
        if (h.name[0] == 0 && checksum(&h) == 8 * ' ')
            return 0;
        if (!parse_octal(h.check, sizeof(h.check), &sum) ||
            sum != checksum(&h) ||
            !parse_octal(h.size, sizeof(h.size), &size) ||
            !parse_octal(h.mode, sizeof(h.mode), &mode) ||
            !parse_octal(h.mtime, sizeof(h.mtime), &mtime))
            return damaged(t, "a header makes no sense", e);
        begin(t, size);
        if (h.type == 'x') {
            if (read_pax(t, &long_size, &has_size, e))
                return -1;
            continue;
        }
        if (h.type != '0')
            return damaged(t, "it holds what is no file", e);
        break;
    }
    if (has_size)
        begin(t, long_size);
    if (t->path.n == 0)
        buf_add(&t->path, h.name, strnlen(h.name, sizeof(h.name)));
    if (!buf_z(&t->path))
        return err_nomem(e);
    if (!is_safe(buf_str(&t->path)))
        return damaged(t, "a name leads elsewhere", e);
    *entry = (struct tar_entry){ .path = buf_str(&t->path),
                                 .size = t->left,
                                 .mode = (unsigned)mode & 07777,
                                 .mtime = (int64_t)mtime };
    return 1;
}

ssize_t tar_read(struct tar_reader *t, void *to, size_t n, struct err *e)
{
    if (t->left == 0)
        return 0;
    ssize_t r = input_read(t->in, to, n < t->left ? n : (size_t)t->left, e);
    if (r == 0)
        return damaged(t, "it is cut off", e);
    if (r > 0)
        t->left -= (uint64_t)r;
    return r;
}

void tar_free(struct tar_reader *t)
{
    buf_free(&t->path);
}
