#include "source/files.h"

#include "base/buf.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int add_path(struct files *f, const char *path, struct err *e)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 16;
        char **p = realloc(f->paths, cap * sizeof(*p));
        if (!p)
            return err_nomem(e);
        f->paths = p;
        f->cap = cap;
    }
    f->paths[f->n] = strdup(path);
    if (!f->paths[f->n])
        return err_nomem(e);
    f->n++;
    return 0;
}

static int check_path(const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return err_sys(e, ERR_NOINPUT, errno, "cannot open '%s'", path);
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_NOINPUT,
                       "'%s' is a folder: name its files, such as '%s%s*.csv'",
                       path, path, path[strlen(path) - 1] == '/' ? "" : "/");
    if (access(path, R_OK) != 0)
        return err_sys(e, ERR_NOINPUT, errno, "cannot open '%s'", path);
    return 0;
}

static int add_checked(struct files *f, const char *path, struct err *e)
{
    return check_path(path, e) == 0 ? add_path(f, path, e) : -1;
}

static int add_stdin(struct files *f, struct err *e)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->paths[i], "-") == 0)
            return err_set(e, ERR_USAGE, "stdin is named twice");
    return add_path(f, "-", e);
}

static int add_glob(struct files *f, const char *pattern, struct err *e)
{
    glob_t g;
    int r = glob(pattern, GLOB_ERR, NULL, &g);

    if (r == GLOB_NOMATCH)
        return err_set(e, ERR_NOINPUT, "no file matches '%s'", pattern);
    if (r == GLOB_ABORTED)
        return err_sys(e, ERR_NOINPUT, errno, "cannot look for '%s'", pattern);
    if (r != 0)
        return err_nomem(e);
    for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
        r = add_checked(f, g.gl_pathv[i], e);
    globfree(&g);
    return r;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The path of file:PATH, file:///PATH or file://localhost/PATH, decoded. */
static int decode_uri(struct buf *path, const char *uri, struct err *e)
{
    const char *p = uri + strlen("file:");

    if (strncmp(p, "//", 2) == 0) {
        p += 2;
        if (strncasecmp(p, "localhost/", 10) == 0)
            p += 9;
        if (*p != '/')
            return err_set(e, ERR_USAGE, "'%s' names another host", uri);
    }
    for (; *p; p++) {
        char c = *p;
        if (c == '%') {
            int hi = hex(p[1]), lo = hi < 0 ? -1 : hex(p[2]);
            if (lo < 0 || hi * 16 + lo == 0)
                return err_set(e, ERR_USAGE, "'%s' has a bad %%-escape", uri);
            c = (char)(hi * 16 + lo);
            p += 2;
        }
        buf_addc(path, c);
    }
    if (path->failed)
        return err_nomem(e);
    return path->n ? 0 : err_set(e, ERR_USAGE, "'%s' names no file", uri);
}

static int add_uri(struct files *f, const char *uri, struct err *e)
{
    struct buf path = { 0 };
    int r = decode_uri(&path, uri, e);

    if (r == 0)
        r = buf_z(&path) ? add_checked(f, path.p, e) : err_nomem(e);
    buf_free(&path);
    return r;
}

/* Length of a scheme that "://" follows, or 0. */
static size_t scheme_length(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    return strncmp(s + n, "://", 3) == 0 ? n : 0;
}

int files_add(struct files *f, const char *operand, struct err *e)
{
    struct stat st;
    size_t scheme = scheme_length(operand);

    if (strcmp(operand, "-") == 0)
        return add_stdin(f, e);
    if (strncmp(operand, "file:", 5) == 0 && lstat(operand, &st) != 0)
        return add_uri(f, operand, e);
    if (scheme && lstat(operand, &st) != 0)
        return err_set(e, ERR_USAGE, "no source for '%.*s:' URIs: '%s'",
                       (int)scheme, operand, operand);
    if (strpbrk(operand, "*?[") && lstat(operand, &st) != 0)
        return add_glob(f, operand, e);
    return add_checked(f, operand, e);
}

void files_free(struct files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->paths[i]);
    free(f->paths);
    *f = (struct files){ 0 };
}
