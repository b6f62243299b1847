#include "unit.h"

#include "json/key.h"
#include "table/wordkey.h"

#include <stdlib.h>

static const size_t parts[] = { 0, 1, 2 };

/* The word of one value, given as JSON. */
static uint64_t word(struct wordkeys *w, const char *json)
{
    struct val v = json_val(str_of(json));
    return wordkey_of(w, &v, parts, 1);
}

/* The word of two. */
static uint64_t word2(struct wordkeys *w, const char *a, const char *b)
{
    struct val v[2] = { json_val(str_of(a)), json_val(str_of(b)) };
    return wordkey_of(w, v, parts, 2);
}

TEST("keys of one pattern have words that differ as their digits do")
{
    struct wordkeys *w = wordkeys_new();
    char text[64], other[64];
    uint64_t last = 0;
    for (unsigned i = 0; i < 100000 && !unit_failed; i++) {
        snprintf(text, sizeof(text), "\"O20240101-%07u\"", i);
        uint64_t x = word(w, text);
        CHECK(x > last);
        CHECK(x == word(w, text));
        snprintf(other, sizeof(other), "\"P20240101-%07u\"", i);
        CHECK(word(w, other) && word(w, other) != x);
        last = x;
    }
    wordkeys_free(w);
}

TEST("every digit counts, at every place of texts of every length")
{
    char text[64];
    for (size_t n = 1; n <= WORDKEY_BYTES; n++) {
        for (size_t from = 0; from < n; from++) {
            for (size_t to = from + 1; to <= n && to - from <= 16; to++) {
                struct wordkeys *w = wordkeys_new();
                memset(text, 'x', n);
                memset(text + from, '7', to - from);
                text[n] = '\0';
                struct val v = { JSON_STRING, { text, n } };
                uint64_t base = wordkey_of(w, &v, parts, 1);
                CHECK((base != 0) == (2 * (to - from) >= n));
                for (size_t i = 0; base && i < n; i++) {
                    char was = text[i];
                    text[i] = was == '7' ? '8' : 'y';
                    CHECK(wordkey_of(w, &v, parts, 1) != base);
                    text[i] = was;
                }
                CHECK(wordkey_of(w, &v, parts, 1) == base);
                wordkeys_free(w);
            }
        }
    }
}

TEST("however a value is spelled, its word is the same")
{
    static const char *const same[][2] = {
        { "12", "12.0" },
        { "12", "12e0" },
        { "12", "1.2E+1" },
        { "120", "12e1" },
        { "0", "-0" },
        { "0", "-0.0" },
        { "0", "0e99999999999999999999" },
        { "-12", "-1200e-2" },
        { "9999999999999999", "9999999999999999.000" },
        { "1000000000000000", "1e15" },
        { "\"a123\"", "\"\\u0061123\"" },
        { "\"a123\"", "\"a\\u0031\\u00323\"" },
        { "\"1/234\"", "\"1\\/234\"" },
        { "\"1\xc3\xa9"
          "234\"",
          "\"1\\u00e9234\"" },
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        for (int turn = 0; turn < 2; turn++) {
            struct wordkeys *w = wordkeys_new();
            uint64_t x = word(w, same[i][turn]);
            CHECK(x != 0);
            CHECK(word(w, same[i][!turn]) == x);
            wordkeys_free(w);
        }
    }
    /* A spelling far longer than any word. */
    struct wordkeys *w = wordkeys_new();
    char text[2000] = "7.";
    memset(text + 2, '0', sizeof(text) - 3);
    CHECK(word(w, text) == word(w, "7"));
    memcpy(text, "\"7", 2);
    for (size_t i = 0; i < 12; i++)
        memcpy(text + 2 + 6 * i, i % 4 ? "\\u0037" : "\\u0078", 6);
    memcpy(text + 2 + 6 * 12, "\"", 2);
    CHECK(word(w, "\"7x777x777x777\"") == word(w, text));
    wordkeys_free(w);
}

TEST("digits of a string and of a number are different keys")
{
    struct wordkeys *w = wordkeys_new();
    CHECK(word(w, "12") && word(w, "\"12\""));
    CHECK(word(w, "12") != word(w, "\"12\""));
    CHECK(word(w, "12") != word(w, "-12"));
    CHECK(word(w, "\"012\"") != word(w, "\"12\""));
    wordkeys_free(w);
}

TEST("what does not fit has no word, first and later")
{
    static const char *const none[] = {
        "\"\"",
        "\"abc\"",
        "\"only 1 digit in many letters\"",
        "\"12345678901234567\"",
        "12345678901234567",
        "1e16",
        "1.5",
        "15e-1",
        "-1",
        "-9.0",
        "null",
        "true",
        "[1]",
        "{\"a\":12}",
        "\"12\\\"34\"",
        "\"12\\\\34\"",
        "\"1a2b3c4d5e6f7g8h99999\"",
        "\"12345678xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
    };
    struct wordkeys *w = wordkeys_new();
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
            CHECK(word(w, none[i]) == 0);
    struct val v = { JSON_MISSING, { "", 0 } };
    CHECK(wordkey_of(w, &v, parts, 1) == 0);
    wordkeys_free(w);
}

TEST("parts of a composite key do not run together")
{
    struct wordkeys *w = wordkeys_new();
    CHECK(word2(w, "1", "23") && word2(w, "12", "3"));
    CHECK(word2(w, "1", "23") != word2(w, "12", "3"));
    CHECK(word2(w, "12345", "null") != word2(w, "12345", ""));
    CHECK(word2(w, "", "1") != word2(w, "1", ""));
    CHECK(word2(w, "\"11,22\"", "33") != word2(w, "11", "\"22,33\""));
    CHECK(word2(w, "\"1\\\",\\\"2\"", "345678") == 0);
    CHECK(word2(w, "5", "-0.0") == word2(w, "5.0", "0"));
    CHECK(word2(w, "5", "-3") && word2(w, "5", "-3") != word2(w, "5", "3"));
    CHECK(word2(w, "12", "[345]") == 0);
    wordkeys_free(w);
}

TEST("past the number of patterns keys have words or none as they had before")
{
    enum { N = 4 * WORDKEY_PATTERNS };
    static uint64_t words[N];
    struct wordkeys *w = wordkeys_new();
    char text[32];
    size_t have = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N && !unit_failed; i++) {
            unsigned x = i * 2654435761u % 26 ^ (i % 26);
            snprintf(text, sizeof(text), "\"%c%c%c%c12345%u\"", 'a' + i % 26,
                     'a' + i / 26 % 26, 'a' + i / 676 % 26, 'A' + x % 26,
                     round);
            uint64_t now = word(w, text);
            if (round == 0) {
                words[i] = now;
                have += now != 0;
            } else {
                CHECK((now != 0) == (words[i] != 0));
                CHECK(!now || now == words[i] + round);
            }
        }
    }
    CHECK(have == WORDKEY_PATTERNS);
    wordkeys_free(w);
}

/* ---- against json/key.h ---- */

static uint64_t state = 42;

static unsigned rnd(unsigned n)
{
    state = state * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(state >> 33) % n;
}

static void put_char(struct buf *out, unsigned char c)
{
    if (c < 0x20 || c == '"' || c == '\\' || (c < 0x80 && rnd(20) == 0))
        buf_addf(out, "\\u%04x", c);
    else
        buf_addc(out, (char)c);
}

/* Wild: of many patterns. */
static void put_random_string(struct buf *out, bool wild)
{
    static const char *const words[] = { "",  "A",  "O-", "\xc3\xa9", "\"",
                                         "-", "\\", ",",  "\n",       "e" };
    buf_addc(out, '"');
    for (unsigned k = wild ? 1 + rnd(3) : 1; k; k--) {
        for (const char *p = words[rnd(wild ? 10 : 6)]; *p; p++)
            put_char(out, (unsigned char)*p);
        for (unsigned n = rnd(4) || !wild ? rnd(5) : rnd(18); n; n--)
            put_char(out, (unsigned char)('0' + rnd(rnd(4) ? 2 : 10)));
    }
    buf_addc(out, '"');
}

static void put_random_number(struct buf *out, bool wild)
{
    unsigned n = rnd(3) || !wild ? 1 + rnd(2) : 1 + rnd(18);
    if (rnd(4) == 0)
        buf_addc(out, '-');
    if (rnd(8) == 0)
        buf_addc(out, '0');
    else
        for (unsigned i = 0; i < n; i++)
            buf_addc(out,
                     (char)('0' + (i ? rnd(rnd(2) ? 2 : 10) : 1 + rnd(9))));
    unsigned zeros = rnd(4);
    switch (rnd(6)) {
    case 0: buf_addf(out, ".%.*s", (int)zeros + 1, "0000"); break;
    case 1: buf_addf(out, "%.*se-%u", (int)zeros, "0000", zeros); break;
    case 2: buf_addf(out, "E+%u", rnd(3)); break;
    case 3: buf_addf(out, ".%u", rnd(10)); break;
    default: break;
    }
}

static void put_random(struct buf *out, bool wild)
{
    static const char *const others[] = { "null", "true", "false",
                                          "",     "[1]",  "{\"a\":1}" };
    unsigned kind = rnd(20);
    if (kind == 0)
        buf_addz(out, others[rnd(6)]);
    else if (kind < 11)
        put_random_string(out, wild);
    else
        put_random_number(out, wild);
}

struct sample {
    struct buf key;
    uint64_t word;
};

static int by_key(const void *x, const void *y)
{
    const struct sample *a = x, *b = y;
    return str_cmp(buf_str(&a->key), buf_str(&b->key));
}

static int by_word(const void *x, const void *y)
{
    const struct sample *a = x, *b = y;
    return a->word < b->word ? -1 : a->word > b->word;
}

/* Makes n keys of so many parts, and compares which are equal. */
static void compare(size_t n_parts, size_t n)
{
    struct sample *s = calloc(n, sizeof(*s));
    struct wordkeys *w = wordkeys_new();
    struct buf text[3] = { { 0 }, { 0 }, { 0 } };
    size_t words = 0, equal = 0;
    for (size_t i = 0; i < n && !unit_failed; i++) {
        struct val v[3];
        for (size_t k = 0; k < n_parts; k++) {
            buf_reset(&text[k]);
            put_random(&text[k], n_parts == 1);
            v[k] = json_val(buf_str(&text[k]));
            CHECK(key_add(&s[i].key, v[k]) == 0);
        }
        s[i].word = wordkey_of(w, v, parts, n_parts);
        words += s[i].word != 0;
    }
    qsort(s, n, sizeof(*s), by_key);
    for (size_t i = 1; i < n && !unit_failed; i++) {
        if (by_key(&s[i - 1], &s[i]) == 0) {
            CHECK(s[i - 1].word == s[i].word);
            equal += s[i].word != 0;
        }
    }
    qsort(s, n, sizeof(*s), by_word);
    for (size_t i = 1; i < n && !unit_failed; i++)
        if (s[i].word && s[i].word == s[i - 1].word)
            CHECK(by_key(&s[i - 1], &s[i]) == 0);
    CHECK(words > n / 20 && equal > n / 500); /* else nothing was compared */
    for (size_t i = 0; i < n; i++)
        buf_free(&s[i].key);
    for (size_t k = 0; k < 3; k++)
        buf_free(&text[k]);
    wordkeys_free(w);
    free(s);
}

TEST("words are equal if and only if keys are: 600,000 random values and "
     "spellings")
{
    compare(1, 200000);
    compare(1, 200000);
    compare(2, 100000);
    compare(3, 100000);
}

UNIT_MAIN
