#include "observe/textfile.h"

#include "io/filelock.h"
#include "io/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes the folder and those that it lies in. */
static void make_folders(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        (void)mkdir(path, 0777);
        *p = '/';
    }
    (void)mkdir(path, 0777);
}

static int open_folder(const char *folder, struct err *e)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        struct buf path = { .max = 65536 };
        buf_addz(&path, folder);
        if (buf_z(&path))
            make_folders(path.p);
        buf_free(&path);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        err_sys(e, ERR_CANTCREAT, errno, "cannot use folder '%s'", folder);
    return fd;
}

/* Reads the file, if there is one: 1, 0 where there is none, -1. */
static int read_file(const char *path, struct buf *text, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = 1;
    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    int r = fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
                ? 1
                : err_set(e, ERR_DATA, "'%s' is no file", path);
    while (r > 0 && n > 0) {
        if (buf_reserve(text, 65536))
            r = err_set(e, ERR_DATA, "'%s' is too large", path);
        else if ((n = read(fd, text->p + text->n, text->cap - text->n)) > 0)
            text->n += (size_t)n;
        else if (n < 0)
            r = err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    }
    close(fd);
    return r;
}

/* What a file holds: 1; 0 where there is none; -1. m needs no init, and is
 * freed in every case. */
static int parse_file(const char *path, struct metrics *m, struct err *e)
{
    struct buf text = { .max = METRICS_BYTES_MAX };
    struct err why = { 0 };
    metrics_init(m);
    int r = read_file(path, &text, e);
    if (r > 0 && metrics_parse(m, buf_str(&text), &why))
        r = why.code == ERR_DATA
                ? err_set(e, ERR_DATA,
                          "'%s' is damaged: %s (without the file, counters "
                          "begin anew)",
                          path, why.msg)
                : err_nomem(e);
    buf_free(&text);
    return r;
}

static int merge_old(const char *path, struct metrics *m, struct err *e)
{
    struct metrics before;
    int r = parse_file(path, &before, e);
    if (r > 0)
        metrics_merge(m, &before);
    metrics_free(&before);
    return r < 0 ? -1 : 0;
}

static int replace_file(const char *path, const struct metrics *m,
                        struct err *e)
{
    struct buf text = { .max = METRICS_BYTES_MAX };
    struct output out;
    int r =
        metrics_format(&text, m) ? err_nomem(e) : output_file(&out, path, e);
    if (r == 0) {
        r = output_write(&out, buf_str(&text), e) || output_commit(&out, e) ? -1
                                                                            : 0;
        output_close(&out);
    }
    buf_free(&text);
    return r;
}

int textfile_add(const char *folder, const char *name, struct metrics *m,
                 struct err *e)
{
    struct buf path = { .max = 65536 };
    buf_addf(&path, "%s/%s.prom", folder, name);
    if (!buf_z(&path))
        return err_nomem(e);
    int fd = open_folder(folder, e);
    int r = fd < 0 || filelock_wait(fd, folder, TEXTFILE_PATIENCE_MS, e) ||
                    merge_old(path.p, m, e) || replace_file(path.p, m, e)
                ? -1
                : 0;
    if (fd >= 0)
        close(fd); /* and with it the lock */
    buf_free(&path);
    return r;
}

/* Is the file a pipeline's? Stages have no dot in their names. */
static bool is_of(const char *file, const char *pipeline)
{
    size_t n = strlen(file), p = strlen(pipeline);
    if (n < 5 || strcmp(file + n - 5, ".prom") != 0)
        return false;
    if (p && (n < p + 6 || memcmp(file, pipeline, p) != 0 || file[p] != '.'))
        return false;
    const char *stage = p ? file + p + 1 : file;
    return memchr(stage, '.', n - 5 - (size_t)(stage - file)) == NULL;
}

static int join_file(const char *folder, const char *file, struct metrics *m,
                     struct err *e)
{
    struct buf path = { .max = 65536 };
    struct metrics one;
    buf_addf(&path, "%s/%s", folder, file);
    if (!buf_z(&path))
        return err_nomem(e);
    int r = parse_file(path.p, &one, e);
    if (r > 0)
        metrics_join(m, &one);
    metrics_free(&one);
    buf_free(&path);
    return r < 0 ? -1 : 0;
}

int textfile_gather(const char *folder, const char *pipeline, struct metrics *m,
                    struct err *e)
{
    struct dirent **found;
    metrics_init(m);
    int n = scandir(folder, &found, NULL, alphasort), r = 0;
    if (n < 0)
        return errno == ENOENT ? 0
                               : err_sys(e, ERR_IO, errno,
                                         "cannot read folder '%s'", folder);
    for (int i = 0; i < n; i++) {
        if (r == 0 && is_of(found[i]->d_name, pipeline))
            r = join_file(folder, found[i]->d_name, m, e);
        free(found[i]);
    }
    free(found);
    return r == 0 && m->failed ? err_nomem(e) : r;
}
