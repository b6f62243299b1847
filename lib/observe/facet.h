/* facet: the JSON of events, piece by piece, and facets of OpenLineage in it.
 *
 * What opens a member or an element brings its comma. A failure is in
 * out->failed. */
#ifndef OBSERVE_FACET_H
#define OBSERVE_FACET_H

#include "base/buf.h"
#include "observe/facts.h"

#define FACET_SPEC "https://openlineage.io/spec/"
#define FACET_PRODUCER "urn:pipeutils:" PIPE_VERSION

/* A string; what is not UTF-8 becomes U+FFFD. */
void facet_text(struct buf *out, struct str value);

void facet_key(struct buf *out, const char *key);
void facet_str(struct buf *out, const char *key, struct str value);
void facet_count(struct buf *out, const char *key, uint64_t n);
void facet_time(struct buf *out, const char *key, int64_t us);
void facet_object(struct buf *out, const char *key);
void facet_array(struct buf *out, const char *key);

/* A comma where an element of the array stands before. */
void facet_comma(struct buf *out);
void facet_element(struct buf *out); /* an object in an array */

/* A facet: name is that of its schema in the specification, version that of
 * the schema. */
void facet_open(struct buf *out, const char *key, const char *version,
                const char *name);

/* A facet of our own: base is what it is derived from, "RunFacet". */
void facet_own(struct buf *out, const char *key, const char *base);

void facet_close(struct buf *out); /* object */
void facet_end(struct buf *out);   /* array */

/* Members "namespace" and "name". */
void facet_dataset(struct buf *out, const struct dataset *d);

/* The facet schema of the fields that were seen, if any were. */
void facet_schema(struct buf *out, const struct fieldset *fields);

/* The facets columnLineage and pipeutils_columns of a map whose inputs are
 * those of f. Nothing where the map says nothing. */
void facet_columns(struct buf *out, const struct facts *f,
                   const struct colmap *m);

#endif
