#include "mq/entry.h"

#include "json/value.h"

#include <stdbool.h>
#include <stdlib.h>

struct field {
    struct str name;
    size_t i;
};

size_t entry_size(const struct redis_reply *fields)
{
    size_t n = 3 * redis_count(fields);
    for (size_t i = 0; i < redis_count(fields); i++)
        n += redis_text(redis_at(fields, i)).n;
    return n;
}

struct str entry_get(const struct redis_reply *fields, struct str name)
{
    for (size_t i = redis_count(fields) / 2; i-- > 0;)
        if (str_eq(redis_text(redis_at(fields, 2 * i)), name))
            return redis_text(redis_at(fields, 2 * i + 1));
    return (struct str){ 0 };
}

static int by_name(const void *a, const void *b)
{
    const struct field *f = a, *g = b;
    int c = str_cmp(f->name, g->name);
    return c ? c : f->i < g->i ? -1 : f->i > g->i;
}

/* Marks the fields that one of the same name follows. */
static bool *find_old(const struct redis_reply *fields, size_t n)
{
    struct field *f = calloc(n + 1, sizeof(*f));
    bool *old = f ? calloc(n + 1, sizeof(*old)) : NULL;
    for (size_t i = 0; i < n && old; i++)
        f[i] = (struct field){ redis_text(redis_at(fields, 2 * i)), i };
    if (old)
        qsort(f, n, sizeof(*f), by_name);
    for (size_t i = 1; i < n && old; i++)
        old[f[i - 1].i] = str_eq(f[i - 1].name, f[i].name);
    free(f);
    return old;
}

int entry_object(struct buf *out, const struct redis_reply *fields,
                 size_t enough)
{
    size_t n = redis_count(fields) / 2, from = out->n;
    bool *old = find_old(fields, n), any = false;
    if (!old)
        return -1;
    buf_addc(out, '{');
    for (size_t i = 0; i < n && out->n - from <= enough; i++) {
        if (old[i])
            continue;
        if (any)
            buf_addc(out, ',');
        any = true;
        json_quote(out, redis_text(redis_at(fields, 2 * i)));
        buf_addc(out, ':');
        json_quote(out, redis_text(redis_at(fields, 2 * i + 1)));
    }
    free(old);
    return buf_addc(out, '}');
}

int mq_one_line(struct buf *out, struct str json)
{
    size_t from = out->n;
    if (buf_add_str(out, json))
        return -1;
    if (memchr(json.p, '\n', json.n))
        for (char *p = out->p + from; p < out->p + out->n; p++)
            if (*p == '\n' || *p == '\r')
                *p = ' ';
    return 0;
}
