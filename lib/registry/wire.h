/* wire: Protobuf's encoding, field by field.
 *
 * After the encoding guide of Protocol Buffers. Groups are taken whole. */
#ifndef REGISTRY_WIRE_H
#define REGISTRY_WIRE_H

#include "base/str.h"

#include <stdint.h>

#define WIRE_GROUPS_MAX 100 /* groups within groups */

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,
    WIRE_END = 4,
    WIRE_32 = 5
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;   /* VARINT, 64, 32 */
    struct str bytes; /* BYTES, and what is within a GROUP */
};

/* Takes the next field off the front of *message: 1, 0 at its end, -1 where it
 * is none. */
int wire_next(struct str *message, struct wire_field *f);

/* Takes one number of a packed list off its front, likewise. */
int wire_packed(struct str *list, enum wire_type type, uint64_t *v);

#endif
