/* csvbatch: rows of CSV that need no second look, as records, many at a time.
 *
 * Takes from a row reader all rows at hand that keep to the rules (csvscan.h),
 * have as many cells as there are columns and hold text, and writes them as
 * NDJSON from slices of the input. In front of any other row it stops: that
 * one, and what is wrong with it, is for csvrow_next and its caller, which give
 * the same record for every row taken here. Not thread-safe. */
#ifndef SOURCE_CSVBATCH_H
#define SOURCE_CSVBATCH_H

#include "source/columns.h"
#include "source/csvrow.h"
#include "source/source.h"

struct csvbatch;

/* Borrowed until the next csvbatch_read or csvrow_next. */
struct csvbatch_rows {
    struct str text;       /* the records, LF behind each */
    struct str raw;        /* the rows with their line ends */
    size_t n;              /* records: at least 1 */
    uint64_t line, offset; /* of the first byte of raw */
};

/* Makes *b for rows of these columns, written as o says, of max bytes each at
 * most, whose line ends are known (CR alone, or not); *b stays NULL where no
 * row could be taken. columns and o are borrowed. Owned, freed with
 * csvbatch_free. 0 or -1 (memory). */
int csvbatch_new(struct csvbatch **b, const struct columns *columns,
                 const struct source_csv *o, struct csvtok_dialect d,
                 bool cr_ends, size_t max, struct err *e);

/* 1 with rows filled; 0: the next row, if there is one, is for csvrow_next;
 * -1 with e (reading). Waits for input only with nothing to hand out. */
int csvbatch_read(struct csvbatch *b, struct csvrow_reader *r,
                  struct csvbatch_rows *rows, struct err *e);

/* Frees b (NULL is fine). */
void csvbatch_free(struct csvbatch *b);

#endif
