/* path: where a field stands in a record.
 *
 * Two notations: `a.b[0]` (keys up to the next '.' or '['), and JSON Pointer
 * (RFC 6901) where the text starts with '/': `/a/b/0`, with ~0 and ~1. A
 * pointer's number names an array index or a key, whichever is there. The
 * empty text is the record itself. */
#ifndef JSON_PATH_H
#define JSON_PATH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct path_step {
    struct str key; /* characters, unescaped; .p NULL if only an index */
    size_t index;   /* 0-based; PATH_NO_INDEX if only a key */
};

#define PATH_NO_INDEX ((size_t)-1)

struct path {
    struct path_step *steps; /* owned */
    size_t n;
    struct str text; /* as written, owned, NUL-terminated */
    char *keys;      /* owned: what the steps' keys point into */
};

/* Parses text into p, which needs no init. Keys are UTF-8, so that a path can
 * be written into a record. ERR_USAGE quotes the text and says at which byte it
 * went wrong; p is then empty. */
int path_parse(struct path *p, struct str text, struct err *e);

/* Parses "a,b.c,/d/e" into an array of paths (owned, freed with
 * path_list_free). A comma inside a JSON Pointer is written ~2. */
int path_list_parse(struct path **list, size_t *n, struct str text,
                    struct err *e);

/* How the places that two paths lead to stand to each other: PATH_WITHIN where
 * one may contain the other, or be it under another notation. */
enum path_relation { PATH_APART, PATH_SAME, PATH_WITHIN };
enum path_relation path_relate(const struct path *a, const struct path *b);

void path_free(struct path *p);
void path_list_free(struct path *list, size_t n);

/* Appends "/key" as JSON Pointer, ~ and / escaped. 0 or -1. */
int path_pointer(struct buf *out, struct str key);

/* The last key of the path (the field's own name): what an output field
 * derived from it is called. The whole text where the last step is an index. */
struct str path_name(const struct path *p);

#endif
