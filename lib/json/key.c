#include "json/key.h"

#include "json/check.h"
#include "json/members.h"
#include "json/number.h"

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

static int add_object(struct buf *out, struct str raw, unsigned depth)
{
    struct members ms;
    int r = members_read(&ms, raw);
    if (r == 0)
        buf_addc(out, '{');
    for (size_t i = 0; r == 0 && i < ms.n; i++) {
        uint32_t len = (uint32_t)ms.m[i].key.n;
        buf_addc(out, 'k');
        buf_add(out, &len, sizeof(len));
        buf_add_str(out, ms.m[i].key);
        r = add(out, ms.m[i].val, depth);
    }
    members_free(&ms);
    return r ? r : buf_addc(out, '}');
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
