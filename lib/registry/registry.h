/* registry: messages whose schema is kept in a schema registry, as JSON.
 *
 * A framed message is a zero byte, the schema's id in four bytes (big-endian)
 * and the payload; Protobuf has the path of the message type in its file
 * between the two. Schemas are asked for by id once and kept, in memory and in
 * the state folder: an id never changes its meaning. Avro and Protobuf become
 * JSON text as registry/avro.h and registry/proto.h say; JSON passes byte for
 * byte. Not thread-safe. */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "registry/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* How documents are had from the registry; a test or a cache may stand in its
 * place. get appends the body of GET path ("/schemas/ids/7"): 1; 0 where the
 * registry says that there is none (404); -1 with e: ERR_TEMPFAIL,
 * ERR_UNAVAILABLE, ERR_NOPERM, ERR_CONFIG. */
struct registry_fetch {
    int (*get)(void *context, const char *path, struct buf *body,
               struct err *e);
    void *context;
};

struct registry_options {
    size_t max_record;  /* bytes of JSON; 0: 16 MiB */
    unsigned max_depth; /* levels of JSON; 0: 256; at most 1000 */
    bool any_value;     /* other values than objects are good too: keys are
                           often plain strings and numbers */
    bool validate;      /* JSON is held against its schema */
    bool tagged_unions; /* Avro: {"TYPE":value} for unions, as in Avro's own
                           JSON encoding */
    bool json_names;    /* Protobuf: lowerCamelCase (json_name) keys */
};

enum registry_result {
    REGISTRY_FAILED = -1, /* no answer from the registry, no memory */
    REGISTRY_REJECTED,    /* with why */
    REGISTRY_DECODED
};

struct registry;

/* fetch and options are copied, what they point at is borrowed. Owned, freed
 * with registry_free; NULL: no memory. */
struct registry *registry_new(const struct registry_fetch *fetch,
                              const struct registry_options *options);
void registry_free(struct registry *r);

/* Appends the message as JSON on one line, without a line end. out is as
 * before unless DECODED; its max is 0 or eight times max_record. */
enum registry_result registry_decode(struct registry *r, struct str framed,
                                     struct buf *out,
                                     struct registry_fault *why, struct err *e);

#endif
