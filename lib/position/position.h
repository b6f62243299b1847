/* position: how far a source has been read, as the ledger of its target keeps
 * it.
 *
 * A source has one partition or more (of a topic, a table, a folder), each
 * with the position to go on from: a JSON scalar, whose kind says how two of
 * them compare. A position taken from a field of the records (--cursor) has
 * ties: hashes of the records that have the very value, or lie within --lag of
 * it, and are committed; they are read again and not repeated. Not
 * thread-safe. */
#ifndef POSITION_POSITION_H
#define POSITION_POSITION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum position_kind {
    POSITION_NUMBER, /* by value, at any length: 123, 1.50 */
    POSITION_TEXT,   /* by bytes */
    POSITION_TIME,   /* RFC 3339, as instants; without a zone UTC */
    POSITION_LSN,    /* "16/B374D848": PostgreSQL's log */
    POSITION_ID,     /* "1700000000000-3": Redis streams */
    POSITION_MARK    /* in no order: the later one stands ("etag") */
};

/* A record that is committed, and where its value lies (position/frontier.h;
 * 0 without a lag). */
struct position_tie {
    struct hash128 hash;
    int64_t key;
};

struct position {
    struct str partition; /* "" where the source has one only */
    enum position_kind kind;
    struct str value;          /* JSON scalar; empty: nothing read yet */
    struct position_tie *ties; /* a table of ties_cap places */
    size_t n_ties, ties_cap;
    uint64_t lag;    /* of the cursor */
    bool rewind;     /* may move back */
    struct str from; /* value that reading went on from; empty: from
                        the beginning */
};

/* All positions of one source; owns every text. */
struct positions {
    struct str source;  /* whose */
    struct position *v; /* n of them, in the order of their coming */
    size_t n, cap;
    size_t last; /* found last: partitions come in runs */
};

/* Ties that a position keeps at most. */
#define POSITION_TIES_MAX 100000

/* Names the source; text is copied. 0 or -1 (memory). */
int positions_init(struct positions *ps, struct str source, struct err *e);
void positions_free(struct positions *ps);

/* Forgets all positions, not the source. */
void positions_clear(struct positions *ps);

/* The partition's position, NULL if there is none. Borrowed until the next
 * positions_at. */
struct position *positions_find(const struct positions *ps,
                                struct str partition);

/* The same, made where it is missing; NULL without memory. */
struct position *positions_at(struct positions *ps, struct str partition,
                              struct err *e);

/* Sets the value (copied); ties are forgotten where it differs by value. 0 or
 * -1. */
int position_set(struct position *p, enum position_kind kind, struct str value,
                 struct err *e);

/* Adds a tie: 1; 0 where it is there; -1 with e. Past POSITION_TIES_MAX
 * nothing is added, 1. */
int position_tie(struct position *p, struct hash128 tie, int64_t key,
                 struct err *e);
bool position_is_tie(const struct position *p, struct hash128 tie);

void position_forget_ties(struct position *p);

/* Reading went on from this value (copied). 0 or -1 (memory). */
int position_start(struct position *p, struct str from, struct err *e);

/* What was read is committed: from is the value. 0 or -1 (memory). */
int position_take_from(struct position *p, struct err *e);

/* Forgets where reading went on from: it is of one run. */
void position_settle(struct position *p);

/* Makes to, which has its partition, a copy of from. 0 or -1 (memory). */
int position_copy(struct position *to, const struct position *from,
                  struct err *e);

/* Adds all positions of from to to. 0 or -1 (memory). */
int positions_copy(struct positions *to, const struct positions *from,
                   struct err *e);

/* May next take the place of what the target has (NULL: nothing)? 1; 0 where
 * there is nothing to write; -1 where next does not go on from there:
 * ERR_TEMPFAIL where another run came in between, ERR_CONFIG where it began
 * at the beginning. */
int position_judge(const struct position *stored, const struct position *next,
                   struct str source, struct err *e);

/* <0, 0, >0 of two values of one kind; *order false where they do not compare
 * (POSITION_MARK, or a value that is none of its kind). */
int position_cmp(enum position_kind kind, struct str a, struct str b,
                 bool *order);

/* What kind a JSON scalar is of as a cursor: a number, an LSN, a time, else
 * text. */
enum position_kind position_kind_of(struct str value);

extern const char *const position_kinds[]; /* by enum; NULL-terminated */

/* One position as a JSON object, {"partition":"3","kind":"number","value":12,
 * "from":5,"rewind":true,"ties":["..."]}; and all of a source,
 * {"source":"...","positions":[...]}. Reading takes what was written; -1 with
 * ERR_DATA on anything else, and changes nothing then. */
int position_write(const struct position *p, struct buf *out);
int positions_write(const struct positions *ps, struct buf *out);
int position_read(struct positions *ps, struct str json, struct err *e);
int positions_read(struct positions *ps, struct str json, struct err *e);

#endif
