#include "evolve/drift.h"

#include "base/hash.h"
#include "evolve/seen.h"
#include "evolve/view.h"
#include "json/path.h"

#include <stdlib.h>

#define TYPES_MAX 1000 /* places with a wrong type that are told apart */

/* A field: a property by its key, or "*" for elements and members of maps. */
struct place {
    struct place *up;
    struct str key;
    struct view view; /* what the schema says of it */
    bool unknown;     /* to a schema that names others beside it */
    bool names;       /* the schema names properties of it */
    bool object;      /* it was one, once at least */
    uint64_t records, line;
    uint64_t last; /* record that it was counted for */
    struct place **child;
    uint32_t n, cap;
    uint32_t *slots; /* index + 1, open addressing */
    uint32_t n_slots;
};

/* The places of records of one shape and keys. */
struct tracks {
    uint64_t records;
    uint64_t others;
    size_t n;
    struct place *v[];
};

struct type_place {
    struct str pointer;
    uint64_t records, line, last;
};

struct drift_run {
    const struct rules *set;
    struct pattern_run *match;
    struct arena arena;
    struct place *root;
    size_t places;
    uint64_t records;
    uint64_t others; /* fields that had no room */
    struct seen *seen;
    struct place **track; /* owned: of the record at hand */
    size_t n_track, cap_track;
    uint64_t **lines; /* owned: of what the record at hand is the first of */
    size_t n_lines, cap_lines;
    struct buf key;
    struct type_place *types; /* owned */
    size_t n_types;
    struct drift_item *items; /* owned */
    size_t n_items, cap_items;
    bool failed;
};

/* ---- places ---- */

static struct place *place_new(struct drift_run *r, struct place *up,
                               struct str key, const struct view *view)
{
    struct place *p = arena_alloc(&r->arena, sizeof(*p));
    struct str own = arena_dup(&r->arena, key);
    if (!p || !own.p) {
        r->failed = true;
        return NULL;
    }
    *p = (struct place){
        .up = up, .key = own, .view = *view, .names = view_names(view)
    };
    r->places++;
    return p;
}

static uint32_t *slot_of(const struct place *p, struct str key)
{
    uint32_t mask = p->n_slots - 1, k = (uint32_t)hash64(key) & mask;
    while (p->slots[k] && !str_eq(p->child[p->slots[k] - 1]->key, key))
        k = (k + 1) & mask;
    return &p->slots[k];
}

static int grow(struct drift_run *r, struct place *p)
{
    uint32_t cap = p->cap ? p->cap * 2 : 8;
    struct place **child = arena_alloc(&r->arena, cap * sizeof(struct place *));
    uint32_t *slots = arena_alloc(&r->arena, cap * 2 * sizeof(*slots));
    if (!child || !slots) {
        r->failed = true;
        return -1;
    }
    if (p->n)
        memcpy(child, p->child, p->n * sizeof(*child));
    memset(slots, 0, cap * 2 * sizeof(*slots));
    p->child = child;
    p->cap = cap;
    p->slots = slots;
    p->n_slots = cap * 2;
    for (uint32_t k = 0; k < p->n; k++)
        *slot_of(p, child[k]->key) = k + 1;
    return 0;
}

static struct place *add_child(struct drift_run *r, struct place *p,
                               struct place *c)
{
    if (p->n == p->cap && grow(r, p))
        return NULL;
    p->child[p->n] = c;
    *slot_of(p, c->key) = ++p->n;
    return c;
}

static struct place *find_child(const struct place *p, struct str key)
{
    uint32_t i = p->n_slots ? *slot_of(p, key) : 0;
    return i ? p->child[i - 1] : NULL;
}

/* Keys that the schema does not name one by one share the place "*". */
static const struct str any_key = { "*", 1 };

static bool is_listed(const struct place *p, struct str key)
{
    for (size_t i = 0; i < p->view.n; i++) {
        const struct object_part *o = p->view.v[i]->object;
        if (o && (rule_property(o, key) || rule_names_have(&o->required, key)))
            return true;
    }
    return false;
}

/* What patterns, or a schema for all others, describe. */
static bool is_covered(struct drift_run *r, const struct place *p,
                       struct str key)
{
    for (size_t i = 0; i < p->view.n; i++) {
        const struct object_part *o = p->view.v[i]->object;
        if (!o)
            continue;
        if (o->additional && o->additional->kind == RULE_SET)
            return true;
        for (size_t k = 0; k < o->n_patterns; k++)
            if (pattern_match(o->patterns[k].pattern, r->match, key) != 0)
                return true;
    }
    return false;
}

static struct place *member_of(struct drift_run *r, struct place *p,
                               struct str key)
{
    struct place *c = find_child(p, key);
    struct view view;
    bool named, listed = c || is_listed(p, key);
    /* Of a map, or of what nothing is said about, all members are alike. */
    bool alike = !listed && (!p->names || is_covered(r, p, key));
    struct str name = alike ? any_key : key;
    if (!c && alike)
        c = find_child(p, any_key);
    if (c)
        return c;
    if (r->places >= DRIFT_PLACES) {
        r->others++;
        return NULL;
    }
    if (view_member(&r->arena, &p->view, key, false, r->match, &view, &named)) {
        r->failed = true;
        return NULL;
    }
    c = place_new(r, p, name, &view);
    if (!c)
        return NULL;
    c->unknown = !listed && !alike && !named;
    return add_child(r, p, c);
}

static struct place *element_of(struct drift_run *r, struct place *p)
{
    struct place *c = find_child(p, any_key);
    struct view view;
    if (c || r->places >= DRIFT_PLACES)
        return c;
    if (view_items(&r->arena, &p->view, &view)) {
        r->failed = true;
        return NULL;
    }
    c = place_new(r, p, any_key, &view);
    return c ? add_child(r, p, c) : NULL;
}

/* ---- looking ---- */

static void want_line(struct drift_run *r, uint64_t *line)
{
    if (r->n_lines == r->cap_lines) {
        size_t cap = r->cap_lines ? r->cap_lines * 2 : 16;
        uint64_t **v = realloc(r->lines, cap * sizeof(*v));
        if (!v) {
            r->failed = true;
            return;
        }
        r->lines = v;
        r->cap_lines = cap;
    }
    r->lines[r->n_lines++] = line;
}

uint64_t *const *drift_lines(const struct drift_run *r, size_t *n)
{
    *n = r->n_lines;
    return r->lines;
}

static void touch(struct drift_run *r, struct place *p)
{
    if (p->last == r->records)
        return;
    p->last = r->records;
    if (p->records++ == 0 && p->unknown)
        want_line(r, &p->line);
    if (r->n_track == r->cap_track) {
        size_t cap = r->cap_track ? r->cap_track * 2 : 64;
        struct place **v = realloc(r->track, cap * sizeof(*v));
        if (!v) {
            r->failed = true;
            return;
        }
        r->track = v;
        r->cap_track = cap;
    }
    r->track[r->n_track++] = p;
}

static void look(struct drift_run *r, struct place *p, struct val v);

static void look_members(struct drift_run *r, struct place *p, struct str raw)
{
    struct json_iter it = json_iter(raw);
    struct str key;
    struct val v;
    while (json_next(&it, &key, &v)) {
        if (memchr(key.p, '\\', key.n)) {
            buf_reset(&r->key);
            json_unescape(&r->key, key);
            key = buf_str(&r->key);
        }
        struct place *c = member_of(r, p, key);
        if (c)
            look(r, c, v);
    }
}

/* Descends only where the schema has something to say: an unknown field is one
 * field, whatever is in it. */
static void look(struct drift_run *r, struct place *p, struct val v)
{
    struct json_iter it;
    struct val e;
    touch(r, p);
    if (p->view.n == 0)
        return;
    if (v.type == JSON_OBJECT) {
        p->object = true;
        look_members(r, p, v.raw);
    } else if (v.type == JSON_ARRAY) {
        struct place *c = NULL;
        it = json_iter(v.raw);
        while (json_next(&it, NULL, &e))
            if (c || (c = element_of(r, p)) != NULL)
                look(r, c, e);
    }
}

/* Counts what records of one look had in common. */
static void retire(void *context, void *kept)
{
    struct drift_run *r = context;
    struct tracks *t = kept;
    for (size_t i = 0; i < t->n; i++)
        t->v[i]->records += t->records;
    r->others += t->others * t->records;
    free(t);
}

static void keep(struct drift_run *r, const struct shaped *shaped,
                 uint64_t others)
{
    struct tracks *t = malloc(sizeof(*t) + r->n_track * sizeof(t->v[0]));
    if (!t)
        return; /* it is looked at anew the next time */
    *t = (struct tracks){ .others = others, .n = r->n_track };
    if (r->n_track)
        memcpy(t->v, r->track, r->n_track * sizeof(t->v[0]));
    if (!seen_keep(r->seen, shaped, t))
        free(t);
}

int drift_look(struct drift_run *r, struct str record,
               const struct shaped *shaped, struct err *e)
{
    struct tracks *t = shaped ? seen_find(r->seen, shaped) : NULL;
    r->records++;
    r->n_lines = 0;
    if (t) {
        t->records++;
        return 0;
    }
    uint64_t others = r->others;
    r->n_track = 0;
    look(r, r->root, json_val(record));
    if (r->failed || r->key.failed)
        return err_nomem(e);
    if (shaped)
        keep(r, shaped, r->others - others);
    return 0;
}

/* The place with this pointer, made if it is new; NULL where there is no room
 * (others is for the caller to count) or no memory (failed). */
static struct type_place *type_place(struct drift_run *r, struct str pointer)
{
    if (!r->types && !(r->types = calloc(TYPES_MAX, sizeof(*r->types)))) {
        r->failed = true;
        return NULL;
    }
    struct type_place *p = r->types, *end = p + r->n_types;
    while (p < end && !str_eq(p->pointer, pointer))
        p++;
    if (p < end || r->n_types == TYPES_MAX)
        return p < end ? p : NULL;
    *p = (struct type_place){ .pointer = arena_dup(&r->arena, pointer) };
    r->failed = r->failed || !p->pointer.p;
    r->n_types += !r->failed;
    return r->failed ? NULL : p;
}

int drift_type(struct drift_run *r, struct str pointer, struct err *e)
{
    struct type_place *p = type_place(r, pointer);
    r->others += !p;
    /* A record with two such elements counts once. */
    if (p && p->last != r->records) {
        p->last = r->records;
        if (p->records++ == 0)
            want_line(r, &p->line);
    }
    return r->failed ? err_nomem(e) : 0;
}

/* ---- threads ---- */

/* c, which is in another run's arena, as a member of `to`. */
static struct place *place_copy(struct drift_run *r, struct place *to,
                                const struct place *c)
{
    struct view view = c->view;
    size_t size = view.n * sizeof(*view.v);
    view.v = arena_alloc(&r->arena, size);
    if (!view.v) {
        r->failed = true;
        return NULL;
    }
    if (size)
        memcpy(view.v, c->view.v, size);
    struct place *own = place_new(r, to, c->key, &view);
    if (own)
        own->unknown = c->unknown;
    return own;
}

static void merge_line(uint64_t *to, uint64_t from)
{
    if (from && (!*to || from < *to))
        *to = from;
}

static void merge(struct drift_run *r, struct place *to,
                  const struct place *from)
{
    to->records += from->records;
    to->object = to->object || from->object;
    merge_line(&to->line, from->line);
    for (uint32_t i = 0; i < from->n && !r->failed; i++) {
        const struct place *c = from->child[i];
        struct place *own = find_child(to, c->key);
        if (!own && r->places >= DRIFT_PLACES) {
            r->others += c->records;
            continue;
        }
        if (!own) {
            own = place_copy(r, to, c);
            if (!own || !add_child(r, to, own))
                return;
        }
        merge(r, own, c);
    }
}

int drift_merge(struct drift_run *r, struct drift_run *from, struct err *e)
{
    seen_free(from->seen); /* counts */
    from->seen = NULL;
    r->records += from->records;
    r->others += from->others;
    merge(r, r->root, from->root);
    for (size_t i = 0; i < from->n_types; i++) {
        const struct type_place *t = &from->types[i];
        struct type_place *to = type_place(r, t->pointer);
        if (!to) {
            r->others += t->records;
            continue;
        }
        to->records += t->records;
        merge_line(&to->line, t->line);
    }
    return r->failed ? err_nomem(e) : 0;
}

struct drift_run *drift_run_new(const struct rules *set,
                                const struct document *doc, struct err *e)
{
    struct drift_run *r = calloc(1, sizeof(*r));
    const struct rule *top = doc->top;
    struct view view;
    if (!r) {
        err_nomem(e);
        return NULL;
    }
    r->set = set;
    r->arena.max = (size_t)128 << 20;
    r->match = pattern_run_new();
    r->seen = seen_new(retire, r);
    if (r->match && r->seen && view_of(&r->arena, &top, 1, &view) == 0)
        r->root = place_new(r, NULL, STR(""), &view);
    if (!r->root) {
        drift_run_free(r);
        err_nomem(e);
        return NULL;
    }
    return r;
}

void drift_run_free(struct drift_run *r)
{
    if (!r)
        return;
    seen_free(r->seen);
    pattern_run_free(r->match);
    arena_free(&r->arena);
    buf_free(&r->key);
    free(r->track);
    free(r->lines);
    free(r->types);
    free(r->items);
    free(r);
}

/* ---- the report ---- */

static void add_pointer(struct buf *b, const struct place *p)
{
    if (!p->up)
        return;
    add_pointer(b, p->up);
    path_pointer(b, p->key);
}

static void add_item(struct drift_run *r, enum drift_kind kind,
                     const struct place *at, const struct str *key,
                     struct drift_item item)
{
    struct buf b = { 0 };
    if (r->n_items == r->cap_items) {
        size_t cap = r->cap_items ? r->cap_items * 2 : 32;
        struct drift_item *v = realloc(r->items, cap * sizeof(*v));
        if (!v) {
            r->failed = true;
            return;
        }
        r->items = v;
        r->cap_items = cap;
    }
    if (at) {
        add_pointer(&b, at);
        if (key)
            path_pointer(&b, *key);
        item.pointer = arena_dup(&r->arena, buf_str(&b));
    }
    item.kind = kind;
    r->failed = r->failed || b.failed || !item.pointer.p;
    r->items[r->n_items++] = item;
    buf_free(&b);
}

/* Properties that the schema names for every such object. */
static void add_removed(struct drift_run *r, const struct place *p)
{
    size_t from = r->n_items;
    for (size_t i = 0; i < p->view.sure && !r->failed; i++) {
        const struct object_part *o = p->view.v[i]->object;
        const struct tree *t = o ? o->properties : NULL;
        for (uint32_t k = 0; t && k < t->n && !r->failed; k++) {
            const struct place *c = find_child(p, t->keys[k]);
            bool twice = false;
            if (o->property[k]->kind == RULE_FALSE || (c && c->records))
                continue;
            for (size_t j = 0; j < i && !twice; j++)
                twice = p->view.v[j]->object &&
                        rule_property(p->view.v[j]->object, t->keys[k]);
            if (!twice && r->n_items - from < DRIFT_PLACES)
                add_item(r, DRIFT_REMOVE, p, &t->keys[k],
                         (struct drift_item){ .records = p->records });
        }
    }
}

static void add_places(struct drift_run *r, const struct place *p)
{
    if (p->records == 0 || r->failed)
        return;
    if (p->unknown) {
        add_item(r, DRIFT_ADD, p, NULL,
                 (struct drift_item){ .records = p->records, .line = p->line });
        return;
    }
    /* Where there was no object, nothing can be missing from it. */
    if (p->object && p->names)
        add_removed(r, p);
    for (uint32_t i = 0; i < p->n; i++)
        add_places(r, p->child[i]);
}

static int by_weight(const void *a, const void *b)
{
    const struct drift_item *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->records != y->records)
        return x->records > y->records ? -1 : 1;
    return str_cmp(x->pointer, y->pointer);
}

static enum drift_verdict verdict_of(const struct drift_item *item,
                                     const struct drift_policy *policy,
                                     const struct approvals *approved)
{
    switch (policy->rule[item->kind]) {
    case DRIFT_ALLOW: return DRIFT_ALLOWED;
    case DRIFT_BLOCK: return DRIFT_BLOCKED;
    case DRIFT_APPROVE: break;
    }
    return approvals_have(approved, item->kind, item->pointer)
               ? DRIFT_APPROVED
               : DRIFT_UNAPPROVED;
}

int drift_report(struct drift_run *r, const struct drift_policy *policy,
                 const struct approvals *approved, struct drift_report *out,
                 struct err *e)
{
    seen_free(r->seen); /* counts */
    r->seen = NULL;
    r->n_items = 0;
    add_places(r, r->root);
    for (size_t i = 0; i < r->n_types; i++)
        add_item(r, DRIFT_TYPE, NULL, NULL,
                 (struct drift_item){ .pointer = r->types[i].pointer,
                                      .records = r->types[i].records,
                                      .line = r->types[i].line });
    if (r->failed)
        return err_nomem(e);
    if (r->n_items > 1)
        qsort(r->items, r->n_items, sizeof(*r->items), by_weight);
    *out = (struct drift_report){ r->items, r->n_items, 0, r->others };
    for (size_t i = 0; i < r->n_items; i++) {
        struct drift_item *item = &r->items[i];
        item->verdict = verdict_of(item, policy, approved);
        out->failed += item->verdict >= DRIFT_UNAPPROVED;
    }
    return 0;
}
