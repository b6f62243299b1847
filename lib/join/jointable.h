/* jointable: reference rows by key, in memory.
 *
 * A row is bytes, added to whatever matches its key, and maybe a time. Key and
 * row lie together in one append-only region, so that to find a row costs two
 * loads that may miss the caches, the slot (table/slots.h) and the row, and
 * both can be started early. All memory is charged to one budget.
 *
 * Filled by jointable_add, then made ready by jointable_freeze, from where on
 * any number of threads may look up. */
#ifndef JOIN_JOINTABLE_H
#define JOIN_JOINTABLE_H

#include "base/hash.h"
#include "join/jointime.h"
#include "table/slots.h"

/* What becomes of several rows of one key (and one time, if rows have one). */
enum jointable_multi {
    JOINTABLE_FAIL,  /* an error that names the key */
    JOINTABLE_FIRST, /* this one stays */
    JOINTABLE_LAST,
    JOINTABLE_ALL, /* all stay; not with times */
    JOINTABLE_FLAG /* they stay, and the look-up says that they are several */
};

/* A row as it lies in the region, key and row bytes behind it. */
struct jointable_row {
    uint64_t link;        /* another row of the key, or a run; 0: none */
    uint32_t key_n;       /* the highest bit: not the first row of its key */
    uint32_t n;           /* bytes of the row */
    struct jointime time; /* where rows have one */
};

struct jointable {
    struct slots slots;
    struct region rows; /* from unit 1 */
    struct region runs; /* rows of one key: number, places; from 1 */
    uint64_t n;         /* rows */
    uint64_t seed;
    enum jointable_multi multi;
    bool timed;
    size_t head; /* bytes of struct jointable_row in use */
};

/* Prepares an empty table that charges budget (borrowed). Allocates nothing. */
void jointable_init(struct jointable *t, enum jointable_multi multi, bool timed,
                    struct budget *budget);
void jointable_free(struct jointable *t);

/* The hash of a key, of which all bits are good. */
static inline uint64_t jointable_hash(const struct jointable *t, struct str key)
{
    return XXH3_64bits_withSeed(key.p, key.n, t->seed);
}

/* Adds a row of the key with this hash; time may be NULL where rows have none.
 * 0, or -1 with e: ERR_DATA where the key is there under JOINTABLE_FAIL, else
 * as region_reserve; the table is then as it was. */
int jointable_add(struct jointable *t, uint64_t hash, struct str key,
                  struct str row, const struct jointime *time, struct err *e);

/* Ends the adding. 0, or -1 with e: ERR_DATA for rows of the same time under
 * JOINTABLE_FAIL, else as region_reserve. */
int jointable_freeze(struct jointable *t, struct err *e);

/* Walks the rows that were added and not replaced, in that order, before
 * jointable_freeze: *at is 0 at first, and its own afterwards. False behind the
 * last. */
bool jointable_next(const struct jointable *t, size_t *at, struct str *key,
                    struct str *row, struct jointime *time);

/* Starts to load the slot, and then the row, that hash leads to. */
static inline void jointable_prefetch(const struct jointable *t, uint64_t hash)
{
    slots_prefetch(&t->slots, (hash >> SLOTS_FREE_BITS << SLOTS_FREE_BITS) + 1);
}
void jointable_prefetch_row(const struct jointable *t, uint64_t hash);

/* The first row of the key; NULL: none. */
const struct jointable_row *jointable_find(const struct jointable *t,
                                           uint64_t hash, struct str key);

/* The rows that match, first being what jointable_find gave: sets *rows to
 * them, n in number, or to NULL where it is first alone. time (NULL where rows
 * have none) asks for the latest row not after it, and not longer ago than
 * max_us microseconds (0: however long). Returns their number, 0: none, or -1:
 * they are flagged as several. */
int64_t jointable_match(const struct jointable *t,
                        const struct jointable_row *first,
                        const struct jointime *time, uint64_t max_us,
                        const uint64_t **rows);

/* The row at a place that jointable_match gave. */
static inline const struct jointable_row *
jointable_at(const struct jointable *t, uint64_t place)
{
    return (const struct jointable_row *)(const void *)(t->rows.p + place * 8);
}

static inline struct str jointable_row(const struct jointable *t,
                                       const struct jointable_row *r)
{
    return (struct str){ (const char *)r + t->head + (r->key_n & INT32_MAX),
                         r->n };
}

#endif
