#include "report/backup.h"

#include "base/date.h"
#include "base/sha256.h"
#include "json/value.h"
#include "report/runs.h"
#include "report/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)
#define SUMS_MAX ((size_t)256 << 20)
#define BUSY_MS 10000
#define TAIL_STEP 65536

struct writer {
    struct backup *b;
    struct pack *pack;
    struct buf sums, path, block;
    struct err *e;
};

int backup_kind(const char *path, enum pack_kind *kind, struct err *e)
{
    static const struct {
        const char *suffix;
        enum pack_kind kind;
    } kinds[] = { { ".tar.zst", PACK_ZSTD },
                  { ".tar.gz", PACK_GZIP },
                  { ".tgz", PACK_GZIP },
                  { ".tar", PACK_NONE } };
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        size_t k = strlen(kinds[i].suffix);
        if (n > k && strcmp(path + n - k, kinds[i].suffix) == 0) {
            *kind = kinds[i].kind;
            return 0;
        }
    }
    return err_set(e, ERR_USAGE,
                   "'%s' is no name of a backup: it ends in .tar.zst, .tar.gz "
                   "or .tar",
                   path);
}

/* ---- one file */

static int put_sum(struct writer *w, struct str name, struct sha256 *hash)
{
    unsigned char digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1] = "";
    if (memchr(name.p, '\n', name.n) || memchr(name.p, '\\', name.n))
        return err_set(w->e, ERR_DATA,
                       "the name of file '%.*s' cannot be kept in a list",
                       STR_ARG(name));
    sha256_end(hash, digest);
    sha256_hex(digest, sizeof(digest), hex);
    buf_addf(&w->sums, "%s  ", hex);
    buf_add_str(&w->sums, name);
    return buf_addc(&w->sums, '\n') ? err_nomem(w->e) : 0;
}

/* Text that we made ourselves. */
static int put_text(struct writer *w, struct str name, struct str text,
                    bool listed)
{
    struct tar_entry entry = { .path = name,
                               .size = text.n,
                               .mode = 0600,
                               .mtime = w->b->now_us / 1000000 };
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, text);
    return tar_header(w->pack, &entry, w->e) ||
                   pack_write(w->pack, text, w->e) ||
                   tar_pad(w->pack, text.n, w->e) ||
                   (listed && put_sum(w, name, &hash))
               ? -1
               : 0;
}

/* Of a file of lines that somebody may be appending to: to the last LF. */
static uint64_t whole_lines(int fd, uint64_t size)
{
    char tail[TAIL_STEP];
    while (size) {
        size_t n = size < sizeof(tail) ? (size_t)size : sizeof(tail);
        if (pread(fd, tail, n, (off_t)(size - n)) != (ssize_t)n)
            return size;
        const char *lf = memrchr(tail, '\n', n);
        if (lf)
            return size - n + (uint64_t)(lf - tail) + 1;
        size -= n;
    }
    return 0;
}

static int copy(struct writer *w, int fd, const char *from, struct str name,
                uint64_t size, const struct stat *st)
{
    struct tar_entry entry = { .path = name,
                               .size = size,
                               .mode = st->st_mode & 07777,
                               .mtime = st->st_mtim.tv_sec };
    struct sha256 hash;
    sha256_init(&hash);
    if (tar_header(w->pack, &entry, w->e))
        return -1;
    for (uint64_t left = size; left;) {
        size_t want = left < BLOCK ? (size_t)left : BLOCK;
        ssize_t n = read(fd, w->block.p, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(w->e, ERR_IO, errno, "cannot read '%s'", from);
        if (n == 0)
            return err_set(w->e, ERR_TEMPFAIL,
                           "'%s' was cut while it was copied", from);
        if (w->b->stop && w->b->stop())
            return err_set(w->e, ERR_TEMPFAIL, "stopped by a signal");
        struct str part = { w->block.p, (size_t)n };
        sha256_add(&hash, part);
        if (pack_write(w->pack, part, w->e))
            return -1;
        left -= (uint64_t)n;
    }
    w->b->files++;
    w->b->bytes += size;
    return tar_pad(w->pack, size, w->e) || put_sum(w, name, &hash) ? -1 : 0;
}

/* ---- databases */

static int copy_pages(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *job = sqlite3_backup_init(to, "main", from, "main");
    int rc = SQLITE_BUSY;
    for (int waited = 0; job && waited < BUSY_MS; waited += 50) {
        rc = sqlite3_backup_step(job, -1);
        if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
            break;
        sqlite3_sleep(50);
    }
    return job ? sqlite3_backup_finish(job) : sqlite3_errcode(to);
}

/* A copy of the database in a file without a name: its descriptor. */
static int snapshot(struct writer *w, const char *path)
{
    const char *tmpdir = getenv("TMPDIR");
    struct buf tmp = { .max = 4200 };
    sqlite3 *from = NULL, *to = NULL;
    buf_addf(&tmp, "%s/pipe-report-XXXXXX", tmpdir ? tmpdir : "/tmp");
    int fd = buf_z(&tmp) ? mkostemp(tmp.p, O_CLOEXEC) : -1;
    if (fd < 0) {
        buf_free(&tmp);
        return err_sys(w->e, ERR_CANTCREAT, errno,
                       "cannot make a temporary file");
    }
    int rc = sqlite3_open_v2(path, &from, SQLITE_OPEN_READWRITE, NULL);
    if (rc != SQLITE_OK) {
        sqlite3_close(from);
        rc = sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY, NULL);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_open_v2(tmp.p, &to, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(from, BUSY_MS);
    if (rc == SQLITE_OK)
        rc = copy_pages(to, from);
    if (rc != SQLITE_OK)
        err_set(w->e, rc == SQLITE_BUSY ? ERR_TEMPFAIL : ERR_IO,
                "cannot copy database '%s': %s", path, sqlite3_errstr(rc));
    sqlite3_close(from);
    sqlite3_close(to);
    unlink(tmp.p);
    buf_free(&tmp);
    if (rc == SQLITE_OK)
        return fd;
    close(fd);
    return -1;
}

static bool is_database(int fd)
{
    char magic[16];
    return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
           memcmp(magic, "SQLite format 3", 16) == 0;
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n >= k && strcmp(name + n - k, suffix) == 0;
}

/* A file of the state may go while others are copied; must: it has to be
 * there. */
static int put_file(struct writer *w, const char *from, struct str name,
                    bool must)
{
    struct stat st;
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && !must)
        return 0;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        int saved = fd < 0 ? errno : EINVAL;
        if (fd >= 0)
            close(fd);
        return err_sys(w->e, ERR_IO, saved, "cannot open '%s'", from);
    }
    struct stat copied = st;
    if (is_database(fd)) {
        close(fd);
        fd = snapshot(w, from);
        if (fd < 0 || fstat(fd, &copied) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
            if (fd >= 0)
                close(fd);
            return -1;
        }
    }
    uint64_t size = (uint64_t)copied.st_size;
    if (ends_in(from, ".ndjson"))
        size = whole_lines(fd, size);
    int r = copy(w, fd, from, name, size, &st);
    close(fd);
    return r;
}

/* ---- the state */

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Locks say who works here now: of no use elsewhere. What SQLite keeps beside
 * a database is in the copy. */
static bool is_left_out(const FTSENT *f)
{
    const char *name = f->fts_name;
    if (f->fts_level > 0 && *name == '.')
        return true;
    if (f->fts_level == 1 &&
        (strcmp(name, "lock") == 0 || strcmp(name, "pool") == 0))
        return true;
    return f->fts_info == FTS_F &&
           (strcmp(name, "live") == 0 || ends_in(name, ".lock") ||
            ends_in(name, "-wal") || ends_in(name, "-shm") ||
            ends_in(name, "-journal"));
}

static int put_found(struct writer *w, FTS *t, FTSENT *f, size_t root)
{
    if (is_left_out(f)) {
        if (f->fts_info == FTS_D)
            fts_set(t, f, FTS_SKIP);
        return 0;
    }
    switch (f->fts_info) {
    case FTS_F:
        buf_reset(&w->path);
        buf_addf(&w->path, "state/%s", f->fts_path + root + 1);
        return w->path.failed
                   ? err_nomem(w->e)
                   : put_file(w, f->fts_path, buf_str(&w->path), false);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return f->fts_errno == ENOENT
                   ? 0
                   : err_sys(w->e, ERR_IO, f->fts_errno, "cannot read '%s'",
                             f->fts_path);
    case FTS_SL:
    case FTS_SLNONE:
    case FTS_DEFAULT:
        if (w->b->other.n == 0)
            buf_addz(&w->b->other, f->fts_path);
        return 0;
    default: return 0;
    }
}

/* Those in or below the state's folders but for runs; or runs alone. */
static int put_state(struct writer *w, bool runs)
{
    char *roots[] = { (char *)(uintptr_t)w->b->state, NULL };
    size_t root = strlen(w->b->state);
    FTS *t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
    FTSENT *f;
    int r = t ? 0 : err_nomem(w->e);
    while (r == 0 && (errno = 0, f = fts_read(t)) != NULL) {
        bool of_runs = strcmp(f->fts_name, "runs") == 0 ||
                       strcmp(f->fts_name, "runs.ndjson") == 0;
        if (f->fts_level == 1 && of_runs != runs) {
            if (f->fts_info == FTS_D)
                fts_set(t, f, FTS_SKIP);
            continue;
        }
        r = put_found(w, t, f, root);
    }
    if (t)
        fts_close(t);
    return r;
}

/* ---- all */

static int add_live(struct writer *w)
{
    struct runs live = { 0 };
    int r = runs_live(&live, w->b->state, w->e);
    for (size_t i = 0; i < live.n && r == 0; i++) {
        struct str name = live.v[i].pipeline;
        if (!live.v[i].live || name.n == 0 ||
            (w->b->live.n &&
             memmem(w->b->live.p, w->b->live.n, name.p, name.n)))
            continue;
        if (w->b->live.n)
            buf_addz(&w->b->live, ", ");
        buf_add_str(&w->b->live, name);
    }
    runs_free(&live);
    return r == 0 && w->b->live.failed ? err_nomem(w->e) : r;
}

static int put_about(struct writer *w)
{
    struct backup *b = w->b;
    struct buf text = { .max = 1 << 20 };
    buf_addz(&text, "{\"v\":1,\"created\":\"");
    time_format(&text, b->now_us);
    buf_addz(&text, "\",\"version\":\"" PIPE_VERSION "\",\"state\":");
    json_quote(&text, str_of(b->state));
    buf_addz(&text, ",\"live\":");
    json_quote(&text, buf_str(&b->live));
    buf_addz(&text, ",\"include\":[");
    for (size_t i = 0; i < b->n_include; i++) {
        buf_addz(&text, i ? "," : "");
        json_quote(&text, str_of(b->include[i]));
    }
    buf_addz(&text, "]}\n");
    int r = text.failed ? err_nomem(w->e)
                        : put_text(w, STR("BACKUP.json"), buf_str(&text), true);
    buf_free(&text);
    return r;
}

static int put_includes(struct writer *w)
{
    for (size_t i = 0; i < w->b->n_include; i++) {
        const char *path = w->b->include[i];
        buf_reset(&w->path);
        buf_addf(&w->path, "include%s", path);
        if (w->path.failed)
            return err_nomem(w->e);
        if (put_file(w, path, buf_str(&w->path), true))
            return -1;
    }
    return 0;
}

static int to_output(void *out, struct str bytes, struct err *e)
{
    return output_write(out, bytes, e);
}

int backup_write(struct backup *b, struct output *out, struct err *e)
{
    struct writer w = {
        .b = b, .sums.max = SUMS_MAX, .path.max = 8192, .e = e
    };
    b->files = b->bytes = 0;
    w.pack = pack_new_to(to_output, out, b->kind, BLOCK, "the backup", e);
    int r = !w.pack ? -1 : buf_reserve(&w.block, BLOCK) ? err_nomem(e) : 0;
    if (r == 0)
        r = add_live(&w) || put_about(&w) || put_state(&w, false) ||
                    put_state(&w, true) || put_includes(&w) || add_live(&w) ||
                    put_text(&w, STR("SHA256SUMS"), buf_str(&w.sums), false) ||
                    tar_end(w.pack, e) || pack_end(w.pack, false, e)
                ? -1
                : 0;
    pack_free(w.pack);
    buf_free(&w.sums);
    buf_free(&w.path);
    buf_free(&w.block);
    return r;
}
