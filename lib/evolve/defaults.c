#include "evolve/defaults.h"

#include "evolve/judge.h"
#include "evolve/seen.h"
#include "evolve/view.h"
#include "json/splice.h"

#include <stdlib.h>

#define NODES_MAX 100000
#define JUDGE_STEPS 1000000

struct node;

struct fill {
    struct str key;    /* characters */
    struct str member; /* `"key":value`; .p NULL: no default */
    struct node *node; /* of its value, an object; NULL: nothing to fill */
};

/* An object: what may be missing from it, and what from its members. */
struct node {
    struct view view;
    struct fill *v;
    size_t n, defaults;
    bool useful; /* there is a default in it or below */
    struct node *next;
};

struct defaults {
    struct rules *set;
    struct arena arena;
    struct node *nodes, *root;
    size_t n_nodes, n;
    bool no_format;
};

/* ---- the plan ---- */

static bool same_view(const struct view *a, const struct view *b)
{
    return a->sure == b->sure &&
           memcmp(a->v, b->v, a->sure * sizeof(*a->v)) == 0;
}

static const struct rule *with_default(const struct view *v)
{
    for (size_t i = 0; i < v->sure; i++)
        if (v->v[i]->fallback)
            return v->v[i];
    return NULL;
}

static int check(struct defaults *d, const struct view *v,
                 const struct rule *from, struct err *e)
{
    struct judge j = { .set = d->set,
                       .no_format = d->no_format,
                       .steps = JUDGE_STEPS };
    struct buf where = { .max = 600 };
    for (size_t i = 0; i < v->sure; i++) {
        if (judge_value(&j, v->v[i], from->fallback) != ANSWER_NO)
            continue;
        tree_pointer(&where, from->fallback);
        err_set(e, ERR_CONFIG,
                "schema %s at %s: the default does not fit its own schema (%s)",
                from->doc->name, where.n ? buf_z(&where) : "/default",
                j.keyword);
        buf_free(&where);
        return -1;
    }
    return 0;
}

static int write_member(struct defaults *d, struct fill *f,
                        const struct tree *value, struct err *e)
{
    struct buf b = { 0 };
    json_quote(&b, f->key);
    buf_addc(&b, ':');
    tree_write(&b, value);
    f->member = arena_dup(&d->arena, buf_str(&b));
    bool ok = !b.failed && f->member.p;
    buf_free(&b);
    return ok ? 0 : err_nomem(e);
}

/* The node of these rules, new ones to be filled in later. NULL: no memory, or
 * too many. */
static struct node *node_of(struct defaults *d, const struct view *v)
{
    for (struct node *n = d->nodes; n; n = n->next)
        if (same_view(&n->view, v))
            return n;
    struct node *n =
        d->n_nodes < NODES_MAX ? arena_alloc(&d->arena, sizeof(*n)) : NULL;
    if (!n)
        return NULL;
    *n = (struct node){ .view = *v, .next = d->nodes };
    d->n_nodes++;
    return d->nodes = n;
}

static bool has_properties(const struct view *v)
{
    for (size_t i = 0; i < v->sure; i++)
        if (v->v[i]->object && v->v[i]->object->properties)
            return true;
    return false;
}

static int add_property(struct defaults *d, struct node *n, struct str key,
                        struct err *e)
{
    struct view v;
    bool named;
    for (size_t i = 0; i < n->n; i++)
        if (str_eq(n->v[i].key, key))
            return 0; /* another rule has named it */
    if (view_member(&d->arena, &n->view, key, true, d->set->match, &v, &named))
        return err_nomem(e);
    struct fill f = { .key = key };
    const struct rule *from = with_default(&v);
    if (from &&
        (check(d, &v, from, e) || write_member(d, &f, from->fallback, e)))
        return -1;
    if (has_properties(&v)) {
        f.node = node_of(d, &v);
        if (!f.node)
            return err_nomem(e);
    }
    n->defaults += from != NULL;
    d->n += from != NULL;
    if (from || f.node)
        n->v[n->n++] = f;
    return 0;
}

static int fill_in(struct defaults *d, struct node *n, struct err *e)
{
    size_t max = 0;
    for (size_t i = 0; i < n->view.sure; i++)
        if (n->view.v[i]->object && n->view.v[i]->object->properties)
            max += n->view.v[i]->object->properties->n;
    n->v = arena_alloc(&d->arena, (max + 1) * sizeof(*n->v));
    if (!n->v)
        return err_nomem(e);
    for (size_t i = 0; i < n->view.sure; i++) {
        const struct object_part *o = n->view.v[i]->object;
        const struct tree *t = o ? o->properties : NULL;
        for (uint32_t k = 0; t && k < t->n; k++)
            if (add_property(d, n, t->keys[k], e))
                return -1;
    }
    return 0;
}

/* Nodes that come to be while others are filled in stand before them. */
static int plan(struct defaults *d, struct err *e)
{
    struct node *done = NULL;
    while (d->nodes != done) {
        struct node *first = d->nodes;
        for (struct node *n = first; n != done; n = n->next)
            if (fill_in(d, n, e))
                return -1;
        done = first;
    }
    for (bool more = true; more;) {
        more = false;
        for (struct node *n = d->nodes; n; n = n->next) {
            bool useful = n->defaults > 0;
            for (size_t i = 0; i < n->n && !useful; i++)
                useful = n->v[i].node && n->v[i].node->useful;
            more = more || useful != n->useful;
            n->useful = useful;
        }
    }
    return 0;
}

struct defaults *defaults_new(struct rules *set, const struct document *doc,
                              bool no_format_assertion, struct err *e)
{
    struct defaults *d = calloc(1, sizeof(*d));
    struct view v;
    if (!d) {
        err_nomem(e);
        return NULL;
    }
    d->set = set;
    d->no_format = no_format_assertion;
    d->arena.max = TREE_MAX_MEMORY;
    const struct rule *top = doc->top;
    if (view_of(&d->arena, &top, 1, &v) || !(d->root = node_of(d, &v)))
        err_nomem(e);
    else if (plan(d, e) == 0)
        return d;
    defaults_free(d);
    return NULL;
}

void defaults_free(struct defaults *d)
{
    if (!d)
        return;
    arena_free(&d->arena);
    free(d);
}

/* ---- records ---- */

struct defaults_run {
    const struct defaults *d;
    struct seen *whole; /* records of which nothing was missing */
    struct buf out, missing;
    struct splice *v; /* owned */
    size_t n, cap;
    struct texts {
        size_t from, n;
    } * texts;           /* owned: of the splices, in `missing`, which moves */
    unsigned char *here; /* owned: which members are there, innermost last */
    size_t n_here, cap_here;
    bool failed;
};

/* Nothing has to be known of a whole record but that it is one. */
static char is_whole;

static void forget(void *context, void *kept)
{
    (void)context;
    (void)kept;
}

struct defaults_run *defaults_run_new(const struct defaults *d)
{
    struct defaults_run *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->d = d;
    r->whole = seen_new(forget, NULL);
    if (!r->whole) {
        free(r);
        return NULL;
    }
    return r;
}

void defaults_run_free(struct defaults_run *r)
{
    if (!r)
        return;
    seen_free(r->whole);
    buf_free(&r->out);
    buf_free(&r->missing);
    free(r->v);
    free(r->texts);
    free(r->here);
    free(r);
}

/* Room for the n flags of an open object, all cleared. */
static unsigned char *open_object(struct defaults_run *r, size_t n)
{
    if (r->n_here + n > r->cap_here) {
        size_t cap = (r->n_here + n) * 2;
        unsigned char *p = realloc(r->here, cap);
        if (!p)
            return NULL;
        r->here = p;
        r->cap_here = cap;
    }
    return memset(r->here + r->n_here, 0, n);
}

static void insert(struct defaults_run *r, struct str at, size_t from)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct splice *v = realloc(r->v, cap * sizeof(*v));
        if (v)
            r->v = v;
        struct texts *t = realloc(r->texts, cap * sizeof(*t));
        if (t)
            r->texts = t;
        if (!v || !t) {
            r->failed = true;
            return;
        }
        r->cap = cap;
    }
    r->v[r->n] = (struct splice){ .at = at };
    r->texts[r->n++] = (struct texts){ from, r->missing.n - from };
}

static size_t place_of(const struct node *n, struct str key, size_t guess)
{
    for (size_t i = 0; i < n->n; i++) {
        size_t k = guess + i < n->n ? guess + i : guess + i - n->n;
        if (json_raw_equals(key, n->v[k].key))
            return k;
    }
    return n->n;
}

static void walk(struct defaults_run *r, const struct node *n,
                 struct str object);

/* Of duplicate keys the last one is what counts, and its object is filled. */
static void walk_members(struct defaults_run *r, const struct node *n,
                         struct str object, bool *empty)
{
    struct json_iter it = json_iter(object);
    size_t base = r->n_here, guess = 0;
    struct str key;
    struct val v;
    r->n_here += n->n;
    while (json_next(&it, &key, &v)) {
        size_t k = place_of(n, key, guess);
        *empty = false;
        if (k == n->n)
            continue;
        guess = k + 1 < n->n ? k + 1 : 0;
        r->here[base + k] = 1;
        const struct node *inner = n->v[k].node;
        if (inner && inner->useful && v.type == JSON_OBJECT)
            walk(r, inner, v.raw);
    }
    r->n_here = base;
}

static void walk(struct defaults_run *r, const struct node *n,
                 struct str object)
{
    bool empty = true;
    if (!open_object(r, n->n)) {
        r->failed = true;
        return;
    }
    size_t base = r->n_here;
    walk_members(r, n, object, &empty);
    size_t from = r->missing.n;
    for (size_t i = 0; i < n->n; i++) {
        if (!n->v[i].member.p || r->here[base + i])
            continue;
        if (!empty || r->missing.n > from)
            buf_addc(&r->missing, ',');
        buf_add_str(&r->missing, n->v[i].member);
    }
    if (r->missing.n > from)
        insert(r, json_object_end(object), from);
}

int defaults_fill(struct defaults_run *r, struct str record,
                  const struct shaped *shaped, struct str *out, struct err *e)
{
    const struct node *root = r->d->root;
    *out = record;
    if (!root->useful || (shaped && seen_find(r->whole, shaped)))
        return 0;
    r->n = r->n_here = 0;
    r->failed = false;
    buf_reset(&r->missing);
    struct val v = json_val(record);
    if (v.type == JSON_OBJECT)
        walk(r, root, v.raw);
    if (r->failed || r->missing.failed)
        return err_nomem(e);
    if (r->n == 0) {
        if (shaped)
            (void)seen_keep(r->whole, shaped, &is_whole);
        return 0;
    }
    for (size_t i = 0; i < r->n; i++)
        r->v[i].with =
            (struct str){ r->missing.p + r->texts[i].from, r->texts[i].n };
    buf_reset(&r->out);
    if (json_splice(&r->out, record, r->v, r->n))
        return err_nomem(e);
    *out = buf_str(&r->out);
    return 0;
}
