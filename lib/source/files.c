#include "source/files.h"

#include "base/buf.h"
#include "source/walk.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define WILDCARDS "*?["

static const struct files_rules plain; /* for whoever has none */

/* ---- the list ---- */

static int add_path(struct files *f, const char *path, const char *members,
                    bool listed, struct err *e)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 16;
        struct files_entry *v = realloc(f->v, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        f->v = v;
        f->cap = cap;
    }
    struct files_entry *x = &f->v[f->n];
    *x = (struct files_entry){ .path = strdup(path),
                               .members = members ? strdup(members) : NULL,
                               .listed = listed };
    if (!x->path || (members && !x->members)) {
        free(x->path);
        free(x->members);
        return err_nomem(e);
    }
    f->n++;
    return 0;
}

void files_free(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].path);
        free(f->v[i].members);
    }
    free(f->v);
    *f = (struct files){ 0 };
}

/* ---- rules ---- */

static bool any_matches(const struct opt_list *patterns, const char *path)
{
    const char *base = walk_base(path);
    for (size_t i = 0; patterns && i < patterns->n; i++) {
        const char *pattern = patterns->v[i];
        if (strchr(pattern, '/') ? walk_match(pattern, path)
                                 : fnmatch(pattern, base, 0) == 0)
            return true;
    }
    return false;
}

bool files_chosen(const struct files_rules *rules, const char *path)
{
    bool wanted = !rules->include || rules->include->n == 0 ||
                  any_matches(rules->include, path);
    return wanted && !any_matches(rules->exclude, path);
}

/* Appends the path of the marker that path needs: in its folder, or beside it.
 */
static int marker_path(const struct files_rules *rules, const char *path,
                       struct buf *out, struct err *e)
{
    const char *base = walk_base(path), *star = strchr(rules->marker, '*');
    buf_reset(out);
    buf_add(out, path, (size_t)(base - path));
    if (star) {
        buf_add(out, rules->marker, (size_t)(star - rules->marker));
        buf_addz(out, base);
    }
    buf_addz(out, star ? star + 1 : rules->marker);
    return buf_z(out) ? 0 : err_nomem(e);
}

/* 1 if what path needs is there, 0 if it can wait for the next run, -1. */
static int check_marker(const struct files_rules *rules, const char *path,
                        struct err *e)
{
    struct buf marker = { .max = 65536 };
    int r = marker_path(rules, path, &marker, e) ? -1 : 1;
    if (r > 0 && access(marker.p, F_OK) != 0) {
        bool later = rules->may_be_none && strchr(rules->marker, '*');
        r = later ? 0
                  : err_set(e, ERR_TEMPFAIL,
                            "'%s' is not complete: there is no '%s'", path,
                            marker.p);
    }
    buf_free(&marker);
    return r;
}

static bool is_young(const struct files_rules *rules, const struct stat *st)
{
    int64_t changed =
        (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    return rules->older_ns && S_ISREG(st->st_mode) &&
           changed >= rules->older_ns;
}

/* Adds a file that was named or found, if the rules do not leave it for later.
 */
static int add_file(struct files *f, const char *path, const char *members,
                    const struct files_rules *rules, bool listed, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0 || access(path, R_OK) != 0)
        return err_sys(e, ERR_NOINPUT, errno, "cannot open '%s'", path);
    int complete = rules->marker ? check_marker(rules, path, e) : 1;
    if (complete <= 0) {
        f->open += complete == 0;
        return complete;
    }
    if (is_young(rules, &st)) {
        f->young++;
        return 0;
    }
    return add_path(f, path, members, listed, e);
}

/* Nothing is left of what an operand names: an error, but where that is what
 * usually happens. */
static int check_any(const struct files *f, size_t before, const char *operand,
                     const struct files_rules *rules, struct err *e)
{
    if (f->n > before || rules->may_be_none)
        return 0;
    if (f->young)
        return err_set(e, ERR_TEMPFAIL,
                       "'%s' has changed less than --min-age ago", operand);
    return err_set(e, ERR_NOINPUT, "no file matches '%s'", operand);
}

/* ---- operands ---- */

static bool is_marker(const struct files_rules *rules, const char *path)
{
    return rules->marker && fnmatch(rules->marker, walk_base(path), 0) == 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int add_folder(struct files *f, const char *folder,
                      const struct files_rules *rules, struct err *e)
{
    struct walk w = { 0 };
    struct buf inside = { .max = 65536 };
    /* A marker of the folder is for all below it. */
    struct files_rules each = *rules;
    size_t skip = strlen(folder) + (folder[strlen(folder) - 1] != '/');
    int r = walk_folder(&w, folder, false, e);
    if (r == 0 && rules->marker && !strchr(rules->marker, '*')) {
        buf_addf(&inside, "%s/x", folder);
        each.marker = NULL;
        r = !buf_z(&inside) ? err_nomem(e)
            : check_marker(rules, inside.p, e) < 0
                ? err_set(e, ERR_TEMPFAIL,
                          "'%s' is not complete: it has no file '%s'", folder,
                          rules->marker)
                : 0;
    }
    for (size_t i = 0; r == 0 && i < w.n; i++)
        if (!is_marker(rules, w.paths[i]) &&
            files_chosen(rules, w.paths[i] + skip))
            r = add_file(f, w.paths[i], NULL, &each, true, e);
    walk_free(&w);
    buf_free(&inside);
    return r;
}

static int refuse_folder(const char *path, struct err *e)
{
    return err_set(e, ERR_NOINPUT,
                   "'%s' is a folder: name its files, such as '%s%s*.csv'",
                   path, path, path[strlen(path) - 1] == '/' ? "" : "/");
}

/* A path that a glob gave. */
static int add_found(struct files *f, const char *path, const char *members,
                     const struct files_rules *rules, struct err *e)
{
    if (is_folder(path))
        return rules == &plain ? refuse_folder(path, e)
               : members       ? 0
                               : add_folder(f, path, rules, e);
    if (is_marker(rules, path) || !files_chosen(rules, path))
        return 0;
    return add_file(f, path, members, rules, true, e);
}

static int add_glob(struct files *f, const char *pattern, const char *members,
                    const struct files_rules *rules, struct err *e)
{
    struct walk w = { 0 };
    int r = walk_pattern(&w, pattern, e);
    for (size_t i = 0; r == 0 && i < w.n; i++)
        r = add_found(f, w.paths[i], members, rules, e);
    walk_free(&w);
    return r;
}

/* A path, folder or glob, with a pattern of members behind it or NULL. */
static int add_named(struct files *f, const char *path, const char *members,
                     const struct files_rules *rules, struct err *e)
{
    struct stat st;
    size_t before = f->n;
    const struct files_rules *use = rules ? rules : &plain;
    bool there = lstat(path, &st) == 0;
    int r;
    if (is_folder(path)) {
        if (!rules)
            return refuse_folder(path, e);
        r = add_folder(f, path, use, e);
    } else if (!there && strpbrk(path, WILDCARDS)) {
        r = add_glob(f, path, members, use, e);
    } else {
        r = add_file(f, path, members, use, false, e);
    }
    return r ? -1 : check_any(f, before, path, use, e);
}

/* Where the pattern of members begins: at the '!' behind a file, or behind a
 * glob; NULL: there is none. "[!" is of a glob. */
static const char *find_members(const char *operand, struct buf *path)
{
    struct stat st;
    for (const char *p = operand; (p = strchr(p, '!')); p++) {
        if (p == operand || p[-1] == '[')
            continue;
        buf_reset(path);
        buf_add(path, operand, (size_t)(p - operand));
        if (buf_z(path) &&
            (lstat(path->p, &st) == 0 || strpbrk(path->p, WILDCARDS)))
            return p + 1;
    }
    return NULL;
}

static int add_operand(struct files *f, const char *operand,
                       const struct files_rules *rules, struct err *e)
{
    struct stat st;
    struct buf path = { .max = 65536 };
    const char *members =
        rules && lstat(operand, &st) != 0 ? find_members(operand, &path) : NULL;
    int r = members && !*members
                ? err_set(e, ERR_USAGE, "'%s' names no member", operand)
                : add_named(f, members ? path.p : operand, members, rules, e);
    buf_free(&path);
    return r;
}

static int add_stdin(struct files *f, struct err *e)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->v[i].path, "-") == 0)
            return err_set(e, ERR_USAGE, "stdin is named twice");
    return add_path(f, "-", NULL, false, e);
}

/* ---- URIs ---- */

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

/* A URI is a path: no wildcards in it, nothing behind a '!'. */
static int add_uri(struct files *f, const char *uri,
                   const struct files_rules *rules, struct err *e)
{
    struct buf path = { 0 };
    size_t before = f->n;
    int r = decode_uri(&path, uri, e);
    if (r == 0 && !buf_z(&path))
        r = err_nomem(e);
    if (r == 0 && is_folder(path.p))
        r = add_named(f, path.p, NULL, rules, e);
    else if (r == 0)
        r = add_file(f, path.p, NULL, rules ? rules : &plain, false, e) ||
                    check_any(f, before, path.p, rules ? rules : &plain, e)
                ? -1
                : 0;
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

int files_add(struct files *f, const char *operand,
              const struct files_rules *rules, struct err *e)
{
    struct stat st;
    size_t scheme = scheme_length(operand);

    if (strcmp(operand, "-") == 0)
        return add_stdin(f, e);
    if (strncmp(operand, "file:", 5) == 0 && lstat(operand, &st) != 0)
        return add_uri(f, operand, rules, e);
    if (scheme && lstat(operand, &st) != 0)
        return err_set(e, ERR_USAGE, "no source for '%.*s:' URIs: '%s'",
                       (int)scheme, operand, operand);
    return add_operand(f, operand, rules, e);
}
