#include "schema/where.h"

#include "json/path.h"
#include "json/value.h"

static int add_key(struct buf *out, struct str raw)
{
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n))
        return path_pointer(out, raw);
    struct buf text = { .max = out->max };
    if (json_unescape(&text, raw))
        out->failed = true;
    else
        path_pointer(out, buf_str(&text));
    buf_free(&text);
    return out->failed ? -1 : 0;
}

int where_pointer(struct buf *out, const struct where *at, bool any_index)
{
    /* Ways are short and this is the bad path: recursion follows the frames
     * that are on the stack already. */
    if (at->up && where_pointer(out, at->up, any_index))
        return -1;
    switch (at->kind) {
    case WHERE_ROOT: return buf_add_str(out, at->key);
    case WHERE_KEY: return add_key(out, at->key);
    case WHERE_INDEX:
        return any_index ? buf_addz(out, "/*")
                         : buf_addf(out, "/%zu", at->index);
    case WHERE_NAME: break;
    }
    return 0;
}
