#include "reshape/rename.h"

#include "json/splice.h"

/* Do the paths lead to two members of one object? */
static bool are_siblings(const struct path *a, const struct path *b)
{
    if (a->n == 0 || a->n != b->n)
        return false;
    if (!a->steps[a->n - 1].key.p || !b->steps[b->n - 1].key.p)
        return false;
    const struct path above_a = { .steps = a->steps, .n = a->n - 1 };
    const struct path above_b = { .steps = b->steps, .n = b->n - 1 };
    return path_relate(&above_a, &above_b) == PATH_SAME;
}

int rename_init(struct rename *r, struct str text, struct err *e)
{
    *r = (struct rename){ 0 };
    const char *equals = text.n ? memchr(text.p, '=', text.n) : NULL;
    if (!equals)
        return err_set(e, ERR_USAGE, "'%.*s': no '=' behind the field",
                       STR_ARG(text));
    size_t n = (size_t)(equals - text.p);
    if (path_parse(&r->from, str_trim((struct str){ text.p, n }), e) ||
        path_parse(&r->to, str_trim((struct str){ equals + 1, text.n - n - 1 }),
                   e))
        return -1;
    if (!are_siblings(&r->from, &r->to))
        return err_set(e, ERR_USAGE,
                       "'%.*s': the new name must be that of a field beside "
                       "the old one, with the same path before it",
                       STR_ARG(text));
    return json_quote(&r->key, r->to.steps[r->to.n - 1].key) ? err_nomem(e) : 0;
}

void rename_free(struct rename *r)
{
    path_free(&r->from);
    path_free(&r->to);
    buf_free(&r->key);
}

int rename_run(const struct rename *r, struct str record, struct buf *out)
{
    const struct path above = { .steps = r->from.steps, .n = r->from.n - 1 };
    struct str old = r->from.steps[r->from.n - 1].key;
    struct str new = r->to.steps[r->to.n - 1].key;
    struct val object = json_find(record, &above), v;
    struct json_iter it = json_iter(object.raw);
    const char *copied = record.p;
    bool taken = false, same = str_eq(old, new);
    struct str key;
    if (object.type != JSON_OBJECT || same)
        return 0;
    while (json_next(&it, &key, &v)) {
        if (json_raw_equals(key, old)) {
            buf_add(out, copied, (size_t)(key.p - 1 - copied));
            buf_add_str(out, buf_str(&r->key));
            copied = key.p + key.n + 1;
        }
        taken = taken || json_raw_equals(key, new);
    }
    if (copied == record.p)
        return 0;
    if (taken)
        return -3;
    buf_add(out, copied, (size_t)(record.p + record.n - copied));
    return out->failed ? -1 : 1;
}
