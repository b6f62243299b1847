#include "schema/compile.h"

#include "base/hash.h"

#define PROPS_MAX ((uint32_t)1 << 24)

static int index_grow(struct compiler *c, struct object_rules *u)
{
    size_t n = u->n_slots ? u->n_slots * 2 : 16;
    uint32_t *slots = compile_alloc(c, n * sizeof(*slots));
    if (!slots)
        return -1;
    for (uint32_t i = 0; i < u->n; i++) {
        size_t at = hash64(u->props[i].key) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    u->slots = slots;
    u->n_slots = n;
    return 0;
}

static int props_grow(struct compiler *c, struct object_rules *u)
{
    uint32_t cap = u->cap ? u->cap * 2 : 8;
    struct prop *p = compile_alloc(c, cap * sizeof(*p));
    if (!p)
        return -1;
    if (u->n)
        memcpy(p, u->props, u->n * sizeof(*p));
    u->props = p;
    u->cap = cap;
    return 0;
}

/* `"key":` as most writers spell it. */
static int token_set(struct compiler *c, struct prop *p)
{
    struct buf b = { 0 };
    json_quote(&b, p->key);
    if (buf_addc(&b, ':') == 0)
        p->token = arena_dup(&c->s->arena, buf_str(&b));
    buf_free(&b);
    return p->token.p ? 0 : compile_nomem(c);
}

uint32_t prop_add(struct compiler *c, struct object_rules *u, struct str raw)
{
    struct prop p = { 0 };
    if (compile_text(c, raw, &p.key))
        return NO_PROP;
    uint32_t i = prop_find(u, p.key);
    if (i != NO_PROP)
        return i;
    if (u->n == PROPS_MAX) {
        compile_nomem(c);
        return NO_PROP;
    }
    if (token_set(c, &p) || (u->n == u->cap && props_grow(c, u)))
        return NO_PROP;
    u->props[u->n++] = p;
    if (u->n * 2 > u->n_slots) {
        if (index_grow(c, u))
            return NO_PROP;
        return u->n - 1;
    }
    size_t at = hash64(p.key) & (u->n_slots - 1);
    while (u->slots[at])
        at = (at + 1) & (u->n_slots - 1);
    u->slots[at] = u->n;
    return u->n - 1;
}

/* Which schemas the value of p has to fit: that of properties and those of all
 * patterns that its name matches; where there are none, the rest's. */
static int nodes_set(struct frame *f, struct object_rules *u, struct prop *p)
{
    struct node_list *l = &p->nodes;
    l->v = compile_alloc(f->c, (u->n_patterns + 1) * sizeof(*l->v));
    if (!l->v)
        return -1;
    if (p->schema)
        l->v[l->n++] = p->schema;
    for (size_t i = 0; i < u->n_patterns; i++) {
        int m = pattern_match(u->patterns[i].pattern, f->c->pattern, p->key);
        if (m < 0)
            return compile_fail(f->c, f->at,
                                "gave up matching property \"%.*s\" with %.*s",
                                STR_ARG(p->key), STR_ARG(u->patterns[i].text));
        if (m > 0)
            l->v[l->n++] = u->patterns[i].schema;
    }
    if (l->n == 0 && u->additional)
        l->v[l->n++] = u->additional;
    return 0;
}

int prop_finish(struct frame *f)
{
    struct object_rules *u = f->n->object;
    u->n_words = (u->n + 63) / 64;
    u->required = compile_alloc(f->c, u->n_words * sizeof(*u->required));
    if (!u->required)
        return -1;
    for (uint32_t i = 0; i < u->n; i++) {
        if (u->props[i].required)
            u->required[i / 64] |= (uint64_t)1 << (i % 64);
        if (nodes_set(f, u, &u->props[i]))
            return -1;
    }
    u->guess = f->c->s->n_guesses;
    f->c->s->n_guesses += u->n + 1;
    return 0;
}
