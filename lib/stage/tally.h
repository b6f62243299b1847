/* tally: how many records each rule rejected, and the first of them, for a
 * summary. A rule is a code, a place in the record (with * for array indexes),
 * one in the schema, and the name of a check, as reasons have them. */
#ifndef STAGE_TALLY_H
#define STAGE_TALLY_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* Rules that are told apart, and bytes of their names; records may name
 * properties at will, so what comes behind them is counted as one. */
#define TALLY_RULES_MAX 4096
#define TALLY_BYTES_MAX ((size_t)16 << 20)
#define TALLY_EXAMPLE_BYTES 200 /* kept of a path or message */

struct reason;
struct record;

struct tally_row {
    const char *code;
    struct str rule; /* JSON Pointer with * for array indexes */
    struct str schema, check;
    uint64_t records;
    uint64_t last;            /* number of the last such record */
    uint64_t line;            /* of the first, 0: not known */
    struct str path, message; /* of the first, maybe cut */
};

/* Zeroed to begin with. */
struct tally {
    struct tally_row *rows; /* owned */
    size_t n;
    uint32_t *slots;    /* owned; open addressing: index + 1 */
    struct arena arena; /* of the rows' text */
    uint64_t records;   /* counted in all */
    uint64_t others;    /* errors of rules that had no room */
};

/* Counts one record with its reasons. 0 or -1 (no memory). */
int tally_add(struct tally *t, const struct record *rec,
              const struct reason *reasons, size_t n);

/* Sorts the rows, most records first, and then no more may be added. */
void tally_sort(struct tally *t);

void tally_free(struct tally *t);

#endif
