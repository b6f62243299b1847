/* schema: a JSON Schema compiled to a program that checks records as text.
 *
 * Compile once; a program is read-only and may be shared by threads, each with
 * a runner of its own. Records are walked as slices: no tree, no allocation
 * per record on the good path. Those whose shape the scanner knows (json/shape)
 * mostly need no walk: what their shape and keys decide is decided once.
 * Numbers are compared as text, exactly.
 *
 * Reads draft-07, 2019-09 and 2020-12 (without $schema: 2020-12), each whole:
 * with references by URI, anchor and dynamic anchor, unevaluated*, and
 * vocabularies. A schema has to fit its metaschema. Other documents come from
 * files and folders, never from the network. Of duplicate keys the last wins,
 * in schemas and in records. */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "json/select.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_MAX_BYTES ((size_t)16 << 20) /* of a schema file */
#define SCHEMA_MAX_DEPTH 256                /* nesting of a schema document */
#define SCHEMA_MAX_ERRORS 1000              /* kept of one record */

enum schema_draft {
    DRAFT_2020_12, /* also where nothing says otherwise */
    DRAFT_2019_09,
    DRAFT_07
};

struct schema_options {
    enum schema_draft draft;  /* of a schema without $schema */
    bool no_format_assertion; /* format is an annotation only */
    /* Where other documents are: "DIR", whose *.json files are known by their
     * $id, or "URI=DIR", whose files have the URIs that begin so. Borrowed
     * during the call. */
    const char *const *dirs;
    size_t n_dirs;
    const char *base; /* URI of the text; NULL: none */
    /* Appends what to call a place (a JSON Pointer) of the text in errors and
     * notes, where it was made from something else; NULL: that pointer. Has to
     * work as long as the program does, from any thread. 0 or -1. */
    int (*place)(const void *of, struct str pointer, struct buf *out);
    const void *place_of;
};

struct schema;
struct schema_run;

/* One reason why a record does not fit; borrowed from the runner until its
 * next record. */
struct schema_error {
    const char *code; /* static: keyword in lower_case */
    struct str path;  /* JSON Pointer of the value */
    struct str rule;  /* the same with * for array indexes */
    struct str message;
    struct str schema; /* JSON Pointer of the keyword in the schema; behind the
                          URI and # where that is another document */
};

/* Compiles text (borrowed during the call). source names it in messages;
 * options may be NULL. Returns a program, owned, freed with schema_free; NULL
 * with ERR_CONFIG, naming the place as a JSON Pointer, or ERR_TEMPFAIL. */
struct schema *schema_compile(struct str text, const char *source,
                              const struct schema_options *options,
                              struct err *e);

/* Appends the file at path to text, and to base the URI that its references are
 * relative to; nothing for a pipe, which can be read but once. ERR_CONFIG where
 * it has more than SCHEMA_MAX_BYTES; ERR_NOINPUT, ERR_NOPERM, ERR_IO,
 * ERR_TEMPFAIL. */
int schema_read(const char *path, struct buf *text, struct buf *base,
                struct err *e);

void schema_free(struct schema *s);

/* What the schema says that is not checked: one line each ("/a: format "uri"
 * is not checked"), each ended by LF; empty if there is nothing. Borrowed. */
struct str schema_notes(const struct schema *s);

/* Returns a runner for one thread, owned, freed with schema_run_free; borrows
 * s. NULL: no memory. */
struct schema_run *schema_run_new(const struct schema *s);
void schema_run_free(struct schema_run *r);

/* Checks text, any JSON value that json_check accepted (on other bytes it
 * stays within the slice and ends). Returns 1 if it fits; 0 if not, with
 * *errors and *n (at least 1) set, all errors up to SCHEMA_MAX_ERRORS; -1 with
 * ERR_TEMPFAIL. A good record costs one pass. */
int schema_check(struct schema_run *r, struct str text,
                 const struct schema_error **errors, size_t *n, struct err *e);

/* The quick way to the good ones, by way of the shape of a record that was
 * checked (NULL: not known; on other bytes it stays within the block): true if
 * the record fits, and then schema_coerce would leave it as it is; false says
 * nothing, schema_check has the verdict. Records of a shape and keys seen
 * before cost a fraction of a walk. */
bool schema_accept(struct schema_run *r, const struct shaped *shaped);

/* Casts strings to what the schema wants there: where it takes no string, one
 * that spells a number, true or false exactly is replaced by that value digit
 * for digit, the empty string by null, or, where null is not allowed either
 * and the property is not required, the member is dropped. What does not spell
 * a wanted value stays. Types are looked for through $ref, allOf, anyOf and
 * oneOf; properties through $ref and allOf.
 * Sets *out to text, or to the result, borrowed from the runner until its next
 * schema_coerce. Returns 0, or -1 with ERR_TEMPFAIL. */
int schema_coerce(struct schema_run *r, struct str text, struct str *out,
                  struct err *e);

#endif
