#include "table/wordkey.h"

#include "base/hash.h"
#include "base/seed.h"
#include "json/number.h"

#include <endian.h>
#include <stdlib.h>

#define DIGITS 16 /* of a key at most: 10^16 is less than 2^DIGIT_BITS */
#define DIGIT_BITS 54
#define RUNS 8 /* of digits, at most */
#define WORDS (WORDKEY_BYTES / 8)
#define INDEX 2048 /* a power of 2, twice the patterns */

/* n bytes of the same value in a word. */
#define EVERY(byte) ((uint64_t)(byte)*0x0101010101010101)

/* At most eight digits in a row. */
struct run {
    uint8_t at, shift; /* where to load, and bits to shift left, so that the
                          last digit is the word's last byte in memory */
    uint64_t mask;     /* of the digits, once shifted */
    uint64_t scale;    /* 10 to the number of digits */
};

/* A key's text is looked at by words in memory order, first byte least; the
 * last word overlaps the one before it, so that nothing is read behind the
 * text. A text of less than 8 bytes is one word with zeros behind it. */
struct pattern {
    uint32_t n, words, runs;
    uint64_t text[WORDS]; /* with 0 for each digit */
    uint64_t add[WORDS];  /* sets the high bit of a byte that differs: of a
                             literal by 1 or more, of a digit by 10 or more */
    struct run run[RUNS];
    uint64_t number; /* from 1, in its place in the word */
};

struct wordkeys {
    struct pattern *recent[WORDKEY_BYTES + 1];      /* by length; may be NULL */
    struct pattern *patterns[WORDKEY_PATTERNS + 1]; /* owned, from 1 */
    uint16_t index[INDEX]; /* of patterns, by hash; open addressing */
    unsigned n;
    bool closed; /* to new patterns */
    uint64_t seed;
    struct buf text; /* of a key that does not stand so in its record */
};

/* Of a string of WORDKEY_BYTES: the longest spelling of a byte is \u00XX. */
#define STRING_MAX (6 * WORDKEY_BYTES)

/* What a text can grow to before it is found to be too long: one more string,
 * or one more integer. */
#define TEXT_MAX (WORDKEY_BYTES + STRING_MAX + 8)

struct wordkeys *wordkeys_new(void)
{
    struct wordkeys *w = calloc(1, sizeof(*w));
    /* All room there will be: whether a key has a word must not depend on
     * memory. */
    if (w && buf_reserve(&w->text, TEXT_MAX)) {
        free(w);
        return NULL;
    }
    if (w)
        w->seed = seed(3);
    return w;
}

void wordkeys_free(struct wordkeys *w)
{
    if (!w)
        return;
    for (unsigned i = 1; i <= w->n; i++)
        free(w->patterns[i]);
    buf_free(&w->text);
    free(w);
}

/* ---- texts by words ---- */

static inline uint64_t load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

/* The first n bytes, below 8, at p. */
static inline uint64_t load_short(const char *p, size_t n)
{
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++)
        w |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return w;
}

static inline uint64_t load_word(struct str text, size_t i)
{
    if (text.n < 8)
        return load_short(text.p, text.n);
    return load8(text.p + (8 * i + 8 <= text.n ? 8 * i : text.n - 8));
}

/* The number that eight digits of value 0 to 9 make, the first in the least
 * byte: neighbours are joined to pairs, fours and eights. */
static inline uint64_t join_digits(uint64_t d)
{
    d = d * 10 + (d >> 8);
    return ((d & 0x000000ff000000ff) * 0x000f424000000064 +
            (d >> 16 & 0x000000ff000000ff) * 0x0000271000000001) >>
           32;
}

/* The word of text, of p->n bytes, or 0 where it is not of this pattern. */
static uint64_t fit(const struct pattern *p, struct str text)
{
    uint64_t bad = 0, value = 0, first = 0;
    for (uint32_t i = 0; i < p->words; i++) {
        uint64_t w = load_word(text, i), x = w ^ p->text[i];
        bad |= (x + p->add[i]) | x;
        first = i ? first : w;
    }
    if (bad & EVERY(0x80))
        return 0;
    for (uint32_t i = 0; i < p->runs; i++) {
        const struct run *r = &p->run[i];
        uint64_t w = p->n < 8 ? first : load8(text.p + r->at);
        value = value * r->scale + join_digits(w << r->shift & r->mask);
    }
    return p->number | value;
}

/* ---- patterns ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Describes the digits in text[from .. to), at most eight. */
static struct run run_of(size_t from, size_t to)
{
    struct run r = { .mask = EVERY(0x0f), .scale = 1 };
    for (size_t i = from; i < to; i++)
        r.scale *= 10;
    r.at = (uint8_t)(to > 8 ? to - 8 : 0);
    r.shift = (uint8_t)(to < 8 ? 8 * (8 - to) : 0);
    r.mask <<= 8 * (8 - (to - from));
    return r;
}

/* A text with its digits left open. */
struct outline {
    struct str of;
    size_t words;
    uint64_t text[WORDS];   /* with 0 for each digit */
    uint64_t digits[WORDS]; /* 0xff for each digit */
};

/* False where less than a quarter of text is digits: of such keys each has a
 * pattern of its own, as names and mail addresses have. */
static bool outline(struct outline *o, struct str text)
{
    uint64_t n = 0;
    o->of = text;
    o->words = (text.n + 7) / 8;
    for (size_t i = 0; i < o->words; i++) {
        uint64_t w = load_word(text, i), x = w ^ EVERY('0');
        uint64_t other = (((x & EVERY(0x7f)) + EVERY(0x76)) | x) & EVERY(0x80);
        uint64_t digit = (other ^ EVERY(0x80)) >> 7; /* 1 for each */
        o->digits[i] = digit * 0xff;
        o->text[i] = (w & ~o->digits[i]) | digit * '0';
        /* The bytes that the last word shares were counted before. */
        bool last = i && i + 1 == o->words;
        n += last ? digit >> (64 * o->words - 8 * text.n) : digit;
    }
    return 4 * (n * EVERY(1) >> 56) >= text.n;
}

/* Fills the runs. False where there are too many digits for a word. -1 to -9
 * have none either, because -0 would fit their pattern and is 0. */
static bool find_runs(struct pattern *p, struct str text)
{
    size_t digits = 0, at = 0;
    while (at < text.n) {
        size_t from = at;
        while (at < text.n && at < from + 8 && is_digit(text.p[at]))
            at++;
        if (at == from) {
            at++;
            continue;
        }
        if (p->runs == RUNS)
            return false;
        p->run[p->runs++] = run_of(from, at);
        digits += at - from;
    }
    return digits <= DIGITS && !(text.n == 2 && text.p[0] == '-');
}

static struct pattern *add_pattern(struct wordkeys *w, const struct outline *o,
                                   uint16_t *index)
{
    struct pattern p = { .n = (uint32_t)o->of.n, .words = (uint32_t)o->words };
    if (w->closed || !find_runs(&p, o->of))
        return NULL;
    for (size_t i = 0; i < o->words; i++) {
        p.text[i] = o->text[i];
        p.add[i] = EVERY(0x7f) - (EVERY(0x7f - 0x76) & o->digits[i]);
    }
    struct pattern *added = malloc(sizeof(*added));
    /* Without memory no more are added than where they are too many: keys go
     * on having words or having none. */
    w->closed = !added || w->n + 1 == WORDKEY_PATTERNS;
    if (!added)
        return NULL;
    p.number = (uint64_t)++w->n << DIGIT_BITS;
    *added = p;
    w->patterns[w->n] = added;
    *index = (uint16_t)w->n;
    return added;
}

/* The pattern of text, added where it is new; NULL: it has none. */
static struct pattern *pattern_of(struct wordkeys *w, struct str text)
{
    struct outline o;
    if (!outline(&o, text))
        return NULL;
    size_t n = o.words * sizeof(*o.text);
    uint64_t at = XXH3_64bits_withSeed(o.text, n, w->seed + text.n);
    for (;; at++) {
        uint16_t *i = &w->index[at % INDEX];
        if (*i == 0)
            return add_pattern(w, &o, i);
        struct pattern *p = w->patterns[*i];
        if (p->n == text.n && memcmp(p->text, o.text, n) == 0)
            return p;
    }
}

/* The word of a key's text, spelled as all equal keys are. */
static uint64_t word_of(struct wordkeys *w, struct str text)
{
    if (text.n == 0 || text.n > WORDKEY_BYTES)
        return 0;
    struct pattern *p = w->recent[text.n];
    uint64_t word = p ? fit(p, text) : 0;
    if (word)
        return word;
    p = pattern_of(w, text);
    if (!p)
        return 0;
    w->recent[text.n] = p;
    return fit(p, text);
}

/* ---- texts of values ---- */

/* An integer of few digits in its plain spelling; others have none. */
static bool add_integer(struct buf *out, struct str raw)
{
    struct number n = number_parse(raw);
    if (n.zero)
        return buf_addc(out, '0') == 0;
    if (n.adjusted >= DIGITS || n.adjusted < (int64_t)n.digits - 1)
        return false;
    if (n.neg)
        buf_addc(out, '-');
    size_t whole = n.digits < n.whole.n ? n.digits : n.whole.n;
    buf_add(out, n.whole.p, whole);
    buf_add(out, n.frac.p, n.digits - whole);
    for (int64_t i = (int64_t)n.digits; i <= n.adjusted; i++)
        buf_addc(out, '0');
    return !out->failed;
}

/* A string without its escapes; one that would need some has no plain text. */
static bool add_string(struct buf *out, struct str raw)
{
    if (raw.n < 2 || raw.n > STRING_MAX || buf_addc(out, '"'))
        return false;
    size_t from = out->n;
    if (json_unescape(out, (struct str){ raw.p + 1, raw.n - 2 }))
        return false;
    size_t n = out->n - from;
    if (n && (memchr(out->p + from, '"', n) || memchr(out->p + from, '\\', n)))
        return false;
    return buf_addc(out, '"') == 0;
}

static bool add_value(struct buf *out, struct val v)
{
    switch (v.type) {
    case JSON_MISSING: return true;
    case JSON_NULL: return buf_addz(out, "null") == 0;
    case JSON_FALSE: return buf_addz(out, "false") == 0;
    case JSON_TRUE: return buf_addz(out, "true") == 0;
    case JSON_NUMBER: return add_integer(out, v.raw);
    case JSON_STRING: return add_string(out, v.raw);
    default: return false;
    }
}

/* Parts are joined by commas, as in a JSON array: no plain text of a value has
 * one outside its quotes. */
uint64_t wordkey_of(struct wordkeys *w, const struct val *vals,
                    const size_t *part, size_t n)
{
    struct buf *text = &w->text;
    struct val v = vals[part[0]];
    if (n == 1 && v.raw.n <= WORDKEY_BYTES) {
        /* What fits a pattern is spelled as it should be. */
        const struct pattern *p = w->recent[v.raw.n];
        uint64_t word = p ? fit(p, v.raw) : 0;
        if (word)
            return word;
    }
    if (n == 1 && v.type == JSON_STRING && !memchr(v.raw.p, '\\', v.raw.n))
        return word_of(w, v.raw);
    buf_reset(text);
    for (size_t i = 0; i < n; i++)
        if ((i && buf_addc(text, ',')) || !add_value(text, vals[part[i]]) ||
            text->n > WORDKEY_BYTES)
            return 0;
    return word_of(w, buf_str(text));
}
