/* source: where records come from: one interface, one file a connector.
 *
 * A source hands out items one by one: a record, or a piece of input that is
 * none, with the reason. It never repairs: what cannot be told apart any more
 * (a truncated file, garbage between records) ends it with ERR_DATA.
 *
 * csv, json and ndjson read bytes from an input, which a feed opens
 * (source/feed.h). A connector (source/ops.h) that has records and no bytes (a
 * database, a broker) gets no input and connects by its URI. Not
 * thread-safe. */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/input.h"
#include "position/position.h"
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
    /* Where the source goes on behind this item (RECORDS: behind the last of
     * them), as a JSON scalar of the connector's position_kind; empty where it
     * has no positions of its own. */
    struct str partition;
    struct str position;
};

/* How much of the dialect of CSV is found out (source/csvsniff.h). */
enum source_detect {
    SOURCE_DETECT_SAFE, /* the delimiter, where the header has no comma */
    SOURCE_DETECT_AUTO, /* what was not said, from the first 64 KiB */
    SOURCE_DETECT_NONE  /* nothing */
};

/* How CSV is written. The defaults are RFC 4180. */
struct source_csv {
    char delimiter; /* 0: ',' (csv) or tab (tsv) */
    char quote;     /* 0: '"' */
    bool no_quote;  /* quotes are ordinary characters */
    char escape;    /* makes the next delimiter, quote, line end or
                       escape an ordinary character; 0: none */
    enum source_detect detect;
    bool no_header;            /* the first row is a record */
    const struct str *columns; /* names instead of the header's; borrowed */
    size_t n_columns;          /* 0: none given */
    const char *const *nulls;  /* cells that mean null; borrowed */
    size_t n_nulls;
    bool libcsv; /* no row is read by the faster reader: for tests, which
                    compare the two. PIPE_SIMD=libcsv says so too */
};

/* A field of lines of fixed width. */
struct source_width {
    struct str name; /* empty: nothing is made of it */
    size_t width;    /* characters of UTF-8; 0, in the last one: the rest */
};

struct path;
struct source_query;

/* What --cursor asks of a connector that can look for it (a database, an API);
 * others need not care: what is below is skipped. */
struct source_cursor {
    const char *field; /* a column */
    struct str from;   /* JSON scalar: records with field >= from; empty: all */
};

struct source_opts {
    const char *format; /* of source_formats; NULL: found out */
    struct source_csv csv;
    const char *encoding; /* of the bytes, as iconv(3) calls it; borrowed; NULL:
                             UTF-8 */
    const struct path *records; /* json: where the records are in each document;
                                   borrowed; NULL: they are the documents */
    /* Formats of lines: csv, tsv, fixed, regex. */
    uint64_t skip; /* lines passed over at the beginning */
    char comment;  /* lines that start so are passed over; 0: none */
    const struct types *types;         /* of columns; borrowed; NULL: strings */
    const struct source_width *widths; /* fixed: n_widths fields; borrowed */
    size_t n_widths;
    const char *regex;     /* regex: the pattern, or the name of one that is
                              known (source/logpattern.h); borrowed */
    const char *multiline; /* regex: a line that this pattern is found in starts
                              a record; borrowed; NULL: each does */
    const char *csv_option;  /* an option given that only CSV and TSV take, and
                                one that only formats of lines take, for the */
    const char *line_option; /* message where the source is not; or NULL */
    size_t max_record;       /* bytes */
    unsigned max_depth;      /* levels of nesting */
    const struct source_query *query;   /* of a database (source/query.h);
                                           borrowed; NULL where there is none */
    const struct source_cursor *cursor; /* borrowed; NULL: none */
    const struct positions *resume;     /* where to go on; borrowed; NULL or
                                           without the partition: at the
                                           beginning */
    bool follow;                        /* wait for more, without an end */
    bool each;          /* one record an item: the position of each is wanted */
    unsigned jobs;      /* of -j; 0: not given */
    bool (*stop)(void); /* true once a signal came; or NULL */
    const char *app;    /* what servers shall call us */
    const char *pipeline;  /* whose positions are kept; NULL: no name */
    const char *state_dir; /* a folder for what the connector must keep
                              (a journal); made when used; NULL: none */
    bool notes; /* what a feed notes of inputs that were read reaches the load,
                   and all of them are read to their end */
    struct input_limits limits; /* of inputs that a feed opens */
    /* Told, under -v, what is worth a word. NULL: nobody listens. */
    void (*say)(void *listener, const char *text);
    void *listener;
};

/* For options: "csv", "tsv", "ndjson", "json", "fixed", "regex", "parquet",
 * NULL. */
extern const char *const source_formats[];

struct source;

/* Opens the records of in (borrowed until source_close; hooks and limits set
 * before). The format is opts->format, else in->format, else what the name
 * in->uri says (.csv .tsv .ndjson .jsonl .json .parquet, also with .gz, .zst,
 * .bz2, .xz or .lz4 behind), else what
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

/* The next item: 1, 0 at the end, -1 with e (ERR_DATA with e->line), or
 * SOURCE_IDLE: nothing for now (a live source; it has waited a moment), so
 * that the caller can send on what it holds, and ask again. */
#define SOURCE_IDLE 2
int source_next(struct source *s, struct source_item *item, struct err *e);

/* The format in use, static. */
const char *source_format(const struct source *s);

/* The partitions of at are committed by the load up to there: the connector
 * may let the server forget what lies before (a replication slot, a consumer
 * group). 0 or -1. */
int source_confirm(struct source *s, const struct positions *at, struct err *e);

/* How many records wait behind what was read: 1 with *lag, 0 where nobody
 * knows. */
int source_lag(struct source *s, uint64_t *lag);

/* How this source's positions compare; POSITION_MARK where it has none. */
enum position_kind source_position_kind(const struct source *s);

/* Appends what a replay needs to read a rejected item's raw again: as a JSON
 * object, {"format":"csv","delimiter":",","header":[...], ...}; and as
 * NUL-terminated options, one behind the other ("--format=csv" "--no-header"
 * "--columns=a,b" ...). Returns 0 or -1 (memory). */
int source_context(const struct source *s, struct buf *json, struct err *e);
int source_args(const struct source *s, struct buf *args, struct err *e);

/* Appends a line on what was found out about how the source is written, where
 * that is not what its format is by default; or nothing. 0 or -1 (memory). */
int source_found(const struct source *s, struct buf *text, struct err *e);

/* Appends a line on what was read well but looks as if the options do not fit
 * the source, or nothing. Returns 0 or -1 (memory). */
int source_doubt(const struct source *s, struct buf *text, struct err *e);

/* Frees s (NULL is fine); the input stays open. */
void source_close(struct source *s);

#endif
