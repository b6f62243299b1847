/* document: a schema as the registry hands it out, with all that it refers to.
 *
 * The registry's answers are {"schema":TEXT,"schemaType":"AVRO|PROTOBUF|JSON",
 * "references":[{"name","subject","version"}]}, Avro where no type is given. */
#ifndef REGISTRY_DOCUMENT_H
#define REGISTRY_DOCUMENT_H

#include "base/arena.h"
#include "registry/registry.h"

#define DOCUMENT_MAX_BYTES ((size_t)16 << 20) /* of one answer */
#define DOCUMENT_REFERENCES_MAX 1000          /* of one schema, in all */
#define DOCUMENT_DEPTH_MAX 32                 /* of references to references */

enum document_type { DOCUMENT_AVRO, DOCUMENT_PROTOBUF, DOCUMENT_JSON };

struct document {
    struct arena arena;
    enum document_type type;
    struct str text;
    /* What it refers to, each behind what that refers to: the name by which it
     * does, and the schema. */
    struct str *names, *texts;
    size_t n;
};

/* Asks for the schema with this id. Returns REGISTRY_DECODED, or
 * REGISTRY_REJECTED with why (unknown_schema, bad_schema), or REGISTRY_FAILED
 * with e; document_free in every case. d is zeroed. */
enum registry_result document_get(struct document *d,
                                  const struct registry_fetch *fetch,
                                  uint32_t id, struct registry_fault *why,
                                  struct err *e);
void document_free(struct document *d);

/* Appends a JSON Schema as one document, in which what it refers to lies
 * within, under the names by which it does. 0; or -1 where it is not JSON or
 * there is no memory. */
int document_bundle(const struct document *d, struct buf *out);

#endif
