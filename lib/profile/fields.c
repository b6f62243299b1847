#include "profile/fields.h"

#include <stdlib.h>

#define MORE_BITS 12
/* What a field costs before it has values. */
#define FIELD_BYTES \
    (sizeof(struct field) + COLUMN_BATCH * sizeof(struct column_value))

static int add(struct fields *fs, uint32_t parent, struct str key,
               uint64_t hash, struct err *e);

int fields_init(struct fields *fs, size_t most, struct budget *budget,
                struct err *e)
{
    *fs = (struct fields){ .most = most };
    column_share(&fs->shared, budget);
    fs->more = calloc((size_t)1 << MORE_BITS, 1);
    if (!fs->more)
        return err_nomem(e);
    return add(fs, 0, STR(""), 0, e);
}

void fields_free(struct fields *fs)
{
    for (size_t i = 0; i < fs->n; i++) {
        column_free(&fs->v[i]->column);
        free(fs->v[i]);
    }
    free(fs->v);
    free(fs->slots);
    free(fs->more);
    arena_free(&fs->keys);
    column_unshare(&fs->shared);
    *fs = (struct fields){ 0 };
}

static void enter(struct fields *fs, uint32_t number)
{
    size_t mask = fs->cap * 2 - 1, i = fs->v[number]->hash & mask;
    while (fs->slots[i])
        i = (i + 1) & mask;
    fs->slots[i] = number;
}

static int grow(struct fields *fs)
{
    size_t cap = fs->cap ? fs->cap * 2 : 64;
    struct field **v = realloc(fs->v, cap * sizeof(struct field *));
    if (!v)
        return -1;
    fs->v = v;
    uint32_t *slots = calloc(cap * 2, sizeof(*slots));
    if (!slots)
        return -1;
    free(fs->slots);
    fs->slots = slots;
    fs->cap = cap;
    for (uint32_t i = 1; i < fs->n; i++)
        enter(fs, i);
    return 0;
}

static void adopt(struct fields *fs, uint32_t parent, uint32_t number)
{
    struct field *p = fs->v[parent];
    if (p->child)
        fs->v[p->last_child]->next = number;
    else
        p->child = number;
    p->last_child = number;
}

/* Adds a field at the end of the list. */
static int add(struct fields *fs, uint32_t parent, struct str key,
               uint64_t hash, struct err *e)
{
    if (fs->n == fs->cap && grow(fs))
        return err_nomem(e);
    struct field *f = calloc(1, sizeof(*f));
    if (!f)
        return err_nomem(e);
    f->key = key;
    if (key.p)
        f->key = arena_dup(&fs->keys, key);
    if ((key.p && !f->key.p) || column_init(&f->column, &fs->shared)) {
        free(f);
        return err_nomem(e);
    }
    f->hash = hash;
    f->parent = parent;
    fs->v[fs->n++] = f;
    fs->shared.budget->used += FIELD_BYTES + key.n;
    if (fs->n > 1) {
        f->depth = fs->v[parent]->depth + 1;
        enter(fs, (uint32_t)(fs->n - 1));
        adopt(fs, parent, (uint32_t)(fs->n - 1));
    }
    return 0;
}

static bool has_room(const struct fields *fs, uint32_t parent)
{
    const struct budget *b = fs->shared.budget;
    return fs->n <= fs->most && fs->v[parent]->depth < FIELDS_DEPTH &&
           (!b->max || b->used + FIELD_BYTES <= b->max);
}

static bool same(const struct field *f, uint64_t hash, uint32_t parent,
                 struct str key)
{
    return f->hash == hash && f->parent == parent && !f->key.p == !key.p &&
           (!key.p || str_eq(f->key, key));
}

int fields_child(struct fields *fs, uint32_t parent, struct str key,
                 uint32_t *number, struct err *e)
{
    uint64_t hash = (key.p ? hash64(key) : 1) + fs->v[parent]->hash;
    hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 32;
    size_t mask = fs->cap * 2 - 1;
    for (size_t i = hash & mask; fs->slots[i]; i = (i + 1) & mask) {
        *number = fs->slots[i];
        if (same(fs->v[*number], hash, parent, key))
            return 0;
    }
    if (!has_room(fs, parent)) {
        unsigned rank;
        uint32_t at = hll_place(hash, MORE_BITS, &rank);
        if (fs->more[at] < rank)
            fs->more[at] = (uint8_t)rank;
        fs->left_out++;
        *number = FIELD_NONE;
        return 0;
    }
    *number = (uint32_t)fs->n;
    return add(fs, parent, key, hash, e);
}

uint64_t fields_more(const struct fields *fs)
{
    uint32_t histogram[64 + 2] = { 0 };
    if (!fs->left_out)
        return 0;
    for (size_t i = 0; i < (size_t)1 << MORE_BITS; i++)
        histogram[fs->more[i]]++;
    uint64_t n = hll_estimate(histogram, MORE_BITS);
    return n ? n : 1;
}

/* Can a key stand in a path as it is? */
static bool is_plain(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (strchr(".[]\"\\/", key.p[i]) || (unsigned char)key.p[i] <= ' ')
            return false;
    return key.n > 0;
}

static int add_step(const struct field *f, struct buf *out)
{
    if (!f->key.p)
        return buf_addz(out, "[]");
    if (is_plain(f->key)) {
        if (f->depth > 1)
            buf_addc(out, '.');
        return buf_add_str(out, f->key);
    }
    buf_addc(out, '[');
    json_quote(out, f->key);
    return buf_addc(out, ']');
}

int fields_path(const struct fields *fs, uint32_t number, struct buf *out)
{
    uint32_t way[FIELDS_DEPTH + 1];
    size_t n = 0;
    for (; number; number = fs->v[number]->parent)
        way[n++] = number;
    while (n)
        add_step(fs->v[way[--n]], out);
    return out->failed ? -1 : 0;
}

int fields_flush(struct fields *fs, struct err *e)
{
    for (size_t i = 0; i < fs->n; i++) {
        struct column *c = &fs->v[i]->column;
        if (c->n && column_flush(c, &fs->shared, e))
            return -1;
    }
    return 0;
}
