#include "json/shape.h"

#include "base/hash.h"
#include "json/check.h"
#include "json/utf8.h"

#include <stdlib.h>

#define SHAPES 256 /* power of two; sets of WAYS */
#define WAYS 4
#define GUESSES 64       /* power of two */
#define TOKENS_MAX 65536 /* longer sequences are proven anew every time */

struct shape_cache {
    struct shape *shapes[SHAPES];   /* owned */
    struct shape *gone[SHAPE_KEEP]; /* owned: a ring of those pushed out, and
                                       of those too long to be kept */
    size_t oldest;
    uint32_t *stack; /* owned: open containers */
    size_t cap_stack;
    unsigned turn;
    const struct shape *by_n[GUESSES]; /* the last one of so many tokens */
};

static _Atomic uint64_t next_serial = 1;

struct shape_cache *shape_cache_new(void)
{
    return calloc(1, sizeof(struct shape_cache));
}

static void shape_free(struct shape *s)
{
    if (!s)
        return;
    free(s->tok);
    free(s->number);
    free(s->literal);
    free(s->close);
    free(s);
}

void shape_cache_free(struct shape_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SHAPES; i++)
        shape_free(c->shapes[i]);
    for (size_t i = 0; i < SHAPE_KEEP; i++)
        shape_free(c->gone[i]);
    free(c->stack);
    free(c);
}

/* ---- the grammar over tokens ---- */

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, NEXT, DONE };

static bool push(struct shape_cache *c, uint32_t depth, uint32_t token)
{
    if (depth == c->cap_stack) {
        size_t cap = c->cap_stack ? c->cap_stack * 2 : 64;
        uint32_t *grown = realloc(c->stack, cap * sizeof(*grown));
        if (!grown)
            return false;
        c->stack = grown;
        c->cap_stack = cap;
    }
    c->stack[depth] = token;
    return true;
}

static bool is_literal(uint8_t t)
{
    return t == 't' || t == 'f' || t == 'n';
}

/* Walks the tokens of s once (RFC 8259, section 2 on), filling number, literal,
 * close and depth. */
static bool prove(struct shape_cache *c, struct shape *s, unsigned max_depth)
{
    enum expect expect = VALUE;
    uint32_t depth = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint8_t t = s->tok[i];
        bool end = t == '}' || t == ']';
        if (expect == COLON) {
            if (t != ':')
                return false;
            expect = VALUE;
        } else if (expect == KEY || (expect == KEY_OR_END && !end)) {
            if (t != '"')
                return false;
            expect = COLON;
        } else if (expect == NEXT && t == ',') {
            expect = s->tok[c->stack[depth - 1]] == '{' ? KEY : VALUE;
        } else if (end && (expect == NEXT || expect == KEY_OR_END ||
                           expect == VALUE_OR_END)) {
            uint32_t open = c->stack[--depth];
            if ((s->tok[open] == '{') != (t == '}'))
                return false;
            s->close[open] = i;
            expect = depth ? NEXT : DONE;
        } else if (expect == VALUE || expect == VALUE_OR_END) {
            if (t == '{' || t == '[') {
                if (depth == max_depth || (depth == 0 && t == '[') ||
                    !push(c, depth, i))
                    return false;
                if (++depth > s->depth)
                    s->depth = depth;
                expect = t == '{' ? KEY_OR_END : VALUE_OR_END;
                continue;
            }
            if (depth == 0 || (t != '"' && t != '0' && !is_literal(t)))
                return false;
            if (t == '0')
                s->number[s->n_number++] = i;
            else if (t != '"')
                s->literal[s->n_literal++] = i;
            expect = NEXT;
        } else {
            return false;
        }
    }
    return expect == DONE;
}

/* The proven shape of these tokens; NULL where they are no object (or there is
 * no memory). */
static struct shape *learn(struct shape_cache *c, const struct scan_line *line,
                           uint64_t hash, unsigned max_depth)
{
    struct shape *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    bool is_short = line->n <= SHAPE_SHORT;
    s->tok = calloc(1, is_short ? 2 * SHAPE_SHORT : line->n);
    s->number = malloc(((size_t)line->n + 1) * sizeof(*s->number));
    s->literal = malloc(((size_t)line->n + 1) * sizeof(*s->literal));
    s->close = malloc(((size_t)line->n + 1) * sizeof(*s->close));
    s->n = line->n;
    s->hash = hash;
    if (s->tok && s->number && s->literal && s->close) {
        memcpy(s->tok, line->tok, line->n);
        if (is_short)
            s->own = memset(s->tok + SHAPE_SHORT, 0xff, line->n);
        if (prove(c, s, max_depth)) {
            s->serial = next_serial++;
            return s;
        }
    }
    shape_free(s);
    return NULL;
}

/* Takes leave of a shape that somebody may still look at for a while; nobody
 * is given it from now on, or it would not be there for as long as that. */
static void let_go(struct shape_cache *c, struct shape *s)
{
    if (c->by_n[s->n % GUESSES] == s)
        c->by_n[s->n % GUESSES] = NULL;
    shape_free(c->gone[c->oldest]);
    c->gone[c->oldest] = s;
    c->oldest = (c->oldest + 1) % SHAPE_KEEP;
}

typedef uint64_t words __attribute__((vector_size(16)));

/* Are the tokens the same? Short ones, in real data all, are compared without
 * a branch that depends on their number: lines of several lengths take turns,
 * and it would be guessed wrong. Behind the line's tokens come others, which
 * are masked out (SCAN_TOKENS_PADDING has room for them). */
static inline bool same(const struct shape *s, const struct scan_line *line)
{
    if (s->n != line->n)
        return false;
    if (!s->own)
        return memcmp(s->tok, line->tok, line->n) == 0;
    words a, b, mask, diff = { 0 };
#pragma GCC unroll 8
    for (size_t i = 0; i < SHAPE_SHORT; i += sizeof(a)) {
        memcpy(&a, s->tok + i, sizeof(a));
        memcpy(&b, line->tok + i, sizeof(b));
        memcpy(&mask, s->own + i, sizeof(mask));
        diff |= (a ^ b) & mask;
    }
    return (diff[0] | diff[1]) == 0;
}

/* Where the guesses fail: looks among all, and proves what is new. */
static const struct shape *
look_up(struct shape_cache *c, const struct scan_line *line, unsigned max_depth)
{
    struct shape *s;
    if (line->n > TOKENS_MAX) {
        s = learn(c, line, 0, max_depth);
        if (s)
            let_go(c, s);
        return s;
    }
    uint64_t hash = hash64((struct str){ (const char *)line->tok, line->n });
    struct shape **set = &c->shapes[(hash & (SHAPES / WAYS - 1)) * WAYS];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i] && set[i]->hash == hash && same(set[i], line))
            return set[i];
    s = learn(c, line, hash, max_depth);
    if (!s)
        return NULL;
    struct shape **place = &set[c->turn++ % WAYS];
    if (*place)
        let_go(c, *place);
    return *place = s;
}

const struct shape *shape_of(struct shape_cache *c,
                             const struct scan_line *line, unsigned max_depth)
{
    const struct shape **guess = &c->by_n[line->n % GUESSES];
    if (*guess && same(*guess, line))
        return *guess;
    const struct shape *s = look_up(c, line, max_depth);
    if (s && line->n <= TOKENS_MAX)
        *guess = s;
    return s;
}

/* ---- what the shape does not prove ---- */

static inline bool is_space(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* One past the last byte of a string or bare word that begins at token i. */
static inline const char *text_end(const char *block,
                                   const struct scan_line *line, uint32_t i)
{
    const char *end = block + (i + 1 < line->n ? line->pos[i + 1] : line->end);
    while (is_space(end[-1]))
        end--;
    return end;
}

struct str shape_text(const struct shape *s, const char *block,
                      const struct scan_line *line, uint32_t i)
{
    const char *p = block + line->pos[i];
    uint8_t t = s->tok[i];
    if (t == '{' || t == '[')
        return (struct str){ p, line->pos[s->close[i]] + 1 - line->pos[i] };
    return (struct str){ p, (size_t)(text_end(block, line, i) - p) };
}

static bool literal_ok(uint8_t t, const char *p, size_t n)
{
    switch (t) {
    case 't': return n == 4 && memcmp(p, "true", 4) == 0;
    case 'f': return n == 5 && memcmp(p, "false", 5) == 0;
    default: return n == 4 && memcmp(p, "null", 4) == 0;
    }
}

static inline bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

/* All backslashes of a line of proven shape are inside strings. */
static bool escapes_ok(const char *p, const char *end)
{
    while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        if (end - p < 2)
            return false;
        if (p[1] == 'u') {
            if (end - p < 6 || !is_hex(p[2]) || !is_hex(p[3]) ||
                !is_hex(p[4]) || !is_hex(p[5]))
                return false;
            p += 6;
        } else {
            if (!strchr("\"\\/bfnrt", p[1]) || p[1] == '\0')
                return false;
            p += 2;
        }
    }
    return true;
}

static bool numbers_ok(const struct shape *s, const char *block,
                       const struct scan_line *line)
{
    for (uint32_t k = 0; k < s->n_number; k++)
        if (!json_number_valid(shape_text(s, block, line, s->number[k])))
            return false;
    return true;
}

static bool flags_ok(const struct shape *s, const char *block,
                     const struct scan_line *line)
{
    const char *p = block + line->start, *end = block + line->end;
    if (line->flags & SCAN_FAULT)
        return false;
    if (line->flags & SCAN_ESCAPES && !escapes_ok(p, end))
        return false;
    if (line->flags & SCAN_NON_ASCII &&
        !utf8_valid((struct str){ p, (size_t)(end - p) }))
        return false;
    return !(line->flags & SCAN_NUMBERS) || numbers_ok(s, block, line);
}

bool shape_check(const struct shape *s, const char *block,
                 const struct scan_line *line)
{
    if (line->flags && !flags_ok(s, block, line))
        return false;
    for (uint32_t k = 0; k < s->n_literal; k++) {
        uint32_t i = s->literal[k];
        const char *p = block + line->pos[i];
        if (!literal_ok(s->tok[i], p, (size_t)(text_end(block, line, i) - p)))
            return false;
    }
    return true;
}
