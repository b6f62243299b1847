/* cells: a row of cells as a record, or the reasons why it is none.
 *
 * What formats of lines share once a line is cut: names and types of the
 * columns, null tokens, what is no text. Not thread-safe. */
#ifndef SOURCE_CELLS_H
#define SOURCE_CELLS_H

#include "base/arena.h"
#include "base/buf.h"
#include "source/columns.h"
#include "source/source.h"

#define CELLS_FAULTS_MAX 16 /* reasons given for one row */

struct cells {
    const struct source_opts *opts; /* borrowed */
    struct columns columns;         /* set up by the format */
    bool unquoted; /* the format has no quotes: a cell of no bytes is empty, and
                      one with .p NULL is not there, which is null */
    struct buf out;     /* the record */
    struct arena arena; /* messages of one row */
    struct source_fault faults[CELLS_FAULTS_MAX];
    size_t n_faults;
};

void cells_init(struct cells *c, const struct source_opts *opts);
void cells_free(struct cells *c);

/* Forgets the row before. */
void cells_begin(struct cells *c);

/* Adds a reason; code and path are borrowed, the message is copied. What
 * exceeds CELLS_FAULTS_MAX is left out. 0 or -1 (memory). */
int cells_fault(struct cells *c, const char *code, struct str path,
                struct str message, struct err *e);
int cells_faultf(struct cells *c, struct err *e, const char *code,
                 struct str path, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* UTF-8 without a NUL byte? */
bool cells_is_text(struct str raw);

/* Writes the row's cells, one for each column, into c->out, or adds reasons;
 * raw is all of the row. A cell with .p NULL is empty without quotes (or see
 * `unquoted`). cells may be NULL where raw is no text. 0 or -1 (memory). */
int cells_write(struct cells *c, const struct str *cells, struct str raw,
                struct err *e);

/* The row as an item: kind, text and faults. */
void cells_item(const struct cells *c, struct source_item *item);

/* The first bytes of a cell, whole characters only: for messages. */
struct str cells_excerpt(struct str cell);

/* Of names, types and nulls, what a replay needs: as members of a JSON object
 * with a comma before, and as options, each with a NUL behind it. 0 or -1. */
int cells_context(const struct cells *c, struct buf *json);
int cells_args(const struct cells *c, struct buf *args);

/* Adds "--name=value" and its NUL; a cell of a list that csvtok_split reads,
 * and suffix behind it. 0 or -1. */
int cells_option(struct buf *b, const char *name, struct str value);
int cells_list_add(struct buf *b, bool first, struct str text,
                   const char *suffix);

#endif
