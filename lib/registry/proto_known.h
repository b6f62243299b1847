/* proto_known: messages that JSON has a form of its own for. Internal to
 * lib/registry's Protobuf. */
#ifndef REGISTRY_PROTO_KNOWN_H
#define REGISTRY_PROTO_KNOWN_H

#include "registry/proto_type.h"

/* Appends data, a message of a type whose form is neither PLAIN nor BARE, by
 * the numbers of its fields. False as emit.h says. */
bool proto_known(const struct proto_message *t, struct str data,
                 struct emit *m);

#endif
