/* branch: outputs of a stage beside its own: files and open descriptors. */
#include "stage/private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BRANCHES_MAX 256

struct branch {
    struct output out;
    struct mark mark; /* of a pipe; else fd is -1 */
    char *name;       /* owned: as messages call it */
    int fd;           /* the descriptor asked for, -1: a file */
    uint64_t rows;
};

/* A place in the list; NULL with st->err. */
static struct branch *add(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (p->n_branches == BRANCHES_MAX) {
        err_set(&st->err, ERR_USAGE, "more than %d outputs", BRANCHES_MAX);
        return NULL;
    }
    struct branch *v =
        realloc(p->branches, (p->n_branches + 1) * sizeof(*p->branches));
    if (!v) {
        err_nomem(&st->err);
        return NULL;
    }
    p->branches = v;
    v += p->n_branches;
    *v = (struct branch){ .out.fd = -1, .mark.fd = -1, .fd = -1 };
    return v;
}

/* ---- descriptors */

static bool same_pipe(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISFIFO(x.st_mode) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What we opened ourselves is closed at exec; what was handed to us is not. */
static int check_fd(struct stage *st, int fd, const char *target)
{
    int flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);
    if (fd <= STDERR_FILENO)
        return err_set(&st->err, ERR_USAGE,
                       "cannot write '%s': 0, 1 and 2 are taken", target);
    if (flags < 0 || flags & FD_CLOEXEC || fd == st->priv->gate.fd)
        return err_set(&st->err, ERR_USAGE,
                       "cannot write '%s': the descriptor is not open", target);
    if ((mode & O_ACCMODE) == O_RDONLY)
        return err_set(&st->err, ERR_USAGE,
                       "cannot write '%s': the descriptor is open for reading "
                       "alone",
                       target);
    bool shared = same_pipe(fd, st->out.fd);
    for (size_t i = 0; i < st->priv->n_branches; i++)
        shared = shared || same_pipe(fd, st->priv->branches[i].out.fd);
    if (shared)
        return err_set(&st->err, ERR_USAGE,
                       "cannot write '%s': another output is the same pipe",
                       target);
    return 0;
}

static int open_fd(struct stage *st, int fd, const char *target, size_t *index)
{
    struct stage_private *p = st->priv;
    for (*index = 0; *index < p->n_branches; ++*index)
        if (p->branches[*index].fd == fd)
            return 0;
    if (check_fd(st, fd, target))
        return -1;
    struct branch *b = add(st);
    if (!b || output_fd(&b->out, fd, &st->err))
        return -1;
    p->n_branches++;
    b->fd = fd;
    b->out.name = b->name = strdup(target);
    if (!b->name)
        return err_nomem(&st->err);
    if (mark_begin(&b->mark, fd))
        return err_set(&st->err, ERR_USAGE,
                       "cannot write '%s': another pipeutils stage writes to "
                       "this pipe",
                       target);
    return 0;
}

/* The N of "fd:N" or "&N", or -1. */
static int fd_of(const char *target)
{
    const char *digits = strncmp(target, "fd:", 3) == 0 ? target + 3
                         : target[0] == '&'             ? target + 1
                                                        : "";
    size_t n = strspn(digits, "0123456789");
    return n == 0 || n > 6 || digits[n] ? -1 : atoi(digits);
}

/* ---- files */

/* The file that path leads to, also where only its folder is there. Owned;
 * NULL: no memory, or no such folder. */
static char *whole_path(const char *path)
{
    char *real = realpath(path, NULL), *copy, *folder, *whole = NULL;
    if (real || errno != ENOENT)
        return real;
    copy = strdup(path);
    folder = copy ? realpath(dirname(copy), NULL) : NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (folder && asprintf(&whole, "%s/%s", folder, name) < 0)
        whole = NULL;
    free(copy);
    free(folder);
    return whole;
}

static bool is_output(const struct stage *st, const char *whole)
{
    char *own = st->out.tmp ? whole_path(st->out.path) : NULL;
    bool same = own && strcmp(own, whole) == 0;
    free(own);
    return same;
}

/* A replay has a few records of what a run wrote, and would put them in the
 * place of all. */
static int check_replay(struct stage *st, const char *path)
{
    struct stat there;
    if (!dlq_replaying() || stat(path, &there) != 0 || !S_ISREG(there.st_mode))
        return 0;
    return err_set(&st->err, ERR_CANTCREAT,
                   "cannot create '%s': it is there, and a replay would write "
                   "it anew",
                   path);
}

static int open_file(struct stage *st, const char *path, size_t *index)
{
    struct stage_private *p = st->priv;
    char *whole = whole_path(path);
    if (!whole)
        return err_sys(&st->err, ERR_CANTCREAT, errno, "cannot create '%s'",
                       path);
    for (*index = 0; *index < p->n_branches; ++*index)
        if (strcmp(p->branches[*index].name, whole) == 0) {
            free(whole);
            return 0;
        }
    struct branch *b = NULL;
    if (is_output(st, whole))
        err_set(&st->err, ERR_USAGE,
                "cannot write '%s': it is the output of -o", path);
    else if (check_replay(st, whole) == 0)
        b = add(st);
    if (!b || output_file(&b->out, whole, &st->err)) {
        free(whole);
        return -1;
    }
    p->n_branches++;
    b->name = whole;
    return 0;
}

int stage_branch(struct stage *st, const char *target, size_t *index)
{
    struct buf path = { .max = 65536 };
    int fd = fd_of(target);
    int r = fd >= 0 ? open_fd(st, fd, target, index)
                    : stage_expand(st, &path, target);
    if (fd < 0 && r == 0)
        r = buf_z(&path) ? open_file(st, path.p, index) : err_nomem(&st->err);
    buf_free(&path);
    if (r == 0)
        st->priv->branches[*index].out.stop = stage_stopping;
    return r;
}

int branch_fd(const struct stage *st, size_t index)
{
    return st->priv->branches[index].fd;
}

const char *stage_branch_name(const struct stage *st, size_t index,
                              uint64_t *rows)
{
    if (index >= st->priv->n_branches)
        return NULL;
    *rows = st->priv->branches[index].rows;
    return st->priv->branches[index].name;
}

/* ---- for the rest of the stage */

int branch_write(struct stage *st, size_t index, struct str text, uint64_t rows)
{
    struct branch *b = &st->priv->branches[index];
    b->rows += rows;
    return output_write(&b->out, text, &st->err);
}

int branches_flush(struct stage *st, struct err *e)
{
    for (size_t i = 0; i < st->priv->n_branches; i++)
        if (output_flush(&st->priv->branches[i].out, e))
            return -1;
    return 0;
}

int branches_commit(struct stage *st)
{
    /* All that can fail for want of room comes before the first name. */
    if (branches_flush(st, &st->err))
        return -1;
    for (size_t i = 0; i < st->priv->n_branches; i++)
        if (output_commit(&st->priv->branches[i].out, &st->err))
            return -1;
    return 0;
}

bool branches_reader_gone(const struct stage *st)
{
    for (size_t i = 0; i < st->priv->n_branches; i++)
        if (st->priv->branches[i].out.reader_gone)
            return true;
    return false;
}

void branches_show(struct stage *st)
{
    struct err lost;
    for (size_t i = 0; i < st->priv->n_branches; i++) {
        struct output *o = &st->priv->branches[i].out;
        if (!o->tmp && !o->reader_gone && o->buf)
            (void)output_flush(o, &lost);
    }
}

void branches_mark(struct stage *st, int code)
{
    for (size_t i = 0; i < st->priv->n_branches; i++) {
        struct branch *b = &st->priv->branches[i];
        if (code)
            mark_fail(&b->mark, code);
        else
            mark_ok(&b->mark,
                    st->verdict == VERDICT_CLEAN ? MARK_OK : MARK_UNVERIFIED,
                    b->out.bytes);
    }
}

uint64_t branches_bytes(const struct stage *st)
{
    uint64_t n = 0;
    for (size_t i = 0; i < st->priv->n_branches; i++)
        n += st->priv->branches[i].out.bytes;
    return n;
}

void branches_close(struct stage *st)
{
    for (size_t i = 0; i < st->priv->n_branches; i++) {
        output_close(&st->priv->branches[i].out);
        free(st->priv->branches[i].name);
    }
    free(st->priv->branches);
    st->priv->branches = NULL;
    st->priv->n_branches = 0;
}
