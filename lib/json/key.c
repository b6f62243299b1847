#include "json/key.h"

#include "json/check.h"
#include "json/number.h"

#include <stdlib.h>

static int add(struct buf *out, struct val v, unsigned depth);

static int add_string(struct buf *out, struct str raw)
{
    /* The length stands before the bytes, so that no content can look like
     * the end of a key; it is known only behind the unescaping. */
    size_t at = out->n;
    uint32_t n = 0;
    buf_addc(out, '"');
    buf_add(out, &n, sizeof(n));
    if (json_unescape(out, raw))
        return -1;
    n = (uint32_t)(out->n - at - 1 - sizeof(n));
    memcpy(out->p + at + 1, &n, sizeof(n));
    return 0;
}

/* A member under its unescaped key, both in one side buffer. */
struct member {
    struct str key;
    struct val val;
    size_t order;
};

static int by_key(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int add_members(struct buf *out, struct member *m, size_t n,
                       unsigned depth)
{
    qsort(m, n, sizeof(*m), by_key);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && str_eq(m[i].key, m[i + 1].key))
            continue;
        uint32_t len = (uint32_t)m[i].key.n;
        buf_addc(out, 'k');
        buf_add(out, &len, sizeof(len));
        buf_add_str(out, m[i].key);
        int r = add(out, m[i].val, depth);
        if (r)
            return r;
    }
    return buf_addc(out, '}');
}

static int add_object(struct buf *out, struct str raw, unsigned depth)
{
    struct json_iter it = json_iter(raw);
    struct str key;
    struct val v;
    size_t n = 0;
    while (json_next(&it, &key, &v))
        n++;
    if (it.broken)
        return -3;
    struct member *m = calloc(n ? n : 1, sizeof(*m));
    struct buf keys = { 0 };
    if (!m || buf_reserve(&keys, raw.n + 1)) { /* keys never move after this */
        free(m);
        buf_free(&keys);
        return -1;
    }
    it = json_iter(raw);
    for (size_t i = 0; i < n && json_next(&it, &key, &v); i++) {
        size_t at = keys.n;
        json_unescape(&keys, key);
        m[i] = (struct member){ { keys.p + at, keys.n - at }, v, i };
    }
    buf_addc(out, '{');
    int r = add_members(out, m, n, depth);
    free(m);
    buf_free(&keys);
    return r;
}

static int add(struct buf *out, struct val v, unsigned depth)
{
    if (depth > JSON_DEPTH_DEFAULT)
        return -3;
    switch (v.type) {
    case JSON_MISSING: return buf_addc(out, 'm');
    case JSON_NULL: return buf_addc(out, 'n');
    case JSON_FALSE: return buf_addc(out, 'f');
    case JSON_TRUE: return buf_addc(out, 't');
    case JSON_NUMBER: {
        buf_addc(out, '#');
        int r = number_canon(out, v.raw);
        return r ? r : buf_addc(out, '\0');
    }
    case JSON_STRING:
        if (v.raw.n < 2)
            return -3;
        return add_string(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
    case JSON_ARRAY: {
        struct json_iter it = json_iter(v.raw);
        struct val e;
        buf_addc(out, '[');
        while (json_next(&it, NULL, &e)) {
            int r = add(out, e, depth + 1);
            if (r)
                return r;
        }
        return it.broken ? -3 : buf_addc(out, ']');
    }
    case JSON_OBJECT: return add_object(out, v.raw, depth + 1);
    }
    return -3;
}

int key_add(struct buf *out, struct val v)
{
    return add(out, v, 0);
}
