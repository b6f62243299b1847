#include "dlq/target.h"

#include "io/filelock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".ndjson"

/* "kafka://...", "s3://..." */
static bool has_scheme(const char *uri)
{
    const char *p = uri;
    while (isalnum((unsigned char)*p) || *p == '+' || *p == '.' || *p == '-')
        p++;
    return p > uri && strncmp(p, "://", 3) == 0;
}

int target_parse(struct target *t, const char *uri, struct err *e)
{
    struct stat s;
    const char *path = uri;
    if (strncmp(path, "file:", 5) == 0) {
        path += 5;
        if (strncmp(path, "///", 3) == 0)
            path += 2;
    } else if (strncmp(path, "kafka://", 8) == 0) {
        return err_set(e, ERR_USAGE,
                       "dead letters of a topic are only written here: read "
                       "'%s' by pipe-extract --kafka-envelope, or by kcat",
                       uri);
    } else if (has_scheme(path)) {
        return err_set(e, ERR_USAGE,
                       "unknown kind of dead letter queue '%s': name a "
                       "directory (ending in /), a file or "
                       "kafka://HOST:PORT/TOPIC",
                       uri);
    }
    size_t n = strlen(path);
    if (n == 0)
        return err_set(e, ERR_USAGE, "dead letter queue has an empty name");
    *t = (struct target){ .directory = path[n - 1] == '/' };
    while (n > 1 && path[n - 1] == '/')
        n--;
    t->path = strndup(path, n);
    if (!t->path)
        return err_nomem(e);
    if (stat(t->path, &s) == 0) {
        if (!S_ISDIR(s.st_mode) && (!S_ISREG(s.st_mode) || t->directory)) {
            err_set(e, ERR_CANTCREAT,
                    "cannot keep dead letters in '%s': not a %s", uri,
                    t->directory ? "directory" : "regular file");
            target_free(t);
            return -1;
        }
        t->directory = S_ISDIR(s.st_mode);
    }
    return 0;
}

char *target_folder(const struct target *t)
{
    char *copy = strdup(t->path);
    if (!copy || t->directory)
        return copy;
    char *folder = strdup(dirname(copy));
    free(copy);
    return folder;
}

/* A folder that is missing can be made if the nearest one above it that is
 * there takes new entries. */
static int check_folder(const char *folder, const char *path, struct err *e)
{
    char *at = strdup(folder);
    if (!at)
        return err_nomem(e);
    while (access(at, F_OK) != 0 && errno == ENOENT) {
        char *copy = strdup(at);
        if (!copy) {
            free(at);
            return err_nomem(e);
        }
        char *up = strdup(dirname(copy));
        free(copy);
        free(at);
        at = up;
        if (!at)
            return err_nomem(e);
    }
    struct stat s;
    int bad = stat(at, &s) != 0              ? errno
              : !S_ISDIR(s.st_mode)          ? ENOTDIR
              : access(at, W_OK | X_OK) != 0 ? errno
                                             : 0;
    free(at);
    return bad ? err_sys(e, ERR_CANTCREAT, bad,
                         "cannot keep dead letters in '%s'", path)
               : 0;
}

int target_check(const struct target *t, struct err *e)
{
    if (t->directory)
        return check_folder(t->path, t->path, e);
    if (access(t->path, R_OK | W_OK) == 0)
        return 0;
    if (errno != ENOENT)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot keep dead letters in '%s'", t->path);
    char *folder = target_folder(t);
    if (!folder)
        return err_nomem(e);
    int r = access(folder, F_OK) != 0
                ? err_sys(e, ERR_CANTCREAT, errno,
                          "cannot keep dead letters in '%s'", t->path)
                : check_folder(folder, t->path, e);
    free(folder);
    return r;
}

int target_lock(const struct target *t, int patience_ms, int *fd, struct err *e)
{
    char *folder = target_folder(t);
    int r = 1;
    if (!folder)
        return err_nomem(e);
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        r = errno == ENOENT
                ? 0
                : err_sys(e, ERR_IO, errno, "cannot open '%s'", folder);
    else if (filelock_wait(*fd, folder, patience_ms, e))
        r = -1;
    if (r < 0 && e->code == ERR_TEMPFAIL)
        err_set(e, ERR_TEMPFAIL, "another replay, edit or purge works in '%s'",
                folder);
    if (r < 0 && *fd >= 0)
        close(*fd);
    free(folder);
    return r;
}

static int sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -1;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0)
        return -1;
    int r = fsync(fd);
    close(fd);
    return r;
}

int target_make(const struct target *t, struct err *e)
{
    if (!t->directory)
        return 0;
    char *path = strdup(t->path);
    if (!path)
        return err_nomem(e);
    int r = 0;
    for (char *p = path + 1; r == 0 && p; p = strchr(p, '/')) {
        if (*p == '/')
            p++;
        char *slash = strchr(p, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0750) == 0)
            r = sync_folder_of(path);
        else if (errno != EEXIST && errno != EROFS && errno != EACCES)
            r = -1;
        if (slash)
            *slash = '/';
    }
    struct stat s;
    if (r == 0 && stat(t->path, &s) != 0)
        r = -1;
    if (r)
        err_sys(e, ERR_CANTCREAT, errno, "cannot make '%s'", t->path);
    free(path);
    return r;
}

static int is_segment(const struct dirent *d)
{
    size_t n = strlen(d->d_name), suffix = sizeof(SUFFIX) - 1;
    return d->d_name[0] != '.' && n > suffix &&
           strcmp(d->d_name + n - suffix, SUFFIX) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *folder, const char *name)
{
    size_t a = strlen(folder), b = strlen(name);
    char *p = malloc(a + b + 2);
    if (p) {
        memcpy(p, folder, a);
        p[a] = '/';
        memcpy(p + a + 1, name, b + 1);
    }
    return p;
}

static int list_folder(const struct target *t, char ***paths, size_t *n,
                       struct err *e)
{
    struct dirent **found;
    int count = scandir(t->path, &found, is_segment, by_name);
    if (count < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read '%s'", t->path);
    bool failed = false;
    *paths = calloc((size_t)count + 1, sizeof(**paths));
    for (int i = 0; i < count; i++) {
        if (*paths && !failed) {
            (*paths)[*n] = join(t->path, found[i]->d_name);
            failed = !(*paths)[*n];
            *n += !failed;
        }
        free(found[i]);
    }
    free(found);
    if (*paths && !failed)
        return 0;
    target_segments_free(*paths, *n);
    *paths = NULL;
    *n = 0;
    return err_nomem(e);
}

int target_segments(const struct target *t, char ***paths, size_t *n,
                    struct err *e)
{
    *paths = NULL;
    *n = 0;
    if (t->directory)
        return list_folder(t, paths, n, e);
    if (access(t->path, F_OK) != 0 && errno == ENOENT)
        return 0;
    *paths = calloc(1, sizeof(**paths));
    if (!*paths)
        return err_nomem(e);
    (*paths)[0] = strdup(t->path);
    if (!(*paths)[0]) {
        free(*paths);
        *paths = NULL;
        return err_nomem(e);
    }
    *n = 1;
    return 0;
}

void target_segments_free(char **paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
}

void target_free(struct target *t)
{
    free(t->path);
    *t = (struct target){ 0 };
}
