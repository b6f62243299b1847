#include "schema/plan.h"

#include "base/hash.h"

#include <stdlib.h>

#define KEYS_MAX (PLAN_TOKENS_MAX / 3) /* a key, its colon, its value */
#define STEPS_MAX 4096
#define VISITS_MAX 20000 /* schemas applied */
#define DEPTH_MAX 500    /* schemas within schemas */
#define SEEN_WORDS 16    /* named properties of one object: 1024 */

struct planner {
    struct schema_run *r;
    const struct shaped *at;
    uint32_t n_keys, n_longs, n_steps, visits, depth;
    size_t n_hashes, long_bytes;
    bool failed; /* too much, or not decided */
    bool noted[PLAN_TOKENS_MAX];
    struct plan_key keys[KEYS_MAX];
    struct plan_long longs[KEYS_MAX];
    uint64_t hashes[KEYS_MAX]; /* of the open objects' keys */
    struct plan_step steps[STEPS_MAX];
};

/* Whether a value fits: surely not, surely, if the steps say so; or only the
 * walk can tell. */
enum fit { FIT_NO, FIT_YES, FIT_STEPS, FIT_WALK };

/* Both have to fit. What only the walk can tell may be a value on which it
 * gives up, and that is worse than one that does not fit. */
static enum fit both(enum fit a, enum fit b)
{
    if (a == FIT_WALK || b == FIT_WALK)
        return FIT_WALK;
    if (a == FIT_NO || b == FIT_NO)
        return FIT_NO;
    return a > b ? a : b;
}

static enum fit plan_value(struct planner *w, const struct node *n,
                           uint32_t token);

struct planner *planner_new(void)
{
    return malloc(sizeof(struct planner));
}

void planner_free(struct planner *w)
{
    free(w);
}

static struct plan_step *step_add(struct planner *w, enum plan_op op,
                                  uint32_t token)
{
    if (w->n_steps == STEPS_MAX) {
        w->failed = true;
        w->n_steps--; /* a place to write to: the plan is none */
    }
    struct plan_step *s = &w->steps[w->n_steps++];
    *s = (struct plan_step){ .token = token,
                             .op = (uint8_t)op,
                             .depth = (uint16_t)w->depth };
    return s;
}

static enum fit step_node(struct planner *w, enum plan_op op, uint32_t token,
                          const struct node *n)
{
    step_add(w, op, token)->by.node = n;
    return FIT_STEPS;
}

/* Drops the steps from mark on. False if the walk may give up on one of them,
 * so that it has to be asked. */
static bool steps_drop(struct planner *w, uint32_t mark)
{
    bool sure = true;
    while (w->n_steps > mark) {
        const struct plan_step *s = &w->steps[--w->n_steps];
        sure &= s->op != PLAN_WALK && s->op != PLAN_VALUE &&
                (s->op != PLAN_PATTERN ||
                 pattern_is_simple(s->by.node->string->pattern));
    }
    return sure;
}

static enum json_type type_at(const struct planner *w, uint32_t token)
{
    uint8_t t = w->at->shape->tok[token];
    return json_type_of((char)t);
}

static uint32_t behind(const struct planner *w, uint32_t token)
{
    const struct shape *s = w->at->shape;
    uint8_t t = s->tok[token];
    token = (t == '{' || t == '[' ? s->close[token] : token) + 1;
    return s->tok[token] == ',' ? token + 1 : token;
}

/* ---- enum and const ---- */

static enum fit plan_values(struct planner *w, const struct values *v,
                            uint32_t token)
{
    enum json_type type = type_at(w, token);
    bool any = false;
    for (size_t i = 0; v && i < v->n; i++)
        any |= v->v[i].type == type;
    if (v && !any)
        return FIT_NO;
    if (!v || type < JSON_NUMBER)
        return FIT_YES;
    enum plan_op op = type != JSON_STRING ? PLAN_VALUE
                      : v->words          ? PLAN_WORDS
                                          : PLAN_STRING;
    step_add(w, op, token)->by.values = v;
    return FIT_STEPS;
}

/* ---- strings and numbers ---- */

static enum fit plan_string(struct planner *w, const struct node *n,
                            uint32_t token)
{
    const struct string_rules *u = n->string;
    enum fit f = FIT_YES;
    if (!u)
        return FIT_YES;
    if (u->min > 0 || u->max != NO_LIMIT)
        f = step_node(w, PLAN_LENGTH, token, n);
    if (u->format != FORMAT_NONE)
        f = step_node(w, PLAN_FORMAT, token, n);
    if (u->pattern)
        f = step_node(w, PLAN_PATTERN, token, n);
    return f;
}

static enum fit plan_number(struct planner *w, const struct node *n,
                            uint32_t token)
{
    unsigned types = n->types & TYPE_NUMBER;
    if (types == TYPE_FRACTION)
        return FIT_WALK;
    if (types == TYPE_NUMBER && !n->number)
        return FIT_YES;
    struct plan_step *s = step_add(w, PLAN_NUMBER, token);
    s->by.node = n;
    s->bounds = (struct bounds){ INT64_MIN, INT64_MAX };
    if (n->number)
        s->bounds = bounds_of(n->number);
    /* Most limits are met by what begins with a digit: 0, or above 0. */
    if (s->bounds.lo <= 1 && s->bounds.hi == INT64_MAX &&
        !(n->number && n->number->multiple.text.p)) {
        s->op = types == TYPE_INTEGER ? PLAN_DIGITS : PLAN_POINT;
        s->first = s->bounds.lo == 1 ? '1' : '0';
    }
    return FIT_STEPS;
}

/* ---- arrays ---- */

/* How many elements fit is known only if each surely does or does not. */
static enum fit plan_contains(struct planner *w, const struct array_rules *a,
                              uint32_t token)
{
    uint64_t found = 0;
    uint32_t close = w->at->shape->close[token];
    for (uint32_t i = token + 1; i < close; i = behind(w, i)) {
        uint32_t mark = w->n_steps;
        enum fit f = plan_value(w, a->contains, i);
        w->n_steps = mark;
        if (f == FIT_STEPS)
            return FIT_WALK;
        found += f == FIT_YES;
    }
    return found >= a->min_contains && found <= a->max_contains ? FIT_YES
                                                                : FIT_NO;
}

static enum fit plan_array(struct planner *w, const struct node *n,
                           uint32_t token)
{
    const struct array_rules *a = n->array;
    uint32_t close = w->at->shape->close[token];
    uint64_t index = 0;
    enum fit f = FIT_YES;
    if (!a)
        return FIT_YES;
    for (uint32_t i = token + 1; i < close; i = behind(w, i), index++) {
        const struct node *by =
            index < a->prefix.n ? a->prefix.v[index] : a->rest;
        if (by)
            f = both(f, plan_value(w, by, i));
    }
    if (index < a->min || index > a->max)
        return FIT_NO;
    if (a->contains)
        f = both(f, plan_contains(w, a, token));
    return a->unique && index > 1 ? both(f, FIT_WALK) : f;
}

/* ---- objects ---- */

/* What is known of the object at hand. */
struct object {
    const struct object_rules *rules;
    size_t hashes; /* index of its first one */
    uint64_t members;
    uint64_t seen[SEEN_WORDS];
};

static bool seen(const struct object *o, uint32_t prop)
{
    return o->seen[prop / 64] >> (prop % 64) & 1;
}

/* The bytes of the key at this token, behind its quote, with the closing one.
 */
static struct str key_bytes(const struct planner *w, uint32_t token)
{
    struct str raw = shape_text(w->at->shape, w->at->block, w->at->line, token);
    return (struct str){ raw.p + 1, raw.n - 1 };
}

/* Notes that the key at this token has to stay what it is. */
static void key_note(struct planner *w, uint32_t token)
{
    struct str b = key_bytes(w, token);
    if (w->noted[token])
        return;
    w->noted[token] = true;
    if (b.n > sizeof(plan_lane)) {
        w->longs[w->n_longs++] =
            (struct plan_long){ token, (uint32_t)b.n, b.p };
        w->long_bytes += b.n;
        return;
    }
    struct plan_key *k = &w->keys[w->n_keys++];
    *k = (struct plan_key){ .token = token };
    memcpy(&k->word, b.p, b.n);
    memset(&k->mask, 0xff, b.n);
}

/* True if no key before it in the object is the same. A hash will do: where
 * two are equal by chance, the walk decides. */
static bool key_is_new(struct planner *w, const struct object *o,
                       struct str key)
{
    uint64_t hash = hash64(key);
    for (size_t i = o->hashes; i < w->n_hashes; i++)
        if (w->hashes[i] == hash)
            return false;
    w->hashes[w->n_hashes++] = hash;
    return true;
}

/* The characters of the key at this token. False: no memory. */
static bool key_text(struct planner *w, uint32_t token, struct str *key)
{
    struct str b = key_bytes(w, token);
    *key = (struct str){ b.p, b.n - 1 };
    if (!memchr(b.p, '\\', b.n))
        return true;
    buf_reset(&w->r->text);
    if (json_unescape(&w->r->text, *key))
        return false;
    *key = buf_str(&w->r->text);
    return true;
}

/* Does the name at this token fit? It is a value that never changes. */
static bool name_fits(struct planner *w, const struct node *n, uint32_t token)
{
    const struct where root = { .kind = WHERE_ROOT };
    run_start(w->r, shape_text(w->at->shape, w->at->block, w->at->line, 0));
    return run_value(w->r, n, w->at->block + w->at->line->pos[token], &root);
}

/* A property that the schema does not name: patterns, else the rest. */
static enum fit plan_unnamed(struct planner *w, const struct object_rules *u,
                             struct str key, uint32_t value)
{
    enum fit f = FIT_YES;
    bool matched = false;
    bool match[64];
    if (u->n_patterns > 64)
        return FIT_WALK;
    for (size_t i = 0; i < u->n_patterns; i++) {
        int m = pattern_match(u->patterns[i].pattern, w->r->pattern, key);
        if (m < 0)
            return FIT_WALK;
        match[i] = m;
        matched |= match[i];
    }
    /* Only now, for below here key may be overwritten. */
    for (size_t i = 0; i < u->n_patterns; i++)
        if (match[i])
            f = both(f, plan_value(w, u->patterns[i].schema, value));
    if (!matched && u->additional)
        f = plan_value(w, u->additional, value);
    return f;
}

static enum fit plan_member(struct planner *w, struct object *o, uint32_t token)
{
    const struct object_rules *u = o->rules;
    struct str key;
    key_note(w, token);
    if (!key_text(w, token, &key) || !key_is_new(w, o, key))
        return FIT_WALK;
    uint32_t prop = prop_find(u, key);
    o->members++;
    enum fit f = FIT_YES;
    if (prop == NO_PROP) {
        f = plan_unnamed(w, u, key, token + 2);
    } else {
        const struct node_list *l = &u->props[prop].nodes;
        o->seen[prop / 64] |= (uint64_t)1 << (prop % 64);
        for (size_t i = 0; i < l->n; i++)
            f = both(f, plan_value(w, l->v[i], token + 2));
    }
    return u->names && !name_fits(w, u->names, token) ? both(f, FIT_WALK) : f;
}

/* What the members ask for that are there. */
static enum fit plan_dependents(struct planner *w, const struct object *o,
                                uint32_t token)
{
    const struct object_rules *u = o->rules;
    enum fit f = FIT_YES;
    for (uint32_t i = 0; u->linked && i < u->n; i++) {
        for (int slot = 0; slot < 2 && seen(o, i); slot++) {
            const struct needs *needs = &u->props[i].needs[slot];
            for (size_t k = 0; k < needs->n; k++)
                if (!seen(o, needs->v[k]))
                    return FIT_NO;
            if (u->props[i].dependent[slot])
                f = both(f, plan_value(w, u->props[i].dependent[slot], token));
        }
    }
    return f;
}

static enum fit plan_object(struct planner *w, const struct node *n,
                            uint32_t token)
{
    struct object o = { .rules = n->object, .hashes = w->n_hashes };
    const struct object_rules *u = n->object;
    uint32_t close = w->at->shape->close[token];
    enum fit f = FIT_YES;
    if (!u)
        return FIT_YES;
    if (u->n_words > SEEN_WORDS)
        return FIT_WALK;
    for (uint32_t i = token + 1; i < close; i = behind(w, i + 2))
        f = both(f, plan_member(w, &o, i));
    w->n_hashes = o.hashes;
    for (size_t i = 0; i < u->n_words; i++)
        if (u->required[i] & ~o.seen[i])
            return FIT_NO;
    if (o.members < u->min || o.members > u->max)
        return FIT_NO;
    return both(f, plan_dependents(w, &o, token));
}

/* ---- schemas that apply to the same value ---- */

/* One of those that fit by their steps, if there is but one and none that
 * surely fits, keeps its steps. */
static enum fit plan_choice(struct planner *w, const struct node_list *l,
                            bool one, uint32_t token)
{
    uint32_t mark = w->n_steps, sure = 0, maybe = 0;
    for (size_t i = 0; i < l->n; i++) {
        enum fit f = plan_value(w, l->v[i], token);
        sure += f == FIT_YES;
        maybe += f == FIT_STEPS;
    }
    if (!sure && maybe == 1)
        return FIT_STEPS;
    if (!steps_drop(w, mark) || (maybe && (one || !sure)))
        return FIT_WALK;
    return sure == 1 || (sure && !one) ? FIT_YES : FIT_NO;
}

/* Whether the value fits n, if that follows from shape and keys: FIT_YES,
 * FIT_NO, or FIT_WALK. */
static enum fit plan_surely(struct planner *w, const struct node *n,
                            uint32_t token)
{
    uint32_t mark = w->n_steps;
    enum fit f = plan_value(w, n, token);
    w->n_steps = mark;
    return f == FIT_STEPS ? FIT_WALK : f;
}

static enum fit plan_conditions(struct planner *w, const struct in_place *in,
                                uint32_t token)
{
    enum fit f = FIT_YES;
    if (in->negated) {
        f = plan_surely(w, in->negated, token);
        f = f == FIT_WALK ? f : f == FIT_NO ? FIT_YES : FIT_NO;
    }
    if (!in->cond)
        return f;
    enum fit c = plan_surely(w, in->cond, token);
    if (c == FIT_WALK)
        return both(f, FIT_WALK);
    const struct node *n = c == FIT_YES ? in->then : in->otherwise;
    return n ? both(f, plan_value(w, n, token)) : f;
}

static enum fit plan_in_place(struct planner *w, const struct in_place *in,
                              uint32_t token)
{
    enum fit f = in->ref ? plan_value(w, in->ref, token) : FIT_YES;
    if (in->dynamic)
        f = both(f, plan_value(w, in->dynamic, token));
    for (size_t i = 0; i < in->all.n; i++)
        f = both(f, plan_value(w, in->all.v[i], token));
    if (in->any.n)
        f = both(f, plan_choice(w, &in->any, false, token));
    if (in->one.n)
        f = both(f, plan_choice(w, &in->one, true, token));
    return both(f, plan_conditions(w, in, token));
}

/* ---- any value ---- */

static enum fit plan_rules(struct planner *w, const struct node *n,
                           uint32_t token)
{
    enum json_type type = type_at(w, token);
    unsigned bits = type == JSON_NUMBER ? TYPE_NUMBER : TYPE_BIT(type);
    enum fit f = FIT_YES;
    if (!(n->types & bits))
        return FIT_NO;
    switch (type) {
    case JSON_STRING: f = plan_string(w, n, token); break;
    case JSON_NUMBER: f = plan_number(w, n, token); break;
    case JSON_ARRAY: f = plan_array(w, n, token); break;
    case JSON_OBJECT: f = plan_object(w, n, token); break;
    default: break;
    }
    f = both(f, plan_values(w, n->choices, token));
    return both(f, plan_values(w, n->constant, token));
}

/* Leaves steps behind only for FIT_STEPS. */
static enum fit plan_value(struct planner *w, const struct node *n,
                           uint32_t token)
{
    uint32_t mark = w->n_steps;
    while (n->alias)
        n = n->alias;
    if (n->kind != NODE_RULES)
        return n->kind == NODE_TRUE ? FIT_YES : FIT_NO;
    if (n->unevaluated)
        return step_node(w, PLAN_WALK, token, n);
    if (++w->visits > VISITS_MAX || w->depth == DEPTH_MAX)
        w->failed = true;
    if (w->failed)
        return FIT_NO;
    w->depth++;
    enum fit f = plan_rules(w, n, token);
    if (n->in_place)
        f = both(f, plan_in_place(w, n->in_place, token));
    w->depth--;
    if (f != FIT_STEPS && !steps_drop(w, mark))
        f = FIT_WALK;
    return f == FIT_WALK ? step_node(w, PLAN_WALK, token, n) : f;
}

/* ---- the plan ---- */

/* Copies what was found into one block of just its size. */
static struct plan *plan_copy(const struct planner *w)
{
    const uint32_t step = PLAN_KEYS_STEP;
    uint32_t n_keys = (w->n_keys + step - 1) / step * step;
    size_t keys = n_keys * sizeof(*w->keys);
    size_t steps = w->n_steps * sizeof(*w->steps);
    size_t longs = w->n_longs * sizeof(*w->longs);
    size_t head = (sizeof(struct plan) + 15) & ~(size_t)15;
    size_t bytes = head + keys + steps + longs + w->long_bytes;
    char *block = malloc(bytes);
    if (!block)
        return NULL;
    struct plan *p = (struct plan *)(void *)block;
    char *to = block + head;
    *p = (struct plan){ .serial = w->at->shape->serial,
                        .bytes = bytes,
                        .n_keys = n_keys,
                        .n_longs = w->n_longs,
                        .n_steps = w->n_steps,
                        .visits = w->visits };
    /* Those that fill up compare nothing. */
    memset(to, 0, keys);
    p->keys = memcpy(to, w->keys, w->n_keys * sizeof(*w->keys));
    p->steps = memcpy(to += keys, w->steps, steps);
    struct plan_long *l = memcpy(to += steps, w->longs, longs);
    p->longs = l;
    to += longs;
    for (uint32_t i = 0; i < w->n_longs; i++) {
        l[i].bytes = memcpy(to, l[i].bytes, l[i].n);
        to += l[i].n;
    }
    return p;
}

struct plan *plan_make(struct planner *w, struct schema_run *r,
                       const struct shaped *shaped)
{
    w->r = r;
    w->at = shaped;
    w->n_keys = w->n_longs = w->n_steps = w->visits = w->depth = 0;
    w->n_hashes = w->long_bytes = 0;
    w->failed = false;
    memset(w->noted, 0, shaped->shape->n * sizeof(*w->noted));
    enum fit f = plan_value(w, r->schema->root, 0);
    struct plan *p = plan_copy(w);
    for (uint32_t i = 0; p && i < p->n_steps; i++)
        p->walks |= p->steps[i].op == PLAN_WALK;
    bool all = w->n_steps && w->steps->op == PLAN_WALK && !w->steps->token;
    if (p)
        p->hopeless = w->failed || f == FIT_NO || all;
    return p;
}
