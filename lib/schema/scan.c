#include "schema/compile.h"
#include "schema/uri.h"

#include "json/check.h"

/* What a schema says of itself. */
struct identity {
    struct val schema, id, ref, anchor, dynamic, recursive;
};

static struct identity identity_of(struct val v)
{
    struct identity x = { 0 };
    const struct {
        struct str name;
        struct val *to;
    } rows[] = {
        { STR("$schema"), &x.schema },
        { STR("$id"), &x.id },
        { STR("$ref"), &x.ref },
        { STR("$anchor"), &x.anchor },
        { STR("$dynamicAnchor"), &x.dynamic },
        { STR("$recursiveAnchor"), &x.recursive },
    };
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val m;
    while (json_next(&it, &key, &m)) {
        if (key.n == 0 || (key.p[0] != '$' && key.p[0] != '\\'))
            continue;
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
            if (json_raw_equals(key, rows[i].name))
                *rows[i].to = m;
    }
    return x;
}

/* The characters of v, if it is a string; else empty. 0 or -1. */
static int text_of(struct compiler *c, struct val v, struct str *text)
{
    *text = STR("");
    if (v.type != JSON_STRING)
        return 0;
    return compile_text(c, (struct str){ v.raw.p + 1, v.raw.n - 2 }, text);
}

static int anchor_add(struct compiler *c, struct resource *res, struct str name,
                      struct val v, const struct where *at, bool dynamic)
{
    struct anchor *a = lookup_get(&c->anchors, res, name);
    if (a && a->v.raw.p != v.raw.p)
        return compile_fail(c, at, "another schema has the anchor \"%.*s\"",
                            STR_ARG(name));
    if (!a) {
        struct buf where = { 0 };
        a = compile_scratch(c, sizeof(*a));
        if (!a)
            return -1;
        where_pointer(&where, at, false);
        *a =
            (struct anchor){ .name = name,
                             .v = v,
                             .where = arena_dup(&c->scratch, buf_str(&where)) };
        buf_free(&where);
        if (!a->where.p || lookup_put(&c->anchors, res, name, a))
            return compile_nomem(c);
    }
    if (dynamic && !a->dynamic) {
        a->dynamic = true;
        a->next = res->dynamic;
        res->dynamic = a;
    }
    return 0;
}

/* $anchor and $dynamicAnchor, $recursiveAnchor where it counts. */
static int anchors_add(struct compiler *c, const struct identity *x,
                       struct resource *res, struct val v,
                       const struct where *at)
{
    struct str name;
    enum schema_draft draft = res->dialect->draft;
    if (draft == DRAFT_07)
        return 0;
    if (text_of(c, x->anchor, &name) ||
        (name.n && anchor_add(c, res, name, v, at, false)))
        return -1;
    if (draft == DRAFT_2019_09) {
        if (res->root.raw.p == v.raw.p)
            res->recursive = x->recursive.type == JSON_TRUE;
        return 0;
    }
    if (text_of(c, x->dynamic, &name))
        return -1;
    return name.n ? anchor_add(c, res, name, v, at, true) : 0;
}

static struct dialect *dialect_here(struct compiler *c,
                                    const struct identity *x,
                                    const struct where *at,
                                    struct dialect *around)
{
    struct where here = { .up = at, .kind = WHERE_KEY, .key = STR("$schema") };
    struct str uri;
    if (x->schema.type == JSON_MISSING)
        return around;
    if (x->schema.type != JSON_STRING) {
        compile_fail(c, &here, "wants a string");
        return NULL;
    }
    return text_of(c, x->schema, &uri) ? NULL : dialect_find(c, uri, &here);
}

static struct resource *resource_new(struct compiler *c, struct val v,
                                     const struct where *at, struct dialect *d,
                                     const struct resource *within)
{
    struct resource *r = compile_scratch(c, sizeof(*r));
    struct buf where = { 0 };
    if (!r)
        return NULL;
    where_pointer(&where, at, false);
    *r = (struct resource){ .next = c->resources,
                            .root = v,
                            .where = arena_dup(&c->scratch, buf_str(&where)),
                            .uri = within ? within->uri : c->doc->uri,
                            .doc = c->doc,
                            .dialect = d,
                            .within = within };
    buf_free(&where);
    if (!r->where.p) {
        compile_nomem(c);
        return NULL;
    }
    return c->resources = r;
}

/* Gives res the URI that its $id says, seen from that of what is around it. */
static int resource_name(struct compiler *c, struct resource *res,
                         struct str id, const struct where *at)
{
    struct where here = { .up = at, .kind = WHERE_KEY, .key = STR("$id") };
    struct buf uri = { 0 };
    uri_resolve(&uri, res->uri, id);
    res->uri = arena_dup(&c->scratch, buf_str(&uri));
    buf_free(&uri);
    if (!res->uri.p)
        return compile_nomem(c);
    const struct resource *other = lookup_get(&c->by_uri, NULL, res->uri);
    if (other && other->root.raw.p != res->root.raw.p)
        return compile_fail(c, &here, "another schema has this $id too");
    return lookup_put(&c->by_uri, NULL, res->uri, res) ? compile_nomem(c) : 0;
}

/* Sets *res to the resource that v belongs to, and names it. */
static int resource_here(struct compiler *c, struct val v,
                         const struct where *at, struct resource **res)
{
    struct identity x = identity_of(v);
    struct resource *around = *res;
    struct dialect *d = around ? around->dialect : dialect_default(c);
    struct str id, fragment;
    if (d && (!around || x.id.type == JSON_STRING))
        d = dialect_here(c, &x, at, d);
    if (!d || text_of(c, x.id, &id))
        return -1;
    if (d->draft == DRAFT_07 && x.ref.type != JSON_MISSING)
        id.n = 0;
    fragment = uri_split(id).fragment;
    struct str base = id;
    if (fragment.p)
        base.n -= fragment.n + 1;
    if (!around || base.n) {
        *res = resource_new(c, v, at, d, around);
        if (!*res)
            return -1;
        if (base.n && resource_name(c, *res, base, at))
            return -1;
    }
    /* A location-independent identifier of draft-07. */
    if (d->draft == DRAFT_07 && fragment.n && fragment.p[0] != '/' &&
        anchor_add(c, *res, fragment, v, at, false))
        return -1;
    return anchors_add(c, &x, *res, v, at);
}

static int scan_map(struct compiler *c, struct val v, const struct where *at,
                    struct resource *res)
{
    struct json_iter it = json_iter(v.raw);
    struct where here = { .up = at,
                          .kind =
                              v.type == JSON_OBJECT ? WHERE_KEY : WHERE_INDEX };
    struct val m;
    for (; json_next(&it, &here.key, &m); here.index++)
        if (scan_schema(c, m, &here, res))
            return -1;
    return 0;
}

int scan_schema(struct compiler *c, struct val v, const struct where *at,
                struct resource *res)
{
    struct json_iter it = json_iter(v.raw);
    struct where here = { .up = at, .kind = WHERE_KEY };
    struct buf name = { 0 };
    struct val m;
    if (v.type != JSON_OBJECT ||
        lookup_get(&c->places, v.raw.p, lookup_number(0)))
        return 0;
    if (resource_here(c, v, at, &res))
        return -1;
    if (lookup_put(&c->places, v.raw.p, lookup_number(0), res))
        return compile_nomem(c);
    int r = 0;
    while (r == 0 && json_next(&it, &here.key, &m)) {
        if (m.type != JSON_OBJECT && m.type != JSON_ARRAY)
            continue;
        buf_reset(&name);
        if (json_unescape(&name, here.key)) {
            r = compile_nomem(c);
            break;
        }
        enum holds holds = keyword_holds(res->dialect, buf_str(&name));
        if (holds == HOLDS_SCHEMAS)
            r = m.type == JSON_OBJECT ? scan_schema(c, m, &here, res)
                                      : scan_map(c, m, &here, res);
        else if (holds == HOLDS_MAP && m.type == JSON_OBJECT)
            r = scan_map(c, m, &here, res);
    }
    buf_free(&name);
    return r;
}

/* ---- documents ---- */

static int check_json(struct compiler *c, struct document *d)
{
    struct json_fault fault;
    struct str text = buf_str(&d->text);
    size_t line = 1;
    if (json_check_value(text, SCHEMA_MAX_DEPTH, &fault) == 0)
        return 0;
    for (size_t i = 0; i < fault.offset && i < text.n; i++)
        line += text.p[i] == '\n';
    return err_set(c->e, ERR_CONFIG, "schema %s line %zu: %s", d->name.p, line,
                   fault.why);
}

static int prefix_set(struct compiler *c, struct document *d)
{
    struct buf prefix = { 0 };
    if (d->main)
        return 0;
    buf_add_str(&prefix, d->uri);
    buf_addc(&prefix, '#');
    d->prefix = arena_dup(&c->s->arena, buf_str(&prefix));
    buf_free(&prefix);
    return d->prefix.p ? 0 : -1;
}

/* Scans d, which is c->doc. */
static int scan_text(struct compiler *c, struct document *d)
{
    const struct where root = { .kind = WHERE_ROOT };
    struct val v = json_val(buf_str(&d->text));
    struct resource *res = NULL;
    if (v.type == JSON_OBJECT) {
        if (scan_schema(c, v, &root, NULL))
            return -1;
        res = lookup_get(&c->places, v.raw.p, lookup_number(0));
    } else {
        struct dialect *dialect = dialect_default(c);
        res = dialect ? resource_new(c, v, &root, dialect, NULL) : NULL;
    }
    d->root = res;
    if (!res)
        return -1;
    if (d->uri.n && !lookup_get(&c->by_uri, NULL, d->uri) &&
        lookup_put(&c->by_uri, NULL, d->uri, res))
        return compile_nomem(c);
    return 0;
}

struct document *scan_document(struct compiler *c, struct buf text,
                               struct buf name, struct str uri, bool builtin)
{
    struct document *d = compile_scratch(c, sizeof(*d));
    if (!d) {
        buf_free(&text);
        buf_free(&name);
        return NULL;
    }
    *d = (struct document){ .next = c->documents,
                            .text = text,
                            .name = name,
                            .uri = arena_dup(&c->scratch, uri),
                            .main = !c->documents,
                            .builtin = builtin };
    c->documents = d;
    if (!buf_z(&d->name) || !d->uri.p || d->text.failed || prefix_set(c, d)) {
        compile_nomem(c);
        return NULL;
    }
    const struct document *before = c->doc;
    c->doc = d;
    int r = check_json(c, d);
    if (r == 0)
        r = scan_text(c, d);
    c->doc = before;
    return r ? NULL : d;
}

int scan_find(struct compiler *c, struct str uri, struct resource **res)
{
    struct buf text = { 0 }, name = { 0 };
    *res = lookup_get(&c->by_uri, NULL, uri);
    if (*res)
        return 1;
    int r = uri.n ? store_get(c->store, uri, &text, &name, c->e) : 0;
    if (r <= 0) {
        buf_free(&text);
        buf_free(&name);
        return r;
    }
    struct str have = buf_str(&name);
    bool builtin = str_eq(have, uri);
    const struct document *d = scan_document(c, text, name, uri, builtin);
    *res = d ? (struct resource *)(uintptr_t)d->root : NULL;
    return d ? 1 : -1;
}
