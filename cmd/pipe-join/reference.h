/* reference: where the records that are joined to come from. */
#ifndef PIPE_JOIN_REFERENCE_H
#define PIPE_JOIN_REFERENCE_H

#include "ops/join.h"
#include "stage/stage.h"

/* The options' own rows of the table: the format of files. */
struct reference_opts {
    const char *format, *delimiter;
    struct opt_list types, nulls;
};

/* Reads all records of uri into j, which is then ready. 0 or -1 with st->err:
 * a reference with anything in it that is no record is ERR_DATA. */
int reference_read(struct stage *st, const char *uri,
                   const struct reference_opts *o, struct join *j);

#endif
