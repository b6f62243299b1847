/* fields: the fields of a stream as a tree, found by parent and key.
 *
 * Field 0 is the record itself. The elements of an array are one field of
 * their own, without a key. Not thread-safe. */
#ifndef PROFILE_FIELDS_H
#define PROFILE_FIELDS_H

#include "base/arena.h"
#include "profile/column.h"

#define FIELDS_DEPTH 32 /* deeper ones are not told apart */
#define FIELD_NONE UINT32_MAX

struct field {
    struct column column;
    struct str key; /* in the arena; .p NULL for elements */
    uint64_t hash;
    uint32_t parent, depth;
    uint32_t child, last_child, next; /* 0: none */
    uint64_t stamp; /* of the object that had it last, for its twins there */
    size_t place;   /* and which member it was */
};

struct fields {
    struct field **v; /* owned */
    size_t n, cap, most;
    uint32_t *slots; /* owned: cap * 2 of them; a field's number, 0: none */
    struct arena keys;
    struct column_shared shared;
    uint64_t left_out; /* values of fields that there was no room for */
    uint8_t *more;     /* owned: HyperLogLog of those fields */
    uint64_t stamps;
};

/* Prepares room for most fields that charge budget. 0 or -1 with e. */
int fields_init(struct fields *fs, size_t most, struct budget *budget,
                struct err *e);
void fields_free(struct fields *fs);

/* The number of parent's field key (characters; .p NULL: its elements), made
 * where it is new; FIELD_NONE where there is no room. 0 or -1 with e. */
int fields_child(struct fields *fs, uint32_t parent, struct str key,
                 uint32_t *number, struct err *e);

/* How many fields found no room, about. */
uint64_t fields_more(const struct fields *fs);

/* Appends a field's path: a.b, a[].b, a["x.y"]. 0 or -1. */
int fields_path(const struct fields *fs, uint32_t number, struct buf *out);

static inline int fields_take(struct fields *fs, uint32_t number,
                              struct column_value v, struct err *e)
{
    return column_take(&fs->v[number]->column, &fs->shared, v, e);
}

/* Takes all values that wait: before their text goes. 0 or -1 with e. */
int fields_flush(struct fields *fs, struct err *e);

#endif
