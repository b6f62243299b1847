/* flatten: nested objects as fields of the object around them.
 *
 *     {"a":{"b":1,"c":{"d":2}},"e":3}  ->  {"a_b":1,"a_c_d":2,"e":3}
 *
 * The fields stand where the object stood. An empty object stays, so that no
 * field is lost. Not thread-safe. */
#ifndef RESHAPE_FLATTEN_H
#define RESHAPE_FLATTEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/path.h"

struct flatten_name;

struct flatten {
    struct path field;  /* owned: the object that is flattened; of no steps: all
                           of the record's */
    struct buf between; /* owned: what joins two names, with its escapes */
    bool arrays;        /* these too: a_0, a_1 */
    /* of the record in hand */
    struct flatten_name *names; /* owned */
    size_t n_names, cap_names;
    struct arena keys;
    struct buf prefix;
    struct str record;
    bool first;
    size_t levels;
};

/* The field's text is a path, or empty for the whole record. 0, or -1 with e;
 * flatten_free is due either way. flatten_separator replaces the '_' between
 * two names; 0, or -1 with e (memory, or text that is not UTF-8). */
int flatten_init(struct flatten *f, struct str field, struct err *e);
int flatten_separator(struct flatten *f, struct str text, struct err *e);
void flatten_free(struct flatten *f);

/* Appends record flattened. 0; -1 without memory; -3 where two fields would
 * have one name, which *name is then (borrowed until the next call); -4 where
 * the record would be longer than a buffer may be. */
int flatten_run(struct flatten *f, struct str record, struct buf *out,
                struct str *name);

#endif
