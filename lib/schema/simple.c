#include "schema/simple.h"

#include "schema/swar.h"

#include <stdlib.h>

#define PREFIX_MAX 64 /* characters compared by words */
#define RANGES_MAX 4  /* of one character there: \w has as many */
#define ITEMS_MAX 64  /* of one alternative */
#define ALTERNATIVES_MAX 32
#define COUNT_MAX 65535 /* as PCRE2 has it */
#define NO_END UINT32_MAX

/* A set of ASCII characters. */
struct set {
    uint64_t bits[2];
};

/* A character or class and how often it stands there. */
struct item {
    struct set set;
    uint32_t min, max; /* NO_END: as often as it likes */
};

/* Eight characters of the prefix, or what there is of them. */
struct word {
    uint32_t at, ranges;
    uint64_t care; /* top bits of the bytes that are there */
    uint64_t lo[RANGES_MAX], hi[RANGES_MAX];
};

struct alternative {
    uint32_t prefix; /* characters, each in a place of its own */
    uint32_t n_words, n_items;
    bool end; /* nothing may follow */
    struct word words[PREFIX_MAX / 8];
    struct item items[ITEMS_MAX]; /* behind the prefix */
};

struct simple {
    bool wide; /* a class has characters that are not ASCII */
    uint32_t n;
    struct alternative *v; /* owned */
};

static inline bool set_has(const struct set *s, unsigned char c)
{
    return c < 128 && s->bits[c / 64] >> (c % 64) & 1;
}

static void set_add(struct set *s, int from, int to)
{
    for (int c = from; c <= to; c++)
        s->bits[c / 64] |= (uint64_t)1 << (c % 64);
}

static bool set_meet(const struct set *a, const struct set *b)
{
    return (a->bits[0] & b->bits[0]) || (a->bits[1] & b->bits[1]);
}

/* ---- reading a pattern ---- */

struct parser {
    const char *p, *end;
    bool wide;
};

static bool eat(struct parser *w, char c)
{
    if (w->p == w->end || *w->p != c)
        return false;
    w->p++;
    return true;
}

/* A class behind a backslash, added to s: \d, \w, \s and what they leave out,
 * of ASCII as PCRE2 takes them. */
static bool add_class(struct parser *w, struct set *s, char c)
{
    struct set add = { { 0, 0 } };
    switch (c | 0x20) {
    case 'd': set_add(&add, '0', '9'); break;
    case 's':
        set_add(&add, '\t', '\r');
        set_add(&add, ' ', ' ');
        break;
    case 'w':
        set_add(&add, '0', '9');
        set_add(&add, 'A', 'Z');
        set_add(&add, 'a', 'z');
        set_add(&add, '_', '_');
        break;
    default: return false;
    }
    for (int i = 0; i < 2; i++)
        s->bits[i] |= c & 0x20 ? add.bits[i] : ~add.bits[i];
    w->wide |= !(c & 0x20) || c == 's'; /* some space is not ASCII */
    return true;
}

/* The character that a backslash and c stand for; -1: none of ours. */
static int escaped(char c)
{
    switch (c) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case 'f': return '\f';
    default: break;
    }
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    bool digit = c >= '0' && c <= '9';
    return c > ' ' && c < 0x7f && !letter && !digit ? c : -1;
}

#define PART_CLASS (-1)
#define PART_ALIEN (-2)

/* The character that comes next in a class, as itself or escaped; PART_CLASS
 * for a class in it, which is added to s; PART_ALIEN for what we leave to
 * PCRE2, hyphens in unclear places too. */
static int class_part(struct parser *w, struct set *s)
{
    if (w->p == w->end)
        return PART_ALIEN;
    char c = *w->p++;
    if (c != '\\')
        return c >= ' ' && c < 0x7f && !strchr("[]-", c) ? c : PART_ALIEN;
    if (w->p == w->end)
        return PART_ALIEN;
    c = *w->p++;
    if (escaped(c) >= 0)
        return escaped(c);
    return add_class(w, s, c) ? PART_CLASS : PART_ALIEN;
}

/* What stands behind '['. */
static bool read_class(struct parser *w, struct set *s)
{
    bool negated = eat(w, '^');
    if (eat(w, '-'))
        set_add(s, '-', '-');
    while (!eat(w, ']')) {
        int from = class_part(w, s), to = from;
        if (from == PART_ALIEN)
            return false;
        bool hyphen = eat(w, '-');
        bool last = hyphen && w->p < w->end && *w->p == ']';
        if (last)
            set_add(s, '-', '-');
        else if (hyphen)
            to = class_part(w, s);
        if (to < from || (hyphen && !last && (from < 0 || to < 0)))
            return false;
        if (from != PART_CLASS)
            set_add(s, from, to);
    }
    for (int i = 0; negated && i < 2; i++)
        s->bits[i] = ~s->bits[i];
    w->wide |= negated;
    return s->bits[0] || s->bits[1];
}

static bool read_count(struct parser *w, uint32_t *n)
{
    const char *from = w->p;
    *n = 0;
    while (w->p < w->end && *w->p >= '0' && *w->p <= '9' && *n <= COUNT_MAX)
        *n = *n * 10 + (uint32_t)(*w->p++ - '0');
    return w->p > from && *n <= COUNT_MAX;
}

static bool read_repeat(struct parser *w, struct item *i)
{
    i->min = i->max = 1;
    if (eat(w, '*')) {
        i->min = 0;
        i->max = NO_END;
    } else if (eat(w, '+')) {
        i->max = NO_END;
    } else if (eat(w, '?')) {
        i->min = 0;
    } else if (eat(w, '{')) {
        if (!read_count(w, &i->min))
            return false;
        i->max = i->min;
        if (eat(w, ',')) {
            i->max = NO_END;
            if (w->p < w->end && *w->p != '}' && !read_count(w, &i->max))
                return false;
        }
        if (!eat(w, '}') || i->max < i->min)
            return false;
    }
    /* Lazy and possessive ones, and repeats of repeats. */
    return w->p == w->end || !strchr("*+?{", *w->p);
}

static bool read_item(struct parser *w, struct item *i)
{
    char c = *w->p++;
    *i = (struct item){ 0 };
    if (c == '[') {
        if (!read_class(w, &i->set))
            return false;
    } else if (c == '.') {
        set_add(&i->set, 0, 127);
        i->set.bits[0] &= ~((uint64_t)1 << '\n' | (uint64_t)1 << '\r');
        w->wide = true;
    } else if (c == '\\') {
        if (w->p == w->end)
            return false;
        c = *w->p++;
        int x = escaped(c);
        if (x >= 0)
            set_add(&i->set, x, x);
        else if (!add_class(w, &i->set, c))
            return false;
    } else if (c >= ' ' && c < 0x7f && !strchr("^$*+?()]{}|", c)) {
        set_add(&i->set, c, c);
    } else {
        return false;
    }
    return read_repeat(w, i);
}

/* ---- laying out ---- */

/* The ranges of s; more than RANGES_MAX: too many. */
static uint32_t ranges_of(const struct set *s, uint8_t lo[], uint8_t hi[])
{
    uint32_t n = 0;
    for (int c = 0; c < 128; c++) {
        if (!set_has(s, (unsigned char)c))
            continue;
        int from = c;
        while (c + 1 < 128 && set_has(s, (unsigned char)(c + 1)))
            c++;
        if (n == RANGES_MAX)
            return RANGES_MAX + 1;
        lo[n] = (uint8_t)from;
        hi[n++] = (uint8_t)c;
    }
    return n;
}

/* Eight characters of the prefix from at on. */
static void word_set(struct word *w, const struct set *sets, uint32_t at,
                     uint32_t n)
{
    uint8_t lo[RANGES_MAX][8], hi[RANGES_MAX][8], care[8] = { 0 };
    memset(lo, 1, sizeof(lo)); /* a range that holds nothing */
    memset(hi, 0, sizeof(hi));
    w->at = at;
    w->ranges = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t from[RANGES_MAX], to[RANGES_MAX];
        uint32_t ranges = ranges_of(&sets[at + i], from, to);
        for (uint32_t k = 0; k < ranges; k++) {
            lo[k][i] = from[k];
            hi[k][i] = to[k];
        }
        if (ranges > w->ranges)
            w->ranges = ranges;
        care[i] = 0x80;
    }
    w->care = swar_load(care);
    for (uint32_t k = 0; k < RANGES_MAX; k++) {
        w->lo[k] = swar_load(lo[k]);
        w->hi[k] = swar_load(hi[k]);
    }
}

/* Characters with a place of their own make the prefix, the rest stays. The
 * last word overlaps the one before it rather than reach beyond the prefix. */
static void lay_out(struct alternative *a, const struct item *items, uint32_t n)
{
    struct set sets[PREFIX_MAX];
    uint8_t lo[RANGES_MAX], hi[RANGES_MAX];
    uint32_t i = 0;
    for (; i < n; i++) {
        if (items[i].min > PREFIX_MAX - a->prefix ||
            ranges_of(&items[i].set, lo, hi) > RANGES_MAX)
            break;
        for (uint32_t k = 0; k < items[i].min; k++)
            sets[a->prefix++] = items[i].set;
        if (items[i].max == items[i].min)
            continue;
        struct item rest = items[i++];
        rest.max -= rest.max == NO_END ? 0 : rest.min;
        rest.min = 0;
        a->items[a->n_items++] = rest;
        break;
    }
    while (i < n)
        a->items[a->n_items++] = items[i++];
    for (uint32_t at = 0; at < a->prefix; at += 8) {
        uint32_t left = a->prefix - at;
        if (left >= 8 || at == 0)
            word_set(&a->words[a->n_words++], sets, at, left < 8 ? left : 8);
        else
            word_set(&a->words[a->n_words++], sets, a->prefix - 8, 8);
    }
}

/* True if no repetition can take what comes behind it: up to the first item
 * that has to be there. */
static bool one_way(const struct item *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].min == items[i].max)
            continue;
        for (uint32_t k = i + 1; k < n; k++) {
            if (set_meet(&items[i].set, &items[k].set))
                return false;
            if (items[k].min)
                break;
        }
    }
    return true;
}

static bool read_row(struct parser *w, struct alternative *a)
{
    struct item items[ITEMS_MAX];
    uint32_t n = 0;
    while (w->p < w->end && !strchr("|)$", *w->p))
        if (n == ITEMS_MAX || !read_item(w, &items[n++]))
            return false;
    if (!one_way(items, n))
        return false;
    lay_out(a, items, n);
    return true;
}

static struct alternative *alternative_new(struct simple *s)
{
    if (s->n == ALTERNATIVES_MAX)
        return NULL;
    struct alternative *v = realloc(s->v, (s->n + 1) * sizeof(*v));
    if (!v)
        return NULL;
    s->v = v;
    v[s->n] = (struct alternative){ 0 };
    return &v[s->n++];
}

/* ^row$, also without the $; or ^(row|row)$ with or without ?: and $. */
static bool read_pattern(struct parser *w, struct simple *s)
{
    bool group, end;
    if (!eat(w, '^'))
        return false;
    group = eat(w, '(');
    if (group && eat(w, '?') && !eat(w, ':'))
        return false;
    do {
        struct alternative *a = alternative_new(s);
        if (!a || !read_row(w, a))
            return false;
    } while (group && eat(w, '|'));
    if (group && !eat(w, ')'))
        return false;
    end = eat(w, '$');
    for (uint32_t i = 0; i < s->n; i++)
        s->v[i].end = end;
    return w->p == w->end;
}

struct simple *simple_new(struct str text)
{
    struct parser w = { text.p, text.p + text.n, false };
    struct simple *s = calloc(1, sizeof(*s));
    if (!s || !read_pattern(&w, s)) {
        simple_free(s);
        return NULL;
    }
    s->wide = w.wide;
    return s;
}

void simple_free(struct simple *s)
{
    if (!s)
        return;
    free(s->v);
    free(s);
}

/* ---- matching ---- */

static inline bool word_ok(const struct word *w, uint64_t x)
{
    uint64_t in = swar_within(x, w->lo[0], w->hi[0]);
    for (uint32_t k = 1; k < w->ranges; k++)
        in |= swar_within(x, w->lo[k], w->hi[k]);
    return (in & w->care) == w->care;
}

static bool prefix_ok(const struct alternative *a, struct str text)
{
    if (text.n < 8) {
        char z[8] = { 0 };
        memcpy(z, text.p, text.n);
        return a->n_words == 0 || word_ok(&a->words[0], swar_load(z));
    }
    for (uint32_t i = 0; i < a->n_words; i++)
        if (!word_ok(&a->words[i], swar_load(text.p + a->words[i].at)))
            return false;
    return true;
}

static bool is_ascii(const char *p, const char *end)
{
    unsigned char c = 0;
    for (; end - p >= 8; p += 8)
        if (swar_load(p) & SWAR_HIGH)
            return false;
    while (p < end)
        c |= (unsigned char)*p++;
    return c < 0x80;
}

/* Behind what a matches; NULL where it does not. */
static const char *row_match(const struct alternative *a, struct str text)
{
    const char *end = text.p + text.n;
    if (text.n < a->prefix || !prefix_ok(a, text))
        return NULL;
    const char *p = text.p + a->prefix;
    for (uint32_t i = 0; i < a->n_items; i++) {
        const struct item *t = &a->items[i];
        const char *from = p;
        const char *most = t->max < (size_t)(end - p) ? p + t->max : end;
        while (p < most && set_has(&t->set, (unsigned char)*p))
            p++;
        if ((size_t)(p - from) < t->min)
            return NULL;
    }
    return !a->end || p == end ? p : NULL;
}

int simple_match(const struct simple *s, struct str text)
{
    const char *end = text.p + text.n;
    for (uint32_t i = 0; i < s->n; i++) {
        const char *p = row_match(&s->v[i], text);
        if (p) /* what follows has to be UTF-8 still */
            return is_ascii(p, end) ? 1 : -1;
    }
    return s->wide && !is_ascii(text.p, end) ? -1 : 0;
}
