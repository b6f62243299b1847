/* refer: $id, anchors and references, within a document and between them. */
#include "evolve/rule_read.h"
#include "schema/store.h"
#include "schema/uri.h"

#include <stdlib.h>

#define SHOWN 200         /* bytes of a reference in a message */
#define METASCHEMAS_MAX 8 /* that name each other */

static int shown(struct str s)
{
    return s.n < SHOWN ? (int)s.n : SHOWN;
}

/* ---- resources and anchors ---- */

static struct document *document_of(const struct tree *t)
{
    while (t->up)
        t = t->up;
    return (struct document *)(uintptr_t)t->rule->doc;
}

/* The resource that t belongs to. */
static struct tree *resource_of(const struct tree *t)
{
    for (; t->up; t = t->up)
        if (t->rule && t->rule->resource)
            return &t->up->v[t->at];
    return document_of(t)->root;
}

static struct str base_of(const struct tree *resource)
{
    return resource->rule->base;
}

static void *grow(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    size_t to = *cap ? *cap * 2 : 8;
    void *p = realloc(v, to * size);
    if (p)
        *cap = to;
    return p;
}

/* Of those with the same name the first counts. */
static int put_once(struct lookup *l, const void *of, struct str name, void *to)
{
    return lookup_get(l, of, name) ? 0 : lookup_put(l, of, name, to);
}

static int add_anchor(struct rule_reader *r, struct tree *t, struct str name,
                      bool dynamic)
{
    struct anchor *a = rule_alloc(r, sizeof(*a));
    if (!a)
        return -1;
    *a = (struct anchor){ t, name, dynamic };
    if (put_once(&r->anchors, resource_of(t), name, a))
        return err_nomem(r->e);
    if (!dynamic)
        return 0;
    struct anchor **v =
        grow(r->dynamic, r->n_dynamic, &r->cap_dynamic, sizeof(*v));
    if (!v)
        return err_nomem(r->e);
    r->dynamic = v;
    v[r->n_dynamic++] = a;
    return 0;
}

int rule_locate(struct rule_reader *r)
{
    struct document *d = r->doc;
    r->resources += r->others != NULL;
    return d->uri.n && put_once(&r->by_uri, NULL, d->uri, d->root)
               ? err_nomem(r->e)
               : 0;
}

static int add_resource(struct rule_reader *r, struct rule *rule,
                        struct tree *t, struct str id)
{
    struct buf b = { 0 };
    struct str outer = t->up ? base_of(resource_of(t->up)) : r->doc->uri;
    uri_resolve(&b, outer, id);
    rule->base = arena_dup(&r->set->arena, buf_str(&b));
    rule->resource = true;
    r->resources += t->up != NULL;
    bool ok = !b.failed && rule->base.p &&
              put_once(&r->by_uri, NULL, rule->base, t) == 0;
    buf_free(&b);
    return ok ? 0 : err_nomem(r->e);
}

int rule_identify(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    const struct tree *id =
        tree_get(t, r->doc->draft == RULE_DRAFT_04 ? STR("id") : STR("$id"));
    const struct tree *schema = tree_get(t, STR("$schema"));
    const struct tree *v;
    bool old = r->doc->draft & RULE_DRAFTS_OLD;
    if (schema && t->up && schema->type == JSON_STRING) {
        const struct tree *top = tree_get(r->doc->root, STR("$schema"));
        if (!r->set->lenient && (!top || !str_eq(top->text, schema->text)))
            return rule_fail(r, schema, "dialects cannot be mixed");
    }
    if (id && id->type == JSON_STRING && id->text.n &&
        !(old && tree_get(t, STR("$ref")))) {
        if (id->text.p[0] != '#') {
            if (add_resource(r, rule, t, id->text))
                return -1;
        } else if (old &&
                   add_anchor(r, t,
                              (struct str){ id->text.p + 1, id->text.n - 1 },
                              false)) {
            return -1;
        }
    }
    v = old ? NULL : tree_get(t, STR("$anchor"));
    if (v && v->type == JSON_STRING && add_anchor(r, t, v->text, false))
        return -1;
    v = r->doc->draft == RULE_DRAFT_2020 ? tree_get(t, STR("$dynamicAnchor"))
                                         : NULL;
    if (v && v->type == JSON_STRING && add_anchor(r, t, v->text, true))
        return -1;
    return 0;
}

/* ---- references ---- */

static int put_off(struct rule_reader *r, struct pending_list *l,
                   struct pending p)
{
    struct pending *v = grow(l->v, l->n, &l->cap, sizeof(*v));
    if (!v)
        return err_nomem(r->e);
    l->v = v;
    v[l->n++] = p;
    return 0;
}

int rule_refer(struct rule_reader *r, struct rule *rule, const struct tree *at,
               bool dynamic, bool recursive)
{
    if (at->type != JSON_STRING)
        return rule_fail(r, at, "wants a reference");
    return put_off(r, &r->refs,
                   (struct pending){ rule, at, at->text, dynamic, recursive });
}

static struct tree *child_at(struct tree *t, struct str step)
{
    if (t->type != JSON_ARRAY)
        return tree_get(t, step);
    uint64_t i = 0;
    if (step.n == 0 || step.n > 9 || (step.n > 1 && step.p[0] == '0'))
        return NULL;
    for (size_t k = 0; k < step.n; k++) {
        if (step.p[k] < '0' || step.p[k] > '9')
            return NULL;
        i = i * 10 + (uint64_t)(step.p[k] - '0');
    }
    return i < t->n ? &t->v[i] : NULL;
}

/* Follows a JSON Pointer from t; pointer is changed. */
static struct tree *follow(struct tree *t, char *p, size_t n)
{
    size_t i = 0;
    while (t && i < n) {
        size_t to = ++i, from = to; /* behind the slash */
        for (; i < n && p[i] != '/'; i++) {
            char c = p[i];
            if (c == '~' && i + 1 < n && (p[i + 1] == '0' || p[i + 1] == '1'))
                c = p[++i] == '0' ? '~' : '/';
            p[to++] = c;
        }
        t = child_at(t, (struct str){ p + from, to - from });
    }
    return t;
}

/* How many dynamic anchors of that name there are. */
static size_t count_dynamic(const struct rule_reader *r, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_dynamic; i++)
        n += str_eq(r->dynamic[i]->name, name);
    return n;
}

/* Reads the document with this URI. 1, 0 where there is none, or -1. */
static int fetch(struct rule_reader *r, struct str uri, struct tree **found)
{
    struct buf text = { 0 }, name = { 0 };
    int n = uri.n ? store_get(r->set->store, uri, &text, &name, r->e) : 0;
    if (n > 0) {
        buf_addc(&name, '\0');
        struct str own = arena_dup(&r->set->arena, buf_str(&name));
        const struct document *d = NULL;
        if (!own.p || name.failed)
            err_nomem(r->e);
        else
            d = rule_document(r, buf_str(&text), own.p, uri);
        *found = d ? d->root : NULL;
        n = d ? 1 : -1;
    }
    buf_free(&text);
    buf_free(&name);
    return n;
}

/* What cannot be found: for a prover refused, for a look at properties a rule
 * of which nothing is known. */
static int missing(struct rule_reader *r, const struct pending *p,
                   struct str uri)
{
    if (r->set->lenient) {
        p->rule->opaque = "$ref";
        return 0;
    }
    if (!uri.p)
        return rule_fail(r, p->at, "reference \"%.*s\" leads nowhere",
                         shown(p->text), p->text.p);
    return rule_fail(r, p->at,
                     "reference \"%.*s\" leads to %.*s, which is not at hand "
                     "(see --schema-dir)",
                     shown(p->text), p->text.p, shown(uri), uri.p);
}

/* The resource that a reference names, *found NULL where it is missing and
 * that is no error. 0 or -1. */
static int find_resource(struct rule_reader *r, const struct pending *p,
                         struct tree **found)
{
    struct tree *here = resource_of(p->rule->tree);
    struct buf b = { 0 };
    int n = 1;
    *found = here;
    if (p->text.n && p->text.p[0] != '#') {
        uri_resolve(&b, base_of(here), p->text);
        *found = lookup_get(&r->by_uri, NULL, buf_str(&b));
        n = b.failed ? err_nomem(r->e)
            : *found ? 1
                     : fetch(r, buf_str(&b), found);
    }
    if (n == 0)
        n = missing(r, p, buf_str(&b));
    buf_free(&b);
    return n < 0 ? -1 : 0;
}

/* The place within a resource; *found NULL where there is none. 0 or -1. */
static int find_place(struct rule_reader *r, struct str raw,
                      struct tree **found, const struct anchor **anchor)
{
    struct buf f = { 0 };
    *anchor = NULL;
    if (uri_decode(&f, raw)) {
        *found = NULL;
    } else if (f.n && f.p[0] == '/') {
        *found = follow(*found, f.p, f.n);
    } else if (f.n) {
        *anchor = lookup_get(&r->anchors, *found, buf_str(&f));
        *found = *anchor ? (*anchor)->tree : NULL;
    }
    bool nomem = f.failed;
    buf_free(&f);
    return nomem ? err_nomem(r->e) : 0;
}

int rule_also(struct rule_reader *r, struct rule *rule, struct rule *to)
{
    struct rule_list *all = &rule->place->all;
    struct rule **v = rule_alloc(r, (all->n + 1) * sizeof(struct rule *));
    if (!v)
        return -1;
    if (all->n)
        memcpy(v, all->v, all->n * sizeof(*v));
    v[all->n] = to;
    *all = (struct rule_list){ v, all->n + 1 };
    return 0;
}

/* Both $ref and $dynamicRef may stand in one schema. */
static int lead(struct rule_reader *r, struct rule *from, struct rule *to)
{
    if (from->place->ref)
        return rule_also(r, from, to);
    from->place->ref = to;
    return 0;
}

/* Where a dynamic reference leads is known only when all documents are read:
 * at first what it needs is read, later it is followed. */
static int resolve_one(struct rule_reader *r, const struct pending *p,
                       bool follow_it)
{
    const struct anchor *anchor;
    struct tree *t;
    r->doc = (struct document *)(uintptr_t)p->rule->doc;
    if (find_resource(r, p, &t))
        return -1;
    if (!t)
        return 0;
    if (!follow_it)
        return put_off(r, &r->later, *p);
    struct str fragment = uri_split(p->text).fragment;
    if (find_place(r, fragment, &t, &anchor))
        return -1;
    if (!t)
        return missing(r, p, (struct str){ NULL, 0 });
    if (p->dynamic && anchor && anchor->dynamic &&
        count_dynamic(r, anchor->name) > 1) {
        p->rule->opaque = "$dynamicRef";
        return 0;
    }
    if (p->recursive && r->resources > 0) {
        p->rule->opaque = "$recursiveRef";
        return 0;
    }
    r->doc = document_of(t);
    struct rule *to = rule_of(r, t);
    return to ? lead(r, p->rule, to) : -1;
}

int rule_resolve(struct rule_reader *r)
{
    struct document *first = r->doc;
    for (size_t i = 0, k = 0; i < r->refs.n || k < r->later.n;) {
        bool now = i < r->refs.n;
        struct pending p = now ? r->refs.v[i++] : r->later.v[k++];
        if (resolve_one(r, &p, !now || !(p.dynamic || p.recursive)))
            return -1;
    }
    r->doc = first;
    return 0;
}

/* ---- metaschemas of others ---- */

int rule_dialect(struct rule_reader *r, struct str uri, unsigned *draft)
{
    struct buf b = { 0 };
    struct str base = r->doc->uri;
    unsigned found = 0;
    int n = 1;
    for (int i = 0; !found && n > 0 && i < METASCHEMAS_MAX; i++) {
        struct buf text = { 0 }, name = { 0 };
        buf_reset(&b);
        uri_resolve(&b, base, uri);
        base = arena_dup(&r->set->arena, buf_str(&b));
        n = !base.p ? err_nomem(r->e)
                    : store_get(r->set->store, base, &text, &name, r->e);
        struct tree *root = n > 0 ? tree_parse(&r->set->arena, buf_str(&text),
                                               "of a metaschema", r->e)
                                  : NULL;
        n = n > 0 && !root ? -1 : n;
        const struct tree *t = root ? tree_get(root, STR("$schema")) : NULL;
        uri = t && t->type == JSON_STRING ? t->text : STR("");
        found = rule_draft_of(uri);
        n = n > 0 && !found && !uri.n ? 0 : n;
        buf_free(&text);
        buf_free(&name);
    }
    buf_free(&b);
    if (found)
        *draft = found;
    return n < 0 ? -1 : found != 0;
}
