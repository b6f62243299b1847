#include "schema/compile.h"

#include "json/path.h"
#include "schema/uri.h"

#include <stdio.h>
#include <stdlib.h>

/* A reference that waits until all else is compiled, so that chains of
 * references cost no stack. */
struct pending {
    const struct node **slot;
    struct val target;
    const struct context *context;
    const struct document *doc;
    struct str where;
};

/* Where a reference leads. */
struct target {
    struct val v; /* MISSING: nowhere */
    struct resource *res;
    struct str where;
    bool dynamic; /* by a dynamic anchor */
};

/* The characters of a pointer's step: ~0 and ~1 worked off. 0 or -1. */
static int step_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '~') {
            if (++i == s.n || (s.p[i] != '0' && s.p[i] != '1'))
                return -1;
            c = s.p[i] == '0' ? '~' : '/';
        }
        buf_addc(out, c);
    }
    return out->failed ? -1 : 0;
}

/* ---- the members of containers that references pass through, by key, so
 * that ten thousand references do not read the document as often ---- */

static int container_index(struct compiler *c, struct val v)
{
    static char seen; /* any address will do */
    struct json_iter it = json_iter(v.raw);
    struct str raw, key;
    struct val m;
    if (lookup_get(&c->members, v.raw.p, lookup_number(0)))
        return 0;
    for (size_t i = 0; json_next(&it, &raw, &m); i++) {
        char digits[24];
        if (!it.object)
            raw = (struct str){ digits, (size_t)snprintf(digits, sizeof(digits),
                                                         "%zu", i) };
        struct val *keep = compile_scratch(c, sizeof(*keep));
        if (!keep || compile_text(c, raw, &key))
            return -1;
        *keep = m; /* of duplicate keys the last wins */
        if (lookup_put(&c->members, v.raw.p, key, keep))
            return compile_nomem(c);
    }
    return lookup_put(&c->members, v.raw.p, lookup_number(0), &seen)
               ? compile_nomem(c)
               : 0;
}

/* Goes from t->v to its member key. */
static int step_into(struct compiler *c, struct target *t, struct str key)
{
    struct val v = t->v;
    t->v.type = JSON_MISSING;
    if (v.type != JSON_OBJECT && v.type != JSON_ARRAY)
        return 0;
    if (container_index(c, v))
        return -1;
    const struct val *m = lookup_get(&c->members, v.raw.p, key);
    if (!m)
        return 0;
    t->v = *m;
    struct resource *res = lookup_get(&c->places, m->raw.p, lookup_number(0));
    if (res)
        t->res = res;
    return 0;
}

/* Follows a JSON Pointer from the root of t->res. 0 or -1. */
static int pointer_follow(struct compiler *c, struct str f, struct target *t)
{
    struct buf key = { 0 }, where = { 0 };
    int r = buf_add_str(&where, t->res->where);
    t->v = t->res->root;
    for (size_t i = 0; r == 0 && i < f.n && t->v.type != JSON_MISSING;) {
        size_t j = ++i; /* f.p[i - 1] is a slash */
        while (j < f.n && f.p[j] != '/')
            j++;
        buf_reset(&key);
        if (step_text(&key, (struct str){ f.p + i, j - i })) {
            t->v.type = JSON_MISSING;
            r = key.failed ? -1 : 0;
            break;
        }
        r = path_pointer(&where, buf_str(&key));
        if (r == 0)
            r = step_into(c, t, buf_str(&key));
        i = j;
    }
    t->where = arena_dup(&c->scratch, buf_str(&where));
    buf_free(&key);
    buf_free(&where);
    return r || !t->where.p ? compile_nomem(c) : 0;
}

/* The place in t->res that a fragment (as written) names. 0 or -1. */
static int fragment_follow(struct compiler *c, struct str raw, struct target *t)
{
    struct buf f = { 0 };
    int r = 0;
    if (uri_decode(&f, raw)) {
        t->v.type = JSON_MISSING;
        r = f.failed ? compile_nomem(c) : 0;
    } else if (f.n == 0 || f.p[0] == '/') {
        r = pointer_follow(c, buf_str(&f), t);
    } else {
        const struct anchor *a = lookup_get(&c->anchors, t->res, buf_str(&f));
        t->v.type = JSON_MISSING;
        if (a) {
            t->v = a->v;
            t->where = a->where;
            t->dynamic = a->dynamic;
        }
    }
    buf_free(&f);
    return r;
}

/* Finds what text names, seen from res. 0 or -1. */
static int target_find(struct compiler *c, struct str text,
                       const struct resource *res, const struct where *at,
                       struct target *t)
{
    struct buf uri = { 0 };
    struct str fragment = uri_split(text).fragment;
    *t = (struct target){ .res = (struct resource *)(uintptr_t)res };
    int r = 1;
    if (text.n && text.p[0] != '#') {
        uri_resolve(&uri, res->uri, text);
        r = uri.failed ? compile_nomem(c)
                       : scan_find(c, buf_str(&uri), &t->res);
    }
    if (r == 0)
        r = compile_fail(c, at,
                         "reference \"%.*s\" leads to %.*s, which is not at "
                         "hand (the network is never asked; see --schema-dir)",
                         STR_ARG(text), STR_ARG(buf_str(&uri)));
    buf_free(&uri);
    if (r < 0)
        return -1;
    if (fragment_follow(c, fragment, t))
        return -1;
    if (t->v.type == JSON_MISSING)
        return compile_fail(c, at, "reference \"%.*s\" leads nowhere",
                            STR_ARG(text));
    return 0;
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

/* A dynamic reference leads to the first of the resources on the way here that
 * has the anchor. 0 or -1. */
static int target_rebind(struct compiler *c, struct target *t, struct str name,
                         const struct context *context)
{
    const struct resource *first = context_get(context, name);
    if (!first || first == t->res)
        return 0;
    t->res = (struct resource *)(uintptr_t)first;
    return name.n ? fragment_follow(c, name, t)
                  : fragment_follow(c, STR(""), t);
}

int compile_ref(struct frame *f, enum ref_kind kind, struct str text,
                const struct node **slot, const struct where *at)
{
    struct compiler *c = f->c;
    struct target t;
    if (kind == REF_RECURSIVE && !str_eq(text, STR("#")))
        return compile_fail(c, at, "wants \"#\"");
    if (target_find(c, text, f->res, at, &t))
        return -1;
    if (kind == REF_DYNAMIC && t.dynamic &&
        target_rebind(c, &t, uri_split(text).fragment, f->context))
        return -1;
    if (kind == REF_RECURSIVE && t.res->recursive &&
        target_rebind(c, &t, STR(""), f->context))
        return -1;
    /* A schema in a place that no keyword makes one is known from now on. */
    const struct document *before = c->doc;
    struct where there = { .kind = WHERE_ROOT, .key = t.where };
    c->doc = t.res->doc;
    int r = scan_schema(c, t.v, &there, t.res);
    c->doc = before;
    if (r)
        return -1;
    return pending_add(
        c, (struct pending){ slot, t.v, f->context, t.res->doc, t.where });
}

int compile_pending(struct compiler *c)
{
    while (c->n_pending) {
        struct pending p = c->pending[--c->n_pending];
        struct where at = { .kind = WHERE_ROOT, .key = p.where };
        c->doc = p.doc;
        *p.slot = compile_schema(c, p.target, &at, p.context);
        if (!*p.slot)
            return -1;
    }
    return 0;
}
