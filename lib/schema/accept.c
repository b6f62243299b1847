/* accept: the quick way, and the plans that it goes by. */
#include "schema/plan.h"

#include <stdlib.h>

/* Plans are kept in sets by their shape's serial, so that a hundred shapes, or
 * a few with several sequences of keys each, live side by side. */
#define SETS 64
#define WAYS 4

/* Plans that a set makes as soon as they are missed. From then on it lets so
 * many records without a plan pass before it makes one more: where no two
 * records are alike, all that plans cost is this share. */
#define AT_ONCE 8
#define MISSES_MAX 64

#define BYTES_MAX ((size_t)8 << 20) /* of all plans */

#define HIGH 0x8080808080808080u

struct plans {
    struct planner *planner; /* owned */
    size_t bytes;            /* of all plans */
    struct set {
        uint64_t serial[WAYS];
        struct plan *plan[WAYS]; /* owned */
        unsigned made, misses;
    } sets[SETS];
};

static struct plans *plans_new(void)
{
    struct plans *c = calloc(1, sizeof(*c));
    if (c)
        c->planner = planner_new();
    if (c && c->planner)
        return c;
    free(c);
    return NULL;
}

void plans_free(struct plans *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            free(c->sets[i].plan[k]);
    planner_free(c->planner);
    free(c);
}

/* ---- which plan ---- */

static bool longs_same(const struct plan *p, const struct shaped *at)
{
    const uint32_t *pos = at->line->pos;
    for (uint32_t i = 0; i < p->n_longs; i++) {
        const struct plan_long *l = &p->longs[i];
        if (pos[l->token + 1] - pos[l->token] - 1 < l->n ||
            memcmp(at->block + pos[l->token] + 1, l->bytes, l->n) != 0)
            return false;
    }
    return true;
}

static inline plan_lane key_differs(const struct plan_key *k, const char *text,
                                    const uint32_t *pos)
{
    plan_lane have;
    memcpy(&have, text + pos[k->token], sizeof(have));
    return (have ^ k->word) & k->mask;
}

/* The block is padded, so that 16 bytes can be read wherever a key stands. */
static inline bool keys_same(const struct plan *p, const struct shaped *at)
{
    const uint32_t *pos = at->line->pos;
    const char *text = at->block + 1;
    plan_lane differ = { 0, 0 };
    const struct plan_key *k = p->keys, *end = k + p->n_keys;
    for (; k < end; k += PLAN_KEYS_STEP)
        differ |= key_differs(k, text, pos) | key_differs(k + 1, text, pos) |
                  key_differs(k + 2, text, pos) | key_differs(k + 3, text, pos);
    return !(differ[0] | differ[1]) && (!p->n_longs || longs_same(p, at));
}

/* A free way; or the one whose plan was of least use of late, made free. */
static size_t way_for(struct plans *c, struct set *s)
{
    size_t least = 0;
    for (size_t i = 0; i < WAYS; i++) {
        if (!s->plan[i])
            return i;
        s->plan[i]->hits /= 2;
        if (s->plan[i]->hits < s->plan[least]->hits)
            least = i;
    }
    c->bytes -= s->plan[least]->bytes;
    free(s->plan[least]);
    s->plan[least] = NULL;
    s->serial[least] = 0;
    return least;
}

/* A plan for records like this one; now and then only, where there are many
 * unlike. */
static __attribute__((cold, noinline)) struct plan *
plan_missing(struct schema_run *r, struct set *s, const struct shaped *at)
{
    struct plans *c = r->plans;
    if (s->made >= AT_ONCE && ++s->misses % MISSES_MAX)
        return NULL;
    s->made++;
    r->collect = r->keep = false;
    r->precise = 0;
    struct plan *p = plan_make(c->planner, r, at);
    if (!p)
        return NULL;
    size_t i = way_for(c, s);
    if (c->bytes + p->bytes > BYTES_MAX) {
        free(p);
        return NULL;
    }
    c->bytes += p->bytes;
    s->plan[i] = p;
    s->serial[i] = p->serial;
    return p;
}

static inline struct plan *plan_of(struct schema_run *r,
                                   const struct shaped *at)
{
    uint64_t serial = at->shape->serial;
    struct set *s = &r->plans->sets[serial % SETS];
    for (size_t i = 0; i < WAYS; i++)
        if (s->serial[i] == serial && keys_same(s->plan[i], at))
            return s->plan[i];
    return at->shape->n <= PLAN_TOKENS_MAX ? plan_missing(r, s, at) : NULL;
}

/* ---- numbers ---- */

/* The eight bytes at p, the first one lowest. */
static inline uint64_t load_le(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

/* The top bits of those bytes of w that are no digits, up to the first one for
 * certain. */
static inline uint64_t not_digits(uint64_t w)
{
    w ^= 0x3030303030303030u;
    return (w | (w + 0x7676767676767676u)) & HIGH;
}

/* How many digits the eight bytes of w begin with. */
static inline unsigned count_digits(uint64_t w)
{
    uint64_t other = not_digits(w);
    return other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
}

/* The value of the first n digits of w, 1 to 7 of them: three multiplications
 * (Lemire, "Quickly parsing eight digits", 2018). */
static inline int64_t digits_value(uint64_t w, unsigned n)
{
    w = (w & 0x0f0f0f0f0f0f0f0fu) << (64 - 8 * n);
    w = w * 10 + (w >> 8);
    w = ((w & 0x000000ff000000ffu) * 0x000f424000000064u +
         (w >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u) >>
        32;
    return (int64_t)w;
}

/* The whole numbers between which the number of n bytes at p lies, if it has
 * at most 7 digits before the point and 8 behind it; both are the same where
 * it has no point. */
static bool number_between(const char *p, size_t n, struct bounds *b)
{
    bool negative = *p == '-';
    p += negative;
    n -= negative;
    uint64_t w = load_le(p);
    unsigned digits = count_digits(w);
    if (digits - 1 > 6)
        return false;
    int64_t whole = digits_value(w, digits);
    bool fraction = digits != n;
    if (fraction && (p[digits] != '.' ||
                     count_digits(load_le(p + digits + 1)) != n - digits - 1))
        return false;
    *b = negative ? (struct bounds){ -whole - fraction, -whole }
                  : (struct bounds){ whole, whole + fraction };
    return true;
}

static __attribute__((noinline)) bool number_step(const struct plan_step *s,
                                                  const char *p, size_t n)
{
    const struct node *u = s->by.node;
    bool integer = (u->types & TYPE_NUMBER) == TYPE_INTEGER;
    bool multiple = u->number && u->number->multiple.text.p;
    struct bounds b;
    if (number_between(p, n, &b) && b.lo >= s->bounds.lo &&
        b.hi <= s->bounds.hi && !(integer && b.lo != b.hi) && !multiple)
        return true;
    struct numscan x = number_scan(p, p + n);
    return x.text.n == n && (!integer || numscan_is_integer(&x)) &&
           (!u->number || number_fits(u->number, &x));
}

/* Is the number of n bytes at p at most eight digits? */
static inline bool is_digits(const char *p, size_t n)
{
    return n <= 8 && !(not_digits(load_le(p)) << (64 - 8 * n));
}

/* The same with a point among them: of what can be in a number that begins
 * with a digit, but for signs behind an exponent, only an exponent's letter has
 * this bit. */
static inline bool is_pointed(const char *p, size_t n)
{
    return n <= 8 && !((load_le(p) & 0x4040404040404040u) << (64 - 8 * n));
}

/* ---- strings ---- */

static bool length_step(const struct string_rules *u, struct str text,
                        unsigned flags)
{
    uint64_t n = text.n;
    for (size_t i = 0; flags & SCAN_NON_ASCII && i < text.n; i++)
        n -= ((unsigned char)text.p[i] & 0xc0) == 0x80;
    return n >= u->min && n <= u->max;
}

static bool string_in(struct schema_run *r, const struct values *v,
                      struct str text)
{
    struct val x = { JSON_STRING, { text.p - 1, text.n + 2 } };
    return values_match(v, x, text, &r->keys) == 1;
}

static inline bool string_step(struct schema_run *r, const struct plan_step *s,
                               struct str text, unsigned flags)
{
    /* What escapes stand for, the walk knows. */
    if (flags & SCAN_ESCAPES && memchr(text.p, '\\', text.n))
        return false;
    switch (s->op) {
    case PLAN_WORDS:
        return text.n <= WORD_MAX
                   ? words_have(s->by.values->words, text.p, text.n)
                   : string_in(r, s->by.values, text);
    case PLAN_LENGTH: return length_step(s->by.node->string, text, flags);
    case PLAN_FORMAT: return format_ok(s->by.node->string->format, text);
    case PLAN_PATTERN:
        return pattern_match(s->by.node->string->pattern, r->pattern, text) ==
               1;
    default: return string_in(r, s->by.values, text);
    }
}

/* ---- the plan ---- */

static __attribute__((noinline)) bool value_step(struct schema_run *r,
                                                 const struct plan_step *s,
                                                 const struct shaped *at)
{
    const struct where root = { .kind = WHERE_ROOT };
    struct str raw = shape_text(at->shape, at->block, at->line, s->token);
    if (s->op == PLAN_WALK) {
        r->depth = s->depth;
        return run_value(r, s->by.node, raw.p, &root) && !r->stop;
    }
    struct val v = { json_type_of(raw.p[0]), raw };
    return values_match(s->by.values, v, raw, &r->keys) == 1;
}

static inline bool step_fits(struct schema_run *r, const struct plan_step *s,
                             const struct shaped *at, const char *from,
                             const char *end)
{
    if (s->op <= PLAN_STRING) {
        while (end[-1] != '"')
            end--;
        struct str text = { from + 1, (size_t)(end - from) - 2 };
        return string_step(r, s, text, at->line->flags);
    }
    if (s->op > PLAN_NUMBER)
        return value_step(r, s, at);
    while ((unsigned char)end[-1] <= ' ')
        end--;
    size_t n = (size_t)(end - from);
    return (s->op == PLAN_POINT && *from >= s->first && is_pointed(from, n)) ||
           (s->op == PLAN_DIGITS && *from >= s->first && is_digits(from, n)) ||
           number_step(s, from, n);
}

static void walks_start(struct schema_run *r, const struct plan *p,
                        const struct shaped *at)
{
    run_start(r, shape_text(at->shape, at->block, at->line, 0));
    r->steps = p->visits;
    r->collect = r->keep = false;
    r->precise = 0;
}

static inline bool plan_fits(struct schema_run *r, const struct plan *p,
                             const struct shaped *at)
{
    const uint32_t *pos = at->line->pos;
    const char *block = at->block;
    const struct plan_step *s = p->steps, *end = s + p->n_steps;
    if (p->walks)
        walks_start(r, p, at);
    for (; s < end; s++)
        if (!step_fits(r, s, at, block + pos[s->token],
                       block + pos[s->token + 1]))
            return false;
    return true;
}

bool schema_accept(struct schema_run *r, const struct shaped *at)
{
    if (r->schema->root->kind == NODE_TRUE)
        return true;
    if (!at || (!r->plans && !(r->plans = plans_new())))
        return false;
    struct plan *p = plan_of(r, at);
    if (!p || p->hopeless)
        return false;
    p->hits++;
    return plan_fits(r, p, at);
}
