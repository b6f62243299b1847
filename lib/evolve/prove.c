#include "evolve/prove.h"

#include "base/hash.h"

#include <stdlib.h>

#define ASK_STEPS 100000 /* to judge one value */

/* ---- the prover ---- */

/* Something proven, refuted, or under way, by the ids of its rules. */
struct memo {
    unsigned b, n;
    unsigned *a;
    uint64_t hash;
    enum { UNKNOWN, OPEN, PROVEN, REFUTED } state;
    unsigned level;
    bool assumed;      /* while it was open */
    uint64_t reported; /* in this round its findings were noted */
};

static struct rule *plain(struct prover *p, unsigned types)
{
    struct rule *r = rule_new(p->set);
    if (r)
        r->types = types;
    return r;
}

int prover_init(struct prover *p, struct rules *set, struct err *e)
{
    static const unsigned types[] = { KIND_NULL,   KIND_BOOLEAN, KIND_NUMBER,
                                      KIND_STRING, KIND_ARRAY,   KIND_OBJECT };
    *p = (struct prover){ .set = set,
                          .e = e,
                          .pool.max = PROVE_MEMORY,
                          .arena.max = PROVE_MEMORY,
                          .steps = PROVE_STEPS,
                          .stamp = 1,
                          .reports = 1 };
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i]->seen > p->stamp)
            p->stamp = set->v[i]->seen;
    p->nothing = plain(p, 0);
    bool ok = p->nothing != NULL;
    for (size_t i = 0; i < 6; i++)
        ok = (p->single[i] = plain(p, types[i])) != NULL && ok;
    if (!ok)
        return err_nomem(e);
    p->nothing->kind = RULE_FALSE;
    return 0;
}

void prover_free(struct prover *p)
{
    free(p->slots);
    free(p->trail);
    free(p->found);
    pool_free(&p->pool);
    arena_free(&p->arena);
}

void prover_unreport(struct prover *p)
{
    p->reports++;
}

bool prover_spend(struct prover *p, uint64_t n)
{
    if (p->steps > n)
        p->steps -= n;
    else
        p->gave_up = true;
    return !p->gave_up;
}

static bool nomem(struct prover *p)
{
    p->gave_up = p->nomem = true;
    return false;
}

void *prover_take(struct prover *p, size_t n)
{
    void *v = p->gave_up ? NULL : pool_take(&p->pool, n);
    prover_spend(p, n / 64);
    if (v)
        return v;
    if (p->pool.total < PROVE_MEMORY / 2 && !p->gave_up)
        nomem(p);
    p->gave_up = true;
    return NULL;
}

enum answer prover_ask(struct prover *p, const struct rule *rule,
                       const struct tree *v, struct judge *j)
{
    uint64_t steps = p->steps < ASK_STEPS ? p->steps : ASK_STEPS;
    *j = (struct judge){ .set = p->set,
                         .no_format = p->no_format,
                         .steps = steps };
    enum answer a = judge_value(j, rule, v);
    prover_spend(p, 1 + steps - j->steps);
    return a;
}

/* ---- findings ---- */

/* Copies a text that is not the schema's own into the arena. */
static struct str keep(struct prover *p, struct buf *b)
{
    struct str s =
        b->failed ? (struct str){ NULL, 0 } : arena_dup(&p->arena, buf_str(b));
    buf_free(b);
    return s;
}

struct str prover_types(struct prover *p, unsigned types)
{
    static const struct {
        unsigned bits;
        const char *name;
    } names[] = {
        { KIND_BOOLEAN, "boolean" }, { KIND_NUMBER, "number" },
        { KIND_INTEGER, "integer" }, { KIND_STRING, "string" },
        { KIND_ARRAY, "array" },     { KIND_OBJECT, "object" },
        { KIND_NULL, "null" },
    };
    struct buf b = { 0 };
    size_t n = 0;
    if (p->quiet)
        return FOUND_NOTHING;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if ((types & names[i].bits) != names[i].bits)
            continue;
        types &= ~names[i].bits;
        buf_addf(&b, "%s\"%s\"", n++ ? "," : "", names[i].name);
    }
    if (n == 1)
        return keep(p, &b);
    struct buf list = { 0 };
    buf_addf(&list, "[%s]", b.n ? buf_z(&b) : "");
    buf_free(&b);
    return keep(p, &list);
}

struct str prover_count(struct prover *p, uint64_t n)
{
    struct buf b = { 0 };
    if (p->quiet)
        return FOUND_NOTHING;
    buf_addf(&b, "%llu", (unsigned long long)n);
    return keep(p, &b);
}

struct str prover_string(struct prover *p, struct str s)
{
    struct buf b = { 0 };
    if (p->quiet)
        return FOUND_NOTHING;
    json_quote(&b, s);
    return keep(p, &b);
}

struct str prover_value(struct prover *p, const struct tree *t)
{
    struct buf b = { 0 };
    if (p->quiet || !t)
        return FOUND_NOTHING;
    tree_write(&b, t);
    return keep(p, &b);
}

static bool same_finding(const struct finding *a, const struct finding *b)
{
    bool keyword =
        a->keyword == b->keyword ||
        (a->keyword && b->keyword && strcmp(a->keyword, b->keyword) == 0);
    return a->rule == b->rule && a->left == b->left && keyword &&
           !a->detail.p == !b->detail.p && str_eq(a->detail, b->detail);
}

bool prover_found(struct prover *p, struct finding f)
{
    if (p->quiet || p->gave_up)
        return false;
    /* Cases of one alternative find the same, one soon after the other. */
    size_t near = p->n_found > 64 ? p->n_found - 64 : 0;
    for (size_t i = near; i < p->n_found; i++)
        if (same_finding(&p->found[i], &f))
            return false;
    if (p->n_found == PROVE_FINDINGS) {
        p->lost++;
        return false;
    }
    if (p->n_found == p->cap_found) {
        size_t cap = p->cap_found ? p->cap_found * 2 : 64;
        struct finding *v = realloc(p->found, cap * sizeof(*v));
        if (!v)
            return nomem(p);
        p->found = v;
        p->cap_found = cap;
    }
    /* What was written for it may be in the pool, which is given back. */
    struct str *texts[] = { &f.detail, &f.had, &f.need };
    for (size_t i = 0; i < 3; i++)
        if (texts[i]->p) {
            *texts[i] = arena_dup(&p->arena, *texts[i]);
            if (!texts[i]->p)
                return nomem(p);
        }
    p->found[p->n_found++] = f;
    return false;
}

/* ---- memory of what has been proven ---- */

static int memo_grow(struct prover *p)
{
    size_t cap = p->cap_memo ? p->cap_memo * 2 : 1024;
    struct memo **v = calloc(cap, sizeof(*v));
    if (!v)
        return -1;
    for (size_t i = 0; i < p->cap_memo; i++) {
        struct memo *m = p->slots[i];
        size_t k = m ? m->hash & (cap - 1) : 0;
        while (m && v[k])
            k = (k + 1) & (cap - 1);
        if (m)
            v[k] = m;
    }
    free(p->slots);
    p->slots = v;
    p->cap_memo = cap;
    return 0;
}

/* The entry of "a within b", with *fresh set where it is new. */
static struct memo *memo_of(struct prover *p, struct rule_set a, unsigned b,
                            bool *fresh)
{
    size_t size = a.n * sizeof(unsigned);
    unsigned *ids = prover_take(p, size + sizeof(unsigned));
    if (!ids || (p->n_memo * 2 >= p->cap_memo && memo_grow(p)))
        return NULL;
    for (size_t i = 0; i < a.n; i++)
        ids[i] = a.v[i]->id;
    ids[a.n] = b;
    uint64_t hash =
        hash64((struct str){ (const char *)ids, size + sizeof(unsigned) });
    size_t i = hash & (p->cap_memo - 1);
    for (; p->slots[i]; i = (i + 1) & (p->cap_memo - 1)) {
        struct memo *m = p->slots[i];
        if (m->hash == hash && m->b == b && m->n == a.n &&
            (size == 0 || memcmp(m->a, ids, size) == 0)) {
            *fresh = false;
            return m;
        }
    }
    struct memo *m = arena_alloc(&p->arena, sizeof(*m));
    unsigned *own = arena_alloc(&p->arena, size);
    if (!m || !own)
        return NULL;
    if (size)
        memcpy(own, ids, size);
    *m = (struct memo){ .b = b, .n = (unsigned)a.n, .a = own, .hash = hash };
    p->slots[i] = m;
    p->n_memo++;
    *fresh = true;
    return m;
}

static int trail_add(struct prover *p, struct memo *m)
{
    if (p->n_trail == p->cap_trail) {
        size_t cap = p->cap_trail ? p->cap_trail * 2 : 256;
        struct memo **v = realloc(p->trail, cap * sizeof(*v));
        if (!v)
            return -1;
        p->trail = v;
        p->cap_trail = cap;
    }
    p->trail[p->n_trail++] = m;
    return 0;
}

/* What was proven on an assumption that turned out wrong is open again. */
static void take_back(struct prover *p, size_t from)
{
    for (size_t i = from; i < p->n_trail; i++)
        p->trail[i]->state = UNKNOWN;
    p->n_trail = from;
}

/* ---- proofs ---- */

static bool is_false(const struct rule *b)
{
    return b->kind == RULE_FALSE;
}

/* Everything b says, one after the other: all that is wrong is to be found. */
static bool prove_parts(struct prover *p, struct conj *c, const struct rule *b)
{
    bool ok = true;
    if (is_false(b))
        return prover_found(p, (struct finding){ .rule = b });
    if (b->opaque) {
        bool same = false;
        for (size_t i = 0; i < c->n && !same; i++)
            same = rule_same_whole(c->flat[i], b);
        if (!same)
            ok = prover_found(p, (struct finding){ .rule = b,
                                                   .keyword = b->opaque,
                                                   .disjoint = true });
    }
    if (b->choices || b->constant)
        ok &= prove_values(p, c, b);
    ok &= prove_type(p, c, b);
    if (b->number && c->types & KIND_NUMBER)
        ok &= prove_number(p, c, b);
    if (b->string && c->types & KIND_STRING)
        ok &= prove_string(p, c, b);
    if (b->array && c->types & KIND_ARRAY)
        ok &= prove_array(p, c, b);
    if (b->object && c->types & KIND_OBJECT)
        ok &= prove_object(p, c, b);
    if (b->place)
        ok &= prove_place(p, c, b);
    return ok;
}

/* All of c's values, one by one. 1, 0 (with a finding), or -1: cannot tell. */
static int prove_each(struct prover *p, struct conj *c, const struct rule *b)
{
    bool sure = true, bad = false;
    for (size_t i = 0; i < c->n_values; i++) {
        struct judge j;
        enum answer a = prover_ask(p, b, c->values[i], &j);
        sure = sure && a == ANSWER_YES;
        if (a != ANSWER_NO)
            continue;
        bad = true;
        bool listed =
            strcmp(j.keyword, "enum") == 0 || strcmp(j.keyword, "const") == 0;
        struct str had = prover_value(p, c->values[i]);
        prover_found(
            p, (struct finding){ .rule = j.rule,
                                 .keyword = is_false(j.rule) ? NULL : j.keyword,
                                 .detail = listed ? had : FOUND_NOTHING,
                                 .had = had });
        if (!listed)
            break;
    }
    return bad ? 0 : sure ? 1 : -1;
}

/* True where nothing can fit c, for reasons that lie deeper than its keywords;
 * types that cannot be are dropped from it. */
static bool none_fits(struct prover *p, struct conj *c)
{
    if (c->types & KIND_OBJECT && object_empty(p, c))
        c->types &= ~KIND_OBJECT;
    if (c->types & KIND_ARRAY && array_empty(p, c))
        c->types &= ~KIND_ARRAY;
    if (!c->types)
        return true;
    for (size_t i = 0; i < c->n_negated && !p->gave_up; i++)
        if (prove_quiet(p, c->set, c->negated[i]))
            return true;
    return false;
}

/* The cases of an alternative on the left. */
static bool prove_cases(struct prover *p, struct conj *c, const struct rule *b)
{
    struct split s = c->splits[0];
    const struct place_part *at = s.rule->place;
    bool ok = true;
    p->splits++;
    if (s.kind == SPLIT_IF) {
        struct rule_set a = set_with(p, c->set, at->cond);
        if (at->then)
            a = set_with(p, a, at->then);
        ok &= prove_set(p, a, b);
        a = set_with(p, c->set, contrary_of(p, at->cond));
        if (at->otherwise)
            a = set_with(p, a, at->otherwise);
        ok &= prove_set(p, a, b);
    } else {
        const struct rule_list *l = s.kind == SPLIT_ANY ? &at->any : &at->one;
        for (size_t i = 0; i < l->n && !p->gave_up; i++) {
            struct rule_set a = set_with(p, c->set, l->v[i]);
            /* Of oneOf, what the others refuse. */
            for (size_t k = 0; s.kind == SPLIT_ONE && k < l->n; k++)
                if (k != i)
                    a = set_with(p, a, contrary_of(p, l->v[k]));
            ok &= prove_set(p, a, b);
        }
    }
    p->splits--;
    return ok && !p->gave_up;
}

static bool prove_types(struct prover *p, struct conj *c, const struct rule *b)
{
    bool ok = true;
    p->splits++;
    for (size_t i = 0; i < 6 && ok; i++)
        if (c->types & p->single[i]->types)
            ok = prove_set(p, set_with(p, c->set, p->single[i]), b);
    p->splits--;
    return ok;
}

static bool holds(const struct conj *c, const struct rule *r)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->flat[i] == r)
            return true;
    return false;
}

/* What does not fit a schema on the left, case by case. */
static bool prove_contrary(struct prover *p, struct conj *c,
                           const struct rule *b)
{
    bool ok = false;
    p->splits++;
    for (size_t i = 0; i < c->n_negated && !ok && !p->gave_up; i++) {
        struct rule_list l = prover_cases(p, c->negated[i]);
        ok = l.n > 0;
        for (size_t k = 0; k < l.n && ok; k++)
            ok = !holds(c, l.v[k]);
        for (size_t k = 0; k < l.n && ok; k++)
            ok = prove_set(p, set_with(p, c->set, l.v[k]), b);
    }
    p->splits--;
    return ok;
}

static bool one_type(unsigned types)
{
    if (types & KIND_NUMBER)
        types = (types & ~KIND_NUMBER) | KIND_INTEGER;
    if (types & KIND_BOOLEAN)
        types = (types & ~KIND_BOOLEAN) | KIND_TRUE;
    return (types & (types - 1)) == 0;
}

static bool prove_conj(struct prover *p, struct conj *c, const struct rule *b)
{
    if (!c->types)
        return true;
    if (c->finite) {
        int r = prove_each(p, c, b);
        if (r >= 0)
            return r;
    }
    p->quiet++;
    bool ok = prove_parts(p, c, b) || none_fits(p, c);
    p->quiet--;
    if (ok)
        return !p->gave_up;
    bool more = p->splits < PROVE_SPLITS;
    if (c->n_splits && more)
        return prove_cases(p, c, b);
    if (c->n_negated && more) {
        p->quiet++;
        ok = (!one_type(c->types) && prove_types(p, c, b)) ||
             prove_contrary(p, c, b);
        p->quiet--;
        if (ok)
            return true;
    }
    if (!p->quiet)
        prove_parts(p, c, b);
    return false;
}

/* An entry that was there: 1 or 0, or -1 where it has to be gone through. */
static int remembered(struct prover *p, struct memo *m)
{
    switch (m->state) {
    case PROVEN: return 1;
    case REFUTED: return p->quiet || m->reported == p->reports ? 0 : -1;
    case UNKNOWN: return -1;
    case OPEN: break;
    }
    /* Under way above: for a value within that value we may assume what is to
     * be shown (a smallest counterexample would hold a smaller one); for the
     * same value we may not. */
    if (m->level == p->level)
        return 0;
    m->assumed = true;
    return 1;
}

static bool prove_new(struct prover *p, struct memo *m, struct rule_set a,
                      const struct rule *b)
{
    struct pool_mark mark = pool_mark(&p->pool);
    size_t trail = p->n_trail;
    m->state = OPEN;
    m->level = p->level;
    m->assumed = false;
    p->depth++;
    struct conj *c = conj_new(p, a);
    bool ok = c && prove_conj(p, c, b) && !p->gave_up;
    p->depth--;
    pool_release(&p->pool, mark);
    m->state = ok ? PROVEN : REFUTED;
    m->reported = !ok && !p->quiet ? p->reports : 0;
    if (!ok && m->assumed)
        take_back(p, trail);
    if (ok && trail_add(p, m))
        return nomem(p);
    return ok;
}

bool prove_set(struct prover *p, struct rule_set a, const struct rule *b)
{
    bool fresh;
    if (b->kind == RULE_TRUE)
        return true;
    if (p->depth >= PROVE_DEPTH)
        p->gave_up = true;
    if (!prover_spend(p, 1 + a.n))
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.v[i] == b || is_false(a.v[i]) || rule_same(a.v[i], b))
            return true;
    struct pool_mark mark = pool_mark(&p->pool);
    struct memo *m = memo_of(p, a, b->id, &fresh);
    pool_release(&p->pool, mark);
    if (!m)
        return p->gave_up ? false : nomem(p);
    int known = fresh ? -1 : remembered(p, m);
    return known >= 0 ? known : prove_new(p, m, a, b);
}

bool prove_quiet(struct prover *p, struct rule_set a, const struct rule *b)
{
    p->quiet++;
    bool ok = prove_set(p, a, b);
    p->quiet--;
    return ok;
}

bool prove_empty(struct prover *p, struct rule_set a)
{
    return prove_quiet(p, a, p->nothing);
}

bool prove_inner(struct prover *p, struct rule_set a, const struct rule *b)
{
    p->level++;
    bool ok = prove_set(p, a, b);
    p->level--;
    return ok;
}

bool prove_inner_quiet(struct prover *p, struct rule_set a,
                       const struct rule *b)
{
    p->quiet++;
    bool ok = prove_inner(p, a, b);
    p->quiet--;
    return ok;
}

bool prove(struct prover *p, struct rule *const *a, size_t n,
           const struct rule *b)
{
    struct pool_mark mark = pool_mark(&p->pool);
    bool ok = prove_set(p, set_of(p, a, n), b);
    pool_release(&p->pool, mark);
    return ok && !p->gave_up;
}
