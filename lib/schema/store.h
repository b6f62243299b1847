/* store: where the documents that references name come from: the built-in
 * metaschemas, folders that the user has named, and files. Never the network.
 * Internal to lib/schema and lib/evolve. */
#ifndef SCHEMA_STORE_H
#define SCHEMA_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define STORE_MAX_FILES 10000 /* read to learn their $id */
#define STORE_MAX_DEPTH 16    /* folders within folders */

struct store;

/* dirs: as schema_options has them; borrowed. Returns a store, owned, freed
 * with store_free; NULL without memory. Folders are read when a reference
 * first needs them. */
struct store *store_new(const char *const *dirs, size_t n);
void store_free(struct store *s);

/* What the store was made with. */
void store_options(const struct store *s, const char *const **dirs, size_t *n);

/* Appends the text of the document with this URI (absolute, no fragment) to
 * text, and what to call it in messages to name. Returns 1; 0 where there is
 * none; -1 with ERR_CONFIG, ERR_IO, ERR_NOINPUT, ERR_NOPERM or ERR_TEMPFAIL. */
int store_get(struct store *s, struct str uri, struct buf *text,
              struct buf *name, struct err *e);

/* Appends the file at path. ERR_CONFIG where it has more than
 * SCHEMA_MAX_BYTES; ERR_IO, ERR_NOINPUT, ERR_NOPERM, ERR_TEMPFAIL. */
int store_read(struct buf *text, const char *path, struct err *e);

#endif
