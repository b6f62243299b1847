#include "base/err.h"
#include "schema/program.h"

#include <stdlib.h>

#define IN_PLACE_MAX 400 /* schemas in a row that lead to each other */
#define PARTS_MAX 1000   /* schemas that apply to one value */

#define TEXT_OF(macro) TEXT_OF_IT(macro)
#define TEXT_OF_IT(it) #it

struct linker {
    struct schema *s;
    const char *source;
    struct err *e;
    unsigned depth;
};

static int visit(struct linker *l, const struct node *n);

/* Types that one of the list wants. */
static unsigned wants_one(const struct node_list *list)
{
    unsigned wants = 0;
    for (size_t i = 0; i < list->n; i++)
        wants |= list->v[i]->wants;
    return list->n ? wants : TYPE_ANY;
}

static unsigned wants_of(const struct node *n)
{
    const struct in_place *p = n->in_place;
    unsigned wants = n->types;
    if (!p)
        return wants;
    if (p->ref)
        wants &= p->ref->wants;
    if (p->dynamic)
        wants &= p->dynamic->wants;
    for (size_t i = 0; i < p->all.n; i++)
        wants &= p->all.v[i]->wants;
    return wants & wants_one(&p->any) & wants_one(&p->one);
}

static bool list_has(const struct node_list *l, const struct node *n)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == n)
            return true;
    return false;
}

static int refuse(const struct linker *l, const struct node *n, const char *why)
{
    return err_set(l->e, ERR_CONFIG, "schema %s at %.*s: %s", l->source,
                   STR_ARG(n->where.n ? n->where : STR("its root")), why);
}

static int parts_add(struct linker *l, struct node *of, size_t *cap,
                     const struct node *n)
{
    struct node_list *to = &of->parts;
    if (list_has(to, n))
        return 0;
    if (to->n == PARTS_MAX)
        return refuse(l, of,
                      "more than " TEXT_OF(PARTS_MAX) " schemas apply "
                                                      "to one value");
    if (to->n == *cap) {
        size_t more = *cap ? *cap * 2 : 1;
        const struct node **v = arena_alloc(&l->s->arena, more * sizeof(*v));
        if (!v)
            return err_nomem(l->e);
        if (to->n)
            memcpy(v, to->v, to->n * sizeof(*v));
        to->v = v;
        *cap = more;
    }
    to->v[to->n++] = n;
    return 0;
}

static int parts_join(struct linker *l, struct node *to, size_t *cap,
                      const struct node *from)
{
    for (size_t i = 0; i < from->parts.n; i++)
        if (parts_add(l, to, cap, from->parts.v[i]))
            return -1;
    return 0;
}

static int parts_set(struct linker *l, struct node *n)
{
    size_t cap = 0;
    if (n->alias && n->alias->parts.n) {
        n->parts = n->alias->parts;
        return 0;
    }
    if (parts_add(l, n, &cap, n))
        return -1;
    if (!n->in_place)
        return 0;
    const struct node *const refs[] = { n->in_place->ref,
                                        n->in_place->dynamic };
    for (size_t i = 0; i < 2; i++)
        if (refs[i] && parts_join(l, n, &cap, refs[i]))
            return -1;
    for (size_t i = 0; i < n->in_place->all.n; i++)
        if (parts_join(l, n, &cap, n->in_place->all.v[i]))
            return -1;
    return 0;
}

/* The longest way from a node through schemas that consume nothing. */
static void height_raise(struct node *n, const struct node *to)
{
    if (to->height >= n->height)
        n->height = to->height + 1;
}

static int visit_from(struct linker *l, struct node *n, const struct node *to)
{
    if (!to)
        return 0;
    if (visit(l, to))
        return -1;
    height_raise(n, to);
    return 0;
}

static int visit_list(struct linker *l, struct node *n,
                      const struct node_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (visit_from(l, n, list->v[i]))
            return -1;
    return 0;
}

/* What allOf lists twice, or allows anything, need not be asked twice, or at
 * all: a few schemas that list each other could ask for ever. */
static void list_once(struct node *n, struct node_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct node *v = list->v[i]->alias;
        if (!v)
            v = list->v[i];
        if (v->kind == NODE_TRUE || v->listed_by == n)
            continue;
        if (v->kind == NODE_RULES) /* ours until linked */
            ((struct node *)(uintptr_t)v)->listed_by = n;
        list->v[kept++] = list->v[i];
    }
    list->n = kept;
}

static int visit_in_place(struct linker *l, struct node *n)
{
    const struct in_place *p = n->in_place;
    const struct node *const single[] = { p->ref,  p->dynamic, p->negated,
                                          p->cond, p->then,    p->otherwise };
    for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
        if (visit_from(l, n, single[i]))
            return -1;
    if (visit_list(l, n, &p->all) || visit_list(l, n, &p->any))
        return -1;
    return visit_list(l, n, &p->one);
}

/* A mere $ref stands for its target; a schema without rules for anything. */
static void simplify(struct node *n)
{
    const struct in_place *p = n->in_place;
    if (n->types != TYPE_ANY || n->constant || n->choices || n->number ||
        n->string || n->array || n->object || n->unevaluated)
        return;
    if (!p)
        n->kind = NODE_TRUE;
    else if (!p->ref != !p->dynamic && !p->all.n && !p->any.n && !p->one.n &&
             !p->negated && !p->cond) {
        const struct node *to = p->ref ? p->ref : p->dynamic;
        n->alias = to->alias ? to->alias : to;
    }
}

static int visit_dependents(struct linker *l, struct node *n)
{
    const struct object_rules *u = n->object;
    for (uint32_t i = 0; u->linked && i < u->n; i++)
        if (visit_from(l, n, u->props[i].dependent[0]) ||
            visit_from(l, n, u->props[i].dependent[1]))
            return -1;
    return 0;
}

/* Depth first over the edges that consume nothing: such a cycle would never
 * end. What a node wants follows from what it leads to. */
static int visit(struct linker *l, const struct node *c)
{
    if (c->kind != NODE_RULES || c->mark == 2)
        return 0;
    struct node *n = (struct node *)(uintptr_t)c; /* ours until linked */
    if (n->mark == 1)
        return refuse(l, n, "refers to itself without an end");
    if (l->depth > IN_PLACE_MAX)
        return refuse(l, n, "too many schemas in a row lead to each other");
    n->mark = 1;
    l->depth++;
    if ((n->in_place && visit_in_place(l, n)) ||
        (n->object && visit_dependents(l, n)))
        return -1;
    if (n->in_place)
        list_once(n, &((struct in_place *)(uintptr_t)n->in_place)->all);
    l->depth--;
    n->mark = 2;
    n->wants = wants_of(n);
    simplify(n);
    if (n->alias)
        n->height = n->alias->height;
    if (n->height > IN_PLACE_MAX)
        return refuse(l, n, "too many schemas in a row lead to each other");
    return parts_set(l, n);
}

int schema_link(struct schema *s, const char *source, struct err *e)
{
    struct linker l = { .s = s, .source = source, .e = e };
    for (struct node *n = s->nodes; n; n = n->next)
        if (visit(&l, n))
            return -1;
    return 0;
}
