#include "table/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_LEAST ((size_t)4 << 10)
#define BLOCK_MOST ((size_t)256 << 10)
#define SPILL_LEAST 16

/* What stands before each item in the file, 12 bytes. */
struct head {
    uint64_t number;
    uint32_t length;
} __attribute__((packed));

int spill_init(struct spill *p, size_t memory, const char *dir, struct err *e)
{
    size_t share = memory / 8;
    unsigned n = SPILL_MOST;
    while (n > SPILL_LEAST && share / n < 4 * BLOCK_LEAST)
        n /= 2;
    size_t block = share / n / BLOCK_LEAST * BLOCK_LEAST;
    if (block < BLOCK_LEAST)
        block = BLOCK_LEAST;
    *p = (struct spill){ .n = n, .dir = dir };
    p->block = block > BLOCK_MOST ? BLOCK_MOST : block;
    p->v = calloc(n, sizeof(*p->v));
    p->heap = calloc(n, sizeof(*p->heap));
    if (!p->v || !p->heap) {
        free(p->v);
        free(p->heap);
        *p = (struct spill){ 0 };
        return err_nomem(e);
    }
    for (unsigned i = 0; i < n; i++)
        p->v[i].fd = -1;
    return 0;
}

unsigned spill_part_of(const struct spill *p, uint64_t hash, unsigned level)
{
    return (unsigned)(hash >> (level * 7)) & (p->n - 1);
}

/* ---- files ---- */

/* For file systems without O_TMPFILE: a name that lives for two calls. */
static int open_named(const char *dir)
{
    struct buf path = { .max = 4096 };
    buf_addf(&path, "%s/pipe-spool-XXXXXX", dir);
    char *name = buf_z(&path) ? path.p : NULL;
    int fd = name ? mkostemp(name, O_CLOEXEC) : -1;
    if (!name)
        errno = ENAMETOOLONG;
    else if (fd >= 0)
        unlink(name);
    int errnum = errno;
    buf_free(&path);
    errno = errnum;
    return fd;
}

int spill_file(const char *dir, struct err *e)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        fd = open_named(dir);
    if (fd < 0)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot create a temporary file in '%s'", dir);
    return fd;
}

static int write_all(const struct spill *p, int fd, const char *s, size_t n,
                     struct err *e)
{
    while (n) {
        ssize_t r = write(fd, s, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_sys(e, ERR_IO, errno,
                           "cannot write a temporary file in '%s'", p->dir);
        s += r;
        n -= (size_t)r;
    }
    return 0;
}

static int flush(struct spill *p, struct spill_part *t, struct err *e)
{
    if (t->n && write_all(p, t->fd, t->block, t->n, e))
        return -1;
    t->n = 0;
    return 0;
}

/* ---- writing ---- */

static int block_of(const struct spill *p, struct spill_part *t, struct err *e)
{
    if (t->block)
        return 0;
    t->block = malloc(p->block);
    if (!t->block)
        return err_nomem(e);
    t->cap = p->block;
    return 0;
}

static int open_part(struct spill *p, struct spill_part *t, struct err *e)
{
    if (block_of(p, t, e))
        return -1;
    t->fd = spill_file(p->dir, e);
    return t->fd < 0 ? -1 : 0;
}

int spill_add(struct spill *p, unsigned i, uint64_t number, struct str item,
              struct err *e)
{
    struct spill_part *t = &p->v[i];
    if (item.n > UINT32_MAX)
        return err_set(e, ERR_CONFIG,
                       "cannot set more than 4 GiB aside in one piece");
    struct head h = { number, (uint32_t)item.n };
    size_t all = sizeof(h) + item.n;
    if (t->fd < 0 && open_part(p, t, e))
        return -1;
    if (t->cap - t->n < all && flush(p, t, e))
        return -1;
    t->bytes += all;
    t->items++;
    if (t->cap < all)
        return write_all(p, t->fd, (const char *)&h, sizeof(h), e) ||
                       write_all(p, t->fd, item.p, item.n, e)
                   ? -1
                   : 0;
    memcpy(t->block + t->n, &h, sizeof(h));
    memcpy(t->block + t->n + sizeof(h), item.p, item.n);
    t->n += all;
    return 0;
}

int spill_seal(struct spill *p, struct err *e)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct spill_part *t = &p->v[i];
        if (t->fd < 0 || t->reading)
            continue;
        if (flush(p, t, e))
            return -1;
        free(t->block);
        t->block = NULL;
        t->cap = 0;
    }
    return 0;
}

/* ---- reading ---- */

int spill_rewind(struct spill *p, unsigned i, struct err *e)
{
    struct spill_part *t = &p->v[i];
    if (t->fd < 0)
        return 0;
    if (!t->reading && flush(p, t, e))
        return -1;
    if (block_of(p, t, e))
        return -1;
    t->reading = true;
    t->n = 0;
    if (lseek(t->fd, 0, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, errno,
                       "cannot rewind a temporary file in '%s'", p->dir);
    t->taken = 0;
    t->left = t->bytes;
    return 0;
}

/* Has at least n bytes in the block. */
static int fill(struct spill *p, struct spill_part *t, size_t n, struct err *e)
{
    if (t->n - t->taken >= n)
        return 0;
    memmove(t->block, t->block + t->taken, t->n - t->taken);
    t->n -= t->taken;
    t->taken = 0;
    if (t->cap < n) {
        char *grown = realloc(t->block, n);
        if (!grown)
            return err_nomem(e);
        t->block = grown;
        t->cap = n;
    }
    while (t->n < n) {
        ssize_t got = read(t->fd, t->block + t->n, t->cap - t->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, ERR_IO, errno,
                           "cannot read a temporary file in '%s'", p->dir);
        if (got == 0)
            return err_set(e, ERR_IO, "a temporary file in '%s' is cut short",
                           p->dir);
        t->n += (size_t)got;
        t->left -= (uint64_t)got;
    }
    return 0;
}

int spill_next(struct spill *p, unsigned i, uint64_t *number, struct str *item,
               struct err *e)
{
    struct spill_part *t = &p->v[i];
    struct head h;
    if (t->fd < 0 || (t->left == 0 && t->n == t->taken))
        return 0;
    if (fill(p, t, sizeof(h), e))
        return -1;
    memcpy(&h, t->block + t->taken, sizeof(h));
    if (fill(p, t, sizeof(h) + h.length, e))
        return -1;
    *number = h.number;
    *item = (struct str){ t->block + t->taken + sizeof(h), h.length };
    t->taken += sizeof(h) + h.length;
    return 1;
}

/* ---- all parts in order: a heap of those that have more ---- */

static bool before(const struct spill *p, unsigned a, unsigned b)
{
    const struct spill_part *x = &p->v[p->heap[a]], *y = &p->v[p->heap[b]];
    int c = p->cmp ? p->cmp(p->ctx, x->item, y->item) : 0;
    return c ? c < 0 : x->number < y->number;
}

static void sift(struct spill *p, unsigned at)
{
    for (;;) {
        unsigned least = at, child = 2 * at + 1;
        if (child < p->in_heap && before(p, child, least))
            least = child;
        if (child + 1 < p->in_heap && before(p, child + 1, least))
            least = child + 1;
        if (least == at)
            return;
        unsigned other = p->heap[at];
        p->heap[at] = p->heap[least];
        p->heap[least] = other;
        at = least;
    }
}

static int begin_merge(struct spill *p, struct err *e)
{
    p->merging = true;
    p->in_heap = 0;
    for (unsigned i = 0; i < p->n; i++) {
        struct spill_part *t = &p->v[i];
        if (spill_rewind(p, i, e))
            return -1;
        int r = spill_next(p, i, &t->number, &t->item, e);
        if (r < 0)
            return -1;
        if (r)
            p->heap[p->in_heap++] = i;
    }
    for (unsigned at = p->in_heap / 2; at-- > 0;)
        sift(p, at);
    return 0;
}

int spill_merge(struct spill *p, uint64_t *number, struct str *item,
                struct err *e)
{
    if (!p->merging) {
        if (begin_merge(p, e))
            return -1;
    } else if (p->in_heap) {
        struct spill_part *t = &p->v[p->heap[0]];
        int r = spill_next(p, p->heap[0], &t->number, &t->item, e);
        if (r < 0)
            return -1;
        if (r == 0)
            p->heap[0] = p->heap[--p->in_heap];
        sift(p, 0);
    }
    if (!p->in_heap)
        return 0;
    *number = p->v[p->heap[0]].number;
    *item = p->v[p->heap[0]].item;
    return 1;
}

/* ---- the end ---- */

void spill_drop(struct spill *p, unsigned i)
{
    if (p->v[i].fd >= 0)
        close(p->v[i].fd);
    free(p->v[i].block);
    p->v[i] = (struct spill_part){ .fd = -1 };
}

uint64_t spill_bytes(const struct spill *p)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < p->n; i++)
        n += p->v[i].bytes;
    return n;
}

void spill_free(struct spill *p)
{
    for (unsigned i = 0; i < p->n; i++)
        spill_drop(p, i);
    free(p->v);
    free(p->heap);
    *p = (struct spill){ 0 };
}
