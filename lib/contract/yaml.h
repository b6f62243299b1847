/* yaml: a YAML 1.2 document as a tree that knows where it was written.
 *
 * libyaml reads the syntax; plain scalars mean what the core schema says
 * (YAML 1.2.2, section 10.3): `no` and `2024-01-31` are strings. Numbers are
 * kept as JSON text, digit for digit, and never become a double. A text that is
 * JSON is read by JSON's own rules.
 *
 * Refused, with line and column: what is not UTF-8, more than one document,
 * keys that are given twice or are no strings, tags beyond those of JSON's
 * types, aliases that would hold themselves, and more than YAML_MAX_ values.
 * Aliases share their node, so a tree that grows exponentially takes no more
 * memory than its text; what it stands for is counted all the same. Merge keys
 * (<<) are resolved. */
#ifndef CONTRACT_YAML_H
#define CONTRACT_YAML_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/value.h"

#include <stdint.h>

#define YAML_MAX_BYTES ((size_t)16 << 20)
#define YAML_MAX_DEPTH 256
#define YAML_MAX_VALUES 1000000 /* with those that aliases repeat */

struct yaml;

struct yaml_member {
    struct str key; /* characters; of elements empty */
    uint32_t line, column;
    const struct yaml *value;
};

struct yaml {
    enum json_type type;
    uint32_t line, column; /* 1-based; columns count characters */
    uint32_t n;            /* elements or members */
    uint32_t height;       /* levels of containers in it */
    uint64_t values;       /* in it, itself included, aliases resolved */
    struct str text; /* strings: characters; numbers: as JSON; else its name */
    struct yaml_member *v;
};

/* Reads text, which is copied, into a tree within the arena. name stands for it
 * in messages. NULL with ERR_CONFIG, naming line and column, or ERR_TEMPFAIL.
 */
const struct yaml *yaml_parse(struct arena *a, struct str text,
                              const char *name, struct err *e);

/* The same for text that json_check_value accepted. */
const struct yaml *yaml_parse_json(struct arena *a, struct str text,
                                   const char *name, struct err *e);

/* The member with this key; NULL where there is none or y is no object. */
const struct yaml *yaml_get(const struct yaml *y, const char *key);

/* Appends y as JSON without spaces, at most YAML_MAX_BYTES in all. 0, or -1
 * where out failed. */
int yaml_write(struct buf *out, const struct yaml *y);

/* What a plain scalar with that text is: sets the type, and text as JSON has
 * it. 0; -1 with *why where JSON cannot say it, or NULL without memory. */
int yaml_resolve(struct yaml *y, struct arena *a, const char **why);

#endif
