/* duck_talk: a DuckDB database and statements on it.
 *
 * One thread; DuckDB's own have all signals blocked. */
#ifndef DUCK_DUCK_TALK_H
#define DUCK_DUCK_TALK_H

#include "base/buf.h"
#include "base/err.h"
#include "duck/duck_api.h"

/* What DuckDB may use: what goes beyond is spilled to files. The environment
 * variable says otherwise, as DuckDB takes it ("4GB"). */
#define DUCK_MEMORY "512MB"
#define DUCK_MEMORY_ENV "PIPE_DUCKDB_MEMORY"
#define DUCK_THREADS "2"

struct duck {
    const struct duck_api *api; /* NULL: not loaded yet */
    duck_handle db, con;        /* owned; NULL: not open */
    const char *target;         /* borrowed, for messages */
    struct buf sql;
};

/* The answer to a query, as texts. */
struct duck_rows {
    size_t n, columns;
    struct buf text;   /* cells, a NUL behind each */
    struct buf places; /* size_t of each in text; SIZE_MAX: NULL */
};

/* Opens the database file, made where it is not there; NULL: in memory. What
 * does not fit the memory goes below folder spill. ERR_TEMPFAIL with *busy set
 * where another process has it open. 0 or -1. */
int duck_open(struct duck *d, const char *path, const char *spill, bool *busy,
              struct err *e);

/* Closes it; what was not committed is gone. */
void duck_shut(struct duck *d);
void duck_free(struct duck *d);

/* Runs d->sql, or sql. 0 or -1. changed receives the number of rows where it
 * is not NULL. */
int duck_run_sql(struct duck *d, const char *doing, uint64_t *changed,
                 struct err *e);
int duck_run(struct duck *d, const char *sql, const char *doing, struct err *e);

/* Runs d->sql, all of whose columns are VARCHAR. out is to be freed in every
 * case. 0 or -1. */
int duck_query(struct duck *d, const char *doing, struct duck_rows *out,
               struct err *e);

/* The answer to a query, a chunk at a time as it is made. */
struct duck_stream {
    duck_handle statement, pending;
    struct duck_result result;
    duck_handle chunk; /* owned: the last one */
    bool ready;        /* result is to be destroyed */
};

/* Runs d->sql. duck_stream_close in every case. 0 or -1. */
int duck_stream_open(struct duck *d, const char *doing, struct duck_stream *s,
                     struct err *e);

/* The next chunk, s->chunk, which stays until the next call: 1; 0 at the end;
 * -1. DuckDB does not always tell an end from a failure: count what comes. */
int duck_stream_next(struct duck *d, const char *doing, struct duck_stream *s,
                     struct err *e);
void duck_stream_close(struct duck *d, struct duck_stream *s);

/* A cell; NULL for NULL. */
const char *duck_cell(const struct duck_rows *r, size_t row, size_t column);
void duck_rows_free(struct duck_rows *r);

/* An appender to a temporary table; NULL with e. */
duck_handle duck_appender(struct duck *d, const char *table, struct err *e);

/* Appends the chunk. 0 or -1. */
int duck_append(struct duck *d, duck_handle appender, duck_handle chunk,
                struct err *e);

/* Sends the rest and frees the appender. 0 or -1. */
int duck_appender_end(struct duck *d, duck_handle *appender, struct err *e);

/* Appends a quoted identifier; a quoted literal. */
void duck_ident(struct buf *b, struct str name);
void duck_literal(struct buf *b, struct str text);

#endif
