#include "reshape/prune.h"

#include "json/value.h"

#include <stdlib.h>

/* A step of the paths, and those that follow it. */
struct prune_node {
    struct path_step step; /* its key is owned */
    bool end;              /* a path ends here */
    struct prune_node *child, *next;
};

static void free_nodes(struct prune_node *n)
{
    while (n) {
        struct prune_node *next = n->next;
        free_nodes(n->child);
        free((void *)(uintptr_t)n->step.key.p);
        free(n);
        n = next;
    }
}

void prune_free(struct prune *p)
{
    free_nodes(p->root);
    *p = (struct prune){ 0 };
}

static bool same_step(struct path_step a, struct path_step b)
{
    return a.index == b.index && !a.key.p == !b.key.p && str_eq(a.key, b.key);
}

/* Can both be the step to one value, written in two ways? */
static bool overlap(struct path_step a, struct path_step b)
{
    return (a.index == b.index && a.index != PATH_NO_INDEX) ||
           (a.key.p && b.key.p && str_eq(a.key, b.key));
}

/* The child of parent at this step, made where there is none. NULL with e. */
static struct prune_node *child_at(struct prune_node *parent,
                                   struct path_step step,
                                   const struct path *path, struct err *e)
{
    for (struct prune_node *c = parent->child; c; c = c->next) {
        if (same_step(c->step, step))
            return c;
        if (overlap(c->step, step)) {
            err_set(e, ERR_USAGE,
                    "field path '%.*s': a part of it is written in another "
                    "way before",
                    STR_ARG(path->text));
            return NULL;
        }
    }
    struct prune_node *n = calloc(1, sizeof(*n));
    char *key = step.key.p ? malloc(step.key.n + 1) : NULL;
    if (!n || (step.key.p && !key)) {
        free(key);
        free(n);
        err_nomem(e);
        return NULL;
    }
    if (key)
        memcpy(key, step.key.p, step.key.n);
    n->step = (struct path_step){ { key, step.key.n }, step.index };
    n->next = parent->child;
    parent->child = n;
    return n;
}

int prune_init(struct prune *p, enum prune_kind kind, const struct path *fields,
               size_t n, struct err *e)
{
    *p = (struct prune){ .kind = kind, .root = calloc(1, sizeof(*p->root)) };
    if (!p->root)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        struct prune_node *at = p->root;
        for (size_t j = 0; at && j < fields[i].n; j++)
            at = child_at(at, fields[i].steps[j], &fields[i], e);
        if (!at)
            return -1;
        at->end = true;
    }
    return 0;
}

static void walk(const struct prune_node *n, struct path_step *steps,
                 size_t depth, prune_each *each, void *context)
{
    for (n = n->child; n; n = n->next) {
        const struct path p = { .steps = steps, .n = depth + 1 };
        steps[depth] = n->step;
        if (n->end || depth + 1 == PRUNE_STEPS_MAX)
            each(context, &p);
        else
            walk(n, steps, depth + 1, each, context);
    }
}

void prune_walk(const struct prune *p, prune_each *each, void *context)
{
    struct path_step steps[PRUNE_STEPS_MAX];
    walk(p->root, steps, 0, each, context);
}

/* ---- records */

/* What becomes of a value. */
enum fate { FATE_STAYS, FATE_GOES, FATE_WITHIN };

/* The node that a member or element is at. */
static const struct prune_node *node_of(const struct prune_node *n, bool object,
                                        struct str key, size_t index)
{
    for (n = n->child; n; n = n->next)
        if (object ? n->step.key.p && json_raw_equals(key, n->step.key)
                   : n->step.index == index)
            return n;
    return NULL;
}

/* May one of the paths below n lead into v? */
static bool leads_into(const struct prune_node *n, struct val v)
{
    if (v.type != JSON_OBJECT && v.type != JSON_ARRAY)
        return false;
    for (n = n->child; n; n = n->next)
        if (v.type == JSON_OBJECT ? n->step.key.p != NULL
                                  : n->step.index != PATH_NO_INDEX)
            return true;
    return false;
}

static enum fate fate_of(enum prune_kind kind, const struct prune_node *n,
                         struct val v)
{
    if (!n)
        return kind == PRUNE_DROP ? FATE_STAYS : FATE_GOES;
    if (n->end)
        return kind == PRUNE_DROP ? FATE_GOES : FATE_STAYS;
    if (leads_into(n, v))
        return FATE_WITHIN;
    return kind == PRUNE_DROP ? FATE_STAYS : FATE_GOES;
}

/* Appends what is left of the container. */
static void prune(enum prune_kind kind, const struct prune_node *n,
                  struct val container, struct buf *out)
{
    struct json_iter it = json_iter(container.raw);
    const char *done = it.p;              /* behind the last member so far */
    const char *copied = container.raw.p; /* up to where out has it all */
    bool first = true;
    struct str key;
    struct val v;
    for (size_t i = 0; json_next(&it, &key, &v); i++) {
        const struct prune_node *at = node_of(n, it.object, key, i);
        enum fate fate = fate_of(kind, at, v);
        const char *start = it.object ? key.p - 1 : v.raw.p;
        const char *end = v.raw.p + v.raw.n;
        if (fate == FATE_GOES && !it.object) {
            buf_add(out, copied, (size_t)(v.raw.p - copied));
            buf_addz(out, "null");
            copied = end;
        } else if (fate == FATE_GOES) {
            buf_add(out, copied, (size_t)(done - copied));
            copied = end;
        } else {
            /* Behind the brace there is no comma to stand before it. */
            if (it.object && first && copied > container.raw.p)
                copied = start;
            first = false;
            if (fate == FATE_WITHIN) {
                buf_add(out, copied, (size_t)(v.raw.p - copied));
                prune(kind, at, v, out);
                copied = end;
            }
        }
        done = end;
    }
    buf_add(out, copied, (size_t)(container.raw.p + container.raw.n - copied));
}

int prune_run(const struct prune *p, struct str record, struct buf *out)
{
    struct val v = json_val(record);
    const char *end = record.p + record.n;
    buf_add(out, record.p, (size_t)(v.raw.p - record.p));
    prune(p->kind, p->root, v, out);
    const char *behind = v.raw.p + v.raw.n;
    buf_add(out, behind, (size_t)(end - behind));
    return out->failed ? -1 : 0;
}
