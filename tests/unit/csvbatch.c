/* Unit tests of CSV read in batches: the kernels agree with each other, and
 * what they lead to agrees with libcsv. */
#include "unit.h"

#include "../lib/csvdiff.h"
#include "json/scan.h"
#include "source/csvscan.h"

static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
#define KERNELS (sizeof(kernels) / sizeof(*kernels))

static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64 (Marsaglia 2003): the same numbers at every run. */
static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

/* ---- the scanner ---- */

/* What a scan says of the rows that are sure: all that is used of it. */
static void scan_transcript(struct buf *out, struct csvscan *s, struct str text)
{
    csvscan_run(s, text.p, (uint32_t)text.n);
    buf_reset(out);
    buf_addf(out, "%u %d %d:", s->whole, s->odd, s->high);
    for (uint32_t i = 0; i < s->n && s->end[i] < s->whole; i++)
        buf_addf(out, " %u", s->end[i]);
    for (uint32_t at = csvscan_special(s, 0); at < s->whole;
         at = csvscan_special(s, at + 1))
        buf_addf(out, " !%u", at);
}

static const struct csvtok_dialect dialects[] = {
    { ',', '"', false },  { ';', '\'', false }, { '\t', '"', false },
    { '|', '"', true },   { ',', '\\', false }, { '\x01', 'x', false },
    { '\\', '"', false }, { '"', 0, true },
};
#define DIALECTS (sizeof(dialects) / sizeof(*dialects))

/* Text in which what matters to CSV is frequent. rule keeps quotes where RFC
 * 4180 has them, else they are anywhere. */
static void add_text(struct buf *b, struct csvtok_dialect d, uint32_t n,
                     bool rule, const char *end)
{
    static const char *const words[] = {
        "a",    "bc", "12", "-7.50", "",         " ",
        "true", "N",  "\t", "\\",    "\xc3\xa9", "a long text of many words"
    };
    char quote = d.no_quote ? '"' : d.quote;

    for (; n > 0; n--) {
        uint32_t what = random_below(rule ? 40 : 50);
        bool quoted = rule && !d.no_quote && random_below(3) == 0;
        if (quoted)
            buf_addc(b, quote);
        for (uint32_t k = random_below(4); k > 0; k--) {
            buf_addz(b, words[random_below(12)]);
            if (quoted && random_below(4) == 0) {
                buf_addc(b, quote);
                buf_addc(b, quote);
            }
            if (quoted && random_below(6) == 0)
                buf_addz(b, random_below(2) ? end : "\n");
            if (quoted && random_below(4) == 0)
                buf_addc(b, d.delimiter);
        }
        if (quoted)
            buf_addc(b, quote);
        if (what > 40)
            buf_addc(b, "\"'\r\n\0\xff,;\t|"[random_below(10)]);
        if (what < 30)
            buf_addc(b, d.delimiter);
        else
            buf_addz(b, random_below(30) ? end : "\n");
    }
}

TEST("all kernels say the same, at every alignment and length")
{
    static char block[8192 + CSVSCAN_PADDING];
    static struct csvscan s;
    struct buf text = { 0 }, want = { 0 }, have = { 0 };
    size_t rows = 0;
    for (int round = 0; round < 6000; round++) {
        struct csvtok_dialect d = dialects[random_below(DIALECTS)];
        bool cr = random_below(4) == 0;
        buf_reset(&text);
        add_text(&text, d, random_below(90), random_below(4),
                 cr                ? "\r"
                 : random_below(2) ? "\r\n"
                                   : "\n");
        memset(block, d.quote, sizeof(block)); /* behind: must not matter */
        size_t at = random_below(64);
        memcpy(block + at, buf_str(&text).p, text.n);
        struct str chunk = { block + at, text.n - random_below(2) };
        if (text.n == 0)
            chunk.n = 0;
        csvscan_init(&s, d, cr);
        CHECK(scan_use("scalar"));
        scan_transcript(&want, &s, chunk);
        rows += s.n;
        for (size_t k = 0; k < KERNELS; k++) {
            if (!scan_use(kernels[k]))
                continue;
            scan_transcript(&have, &s, chunk);
            if (!str_eq(buf_str(&want), buf_str(&have)))
                printf("# %s: %s\n# %s\n", kernels[k], buf_z(&have),
                       buf_z(&want));
            CHECK(str_eq(buf_str(&want), buf_str(&have)));
        }
    }
    CHECK(rows > 10000);
    buf_free(&text);
    buf_free(&want);
    buf_free(&have);
}

TEST("a chunk of delimiters alone fits")
{
    static char block[CSVSCAN_MAX + CSVSCAN_PADDING];
    static struct csvscan s;
    memset(block, ',', CSVSCAN_MAX);
    csvscan_init(&s, dialects[0], false);
    for (size_t k = 0; k < KERNELS; k++) {
        if (!scan_use(kernels[k]))
            continue;
        csvscan_run(&s, block, CSVSCAN_MAX);
        CHECK(s.n == CSVSCAN_MAX && s.whole == CSVSCAN_MAX && !s.odd);
        CHECK(s.end[CSVSCAN_MAX - 1] == CSVSCAN_MAX - 1);
        CHECK(csvscan_special(&s, 0) == CSVSCAN_MAX);
    }
}

/* ---- batches ---- */

static size_t batched, in_all;

/* True if batches, read by every kernel, say of text what libcsv says. */
static bool agrees(struct str text, const struct source_opts *opts)
{
    struct csvdiff d = { 0 };
    bool same = csvdiff_read(&d, text, *opts, true, 0, NULL);
    for (size_t k = 0; same && k < KERNELS; k++) {
        if (!scan_use(kernels[k]))
            continue;
        size_t step =
            k > 0 && random_below(2) ? 1 + text.n / 100 + random_below(150) : 0;
        same = csvdiff_read(&d, text, *opts, false, step, &batched);
        in_all += d.n;
        if (!same)
            printf("# %s, step %zu: %s\n", kernels[k], step, d.why);
    }
    csvdiff_free(&d);
    return same;
}

static void print_bytes(struct str s)
{
    printf("# ");
    for (size_t i = 0; i < s.n && i < 2000; i++)
        printf(s.p[i] >= ' ' && s.p[i] < 127 ? "%c" : "\\x%02x",
               (unsigned char)s.p[i]);
    printf("\n");
}

/* Rows of `columns` cells, now and then one that is anything. */
static void add_rows(struct buf *b, struct csvtok_dialect d, uint32_t columns,
                     uint32_t n, uint32_t odd, const char *end)
{
    static const char *const cells[] = { "a",    "12",        "-0.5",
                                         "true", "",          "N",
                                         "007",  "\xc3\xa9x", "some text" };
    for (; n > 0; n--) {
        if (random_below(1000) < odd) {
            add_text(b, d, random_below(6), random_below(2), end);
            continue;
        }
        for (uint32_t i = 0; i < columns; i++) {
            bool quoted = !d.no_quote && random_below(3) == 0;
            if (i)
                buf_addc(b, d.delimiter);
            if (quoted)
                buf_addc(b, d.quote);
            for (uint32_t k = random_below(3); k > 0; k--) {
                buf_addz(b, cells[random_below(9)]);
                if (quoted && random_below(8) == 0)
                    buf_addf(b, "%c%c", d.quote, d.quote);
                if (quoted && random_below(9) == 0)
                    buf_addz(b, random_below(2) ? "\n" : "\r\n");
                if (quoted && random_below(9) == 0)
                    buf_addc(b, d.delimiter);
                if (random_below(60) == 0)
                    buf_addz(b, "\\\t" + random_below(2));
            }
            if (quoted)
                buf_addc(b, d.quote);
        }
        buf_addz(b, end);
        if (random_below(50) == 0)
            buf_addz(b, end);
    }
}

static struct source_opts random_opts(struct csvtok_dialect d,
                                      const struct types *types)
{
    static const char *const nulls[] = { "N", "" };
    return (struct source_opts){
        .format = "csv",
        .csv = { .delimiter = d.delimiter,
                 .quote = d.quote,
                 .no_quote = d.no_quote,
                 .no_header = true,
                 .nulls = nulls,
                 .n_nulls = random_below(3) },
        .types = random_below(3) ? NULL : types,
        .max_record = random_below(5) ? 1000000 : 60 + random_below(100),
        .max_depth = 10,
    };
}

static void try_texts(int rounds, uint32_t rows, uint32_t odd)
{
    static const char *const ends[] = { "\n", "\r\n", "\r" };
    struct types types = { 0 };
    struct err e = { 0 };
    struct buf b = { 0 };
    CHECK(types_parse(&types, "column1=integer,column2=number,column3=boolean",
                      &e) == 0);
    for (size_t i = 0; i < types.n; i++)
        types.entries[i].required = false;
    for (int round = 0; round < rounds; round++) {
        struct csvtok_dialect d = dialects[random_below(DIALECTS)];
        struct source_opts opts = random_opts(d, &types);
        const char *end = ends[random_below(3)];
        uint32_t columns = 1 + random_below(5);
        buf_reset(&b);
        if (random_below(8) == 0)
            buf_addz(&b, "\xef\xbb\xbf");
        /* A first row of any length: what follows is at any alignment. */
        for (uint32_t i = 0, n = random_below(130); i < n; i++)
            buf_addc(&b, 'y');
        for (uint32_t i = 1; i < columns; i++)
            buf_addf(&b, "%cx", d.delimiter);
        buf_addz(&b, end);
        add_rows(&b, d, columns, rows, odd, end);
        if (random_below(4) == 0)
            b.n -= random_below((uint32_t)b.n / 2);
        bool same = agrees(buf_str(&b), &opts);
        if (!same)
            print_bytes(buf_str(&b));
        CHECK(same);
    }
    buf_free(&b);
    types_free(&types);
}

TEST("batches agree with libcsv on short texts with much that is odd")
{
    batched = in_all = 0;
    try_texts(3000, 12, 200);
    CHECK(batched > in_all / 10);
}

TEST("batches agree with libcsv on texts beyond a chunk, oddities rare")
{
    batched = in_all = 0;
    try_texts(40, 4000, 1);
    CHECK(batched > in_all / 4);
}

TEST("every short text is read as libcsv reads it, in every place")
{
    static const char letters[] = "a\",\n\r";
    struct source_opts opts = { .format = "csv",
                                .csv = { .no_header = true },
                                .max_record = 1000,
                                .max_depth = 10 };
    char text[200];
    for (unsigned code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        unsigned c = code;
        size_t pad = 50 + code % 20; /* the end of a block of 64 is in it */
        memset(text, 'p', pad);
        memcpy(text, "a,b\n", 4);
        memcpy(text + pad, ",q\n", 3);
        for (size_t i = 0; i < 5; i++, c /= 5)
            text[pad + 3 + i] = letters[c % 5];
        memcpy(text + pad + 8, ",x\r\ny,z\n", 8);
        bool same = agrees((struct str){ text, pad + 16 }, &opts);
        if (!same)
            print_bytes((struct str){ text, pad + 16 });
        CHECK(same);
    }
}

TEST("clean rows come in batches, all but the first")
{
    struct buf b = { 0 };
    struct source_opts opts = { .format = "csv",
                                .max_record = 1000,
                                .max_depth = 10 };
    buf_addz(&b, "a,b\n");
    for (int i = 0; i < 20000; i++)
        buf_addf(&b, "%d,\"x \"\"%d\"\"\"\r\n", i, i);
    batched = in_all = 0;
    CHECK(agrees(buf_str(&b), &opts));
    CHECK(batched == in_all);
    buf_free(&b);
}

TEST("a row longer than a chunk is read, and those behind it")
{
    struct buf b = { 0 };
    struct source_opts opts = { .format = "csv",
                                .max_record = 1 << 20,
                                .max_depth = 10 };
    buf_addz(&b, "a,b\n1,\"");
    for (unsigned i = 0; i < 2 * CSVSCAN_MAX; i++)
        buf_addz(&b, i % 90 ? "x" : "\n");
    buf_addz(&b, "\"\n");
    for (unsigned i = 0; i < 10000; i++)
        buf_addz(&b, "1,2\n");
    CHECK(agrees(buf_str(&b), &opts));
    buf_free(&b);
}

UNIT_MAIN
