/* table: a target's table, and a record laid over its columns.
 *
 * What all connectors share: which columns there are, which field goes into
 * which, the partition's value, the keys. Internal to lib/sink. */
#ifndef SINK_TABLE_H
#define SINK_TABLE_H

#include "json/value.h"
#include "sink/layout.h"
#include "sink/sink.h"

/* What a column takes. */
enum column_kind {
    COLUMN_ANY, /* whatever comes, as it comes */
    COLUMN_INTEGER,
    COLUMN_REAL,    /* binary floating point */
    COLUMN_NUMERIC, /* numbers, and texts that do not look like numbers */
    COLUMN_BOOLEAN,
    COLUMN_TEXT,
    COLUMN_JSON,    /* arrays and objects as their text */
    COLUMN_DECIMAL, /* numbers digit for digit */
    COLUMN_SCALED,  /* integers of 10^-places */
    COLUMN_PARSED,  /* strings that the target parses: times, uuids ... */
    COLUMN_BYTES,   /* bytes, in base64 or hexadecimal */
    COLUMN_ARRAY    /* arrays of one type, as the target has them */
};

struct column {
    char *name; /* owned */
    char *type; /* owned: as declared */
    enum column_kind kind;
    unsigned places;    /* COLUMN_SCALED; of a decimal with so many */
    unsigned precision; /* of a decimal or real: digits; 0: any */
    unsigned bytes;     /* of an integer: 2, 4, 8 */
    bool bounded;       /* a decimal has precision and places */
    bool key;           /* of the spec's keys */
    bool derived;       /* the target computes it: no field goes there */
    bool audit;         /* of the spec's audit columns */
    bool dropped;       /* the schema has it no more: no field goes there */
    struct val val;     /* of the record at hand; type MISSING: not there */
    struct str spelled; /* its key there, as characters */
};

struct table {
    struct column *v; /* owned */
    size_t n, cap;
    size_t max;     /* columns that the target can have */
    size_t guess;   /* where the next field is looked for first */
    bool fold_case; /* names that differ in ASCII case are the same */
    bool exists;
    struct layout layout; /* of the last record that was taken */
    bool plain;       /* the record at hand has no escapes, as far as known */
    uint64_t pattern; /* changes whenever other columns may be filled */
    struct buf keys;  /* unescaped names of the record at hand */
    struct str part_json; /* the partition's value as JSON, borrowed from... */
    struct buf part_buf;  /* ...this */
    /* Makes a column for a field without one: 1; 2: this value needs none; 0
     * with why; -1 with e. NULL: such a record is refused. */
    int (*add)(void *context, struct str name, struct val v,
               struct sink_refusal *why, struct err *e);
    void *context;
};

/* Prepares for the spec. Returns 0 or -1. */
int table_init(struct table *t, const struct sink_spec *spec, struct err *e);

/* Forgets the columns. */
void table_clear(struct table *t);
void table_free(struct table *t);

/* Appends a column, name and type copied; the rest is the caller's to fill.
 * NULL: no memory. */
struct column *table_append(struct table *t, const struct sink_spec *spec,
                            struct str name, const char *type, struct err *e);

/* Do the two name the same column? */
bool table_same_name(const struct table *t, const char *name, struct str s);

/* The column of that name; NULL if there is none. */
struct column *table_find(struct table *t, struct str name);

/* Fills the columns' values from the record: the fields, the partition's
 * value. 1; 0 with why; -1 with e. */
int table_take(struct table *t, const struct sink_spec *spec, struct str record,
               struct sink_refusal *why, struct err *e);

/* The same for a record whose shape may be known. */
int table_take_record(struct table *t, const struct sink_spec *spec,
                      const struct sink_record *r, struct sink_refusal *why,
                      struct err *e);

/* Fills the key columns only, from an object with the key. The same. */
int table_take_keys(struct table *t, const struct sink_spec *spec,
                    struct str record, struct sink_refusal *why, struct err *e);

/* Has the record (of a table that is not there yet) all keys, none null? 1, or
 * 0 with why. */
int table_has_keys(const struct sink_spec *spec, struct str record,
                   struct sink_refusal *why);

/* What the spec asks that the columns have not: keys, decimals (with at_end;
 * fields that come later may bring them). 0, or -1 with ERR_CONFIG. */
int table_check_keys(struct table *t, const struct sink_spec *spec,
                     struct err *e);

/* The decimal wanted for a column; NULL: the default. */
const struct sink_decimal *table_decimal(const struct table *t,
                                         const struct sink_spec *spec,
                                         struct str name);

/* A hash of the columns and their types: changes when the table does. Uses
 * scratch. */
void table_version(const struct table *t, struct buf *scratch, char hex[33]);

/* The characters of a string value: borrowed from it or, where it has escapes,
 * appended to unescaped. 1, or 0 with why where they are no text. */
int table_characters(struct buf *unescaped, const struct column *c,
                     struct val v, struct str *text, struct sink_refusal *why);

/* Refuses a value of the wrong type. */
int table_mismatch(struct sink_refusal *why, const struct column *c,
                   struct val v);

#endif
