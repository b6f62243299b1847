/* reference: where the records that are joined to come from. */
#ifndef PIPE_JOIN_REFERENCE_H
#define PIPE_JOIN_REFERENCE_H

#include "join/join.h"
#include "stage/stage.h"

/* What the options say, as given. */
struct reference_opts {
    const char *format, *delimiter; /* of files */
    struct opt_list types, nulls;
    const char *query, *table; /* of databases */
    const char *cache;
    uint64_t cache_ttl; /* milliseconds */
    bool stale_ok;
};

/* Reads all records of uri into j, which is then ready. 0 or -1 with st->err:
 * a reference with anything in it that is no record is ERR_DATA. */
int reference_read(struct stage *st, const char *uri,
                   const struct reference_opts *o, struct join *j);

#endif
