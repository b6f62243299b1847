/* parquet: records as Parquet files, through DuckDB.
 *
 * Records are staged with the number of the file that they are for; the
 * columns' types are those that hold the whole load, and the same in each
 * file. Internal to lib/sink. */
#ifndef SINK_PARQUET_H
#define SINK_PARQUET_H

#include "sink/sink.h"

struct parquet;

/* Returns a writer, owned, freed with parquet_free. Columns follow spec's
 * schema, or else the records; what does not fit the memory goes below the
 * folder spill ("": nowhere). NULL with e: ERR_UNAVAILABLE without libduckdb.
 */
struct parquet *parquet_new(const struct sink_spec *spec, const char *spill,
                            struct err *e);
void parquet_free(struct parquet *p);

/* Adds a record to a file by its number: 1, 0 with why, -1 with e. */
int parquet_add(struct parquet *p, size_t file, const struct sink_record *r,
                struct sink_refusal *why, struct err *e);

/* Settles the types; then parquet_write writes a file, which is not there, at
 * path. It is not synced. 0 or -1. */
int parquet_end(struct parquet *p, struct err *e);
int parquet_write(struct parquet *p, size_t file, const char *path,
                  struct err *e);

#endif
