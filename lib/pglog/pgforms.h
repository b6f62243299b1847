/* pgforms: the forms of types that are not everybody's (arrays, domains, what
 * somebody defined), asked for once each, so that a stream writes values as a
 * query does.
 *
 * The catalogue tells what a type is now: one that was dropped since the change
 * is text. Not thread-safe. */
#ifndef PGLOG_PGFORMS_H
#define PGLOG_PGFORMS_H

#include "base/err.h"
#include "pglog/relation.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct pgform {
    uint32_t oid;
    struct pgtype type;
};

/* All that are known; zeroed is empty. */
struct pgforms {
    struct pgform *v;
    size_t n, cap;
};

/* More types than this are not kept. */
#define PGFORMS_MAX 100000

/* Fills in the forms of r's columns. False where some are still to be asked
 * for. */
bool pgforms_fill(const struct pgforms *f, struct relation *r);

/* The same, asking the server for what is not known. 0, or -1 with what pgask
 * gives. */
int pgforms_resolve(struct pgforms *f, struct relation *r, PGconn *db,
                    bool (*stop)(void), struct err *e);

/* The same over a connection for the purpose, if there is anything to ask: a
 * stream's own takes no questions. */
int pgforms_complete(struct pgforms *f, struct relation *r, const char *uri,
                     const char *app, bool (*stop)(void), struct err *e);

void pgforms_free(struct pgforms *f);

#endif
