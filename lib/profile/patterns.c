#include "profile/patterns.h"

#include "base/hash.h"

#include <stdlib.h>

#define SLOTS ((uint32_t)PATTERNS_MAX * 4)

typedef uint8_t bytes __attribute__((vector_size(16)));

/* ---- one string ---- */

/* The classes of 16 bytes of ASCII. */
static inline bytes classes_of(bytes b)
{
    bytes upper = (bytes)((b - 'A') < 26), lower = (bytes)((b - 'a') < 26);
    bytes digit = (bytes)((b - '0') < 10);
    bytes control = (bytes)(b < 32) | (bytes)(b == 127);
    bytes other = ~(upper | lower | digit | control);
    return (upper & 'A') | (lower & 'a') | (digit & '9') | (control & 'c') |
           (other & b);
}

static inline void classes_at(const char *from, size_t n, char to[16])
{
    static const uint8_t ones[32] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                      255, 255, 255, 255, 255, 255, 255, 255 };
    bytes b, mask;
    memcpy(&b, from, sizeof(b));
    memcpy(&mask, ones + 16 - (n < 16 ? n : 16), sizeof(mask));
    b = classes_of(b) & mask;
    memcpy(to, &b, sizeof(b));
}

static char class_of(unsigned char c)
{
    if (c >= 0x80)
        return 'u';
    if (c >= 'A' && c <= 'Z')
        return 'A';
    if (c >= 'a' && c <= 'z')
        return 'a';
    if (c >= '0' && c <= '9')
        return '9';
    return c < 32 || c == 127 ? 'c' : (char)c;
}

static bool is_class(char c)
{
    return c == 'A' || c == 'a' || c == '9' || c == 'u' || c == 'c';
}

/* The pattern of text with runs drawn together; of long ones the beginning. */
static void draw(struct str text, char to[PATTERN_BYTES])
{
    size_t n = 0;
    char last = 0;
    memset(to, 0, PATTERN_BYTES);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        char c = class_of(byte);
        if ((byte & 0xc0) == 0x80 || (c == last && (is_class(c) || c == ' ')))
            continue;
        last = c;
        if (n + 5 > PATTERN_BYTES) {
            memcpy(to + n, "...", 3);
            return;
        }
        to[n++] = c;
        if (is_class(c))
            to[n++] = '+';
    }
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool is_uuid(struct str s)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

/* Good enough to tell what a field holds: something@host.tld. */
static bool is_email(struct str s)
{
    const char *at = memchr(s.p, '@', s.n), *end = s.p + s.n;
    if (!at || at == s.p || end - at < 4 || at - s.p > 64)
        return false;
    const char *dot = NULL;
    for (const char *p = s.p; p < end; p++) {
        if ((unsigned char)*p <= ' ' || *p == ',' || *p == ';' ||
            (*p == '@' && p != at))
            return false;
        if (*p == '.' && p > at + 1)
            dot = p;
    }
    return dot && end - dot > 2;
}

static bool is_url(struct str s)
{
    const char *rest = memcmp(s.p, "http://", 7) == 0    ? s.p + 7
                       : memcmp(s.p, "https://", 8) == 0 ? s.p + 8
                                                         : NULL;
    return rest && rest < s.p + s.n && !memchr(s.p, ' ', s.n);
}

static const char *name_of(struct str s)
{
    if (s.n == 0)
        return "empty";
    if (s.n == 36 && s.p[8] == '-' && is_uuid(s))
        return "uuid";
    if (s.n > 9 && s.p[0] == 'h' && is_url(s))
        return "url";
    if (s.n > 5 && s.n <= 254 && is_email(s))
        return "email";
    return NULL;
}

/* ---- all of a field ---- */

static bool same(const struct pattern_entry *e, const char *text)
{
    return memcmp(e->text, text, PATTERN_BYTES) == 0;
}

static uint16_t *slot_of(struct patterns *p, const char *text)
{
    uint32_t i = (uint32_t)hash64((struct str){ text, PATTERN_BYTES }) % SLOTS;
    while (p->slots[i] && !same(&p->v[p->slots[i] - 1], text))
        i = (i + 1) % SLOTS;
    return &p->slots[i];
}

/* Counts strings of a pattern; false where there is no room for it. */
static bool count(struct patterns *p, const char *text, bool drawn, uint64_t n)
{
    uint16_t *slot = slot_of(p, text);
    if (!*slot) {
        if (p->n == PATTERNS_MAX)
            return false;
        struct pattern_entry *e = &p->v[p->n];
        memcpy(e->text, text, PATTERN_BYTES);
        e->count = 0;
        e->drawn = drawn;
        *slot = (uint16_t)++p->n;
    }
    p->last = *slot - 1U;
    p->v[p->last].count += n;
    return true;
}

/* There are too many: draws the runs of all together. */
static int draw_all(struct patterns *p)
{
    struct pattern_entry *old = malloc(p->n * sizeof(*old));
    uint32_t n = p->n;
    if (!old)
        return -1;
    memcpy(old, p->v, n * sizeof(*old));
    memset(p->slots, 0, SLOTS * sizeof(*p->slots));
    p->n = 0;
    p->drawn = true;
    for (uint32_t i = 0; i < n; i++) {
        const struct pattern_entry *e = &old[i];
        char text[PATTERN_BYTES];
        if (e->drawn)
            memcpy(text, e->text, PATTERN_BYTES);
        else
            draw((struct str){ e->text, strnlen(e->text, PATTERN_BYTES) },
                 text);
        count(p, text, true, e->count);
    }
    free(old);
    return 0;
}

static int begin(struct patterns *p)
{
    p->v = calloc(PATTERNS_MAX, sizeof(*p->v));
    p->slots = calloc(SLOTS, sizeof(*p->slots));
    return p->v && p->slots ? 0 : -1;
}

int patterns_take(struct patterns *p, struct str text, bool ascii, uint64_t n)
{
    char pattern[PATTERN_BYTES];
    const char *name = name_of(text);
    bool drawn = name || !ascii || text.n > PATTERN_BYTES || p->drawn;
    if (!p->slots && begin(p))
        return -1;
    if (name) {
        memset(pattern, 0, sizeof(pattern));
        memcpy(pattern, name, strlen(name));
    } else if (drawn) {
        draw(text, pattern);
    } else {
        classes_at(text.p, text.n, pattern);
        classes_at(text.p + 16, text.n > 16 ? text.n - 16 : 0, pattern + 16);
    }
    if (p->n && same(&p->v[p->last], pattern)) {
        p->v[p->last].count += n;
        return 0;
    }
    if (count(p, pattern, drawn, n))
        return 0;
    if (p->drawn) {
        p->other += n;
        return 0;
    }
    return draw_all(p) ? -1 : patterns_take(p, text, ascii, n);
}

static int most_first(const void *a, const void *b)
{
    const struct pattern_entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return memcmp(x->text, y->text, PATTERN_BYTES);
}

void patterns_sort(struct patterns *p)
{
    if (p->n)
        qsort(p->v, p->n, sizeof(*p->v), most_first);
}

void patterns_free(struct patterns *p)
{
    free(p->v);
    free(p->slots);
    *p = (struct patterns){ 0 };
}
