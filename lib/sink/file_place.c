#include "sink/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX                                               \
    64 /* partition columns, and what a strange folder may nest \
        */

int place_folder(int at, const char *name, bool make, struct err *e)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (make && mkdirat(at, name, 0777) != 0 && errno != EEXIST)
        return err_sys(e, ERR_CANTCREAT, errno, "cannot create folder '%s'",
                       name);
    int fd = openat(at, name, flags);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return err_set(e, ERR_CONFIG,
                       "'%s' is a symbolic link or no folder: a partition is "
                       "a folder",
                       name);
    return fd >= 0 ? fd
                   : err_sys(e, ERR_IO, errno, "cannot open folder '%s'", name);
}

/* ---- folders listed before they change */

struct entry {
    char *name; /* owned */
    bool folder, link;
};

struct listing {
    struct entry *v; /* owned */
    size_t n;
};

static void list_free(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].name);
    free(l->v);
}

static int list_add(struct listing *l, int fd, const struct dirent *d,
                    struct err *e)
{
    struct stat st;
    mode_t mode = d->d_type == DT_DIR   ? S_IFDIR
                  : d->d_type == DT_LNK ? S_IFLNK
                                        : S_IFREG;
    if (d->d_type == DT_UNKNOWN &&
        fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        mode = st.st_mode;
    if ((l->n & (l->n - 1)) == 0) {
        struct entry *grown =
            realloc(l->v, (l->n ? l->n * 2 : 1) * sizeof(*grown));
        if (!grown)
            return err_nomem(e);
        l->v = grown;
    }
    struct entry *en = &l->v[l->n];
    en->name = strdup(d->d_name);
    if (!en->name)
        return err_nomem(e);
    en->folder = S_ISDIR(mode);
    en->link = S_ISLNK(mode);
    l->n++;
    return 0;
}

/* l is to be freed in every case. */
static int list(int fd, struct listing *l, struct err *e)
{
    *l = (struct listing){ 0 };
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (!dir) {
        int saved = errno;
        if (copy >= 0)
            close(copy);
        return err_sys(e, ERR_IO, saved, "cannot list a folder");
    }
    int r = 0;
    struct dirent *d;
    while (r == 0 && (d = readdir(dir)))
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            r = list_add(l, copy, d, e);
    closedir(dir);
    return r;
}

/* ---- the staged folders beside those they will be */

typedef int (*pair_work)(struct placing *p, int staged, int target,
                         struct err *e);

/* Does work for each staged folder and its counterpart, which is made where it
 * is missing; first below, then above. */
static int each_pair(struct placing *p, int staged, int target, pair_work work,
                     int depth, struct err *e)
{
    struct listing l;
    if (depth == DEPTH_MAX)
        return err_set(e, ERR_CONFIG, "folders nest too deep");
    int r = list(staged, &l, e);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        if (!l.v[i].folder)
            continue;
        int from = place_folder(staged, l.v[i].name, false, e);
        int to = from >= 0 ? place_folder(target, l.v[i].name, true, e) : -1;
        r = to < 0 ? -1 : each_pair(p, from, to, work, depth + 1, e);
        if (from >= 0)
            close(from);
        if (to >= 0)
            close(to);
    }
    list_free(&l);
    return r ? -1 : work(p, staged, target, e);
}

static int sync_folder(struct placing *p, int fd, struct err *e)
{
    if (p->synced++ < FILE_SYNC_EACH && fsync(fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot sync a partition's folder");
    return 0;
}

static int sync_staged(struct placing *p, int staged, int target, struct err *e)
{
    (void)target;
    return sync_folder(p, staged, e);
}

static int sync_target(struct placing *p, int staged, int target, struct err *e)
{
    (void)staged;
    return sync_folder(p, target, e);
}

/* Takes _SUCCESS away: readers wait. */
static int unseal_one(struct placing *p, int target, struct err *e)
{
    if (unlinkat(target, FILE_DONE, 0) == 0)
        return sync_folder(p, target, e);
    return errno == ENOENT
               ? 0
               : err_sys(e, ERR_IO, errno, "cannot remove '" FILE_DONE "'");
}

static int unseal(struct placing *p, int staged, int target, struct err *e)
{
    (void)staged;
    return unseal_one(p, target, e);
}

static int seal(struct placing *p, int staged, int target, struct err *e)
{
    int fd = openat(target, FILE_DONE,
                    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot create '" FILE_DONE "'");
    close(fd);
    return sync_target(p, staged, target, e);
}

/* Staged files get their names; those that have them are not here any more. */
static int rename_files(struct placing *p, int staged, int target,
                        struct err *e)
{
    struct listing l;
    (void)p;
    int r = list(staged, &l, e);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        size_t n = strlen(l.v[i].name), tail = strlen(FILE_TMP);
        if (l.v[i].folder || n <= tail ||
            strcmp(l.v[i].name + n - tail, FILE_TMP) != 0)
            continue;
        char *name = strndup(l.v[i].name, n - tail);
        if (!name)
            r = err_nomem(e);
        else if (renameat(staged, l.v[i].name, target, name) != 0)
            r = err_sys(e, ERR_IO, errno, "cannot rename '%s' into place",
                        name);
        free(name);
    }
    list_free(&l);
    return r;
}

/* ---- replace */

/* Hidden files are not data. */
static bool is_data(struct placing *p, const char *name)
{
    size_t n = strlen("part-");
    bool own = strncmp(name, "part-", n) == 0 &&
               strncmp(name + n, p->token.p, p->token.n) == 0 &&
               name[n + p->token.n] == '.';
    return *name != '_' && *name != '.' && !own;
}

static bool is_partition(const struct entry *en)
{
    return *en->name != '.' && *en->name != '_' && strchr(en->name, '=');
}

static int each_partition(struct placing *p, int target,
                          int (*work)(struct placing *p, int folder,
                                      struct err *e),
                          int depth, struct err *e)
{
    struct listing l;
    if (depth == DEPTH_MAX)
        return err_set(e, ERR_CONFIG, "folders nest too deep");
    int r = list(target, &l, e);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        if (!is_partition(&l.v[i]) || !(l.v[i].folder || l.v[i].link))
            continue;
        int fd = place_folder(target, l.v[i].name, false, e);
        r = fd < 0 ? -1 : each_partition(p, fd, work, depth + 1, e);
        if (fd >= 0)
            close(fd);
    }
    list_free(&l);
    return r || !work ? r : work(p, target, e);
}

/* Removes data files that are not the load's, and partitions of which nothing
 * is left. staged is the counterpart, -1 where there is none. */
static int remove_others(struct placing *p, int staged, int target,
                         struct err *e)
{
    struct listing l;
    int r = list(target, &l, e);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        const char *name = l.v[i].name;
        if (!l.v[i].folder) {
            if (is_data(p, name) && unlinkat(target, name, 0) != 0 &&
                errno != ENOENT)
                r = err_sys(e, ERR_IO, errno, "cannot remove '%s'", name);
            continue;
        }
        if (!is_partition(&l.v[i]))
            continue;
        int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int from = staged >= 0 ? openat(staged, name, flags) : -1;
        int to = place_folder(target, name, false, e);
        r = to < 0 ? -1 : remove_others(p, from, to, e);
        if (to >= 0)
            close(to);
        if (from >= 0)
            close(from);
        else if (r == 0 && unlinkat(target, name, AT_REMOVEDIR) != 0 &&
                 errno != ENOTEMPTY && errno != EEXIST)
            r = err_sys(e, ERR_IO, errno, "cannot remove folder '%s'", name);
    }
    list_free(&l);
    return r;
}

/* The folder that a replace empties, in the table and staged. */
static int replace(struct file_sink *s, struct placing *p, int data,
                   bool remove, struct err *e)
{
    struct buf name = { 0 };
    buf_add_str(&name, p->scope.n ? p->scope : STR("."));
    const char *z = buf_z(&name);
    int to = z ? place_folder(s->table, z, p->scope.n > 0, e) : err_nomem(e);
    int from = to >= 0 && data >= 0 ? place_folder(data, z, false, e) : -1;
    int r = to < 0     ? -1
            : remove   ? remove_others(p, from, to, e)
            : data < 0 ? each_partition(p, to, NULL, 0, e)
                       : each_partition(p, to, unseal_one, 0, e);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    buf_free(&name);
    return r;
}

/* ---- the whole */

int place_sync_all(struct file_sink *s, struct err *e)
{
    return syncfs(s->table) == 0
               ? 0
               : err_sys(e, ERR_IO, errno,
                         "cannot sync the file system of '%s'",
                         s->base.spec->target);
}

/* A walk over the load's folders, what it changed synced at its end. */
static int walk(struct file_sink *s, struct placing *p, int data,
                pair_work work, struct err *e)
{
    p->synced = 0;
    if (each_pair(p, data, s->table, work, 0, e))
        return -1;
    return p->synced > FILE_SYNC_EACH ? place_sync_all(s, e) : 0;
}

int place_prepare(struct file_sink *s, struct err *e)
{
    bool replaces = s->base.spec->mode == SINK_REPLACE;
    struct placing p = { str_of(s->token), buf_str(&s->scope), replaces, 0 };
    if (walk(s, &p, s->data, sync_staged, e))
        return -1;
    /* A partition that cannot be emptied is found before anything counts. */
    if (replaces && replace(s, &p, -1, false, e))
        return -1;
    if (fsync(s->stage) != 0 || fsync(s->table) != 0 || fsync(s->root) != 0)
        return err_sys(e, ERR_IO, errno, "cannot sync the folders of '%s'",
                       s->base.spec->target);
    return 0;
}

static int place(struct file_sink *s, struct placing *p, int data,
                 struct err *e)
{
    if (walk(s, p, data, unseal, e) ||
        (p->replace && replace(s, p, data, false, e)) ||
        walk(s, p, data, rename_files, e) ||
        (p->replace && replace(s, p, data, true, e)))
        return -1;
    return walk(s, p, data, sync_target, e) || walk(s, p, data, seal, e) ? -1
                                                                         : 0;
}

static const char *stage_name(struct buf *path, struct str token)
{
    buf_addf(path, FILE_STAGE "%.*s", STR_ARG(token));
    return buf_z(path);
}

int place_load(struct file_sink *s, struct placing *p, struct err *e)
{
    struct buf path = { .max = 256 };
    const char *name = stage_name(&path, p->token);
    int stage = name ? place_folder(s->table, name, false, e) : err_nomem(e);
    int data = stage >= 0 ? place_folder(stage, "data", false, e) : -1;
    int r = data >= 0 ? place(s, p, data, e) : -1;
    if (data >= 0)
        close(data);
    if (stage >= 0)
        close(stage);
    buf_free(&path);
    return r;
}

/* ---- what is left of loads */

static int remove_tree(int at, const char *name, int depth, struct err *e)
{
    struct listing l;
    int fd = depth < DEPTH_MAX
                 ? place_folder(at, name, false, e)
                 : err_set(e, ERR_CONFIG, "folders nest too deep");
    if (fd < 0)
        return -1;
    int r = list(fd, &l, e);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        if (l.v[i].folder)
            r = remove_tree(fd, l.v[i].name, depth + 1, e);
        else if (unlinkat(fd, l.v[i].name, 0) != 0)
            r = err_sys(e, ERR_IO, errno, "cannot remove '%s'", l.v[i].name);
    }
    list_free(&l);
    close(fd);
    if (r == 0 && unlinkat(at, name, AT_REMOVEDIR) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot remove '%s'", name);
    return r;
}

/* A load holds its lock as long as its process lives. One whose lock cannot
 * be looked at may well be alive. */
static bool is_alive(int table, const char *name)
{
    struct buf path = { .max = 1024 };
    buf_addf(&path, "%s/lock", name);
    int fd = buf_z(&path) ? openat(table, path.p, O_RDWR | O_CLOEXEC) : -1;
    bool alive = fd >= 0 ? flock(fd, LOCK_EX | LOCK_NB) != 0 : errno != ENOENT;
    if (fd >= 0)
        close(fd);
    buf_free(&path);
    return alive;
}

int place_drop(struct file_sink *s, struct str token, struct err *e)
{
    struct listing l = { 0 };
    struct buf path = { .max = 256 };
    int r = 0;
    if (token.n) {
        const char *name = stage_name(&path, token);
        r = name ? remove_tree(s->table, name, 0, e) : err_nomem(e);
    } else {
        r = list(s->table, &l, e);
    }
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        const char *name = l.v[i].name;
        if (l.v[i].folder &&
            strncmp(name, FILE_STAGE, strlen(FILE_STAGE)) == 0 &&
            strcmp(name + strlen(FILE_STAGE), s->token) != 0 &&
            !is_alive(s->table, name))
            r = remove_tree(s->table, name, 0, e);
    }
    list_free(&l);
    buf_free(&path);
    return r;
}
