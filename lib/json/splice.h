/* splice: change parts of a record and leave every other byte as it was. */
#ifndef JSON_SPLICE_H
#define JSON_SPLICE_H

#include "json/path.h"
#include "json/value.h"

/* One replacement: `with` stands where `at` (a slice of the record, maybe of
 * no bytes) stood. */
struct splice {
    struct str at, with;
};

/* Appends record with the n replacements made; they lie within record, do not
 * overlap and may come in any order (the array is sorted in place; those at
 * one place keep their order). Returns 0; -1 if out failed, or where they do
 * overlap (possible only if record was not checked). */
int json_splice(struct buf *out, struct str record, struct splice *s, size_t n);

/* The value at path in record (the last of duplicate keys); MISSING where there
 * is none. Cost: a walk. */
struct val json_find(struct str record, const struct path *path);

/* Appends record with the value (raw JSON) at path: replaced where it is
 * there (the last of duplicate keys), else added behind the last member of the
 * deepest object of the path that exists, parents created as objects. Returns
 * 0; -1 if out failed; -2 where a parent is there but is no object, or an
 * array index does not exist. */
int json_put(struct buf *out, struct str record, const struct path *path,
             struct str value);

/* Appends record without the member at path, all of them where the key is
 * there more than once, and as it is where there is none; an array element
 * becomes null, so that those behind it keep their places. Returns 0, or -1 if
 * out failed. */
int json_drop(struct buf *out, struct str record, const struct path *path);

/* Appends what has to stand behind the last member of object (a whole object
 * text) to add the member key: value: "," where it has members, the quoted
 * key, ":", value. Insert it at json_object_end. */
int json_member(struct buf *out, struct str object, struct str key,
                struct str value);

/* The closing brace of an object text, as a slice of no bytes before it,
 * behind the last member (before spaces that precede the brace). */
struct str json_object_end(struct str object);

#endif
