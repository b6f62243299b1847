/* entry: one schema of the registry, ready for use. Internal to lib/registry.
 */
#ifndef REGISTRY_ENTRY_H
#define REGISTRY_ENTRY_H

#include "registry/avro.h"
#include "registry/document.h"
#include "registry/proto.h"
#include "schema/schema.h"

struct entry {
    uint32_t id;
    bool bad; /* fault says why messages with this id are rejected */
    struct registry_fault fault;
    int64_t asked; /* when, in microseconds: an id may be unknown for now */
    enum document_type type;
    struct avro *avro;
    struct proto *proto;
    struct schema *schema; /* JSON, if it is validated */
    struct schema_run *run;
};

/* Asks for the schema and compiles it. 0 with *entry, which may be a bad one,
 * owned, freed with entry_free; -1 with e. */
int entry_new(struct entry **entry, const struct registry_fetch *fetch,
              uint32_t id, bool validate, struct err *e);
void entry_free(struct entry *entry);

#endif
