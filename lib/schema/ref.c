#include "schema/compile.h"

#include "base/hash.h"
#include "json/path.h"

#include <stdio.h>
#include <stdlib.h>

/* A reference that waits until all else is compiled, so that chains of
 * references cost no stack. */
struct pending {
    const struct node **slot;
    struct val target;
    const struct resource *res;
    struct str where;
};

struct str resource_id(const struct compiler *c, struct val v)
{
    struct val id = json_get(v, STR("$id"));
    struct str none = { "", 0 };
    if (id.type != JSON_STRING || id.raw.n <= 2 || id.raw.p[1] == '#')
        return none;
    if (c->draft == DRAFT_07 && json_get(v, STR("$ref")).type)
        return none;
    return (struct str){ id.raw.p + 1, id.raw.n - 2 };
}

const struct resource *resource_of(struct compiler *c, struct val v,
                                   struct str where, const struct resource *res)
{
    struct str id = resource_id(c, v);
    if (!id.n || (res && res->root.p == v.raw.p))
        return res;
    struct resource *r = compile_alloc(c, sizeof(*r));
    if (!r)
        return NULL;
    *r = (struct resource){ v.raw, id, arena_dup(&c->s->arena, where) };
    return r;
}

/* One step of a pointer, ~ and % decoded into out. 0 or -1. */
static int step_decode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n) {
            char hex[3] = { s.p[i + 1], s.p[i + 2], '\0' };
            char *end;
            c = (char)strtoul(hex, &end, 16);
            if (end != hex + 2)
                return -1;
            i += 2;
        }
        buf_addc(out, c);
    }
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        char c = out->p[i];
        if (c == '~') {
            if (++i == out->n || (out->p[i] != '0' && out->p[i] != '1'))
                return -1;
            c = out->p[i] == '0' ? '~' : '/';
        }
        out->p[n++] = c;
    }
    out->n = n;
    return out->failed ? -1 : 0;
}

/* ---- the members of containers that references pass through, by key, so
 * that ten thousand references do not read the document as often ---- */

struct step {
    const char *container; /* first byte */
    struct str key;        /* characters; .p NULL: it has been indexed */
    struct val v;
    const struct resource *res; /* of v; NULL until it is asked for */
};

static struct step *step_slot(const struct compiler *c, const char *container,
                              struct str key)
{
    size_t mask = c->cap_steps - 1;
    uint64_t h = (uint64_t)(uintptr_t)container * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 20 ^ (key.p ? hash64(key) : 0)) & mask;
    for (; c->steps[i].container; i = (i + 1) & mask)
        if (c->steps[i].container == container &&
            !c->steps[i].key.p == !key.p && str_eq(c->steps[i].key, key))
            break;
    return &c->steps[i];
}

static int steps_grow(struct compiler *c)
{
    size_t cap = c->cap_steps ? c->cap_steps * 2 : 64, old = c->cap_steps;
    struct step *from = c->steps, *to = calloc(cap, sizeof(*to));
    if (!to)
        return compile_nomem(c);
    c->steps = to;
    c->cap_steps = cap;
    for (size_t i = 0; i < old; i++)
        if (from[i].container)
            *step_slot(c, from[i].container, from[i].key) = from[i];
    free(from);
    return 0;
}

static int step_put(struct compiler *c, struct step s)
{
    if (c->n_steps * 2 >= c->cap_steps && steps_grow(c))
        return -1;
    struct step *to = step_slot(c, s.container, s.key);
    c->n_steps += !to->container;
    *to = s; /* of duplicate keys the last wins */
    return 0;
}

static int container_index(struct compiler *c, struct val v)
{
    struct step mark = { v.raw.p, { NULL, 0 }, v, NULL };
    struct json_iter it = json_iter(v.raw);
    struct str raw;
    struct val m;
    if (c->cap_steps && step_slot(c, v.raw.p, mark.key)->container)
        return 0;
    for (size_t i = 0; json_next(&it, &raw, &m); i++) {
        struct step s = { v.raw.p, { NULL, 0 }, m, NULL };
        char digits[24];
        if (!it.object)
            raw = (struct str){ digits, (size_t)snprintf(digits, sizeof(digits),
                                                         "%zu", i) };
        if (compile_text(c, raw, &s.key) || step_put(c, s))
            return -1;
    }
    return step_put(c, mark);
}

/* Goes from *v to its member key. *v is MISSING where there is none. */
static int step_into(struct compiler *c, struct val *v, struct str key,
                     struct str where, const struct resource **res)
{
    if (v->type != JSON_OBJECT && v->type != JSON_ARRAY) {
        v->type = JSON_MISSING;
        return 0;
    }
    if (container_index(c, *v))
        return -1;
    struct step *s = step_slot(c, v->raw.p, key);
    if (!s->container) {
        v->type = JSON_MISSING;
        return 0;
    }
    if (!s->res)
        s->res = resource_of(c, s->v, where, *res);
    *v = s->v;
    *res = s->res;
    return *res ? 0 : -1;
}

/* Follows the JSON Pointer in a fragment. *v is MISSING where it leads
 * nowhere. 0 or -1 (memory). */
static int fragment_follow(struct compiler *c, struct str f, struct val *v,
                           const struct resource **res)
{
    struct buf key = { 0 }, where = { 0 };
    int r = buf_add_str(&where, (*res)->where);
    *v = json_val((*res)->root);
    for (size_t i = 0; r == 0 && i < f.n && v->type != JSON_MISSING;) {
        size_t j = ++i; /* f.p[i - 1] is a slash */
        while (j < f.n && f.p[j] != '/')
            j++;
        buf_reset(&key);
        if (step_decode(&key, (struct str){ f.p + i, j - i })) {
            v->type = JSON_MISSING;
            r = key.failed ? -1 : 0;
            break;
        }
        r = path_pointer(&where, buf_str(&key));
        if (r == 0)
            r = step_into(c, v, buf_str(&key), buf_str(&where), res);
        i = j;
    }
    buf_free(&key);
    buf_free(&where);
    return r ? compile_nomem(c) : 0;
}

static int pending_add(struct compiler *c, struct pending p)
{
    if (c->n_pending == c->cap_pending) {
        size_t cap = c->cap_pending ? c->cap_pending * 2 : 16;
        struct pending *q = realloc(c->pending, cap * sizeof(*q));
        if (!q)
            return compile_nomem(c);
        c->pending = q;
        c->cap_pending = cap;
    }
    c->pending[c->n_pending++] = p;
    return 0;
}

/* True if id names one document whatever the base is. */
static bool is_absolute(struct str id)
{
    const char *colon = id.n ? memchr(id.p, ':', id.n) : NULL;
    const char *slash = id.n ? memchr(id.p, '/', id.n) : NULL;
    return colon && (!slash || colon < slash);
}

int compile_ref(struct compiler *c, struct str text, const struct node **slot,
                const struct where *at, const struct resource *res)
{
    struct str f = text, id;
    if (compile_text(c, res->id, &id))
        return -1;
    while (id.n && id.p[id.n - 1] == '#')
        id.n--;
    if (is_absolute(id) && f.n >= id.n && memcmp(f.p, id.p, id.n) == 0 &&
        (f.n == id.n || f.p[id.n] == '#'))
        f = (struct str){ f.p + id.n, f.n - id.n };
    else if (f.n == 0 || f.p[0] != '#')
        return compile_fail(c, at,
                            "reference \"%.*s\" leads to another document, "
                            "which is not supported",
                            STR_ARG(text));
    if (f.n)
        f = (struct str){ f.p + 1, f.n - 1 };
    if (f.n && f.p[0] != '/')
        return compile_fail(c, at,
                            "reference \"%.*s\" is by anchor, which is not "
                            "supported; use a JSON Pointer",
                            STR_ARG(text));
    struct val v;
    if (fragment_follow(c, f, &v, &res))
        return -1;
    if (v.type == JSON_MISSING)
        return compile_fail(c, at, "reference \"%.*s\" leads nowhere",
                            STR_ARG(text));
    struct buf where = { 0 };
    buf_add_str(&where, f);
    struct pending p = { slot, v, res,
                         arena_dup(&c->s->arena, buf_str(&where)) };
    buf_free(&where);
    return p.where.p ? pending_add(c, p) : compile_nomem(c);
}

int compile_pending(struct compiler *c)
{
    while (c->n_pending) {
        struct pending p = c->pending[--c->n_pending];
        struct where at = { .kind = WHERE_ROOT, .key = p.where };
        *p.slot = compile_schema(c, p.target, &at, p.res);
        if (!*p.slot)
            return -1;
    }
    return 0;
}
