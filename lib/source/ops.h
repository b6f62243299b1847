/* ops: what a connector implements. Private to lib/source.
 *
 * A connector allocates its own struct with a struct source as first member
 * and fills in nothing of it: source_open does. */
#ifndef SOURCE_OPS_H
#define SOURCE_OPS_H

#include "source/source.h"

struct source_ops {
    const char *name; /* what --format calls it */
    size_t size;      /* of the connector's struct, allocated zeroed */
    bool tabular;     /* takes the options of CSV */
    int (*open)(struct source *s, struct err *e);
    int (*next)(struct source *s, struct source_item *item, struct err *e);
    /* Releases what open and next allocated; also after a failed open. */
    void (*close)(struct source *s);
    /* These two may be NULL: only the format in context and arguments. Each
     * adds to what source.c has begun. */
    int (*context)(const struct source *s, struct buf *json);
    int (*args)(const struct source *s, struct buf *args);
    /* May be NULL: nothing to say. */
    int (*doubt)(const struct source *s, struct buf *text);
    const char *const *schemes; /* of the URIs that it connects by; NULL: it
                                   reads an input */
};

struct source {
    const struct source_ops *ops;
    struct input *in;               /* borrowed; NULL where there is none */
    const char *uri;                /* borrowed: for messages */
    const struct source_opts *opts; /* borrowed */
};

extern const struct source_ops source_csv_ops, source_tsv_ops,
    source_ndjson_ops, source_json_ops, source_sqlite_ops, source_postgres_ops;

#endif
