#include "schema/store.h"

#include "json/check.h"
#include "json/value.h"
#include "schema/lookup.h"
#include "schema/meta.h"
#include "schema/schema.h"
#include "schema/uri.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct store {
    const char *const *dirs;
    size_t n_dirs;
    bool indexed;
    size_t n_files;
    struct arena arena; /* of URIs and paths */
    struct lookup ids;  /* path by $id */
};

struct store *store_new(const char *const *dirs, size_t n)
{
    struct store *s = calloc(1, sizeof(*s));
    if (s) {
        s->dirs = dirs;
        s->n_dirs = n;
    }
    return s;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    lookup_free(&s->ids);
    arena_free(&s->arena);
    free(s);
}

void store_options(const struct store *s, const char *const **dirs, size_t *n)
{
    *dirs = s->dirs;
    *n = s->n_dirs;
}

/* ---- files ---- */

#define READ_BYTES 65536

static int read_all(int fd, const char *path, struct buf *b, struct err *e)
{
    for (;;) {
        if (b->n > SCHEMA_MAX_BYTES)
            return err_set(e, ERR_CONFIG, "schema %s is larger than %zu bytes",
                           path, SCHEMA_MAX_BYTES);
        if (buf_reserve(b, READ_BYTES))
            return err_nomem(e);
        ssize_t n = read(fd, b->p + b->n, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "cannot read schema %s", path);
        if (n == 0)
            return 0;
        b->n += (size_t)n;
    }
}

int store_read(struct buf *text, const char *path, struct err *e)
{
    struct stat st;
    text->max = SCHEMA_MAX_BYTES + READ_BYTES + 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot open schema %s", path);
    int r = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)
                ? err_set(e, ERR_NOINPUT, "schema %s is a directory", path)
                : read_all(fd, path, text, e);
    close(fd);
    return r;
}

/* A reference leads to plain files alone: to read a FIFO or a device could
 * take for ever. */
static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- folders given as URI=DIR ---- */

/* Behind the = of "URI=DIR"; NULL for a mere folder, which may have an = in
 * its name but no scheme before it. */
static const char *mapped_dir(const char *spec)
{
    const char *eq = strchr(spec, '=');
    if (!eq)
        return NULL;
    struct str before = { spec, (size_t)(eq - spec) };
    return uri_split(before).scheme.p ? eq + 1 : NULL;
}

/* Sets path to the file that dirs[i] maps uri to: 1, 0 or -1. */
static int mapped_path(const struct store *s, size_t i, struct str uri,
                       struct buf *path)
{
    const char *dir = mapped_dir(s->dirs[i]);
    if (!dir)
        return 0;
    size_t n = (size_t)(dir - s->dirs[i]) - 1;
    if (uri.n <= n || memcmp(uri.p, s->dirs[i], n) != 0)
        return 0;
    if (n && s->dirs[i][n - 1] != '/' && uri.p[n] != '/')
        return 0;
    struct str rest = { uri.p + n, uri.n - n };
    while (rest.n && rest.p[0] == '/')
        rest = (struct str){ rest.p + 1, rest.n - 1 };
    buf_reset(path);
    buf_addz(path, dir);
    buf_addc(path, '/');
    size_t from = path->n;
    if (uri_decode(path, rest))
        return path->failed ? -1 : 0;
    /* %2e%2e is a name like any other, but not to the kernel. */
    const char *z = buf_z(path);
    if (!z || strlen(z) != path->n)
        return z ? 0 : -1;
    for (const char *p = z + from; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
            return 0;
    }
    return is_file(z);
}

/* ---- folders of schemas with an $id ---- */

/* Notes the file under its $id, if it is a schema and has one. What is no JSON
 * is none: a folder may hold other things. */
static int index_file(struct store *s, const char *path, struct err *e)
{
    struct buf text = { 0 }, uri = { 0 }, id = { 0 };
    struct json_fault fault;
    struct str name;
    int r = 0;
    if (++s->n_files > STORE_MAX_FILES)
        return err_set(e, ERR_CONFIG, "more than %d schemas under --schema-dir",
                       STORE_MAX_FILES);
    if (store_read(&text, path, e)) {
        buf_free(&text);
        return -1;
    }
    if (json_check_value(buf_str(&text), SCHEMA_MAX_DEPTH, &fault) == 0) {
        struct val v = json_get(json_val(buf_str(&text)), STR("$id"));
        char *real = v.type == JSON_STRING ? realpath(path, NULL) : NULL;
        if (real && json_string(v, &id, &name) == 0 &&
            uri_of_path(&uri, str_of(real)) == 0) {
            struct buf full = { 0 };
            uri_resolve(&full, buf_str(&uri), name);
            struct str key = arena_dup(&s->arena, buf_str(&full));
            struct str to = arena_dup(&s->arena, str_of(path));
            if (!key.p || !to.p ||
                lookup_put(&s->ids, NULL, key, (void *)(uintptr_t)to.p))
                r = err_nomem(e);
            buf_free(&full);
        }
        free(real);
    }
    buf_free(&id);
    buf_free(&uri);
    buf_free(&text);
    return r;
}

static int index_dir(struct store *s, const char *path, unsigned depth,
                     struct err *e);

static int index_entry(struct store *s, const char *dir, const char *name,
                       unsigned depth, struct err *e)
{
    struct buf path = { 0 };
    struct stat st;
    int r = 0;
    buf_addf(&path, "%s/%s", dir, name);
    const char *z = buf_z(&path);
    size_t n = strlen(name);
    if (!z)
        r = err_nomem(e);
    else if (stat(z, &st) == 0 && S_ISDIR(st.st_mode))
        r = depth < STORE_MAX_DEPTH ? index_dir(s, z, depth + 1, e) : 0;
    else if (n > 5 && strcmp(name + n - 5, ".json") == 0 && is_file(z))
        r = index_file(s, z, e);
    buf_free(&path);
    return r;
}

static int index_dir(struct store *s, const char *path, unsigned depth,
                     struct err *e)
{
    struct dirent *d;
    int r = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return err_sys(e, ERR_IO, errno, "cannot open --schema-dir %s", path);
    while (r == 0 && (d = readdir(dir)) != NULL)
        if (d->d_name[0] != '.')
            r = index_entry(s, path, d->d_name, depth, e);
    closedir(dir);
    return r;
}

static int index_all(struct store *s, struct err *e)
{
    for (size_t i = 0; !s->indexed && i < s->n_dirs; i++)
        if (!mapped_dir(s->dirs[i]) && index_dir(s, s->dirs[i], 0, e))
            return -1;
    s->indexed = true;
    return 0;
}

/* ---- all of them ---- */

/* Sets *path to the file of this URI: 1, 0 or -1. */
static int find_path(struct store *s, struct str uri, struct buf *path,
                     struct err *e)
{
    for (size_t i = 0; i < s->n_dirs; i++) {
        int r = mapped_path(s, i, uri, path);
        if (r)
            return r > 0 ? 1 : err_nomem(e);
    }
    buf_reset(path);
    int r = uri_to_path(path, uri);
    const char *z = r > 0 ? buf_z(path) : NULL;
    if (r < 0 || (r > 0 && !z))
        return err_nomem(e);
    if (z && is_file(z))
        return 1;
    if (index_all(s, e))
        return -1;
    const char *file = lookup_get(&s->ids, NULL, uri);
    buf_reset(path);
    return !file ? 0 : buf_addz(path, file) ? err_nomem(e) : 1;
}

int store_get(struct store *s, struct str uri, struct buf *text,
              struct buf *name, struct err *e)
{
    struct buf path = { 0 };
    int r = meta_text(text, uri);
    if (r < 0)
        return err_nomem(e);
    if (r > 0)
        return buf_add_str(name, uri) ? err_nomem(e) : 1;
    r = find_path(s, uri, &path, e);
    if (r > 0) {
        const char *z = buf_z(&path);
        if (!z || buf_addz(name, z))
            r = err_nomem(e);
        else if (store_read(text, z, e))
            r = -1;
    }
    buf_free(&path);
    return r;
}
