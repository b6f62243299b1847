/* members: an object's members sorted by key, for whoever takes objects by
 * value: their order does not matter, and of duplicate keys the last counts. */
#ifndef JSON_MEMBERS_H
#define JSON_MEMBERS_H

#include "json/value.h"

struct member {
    struct str key; /* characters, within members.keys */
    struct val val; /* borrows from the object */
    size_t place;   /* in the object, 0-based */
};

struct members {
    struct member *m; /* owned, sorted by key (str_cmp) */
    size_t n;
    struct buf keys; /* owned */
};

/* Reads the members of an object's text. 0, or -1 without memory, or -3 where
 * it is not JSON; members_free in every case. */
int members_read(struct members *ms, struct str object);
void members_free(struct members *ms);

#endif
