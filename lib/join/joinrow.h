/* joinrow: what a reference record adds to the records that match it, written
 * once: the members as they will stand behind those of the record.
 *
 *     {"id":7,"name":"Ann","tier":2}   gives   ,"name":"Ann","tier":2
 *
 * Values keep their bytes. Not thread-safe. */
#ifndef JOIN_JOINROW_H
#define JOIN_JOINROW_H

#include "json/path.h"
#include "json/select.h"
#include "table/keyset.h"

/* Names that a reference may have in all. */
#define JOINROW_NAMES_MAX 4096

struct joinrow_name {
    struct buf label; /* ,"name": as it is written */
    struct buf name;  /* the characters, with the prefix */
    struct buf raw;   /* as the reference spelled it first */
    struct buf from;  /* the path of a field that was chosen; else empty */
    uint64_t seen;    /* the record that has val */
    struct val val;
};

struct joinrow {
    const char *prefix, *nest;  /* borrowed; NULL: none */
    const struct path *without; /* fields that are left out; borrowed */
    size_t n_without;
    struct select *select; /* of the fields that were chosen; NULL: all */
    struct val *vals;      /* owned */
    struct joinrow_name *names;
    size_t n, cap;
    uint32_t *order; /* owned: names of the record in hand */
    struct keyset by_name;
    struct budget budget; /* of by_name */
    struct buf nest_label;
    struct buf scratch;
    uint64_t records;
};

/* Prepares r, zeroed, for n lists of fields ("name, address.city AS city");
 * none: all members but those in `without`. Names get prefix in front, or stand
 * in an object called nest. 0, or -1 with ERR_USAGE. */
int joinrow_init(struct joinrow *r, const char *const *lists, size_t n,
                 const char *prefix, const char *nest,
                 const struct path *without, size_t n_without, struct err *e);

/* Appends to out what record adds. Of duplicate keys the last counts. 0, or -1
 * with e: ERR_DATA for more names than JOINROW_NAMES_MAX, or memory. */
int joinrow_make(struct joinrow *r, struct str record, struct buf *out,
                 struct err *e);

/* The names that may be added, of all records so far: their number, and one by
 * one, as characters. */
size_t joinrow_names(const struct joinrow *r);
struct str joinrow_name(const struct joinrow *r, size_t i);

void joinrow_free(struct joinrow *r);

#endif
