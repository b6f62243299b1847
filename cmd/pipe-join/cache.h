/* cache: what a database gave, kept in a file between runs.
 *
 * The first line says of which database and query, the records follow. The
 * file is replaced as a whole or not at all. */
#ifndef PIPE_JOIN_CACHE_H
#define PIPE_JOIN_CACHE_H

#include "base/buf.h"
#include "base/err.h"
#include "io/output.h"

#include <time.h>

struct cache {
    const char *path; /* borrowed */
    uint64_t ttl_ms;
    struct buf head; /* the first line, with its end */
    struct output out;
    struct timespec written; /* where it is there */
};

enum cache_state {
    CACHE_NONE, /* not there, or of another query */
    CACHE_STALE,
    CACHE_FRESH /* not older than ttl_ms */
};

/* Prepares c, zeroed. 0 or -1 (memory); cache_close is due either way. */
int cache_open(struct cache *c, const char *path, uint64_t ttl_ms,
               const char *uri, struct str query, struct err *e);

/* 0, or -1 with ERR_CANTCREAT where the file is something else, which must not
 * be overwritten. */
int cache_look(struct cache *c, enum cache_state *state, struct err *e);

/* Writes the cache anew: begin, add every record, commit. 0 or -1 with e. */
int cache_begin(struct cache *c, struct err *e);
int cache_add(struct cache *c, struct str record, struct err *e);
int cache_commit(struct cache *c, struct err *e);

/* How old it is, for people: "3 h", "12 min", "40 s". */
void cache_age(const struct cache *c, char *out, size_t size);

void cache_close(struct cache *c);

#endif
