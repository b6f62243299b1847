/* duck_create: the types that DuckDB's columns get. Internal to lib/sink. */
#ifndef SINK_DUCK_CREATE_H
#define SINK_DUCK_CREATE_H

#include "sink/duck_stage.h"

/* Appends a new column as a schema declares it. NULL with e. */
struct duck_column *duck_create_declared(struct duck_stage *s,
                                         const struct sink_column *d,
                                         struct err *e);

#endif
