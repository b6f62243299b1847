#include "mq/journal.h"

#include "base/buf.h"
#include "base/hash.h"
#include "io/filelock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_BYTES ((uint64_t)16 << 20) /* then another one is begun */
#define FRESH_BYTES ((uint64_t)1 << 20) /* and where all of it is committed */
#define FRAME_MAX ((size_t)1 << 30)
#define MAGIC 0x316d4a70u /* "pJm1" */
#define SUFFIX ".journal"
#define LOCK_MS 500
#define NAME_MAX_BYTES 4096

/* As it is on disk, in the order of this machine's bytes. */
struct frame {
    uint32_t magic;
    uint32_t bytes; /* of the body: for each entry its size (u32) and itself */
    uint64_t first;
    uint64_t count;
    uint64_t hash; /* of what is before it here, and the body */
};

struct segment {
    uint64_t first; /* number of its first entry, also where there is none */
    uint64_t bytes;
};

struct journal {
    char *dir;
    int dir_fd, lock_fd;
    int fd; /* of the last segment, for writing */
    char id[JOURNAL_ID];
    struct segment *segments; /* by number */
    size_t n;
    uint64_t last, torn;
    struct buf frame; /* being filled */
    uint64_t count;   /* entries in it */
    /* Reading. */
    int read_fd; /* -1: none is open */
    size_t read_segment;
    uint64_t read_offset;
    struct buf body;
    size_t at;     /* within body */
    uint64_t next; /* number of the entry there */
    uint64_t left; /* entries in body from there on */
};

static int failed(const struct journal *j, const char *what, struct err *e)
{
    return err_sys(e, ERR_IO, errno, "cannot %s journal '%s'", what, j->dir);
}

static int damaged(const struct journal *j, uint64_t first, uint64_t offset,
                   struct err *e)
{
    return err_set(e, ERR_DATA,
                   "journal '%s' is damaged at byte %" PRIu64
                   " of %020" PRIu64 SUFFIX,
                   j->dir, offset, first);
}

/* ---- files ---- */

static void segment_name(uint64_t first, char name[64])
{
    snprintf(name, 64, "%020" PRIu64 SUFFIX, first);
}

static int open_segment(const struct journal *j, uint64_t first, int flags)
{
    char name[64];
    segment_name(first, name);
    return openat(j->dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* All n bytes: 0; 1 where the file ends before; -1. */
static int read_at(int fd, void *to, size_t n, uint64_t offset)
{
    for (size_t done = 0; done < n;) {
        ssize_t r =
            pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -1 : 1;
        done += (size_t)r;
    }
    return 0;
}

static int write_at(int fd, const void *from, size_t n, uint64_t offset)
{
    for (size_t done = 0; done < n;) {
        ssize_t r = pwrite(fd, (const char *)from + done, n - done,
                           (off_t)(offset + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        done += (size_t)r;
    }
    return 0;
}

static uint64_t hash_frame(const struct frame *f, const char *body)
{
    struct hash128 h = hash128((struct str){ body, f->bytes });
    uint64_t all[5] = { (uint64_t)f->magic << 32 | f->bytes, f->first, f->count,
                        h.lo, h.hi };
    return hash64((struct str){ (const char *)all, sizeof(all) });
}

/* Reads the frame at offset into body: 1; 0 where there is none, or not all of
 * it; -1. */
static int read_frame(int fd, uint64_t offset, struct frame *f,
                      struct buf *body, struct err *e)
{
    int r = read_at(fd, f, sizeof(*f), offset);
    if (r == 0 && (f->magic != MAGIC || f->bytes > FRAME_MAX))
        return 0;
    buf_reset(body);
    if (r == 0 && buf_reserve(body, f->bytes + 1))
        return err_nomem(e);
    if (r == 0) {
        r = read_at(fd, body->p, f->bytes, offset + sizeof(*f));
        body->n = f->bytes;
    }
    if (r < 0)
        return err_sys(e, ERR_IO, errno, "cannot read a journal");
    return r == 0 && hash_frame(f, body->p) == f->hash;
}

/* ---- open ---- */

static int make_folder(const char *dir, struct err *e)
{
    char path[4096];
    size_t n = strlen(dir);
    if (n >= sizeof(path))
        return err_set(e, ERR_CONFIG, "path '%.100s...' is too long", dir);
    for (size_t i = 1; i <= n; i++) {
        if (dir[i] && dir[i] != '/')
            continue;
        memcpy(path, dir, i);
        path[i] = '\0';
        if (mkdir(path, 0700) && errno != EEXIST)
            return err_sys(e, ERR_CANTCREAT, errno, "cannot make folder '%s'",
                           path);
    }
    return 0;
}

/* The file `lock` is locked, and has the journal's id and name in it. */
static int make_identity(struct journal *j, const char *name, struct err *e)
{
    struct hash128 h;
    struct buf text = { .max = NAME_MAX_BYTES + 64 };
    if (getrandom(&h, sizeof(h), 0) != sizeof(h))
        return failed(j, "find an id for", e);
    hash128_hex(h, j->id);
    buf_addf(&text, "%s %s\n", j->id, name);
    int r = text.failed ? err_nomem(e) : 0;
    if (r == 0 && (write_at(j->lock_fd, text.p, text.n, 0) ||
                   fsync(j->lock_fd) || fsync(j->dir_fd)))
        r = failed(j, "make", e);
    buf_free(&text);
    return r;
}

static int check_identity(struct journal *j, const char *name, struct err *e)
{
    char text[NAME_MAX_BYTES + 64];
    ssize_t n = pread(j->lock_fd, text, sizeof(text) - 1, 0);
    if (n < 0)
        return failed(j, "read", e);
    text[n] = '\0';
    /* Torn while it was made: nothing is in it. */
    if (n < JOURNAL_ID + 1 || text[n - 1] != '\n')
        return make_identity(j, name, e);
    text[n - 1] = '\0';
    memcpy(j->id, text, JOURNAL_ID - 1);
    if (strcmp(text + JOURNAL_ID, name) != 0)
        return err_set(e, ERR_CONFIG, "journal '%s' is of '%s'", j->dir,
                       text + JOURNAL_ID);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct segment *s = a, *t = b;
    return s->first < t->first ? -1 : s->first > t->first;
}

static int add_segment(struct journal *j, uint64_t first, uint64_t bytes,
                       struct err *e)
{
    struct segment *more = realloc(j->segments, (j->n + 1) * sizeof(*more));
    if (!more)
        return err_nomem(e);
    j->segments = more;
    j->segments[j->n++] = (struct segment){ first, bytes };
    return 0;
}

static int find_segments(struct journal *j, struct err *e)
{
    DIR *d = opendir(j->dir);
    int r = d ? 0 : failed(j, "read", e);
    for (struct dirent *f; r == 0 && (f = readdir(d));) {
        char *end;
        struct stat st;
        if (*f->d_name < '0' || *f->d_name > '9')
            continue;
        uint64_t first = strtoull(f->d_name, &end, 10);
        if (strcmp(end, SUFFIX) != 0)
            continue;
        r = fstatat(j->dir_fd, f->d_name, &st, AT_SYMLINK_NOFOLLOW)
                ? failed(j, "read", e)
                : add_segment(j, first, (uint64_t)st.st_size, e);
    }
    if (d)
        closedir(d);
    if (j->n)
        qsort(j->segments, j->n, sizeof(*j->segments), by_number);
    return r;
}

static int begin_segment(struct journal *j, struct err *e)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = open_segment(j, j->last + 1, O_RDWR | O_CREAT | O_EXCL);
    if (j->fd < 0 || fsync(j->dir_fd))
        return failed(j, "write", e);
    return add_segment(j, j->last + 1, 0, e);
}

/* Is there a whole frame anywhere behind offset? 1, 0, -1. */
static int find_frame(struct journal *j, uint64_t offset, uint64_t bytes,
                      struct err *e)
{
    char block[65536];
    const uint32_t magic = MAGIC;
    for (uint64_t from = offset; from + sizeof(struct frame) <= bytes;
         from += sizeof(block) - sizeof(magic) + 1) {
        size_t n = bytes - from < sizeof(block) ? (size_t)(bytes - from)
                                                : sizeof(block);
        if (read_at(j->fd, block, n, from) < 0)
            return failed(j, "read", e);
        const char *p = block, *end = block + n;
        while ((p = memmem(p, (size_t)(end - p), &magic, sizeof(magic)))) {
            struct frame f;
            int r = read_frame(j->fd, from + (uint64_t)(p - block), &f,
                               &j->body, e);
            if (r)
                return r;
            p++;
        }
    }
    return 0;
}

/* Finds the end of the last segment, and cuts off what is torn. */
static int find_end(struct journal *j, struct err *e)
{
    struct segment *s = &j->segments[j->n - 1];
    struct frame f;
    uint64_t offset = 0;
    int r;
    j->last = s->first - 1;
    j->fd = open_segment(j, s->first, O_RDWR);
    if (j->fd < 0)
        return failed(j, "open", e);
    while ((r = read_frame(j->fd, offset, &f, &j->body, e)) > 0) {
        if (f.first != j->last + 1)
            return damaged(j, s->first, offset, e);
        j->last += f.count;
        offset += sizeof(f) + f.bytes;
    }
    if (r < 0 || offset == s->bytes)
        return r;
    r = find_frame(j, offset + 1, s->bytes, e);
    if (r)
        return r < 0 ? -1 : damaged(j, s->first, offset, e);
    if (ftruncate(j->fd, (off_t)offset) || fsync(j->fd))
        return failed(j, "mend", e);
    j->torn = s->bytes - offset;
    s->bytes = offset;
    return 0;
}

static int start(struct journal *j, const char *name, struct err *e)
{
    if (make_folder(j->dir, e))
        return -1;
    j->dir_fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->dir_fd >= 0)
        j->lock_fd = openat(j->dir_fd, "lock",
                            O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (j->lock_fd < 0)
        return failed(j, "open", e);
    if (filelock_wait(j->lock_fd, j->dir, LOCK_MS, e) ||
        check_identity(j, name, e) || find_segments(j, e))
        return -1;
    return j->n ? find_end(j, e) : begin_segment(j, e);
}

int journal_open(struct journal **jp, const char *dir, const char *name,
                 struct err *e)
{
    if (strlen(name) >= NAME_MAX_BYTES || strchr(name, '\n'))
        return err_set(e, ERR_USAGE, "'%.100s...' is too long a name", name);
    struct journal *j = calloc(1, sizeof(*j));
    if (!j)
        return err_nomem(e);
    j->dir_fd = j->lock_fd = j->fd = j->read_fd = -1;
    j->frame.max = j->body.max = FRAME_MAX + sizeof(struct frame);
    j->dir = strdup(dir);
    if (!j->dir ? err_nomem(e) : start(j, name, e)) {
        journal_close(j);
        return -1;
    }
    *jp = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    const int fds[] = { j->read_fd, j->fd, j->lock_fd, j->dir_fd };
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    buf_free(&j->frame);
    buf_free(&j->body);
    free(j->segments);
    free(j->dir);
    free(j);
}

const char *journal_id(const struct journal *j)
{
    return j->id;
}

uint64_t journal_torn(const struct journal *j)
{
    return j->torn;
}

uint64_t journal_last(const struct journal *j)
{
    return j->last;
}

int journal_skip(struct journal *j, uint64_t number, struct err *e)
{
    if (number <= j->last)
        return 0;
    j->last = number;
    return begin_segment(j, e);
}

/* ---- writing ---- */

int journal_add(struct journal *j, const struct str *parts, size_t n,
                uint64_t *number, struct err *e)
{
    size_t bytes = 0, was = j->frame.n;
    for (size_t i = 0; i < n; i++)
        bytes += parts[i].n;
    uint32_t size = (uint32_t)bytes;
    if (bytes > FRAME_MAX)
        return err_set(e, ERR_DATA, "a message of %zu bytes is too long",
                       bytes);
    if (was == 0)
        buf_add(&j->frame, &(struct frame){ 0 }, sizeof(struct frame));
    buf_add(&j->frame, &size, sizeof(size));
    for (size_t i = 0; i < n; i++)
        buf_add_str(&j->frame, parts[i]);
    if (j->frame.failed) {
        j->frame.failed = false;
        j->frame.n = was;
        return err_nomem(e);
    }
    *number = j->last + ++j->count;
    return 0;
}

int journal_sync(struct journal *j, struct err *e)
{
    if (j->count == 0)
        return 0;
    if (j->segments[j->n - 1].bytes >= SEGMENT_BYTES && begin_segment(j, e))
        return -1;
    struct segment *s = &j->segments[j->n - 1];
    struct frame f = { .magic = MAGIC,
                       .bytes = (uint32_t)(j->frame.n - sizeof(f)),
                       .first = j->last + 1,
                       .count = j->count };
    f.hash = hash_frame(&f, j->frame.p + sizeof(f));
    memcpy(j->frame.p, &f, sizeof(f));
    int r = 0;
    if (write_at(j->fd, j->frame.p, j->frame.n, s->bytes) || fdatasync(j->fd)) {
        r = failed(j, "write", e);
        /* What is left of it where this fails too is torn: as after a crash. */
        if (ftruncate(j->fd, (off_t)s->bytes))
            (void)fsync(j->fd);
    } else {
        s->bytes += j->frame.n;
        j->last += j->count;
    }
    buf_reset(&j->frame);
    j->count = 0;
    return r;
}

/* ---- reading ---- */

/* The segment that has the entry behind `after`, or would have it. */
static int seek(struct journal *j, uint64_t after, struct err *e)
{
    size_t i = 0;
    while (i + 1 < j->n && j->segments[i + 1].first <= after + 1)
        i++;
    if (j->read_fd >= 0)
        close(j->read_fd);
    j->read_segment = i;
    j->read_offset = j->left = 0;
    j->next = j->segments[i].first;
    j->read_fd = open_segment(j, j->next, O_RDONLY);
    return j->read_fd < 0 ? failed(j, "read", e) : 0;
}

/* The next frame: 1, 0, -1. */
static int fetch(struct journal *j, struct err *e)
{
    const struct segment *s = &j->segments[j->read_segment];
    struct frame f;
    if (j->read_offset >= s->bytes) {
        if (j->read_segment + 1 == j->n)
            return 0;
        return seek(j, s[1].first - 1, e) ? -1 : fetch(j, e);
    }
    int r = read_frame(j->read_fd, j->read_offset, &f, &j->body, e);
    if (r < 0)
        return -1;
    if (r == 0 || f.first != j->next)
        return damaged(j, s->first, j->read_offset, e);
    j->read_offset += sizeof(f) + f.bytes;
    j->left = f.count;
    j->at = 0;
    return 1;
}

int journal_next(struct journal *j, uint64_t after, uint64_t *number,
                 struct str *entry, struct err *e)
{
    if ((j->read_fd < 0 || after + 1 < j->next) && seek(j, after, e))
        return -1;
    for (;;) {
        if (j->left == 0) {
            int r = fetch(j, e);
            if (r <= 0)
                return r;
            continue;
        }
        uint32_t size;
        if (j->body.n - j->at < sizeof(size))
            return damaged(j, j->segments[j->read_segment].first,
                           j->read_offset, e);
        memcpy(&size, j->body.p + j->at, sizeof(size));
        j->at += sizeof(size);
        if (j->body.n - j->at < size)
            return damaged(j, j->segments[j->read_segment].first,
                           j->read_offset, e);
        *entry = (struct str){ j->body.p + j->at, size };
        j->at += size;
        j->left--;
        *number = j->next++;
        if (*number > after)
            return 1;
    }
}

/* ---- forgetting ---- */

int journal_forget(struct journal *j, uint64_t number, struct err *e)
{
    size_t gone = 0;
    if (number >= j->last && j->segments[j->n - 1].bytes >= FRESH_BYTES &&
        begin_segment(j, e))
        return -1;
    while (gone + 1 < j->n && j->segments[gone + 1].first <= number + 1) {
        char name[64];
        segment_name(j->segments[gone].first, name);
        if (unlinkat(j->dir_fd, name, 0) && errno != ENOENT)
            return failed(j, "clear", e);
        gone++;
    }
    if (gone == 0)
        return 0;
    j->n -= gone;
    memmove(j->segments, j->segments + gone, j->n * sizeof(*j->segments));
    if (j->read_segment >= gone)
        j->read_segment -= gone;
    else if (j->read_fd >= 0) {
        close(j->read_fd);
        j->read_fd = -1;
    }
    return 0;
}
