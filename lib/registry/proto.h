/* proto: Protobuf's binary encoding as JSON text, driven by descriptors.
 *
 * Messages, as the encoding guide of Protocol Buffers has them, are read along
 * types that come from .proto text (proto2 and proto3) or from serialized
 * descriptors, without generated code and without a tree of values.
 *
 * The JSON differs from the canonical mapping of proto3 where that loses
 * something. Keys are the names in the .proto, or lowerCamelCase (json_name)
 * on request. 64-bit integers are numbers with all their digits. A field
 * without presence (proto3, neither optional nor in a oneof) is always there,
 * with its default where the message has none, and so are repeated fields and
 * maps: such a field that is gone from the wire has become 0, "" or []. A
 * field with presence is left out if it is not set. Enums are names, numbers
 * where the schema has no name; bytes base64; keys of maps strings. Timestamp,
 * Duration, FieldMask, Struct, Value, ListValue and the wrappers are written as
 * in the canonical mapping, confluent.type.Decimal as a number; Any as the
 * message it is. Unknown fields, extensions among them, are skipped; of a
 * field that must not repeat the last counts, parts of a message are merged;
 * a key that a map has twice is written twice, the last counts as everywhere.
 * Types are read-only once made. */
#ifndef REGISTRY_PROTO_H
#define REGISTRY_PROTO_H

#include "base/str.h"
#include "registry/emit.h"

struct proto;
struct proto_message;

/* Compiles the file `text` (.proto source, or a serialized FileDescriptorProto
 * in base64), and what it imports from names and texts (n of them, those that
 * others need in front of them); google/protobuf/ (its well-known types) and
 * confluent/ are known. Returns 1 with *p, owned, freed with proto_free; 0
 * where that is no schema, with why; -1: no memory. */
int proto_new(struct proto **p, struct str text, const struct str *names,
              const struct str *texts, size_t n, struct registry_fault *why);

/* The same from a serialized FileDescriptorSet, whose last file is the one. */
int proto_new_set(struct proto **p, struct str set, struct registry_fault *why);
void proto_free(struct proto *p);

/* The message type at a path of indexes (n of them) in the file: the third
 * message within the first is 0, 2. NULL where there is none. */
const struct proto_message *proto_message_at(const struct proto *p,
                                             const uint32_t *path, size_t n);

/* The one of this full name ("shop.Order"); NULL where there is none. */
const struct proto_message *proto_message_named(const struct proto *p,
                                                struct str name);

/* What decoding needs while it goes; keeps its memory for the next message. */
struct proto_scratch;
struct proto_scratch *proto_scratch_new(void); /* NULL: no memory */
void proto_scratch_free(struct proto_scratch *s);

/* Appends the message that data is. json_names: keys are lowerCamelCase. False
 * as emit.h says. */
bool proto_decode(const struct proto_message *type, struct str data,
                  bool json_names, struct proto_scratch *s, struct emit *m);

#endif
