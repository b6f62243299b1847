/* tidy: strings of a record brought to one form.
 *
 * White space is what Unicode calls so (the property White_Space), however it
 * is escaped. Characters that stay keep their bytes, escapes included; keys
 * and values that are no strings are left alone. Not thread-safe. */
#ifndef RESHAPE_TIDY_H
#define RESHAPE_TIDY_H

#include "base/buf.h"
#include "base/err.h"
#include "json/path.h"
#include "json/splice.h"

#include <locale.h>

enum tidy_kind {
    TIDY_TRIM,      /* no white space at both ends */
    TIDY_SQUEEZE,   /* each run of white space is one space */
    TIDY_LOWER,     /* small letters of any script, one by one */
    TIDY_UPPER,     /* capital letters */
    TIDY_EMPTY_NULL /* an empty string is null */
};

struct tidy {
    enum tidy_kind kind;
    struct path *fields; /* owned; none: the whole record */
    size_t n_fields;
    locale_t letters; /* owned; 0: none was needed yet */
    /* of the record in hand */
    struct str *found;      /* owned: one a field */
    struct splice *splices; /* owned; their texts are offsets until the end */
    size_t n, cap;
    struct buf text, one;
};

/* fields is "a,b.c" (.p NULL: all strings of the record); a field that is an
 * object or array has all strings in it tidied. 0, or -1 with e (ERR_USAGE,
 * also where fields overlap); tidy_free is due either way. */
int tidy_init(struct tidy *t, enum tidy_kind kind, struct str fields,
              struct err *e);
void tidy_free(struct tidy *t);

/* Appends record, tidied: 1, or 0 and nothing if there was nothing to do; -1
 * without memory; -3 where the system has no letters beyond ASCII (the locale
 * C.UTF-8). */
int tidy_run(struct tidy *t, struct str record, struct buf *out);

#endif
