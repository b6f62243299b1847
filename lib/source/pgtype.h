/* pgtype: which form in JSON a value of PostgreSQL has, by its type.
 *
 * Thread-safe. */
#ifndef SOURCE_PGTYPE_H
#define SOURCE_PGTYPE_H

#include "base/buf.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdbool.h>

enum pgtype_kind {
    PGTYPE_TEXT, /* as it stands, a string */
    PGTYPE_BOOL,
    PGTYPE_NUMBER, /* a number; NaN and Infinity strings */
    PGTYPE_JSON,   /* as it is */
    PGTYPE_BYTES,  /* hexadecimal: a string of base64 */
    PGTYPE_TIME    /* an instant: as RFC 3339 */
};

struct pgtype {
    enum pgtype_kind kind; /* of the elements, where it is an array */
    bool array;
    char delimiter; /* between elements */
};

/* Of a type by its number in pg_type, the same in every database. False where
 * it is not one of these: an array, or one that somebody defined. */
bool pgtype_of(unsigned oid, struct pgtype *t);

/* Appends the statement that asks a server for the types of these numbers, with
 * commas between them: for domains and arrays, which are looked through. Who
 * has no row in the answer is PGTYPE_TEXT. */
void pgtype_ask(struct buf *sql, struct str oids);

/* A row of the answer: the number of the type, and which form it has. */
unsigned pgtype_answer(const PGresult *rows, int row, struct pgtype *t);

/* May a position be kept of a column of this type: does the server order its
 * values as their text or number or time says, if texts compare by bytes? */
bool pgtype_is_cursor(unsigned oid, bool *text);

/* How a range of such a column is cut into equal ones. */
enum pgtype_cut {
    PGTYPE_CUT_INTEGER,
    PGTYPE_CUT_TIME, /* infinity left out */
    PGTYPE_CUT_DATE,
    PGTYPE_CUT_ORDER /* by counting its values in order */
};
enum pgtype_cut pgtype_cut(unsigned oid);

#endif
