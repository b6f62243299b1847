#include "json/members.h"

#include <stdlib.h>

static int by_key(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->place > y->place) - (x->place < y->place);
}

void members_free(struct members *ms)
{
    free(ms->m);
    buf_free(&ms->keys);
}

int members_read(struct members *ms, struct str raw)
{
    *ms = (struct members){ 0 };
    struct json_iter it = json_iter(raw);
    struct str key;
    struct val v;
    size_t n = 0;
    while (json_next(&it, &key, &v))
        n++;
    if (it.broken)
        return -3;
    ms->m = calloc(n ? n : 1, sizeof(*ms->m));
    if (!ms->m || buf_reserve(&ms->keys, raw.n + 1)) /* never moves then */
        return -1;
    it = json_iter(raw);
    for (size_t i = 0; i < n && json_next(&it, &key, &v); i++) {
        size_t at = ms->keys.n;
        json_unescape(&ms->keys, key);
        struct str k = { ms->keys.p + at, ms->keys.n - at };
        ms->m[i] = (struct member){ k, v, i };
    }
    qsort(ms->m, n, sizeof(*ms->m), by_key);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !str_eq(ms->m[i].key, ms->m[i + 1].key))
            ms->m[ms->n++] = ms->m[i];
    return 0;
}
