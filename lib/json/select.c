#include "json/select.h"

#include <stdlib.h>

/* A trie of steps. Children are kept in order of addition, which for keys that
 * were listed in record order lets the next key be guessed. */
struct node {
    struct path_step step;
    int slot; /* -1: nothing wanted here itself */
    struct node **child;
    size_t children;
    bool twins; /* a child is a key or an index (/0): another child may have
                   the same key */
};

struct select {
    struct node root;
    size_t slots;
};

struct select *select_new(void)
{
    struct select *s = calloc(1, sizeof(*s));
    if (s)
        s->root.slot = -1;
    return s;
}

static void node_clear(struct node *n)
{
    for (size_t i = 0; i < n->children; i++) {
        node_clear(n->child[i]);
        free((void *)(size_t)n->child[i]->step.key.p);
        free(n->child[i]);
    }
    free(n->child);
}

void select_free(struct select *s)
{
    if (!s)
        return;
    node_clear(&s->root);
    free(s);
}

static bool same_step(struct path_step a, struct path_step b)
{
    return a.index == b.index && !a.key.p == !b.key.p &&
           (!a.key.p || str_eq(a.key, b.key));
}

static struct node *node_child(struct node *n, struct path_step step)
{
    for (size_t i = 0; i < n->children; i++)
        if (same_step(n->child[i]->step, step))
            return n->child[i];
    struct node *c = calloc(1, sizeof(*c));
    struct node **grown =
        realloc(n->child, (n->children + 1) * sizeof(*n->child));
    if (grown)
        n->child = grown;
    char *key = step.key.p ? malloc(step.key.n + 1) : NULL;
    if (!c || !grown || (step.key.p && !key)) {
        free(c);
        free(key);
        return NULL;
    }
    if (key)
        memcpy(key, step.key.p, step.key.n);
    c->step = step;
    c->step.key.p = key;
    c->slot = -1;
    n->child[n->children++] = c;
    if (key && step.index != PATH_NO_INDEX)
        n->twins = true;
    return c;
}

int select_add(struct select *s, const struct path *p)
{
    struct node *n = &s->root;
    for (size_t i = 0; i < p->n; i++) {
        n = node_child(n, p->steps[i]);
        if (!n)
            return -1;
    }
    if (n->slot < 0)
        n->slot = (int)s->slots++;
    return n->slot;
}

size_t select_size(const struct select *s)
{
    return s->slots;
}

static void clear_below(const struct node *n, struct val *vals)
{
    if (n->slot >= 0)
        vals[n->slot] = (struct val){ JSON_MISSING, { "", 0 } };
    for (size_t i = 0; i < n->children; i++)
        clear_below(n->child[i], vals);
}

static int walk(const struct node *n, struct val v, struct val *vals);

/* A value was found for child c: takes it, and what stood there before under a
 * duplicate key is gone with all below it. */
static int take(const struct node *c, struct val v, struct val *vals)
{
    if (c->children == 0) {
        vals[c->slot] = v;
        return 0;
    }
    clear_below(c, vals);
    if (c->slot >= 0)
        vals[c->slot] = v;
    return walk(c, v, vals);
}

static int walk_object(const struct node *n, struct val v, struct val *vals)
{
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val m;
    size_t guess = 0;
    while (json_next(&it, &key, &m)) {
        bool escaped = key.n && memchr(key.p, '\\', key.n);
        for (size_t i = 0, j = guess; i < n->children; i++) {
            const struct node *c = n->child[j];
            j = j + 1 == n->children ? 0 : j + 1;
            if (!c->step.key.p || !(escaped ? json_raw_equals(key, c->step.key)
                                            : str_eq(key, c->step.key)))
                continue;
            if (take(c, m, vals))
                return -1;
            guess = j;
            if (!n->twins)
                break;
        }
    }
    return it.broken ? -1 : 0;
}

static int walk_array(const struct node *n, struct val v, struct val *vals)
{
    struct json_iter it = json_iter(v.raw);
    struct val m;
    for (size_t at = 0; json_next(&it, NULL, &m); at++)
        for (size_t i = 0; i < n->children; i++)
            if (n->child[i]->step.index == at && take(n->child[i], m, vals))
                return -1;
    return it.broken ? -1 : 0;
}

/* Recursion goes as deep as the longest path, not as the record. */
static int walk(const struct node *n, struct val v, struct val *vals)
{
    if (v.type == JSON_OBJECT)
        return walk_object(n, v, vals);
    if (v.type == JSON_ARRAY)
        return walk_array(n, v, vals);
    return 0;
}

int select_run(const struct select *s, struct str record, struct val *vals)
{
    struct val v = json_val(record);
    for (size_t i = 0; i < s->slots; i++)
        vals[i] = (struct val){ JSON_MISSING, { "", 0 } };
    if (s->root.slot >= 0)
        vals[s->root.slot] = v;
    return s->root.children ? walk(&s->root, v, vals) : 0;
}
