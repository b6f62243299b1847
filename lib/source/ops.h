/* ops: what a connector implements.
 *
 * A connector is one file, anywhere in lib/, with one such line
 *
 *     SOURCE_CONNECTOR(kafka) = { .name = "kafka", ... };
 *
 * The build finds it by that line (at the start of a line, a lower-case name)
 * and puts it into the table that source.c and pipe-extract look into: nothing
 * else has to know of it. Its struct has a struct source as first member and
 * fills in nothing of that: source_open does. Libraries that a minimal machine
 * may lack are loaded at run time (io/dynlib.h). */
#ifndef SOURCE_OPS_H
#define SOURCE_OPS_H

#include "cli/opt.h"
#include "source/source.h"

struct source_ops {
    const char *name; /* what --format calls it */
    size_t size;      /* of the connector's struct, allocated zeroed */
    bool tabular;     /* takes the options of CSV */
    bool lines;       /* takes those of formats of lines */
    int (*open)(struct source *s, struct err *e);
    /* As source_next. */
    int (*next)(struct source *s, struct source_item *item, struct err *e);
    /* Releases what open and next allocated; also after a failed open. */
    void (*close)(struct source *s);
    /* These two may be NULL: only the format in context and arguments. Each
     * adds to what source.c has begun. */
    int (*context)(const struct source *s, struct buf *json);
    int (*args)(const struct source *s, struct buf *args);
    /* These two may be NULL: nothing to say. */
    int (*found)(const struct source *s, struct buf *text);
    int (*doubt)(const struct source *s, struct buf *text);

    /* ---- for connectors without an input ---- */

    const char *const *schemes; /* of the URIs that it connects by,
                                   "kafka://"; NULL: it reads an input */
    const struct opt *opts; /* options of its own, an OPT_GROUP row first, that
                               pipe-extract takes; static destinations; NULL */
    enum position_kind position_kind; /* of item->position */
    /* NULL: there is nothing to confirm; nobody knows. */
    int (*confirm)(struct source *s, const struct positions *at, struct err *e);
    int (*lag)(struct source *s, uint64_t *lag);
};

struct source {
    const struct source_ops *ops;
    struct input *in;               /* borrowed; NULL where there is none */
    const char *uri;                /* borrowed: for messages */
    const struct source_opts *opts; /* borrowed */
};

/* Defines the ops of a connector. */
#define SOURCE_CONNECTOR(name) const struct source_ops source_##name##_ops

/* All of them, NULL behind the last; made by the build. */
extern const struct source_ops *const source_connectors[];

/* Formats: they read an input. */
extern const struct source_ops source_csv_ops, source_tsv_ops,
    source_ndjson_ops, source_json_ops, source_fixed_ops, source_regex_ops,
    source_parquet_ops;

#endif
