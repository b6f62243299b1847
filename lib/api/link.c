#include "api/link.h"

#include <strings.h>

static void skip_space(struct str *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t'))
        s->p++, s->n--;
}

/* Takes bytes up to one of `ends`. */
static struct str take_until(struct str *s, const char *ends)
{
    struct str got = { s->p, 0 };
    while (got.n < s->n && !strchr(ends, s->p[got.n]))
        got.n++;
    s->p += got.n;
    s->n -= got.n;
    return got;
}

/* Takes a quoted string, behind its opening quote; backslashes stay in. */
static struct str take_quoted(struct str *s)
{
    struct str got = { s->p, 0 };
    while (got.n < s->n && s->p[got.n] != '"')
        got.n += s->p[got.n] == '\\' && got.n + 1 < s->n ? 2 : 1;
    size_t used = got.n < s->n ? got.n + 1 : got.n;
    s->p += used;
    s->n -= used;
    return got;
}

static bool has_word(struct str list, const char *word)
{
    size_t n = strlen(word);
    while (list.n) {
        struct str w = take_until(&list, " \t");
        if (w.n == n && strncasecmp(w.p, word, n) == 0)
            return true;
        skip_space(&list);
    }
    return false;
}

/* Takes the parameters of a link, up to the comma behind it. True if they make
 * it the next one: of several rel only the first counts. */
static bool take_params(struct str *s)
{
    bool seen = false, next = false;
    for (skip_space(s); s->n && s->p[0] != ','; skip_space(s)) {
        if (s->p[0] != ';') {
            take_until(s, ";,");
            continue;
        }
        s->p++, s->n--;
        skip_space(s);
        struct str name = str_trim(take_until(s, "=;, \t"));
        struct str value = { 0 };
        skip_space(s);
        if (s->n && s->p[0] == '=') {
            s->p++, s->n--;
            skip_space(s);
            if (s->n && s->p[0] == '"') {
                s->p++, s->n--;
                value = take_quoted(s);
            } else {
                value = take_until(s, ";, \t");
            }
        }
        if (!seen && name.n == 3 && strncasecmp(name.p, "rel", 3) == 0) {
            seen = true;
            next = has_word(value, "next");
        }
    }
    return next;
}

bool link_next(struct str s, struct str *target)
{
    while (s.n) {
        skip_space(&s);
        if (s.n && s.p[0] == '<') {
            s.p++, s.n--;
            struct str t = take_until(&s, ">");
            bool whole = s.n > 0;
            if (whole)
                s.p++, s.n--;
            if (take_params(&s) && whole) {
                *target = t;
                return true;
            }
        } else {
            take_until(&s, ",");
        }
        if (s.n && s.p[0] == ',')
            s.p++, s.n--;
    }
    return false;
}
