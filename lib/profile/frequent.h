/* frequent: how often each value occurs, of many values the frequent ones.
 *
 * Exact for as long as there are no more values than room. From then on a full
 * table takes the median of its counts (of a sample) from all of them, and what
 * has nothing left makes room: Misra and Gries 1982, "Finding repeated
 * elements", with the purges of Anderson et al. 2017, "A high-performance
 * algorithm for identifying frequent items in data streams". A count is then at
 * most `lost` too low and never too high, and a value that is not there has
 * occurred `lost` times at most. Values are told apart by a hash of 128 bits.
 * The same stream leaves the same table. Not thread-safe. */
#ifndef PROFILE_FREQUENT_H
#define PROFILE_FREQUENT_H

#include "base/buf.h"
#include "base/hash.h"
#include "json/value.h"
#include "table/region.h"

#define FREQUENT_TEXT 256 /* bytes kept of a value */

struct frequent_entry {
    struct hash128 hash;
    uint64_t count;
    double number;  /* of numbers */
    uint32_t chars; /* of strings: characters of the whole value */
    uint32_t at;    /* where its text begins */
    uint16_t n;     /* bytes kept of it */
    uint8_t type;   /* enum json_type */
    bool cut;       /* there is more of it */
};

struct frequent {
    uint32_t *slots; /* owned: number of an entry, from 1; 2 for each */
    struct frequent_entry *v; /* owned */
    uint32_t n, cap;
    uint32_t room; /* entries at most */
    struct buf text;
    struct budget *budget; /* borrowed */
    size_t charged;
    uint64_t lost;
    bool full;     /* has been full: no longer exact */
    bool repeated; /* some value has occurred twice */
};

/* Prepares f for room values (a power of two) that it charges to budget; it
 * stays smaller where that refuses. */
void frequent_init(struct frequent *f, uint32_t room, struct budget *budget);
void frequent_free(struct frequent *f);

/* The entry with this hash, or NULL. */
static inline struct frequent_entry *frequent_find(const struct frequent *f,
                                                   struct hash128 h)
{
    if (!f->cap)
        return NULL;
    uint32_t mask = f->cap * 2 - 1;
    for (uint32_t i = (uint32_t)h.lo & mask; f->slots[i]; i = (i + 1) & mask) {
        struct frequent_entry *e = &f->v[f->slots[i] - 1];
        if (e->hash.lo == h.lo && e->hash.hi == h.hi)
            return e;
    }
    return NULL;
}

/* True where the next value that is new finds no room without a purge. */
bool frequent_is_full(struct frequent *f);

/* Adds a value that is not there, with count 1, number and chars to be filled
 * in by the caller; text is its characters, or its spelling (copied). Purges
 * where it has to. NULL without memory. */
struct frequent_entry *frequent_add(struct frequent *f, struct hash128 h,
                                    enum json_type type, struct str text);

/* From now on room for fewer values; f is no longer exact. 0 or -1 (memory). */
int frequent_shrink(struct frequent *f, uint32_t room);

/* An entry's text, borrowed until the next addition. */
static inline struct str frequent_text(const struct frequent *f,
                                       const struct frequent_entry *e)
{
    return (struct str){ f->text.p + e->at, e->n };
}

#endif
