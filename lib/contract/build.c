#include "contract/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct build_open {
    struct yaml *node;
    size_t from; /* its members in the stack */
    bool has_key;
    struct yaml_member next; /* that waits for its value */
};

struct build_anchor {
    char *name; /* owned */
    const struct yaml *node;
};

/* The key of a member that is to be merged: known by its address. */
static const char merge_key[] = "<<";

int build_fail(struct build *b, struct build_at at, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    b->e->line = at.line;
    return err_set(b->e, ERR_CONFIG, "YAML %s, line %u, column %u: %s", b->name,
                   at.line, at.column, text);
}

static struct build_open *innermost(const struct build *b)
{
    return b->n_open ? &b->open[b->n_open - 1] : NULL;
}

bool build_wants_key(const struct build *b)
{
    const struct build_open *o = innermost(b);
    return o && o->node->type == JSON_OBJECT && !o->has_key;
}

static int push(struct build *b, const struct yaml_member *m)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        struct yaml_member *stack = realloc(b->stack, cap * sizeof(*stack));
        if (!stack)
            return err_nomem(b->e);
        b->stack = stack;
        b->cap = cap;
    }
    b->stack[b->n++] = *m;
    return 0;
}

static int too_many(struct build *b, struct build_at at)
{
    return build_fail(b, at, "more than %d values", YAML_MAX_VALUES);
}

int build_key(struct build *b, struct str key, bool merges, struct build_at at)
{
    struct build_open *o = innermost(b);
    o->has_key = true;
    o->next = (struct yaml_member){ .line = at.line, .column = at.column };
    o->next.key =
        merges ? (struct str){ merge_key, 2 } : arena_dup(b->arena, key);
    return o->next.key.p ? 0 : err_nomem(b->e);
}

/* Puts a value where it belongs. */
static int place(struct build *b, const struct yaml *y, struct build_at at)
{
    struct build_open *o = innermost(b);
    struct yaml_member m = { STR(""), at.line, at.column, y };
    if (!o) {
        b->root = y;
        return 0;
    }
    if (o->node->type == JSON_OBJECT) {
        m = o->next;
        m.value = y;
        o->has_key = false;
    }
    return push(b, &m);
}

static int set_anchor(struct build *b, const char *anchor,
                      const struct yaml *node, struct build_at at)
{
    if (!anchor)
        return 0;
    if (b->n_anchors == BUILD_MAX_ANCHORS)
        return build_fail(b, at, "more than %d anchors", BUILD_MAX_ANCHORS);
    if (!b->anchors)
        b->anchors = calloc(BUILD_MAX_ANCHORS, sizeof(*b->anchors));
    char *name = b->anchors ? strdup(anchor) : NULL;
    if (!name)
        return err_nomem(b->e);
    b->anchors[b->n_anchors++] = (struct build_anchor){ name, node };
    return 0;
}

static struct yaml *new_node(struct build *b, enum json_type type,
                             struct build_at at)
{
    if (++b->values > YAML_MAX_VALUES) {
        too_many(b, at);
        return NULL;
    }
    struct yaml *y = arena_alloc(b->arena, sizeof(*y));
    if (!y) {
        err_nomem(b->e);
        return NULL;
    }
    *y = (struct yaml){ .type = type, .line = at.line, .column = at.column };
    return y;
}

int build_open(struct build *b, enum json_type type, const char *anchor,
               struct build_at at)
{
    if (b->n_open == YAML_MAX_DEPTH)
        return build_fail(b, at, "nested deeper than %d", YAML_MAX_DEPTH);
    if (!b->open)
        b->open = calloc(YAML_MAX_DEPTH, sizeof(*b->open));
    if (!b->open)
        return err_nomem(b->e);
    struct yaml *y = new_node(b, type, at);
    if (!y || set_anchor(b, anchor, y, at))
        return -1;
    b->open[b->n_open++] = (struct build_open){ .node = y, .from = b->n };
    return 0;
}

int build_scalar(struct build *b, struct str text, bool plain,
                 const char *anchor, struct build_at at)
{
    const char *why = NULL;
    struct yaml *y = new_node(b, JSON_STRING, at);
    if (!y || set_anchor(b, anchor, y, at))
        return -1;
    y->values = 1;
    y->text = arena_dup(b->arena, text);
    if (!y->text.p)
        return err_nomem(b->e);
    if (plain && yaml_resolve(y, b->arena, &why))
        return why ? build_fail(b, at, "%s", why) : err_nomem(b->e);
    return place(b, y, at);
}

int build_alias(struct build *b, const char *anchor, struct build_at at)
{
    size_t i = b->n_anchors;
    while (i && strcmp(b->anchors[i - 1].name, anchor) != 0)
        i--;
    if (!i)
        return build_fail(b, at, "alias '%.100s' has no anchor", anchor);
    const struct yaml *y = b->anchors[i - 1].node;
    if (!y->values) /* it is still open */
        return build_fail(b, at, "alias '%.100s' is within what it stands for",
                          anchor);
    return place(b, y, at);
}

/* ---- the end of a container */

/* Members by key, those of one key in the order in which they stand. */
static int by_key(const void *a, const void *b)
{
    const struct yaml_member *const *x = a, *const *y = b;
    int c = str_cmp((*x)->key, (*y)->key);
    return c ? c : *x < *y ? -1 : *x > *y;
}

/* Appends the members of what is merged to those in the stack. */
static int push_merged(struct build *b, const struct yaml_member *m)
{
    const struct yaml *y = m->value;
    struct build_at at = { m->line, m->column };
    if (y->type != JSON_OBJECT)
        return build_fail(b, at, "<< merges mappings, and here is a %s",
                          json_type_name(y->type));
    b->values += y->n;
    if (b->values > YAML_MAX_VALUES)
        return too_many(b, at);
    for (uint32_t i = 0; i < y->n; i++)
        if (push(b, &y->v[i]))
            return -1;
    return 0;
}

/* Takes the merge keys out of the stack's members since `from` and appends
 * what they stand for: the earlier ones count. *own: how many were written
 * here. */
static int merge(struct build *b, size_t from, size_t *own)
{
    struct yaml_member merged = { 0 };
    size_t to = from;
    for (size_t i = from; i < b->n; i++) {
        const struct yaml_member m = b->stack[i];
        if (m.key.p != merge_key) {
            b->stack[to++] = m;
        } else if (merged.value) {
            return build_fail(b, (struct build_at){ m.line, m.column },
                              "key '<<' is given twice");
        } else {
            merged = m;
        }
    }
    b->n = to;
    *own = to - from;
    if (!merged.value)
        return 0;
    if (merged.value->type != JSON_ARRAY)
        return push_merged(b, &merged);
    for (uint32_t i = 0; i < merged.value->n; i++)
        if (push_merged(b, &merged.value->v[i]))
            return -1;
    return 0;
}

/* Keys are given once; of merged ones the first counts: the others are dropped.
 */
static int settle_keys(struct build *b, size_t from, size_t own)
{
    size_t n = b->n - from, to = from;
    struct yaml_member *v = b->stack + from;
    if (n < 2)
        return 0;
    const struct yaml_member **sorted = malloc(n * sizeof(*sorted));
    bool *dropped = calloc(n, sizeof(*dropped));
    int r = sorted && dropped ? 0 : err_nomem(b->e);
    for (size_t i = 0; r == 0 && i < n; i++)
        sorted[i] = &v[i];
    if (r == 0)
        qsort(sorted, n, sizeof(*sorted), by_key);
    for (size_t i = 1; r == 0 && i < n; i++) {
        const struct yaml_member *m = sorted[i], *first = sorted[i - 1];
        if (!str_eq(m->key, first->key))
            continue;
        if ((size_t)(m - v) < own)
            r = build_fail(b, (struct build_at){ m->line, m->column },
                           "key '%.*s' is given twice, first in line %u",
                           (int)(m->key.n < 100 ? m->key.n : 100), m->key.p,
                           first->line);
        dropped[m - v] = true;
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!dropped[i])
            b->stack[to++] = v[i];
    if (r == 0)
        b->n = to;
    free(sorted);
    free(dropped);
    return r;
}

int build_close(struct build *b)
{
    struct build_open *o = innermost(b);
    struct yaml *y = o->node;
    struct build_at at = { y->line, y->column };
    size_t own = 0, from = o->from;
    if (y->type == JSON_OBJECT &&
        (merge(b, from, &own) || settle_keys(b, from, own)))
        return -1;
    y->n = (uint32_t)(b->n - from);
    y->v = arena_alloc(b->arena, y->n * sizeof(*y->v));
    if (!y->v)
        return err_nomem(b->e);
    if (y->n)
        memcpy(y->v, b->stack + from, y->n * sizeof(*y->v));
    b->n = from;
    b->n_open--;
    uint64_t values = 1;
    for (uint32_t i = 0; i < y->n; i++) {
        values += y->v[i].value->values;
        if (y->v[i].value->height > y->height)
            y->height = y->v[i].value->height;
    }
    if (values > YAML_MAX_VALUES)
        return too_many(b, at);
    y->values = values;
    if (++y->height > YAML_MAX_DEPTH)
        return build_fail(b, at, "nested deeper than %d", YAML_MAX_DEPTH);
    return place(b, y, at);
}

void build_free(struct build *b)
{
    for (size_t i = 0; i < b->n_anchors; i++)
        free(b->anchors[i].name);
    free(b->anchors);
    free(b->open);
    free(b->stack);
}
