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

/* Sixteen bytes that are compared at once. */
typedef uint64_t words __attribute__((vector_size(16)));

/* Where the wanted values stand in lines of one shape whose keys are these. */
struct plan {
    uint64_t serial; /* of the shape; 0: no plan */
    uint64_t noted;  /* the batch that has seen its types */
    unsigned misses; /* lines of the shape with other keys, of late */
    bool long_keys;  /* some are longer than `words` */
    struct plan_key {
        words word, mask;  /* its first bytes, as far as it goes */
        uint32_t token, n; /* bytes behind the quote, with the closing one */
        size_t at;         /* in bytes */
    } * keys;              /* owned: every key on the way must be the same */
    size_t n_keys, cap_keys;
    struct buf bytes; /* the keys' bytes */
    struct plan_val {
        enum json_type type;
        uint32_t token, end; /* the value is between them, but for spaces; end
                                of 0: missing, or the record itself */
    } * vals;                /* owned, one a slot */
};

#define PLANS 64
#define MISSES_MAX 16

struct select {
    struct node root;
    size_t slots;
    struct plan *plans; /* owned, PLANS of them, by serial; NULL: none yet */
    uint64_t batches;
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

static void plans_free(struct select *s)
{
    for (size_t i = 0; s->plans && i < PLANS; i++) {
        free(s->plans[i].keys);
        free(s->plans[i].vals);
        buf_free(&s->plans[i].bytes);
    }
    free(s->plans);
    s->plans = NULL;
}

void select_free(struct select *s)
{
    if (!s)
        return;
    plans_free(s);
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
    if (n->slot < 0) {
        n->slot = (int)s->slots++;
        plans_free(s); /* made for fewer slots */
    }
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

/* ---- by shape ---- */

/* Making a plan: the same walk as above, over tokens. */
struct planner {
    struct plan *plan;
    const struct shaped *r;
};

static void plan_walk(struct planner *w, const struct node *n, uint32_t token);

static void plan_clear(struct plan *p, const struct node *n)
{
    if (n->slot >= 0)
        p->vals[n->slot] = (struct plan_val){ .type = JSON_MISSING };
    for (size_t i = 0; i < n->children; i++)
        plan_clear(p, n->child[i]);
}

static uint32_t behind_value(const struct shape *s, uint32_t token)
{
    uint8_t t = s->tok[token];
    return (t == '{' || t == '[' ? s->close[token] : token) + 1;
}

static void plan_val(struct planner *w, int slot, uint32_t token)
{
    const struct shape *s = w->r->shape;
    w->plan->vals[slot] =
        (struct plan_val){ json_type_of((char)s->tok[token]), token,
                           token ? behind_value(s, token) : 0 };
}

static void plan_take(struct planner *w, const struct node *c, uint32_t token)
{
    plan_clear(w->plan, c);
    if (c->slot >= 0)
        plan_val(w, c->slot, token);
    plan_walk(w, c, token);
}

/* Notes that the key at this token has to stay what it is; returns its text. */
static struct str plan_key(struct planner *w, uint32_t token)
{
    struct plan *p = w->plan;
    if (p->n_keys == p->cap_keys) {
        size_t cap = p->cap_keys ? p->cap_keys * 2 : 16;
        struct plan_key *grown = realloc(p->keys, cap * sizeof(*grown));
        if (!grown) {
            p->bytes.failed = true;
            return STR("");
        }
        p->keys = grown;
        p->cap_keys = cap;
    }
    struct str raw = shape_text(w->r->shape, w->r->block, w->r->line, token);
    struct plan_key *k = &p->keys[p->n_keys++];
    size_t n = raw.n - 1, head = n < sizeof(words) ? n : sizeof(words);
    *k =
        (struct plan_key){ .token = token, .n = (uint32_t)n, .at = p->bytes.n };
    memset(&k->mask, 0xff, head);
    memcpy(&k->word, raw.p + 1, head);
    p->long_keys |= n > head;
    buf_add(&p->bytes, raw.p + 1, n);
    return (struct str){ raw.p + 1, raw.n - 2 };
}

static void plan_walk(struct planner *w, const struct node *n, uint32_t token)
{
    const struct shape *s = w->r->shape;
    bool object = s->tok[token] == '{';
    if (n->children == 0 || (!object && s->tok[token] != '['))
        return;
    uint32_t i = token + 1;
    for (size_t at = 0; i < s->close[token]; at++) {
        struct str key = { NULL, 0 };
        if (object) {
            key = plan_key(w, i);
            i += 2; /* the key and its colon */
        }
        for (size_t k = 0; k < n->children; k++) {
            const struct path_step *step = &n->child[k]->step;
            if (object ? step->key.p && json_raw_equals(key, step->key)
                       : step->index == at)
                plan_take(w, n->child[k], i);
        }
        i = behind_value(s, i);
        if (s->tok[i] == ',')
            i++;
    }
}

static int plan_make(struct select *s, struct plan *p, const struct shaped *r)
{
    p->serial = 0;
    p->misses = 0;
    p->n_keys = 0;
    p->long_keys = false;
    buf_reset(&p->bytes);
    if (!p->vals)
        p->vals = malloc((s->slots + 1) * sizeof(*p->vals));
    if (!p->vals)
        return -1;
    struct planner w = { p, r };
    plan_clear(p, &s->root);
    if (s->root.slot >= 0)
        plan_val(&w, s->root.slot, 0);
    plan_walk(&w, &s->root, 0);
    if (p->bytes.failed)
        return -1;
    p->serial = r->shape->serial;
    p->noted = 0;
    return 0;
}

/* The keys beyond `words`; the bytes of others are known to be the same. */
__attribute__((noinline)) static bool
long_keys_fit(const struct plan *p, const uint32_t *pos, const char *block)
{
    for (size_t k = 0; k < p->n_keys; k++) {
        const struct plan_key *key = &p->keys[k];
        uint32_t from = pos[key->token] + 1;
        if (key->n > sizeof(words) &&
            (pos[key->token + 1] - from < key->n ||
             memcmp(block + from, p->bytes.p + key->at, key->n) != 0))
            return false;
    }
    return true;
}

/* A key that begins with all bytes of another, the closing quote too, is the
 * same: its length need not be looked at. The block is padded, so that a word
 * may be read wherever the key stands. */
static inline bool plan_fits(const struct plan *p, const uint32_t *pos,
                             const char *block)
{
    const struct plan_key *key = p->keys, *end = key + p->n_keys;
    words differ = { 0, 0 };
    for (; key < end; key++) {
        words have;
        memcpy(&have, block + pos[key->token] + 1, sizeof(have));
        differ |= (have ^ key->word) & key->mask;
    }
    if (differ[0] | differ[1])
        return false;
    return !p->long_keys || long_keys_fit(p, pos, block);
}

/* Other keys under a shape that was known, or a new shape: planned anew, in the
 * first case now and then. NULL where the record has to be walked. */
__attribute__((noinline)) static struct plan *
plan_anew(struct select *s, struct plan *p, const struct shaped *r)
{
    bool known = p->serial == r->shape->serial;
    if ((known && ++p->misses % MISSES_MAX) || plan_make(s, p, r))
        return NULL;
    return p;
}

/* Records that come without a shape need no plans. */
static int plans_begin(struct select *s)
{
    s->plans = calloc(PLANS, sizeof(*s->plans));
    return s->plans ? 0 : -1;
}

__attribute__((always_inline)) static inline struct plan *
plan_of(struct select *s, const struct shaped *r)
{
    if (!r || (!s->plans && plans_begin(s)))
        return NULL;
    struct plan *p = &s->plans[r->shape->serial % PLANS];
    if (p->serial == r->shape->serial && plan_fits(p, r->line->pos, r->block))
        return p;
    return plan_anew(s, p, r);
}

/* What stands between no two tokens. */
__attribute__((noinline)) static void
put_edge(struct val *to, const struct plan_val *v, const struct shaped *r)
{
    *to = (struct val){ v->type, { "", 0 } };
    if (v->type != JSON_MISSING)
        to->raw = shape_text(r->shape, r->block, r->line, 0);
}

static inline void put_value(struct val *to, const struct plan_val *v,
                             const uint32_t *pos, const char *block,
                             const struct shaped *r)
{
    if (!v->end) {
        put_edge(to, v, r);
        return;
    }
    const char *p = block + pos[v->token], *end = block + pos[v->end];
    while ((unsigned char)end[-1] <= ' ')
        end--;
    to->type = v->type; /* one by one: a copy would wait for them */
    to->raw.p = p;
    to->raw.n = (size_t)(end - p);
}

int select_pick(struct select *s, struct str text, const struct shaped *r,
                struct val *vals)
{
    const struct plan *p = plan_of(s, r);
    if (!p)
        return select_run(s, text, vals);
    for (size_t i = 0; i < s->slots; i++)
        put_value(&vals[i], &p->vals[i], r->line->pos, r->block, r);
    return 0;
}

/* Picks from a record without a plan into place `at` of the columns. */
__attribute__((noinline)) static int walk_into(const struct select *s,
                                               struct str text,
                                               struct select_batch *b,
                                               size_t at)
{
    int r = select_run(s, text, b->row);
    for (size_t i = 0; i < s->slots; i++) {
        b->vals[i * SELECT_BATCH + at] = b->row[i];
        b->types[i] |= 1U << b->row[i].type;
    }
    return r;
}

/* What types this plan has, the first time in a batch that it is used. */
static void note_types(struct select *s, struct plan *p, unsigned *types)
{
    p->noted = s->batches;
    for (size_t i = 0; i < s->slots; i++)
        types[i] |= 1U << p->vals[i].type;
}

uint64_t select_pick_batch(struct select *s, const struct select_record *recs,
                           size_t n, struct select_batch *b)
{
    uint64_t broken = 0;
    size_t slots = s->slots;
    s->batches++;
    memset(b->types, 0, slots * sizeof(*b->types));
    for (size_t at = 0; at < n; at++) {
        const struct shaped *r = recs[at].shaped;
        struct plan *p = plan_of(s, r);
        if (!p) {
            if (walk_into(s, recs[at].text, b, at))
                broken |= (uint64_t)1 << at;
            continue;
        }
        if (p->noted != s->batches)
            note_types(s, p, b->types);
        const struct plan_val *v = p->vals, *end = v + slots;
        const uint32_t *pos = r->line->pos;
        const char *block = r->block;
        for (struct val *to = b->vals + at; v < end; v++, to += SELECT_BATCH)
            put_value(to, v, pos, block, r);
    }
    return broken;
}

int select_batch_init(struct select_batch *b, const struct select *s,
                      size_t extra)
{
    size_t n = s->slots + extra + 1; /* so that none is not no memory */
    b->vals = calloc(n * SELECT_BATCH, sizeof(*b->vals));
    b->row = calloc(n, sizeof(*b->row));
    b->types = calloc(n, sizeof(*b->types));
    return b->vals && b->row && b->types ? 0 : -1;
}

void select_batch_free(struct select_batch *b)
{
    free(b->vals);
    free(b->row);
    free(b->types);
    *b = (struct select_batch){ 0 };
}
