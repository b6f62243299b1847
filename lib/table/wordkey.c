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
    uint32_t index[INDEX]; /* numbers of patterns, and above them more of their
                              hashes; open addressing */
    unsigned n;
    bool closed; /* to new patterns */
    uint64_t seed;
    size_t n_text;
    char
        text[WORDKEY_BYTES]; /* of a key that does not stand so in its record */
    struct buf unescaped;
};

#define NUMBER_MASK ((uint32_t)WORDKEY_PATTERNS)

/* Of a string of WORDKEY_BYTES: the longest spelling of a byte is \u00XX. */
#define STRING_MAX (6 * WORDKEY_BYTES)

struct wordkeys *wordkeys_new(void)
{
    struct wordkeys *w = calloc(1, sizeof(*w));
    /* All room there will be: whether a key has a word must not depend on
     * memory. */
    if (w && buf_reserve(&w->unescaped, STRING_MAX)) {
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
    buf_free(&w->unescaped);
    free(w);
}

/* ---- texts by words ---- */

static inline uint64_t load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

static inline uint64_t load4(const char *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof(w));
    return le32toh(w);
}

/* The first n bytes, below 8, at p. */
static inline uint64_t load_short(const char *p, size_t n)
{
    uint64_t w = 0;
    if (n >= 4) /* two loads that overlap, and agree where they do */
        return load4(p) | load4(p + n - 4) << (8 * (n - 4));
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

/* 1 in each byte of w that is a digit. */
static inline uint64_t digits_in(uint64_t w)
{
    uint64_t x = w ^ EVERY('0');
    uint64_t other = (((x & EVERY(0x7f)) + EVERY(0x76)) | x) & EVERY(0x80);
    return (other ^ EVERY(0x80)) >> 7;
}

/* False where text has more digits than fit, or where less than half of it is
 * digits: of such keys each has a pattern of its own, as names and mail
 * addresses have. */
static bool may_have_pattern(struct str text)
{
    uint64_t n = 0; /* a byte for each place of a word */
    size_t at = 0;
    if (text.n == 0 || text.n > WORDKEY_BYTES)
        return false;
    for (; at + 8 <= text.n; at += 8)
        n += digits_in(load8(text.p + at));
    n += digits_in(load_short(text.p + at, text.n - at));
    n = n * EVERY(1) >> 56; /* the sum of its bytes */
    return n <= DIGITS && 2 * n >= text.n;
}

/* A text with its digits left open. */
struct outline {
    struct str of;
    size_t words;
    uint64_t text[WORDS];   /* with 0 for each digit */
    uint64_t digits[WORDS]; /* 0xff for each digit */
};

static void outline(struct outline *o, struct str text)
{
    o->of = text;
    o->words = (text.n + 7) / 8;
    for (size_t i = 0; i < o->words; i++) {
        uint64_t w = load_word(text, i);
        o->digits[i] = digits_in(w) * 0xff;
        o->text[i] = (w & ~o->digits[i]) | (EVERY('0') & o->digits[i]);
    }
}

/* Fills the runs. False where there are too many. -1 to -9 have no pattern
 * either, because -0 would fit it and is 0. */
static bool find_runs(struct pattern *p, struct str text)
{
    size_t at = 0;
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
    }
    return !(text.n == 2 && text.p[0] == '-');
}

static struct pattern *add_pattern(struct wordkeys *w, const struct outline *o)
{
    if (w->closed)
        return NULL;
    struct pattern p = { .n = (uint32_t)o->of.n, .words = (uint32_t)o->words };
    if (!find_runs(&p, o->of))
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
    return added;
}

/* The pattern of text, added where it is new; NULL: it has none. */
static struct pattern *pattern_of(struct wordkeys *w, struct str text)
{
    if (!may_have_pattern(text))
        return NULL;
    struct outline o = { .words = 0 };
    outline(&o, text);
    size_t n = o.words * sizeof(*o.text);
    uint64_t hash = XXH3_64bits_withSeed(o.text, n, w->seed + text.n);
    uint32_t tag = (uint32_t)(hash >> 32) & ~NUMBER_MASK;
    for (uint64_t at = hash;; at++) {
        uint32_t *entry = &w->index[at % INDEX];
        if (*entry == 0) {
            struct pattern *p = add_pattern(w, &o);
            *entry = p ? tag | w->n : 0;
            return p;
        }
        struct pattern *p = w->patterns[*entry & NUMBER_MASK];
        if ((*entry & ~NUMBER_MASK) == tag && p->n == text.n &&
            memcmp(p->text, o.text, n) == 0)
            return p;
    }
}

/* The word of a key's text, spelled as all equal keys are. */
static uint64_t word_of(struct wordkeys *w, struct str text)
{
    struct pattern *p = pattern_of(w, text);
    if (!p)
        return 0;
    w->recent[text.n] = p;
    return fit(p, text);
}

/* The word of a text that is of the pattern that came last in its length. */
static inline uint64_t word_again(const struct wordkeys *w, struct str text)
{
    const struct pattern *p =
        text.n <= WORDKEY_BYTES ? w->recent[text.n] : NULL;
    return p ? fit(p, text) : 0;
}

/* ---- texts of values ---- */

/* Adds to the text that is made: false where it becomes too long. */
static bool put(struct wordkeys *w, const char *p, size_t n)
{
    if (n > WORDKEY_BYTES - w->n_text)
        return false;
    memcpy(w->text + w->n_text, p, n);
    w->n_text += n;
    return true;
}

/* Digits without a sign: an integer that is spelled as it should be. */
static bool is_plain(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if (!is_digit(raw.p[i]))
            return false;
    return true;
}

/* An integer of few digits in its plain spelling; others have none. */
static bool put_integer(struct wordkeys *w, struct str raw)
{
    if (raw.n <= DIGITS && is_plain(raw))
        return put(w, raw.p, raw.n);
    struct number n = number_parse(raw);
    if (n.zero)
        return put(w, "0", 1);
    if (n.adjusted >= DIGITS || n.adjusted < (int64_t)n.digits - 1)
        return false;
    static const char zeros[DIGITS] = "0000000000000000";
    size_t whole = n.digits < n.whole.n ? n.digits : n.whole.n;
    return put(w, "-", n.neg) && put(w, n.whole.p, whole) &&
           put(w, n.frac.p, n.digits - whole) &&
           put(w, zeros, (size_t)n.adjusted + 1 - n.digits);
}

/* A string without its escapes; one that would need some has no plain text. */
static bool put_string(struct wordkeys *w, struct str raw)
{
    if (!memchr(raw.p, '\\', raw.n))
        return put(w, raw.p, raw.n);
    if (raw.n > STRING_MAX || raw.n < 2)
        return false;
    buf_reset(&w->unescaped);
    if (json_unescape(&w->unescaped, (struct str){ raw.p + 1, raw.n - 2 }))
        return false;
    struct str s = buf_str(&w->unescaped);
    return !memchr(s.p, '"', s.n) && !memchr(s.p, '\\', s.n) &&
           put(w, "\"", 1) && put(w, s.p, s.n) && put(w, "\"", 1);
}

static bool put_value(struct wordkeys *w, struct val v)
{
    switch (v.type) {
    case JSON_MISSING: return true;
    case JSON_NULL: return put(w, "null", 4);
    case JSON_FALSE: return put(w, "false", 5);
    case JSON_TRUE: return put(w, "true", 4);
    case JSON_NUMBER: return put_integer(w, v.raw);
    case JSON_STRING: return put_string(w, v.raw);
    default: return false;
    }
}

/* Parts are joined by commas, as in a JSON array: no plain text of a value has
 * one outside its quotes. */
uint64_t wordkey_of(struct wordkeys *w, const struct val *vals,
                    const size_t *part, size_t n)
{
    struct val v = vals[part[0]];
    uint64_t word = 0;
    if (n == 1) {
        /* What fits a pattern is spelled as it should be. */
        word = word_again(w, v.raw);
        if (word)
            return word;
        if (v.type == JSON_STRING && !memchr(v.raw.p, '\\', v.raw.n))
            return word_of(w, v.raw);
    }
    w->n_text = 0;
    for (size_t i = 0; i < n; i++)
        if (!put(w, ",", i > 0) || !put_value(w, vals[part[i]]))
            return 0;
    struct str text = { w->text, w->n_text };
    word = word_again(w, text);
    return word ? word : word_of(w, text);
}
