#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void secret_free(struct str *secret)
{
    if (secret->p)
        explicit_bzero((char *)secret->p, secret->n);
    free((char *)secret->p);
    *secret = (struct str){ 0 };
}

static ssize_t read_whole(int fd, char *p, size_t cap)
{
    size_t n = 0;
    while (n < cap) {
        ssize_t r = read(fd, p + n, cap - n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        n += (size_t)r;
    }
    return (ssize_t)n;
}

/* Fills p, of SECRET_MAX + 1 bytes. How many there are, or -1. */
static ssize_t read_file(const char *path, char *p, struct err *e)
{
    /* Without O_NONBLOCK a FIFO of that name would hold the run up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = -1;
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot read key file '%s'", path);
    if (fstat(fd, &st) != 0)
        err_sys(e, ERR_IO, errno, "cannot read key file '%s'", path);
    else if (!S_ISREG(st.st_mode))
        err_set(e, ERR_CONFIG, "key file '%s' is no regular file", path);
    else if (st.st_mode & 077)
        err_set(e, ERR_NOPERM,
                "key file '%s' has mode %04o: others may use it (chmod 600)",
                path, (unsigned)st.st_mode & 07777);
    else if ((n = read_whole(fd, p, SECRET_MAX + 1)) < 0)
        err_sys(e, ERR_IO, errno, "cannot read key file '%s'", path);
    close(fd);
    return n;
}

static ssize_t read_env(const char *name, char *p, struct err *e)
{
    const char *value = getenv(name);
    if (!value)
        return err_set(e, ERR_CONFIG,
                       "environment variable '%s' for a key is not set", name);
    size_t n = strnlen(value, SECRET_MAX + 1);
    memcpy(p, value, n);
    return (ssize_t)n;
}

int secret_read(struct str source, struct str *out, struct err *e)
{
    bool file = source.n > 5 && memcmp(source.p, "file:", 5) == 0;
    bool env = source.n > 4 && memcmp(source.p, "env:", 4) == 0;
    size_t scheme = file ? 5 : 4;
    if ((!file && !env) || memchr(source.p, '\0', source.n))
        return err_set(e, ERR_USAGE,
                       "key source must be 'file:PATH' or 'env:NAME'");
    char *name = strndup(source.p + scheme, source.n - scheme);
    char *p = malloc(SECRET_MAX + 1);
    if (!name || !p) {
        free(name);
        free(p);
        return err_nomem(e);
    }
    ssize_t n = file ? read_file(name, p, e) : read_env(name, p, e);
    struct str key = { p, n > 0 ? (size_t)n : 0 };
    bool too_long = key.n > SECRET_MAX;
    key.n -= key.n && p[key.n - 1] == '\n';
    key.n -= key.n && p[key.n - 1] == '\r';
    if (n >= 0 && (key.n == 0 || too_long)) {
        err_set(e, ERR_CONFIG, "key of '%s' %s", name,
                too_long ? "has more than 4096 bytes" : "is empty");
        n = -1;
    }
    free(name);
    if (n < 0) {
        explicit_bzero(p, SECRET_MAX + 1);
        free(p);
        return -1;
    }
    *out = key;
    return 0;
}
