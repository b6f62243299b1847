#include "sink/file.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MAX_PARTS 200            /* files open at once */
#define PARTS_MAX 100000              /* partitions of one load */
#define BLOCK_ONE ((size_t)256 << 10) /* written at a time: a single file, */
#define BLOCK_MANY ((size_t)64 << 10) /* or one of many */

void parts_free(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        pack_free(p->v[i].pack);
        free(p->v[i].dir);
    }
    free(p->v);
    free(p->slots);
    *p = (struct parts){ 0 };
}

/* ---- finding */

static uint32_t *slot_of(struct parts *p, struct str dir)
{
    size_t i = (size_t)hash64(dir) & (p->n_slots - 1);
    while (p->slots[i] && !str_eq(str_of(p->v[p->slots[i] - 1].dir), dir))
        i = (i + 1) & (p->n_slots - 1);
    return &p->slots[i];
}

static int grow(struct parts *p, struct err *e)
{
    size_t cap = p->cap ? p->cap * 2 : 16;
    struct part *v = realloc(p->v, cap * sizeof(*v));
    if (!v)
        return err_nomem(e);
    p->v = v;
    uint32_t *slots = calloc(cap * 2, sizeof(*slots));
    if (!slots)
        return err_nomem(e);
    free(p->slots);
    p->slots = slots;
    p->n_slots = cap * 2;
    p->cap = cap;
    for (size_t i = 0; i < p->n; i++)
        *slot_of(p, str_of(p->v[i].dir)) = (uint32_t)i + 1;
    return 0;
}

static struct part *part_of(struct file_sink *s, struct str dir, struct err *e)
{
    struct parts *p = &s->parts;
    if (p->n && str_eq(str_of(p->v[p->last].dir), dir))
        return &p->v[p->last];
    uint32_t *slot = p->n ? slot_of(p, dir) : NULL;
    if (slot && *slot) {
        p->last = *slot - 1;
        return &p->v[p->last];
    }
    if (p->n == PARTS_MAX) {
        err_set(e, ERR_DATA, "records fall into more than %d partitions",
                PARTS_MAX);
        return NULL;
    }
    char *copy = strndup(dir.p, dir.n);
    if (!copy || (p->n == p->cap && grow(p, e))) {
        free(copy);
        err_nomem(e);
        return NULL;
    }
    *slot_of(p, dir) = (uint32_t)p->n + 1;
    p->v[p->n] = (struct part){ .dir = copy };
    p->last = p->n++;
    return &p->v[p->last];
}

/* ---- staged files */

/* Files of many partitions are compressed when all is there: each in one
 * piece, and with one compressor in memory. */
static bool packs_late(const struct file_sink *s)
{
    return s->kind != PACK_NONE && s->base.spec->n_by;
}

/* "dir/part-LOAD.ndjson.tmp", the suffix of the compression where that is
 * under way. */
static const char *staged_name(struct file_sink *s, const struct part *p,
                               bool packed, struct buf *path, struct err *e)
{
    struct str name = buf_str(&s->name);
    if (!packed)
        name.n -= strlen(pack_suffix(s->kind));
    buf_reset(path);
    buf_addf(path, "%s%s%.*s" FILE_TMP, p->dir, *p->dir ? "/" : "",
             STR_ARG(name));
    if (!buf_z(path))
        err_nomem(e);
    return path->failed ? NULL : path->p;
}

/* The folders of a partition, below the staging one. */
static int make_folders(struct file_sink *s, const char *dir, struct err *e)
{
    char *copy = strdup(dir);
    if (!copy)
        return err_nomem(e);
    int r = 0;
    for (char *at = copy; r == 0 && *at;) {
        at += strcspn(at, "/");
        char was = *at;
        *at = '\0';
        if (mkdirat(s->data, copy, 0777) != 0 && errno != EEXIST)
            r = err_sys(e, ERR_CANTCREAT, errno, "cannot create folder '%s'",
                        copy);
        *at = was;
        at += was != '\0';
    }
    free(copy);
    return r;
}

static int open_staged(struct file_sink *s, const char *path, int flags,
                       struct err *e)
{
    int fd = s->base.spec->dry_run
                 ? open("/dev/null", O_WRONLY | O_CLOEXEC)
                 : openat(s->data, path, flags | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        (void)err_sys(e, ERR_CANTCREAT, errno, "cannot create '%s' in '%s'",
                      path, s->base.spec->target);
    return fd;
}

static int close_oldest(struct file_sink *s, struct err *e)
{
    struct parts *ps = &s->parts;
    struct part *oldest = NULL;
    for (size_t i = 0; i < ps->n; i++)
        if (ps->v[i].pack && (!oldest || ps->v[i].used < oldest->used))
            oldest = &ps->v[i];
    if (!oldest)
        return err_set(e, ERR_BUG, "no file is open");
    int r = pack_end(oldest->pack, false, e);
    pack_free(oldest->pack);
    oldest->pack = NULL;
    ps->open--;
    return r;
}

static int write_header(struct file_sink *s, struct part *p, struct err *e)
{
    struct buf header = { 0 };
    if (!s->csv)
        return 0;
    int r = csvout_header(s->csvout, &header)
                ? err_nomem(e)
                : pack_write(p->pack, buf_str(&header), e);
    buf_free(&header);
    return r;
}

static int open_part(struct file_sink *s, struct part *p, struct err *e)
{
    if (s->parts.open == OPEN_MAX_PARTS && close_oldest(s, e))
        return -1;
    struct buf path = { 0 };
    bool late = packs_late(s), first = !p->begun;
    const char *name = staged_name(s, p, !late, &path, e);
    int fd = -1;
    if (name &&
        (!first || s->base.spec->dry_run || make_folders(s, p->dir, e) == 0))
        fd = open_staged(
            s, name, O_WRONLY | O_APPEND | (first ? O_CREAT | O_EXCL : 0), e);
    buf_free(&path);
    if (fd < 0)
        return -1;
    p->pack = pack_new(fd, late ? PACK_NONE : s->kind,
                       s->base.spec->n_by ? BLOCK_MANY : BLOCK_ONE,
                       s->base.spec->target, e);
    if (!p->pack)
        return -1;
    s->parts.open++;
    p->begun = true;
    return first ? write_header(s, p, e) : 0;
}

int parts_write(struct file_sink *s, struct str dir, struct str text,
                struct err *e)
{
    struct part *p = part_of(s, dir, e);
    if (!p || (!p->pack && open_part(s, p, e)))
        return -1;
    p->used = ++s->parts.clock;
    return pack_write(p->pack, text, e);
}

int parts_number(struct file_sink *s, struct str dir, size_t *number,
                 struct err *e)
{
    struct part *p = part_of(s, dir, e);
    if (!p)
        return -1;
    if (!p->begun && !s->base.spec->dry_run && make_folders(s, p->dir, e))
        return -1;
    p->begun = true;
    *number = (size_t)(p - s->parts.v);
    return 0;
}

/* ---- the end */

static int copy_packed(struct file_sink *s, int from, int to, struct err *e)
{
    bool sync = s->parts.n <= FILE_SYNC_EACH;
    struct pack *pack =
        pack_new(to, s->kind, BLOCK_ONE, s->base.spec->target, e);
    char *block = malloc(BLOCK_ONE);
    int r = !pack ? -1 : block ? 0 : err_nomem(e);
    ssize_t got = 1;
    while (r == 0 && got) {
        got = read(from, block, BLOCK_ONE);
        if (got < 0 && errno != EINTR)
            r = err_sys(e, ERR_IO, errno, "cannot read a staged file in '%s'",
                        s->base.spec->target);
        else if (got > 0)
            r = pack_write(pack, (struct str){ block, (size_t)got }, e);
    }
    if (r == 0)
        r = pack_end(pack, sync, e);
    free(block);
    pack_free(pack);
    return r;
}

/* A staged file gives way to its compressed form. */
static int pack_part(struct file_sink *s, struct part *p, struct err *e)
{
    struct buf plain = { 0 }, packed = { 0 };
    const char *from = staged_name(s, p, false, &plain, e);
    const char *to = from ? staged_name(s, p, true, &packed, e) : NULL;
    int in = to ? open_staged(s, from, O_RDONLY, e) : -1;
    int out = in >= 0 ? open_staged(s, to, O_WRONLY | O_CREAT | O_EXCL, e) : -1;
    int r = out >= 0 ? copy_packed(s, in, out, e) : -1;
    if (r == 0 && unlinkat(s->data, from, 0) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot remove '%s'", from);
    if (in >= 0)
        close(in);
    buf_free(&plain);
    buf_free(&packed);
    return r;
}

static int sync_part(struct file_sink *s, struct part *p, struct err *e)
{
    struct buf path = { 0 };
    const char *name = staged_name(s, p, true, &path, e);
    int fd = name ? open_staged(s, name, O_WRONLY, e) : -1;
    int r = fd < 0 ? -1 : 0;
    if (r == 0 && fsync(fd) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot sync '%s'", name);
    if (fd >= 0)
        close(fd);
    buf_free(&path);
    return r;
}

/* DuckDB opens a file by its path only. */
static int write_parquet(struct file_sink *s, const struct part *p,
                         struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf name = { 0 }, path = { 0 };
    const char *z = staged_name(s, p, true, &name, e);
    bool absolute = *spec->target == '/';
    buf_addf(&path, "%s%s/%s/" FILE_STAGE "%s/data/%s", absolute ? "" : "./",
             spec->target, spec->table, s->token, z ? z : "");
    const char *to = buf_z(&path);
    int r = !z   ? -1
            : to ? parquet_write(s->parquet, (size_t)(p - s->parts.v), to, e)
                 : err_nomem(e);
    buf_free(&name);
    buf_free(&path);
    return r;
}

/* Ends a part's file: sync says that each is synced for itself. */
static int end_part(struct file_sink *s, struct part *p, bool sync,
                    struct err *e)
{
    bool late = packs_late(s), open = p->pack != NULL;
    int r = open ? pack_end(p->pack, sync && !late, e) : 0;
    pack_free(p->pack);
    p->pack = NULL;
    s->parts.open -= open;
    if (r || s->base.spec->dry_run)
        return r;
    if (s->columnar && write_parquet(s, p, e))
        return -1;
    return late ? pack_part(s, p, e) : open || !sync ? 0 : sync_part(s, p, e);
}

int parts_end(struct file_sink *s, struct err *e)
{
    struct parts *ps = &s->parts;
    bool dry = s->base.spec->dry_run, many = ps->n > FILE_SYNC_EACH;
    if (s->columnar && parquet_end(s->parquet, e))
        return -1;
    for (size_t i = 0; i < ps->n; i++)
        if (end_part(s, &ps->v[i], !dry && !many, e))
            return -1;
    return many && !dry ? place_sync_all(s, e) : 0;
}
