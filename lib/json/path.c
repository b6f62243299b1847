#include "json/path.h"

#include "json/utf8.h"

#include <stdint.h>
#include <stdlib.h>

static int bad(struct path *p, struct str text, size_t at, const char *why,
               struct err *e)
{
    path_free(p);
    return err_set(e, ERR_USAGE, "field path '%.*s': %s at byte %zu",
                   STR_ARG(text), why, at + 1);
}

/* Reads digits at text[*i] as an index; false where there is none or it has a
 * leading zero or overflows. */
static bool read_index(struct str text, size_t *i, size_t end, size_t *index)
{
    size_t v = 0, j = *i;
    while (j < end && text.p[j] >= '0' && text.p[j] <= '9') {
        if (v > (SIZE_MAX - 10) / 10)
            return false;
        v = v * 10 + (size_t)(text.p[j++] - '0');
    }
    if (j == *i || (j - *i > 1 && text.p[*i] == '0'))
        return false;
    *i = j;
    *index = v;
    return true;
}

/* JSON Pointer, RFC 6901; ~2 for a comma is ours, since lists use commas. */
static int parse_pointer(struct path *p, struct str text, char *keys,
                         struct err *e)
{
    size_t i = 0;
    while (i < text.n) {
        struct path_step s = { { keys, 0 }, PATH_NO_INDEX };
        size_t j = ++i;
        while (j < text.n && text.p[j] != '/')
            j++;
        size_t k = i;
        if (!read_index(text, &k, j, &s.index) || k != j)
            s.index = PATH_NO_INDEX;
        for (; i < j; i++) {
            char c = text.p[i];
            if (c == '~') {
                if (i + 1 == j || text.p[i + 1] < '0' || text.p[i + 1] > '2')
                    return bad(p, text, i, "'~' without 0, 1 or 2", e);
                c = "~/,"[text.p[++i] - '0'];
            }
            *keys++ = c;
        }
        s.key.n = (size_t)(keys - s.key.p);
        p->steps[p->n++] = s;
    }
    return 0;
}

static int parse_dotted(struct path *p, struct str text, char *keys,
                        struct err *e)
{
    size_t i = 0;
    bool want_key = true;
    while (i < text.n || want_key) {
        struct path_step s = { { NULL, 0 }, PATH_NO_INDEX };
        if (want_key && (i == text.n || text.p[i] != '[')) {
            s.key.p = keys;
            while (i < text.n && text.p[i] != '.' && text.p[i] != '[') {
                if (text.p[i] == ']')
                    return bad(p, text, i, "']' without '['", e);
                *keys++ = text.p[i++];
            }
            s.key.n = (size_t)(keys - s.key.p);
            if (s.key.n == 0)
                return bad(p, text, i, "empty key", e);
        } else if (text.p[i] == '[') {
            i++;
            if (!read_index(text, &i, text.n, &s.index) || i == text.n ||
                text.p[i] != ']')
                return bad(p, text, i, "index and ']' expected", e);
            i++;
        } else {
            return bad(p, text, i, "'.' or '[' expected", e);
        }
        p->steps[p->n++] = s;
        want_key = i < text.n && text.p[i] == '.';
        if (want_key)
            i++;
    }
    return 0;
}

int path_parse(struct path *p, struct str text, struct err *e)
{
    size_t steps = 1;
    for (size_t i = 0; i < text.n; i++)
        steps += text.p[i] == '.' || text.p[i] == '[' || text.p[i] == '/';
    *p = (struct path){ 0 };
    char *copy = malloc(text.n + 1);
    p->text = (struct str){ copy, text.n };
    p->keys = malloc(text.n + 1);
    p->steps = calloc(steps, sizeof(*p->steps));
    if (!copy || !p->keys || !p->steps) {
        path_free(p);
        return err_nomem(e);
    }
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (text.n == 0)
        return 0;
    if (!utf8_valid(text)) {
        path_free(p);
        return err_set(e, ERR_USAGE, "field path '%.*s': not UTF-8",
                       STR_ARG(text));
    }
    return text.p[0] == '/' ? parse_pointer(p, text, p->keys, e)
                            : parse_dotted(p, text, p->keys, e);
}

int path_list_parse(struct path **list, size_t *n, struct str text,
                    struct err *e)
{
    size_t count = 1, done = 0;
    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == ',';
    struct path *l = calloc(count, sizeof(*l));
    if (!l)
        return err_nomem(e);
    for (size_t i = 0; done < count; i++) {
        size_t j = i;
        while (j < text.n && text.p[j] != ',')
            j++;
        struct str item = { text.p + i, j - i };
        while (item.n && *item.p == ' ')
            item.p++, item.n--;
        while (item.n && item.p[item.n - 1] == ' ')
            item.n--;
        int r = item.n ? path_parse(&l[done], item, e)
                       : err_set(e, ERR_USAGE,
                                 "field list '%.*s' has an empty name",
                                 STR_ARG(text));
        if (r) {
            path_list_free(l, done);
            return -1;
        }
        done++;
        i = j;
    }
    *list = l;
    *n = count;
    return 0;
}

enum path_relation path_relate(const struct path *a, const struct path *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    bool same = a->n == b->n;
    for (size_t i = 0; i < n; i++) {
        struct path_step x = a->steps[i], y = b->steps[i];
        bool key = x.key.p && y.key.p && str_eq(x.key, y.key);
        bool index = x.index == y.index;
        if (!key && (!index || x.index == PATH_NO_INDEX))
            return PATH_APART;
        same = same && index && (key || (!x.key.p && !y.key.p));
    }
    return same ? PATH_SAME : PATH_WITHIN;
}

void path_free(struct path *p)
{
    free((void *)(uintptr_t)p->text.p);
    free(p->keys);
    free(p->steps);
    *p = (struct path){ 0 };
}

void path_list_free(struct path *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        path_free(&list[i]);
    free(list);
}

struct str path_name(const struct path *p)
{
    if (p->n && p->steps[p->n - 1].key.p)
        return p->steps[p->n - 1].key;
    return p->text;
}

int path_pointer(struct buf *out, struct str key)
{
    buf_addc(out, '/');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~')
            buf_addz(out, "~0");
        else if (key.p[i] == '/')
            buf_addz(out, "~1");
        else
            buf_addc(out, key.p[i]);
    }
    return out->failed ? -1 : 0;
}
