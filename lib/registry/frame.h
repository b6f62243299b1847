/* frame: what stands before the payload of a message.
 *
 * The wire format of schema registries: byte 0, the schema's id in four bytes
 * (big-endian); for Protobuf then the path of the message type in its file, a
 * count and that many indexes as zigzag varints, or a single 0 for the first
 * type. */
#ifndef REGISTRY_FRAME_H
#define REGISTRY_FRAME_H

#include "base/str.h"

#include <stdint.h>

#define FRAME_PATH_MAX 64

/* Takes the id off the front of *message; false if it is not framed. */
bool frame_id(struct str *message, uint32_t *id);

/* Takes the path off the front of *payload; false if there is none. */
bool frame_path(struct str *payload, uint32_t path[FRAME_PATH_MAX], size_t *n);

#endif
