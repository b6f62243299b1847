#include "evolve/tree.h"

#include "base/hash.h"
#include "json/check.h"
#include "json/number.h"
#include "json/path.h"

#include <stdlib.h>

#define INDEXED_FROM 8 /* members, before a search is worth a table */

/* Elements of the containers that are open, innermost last. */
struct parser {
    struct arena *arena;
    const char *p, *end;
    struct tree *open;
    struct str *keys;
    size_t n, cap;
    struct buf text;
};

static int push(struct parser *p, struct str key, struct tree t)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct tree *open = realloc(p->open, cap * sizeof(*open));
        if (open)
            p->open = open;
        struct str *keys = realloc(p->keys, cap * sizeof(*keys));
        if (keys)
            p->keys = keys;
        if (!open || !keys)
            return -1;
        p->cap = cap;
    }
    p->keys[p->n] = key;
    p->open[p->n++] = t;
    return 0;
}

static void *copy(struct arena *a, const void *from, size_t n)
{
    void *to = arena_alloc(a, n);
    if (to && n)
        memcpy(to, from, n);
    return to;
}

/* The characters of a string without its quotes. */
static int characters(struct parser *p, struct str raw, struct str *out)
{
    if (!memchr(raw.p, '\\', raw.n)) {
        *out = raw;
        return 0;
    }
    buf_reset(&p->text);
    if (json_unescape(&p->text, raw))
        return -1;
    *out = arena_dup(p->arena, buf_str(&p->text));
    return out->p ? 0 : -1;
}

static uint32_t *slot_of(const struct tree *t, struct str key)
{
    uint32_t mask = t->n_slots - 1, i = (uint32_t)hash64(key) & mask;
    while (t->slots[i] && !str_eq(t->keys[t->slots[i] - 1], key))
        i = (i + 1) & mask;
    return &t->slots[i];
}

/* Indexes members by key and drops those that a later one shadows. */
static int index_members(struct arena *a, struct tree *t)
{
    if (t->n < 2)
        return 0;
    t->n_slots = 4;
    while (t->n_slots < t->n * 2)
        t->n_slots *= 2;
    t->slots = arena_alloc(a, t->n_slots * sizeof(*t->slots));
    if (!t->slots)
        return -1;
    memset(t->slots, 0, t->n_slots * sizeof(*t->slots));
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t *slot = slot_of(t, t->keys[i]);
        uint32_t to = *slot ? *slot - 1 : n++;
        t->keys[to] = t->keys[i];
        t->v[to] = t->v[i];
        *slot = to + 1;
    }
    t->n = n;
    return 0;
}

/* Makes t's own what has been pushed since `from`. */
static int take_children(struct parser *p, struct tree *t, size_t from)
{
    size_t n = p->n - from;
    t->n = (uint32_t)n;
    t->v = copy(p->arena, p->open + from, n * sizeof(*t->v));
    if (!t->v)
        return -1;
    if (t->type == JSON_OBJECT) {
        t->keys = copy(p->arena, p->keys + from, n * sizeof(*t->keys));
        if (!t->keys || index_members(p->arena, t))
            return -1;
    }
    p->n = from;
    return 0;
}

static int parse(struct parser *p, struct tree *t);

static int parse_members(struct parser *p, struct tree *t)
{
    char close = t->type == JSON_OBJECT ? '}' : ']';
    size_t from = p->n;
    p->p = json_skip_space(p->p + 1, p->end);
    while (*p->p != close) {
        struct str key = { "", 0 };
        struct tree child = { 0 };
        if (t->type == JSON_OBJECT) {
            const char *q = json_skip_value(p->p, p->end);
            struct str raw = { p->p + 1, (size_t)(q - p->p) - 2 };
            if (characters(p, raw, &key))
                return -1;
            p->p = json_skip_space(q, p->end);
            p->p = json_skip_space(p->p + 1, p->end);
        }
        if (parse(p, &child) || push(p, key, child))
            return -1;
        p->p = json_skip_space(p->p, p->end);
        if (*p->p == ',')
            p->p = json_skip_space(p->p + 1, p->end);
    }
    p->p++;
    return take_children(p, t, from);
}

/* The value at p->p; the text is known to be JSON, so that what has to be there
 * is. */
static int parse(struct parser *p, struct tree *t)
{
    const char *start = p->p;
    t->type = json_type_of(*start);
    if (t->type == JSON_OBJECT || t->type == JSON_ARRAY) {
        if (parse_members(p, t))
            return -1;
    } else {
        p->p = json_skip_value(start, p->end);
    }
    t->raw = (struct str){ start, (size_t)(p->p - start) };
    t->text = t->raw;
    if (t->type != JSON_STRING)
        return 0;
    return characters(p, (struct str){ start + 1, t->raw.n - 2 }, &t->text);
}

/* Children know their parents only when these have come to rest. */
static void link_up(struct tree *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        t->v[i].up = t;
        t->v[i].at = i;
        link_up(&t->v[i]);
    }
}

static int fault(struct str text, const struct json_fault *f,
                 const char *source, struct err *e)
{
    uint64_t line = 1;
    for (size_t i = 0; i < f->offset && i < text.n; i++)
        line += text.p[i] == '\n';
    e->line = line;
    return err_set(e, ERR_CONFIG, "schema %s, line %llu: %s", source,
                   (unsigned long long)line, f->why);
}

struct tree *tree_parse(struct arena *a, struct str text, const char *source,
                        struct err *e)
{
    struct json_fault f;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = (struct str){ text.p + 3, text.n - 3 };
    if (text.n > TREE_MAX_BYTES) {
        err_set(e, ERR_CONFIG, "schema %s is larger than 16 MiB", source);
        return NULL;
    }
    if (json_check_value(text, TREE_MAX_DEPTH, &f)) {
        fault(text, &f, source, e);
        return NULL;
    }
    struct str own = arena_dup(a, text);
    struct tree *root = arena_alloc(a, sizeof(*root));
    struct parser p = { .arena = a };
    int r = -1;
    if (own.p && root) {
        *root = (struct tree){ 0 };
        p.end = own.p + own.n;
        p.p = json_skip_space(own.p, p.end);
        r = parse(&p, root);
    }
    free(p.open);
    free(p.keys);
    buf_free(&p.text);
    if (r) {
        if (a->max && a->total > a->max / 2)
            err_set(e, ERR_CONFIG, "schema %s has too many values", source);
        else
            err_nomem(e);
        return NULL;
    }
    link_up(root);
    return root;
}

struct tree *tree_names(struct arena *a, struct str *keys, size_t n)
{
    struct tree *t = arena_alloc(a, sizeof(*t));
    struct tree *v = arena_alloc(a, (n + 1) * sizeof(*v));
    if (!t || !v || n > UINT32_MAX / 4)
        return NULL;
    *t = (struct tree){
        .type = JSON_OBJECT, .n = (uint32_t)n, .v = v, .keys = keys
    };
    for (size_t i = 0; i < n; i++)
        v[i] = (struct tree){ .type = JSON_TRUE,
                              .text = STR("true"),
                              .raw = STR("true") };
    if (index_members(a, t))
        return NULL;
    link_up(t);
    return t;
}

uint32_t tree_find(const struct tree *t, struct str key)
{
    if (t->type != JSON_OBJECT)
        return UINT32_MAX;
    if (t->n >= INDEXED_FROM)
        return *slot_of(t, key) - 1;
    for (uint32_t i = 0; i < t->n; i++)
        if (str_eq(t->keys[i], key))
            return i;
    return UINT32_MAX;
}

struct tree *tree_get(const struct tree *t, struct str key)
{
    uint32_t i = tree_find(t, key);
    return i == UINT32_MAX ? NULL : &t->v[i];
}

int tree_pointer(struct buf *out, const struct tree *t)
{
    const struct tree *way[TREE_MAX_DEPTH + 1];
    size_t n = 0;
    for (; t->up && n <= TREE_MAX_DEPTH; t = t->up)
        way[n++] = t;
    while (n--) {
        if (way[n]->up->type == JSON_OBJECT)
            path_pointer(out, way[n]->up->keys[way[n]->at]);
        else
            buf_addf(out, "/%u", way[n]->at);
    }
    return out->failed ? -1 : 0;
}

int tree_write(struct buf *out, const struct tree *t)
{
    bool object = t->type == JSON_OBJECT;
    if (!object && t->type != JSON_ARRAY)
        return buf_add_str(out, t->raw);
    buf_addc(out, object ? '{' : '[');
    for (uint32_t i = 0; i < t->n; i++) {
        if (i)
            buf_addc(out, ',');
        if (object) {
            json_quote(out, t->keys[i]);
            buf_addc(out, ':');
        }
        tree_write(out, &t->v[i]);
    }
    return buf_addc(out, object ? '}' : ']');
}

bool tree_equal(const struct tree *a, const struct tree *b)
{
    if (a->type != b->type || a->n != b->n)
        return false;
    switch (a->type) {
    case JSON_NUMBER: return number_cmp(a->text, b->text) == 0;
    case JSON_STRING: return str_eq(a->text, b->text);
    case JSON_ARRAY:
        for (uint32_t i = 0; i < a->n; i++)
            if (!tree_equal(&a->v[i], &b->v[i]))
                return false;
        return true;
    case JSON_OBJECT:
        for (uint32_t i = 0; i < a->n; i++) {
            const struct tree *m = tree_get(b, a->keys[i]);
            if (!m || !tree_equal(&a->v[i], m))
                return false;
        }
        return true;
    default: return true;
    }
}
