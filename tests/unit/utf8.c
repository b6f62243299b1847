/* Unit tests of utf8: the scalar kernel against the definition, all others
 * against it, wherever a text begins and ends. */
#include "unit.h"

#include "json/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
#define KERNELS (sizeof(kernels) / sizeof(*kernels))

/* Bytes at both sides of everything that RFC 3629 tells apart. */
static const uint8_t edges[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
                                 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1,
                                 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff };
#define EDGES ((uint32_t)sizeof(edges))

enum { ROOM = 4096 };

/* ROOM bytes of which the last ones lie before a page that cannot be read, and
 * the first ones behind one, where pages are not larger. */
static uint8_t *fenced(void)
{
    static uint8_t *room;
    if (!room) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t n = (ROOM + page - 1) / page * page;
        uint8_t *p = mmap(NULL, n + 2 * page, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED || mprotect(p + page, n, PROT_READ | PROT_WRITE)) {
            printf("Bail out! no memory\n");
            exit(1);
        }
        room = p + page + n - ROOM;
    }
    return room;
}

static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64 (Marsaglia 2003): the same numbers at every run. */
static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

static bool valid(const uint8_t *p, size_t n)
{
    return utf8_valid((struct str){ (const char *)p, n });
}

/* The bytes of a code point, also of those that have no right to any. */
static size_t encode(uint32_t c, uint8_t *to)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; i-- > 1; c >>= 6)
        to[i] = (uint8_t)(0x80 | (c & 0x3f));
    to[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* For each kernel of this machine but the first, which is the reference. */
#define EACH_KERNEL(k)                   \
    for (size_t k = 1; k < KERNELS; k++) \
        for (bool on = utf8_use(kernels[k]); on; on = false)

TEST("this machine's kernels")
{
    printf("# kernels:");
    for (size_t k = 0; k < KERNELS; k++)
        if (utf8_use(kernels[k]))
            printf(" %s", kernels[k]);
    printf("\n");
    CHECK(utf8_use("scalar"));
    CHECK(!utf8_use("none of them"));
}

TEST("every code point is text, surrogates and what is above are not")
{
    uint8_t s[4];
    for (size_t k = 0; k < KERNELS; k++) {
        uint32_t wrong = 0;
        if (!utf8_use(kernels[k]))
            continue;
        for (uint32_t c = 0; c < 0x200000; c++) {
            size_t n = encode(c, s);
            bool right = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
            wrong += valid(s, n) != right;
            wrong += utf8_char((char *)s, (char *)s + n) != (right ? n : 0);
            for (size_t less = 1; less < n; less++)
                wrong += valid(s, less);
        }
        CHECK(wrong == 0);
    }
}

TEST("of all strings of one, two and three bytes, those of characters pass")
{
    uint8_t s[3];
    uint32_t good[4] = { 0 };
    CHECK(utf8_use("scalar"));
    for (uint32_t i = 0; i < 1u << 24; i++) {
        s[0] = (uint8_t)(i >> 16);
        s[1] = (uint8_t)(i >> 8);
        s[2] = (uint8_t)i;
        good[3] += valid(s, 3);
        good[2] += i < 0x10000 && valid(s + 1, 2);
        good[1] += i < 0x100 && valid(s + 2, 1);
    }
    /* 1920 characters have two bytes, 61440 three. */
    CHECK(good[1] == 128);
    CHECK(good[2] == 128 * 128 + 1920);
    CHECK(good[3] == 128 * 128 * 128 + 2 * 128 * 1920 + 61440);
}

/* Holds the kernel in use to what the scalar one said of seq[0 .. n) alone: in
 * the middle of ASCII, from `from` bytes before it to `to`. The end of the text
 * is where readable memory ends. */
static uint32_t wrong_between(const uint8_t *seq, size_t n, bool want,
                              size_t from, size_t to, size_t behind)
{
    uint8_t *end = fenced() + ROOM, *at = end - behind - n, kept[4];
    uint32_t wrong = 0;
    memcpy(kept, at, n);
    memcpy(at, seq, n);
    for (size_t before = from; before < to; before++)
        wrong += valid(at - before, before + n + behind) != want;
    memcpy(at, kept, n);
    return wrong;
}

static bool by_reference(const uint8_t *seq, size_t n)
{
    const char *p = (const char *)seq, *end = p + n;
    size_t step = 1;
    while (p < end && step) {
        step = utf8_char(p, end);
        p += step;
    }
    return step != 0;
}

TEST("one or two bytes of any kind, anywhere in a text of up to 200 bytes")
{
    memset(fenced(), 'x', ROOM);
    EACH_KERNEL(k)
    {
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < 0x10000; i++) {
            uint8_t s[] = { (uint8_t)(i >> 8), (uint8_t)i };
            bool want = by_reference(s, 2), one = by_reference(s, 1);
            if (i % 256 == 0)
                for (size_t behind = 0; behind < 131; behind++)
                    wrong += wrong_between(s, 1, one, 0, 70, behind);
            wrong += wrong_between(s, 2, want, 60, 66, i % 131);
            wrong += wrong_between(s, 2, want, i % 61, i % 61 + 3, i % 7);
        }
        CHECK(wrong == 0);
    }
}

/* The numbers of bytes before at which four bytes lie over the border of blocks
 * of 16, 32 or 64, or end there. */
static uint32_t wrong_at_borders(const uint8_t *s, size_t n, size_t behind)
{
    bool want = by_reference(s, n);
    uint32_t wrong = wrong_between(s, n, want, 0, 4, behind);
    for (size_t border = 16; border <= 64; border *= 2)
        wrong += wrong_between(s, n, want, border - 4, border + 1, behind);
    return wrong;
}

TEST(
    "three and four bytes of every kind, at every split by a border or the end")
{
    memset(fenced(), 'x', ROOM);
    EACH_KERNEL(k)
    {
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < EDGES * EDGES * EDGES * EDGES; i++) {
            uint8_t s[] = { edges[i / EDGES / EDGES / EDGES],
                            edges[i / EDGES / EDGES % EDGES],
                            edges[i / EDGES % EDGES], edges[i % EDGES] };
            wrong += wrong_at_borders(s, 4, i % 8 < 4 ? i % 4 : i % 70);
            if (i % EDGES == 0)
                for (size_t behind = 0; behind < 4; behind++)
                    wrong += wrong_at_borders(s, 3, behind);
        }
        CHECK(wrong == 0);
    }
}

TEST("every lead byte with every second one, in front of what may follow")
{
    static const uint8_t rest[] = { 0x41, 0x80, 0xbf, 0xc3 };
    memset(fenced(), 'x', ROOM);
    EACH_KERNEL(k)
    {
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < 0x40 * 0x100 * 16; i++) {
            uint8_t s[] = { (uint8_t)(0xc0 | i >> 12), (uint8_t)(i >> 4),
                            rest[i >> 2 & 3], rest[i & 3] };
            bool want = by_reference(s, 4);
            wrong += wrong_between(s, 4, want, i % 67, i % 67 + 2, i % 3);
        }
        CHECK(wrong == 0);
    }
}

TEST("a character cut anywhere ends no text, however long")
{
    static const char *const characters[] = { "\xc3\xa9", "\xe2\x82\xac",
                                              "\xf0\x9f\x98\x80" };
    uint8_t *end = fenced() + ROOM;
    memset(fenced(), 'x', ROOM);
    for (size_t c = 0; c < 3; c++)
        for (size_t cut = 1; cut < strlen(characters[c]); cut++) {
            memcpy(end - cut, characters[c], cut);
            EACH_KERNEL(k)
            {
                uint32_t wrong = 0;
                for (size_t n = cut; n <= 700; n++)
                    wrong += valid(end - n, n);
                CHECK(wrong == 0);
            }
        }
    memset(fenced(), 'x', ROOM);
}

/* Characters of one to four bytes, in stretches of the same. */
static size_t random_text(uint8_t *to, size_t most)
{
    static const uint32_t first[] = { 0x20, 0x80, 0x800, 0xe000, 0x10000 };
    static const uint32_t count[] = { 0x5f, 0x780, 0xd000, 0x2000, 0x100000 };
    size_t n = 0;
    while (n + 4 <= most) {
        uint32_t kind = random_below(5), stretch = random_below(40);
        for (uint32_t i = 0; i <= stretch && n + 4 <= most; i++)
            n += encode(first[kind] + random_below(count[kind]), to + n);
    }
    return n;
}

/* One thing that goes wrong with text. */
static size_t damage(uint8_t *p, size_t n)
{
    size_t at = random_below((uint32_t)n);
    switch (random_below(5)) {
    case 0: p[at] ^= (uint8_t)(1u << random_below(8)); break;
    case 1: p[at] = edges[random_below(EDGES)]; break;
    case 2: memmove(p + at, p + at + 1, n - at - 1); return n - 1;
    case 3: return at;
    default: {
        size_t to = random_below((uint32_t)n);
        uint8_t kept = p[at];
        p[at] = p[to];
        p[to] = kept;
    }
    }
    return n;
}

TEST("random text, whole and damaged: all kernels say what the scalar one says")
{
    static uint8_t text[1600];
    uint32_t right = 0;
    for (uint32_t round = 0; round < 20000; round++) {
        size_t most = 4 + random_below(round % 4 ? 400 : 1500);
        size_t n = random_text(text, most);
        for (uint32_t i = round % 3; i > 0 && n > 1; i--)
            n = damage(text, n);
        uint8_t *at =
            round % 2 ? fenced() + ROOM - n : fenced() + random_below(64);
        memcpy(at, text, n);
        CHECK(utf8_use("scalar"));
        bool want = valid(at, n);
        right += want;
        CHECK(want == by_reference(at, n));
        EACH_KERNEL(k)
        {
            CHECK(valid(at, n) == want);
        }
    }
    CHECK(right > 6000 && right < 14000); /* both happen */
}

TEST("every byte of no character is shown as one, the others stay")
{
    struct buf out = { 0 };
    CHECK(utf8_lossy(&out, STR("a\xc3\xa9\xff\xe2\x82z\xf0\x9f\x98\x80")) == 0);
    CHECK_STR(buf_z(&out), "a\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                           "z\xf0\x9f\x98\x80");
    CHECK(utf8_valid(buf_str(&out)));
    buf_free(&out);
}

UNIT_MAIN
