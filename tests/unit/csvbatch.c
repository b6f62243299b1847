/* Unit tests of CSV read in batches: with every kernel it gives what libcsv
 * gives row by row. */
#include "unit.h"

#include "../lib/csvdiff.h"
#include "../lib/csvrandom.h"
#include "json/scan.h"
#include "source/csvscan.h"

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
        if (d.comment && random_below(10) == 0)
            buf_addc(b, d.comment);
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
        .comment = d.comment,
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

TEST("nulls that are written with doubled quotes or escapes are found")
{
    static const char *const nulls[] = { "a\"b", "\t", "it's" };
    struct source_opts opts = { .format = "csv",
                                .max_record = 1000,
                                .max_depth = 10 };
    opts.csv.nulls = nulls;
    opts.csv.n_nulls = 3;
    CHECK(agrees(STR("a,b\n\"a\"\"b\",1\n\t,2\nit's,3\na,4\n"), &opts));
    opts.csv.quote = '\'';
    CHECK(agrees(STR("a,b\n'it''s',1\nit's,2\na,3\na\"b,4\n"), &opts));
    opts.csv.nulls = nulls + 2;
    opts.csv.n_nulls = 1;
    CHECK(agrees(STR("a,b\n'it''s',1\nits,2\na,3\n'its',4\n"), &opts));
}

TEST("the limit is one of the row too, where its record is shorter")
{
    struct types types = { 0 };
    struct err e = { 0 };
    struct source_opts opts = {
        .format = "csv", .types = &types, .max_record = 12, .max_depth = 10
    };
    CHECK(types_parse(&types, "a=integer", &e) == 0);
    CHECK(agrees(STR("a\n1\n          12\n           12\n2\n"), &opts));
    CHECK(agrees(STR("a\r\n1\r\n000000000012\r\n0000000000012\r\n"), &opts));
    types_free(&types);
}

UNIT_MAIN
