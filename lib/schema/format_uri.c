/* format_uri: URIs, IRIs and templates of them. */
#include "json/utf8.h"
#include "schema/format.h"
#include "schema/uri.h"

#include <stdint.h>
#include <sys/socket.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* %XX at i? */
static bool is_encoded(struct str s, size_t i)
{
    return s.n - i > 2 && s.p[i] == '%' && is_hex(s.p[i + 1]) &&
           is_hex(s.p[i + 2]);
}

/* The character at i, which is not ASCII: its bytes; 0 where IRIs have none
 * such (RFC 3987 section 2.2: ucschar, and in queries iprivate). */
static size_t wide_at(struct str s, size_t i, bool private)
{
    unsigned char c = (unsigned char)s.p[i];
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t u = c & (0x7fu >> n);
    for (size_t k = 1; k < n && i + k < s.n; k++)
        u = u << 6 | ((unsigned char)s.p[i + k] & 0x3fu);
    bool own = (u >= 0xe000 && u <= 0xf8ff) || u >= 0xf0000;
    bool none = u < 0xa0 || (u >= 0xfdd0 && u <= 0xfdef) || u == 0xfff0 ||
                (u > 0xfff0 && u <= 0xffff) || (u & 0xfffe) == 0xfffe ||
                (u >= 0xe0000 && u < 0xe1000);
    return none || (own && !private) ? 0 : n;
}

/* True if s has only unreserved characters, sub-delims, encoded ones and those
 * of more. */
static bool is_made_of(struct str s, const char *more, bool iri, bool private)
{
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i];
        if ((unsigned char)c >= 0x80) {
            size_t n = iri ? wide_at(s, i, private) : 0;
            if (!n)
                return false;
            i += n;
        } else if (c == '%') {
            if (!is_encoded(s, i))
                return false;
            i += 3;
        } else if (is_alnum(c) || one_of(c, "-._~!$&'()*+,;=") ||
                   one_of(c, more)) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

/* Behind the brackets: an IPv6 address, or one of a later version. */
static bool is_literal(struct str s)
{
    if (s.n == 0 || (s.p[0] | 0x20) != 'v')
        return is_address(AF_INET6, s);
    size_t i = 1;
    while (i < s.n && is_hex(s.p[i]))
        i++;
    if (i == 1 || i + 1 >= s.n || s.p[i] != '.')
        return false;
    for (i++; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !one_of(s.p[i], "-._~!$&'()*+,;=:"))
            return false;
    return true;
}

static bool is_authority(struct str s, bool iri)
{
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    if (at) {
        struct str user = { s.p, (size_t)(at - s.p) };
        if (!is_made_of(user, ":", iri, false))
            return false;
        s = (struct str){ at + 1, s.n - user.n - 1 };
    }
    size_t n = s.n; /* the port goes */
    while (n && is_digit(s.p[n - 1]))
        n--;
    if (n && s.p[n - 1] == ':')
        s.n = n - 1;
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return is_literal((struct str){ s.p + 1, s.n - 2 });
    return is_made_of(s, "", iri, false);
}

bool is_uri(struct str s, bool iri, bool relative)
{
    if (!utf8_valid(s))
        return false;
    struct uri u = uri_split(s);
    if (!u.scheme.p && !relative)
        return false;
    if (!is_made_of(u.path, ":@/", iri, false) ||
        !is_made_of(u.query, ":@/?", iri, true) ||
        !is_made_of(u.fragment, ":@/?", iri, false))
        return false;
    if (u.authority.p)
        return is_authority(u.authority, iri);
    /* What looks like a scheme, in a relative path, and is none. */
    for (size_t i = 0; !u.scheme.p && i < u.path.n && u.path.p[i] != '/'; i++)
        if (u.path.p[i] == ':')
            return false;
    return true;
}

/* ---- templates ---- */

/* A variable's name at i; behind it, or i where there is none. */
static size_t name_end(struct str s, size_t i)
{
    size_t from = i;
    while (i < s.n) {
        size_t n = is_alnum(s.p[i]) || s.p[i] == '_' ? 1
                   : is_encoded(s, i)                ? 3
                                                     : 0;
        if (n == 0 && s.p[i] == '.' && i > from && s.p[i - 1] != '.')
            n = 1;
        if (n == 0)
            break;
        i += n;
    }
    return i > from && s.p[i - 1] == '.' ? from : i;
}

/* What stands between braces. */
static bool is_expression(struct str s)
{
    size_t i = s.n && one_of(s.p[0], "+#./;?&=,!@|");
    for (;; i++) {
        size_t end = name_end(s, i);
        if (end == i)
            return false;
        i = end;
        if (i < s.n && s.p[i] == '*') {
            i++;
        } else if (i < s.n && s.p[i] == ':') {
            size_t digits = ++i;
            while (i < s.n && is_digit(s.p[i]))
                i++;
            if (i == digits || i > digits + 4 || s.p[digits] == '0')
                return false;
        }
        if (i == s.n)
            return true;
        if (s.p[i] != ',')
            return false;
    }
}

bool is_uri_template(struct str s)
{
    if (!utf8_valid(s))
        return false;
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i];
        if ((unsigned char)c >= 0x80) {
            size_t n = wide_at(s, i, true);
            if (!n)
                return false;
            i += n;
        } else if (c == '{') {
            const char *close = memchr(s.p + i, '}', s.n - i);
            size_t n = close ? (size_t)(close - s.p) - i : 0;
            if (n == 0 || !is_expression((struct str){ s.p + i + 1, n - 1 }))
                return false;
            i += n + 1;
        } else if (c == '%') {
            if (!is_encoded(s, i))
                return false;
            i += 3;
        } else if (c <= ' ' || c == 0x7f || one_of(c, "\"<>\\^`|}")) {
            return false;
        } else {
            i++;
        }
    }
    return true;
}
