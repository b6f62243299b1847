/* duck_stage: records as rows of a typed temporary table in DuckDB.
 *
 * The table _pipe_stage has the record's number (_pipe_seq), the set of fields
 * that it had (_pipe_set) and a column _pipe_cI for each column I of the
 * target. Numbers whose column has no type yet are staged as their text; the
 * type that holds all of them exactly is chosen when all are there.
 *
 * duck_stage.c is the columns and the table, duck_value.c one value. Internal
 * to lib/sink. */
#ifndef SINK_DUCK_STAGE_H
#define SINK_DUCK_STAGE_H

#include "duck/duck_talk.h"
#include "sink/table.h"

__extension__ typedef __int128 duck_int;

#define DUCK_STAGE "_pipe_stage"
#define DUCK_ALL "_pipe_all"
#define DUCK_SETS_MAX 4096 /* different sets of fields in one load */
#define DUCK_DIGITS 38     /* of a DECIMAL */

/* How a column is staged. */
enum duck_staged {
    STAGED_BIGINT,
    STAGED_HUGEINT,
    STAGED_DECIMAL18, /* DECIMAL(18, places) */
    STAGED_DECIMAL38,
    STAGED_DOUBLE,
    STAGED_BOOLEAN,
    STAGED_TEXT,
    STAGED_BLOB,
    STAGED_DATE,
    STAGED_TIMESTAMP,
    STAGED_TIMESTAMPTZ
};

/* What struct column does not say. */
struct duck_column {
    enum duck_staged staged;
    duck_int least, most; /* of an integer */
    bool is_new;          /* the target gets it with this load */
    bool may_widen;       /* its type may follow the numbers that come */
    bool retyped;         /* it did */
    bool parsed;          /* its texts are parsed when all are there */
    bool not_null;
    bool unfit;     /* of a type that takes no value of ours */
    char *fallback; /* owned: DEFAULT, or how it is computed, as SQL */
    /* COLUMN_NUMERIC, which waits for its type: what came so far */
    unsigned whole, places; /* digits before the point, behind it */
    bool fraction;          /* not all were whole */
    bool long_integer;      /* one is no BIGINT */
};

struct duck_stage {
    struct duck *duck;            /* borrowed */
    const struct sink_spec *spec; /* borrowed */
    struct table table;
    struct duck_column *more; /* owned: of each of table.v */
    size_t more_cap;
    bool no_hugeint; /* whole numbers past BIGINT are DECIMAL(38,0) */
    bool made;       /* the temporary table is there */
    bool folded;     /* one row a key: _pipe_hI tells whether it has column I,
                        and the records' own rows are in _pipe_all */
    size_t made_columns;
    duck_handle appender, chunk; /* owned */
    struct duck_vector {
        duck_handle vector;
        void *data;
        uint64_t *valid;
    } * vectors;              /* owned: two of our own, then the columns' */
    size_t rows, room, bytes; /* in the chunk */
    char **sets;              /* owned: "0110": which columns a record had */
    size_t n_sets, cap_sets, last_set;
    uint64_t n; /* rows staged */
    struct buf fields, text;
};

/* Starts with no columns. 0 or -1. */
int duck_stage_init(struct duck_stage *s, struct duck *d,
                    const struct sink_spec *spec, struct err *e);

/* Drops rows and columns. */
void duck_stage_clear(struct duck_stage *s);
void duck_stage_free(struct duck_stage *s);

/* Appends a column of that SQL type, which decides what it takes. NULL with
 * e. */
struct duck_column *duck_stage_column(struct duck_stage *s, struct str name,
                                      const char *type, struct err *e);

/* Appends a column for numbers whose type follows them. */
struct duck_column *duck_stage_numbers(struct duck_stage *s, struct str name,
                                       struct err *e);

/* Appends the spec's audit columns that are not there. 0 or -1. */
int duck_stage_audits(struct duck_stage *s, struct err *e);

/* Makes the type of a column that the target has follow the numbers that come:
 * from now on it is staged as text. 0 or -1. */
int duck_stage_widen(struct duck_stage *s, size_t column, struct err *e);

/* Writes a record with that number: 1, 0 with why, -1 with e. */
int duck_stage_take(struct duck_stage *s, const struct sink_record *r,
                    uint64_t number, struct sink_refusal *why, struct err *e);

/* Sends what waits and settles the types: then each column's type is the one
 * that the target gets. 0 or -1. */
int duck_stage_end(struct duck_stage *s, struct err *e);

/* The JSON types that a column takes, as bits. */
unsigned duck_stage_takes(const struct column *c);

/* How many of the sets have the column. */
size_t duck_stage_having(const struct duck_stage *s, size_t column);

/* Appends to the duck's SQL: a condition, that the row has the column; the
 * staged value in the column's type. */
void duck_stage_add_has(struct duck_stage *s, size_t column);
void duck_stage_add_value(struct duck_stage *s, size_t column);

/* ---- duck_value.c */

/* Writes the value of the record at hand into a vector's row: 1, 0 with why,
 * -1 with e. 2: the column is to be widened first. */
int duck_value_put(struct duck_stage *s, size_t column,
                   struct sink_refusal *why, struct err *e);

/* Fills how a column of that SQL type is staged, and what it takes. */
void duck_value_kind(struct column *c, struct duck_column *more);

/* Appends a JSON number without an exponent; false where it has more than
 * DUCK_DIGITS digits. */
bool duck_value_plain(struct buf *out, struct str number);

#endif
