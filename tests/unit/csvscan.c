/* Unit tests of the scanner of CSV: its kernels agree with each other. */
#include "unit.h"

#include "../lib/csvrandom.h"
#include "json/scan.h"
#include "source/csvscan.h"

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

TEST("all kernels say the same, at every alignment and length")
{
    static char block[8192 + CSVSCAN_PADDING];
    static struct csvscan s;
    struct buf text = { 0 }, want = { 0 }, have = { 0 };
    size_t rows = 0;
    printf("# kernels:");
    for (size_t k = 0; k < KERNELS; k++)
        if (scan_use(kernels[k]))
            printf(" %s", kernels[k]);
    printf("\n");
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

UNIT_MAIN
