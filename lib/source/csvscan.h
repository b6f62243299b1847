/* csvscan: one pass over a chunk of CSV that leaves where its cells end.
 *
 * A chunk starts where a row starts. Quotes, delimiters and line ends are found
 * as bit masks of 64 bytes; which of them are inside quotes follows from the
 * parity of the quotes before (a prefix sum of bits by carry-less multiply:
 * Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019, section
 * 3.1). That is the truth only for rows that keep to RFC 4180: a quote opens at
 * the start of a cell, closes at its end, and is doubled in between. At the
 * first byte that breaks this, or that is anything else out of the ordinary,
 * the scan stops and says where: what that row is, a slower reader decides.
 *
 * Thread-safe; each thread uses a struct of its own. */
#ifndef SOURCE_CSVSCAN_H
#define SOURCE_CSVSCAN_H

#include "source/csvtok.h"

#include <stdint.h>

#define CSVSCAN_MAX 32768u /* bytes of a chunk at most */
#define CSVSCAN_PADDING 64 /* bytes that must be readable behind a chunk */

struct csvscan {
    /* What is looked for: csvscan_init. */
    uint8_t quote, delimiter;
    uint64_t quotes; /* all bits, or none where quotes are text */
    uint64_t lf;     /* all bits where LF ends a row, none where CR does */

    /* What was found. Positions count from the chunk's first byte. */
    uint32_t n;     /* cell ends */
    uint32_t whole; /* rows that end before it keep to the rules */
    bool odd;       /* the byte at `whole`, or the one before it, does not */
    bool high;      /* there are bytes above 0x7f before `whole` */
    /* Each cell's delimiter or line end (the LF of CRLF), in order. */
    uint16_t end[CSVSCAN_MAX + 128];
    /* Bit i of word k is byte 64k + i: a byte inside a cell that JSON wants
     * escaped, or the second one of a doubled quote. Behind the chunk there is
     * one word with all bits set. */
    uint64_t special[CSVSCAN_MAX / 64 + 2];
};

/* cr_ends: rows end with CR alone, else with LF or CRLF. */
void csvscan_init(struct csvscan *s, struct csvtok_dialect d, bool cr_ends);

/* Scans p[0 .. n), n at most CSVSCAN_MAX, with the kernel that scan_kernel
 * names, or the scalar one where there is none for CSV. */
void csvscan_run(struct csvscan *s, const char *p, uint32_t n);

/* The first special position at or behind `from`. */
static inline uint32_t csvscan_special(const struct csvscan *s, uint32_t from)
{
    uint32_t k = from >> 6;
    uint64_t word = s->special[k] & ~(uint64_t)0 << (from & 63);

    while (!word)
        word = s->special[++k];
    return k << 6 | (uint32_t)__builtin_ctzll(word);
}

#endif
