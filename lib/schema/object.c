#include "base/hash.h"
#include "schema/run.h"
#include "schema/scan.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAIRS_MAX 16
#define LOCAL_WORDS 4 /* bitmaps of up to 256 properties need no allocation */

uint32_t prop_find(const struct object_rules *o, struct str key)
{
    if (!o->n_slots)
        return NO_PROP;
    size_t mask = o->n_slots - 1;
    size_t at = hash64(key) & mask;
    for (; o->slots[at]; at = (at + 1) & mask)
        if (str_eq(o->props[o->slots[at] - 1].key, key))
            return o->slots[at] - 1;
    return NO_PROP;
}

/* ---- duplicate keys: only the last of them counts ---- */

struct member {
    uint64_t hash;
    struct str key; /* raw */
    uint32_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* The characters of a raw key. False: no memory. */
static bool key_text(struct buf *scratch, struct str raw, struct str *text)
{
    *text = raw;
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n))
        return true;
    buf_reset(scratch);
    if (json_unescape(scratch, raw))
        return false;
    *text = buf_str(scratch);
    return true;
}

/* The n members of the object at p, in order. Owned by the caller, freed with
 * free. NULL where the walk has stopped. */
static struct member *members_of(struct schema_run *r, const char *p,
                                 const struct where *at, size_t *n)
{
    struct json_iter it = json_iter((struct str){ p, (size_t)(r->end - p) });
    struct str key, text;
    struct val v;
    size_t cap = 16;
    struct member *m = malloc(cap * sizeof(*m));
    bool ok = m != NULL;
    for (*n = 0; ok && json_next(&it, &key, &v); ++*n) {
        if (*n == cap) {
            cap *= 2;
            struct member *grown = realloc(m, cap * sizeof(*m));
            m = grown ? grown : m;
            ok = grown != NULL;
        }
        ok = ok && key_text(&r->text, key, &text);
        if (ok)
            m[*n] = (struct member){ hash64(text), key, (uint32_t)*n };
    }
    if (ok && !it.broken)
        return m;
    free(m);
    if (ok)
        stop(r, at, "not_json", "is not JSON");
    else
        stop_nomem(r);
    return NULL;
}

/* Few members are sooner compared than sorted, and hardly ever are two alike.
 */
static bool all_differ(const struct member *m, size_t n)
{
    for (size_t i = 1; i < n && n <= PAIRS_MAX; i++)
        for (size_t j = 0; j < i; j++)
            if (m[i].hash == m[j].hash)
                return false;
    return n <= PAIRS_MAX;
}

/* True if a later member with the same hash has the same key; 0, 1 or -1. */
static int shadowed(struct schema_run *r, const struct member *m, size_t n,
                    size_t i)
{
    struct str text;
    if (!key_text(&r->text, m[i].key, &text))
        return -1;
    for (size_t j = i + 1; j < n && m[j].hash == m[i].hash; j++)
        if (json_raw_equals(m[j].key, text))
            return 1;
    return 0;
}

int shadows_push(struct schema_run *r, const char *p, const struct where *at,
                 struct shadows *s)
{
    const char **clean = &r->clean[(uintptr_t)p / 2 % RUN_CLEAN_OBJECTS];
    *s = (struct shadows){ r->stack.n, 0 };
    if (*clean == p) /* one of many schemas for the same object */
        return 0;
    size_t n;
    struct member *m = members_of(r, p, at, &n);
    if (!m)
        return -1;
    bool differ = all_differ(m, n);
    if (!differ)
        qsort(m, n, sizeof(*m), by_hash);
    int found = 0;
    for (size_t i = 0; !differ && found >= 0 && i < n; i++) {
        found = shadowed(r, m, n, i);
        if (found == 1) {
            s->n++;
            if (buf_add(&r->stack, &m[i].index, sizeof(m[i].index)))
                found = -1;
        }
    }
    free(m);
    if (found < 0) {
        stop_nomem(r);
        return -1;
    }
    if (s->n == 0) {
        *clean = p;
        r->any_clean = true;
    }
    if (s->n > 1)
        qsort(r->stack.p + s->at, s->n, sizeof(uint32_t), by_number);
    return 0;
}

bool shadows_has(const struct schema_run *r, const struct shadows *s, size_t i)
{
    uint32_t x = (uint32_t)i;
    return s->n && bsearch(&x, r->stack.p + s->at, s->n, sizeof(x), by_number);
}

/* ---- the walk ---- */

/* What is known of the object at hand. */
struct object {
    const struct object_rules *rules;
    struct shadows shadows;
    struct marks *marks; /* NULL: nobody asks what is evaluated */
    bool exact;          /* shadows were looked for */
    size_t members;      /* that are not shadowed */
    size_t index;        /* of the member at hand */
    uint32_t last;       /* property found last, for the guess; NO_PROP */
    uint64_t local[LOCAL_WORDS];
    size_t seen_at; /* of the bitmap on r->stack if it is not local */
};

static inline uint64_t seen_word(const struct schema_run *r,
                                 const struct object *o, size_t i)
{
    if (o->rules->n_words <= LOCAL_WORDS)
        return o->local[i];
    uint64_t w;
    memcpy(&w, r->stack.p + o->seen_at + i * sizeof(w), sizeof(w));
    return w;
}

static inline bool seen(const struct schema_run *r, const struct object *o,
                        uint32_t prop)
{
    return seen_word(r, o, prop / 64) >> (prop % 64) & 1;
}

static inline void see(struct schema_run *r, struct object *o, uint32_t prop)
{
    uint64_t w = seen_word(r, o, prop / 64) | (uint64_t)1 << (prop % 64);
    if (o->rules->n_words <= LOCAL_WORDS)
        o->local[prop / 64] = w;
    else
        memcpy(r->stack.p + o->seen_at + prop / 64 * sizeof(w), &w, sizeof(w));
}

static bool object_open(struct schema_run *r, struct object *o, const char *p,
                        const struct where *at)
{
    const struct object_rules *u = o->rules;
    o->last = NO_PROP;
    o->exact = r->precise > 0 || u->min > 0;
    if (o->exact && shadows_push(r, p, at, &o->shadows))
        return false;
    o->seen_at = r->stack.n;
    if (u->n_words > LOCAL_WORDS) {
        size_t bytes = u->n_words * sizeof(uint64_t);
        if (buf_reserve(&r->stack, bytes)) {
            stop_nomem(r);
            return false;
        }
        memset(r->stack.p + r->stack.n, 0, bytes);
        r->stack.n += bytes;
    }
    return true;
}

/* Reads the key at p (its opening quote) and the colon. Sets *prop and the
 * raw key; returns the first byte of the value. Records repeat their shape,
 * so the property that came next last time is tried first, as it is spelled
 * with quotes and colon: one comparison. */
static const char *object_key(struct schema_run *r, struct object *o,
                              const char *p, uint32_t *prop, struct str *key,
                              const struct where *at)
{
    const struct object_rules *u = o->rules;
    uint32_t *guess = r->guesses + u->guess + (size_t)(o->last + 1);
    const char *end = r->end;
    if (*guess < u->n) {
        struct str t = u->props[*guess].token;
        if ((size_t)(end - p) > t.n && memcmp(p, t.p, t.n) == 0) {
            *prop = o->last = *guess;
            *key = (struct str){ p + 1, t.n - 3 };
            return scan_space(p + t.n, end);
        }
    }
    bool escaped = false;
    const char *q =
        p < end && *p == '"' ? scan_string(p + 1, end, &escaped) : NULL;
    if (!q)
        return stop(r, at, "not_json", "is not JSON");
    struct str text;
    *key = (struct str){ p + 1, (size_t)(q - p - 1) };
    if (!key_text(&r->text, *key, &text))
        return stop_nomem(r);
    *prop = prop_find(u, text);
    if (*prop != NO_PROP)
        *guess = o->last = *prop;
    p = scan_space(q + 1, end);
    if (p >= end || *p != ':')
        return stop(r, at, "not_json", "is not JSON");
    return scan_space(p + 1, end);
}

/* The value at p by all of l; behind it, or NULL. */
static const char *run_list(struct schema_run *r, const struct node_list *l,
                            const char *p, const struct where *at)
{
    const char *q = NULL;
    for (size_t i = 0; i < l->n; i++) {
        q = run_value(r, l->v[i], p, at);
        if (!q)
            return NULL;
    }
    return q ? q : run_skip(r, p, at);
}

/* A property that the schema does not name: patterns, else the rest. Sets
 * *evaluated where one of them applies. */
static const char *run_unnamed(struct schema_run *r,
                               const struct object_rules *u, const char *p,
                               const struct where *at, bool *evaluated)
{
    const char *q = NULL;
    bool matched = false;
    for (size_t i = 0; i < u->n_patterns; i++) {
        struct str text;
        if (!key_text(&r->text, at->key, &text))
            return stop_nomem(r);
        int m = pattern_match(u->patterns[i].pattern, r->pattern, text);
        if (m < 0)
            return stop(r, at, "pattern_limit", "gave up matching its name");
        if (m == 0)
            continue;
        matched = true;
        q = run_value(r, u->patterns[i].schema, p, at);
        if (!q)
            return NULL;
    }
    *evaluated = matched || u->additional;
    if (!matched && u->additional)
        return run_value(r, u->additional, p, at);
    return q ? q : run_skip(r, p, at);
}

static const char *run_member(struct schema_run *r, struct object *o,
                              const char *p, const struct where *at)
{
    const struct object_rules *u = o->rules;
    struct where here = { .up = at, .kind = WHERE_KEY };
    uint32_t prop = NO_PROP;
    const char *name = p;
    p = object_key(r, o, p, &prop, &here.key, at);
    if (!p)
        return NULL;
    if (prop != NO_PROP)
        see(r, o, prop);
    if (o->exact && shadows_has(r, &o->shadows, o->index))
        return run_skip(r, p, &here);
    o->members++;
    if (u->names) {
        struct where there = { .up = &here, .kind = WHERE_NAME };
        if (!run_value(r, u->names, name, &there))
            return NULL;
    }
    bool evaluated = prop != NO_PROP && u->props[prop].nodes.n;
    p = prop == NO_PROP ? run_unnamed(r, u, p, &here, &evaluated)
                        : run_list(r, &u->props[prop].nodes, p, &here);
    if (p && o->marks && evaluated && !run_mark(r, o->marks, o->index))
        return NULL;
    return p;
}

/* A property that is asked for and not there: by required, or by what the
 * asker has in this slot. True to go on. */
static bool note_missing(struct schema_run *r, const struct prop *prop,
                         const struct prop *asker, int slot,
                         const struct where *at)
{
    struct where here = { .up = at, .kind = WHERE_KEY };
    struct buf raw = { 0 };
    bool go = false;
    if (!r->collect)
        return false;
    if (json_quote(&raw, prop->key)) {
        stop_nomem(r);
    } else {
        here.key = (struct str){ raw.p + 1, raw.n - 2 };
        r->keyword = slot == 1 ? "dependencies" : NULL;
        go = asker ? fail(r, &here, "dependent_required",
                          "is missing beside \"%s\"", excerpt(r, asker->key))
                   : fail(r, &here, "required", "is missing");
        r->keyword = NULL;
    }
    buf_free(&raw);
    return go;
}

static bool required_ok(struct schema_run *r, const struct object *o,
                        const struct where *at)
{
    const struct object_rules *u = o->rules;
    for (size_t w = 0; w < u->n_words; w++) {
        uint64_t missing = u->required[w] & ~seen_word(r, o, w);
        for (; missing; missing &= missing - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(missing);
            if (!note_missing(r, &u->props[i], NULL, 0, at))
                return false;
        }
    }
    return true;
}

/* What the presence of prop asks for. True to go on. */
static bool dependents_ok(struct schema_run *r, const struct object *o,
                          const struct prop *prop, const char *p,
                          const struct where *at)
{
    const struct object_rules *u = o->rules;
    for (int slot = 0; slot < 2; slot++) {
        const struct needs *needs = &prop->needs[slot];
        for (size_t i = 0; i < needs->n; i++)
            if (!seen(r, o, needs->v[i]) &&
                !note_missing(r, &u->props[needs->v[i]], prop, slot, at))
                return false;
        if (prop->dependent[slot] &&
            !run_value(r, prop->dependent[slot], p, at))
            return false;
    }
    return true;
}

static bool object_close(struct schema_run *r, const struct object *o,
                         const char *p, const struct where *at)
{
    const struct object_rules *u = o->rules;
    if (!required_ok(r, o, at))
        return false;
    if (o->members < u->min &&
        !fail(r, at, "min_properties",
              "has %zu properties, minimum is %" PRIu64, o->members, u->min))
        return false;
    if (o->members > u->max &&
        !fail(r, at, "max_properties",
              "has %zu properties, maximum is %" PRIu64, o->members, u->max))
        return false;
    for (uint32_t i = 0; u->linked && i < u->n; i++)
        if (seen(r, o, i) && !dependents_ok(r, o, &u->props[i], p, at))
            return false;
    return true;
}

static const char *run_members(struct schema_run *r, struct object *o,
                               const char *p, const struct where *at)
{
    const char *end = r->end;
    p = scan_space(p + 1, end);
    if (p < end && *p == '}')
        return p + 1;
    for (;; o->index++) {
        p = run_member(r, o, p, at);
        if (!p)
            return NULL;
        p = scan_space(p, end);
        if (p >= end || (*p != ',' && *p != '}'))
            return stop(r, at, "not_json", "is not JSON");
        if (*p++ == '}')
            return p;
        p = scan_space(p, end);
    }
}

const char *run_object(struct schema_run *r, const struct node *n,
                       const char *p, const struct where *at)
{
    struct object o = { .rules = n->object, .marks = r->marks };
    size_t mark = r->stack.n;
    const char *q = NULL;
    if (object_open(r, &o, p, at)) {
        r->marks = NULL; /* the members are other values */
        q = run_members(r, &o, p, at);
        r->steps += o.index / RUN_MEMBERS_PER_STEP;
        r->marks = o.marks;
        if (q && !object_close(r, &o, p, at))
            q = NULL;
    }
    r->stack.n = mark;
    return q;
}
