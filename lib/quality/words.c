#include "quality/words.h"

#include "expr/caret.h"
#include "json/check.h"

#include <stdio.h>
#include <stdlib.h>

int words_wrong(struct words *w, const char *at, const char *why)
{
    return caret_error(w->e, w->what, w->text, (size_t)(at - w->text.p), "%s",
                       why);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void words_space(struct words *w)
{
    while (w->p < w->end && is_space(*w->p))
        w->p++;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool words_take(struct words *w, const char *keyword)
{
    words_space(w);
    const char *q = w->p;
    for (; *keyword; keyword++, q++)
        if (q == w->end || (is_letter(*keyword) ? *q | 0x20 : *q) != *keyword)
            return false;
    if (q < w->end && is_letter(q[-1]) &&
        (is_letter(*q) || *q == '_' || (unsigned char)*q >= 0x80 ||
         (*q >= '0' && *q <= '9')))
        return false;
    w->p = q;
    return true;
}

int words_expect(struct words *w, const char *keyword)
{
    char why[40];
    if (words_take(w, keyword))
        return 0;
    snprintf(why, sizeof(why), "'%s' expected", keyword);
    return words_wrong(w, w->p, why);
}

/* ---- fields */

static bool ends_field(char c)
{
    return is_space(c) || strchr(",()<>=!'", c);
}

/* The bytes of the field that stands here; quotes hide what would end it. */
static struct str field_text(struct words *w, bool *quoted)
{
    const char *q = w->p;
    bool pointer = q < w->end && *q == '/';
    *quoted = false;
    while (q < w->end && !ends_field(*q)) {
        const char *close = NULL;
        if (*q == '"' && !pointer) {
            *quoted = true;
            close = memchr(q + 1, '"', (size_t)(w->end - q - 1));
        }
        q = close ? close + 1 : q + 1;
    }
    return (struct str){ w->p, (size_t)(q - w->p) };
}

/* Appends the key in quotes at s->p to the pointer and moves behind it. */
static int add_quoted(struct words *w, struct str *s, struct buf *pointer)
{
    struct buf key = { 0 };
    const char *q = s->p + 1, *end = s->p + s->n;
    for (; q < end && (*q != '"' || (q + 1 < end && q[1] == '"')); q++) {
        buf_addc(&key, *q);
        q += *q == '"';
    }
    int r = 0;
    if (q == end)
        r = words_wrong(w, s->p, "name without closing '\"'");
    else if (key.failed || path_pointer(pointer, buf_str(&key)))
        r = err_nomem(w->e);
    buf_free(&key);
    *s = (struct str){ q + (q < end), (size_t)(end - q) - (q < end) };
    return r;
}

/* Spells a field with quoted names as a JSON Pointer. */
static int unquote_field(struct words *w, struct str s, struct buf *pointer)
{
    for (bool first = true; s.n; first = false) {
        size_t n;
        if (*s.p == '[') {
            for (n = 1; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
                ;
            if (n < 2 || n == s.n || s.p[n] != ']')
                return words_wrong(w, s.p + n, "index and ']' expected");
            if (path_pointer(pointer, (struct str){ s.p + 1, n - 1 }))
                return err_nomem(w->e);
            s = (struct str){ s.p + n + 1, s.n - n - 1 };
            continue;
        }
        if (!first && *s.p != '.')
            return words_wrong(w, s.p, "'.' or '[' expected");
        if (!first)
            s.p++, s.n--;
        if (s.n && *s.p == '"') {
            if (add_quoted(w, &s, pointer))
                return -1;
            continue;
        }
        for (n = 0; n < s.n && !strchr(".[\"", s.p[n]); n++)
            ;
        if (n == 0)
            return words_wrong(w, s.p, "empty key");
        if (path_pointer(pointer, (struct str){ s.p, n }))
            return err_nomem(w->e);
        s = (struct str){ s.p + n, s.n - n };
    }
    return 0;
}

static int make_path(struct words *w, struct str text, bool quoted,
                     struct path *path)
{
    struct buf pointer = { 0 };
    struct err why = { 0 };
    int r = 0;
    if (quoted) {
        r = unquote_field(w, text, &pointer);
        text = buf_str(&pointer);
    }
    if (r == 0 && path_parse(path, text, &why))
        r = why.code == ERR_USAGE ? words_wrong(w, w->p, why.msg)
                                  : err_nomem(w->e);
    buf_free(&pointer);
    return r;
}

int words_path(struct words *w, struct path *path)
{
    bool quoted;
    words_space(w);
    struct str text = field_text(w, &quoted);
    if (!text.n)
        return words_wrong(w, w->p, "field expected");
    if (make_path(w, text, quoted, path))
        return -1;
    w->p = text.p + text.n;
    return 0;
}

/* ---- numbers */

int words_number(struct words *w, struct decimal *d, bool *percent)
{
    words_space(w);
    const char *from = w->p, *q = from;
    while (q < w->end && *q && strchr("+-.0123456789eE", *q))
        q++;
    struct str text = { from, (size_t)(q - from) };
    *percent = q < w->end && *q == '%';
    if (!text.n)
        return words_wrong(w, from, "number expected");
    if (!json_number_valid(text))
        return words_wrong(w, from, "not a number as JSON writes it");
    int r = decimal_parse(d, text);
    if (r == 0 && *percent) {
        static const struct decimal hundredth = { .small = 1, .scale = 2 };
        r = decimal_mul(d, d, &hundredth);
    }
    if (r == -2)
        return words_wrong(w, from, "number is out of range");
    w->p = q + *percent;
    return r ? err_nomem(w->e) : 0;
}

/* ---- strings */

int words_string(struct words *w, struct buf *out)
{
    const char *from = w->p++;
    for (; w->p < w->end; w->p++) {
        if (*w->p == '\'' && (w->p + 1 == w->end || w->p[1] != '\''))
            break;
        buf_addc(out, *w->p);
        w->p += *w->p == '\'';
    }
    if (w->p >= w->end)
        return words_wrong(w, from, "string without closing quote");
    w->p++;
    return out->failed ? err_nomem(w->e) : 0;
}
