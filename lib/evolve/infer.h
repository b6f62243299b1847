/* infer: a JSON Schema of the records of a stream.
 *
 * Every record given fits the schema that is written. Memory is bounded: by
 * INFER_FORMS places in all, INFER_KEYS properties of one object and
 * INFER_DEPTH levels; what lies beyond is left open, not guessed. An object
 * with very many keys is taken for a map, the keys being data: its values are
 * described together (additionalProperties). One thread. */
#ifndef EVOLVE_INFER_H
#define EVOLVE_INFER_H

#include "base/buf.h"
#include "base/err.h"

#define INFER_FORMS 20000
#define INFER_KEYS 2000 /* properties of an object, before it is a map */
#define INFER_MAP                                                       \
    256               /* so many, most of them in less than half of the \
                         objects, make a map */
#define INFER_KEPT 64 /* properties of a map that all its objects have */
#define INFER_DEPTH 60
#define INFER_KEY_BYTES 256

/* Strict: an enumeration is at most so many strings of at most so many bytes,
 * each seen INFER_REPEATS times on average, among INFER_SAMPLE at least. */
#define INFER_WORDS 12
#define INFER_WORD_BYTES 40
#define INFER_REPEATS 4
#define INFER_SAMPLE 20

struct infer;

/* strict: enumerations, formats, lengths and bounds as seen, and no properties
 * but those seen. Owned, freed with infer_free. NULL with e. */
struct infer *infer_new(bool strict, struct err *e);
void infer_free(struct infer *i);

/* Takes in a record: JSON that json_check accepted. 0, or -1 with
 * ERR_TEMPFAIL. */
int infer_add(struct infer *i, struct str record, struct err *e);

/* Appends the schema, 2020-12, in one line or indented, without a line end. 0,
 * or -1 with ERR_TEMPFAIL. */
int infer_write(const struct infer *i, struct buf *out, bool pretty,
                struct err *e);

#endif
