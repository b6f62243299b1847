#include "s3/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)
#define VALUE_MAX 16384 /* session tokens are long */

static void wipe(struct str *s)
{
    if (s->p)
        explicit_bzero((char *)s->p, s->n);
    free((char *)s->p);
    *s = (struct str){ 0 };
}

void credentials_free(struct credentials *c)
{
    wipe(&c->access);
    wipe(&c->secret);
    wipe(&c->token);
}

static const char *profile(void)
{
    const char *name = getenv("AWS_PROFILE");
    return name && *name ? name : "default";
}

/* What goes into a header is printable and without spaces. */
static int keep(struct str *to, struct str value, struct err *e)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] <= ' ' || value.p[i] > '~')
            return err_set(e, ERR_CONFIG,
                           "credentials of S3 have a character that none has");
    if (value.n > VALUE_MAX)
        return err_set(e, ERR_CONFIG, "credentials of S3 are too long");
    wipe(to);
    char *copy = malloc(value.n + 1);
    if (!copy)
        return err_nomem(e);
    if (value.n)
        memcpy(copy, value.p, value.n);
    copy[value.n] = '\0';
    *to = (struct str){ copy, value.n };
    return 0;
}

/* ---- files: [section] lines and key = value lines */

/* Fills text with the file, wiped by the caller. 1, 0: there is none, -1. */
static int read_file(const char *path, bool secret, struct buf *text,
                     struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    int r = 1;
    if (fstat(fd, &st) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    else if (!S_ISREG(st.st_mode))
        r = err_set(e, ERR_CONFIG, "'%s' is no regular file", path);
    else if (secret && (st.st_mode & 077))
        r = err_set(e, ERR_NOPERM,
                    "'%s' has mode %04o: others may use it (chmod 600)", path,
                    (unsigned)st.st_mode & 07777);
    else if ((size_t)st.st_size > FILE_MAX)
        r = err_set(e, ERR_CONFIG, "'%s' is too large", path);
    /* In one piece, so that no copy of a secret stays behind in memory. */
    else if (buf_reserve(text, FILE_MAX))
        r = err_nomem(e);
    while (r > 0 && text->n < FILE_MAX) {
        ssize_t n = read(fd, text->p + text->n, FILE_MAX - text->n);
        if (n < 0 && errno != EINTR)
            r = err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
        else if (n > 0)
            text->n += (size_t)n;
        else if (n == 0)
            break;
    }
    close(fd);
    return r;
}

static void wipe_text(struct buf *text)
{
    if (text->p)
        explicit_bzero(text->p, text->cap);
    buf_free(text);
}

static struct str trim(struct str s)
{
    static const char space[] = " \t\r";
    while (s.n && strchr(space, s.p[0]))
        s.p++, s.n--;
    while (s.n && strchr(space, s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool take_line(struct str *rest, struct str *line)
{
    if (!rest->n)
        return false;
    const char *lf = memchr(rest->p, '\n', rest->n);
    size_t n = lf ? (size_t)(lf - rest->p) : rest->n;
    *line = (struct str){ rest->p, n };
    n += lf != NULL;
    *rest = (struct str){ rest->p + n, rest->n - n };
    return true;
}

/* Is line the head of the section? "[profile NAME]" in a configuration. */
static bool is_section(struct str line, const char *name)
{
    struct str s = trim((struct str){ line.p + 1, line.n - 1 });
    const struct str word = STR("profile ");
    if (!s.n || s.p[s.n - 1] != ']')
        return false;
    s = trim((struct str){ s.p, s.n - 1 });
    if (s.n > word.n && memcmp(s.p, word.p, word.n) == 0)
        s = trim((struct str){ s.p + word.n, s.n - word.n });
    return str_eq(s, str_of(name));
}

/* The last value of a key in the section; false where it has none. */
static bool look_up(struct str text, const char *section, const char *key,
                    struct str *value)
{
    struct str line;
    bool inside = false, found = false;
    while (take_line(&text, &line)) {
        bool nested = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
        struct str s = trim(line);
        if (!s.n || s.p[0] == '#' || s.p[0] == ';')
            continue;
        if (s.p[0] == '[') {
            inside = is_section(s, section);
            continue;
        }
        const char *eq = memchr(s.p, '=', s.n);
        if (!inside || nested || !eq)
            continue;
        size_t n = (size_t)(eq - s.p);
        if (!str_eq(trim((struct str){ s.p, n }), str_of(key)))
            continue;
        *value = trim((struct str){ eq + 1, s.n - n - 1 });
        found = true;
    }
    return found;
}

/* ---- where they are */

static int add_home(struct buf *path, const char *name, struct err *e)
{
    const char *home = getenv("HOME");
    if (home && *home)
        buf_addf(path, "%s/.aws/%s", home, name);
    return path->failed ? err_nomem(e) : 0;
}

static int from_text(struct credentials *c, struct str text, const char *path,
                     struct err *e)
{
    struct str access = { 0 }, secret = { 0 }, token = { 0 };
    const char *name = profile();
    bool has_access = look_up(text, name, "aws_access_key_id", &access);
    bool has_secret = look_up(text, name, "aws_secret_access_key", &secret);
    (void)look_up(text, name, "aws_session_token", &token);
    if (!has_access || !has_secret || !access.n || !secret.n)
        return err_set(e, ERR_CONFIG,
                       "profile '%s' in '%s' has no aws_access_key_id and "
                       "aws_secret_access_key",
                       name, path);
    return keep(&c->access, access, e) || keep(&c->secret, secret, e) ||
                   keep(&c->token, token, e)
               ? -1
               : 0;
}

/* 1, 0: no such file, -1. */
static int from_file(struct credentials *c, const char *path, bool secret,
                     struct err *e)
{
    struct buf text = { .max = FILE_MAX };
    int r = read_file(path, secret, &text, e);
    if (r > 0 && from_text(c, buf_str(&text), path, e))
        r = -1;
    wipe_text(&text);
    return r;
}

static int none(struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "no credentials for S3: neither AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY nor ~/.aws/credentials "
                   "(--s3-anonymous goes without)");
}

static int from_files(struct credentials *c, struct err *e)
{
    const char *file = getenv("AWS_SHARED_CREDENTIALS_FILE");
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    struct buf path = { .max = 65536 };
    int r = 0;
    if (file && *file) {
        r = from_file(c, file, true, e);
        return r == 0
                   ? err_set(e, ERR_CONFIG,
                             "no file '%s' (AWS_SHARED_CREDENTIALS_FILE)", file)
                   : r;
    }
    if (dir && *dir) {
        buf_addf(&path, "%s/aws-credentials", dir);
        /* systemd sees to who may read it, by lists that a mode is no more
         * than the mask of. */
        r = buf_z(&path) ? from_file(c, path.p, false, e) : err_nomem(e);
    }
    if (r == 0) {
        buf_reset(&path);
        r = add_home(&path, "credentials", e);
        if (r == 0 && path.n)
            r = buf_z(&path) ? from_file(c, path.p, true, e) : err_nomem(e);
    }
    buf_free(&path);
    return r;
}

int credentials_find(struct credentials *c, struct err *e)
{
    const char *access = getenv("AWS_ACCESS_KEY_ID");
    const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *token = getenv("AWS_SESSION_TOKEN");
    bool has_access = access && *access, has_secret = secret && *secret;
    *c = (struct credentials){ 0 };
    if (has_access != has_secret)
        return err_set(
            e, ERR_CONFIG, "%s is set, %s is not",
            has_access ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
            has_access ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    int r = 1;
    if (!has_access)
        r = from_files(c, e);
    else if (keep(&c->access, str_of(access), e) ||
             keep(&c->secret, str_of(secret), e) ||
             keep(&c->token, str_of(token ? token : ""), e))
        r = -1;
    if (r == 0)
        r = none(e);
    if (r < 0)
        credentials_free(c);
    return r < 0 ? -1 : 0;
}

int credentials_config(const char *key, struct buf *out, struct err *e)
{
    const char *file = getenv("AWS_CONFIG_FILE");
    struct buf path = { .max = 65536 }, text = { .max = FILE_MAX };
    struct str value;
    int r = 0;
    if (file && *file)
        r = buf_addz(&path, file) ? err_nomem(e) : 0;
    else
        r = add_home(&path, "config", e);
    if (r == 0 && path.n)
        r = buf_z(&path) ? read_file(path.p, false, &text, e) : err_nomem(e);
    if (r > 0 && look_up(buf_str(&text), profile(), key, &value) &&
        buf_add_str(out, value))
        r = err_nomem(e);
    wipe_text(&text);
    buf_free(&path);
    return r < 0 ? -1 : 0;
}
