/* source: where records come from: one interface, one file a connector.
 *
 * A source hands out items one by one: a record, or a piece of input that is
 * none, with the reason. It never repairs: what cannot be told apart any more
 * (a truncated file, garbage between records) ends it with ERR_DATA.
 *
 * A connector is a struct source_ops in a file of its own, named in
 * source.c's table. csv, json and ndjson read bytes from an input; one that
 * has no bytes (a database, a broker) gets no input and connects by its URI.
 * Not thread-safe. */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/input.h"
#include "source/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum source_kind {
    SOURCE_RECORD,    /* text is one JSON object, checked, within the limits */
    SOURCE_RECORDS,   /* text is `count` of them, LF behind each */
    SOURCE_UNCHECKED, /* text is raw: to be checked as JSON by the caller */
    SOURCE_REJECT     /* no record: faults say why */
};

/* One reason why an item is no record. */
struct source_fault {
    const char *code; /* static, lower_case */
    struct str path;  /* JSON Pointer of the field, "" for the record */
    struct str message;
};

/* All slices are borrowed until the next source_next. */
struct source_item {
    enum source_kind kind;
    struct str text; /* the record on one line; empty for REJECT */
    size_t count;    /* RECORDS: at least one */
    struct str raw;  /* exactly as in the source, without the line end; the
                        first LINES_KEEP bytes where it is too long; RECORDS:
                        all of them with their line ends */
    uint64_t line;   /* 1-based, of its first byte; 0: no lines there */
    uint64_t offset; /* 0-based, of its first byte, decompressed */
    uint64_t length; /* of the whole where raw is cut, else 0 */
    const struct source_fault *faults; /* REJECT: at least one */
    size_t n_faults;
};

/* How CSV is written. The defaults are RFC 4180. */
struct source_csv {
    char delimiter;            /* 0: ',' (csv) or tab (tsv) */
    char quote;                /* 0: '"' */
    bool no_quote;             /* quotes are ordinary characters */
    bool no_header;            /* the first row is a record */
    const struct str *columns; /* names instead of the header's; borrowed */
    size_t n_columns;          /* 0: none given */
    const char *const *nulls;  /* cells that mean null; borrowed */
    size_t n_nulls;
    bool libcsv; /* no row is read by the faster reader: for tests, which
                    compare the two. PIPE_SIMD=libcsv says so too */
};

struct source_query;

struct source_opts {
    const char *format; /* of source_formats; NULL: found out */
    struct source_csv csv;
    const struct types *types; /* of CSV columns; borrowed; NULL: strings */
    const char *csv_option;    /* an option given that only CSV and TSV take,
                                  for the message where they are not; NULL */
    size_t max_record;         /* bytes */
    unsigned max_depth;        /* levels of nesting */
    const struct source_query *query; /* of a database (source/query.h);
                                         borrowed; NULL where there is none */
};

/* For options: "csv", "tsv", "ndjson", "json", NULL. */
extern const char *const source_formats[];

struct source;

/* Opens the records of in (borrowed until source_close; hooks and limits set
 * before). The format is opts->format, else what the name in->uri says
 * (.csv .tsv .ndjson .jsonl .json, also with .gz or .zst behind), else what
 * the first bytes look like. opts is borrowed. Reads the CSV header. Returns
 * 0 with *s owned, freed with source_close; -1 with ERR_DATA (no format, a
 * header that is no header), ERR_USAGE (opts do not fit the format) or what
 * input_read gives. */
int source_open(struct source **s, struct input *in,
                const struct source_opts *opts, struct err *e);

/* True if uri names a source without bytes: for source_connect. */
bool source_is_remote(const char *uri);

/* Opens the records behind such a URI (borrowed until source_close), asking
 * what opts->query says. As source_open, and what the connector gives:
 * ERR_USAGE also for a query that gives no rows, ERR_NOINPUT, ERR_UNAVAILABLE,
 * ERR_NOPERM, ERR_CONFIG (SQL that does not fit the database), ERR_TEMPFAIL. */
int source_connect(struct source **s, const char *uri,
                   const struct source_opts *opts, struct err *e);

/* The next item: 1, 0 at the end, -1 with e (ERR_DATA with e->line). */
int source_next(struct source *s, struct source_item *item, struct err *e);

/* The format in use, static. */
const char *source_format(const struct source *s);

/* Appends what a replay needs to read a rejected item's raw again: as a JSON
 * object, {"format":"csv","delimiter":",","header":[...], ...}; and as
 * NUL-terminated options, one behind the other ("--format=csv" "--no-header"
 * "--columns=a,b" ...). Returns 0 or -1 (memory). */
int source_context(const struct source *s, struct buf *json, struct err *e);
int source_args(const struct source *s, struct buf *args, struct err *e);

/* Appends a line on what was read well but looks as if the options do not fit
 * the source, or nothing. Returns 0 or -1 (memory). */
int source_doubt(const struct source *s, struct buf *text, struct err *e);

/* Frees s (NULL is fine); the input stays open. */
void source_close(struct source *s);

#endif
