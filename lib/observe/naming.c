#include "observe/naming.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PIPEFS_MAGIC 0x50495045

static int done(const struct buf *a, const struct buf *b)
{
    return a->failed || b->failed ? -1 : 0;
}

/* Appends path made absolute: through its links, where it is there or at least
 * its folder is. */
static void add_absolute(struct buf *out, const char *path)
{
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (realpath(path, real)) {
        buf_addz(out, real);
        return;
    }
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
    if (realpath(folder ? folder : ".", real)) {
        buf_addz(out, strcmp(real, "/") == 0 ? "" : real);
        buf_addc(out, '/');
        buf_addz(out, slash ? slash + 1 : path);
    } else {
        buf_addz(out, path);
    }
    free(folder);
}

/* The length of "scheme" in "scheme:...", or 0. */
static size_t scheme_of(const char *uri)
{
    const char *p = uri;
    while (isalnum((unsigned char)*p) || *p == '+' || *p == '.' || *p == '-')
        p++;
    return *p == ':' && isalpha((unsigned char)*uri) ? (size_t)(p - uri) : 0;
}

/* "scheme://[user[:password]@]host[:port]/path[?query][#fragment]" */
static void split_uri(struct buf *namespace, struct buf *name, const char *uri,
                      size_t scheme)
{
    const char *host = uri + scheme + 3;
    size_t n = strcspn(host, "/?#");
    const char *path = host + n;
    const char *at = memrchr(host, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    buf_add(namespace, uri, scheme + 3);
    buf_add(namespace, host, n);
    path += strspn(path, "/");
    buf_add(name, path, strcspn(path, "?#"));
}

int naming_uri(struct buf *namespace, struct buf *name, const char *uri,
               const char *table)
{
    size_t scheme = scheme_of(uri);
    buf_reset(namespace);
    buf_reset(name);
    if (scheme == 4 && strncmp(uri, "file", 4) == 0) {
        uri += strncmp(uri, "file:///", 8) == 0 ? 7 : 5;
        scheme = 0;
    }
    if (scheme && strncmp(uri + scheme, "://", 3) == 0) {
        split_uri(namespace, name, uri, scheme);
        if (table && name->n)
            buf_addc(name, '.');
    } else if (scheme && table) {
        buf_add(namespace, uri, scheme);
        buf_addz(namespace, "://");
        add_absolute(namespace, uri + scheme + 1);
    } else {
        buf_addz(namespace, "file");
        add_absolute(name, uri);
    }
    if (table)
        buf_addz(name, table);
    return done(namespace, name);
}

/* Inode numbers count from 0 again when the machine starts. */
static void add_boot_id(struct buf *out)
{
    char id[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id));
    if (fd >= 0)
        close(fd);
    while (n > 0 && id[n - 1] == '\n')
        n--;
    if (n > 0) {
        buf_add(out, id, (size_t)n);
    } else if (gethostname(id, sizeof(id)) == 0) {
        id[sizeof(id) - 1] = '\0';
        buf_addz(out, id);
    }
}

int naming_fd(struct buf *namespace, struct buf *name, int fd)
{
    struct stat st;
    struct statfs fs;
    char link[32], path[PATH_MAX];
    buf_reset(namespace);
    buf_reset(name);
    if (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
        return 0;
    if (S_ISFIFO(st.st_mode) && fstatfs(fd, &fs) == 0 &&
        fs.f_type == PIPEFS_MAGIC) {
        buf_addz(namespace, "pipe://");
        add_boot_id(namespace);
        buf_addf(name, "pipe:[%llu]", (unsigned long long)st.st_ino);
        return done(namespace, name) ? -1 : 1;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path));
    if (n <= 0 || n == (ssize_t)sizeof(path) || path[0] != '/')
        return 0;
    buf_addz(namespace, "file");
    buf_add(name, path, (size_t)n);
    return done(namespace, name) ? -1 : 1;
}

/* The bytes of a URI that begin s: up to a space or quote. */
static struct str take_uri(struct str *s)
{
    struct str uri = { s->p, 0 };
    while (uri.n < s->n && !strchr(" \t\n'\"<>", s->p[uri.n]))
        uri.n++;
    *s = (struct str){ s->p + uri.n, s->n - uri.n };
    return uri;
}

int naming_hide(struct buf *out, struct str text)
{
    const char *p;
    while (text.n && (p = memmem(text.p, text.n, "://", 3)) != NULL) {
        size_t n = (size_t)(p - text.p) + 3;
        buf_add(out, text.p, n);
        text = (struct str){ text.p + n, text.n - n };
        struct str uri = take_uri(&text);
        size_t host = 0, end = 0;
        while (end < uri.n && !strchr("/?#", uri.p[end]))
            end++;
        if (end && (p = memrchr(uri.p, '@', end)) != NULL)
            host = (size_t)(p - uri.p) + 1;
        while (end < uri.n && !strchr("?#", uri.p[end]))
            end++;
        buf_add(out, uri.p + host, end - host);
    }
    return buf_add_str(out, text);
}
