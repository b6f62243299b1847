/* A backup put back: unpacked beside the state, verified, then exchanged. */
#include "base/sha256.h"
#include "io/input.h"
#include "report/backup.h"
#include "report/runs.h"
#include "report/tar.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)
#define SUMS_MAX ((size_t)256 << 20)
#define SUMS_NAME "SHA256SUMS"

struct unpacking {
    struct restore *r;
    struct tar_reader tar;
    int lock;          /* of the folder beside the state; -1 */
    struct buf folder; /* its path */
    struct buf path, block, sums, given;
    bool ended; /* the list was there */
    struct err *e;
};

/* ---- the folder beside the state */

static const char *in_folder(struct unpacking *u, const char *name)
{
    buf_reset(&u->path);
    buf_addf(&u->path, "%.*s/%s", STR_ARG(buf_str(&u->folder)), name);
    return buf_z(&u->path);
}

/* What a restore that was killed left there goes. The lock is on the folder
 * itself. */
static int open_folder(struct unpacking *u)
{
    buf_addf(&u->folder, "%s.restoring", u->r->state);
    if (!buf_z(&u->folder))
        return err_nomem(u->e);
    if (state_folder(u->folder.p, u->e))
        return -1;
    u->lock = open(u->folder.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (u->lock < 0)
        return err_sys(u->e, ERR_CANTCREAT, errno, "cannot open '%s'",
                       u->folder.p);
    if (flock(u->lock, LOCK_EX | LOCK_NB) != 0)
        return err_set(u->e, ERR_TEMPFAIL, "another restore is at work in '%s'",
                       u->folder.p);
    static const char *const parts[] = { "state", "include" };
    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(u, parts[i]);
        if (!path)
            return err_nomem(u->e);
        if (access(path, F_OK) == 0 && state_remove(path))
            return err_sys(u->e, ERR_CANTCREAT, errno, "cannot remove '%s'",
                           path);
        if (mkdir(path, 0700) != 0)
            return err_sys(u->e, ERR_CANTCREAT, errno, "cannot create '%s'",
                           path);
    }
    return 0;
}

static void close_folder(struct unpacking *u)
{
    if (u->lock >= 0) {
        (void)state_remove(u->folder.p);
        close(u->lock);
    }
}

/* ---- the archive */

static bool starts(struct str s, const char *with)
{
    size_t n = strlen(with);
    return s.n > n && memcmp(s.p, with, n) == 0;
}

/* The file to write: a descriptor; -2 for what is only looked at, -1 with e. */
static int make_file(struct unpacking *u, const struct tar_entry *entry)
{
    if (u->r->verify ||
        (!starts(entry->path, "state/") && !starts(entry->path, "include/")))
        return -2;
    const char *path = in_folder(u, entry->path.p);
    if (!path)
        return err_nomem(u->e);
    char *slash = strrchr(u->path.p, '/');
    *slash = 0;
    int r = state_folder(u->path.p, u->e);
    *slash = '/';
    if (r)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  entry->mode & 0700);
    return fd >= 0 ? fd
                   : err_sys(u->e, ERR_CANTCREAT, errno, "cannot create '%s'",
                             path);
}

static int write_all(struct unpacking *u, int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno != EINTR)
            return err_sys(u->e, ERR_IO, errno, "cannot write '%s'", u->path.p);
        if (w > 0) {
            p += w;
            n -= (size_t)w;
        }
    }
    return 0;
}

static int unpack_bytes(struct unpacking *u, int fd, struct sha256 *hash)
{
    ssize_t n;
    while ((n = tar_read(&u->tar, u->block.p, BLOCK, u->e)) > 0) {
        struct str part = { u->block.p, (size_t)n };
        sha256_add(hash, part);
        if (fd >= 0 && write_all(u, fd, part.p, part.n))
            return -1;
        if (u->r->stop && u->r->stop())
            return err_set(u->e, ERR_TEMPFAIL, "stopped by a signal");
    }
    return n < 0 ? -1 : 0;
}

static int unpack_file(struct unpacking *u, const struct tar_entry *entry)
{
    unsigned char digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1] = "";
    struct sha256 hash;
    sha256_init(&hash);
    int fd = make_file(u, entry);
    int r = fd == -1 ? -1 : unpack_bytes(u, fd, &hash);
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                 { .tv_sec = entry->mtime } };
    if (fd >= 0 && r == 0 && futimens(fd, times) != 0)
        r = err_sys(u->e, ERR_IO, errno, "cannot set the time of '%s'",
                    u->path.p);
    if (fd >= 0 && close(fd) != 0 && r == 0)
        r = err_sys(u->e, ERR_IO, errno, "cannot write '%s'", u->path.p);
    sha256_end(&hash, digest);
    sha256_hex(digest, sizeof(digest), hex);
    buf_addf(&u->sums, "%s  ", hex);
    buf_add_str(&u->sums, entry->path);
    if (buf_addc(&u->sums, '\n') && r == 0)
        r = err_nomem(u->e);
    u->r->files += starts(entry->path, "state/");
    u->r->bytes += entry->size;
    return r;
}

static int read_list(struct unpacking *u, const struct tar_entry *entry)
{
    ssize_t n;
    if (entry->size > SUMS_MAX)
        return err_set(u->e, ERR_DATA, "the list of '%s' is too long",
                       u->r->archive);
    while ((n = tar_read(&u->tar, u->block.p, BLOCK, u->e)) > 0)
        if (buf_add(&u->given, u->block.p, (size_t)n))
            return err_nomem(u->e);
    u->ended = true;
    return n < 0 ? -1 : 0;
}

static int unpack(struct unpacking *u)
{
    struct tar_entry entry;
    int n;
    while ((n = tar_next(&u->tar, &entry, u->e)) > 0) {
        if (u->ended)
            return err_set(u->e, ERR_DATA,
                           "'%s' has files behind its list of files",
                           u->r->archive);
        if (u->r->files == 0 && u->sums.n == 0 &&
            !str_eq(entry.path, STR("BACKUP.json")))
            return err_set(u->e, ERR_DATA, "'%s' is no backup of ours",
                           u->r->archive);
        if (str_eq(entry.path, STR(SUMS_NAME)) ? read_list(u, &entry)
                                               : unpack_file(u, &entry))
            return -1;
    }
    if (n == 0 && !u->ended)
        n = err_set(u->e, ERR_DATA, "'%s' has no list of its files: it is cut",
                    u->r->archive);
    if (n == 0 && !str_eq(buf_str(&u->sums), buf_str(&u->given)))
        n = err_set(u->e, ERR_DATA,
                    "'%s' is damaged: its files do not have the checksums in "
                    "its list",
                    u->r->archive);
    return n;
}

/* ---- into place */

/* 1 where there is something, 0 where the folder is empty or not there. */
static int is_occupied(const char *path, struct err *e)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    int found = 0;
    if (!d)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    while (!found && (entry = readdir(d)) != NULL)
        found =
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(d);
    return found;
}

static int check_place(struct restore *r, struct err *e)
{
    struct runs live = { 0 };
    size_t alive = 0;
    int occupied = is_occupied(r->state, e);
    if (occupied < 0)
        return -1;
    if (occupied && !r->force)
        return err_set(e, ERR_CANTCREAT,
                       "state '%s' is not empty: --force replaces it",
                       r->state);
    int failed = runs_live(&live, r->state, e);
    for (size_t i = 0; i < live.n; i++)
        alive += live.v[i].live;
    runs_free(&live);
    if (failed)
        return -1;
    return alive ? err_set(e, ERR_TEMPFAIL,
                           "%zu runs live in state '%s': stop them first",
                           alive, r->state)
                 : 0;
}

static int sync_parent(const char *path, struct err *e)
{
    struct buf dir = { .max = 65536 };
    const char *slash = strrchr(path, '/');
    if (slash)
        buf_add(&dir, path, slash == path ? 1 : (size_t)(slash - path));
    else
        buf_addc(&dir, '.');
    int fd = buf_z(&dir) ? open(dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = fd >= 0 && fsync(fd) == 0
                ? 0
                : err_sys(e, ERR_IO, errno, "cannot sync '%s'", path);
    if (fd >= 0)
        close(fd);
    buf_free(&dir);
    return r;
}

static int put_state(struct unpacking *u)
{
    const char *to = u->r->state, *from = in_folder(u, "state");
    if (!from)
        return err_nomem(u->e);
    if (syncfs(u->lock) != 0)
        return err_sys(u->e, ERR_IO, errno, "cannot write '%s' to the disk",
                       from);
    int r = rename(from, to);
    if (r && (errno == ENOTEMPTY || errno == EEXIST))
        r = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
    if (r)
        return err_sys(u->e, ERR_CANTCREAT, errno, "cannot put '%s' in place",
                       to);
    return sync_parent(to, u->e);
}

/* ---- databases beside the state */

static int put_include(struct unpacking *u, const char *path)
{
    char part[4200];
    struct stat st;
    struct output out;
    snprintf(part, sizeof(part), "include%s", path);
    const char *from = in_folder(u, part);
    int fd = from ? open(from, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return err_set(u->e, ERR_NOINPUT, "the backup has no '%s'", path);
    if (access(path, F_OK) == 0 && !u->r->force) {
        close(fd);
        return err_set(u->e, ERR_CANTCREAT,
                       "'%s' is there already: --force replaces it", path);
    }
    int r = fstat(fd, &st) ? err_sys(u->e, ERR_IO, errno, "'%s'", from)
                           : output_file(&out, path, u->e);
    bool open = r == 0;
    ssize_t n;
    while (r == 0 && (n = read(fd, u->block.p, BLOCK)) != 0)
        r = n < 0 ? err_sys(u->e, ERR_IO, errno, "cannot read '%s'", from)
                  : output_write(&out, (struct str){ u->block.p, (size_t)n },
                                 u->e);
    if (r == 0)
        r = output_commit(&out, u->e);
    if (open)
        output_close(&out);
    close(fd);
    return r;
}

static bool is_wanted(const struct restore *r, struct str path)
{
    for (size_t i = 0; i < r->n_include; i++)
        if (str_eq(path, str_of(r->include[i])))
            return true;
    return false;
}

/* Those of the archive that nobody asked for. */
static void name_others(struct unpacking *u)
{
    struct str rest = buf_str(&u->sums);
    while (rest.n) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
        struct str name = { rest.p + 66, n > 66 ? n - 66 : 0 };
        if (starts(name, "include/")) {
            struct str path = { name.p + 7, name.n - 7 };
            if (!is_wanted(u->r, path)) {
                buf_addz(&u->r->others, u->r->others.n ? ", " : "");
                buf_add_str(&u->r->others, path);
            }
        }
        rest.p += n + (lf != NULL);
        rest.n -= n + (lf != NULL);
    }
}

int restore_run(struct restore *r, struct err *e)
{
    struct unpacking u = { .r = r,
                           .lock = -1,
                           .folder.max = 65536,
                           .path.max = 65536,
                           .sums.max = SUMS_MAX,
                           .given.max = SUMS_MAX,
                           .e = e };
    struct input in;
    if (!r->verify && check_place(r, e))
        return -1;
    if (input_open(&in, r->archive, e))
        return -1;
    u.tar.in = &in;
    int n = buf_reserve(&u.block, BLOCK) ? err_nomem(e) : 0;
    if (n == 0 && !r->verify)
        n = open_folder(&u);
    if (n == 0)
        n = unpack(&u);
    if (n == 0)
        name_others(&u);
    for (size_t i = 0; n == 0 && !r->verify && i < r->n_include; i++)
        n = put_include(&u, r->include[i]);
    if (n == 0 && !r->verify)
        n = check_place(r, e) || put_state(&u) ? -1 : 0;
    close_folder(&u);
    tar_free(&u.tar);
    input_close(&in);
    buf_free(&u.folder);
    buf_free(&u.path);
    buf_free(&u.block);
    buf_free(&u.sums);
    buf_free(&u.given);
    return n;
}
