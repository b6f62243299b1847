#include "reshape/tidy.h"

#include "json/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <wctype.h>

int tidy_init(struct tidy *t, enum tidy_kind kind, struct str fields,
              struct err *e)
{
    *t = (struct tidy){ .kind = kind };
    if (!fields.p)
        return 0;
    if (path_list_parse(&t->fields, &t->n_fields, fields, e))
        return -1;
    for (size_t i = 0; i < t->n_fields; i++)
        for (size_t j = 0; j < i; j++)
            if (path_relate(&t->fields[i], &t->fields[j]) != PATH_APART)
                return err_set(e, ERR_USAGE, "fields '%.*s' and '%.*s' overlap",
                               STR_ARG(t->fields[j].text),
                               STR_ARG(t->fields[i].text));
    t->found = calloc(t->n_fields, sizeof(*t->found));
    return t->found ? 0 : err_nomem(e);
}

void tidy_free(struct tidy *t)
{
    path_list_free(t->fields, t->n_fields);
    if (t->letters)
        freelocale(t->letters);
    free(t->found);
    free(t->splices);
    buf_free(&t->text);
    buf_free(&t->one);
    *t = (struct tidy){ 0 };
}

/* ---- characters as they are written */

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i];
        v = v << 4 | (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
}

/* Reads an escape; a surrogate that is alone is its own code point. */
static size_t escape(const char *p, const char *end, uint32_t *c)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *at = memchr(names, p[1], sizeof(names) - 1);
    *c = at ? (unsigned char)values[at - names] : (unsigned char)p[1];
    if (p[1] != 'u' || end - p < 6)
        return 2;
    *c = hex4(p + 2);
    if (*c < 0xd800 || *c > 0xdbff || end - p < 12 || p[6] != '\\' ||
        p[7] != 'u')
        return 6;
    uint32_t low = hex4(p + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return 6;
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

/* The character at p, in *c, and how many bytes it is written in. */
static size_t read_char(const char *p, const char *end, uint32_t *c)
{
    unsigned char b = (unsigned char)*p;
    *c = b;
    if (b == '\\' && end - p >= 2)
        return escape(p, end, c);
    if (b < 0x80)
        return 1;
    size_t n = utf8_char(p, end);
    if (n < 2)
        return 1;
    *c = b & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | ((unsigned char)p[i] & 0x3f);
    return n;
}

static void put_char(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
        return;
    }
    char b[4];
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(n == 2 ? 0xc0 | c : n == 3 ? 0xe0 | c : 0xf0 | c);
    buf_add(out, b, n);
}

/* The property White_Space of Unicode 15. */
static bool is_white(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* ---- strings; raw is without the quotes */

static void trim(struct str raw, struct buf *out)
{
    const char *p = raw.p, *end = raw.p + raw.n, *from = NULL, *to = raw.p;
    uint32_t c;
    while (p < end) {
        const char *start = p;
        p += read_char(p, end, &c);
        if (is_white(c))
            continue;
        if (!from)
            from = start;
        to = p;
    }
    if (from)
        buf_add(out, from, (size_t)(to - from));
}

static void squeeze(struct str raw, struct buf *out)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    bool white = false;
    uint32_t c;
    while (p < end) {
        size_t n = read_char(p, end, &c);
        if (!is_white(c))
            buf_add(out, p, n);
        else if (!white)
            buf_addc(out, ' ');
        white = is_white(c);
        p += n;
    }
}

/* The other case of c in *other. Letters are the same in every environment. */
static int change_letter(struct tidy *t, uint32_t c, uint32_t *other)
{
    bool upper = t->kind == TIDY_UPPER;
    uint32_t first = upper ? 'a' : 'A';
    *other = c;
    if (c < 0x80) {
        *other = c >= first && c <= first + 25 ? c ^ 0x20 : c;
        return 0;
    }
    if (!t->letters)
        t->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    if (!t->letters)
        return errno == ENOMEM ? -1 : -3;
    *other = upper ? towupper_l(c, t->letters) : towlower_l(c, t->letters);
    return 0;
}

static int change_case(struct tidy *t, struct str raw, struct buf *out)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    uint32_t c, other;
    while (p < end) {
        size_t n = read_char(p, end, &c);
        int r = change_letter(t, c, &other);
        if (r)
            return r;
        if (other == c)
            buf_add(out, p, n);
        else
            put_char(out, other);
        p += n;
    }
    return 0;
}

/* Could tidying change it? Most strings are seen to be well at a glance. */
static bool may_change(enum tidy_kind kind, struct str raw)
{
    if (kind == TIDY_EMPTY_NULL || raw.n == 0)
        return kind == TIDY_EMPTY_NULL && raw.n == 0;
    if (kind != TIDY_TRIM)
        return true;
    unsigned char a = (unsigned char)raw.p[0];
    unsigned char b = (unsigned char)raw.p[raw.n - 1];
    /* An escape ends in any letter or digit: the whole string is read. */
    return a <= ' ' || a == '\\' || a >= 0x80 || b <= ' ' || b >= 0x80 ||
           memchr(raw.p, '\\', raw.n);
}

static int add_splice(struct tidy *t, struct str at, struct str with)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct splice *v = realloc(t->splices, cap * sizeof(*v));
        if (!v)
            return -1;
        t->splices = v;
        t->cap = cap;
    }
    t->splices[t->n++] = (struct splice){ at, { NULL, with.n } };
    return buf_add_str(&t->text, with);
}

static int tidy_string(struct tidy *t, struct str raw)
{
    int r = 0;
    if (!may_change(t->kind, raw))
        return 0;
    if (t->kind == TIDY_EMPTY_NULL)
        return add_splice(t, (struct str){ raw.p - 1, 2 }, STR("null"));
    buf_reset(&t->one);
    switch (t->kind) {
    case TIDY_TRIM: trim(raw, &t->one); break;
    case TIDY_SQUEEZE: squeeze(raw, &t->one); break;
    default: r = change_case(t, raw, &t->one);
    }
    if (r || t->one.failed)
        return r ? r : -1;
    return str_eq(buf_str(&t->one), raw) ? 0
                                         : add_splice(t, raw, buf_str(&t->one));
}

/* ---- records */

static const char *string_end(const char *p, const char *end)
{
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    return p < end ? p : end;
}

/* All strings in the text of a value that are no keys. */
static int tidy_within(struct tidy *t, struct str text)
{
    const char *p = text.p, *end = text.p + text.n;
    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *last = string_end(p + 1, end);
        if (last == end)
            return 0;
        struct str raw = { p + 1, (size_t)(last - p - 1) };
        p = json_skip_space(last + 1, end);
        int r = p < end && *p == ':' ? 0 : tidy_string(t, raw);
        if (r)
            return r;
    }
    return 0;
}

/* Finds the fields' texts, in the order in which they stand in the record: so
 * will the splices. */
static void find_fields(struct tidy *t, struct str record)
{
    for (size_t i = 0; i < t->n_fields; i++) {
        struct str at = json_find(record, &t->fields[i]).raw;
        size_t j = i;
        for (; j > 0 && t->found[j - 1].p > at.p; j--)
            t->found[j] = t->found[j - 1];
        t->found[j] = at;
    }
}

int tidy_run(struct tidy *t, struct str record, struct buf *out)
{
    int r = 0;
    t->n = 0;
    buf_reset(&t->text);
    if (t->n_fields == 0)
        r = tidy_within(t, record);
    else
        find_fields(t, record);
    for (size_t i = 0; i < t->n_fields && r == 0; i++)
        r = tidy_within(t, t->found[i]);
    if (r || t->n == 0)
        return r;
    const char *p = t->text.p ? t->text.p : "";
    for (size_t i = 0; i < t->n; i++) {
        t->splices[i].with.p = p;
        p += t->splices[i].with.n;
    }
    return json_splice(out, record, t->splices, t->n) ? -1 : 1;
}
