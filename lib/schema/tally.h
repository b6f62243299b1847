/* tally: how many records each rule rejected, for a summary. */
#ifndef SCHEMA_TALLY_H
#define SCHEMA_TALLY_H

#include "base/arena.h"
#include "base/str.h"
#include "schema/schema.h"

/* Rules that are told apart; records may name properties at will, so what
 * comes behind them is counted as one. */
#define TALLY_RULES_MAX 4096

struct tally_row {
    const char *code;
    struct str rule; /* JSON Pointer with * for array indexes */
    uint64_t records;
    uint64_t last; /* number of the last such record */
};

struct tally {
    struct tally_row *rows; /* owned */
    size_t n;
    uint32_t *slots;    /* owned; open addressing: index + 1 */
    struct arena arena; /* of the pointers' text */
    uint64_t records;   /* counted in all */
    uint64_t others;    /* errors of rules that had no room */
};

/* Counts one record with its errors. 0 or -1 (no memory). */
int tally_add(struct tally *t, const struct schema_error *errors, size_t n);

/* Adds what another one counted of other records. 0 or -1 (no memory). */
int tally_merge(struct tally *t, const struct tally *other);

/* Sorts the rows, most records first, and then no more may be added. */
void tally_sort(struct tally *t);

void tally_free(struct tally *t);

#endif
