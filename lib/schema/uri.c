#include "schema/uri.h"

static bool is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str slice(const char *from, const char *to)
{
    return (struct str){ from, (size_t)(to - from) };
}

/* The first of the bytes in stop, or end. */
static const char *find(const char *p, const char *end, const char *stop)
{
    while (p < end && (!*p || !strchr(stop, *p)))
        p++;
    return p;
}

/* Behind the scheme's colon; or NULL. */
static const char *scheme_end(struct str t)
{
    size_t i = 0;
    if (t.n == 0 || !is_alpha(t.p[0]))
        return NULL;
    while (i < t.n && (is_alpha(t.p[i]) || is_digit(t.p[i]) || t.p[i] == '+' ||
                       t.p[i] == '-' || t.p[i] == '.'))
        i++;
    return i < t.n && t.p[i] == ':' ? t.p + i + 1 : NULL;
}

struct uri uri_split(struct str t)
{
    struct uri u = { 0 };
    const char *p = t.p, *end = t.p + t.n, *q = scheme_end(t);
    if (q) {
        u.scheme = slice(p, q - 1);
        p = q;
    }
    if (end - p >= 2 && p[0] == '/' && p[1] == '/') {
        q = find(p + 2, end, "/?#");
        u.authority = slice(p + 2, q);
        p = q;
    }
    q = find(p, end, "?#");
    u.path = slice(p, q);
    p = q;
    if (p < end && *p == '?') {
        q = find(p + 1, end, "#");
        u.query = slice(p + 1, q);
        p = q;
    }
    if (p < end)
        u.fragment = slice(p + 1, end);
    return u;
}

/* Appends path with its . and .. segments worked off (5.2.4), with one stack:
 * what is written already. */
static void add_path(struct buf *out, struct str path)
{
    size_t start = out->n;
    const char *p = path.p, *end = path.p + path.n;
    while (p < end) {
        const char *q = find(p + (*p == '/'), end, "/");
        struct str name = slice(p + (*p == '/'), q);
        bool last = q == end;
        if (str_eq(name, STR("."))) {
            if (last && *p == '/')
                buf_addc(out, '/');
        } else if (str_eq(name, STR(".."))) {
            while (out->n > start && out->p[out->n - 1] != '/')
                out->n--;
            if (out->n > start)
                out->n--;
            if (last && *p == '/')
                buf_addc(out, '/');
        } else {
            /* Of a relative path the first segment may have gone. */
            bool slash = *p == '/' && (out->n > start || path.p[0] == '/');
            if (slash)
                buf_addc(out, '/');
            buf_add_str(out, name);
        }
        p = q;
    }
}

/* The path of a relative reference behind the base's last slash (5.2.3). */
static void add_merged(struct buf *out, const struct uri *base, struct str path)
{
    struct buf merged = { 0 };
    size_t n = base->path.n;
    while (n && base->path.p[n - 1] != '/')
        n--;
    if (base->authority.p && base->path.n == 0)
        buf_addc(&merged, '/');
    buf_add(&merged, base->path.p, n);
    buf_add_str(&merged, path);
    add_path(out, buf_str(&merged));
    out->failed |= merged.failed;
    buf_free(&merged);
}

int uri_resolve(struct buf *out, struct str base, struct str ref)
{
    struct uri b = uri_split(base), r = uri_split(ref);
    bool whole = r.scheme.p != NULL;
    bool there = !whole && !r.authority.p; /* the base's authority */
    struct str scheme = whole ? r.scheme : b.scheme;
    struct str authority = there ? b.authority : r.authority;
    struct str query = r.query;
    if (scheme.p) {
        buf_add_str(out, scheme);
        buf_addc(out, ':');
    }
    if (authority.p) {
        buf_addz(out, "//");
        buf_add_str(out, authority);
    }
    if (!there || (r.path.n && r.path.p[0] == '/')) {
        /* An opaque path (urn:) has no segments. */
        if (r.path.n && (r.path.p[0] == '/' || authority.p || !scheme.p))
            add_path(out, r.path);
        else
            buf_add_str(out, r.path);
    } else if (r.path.n == 0) {
        buf_add_str(out, b.path);
        query = r.query.p ? r.query : b.query;
    } else {
        add_merged(out, &b, r.path);
    }
    if (query.p) {
        buf_addc(out, '?');
        buf_add_str(out, query);
    }
    return out->failed ? -1 : 0;
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int uri_decode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int hi = s.n - i > 2 ? hex(s.p[i + 1]) : -1;
            int lo = s.n - i > 2 ? hex(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return -1;
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        buf_addc(out, c);
    }
    return out->failed ? -1 : 0;
}

int uri_of_path(struct buf *out, struct str path)
{
    buf_addz(out, "file://");
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (is_alpha(c) || is_digit(c) || (c && strchr("/-._~", c)))
            buf_addc(out, c);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    return out->failed ? -1 : 0;
}

int uri_to_path(struct buf *out, struct str text)
{
    struct uri u = uri_split(text);
    bool local = !u.authority.p || u.authority.n == 0 ||
                 str_eq(u.authority, STR("localhost"));
    if (!u.scheme.p || !str_eq(u.scheme, STR("file")) || !local ||
        u.path.n == 0 || u.path.p[0] != '/')
        return 0;
    size_t from = out->n;
    if (uri_decode(out, u.path))
        return out->failed ? -1 : 0;
    return memchr(out->p + from, '\0', out->n - from) ? 0 : 1;
}
