#include "source/walk.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define PART_MAX 255 /* bytes of a name: NAME_MAX */

int walk_add(struct walk *w, const char *path, struct err *e)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 16;
        char **p = realloc(w->paths, cap * sizeof(*p));
        if (!p)
            return err_nomem(e);
        w->paths = p;
        w->cap = cap;
    }
    w->paths[w->n] = strdup(path);
    if (!w->paths[w->n])
        return err_nomem(e);
    w->n++;
    return 0;
}

void walk_free(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->paths[i]);
    free(w->paths);
    *w = (struct walk){ 0 };
}

const char *walk_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- names ---- */

bool walk_is_hidden(const char *name)
{
    static const char *const ends[] = { "~",        ".tmp",        ".part",
                                        ".partial", ".filepart",   ".crc",
                                        ".swp",     ".crdownload", NULL };
    size_t n = strlen(name);
    if (name[0] == '.' || name[0] == '_')
        return true;
    for (const char *const *end = ends; *end; end++)
        if (n >= strlen(*end) && strcasecmp(name + n - strlen(*end), *end) == 0)
            return true;
    return false;
}

/* The first part of a path, NUL-terminated; false where it is too long to be
 * one. *rest is behind its slashes. */
static bool cut_part(const char *path, char part[PART_MAX + 1],
                     const char **rest)
{
    size_t n = strcspn(path, "/");
    if (n > PART_MAX)
        return false;
    memcpy(part, path, n);
    part[n] = '\0';
    *rest = path + n + strspn(path + n, "/");
    return true;
}

bool walk_match(const char *pattern, const char *path)
{
    char want[PART_MAX + 1], have[PART_MAX + 1];
    const char *behind, *rest;
    if (!*pattern || !*path)
        return !*pattern && !*path;
    if (!cut_part(pattern, want, &behind) || !cut_part(path, have, &rest))
        return false;
    if (strcmp(want, "**") != 0)
        return fnmatch(want, have, FNM_PERIOD) == 0 && walk_match(behind, rest);
    /* At the end it stands for whatever is below. */
    if (!*behind && !*rest)
        return have[0] != '.';
    return walk_match(behind, path) ||
           (have[0] != '.' && *rest && walk_match(pattern, rest));
}

/* ---- folders ---- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int entry_failed(const FTSENT *f, struct err *e)
{
    int why = f->fts_info == FTS_SLNONE ? ENOENT : f->fts_errno;
    return err_sys(e, ERR_IO, why, "cannot read '%s'", f->fts_path);
}

/* Takes what fts has found. */
static int take(struct walk *w, FTS *fts, FTSENT *f, bool all, struct err *e)
{
    bool hidden =
        !all && f->fts_level > 0 && walk_is_hidden(walk_base(f->fts_path));
    switch (f->fts_info) {
    case FTS_D:
        if (hidden)
            fts_set(fts, f, FTS_SKIP);
        return 0;
    case FTS_F: return hidden ? 0 : walk_add(w, f->fts_path, e);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
    case FTS_SLNONE: return hidden ? 0 : entry_failed(f, e);
    default: return 0;
    }
}

int walk_folder(struct walk *w, const char *folder, bool all, struct err *e)
{
    /* fts does not write to it, whatever its type says. */
    char *roots[] = { (char *)(size_t)folder, NULL };
    size_t from = w->n;
    FTSENT *f;
    int r = 0;
    FTS *fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (!fts)
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", folder);
    errno = 0;
    while (r == 0 && (f = fts_read(fts)))
        r = take(w, fts, f, all, e);
    if (r == 0 && errno)
        r = err_sys(e, ERR_IO, errno, "cannot read '%s'", folder);
    fts_close(fts);
    if (w->n > from)
        qsort(w->paths + from, w->n - from, sizeof(*w->paths), by_bytes);
    return r;
}

/* ---- patterns ---- */

/* Behind a wildcard glob takes a name that it may not look at for one that is
 * not there, and would leave out a folder in silence: this is why it could
 * not, or 0. */
static _Thread_local int unseen;

static int look(int r)
{
    if (r != 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        unseen = errno;
    return r;
}

static int glob_lstat(const char *path, struct stat *st)
{
    return look(lstat(path, st));
}

static int glob_stat(const char *path, struct stat *st)
{
    return look(stat(path, st));
}

static void *glob_opendir(const char *path)
{
    return opendir(path);
}

static struct dirent *glob_readdir(void *dir)
{
    return readdir(dir);
}

static void glob_closedir(void *dir)
{
    (void)closedir(dir);
}

static int match_glob(struct walk *w, const char *pattern, struct err *e)
{
    glob_t g = { .gl_lstat = glob_lstat,
                 .gl_stat = glob_stat,
                 .gl_opendir = glob_opendir,
                 .gl_readdir = glob_readdir,
                 .gl_closedir = glob_closedir };
    unseen = 0;
    int r = glob(pattern, GLOB_ERR | GLOB_ALTDIRFUNC, NULL, &g);
    if (r == GLOB_ABORTED || ((r == 0 || r == GLOB_NOMATCH) && unseen)) {
        int why = r == GLOB_ABORTED ? errno : unseen;
        if (r == 0)
            globfree(&g);
        return err_sys(e, ERR_NOINPUT, why, "cannot look for '%s'", pattern);
    }
    if (r == GLOB_NOMATCH)
        return 0;
    if (r != 0)
        return err_nomem(e);
    for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
        r = walk_add(w, g.gl_pathv[i], e);
    globfree(&g);
    return r;
}

/* Walks the folder that stands before the first wildcard. */
static int match_deep(struct walk *w, const char *pattern, struct err *e)
{
    struct walk all = { 0 };
    struct buf folder = { .max = 65536 };
    size_t n = strcspn(pattern, "*?[");
    while (n > 0 && pattern[n - 1] != '/')
        n--;
    buf_add(&folder, n ? pattern : ".", n ? n : 1);
    int r =
        buf_z(&folder) ? walk_folder(&all, folder.p, true, e) : err_nomem(e);
    /* Without a folder before it fts puts "./" there. */
    size_t skip = n ? n : 2;
    for (size_t i = 0; r == 0 && i < all.n; i++)
        if (strlen(all.paths[i]) > skip &&
            walk_match(pattern + n, all.paths[i] + skip))
            r = walk_add(w, all.paths[i] + (n ? 0 : 2), e);
    walk_free(&all);
    buf_free(&folder);
    return r;
}

int walk_pattern(struct walk *w, const char *pattern, struct err *e)
{
    return strstr(pattern, "**") ? match_deep(w, pattern, e)
                                 : match_glob(w, pattern, e);
}
