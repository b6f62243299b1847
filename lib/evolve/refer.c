/* refer: $id, anchors and references within a document. */
#include "evolve/rule_read.h"

#include <stdlib.h>

#define SHOWN 200 /* bytes of a reference in a message */

static int shown(struct str s)
{
    return s.n < SHOWN ? (int)s.n : SHOWN;
}

/* ---- URIs: as much of RFC 3986 section 5 as embedded schemas need ---- */

static size_t scheme_size(struct str uri)
{
    for (size_t i = 0; i < uri.n; i++) {
        char c = uri.p[i];
        if (c == ':')
            return i ? i + 1 : 0;
        if (c == '/' || c == '?' || c == '#')
            break;
    }
    return 0;
}

/* Scheme and authority: what stands before the path. */
static size_t root_size(struct str uri)
{
    size_t n = scheme_size(uri);
    if (uri.n - n < 2 || memcmp(uri.p + n, "//", 2) != 0)
        return n;
    for (n += 2; n < uri.n && uri.p[n] != '/'; n++)
        ;
    return n;
}

/* Appends reference, without its fragment, resolved against base. */
static int resolve_uri(struct buf *out, struct str base, struct str ref)
{
    size_t n = scheme_size(ref);
    if (!n && ref.n >= 2 && memcmp(ref.p, "//", 2) == 0)
        base.n = scheme_size(base);
    else if (!n && ref.n && ref.p[0] == '/')
        base.n = root_size(base);
    else if (n)
        base.n = 0;
    while (!n && base.n > root_size(base) && base.p[base.n - 1] != '/' &&
           !(ref.n && (ref.p[0] == '/')))
        base.n--;
    if (!n && ref.n >= 2 && memcmp(ref.p, "./", 2) == 0)
        ref = (struct str){ ref.p + 2, ref.n - 2 };
    buf_add_str(out, base);
    return buf_add_str(out, ref);
}

/* ---- resources and anchors ---- */

/* The resource that t belongs to. */
static struct tree *resource_of(const struct rule_reader *r,
                                const struct tree *t)
{
    for (; t->up; t = t->up)
        if (t->rule && t->rule->resource)
            return &t->up->v[t->at];
    return r->doc->root;
}

static struct str base_of(const struct tree *resource)
{
    return resource->rule ? resource->rule->base : STR("");
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

static int add_anchor(struct rule_reader *r, struct tree *t, struct str name,
                      bool dynamic)
{
    struct document *d = r->doc;
    struct anchor *v =
        grow(d->anchors, d->n_anchors, &d->cap_anchors, sizeof(*v));
    if (!v)
        return err_nomem(r->e);
    d->anchors = v;
    v[d->n_anchors++] = (struct anchor){ resource_of(r, t), name, t, dynamic };
    return 0;
}

static int add_resource(struct rule_reader *r, struct rule *rule,
                        struct tree *t, struct str id)
{
    struct document *d = r->doc;
    struct buf b = { 0 };
    const char *hash = memchr(id.p, '#', id.n);
    if (hash)
        id.n = (size_t)(hash - id.p);
    struct tree **v = grow(d->bases, d->n_bases, &d->cap_bases, sizeof(*v));
    if (!v)
        return err_nomem(r->e);
    d->bases = v;
    v[d->n_bases++] = t;
    struct str outer = STR("");
    if (t->up)
        outer = base_of(resource_of(r, t->up));
    resolve_uri(&b, outer, id);
    rule->base = arena_dup(&r->set->arena, buf_str(&b));
    rule->resource = true;
    d->resources += t->up != NULL;
    buf_free(&b);
    return rule->base.p ? 0 : err_nomem(r->e);
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
        if (!top || !str_eq(top->text, schema->text))
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

int rule_refer(struct rule_reader *r, struct rule *rule, const struct tree *at,
               bool dynamic, bool recursive)
{
    if (at->type != JSON_STRING)
        return rule_fail(r, at, "wants a reference");
    struct pending *v =
        grow(r->pending, r->n_pending, &r->cap_pending, sizeof(*v));
    if (!v)
        return err_nomem(r->e);
    r->pending = v;
    v[r->n_pending++] =
        (struct pending){ rule, at, at->text, dynamic, recursive };
    return 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A fragment's characters, % decoded. */
static int decode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 &&
            hex(s.p[i + 2]) >= 0) {
            buf_addc(out, (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2])));
            i += 2;
        } else {
            buf_addc(out, s.p[i]);
        }
    }
    return out->failed ? -1 : 0;
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

static struct tree *find_anchor(const struct rule_reader *r,
                                const struct tree *resource, struct str name,
                                bool *dynamic)
{
    const struct document *d = r->doc;
    for (size_t i = 0; i < d->n_anchors; i++)
        if (d->anchors[i].resource == resource &&
            str_eq(d->anchors[i].name, name)) {
            *dynamic = *dynamic || d->anchors[i].dynamic;
            return d->anchors[i].tree;
        }
    return NULL;
}

/* How many dynamic anchors of that name the document has. */
static size_t count_dynamic(const struct rule_reader *r, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->doc->n_anchors; i++)
        n +=
            r->doc->anchors[i].dynamic && str_eq(r->doc->anchors[i].name, name);
    return n;
}

static struct tree *find_resource(struct rule_reader *r,
                                  const struct tree *from, struct str uri)
{
    struct tree *here = resource_of(r, from), *found = NULL;
    struct buf b = { 0 };
    if (uri.n == 0)
        return here;
    resolve_uri(&b, base_of(here), uri);
    for (size_t i = 0; i < r->doc->n_bases && !found && !b.failed; i++)
        if (str_eq(base_of(r->doc->bases[i]), buf_str(&b)))
            found = r->doc->bases[i];
    buf_free(&b);
    return found;
}

/* What cannot be found: for a prover refused, for a look at properties a rule
 * of which nothing is known. */
static int missing(struct rule_reader *r, const struct pending *p,
                   const char *why)
{
    if (r->set->lenient) {
        p->rule->opaque = "$ref";
        return 0;
    }
    return rule_fail(r, p->at, "reference \"%.*s\" %s", shown(p->text),
                     p->text.p, why);
}

static int resolve_one(struct rule_reader *r, const struct pending *p)
{
    const char *hash = memchr(p->text.p, '#', p->text.n);
    struct str uri = { p->text.p,
                       hash ? (size_t)(hash - p->text.p) : p->text.n };
    struct str raw = { "", 0 };
    struct buf fragment = { 0 };
    bool dynamic = false;
    if (hash)
        raw = (struct str){ hash + 1, p->text.n - uri.n - 1 };
    struct tree *t = find_resource(r, p->rule->tree, uri);
    if (!t)
        return missing(r, p, "leads to another document");
    if (decode(&fragment, raw) || !buf_z(&fragment)) {
        buf_free(&fragment);
        return err_nomem(r->e);
    }
    struct str text = buf_str(&fragment);
    bool many = false;
    if (text.n && text.p[0] == '/') {
        t = follow(t, fragment.p, fragment.n);
    } else if (text.n) {
        t = find_anchor(r, t, text, &dynamic);
        many = p->dynamic && dynamic && count_dynamic(r, text) > 1;
    }
    buf_free(&fragment);
    if (!t)
        return missing(r, p, "leads nowhere");
    if (many || (p->recursive && r->doc->resources > 0)) {
        p->rule->opaque = p->recursive ? "$recursiveRef" : "$dynamicRef";
        return 0;
    }
    struct rule *to = rule_of(r, t);
    if (!to)
        return -1;
    /* Both $ref and $dynamicRef may stand in one schema. */
    struct place_part *place = p->rule->place;
    if (!place->ref) {
        place->ref = to;
        return 0;
    }
    struct rule **v = rule_alloc(r, (place->all.n + 1) * sizeof(struct rule *));
    if (!v)
        return -1;
    if (place->all.n)
        memcpy(v, place->all.v, place->all.n * sizeof(*v));
    v[place->all.n] = to;
    place->all = (struct rule_list){ v, place->all.n + 1 };
    return 0;
}

int rule_resolve(struct rule_reader *r)
{
    for (size_t i = 0; i < r->n_pending; i++) {
        struct pending p = r->pending[i];
        if (resolve_one(r, &p))
            return -1;
    }
    return 0;
}
