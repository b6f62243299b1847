/* contest: of many records the one of each key that stays, past memory.
 *
 * Keys and how their best record so far is called (its number) are held in
 * tables. When the budget allows no more keys the tables take in no new ones:
 * records of keys that are there are judged as before, all others are
 * deferred, key and number alone, to parts on disk by a hash of the key
 * (table/spill.h). A key is in the tables or in one part, never in both. At
 * the end each part is a contest of its own, with all of the memory; one that
 * does not fit is parted again. So the result is the same whatever the memory
 * is, and the cost is linear: an item goes to disk once for each level, and a
 * level is 16 to 128 times as much as the one before. (Partitioning as of
 * Shapiro 1986, "Join processing in database systems with large main
 * memories": the hybrid hash.)
 *
 * Numbers ascend from call to call. Not thread-safe. */
#ifndef TABLE_CONTEST_H
#define TABLE_CONTEST_H

#include "json/value.h"
#include "table/bits.h"
#include "table/keyset.h"
#include "table/spill.h"

/* Which one stays. MAX and MIN order values as json/order.h does, but null and
 * missing lose against all others; of equals the first one stays. */
enum contest_rule { CONTEST_FIRST, CONTEST_LAST, CONTEST_MAX, CONTEST_MIN };

struct contest {
    enum contest_rule rule;
    struct budget *budget; /* borrowed */
    size_t memory;         /* for spill_init */
    const char *dir;       /* borrowed */
    unsigned level;        /* of its parts */
    struct keyset keys;
    struct region best;   /* by number of key */
    struct region values; /* MAX and MIN: of the best */
    bool full;            /* no new keys */
    bool parted;          /* there are parts */
    struct spill parts;
    struct err why;    /* that is so: a refusal is no failure */
    struct buf item;   /* being put together for a part */
    uint64_t deferred; /* items that went to parts, of all levels */
    unsigned deepest;  /* levels of parts that there were */
};

/* Prepares c; memory is what spill_init is told. The budget should be less
 * than memory by an eighth, for the parts. Allocates nothing. */
void contest_init(struct contest *c, enum contest_rule rule,
                  struct budget *budget, size_t memory, const char *dir);

/* Enters record `number` with this key (of hash keyset_hash(&c->keys, key))
 * and, for MAX and MIN, value. 0, or -1 with e: without memory, or as
 * spill_add. */
int contest_enter(struct contest *c, struct hash128 hash, struct str key,
                  uint64_t number, struct val value, struct err *e);

/* Enters a record for a part at once: its key must be in no table. For callers
 * with tables of their own. */
int contest_defer(struct contest *c, struct str key, uint64_t number,
                  struct val value, struct err *e);

/* Ends it: sets the bit of each number that stays. tick (may be NULL) is called
 * now and then; -1 from it stops. Gives all memory and files back, also with
 * -1. */
int contest_settle(struct contest *c, struct bits *bits, int (*tick)(void *ctx),
                   void *ctx, struct err *e);

void contest_free(struct contest *c);

#endif
