/* group: the groups of an aggregate: their keys, numbers and spellings.
 *
 * A group is known by its key, which has one or more parts, and numbered from 0
 * in order of first appearance. Keys compare by value as json/key.h has it. The
 * first spelling of every part is kept.
 *
 * A key of one part that is a string of at most 8 characters, or a whole number
 * of 64 bits, is a word; of others the word is a hash, and their bytes lie one
 * behind the other in an append-only region. A table of slots finds a group by
 * its word: 16 bytes each, open addressing, probing each cache line to its end
 * before the next, three quarters full at most; so to find a word mostly costs
 * one load that may miss the caches, and other keys two, and all can be started
 * early. Not thread-safe. */
#ifndef AGGREGATE_GROUP_H
#define AGGREGATE_GROUP_H

#include "base/buf.h"
#include "json/order.h"
#include "json/value.h"
#include "table/region.h"

enum group_kind {
    GROUP_NONE,   /* of a slot: empty */
    GROUP_CHARS,  /* the word is the string, the first character highest */
    GROUP_NUMBER, /* the word is the number */
    GROUP_BYTES   /* the word is the hash of the bytes */
};

struct group_key {
    uint64_t word;
    enum group_kind kind;
    struct str bytes; /* borrowed */
};

struct group_slot {
    uint64_t word;
    uint32_t group;
    uint32_t place; /* the kind; of GROUP_BYTES and above, where they lie, in
                       units of GROUP_UNIT bytes */
};

#define GROUP_UNIT 8

struct groups {
    size_t parts; /* of a key */
    uint32_t n;
    uint32_t room;        /* groups that fit before the slots must grow */
    uint32_t mask;        /* slots, a power of two, less 1 */
    unsigned shift;       /* a hash's leading bits are its slot */
    uint64_t add, mul[2]; /* random: what words are hashed by */
    struct region slots;
    struct region bytes; /* of keys: a uint32_t of length before each */
    struct region text;  /* spellings: parts end with LF, missing is empty */
    struct region ends;  /* uint64_t a group: where its spelling ends in text */
};

void group_init(struct groups *g, size_t parts, struct budget *budget);
void group_free(struct groups *g);

/* Makes the key of vals (g->parts of them). Its bytes may be appended to out or
 * borrow from vals. Returns 0; or, with *part the value concerned, what key_add
 * (json/key.h) says of it. Where has_key, the value of a single part has no
 * escapes and ORDER_PADDING bytes are readable from its start. */
int group_key_of(const struct groups *g, const struct val *vals, bool has_key,
                 struct buf *out, struct group_key *key, size_t *part);

/* Adds the group with this key, which is new, with the spelling of vals
 * (g->parts of them). 0 or -1 with e; a group is then not half there. */
int group_add(struct groups *g, const struct group_key *key,
              const struct val *vals, uint32_t *number, struct err *e);

/* Fills vals with the parts of group number as first spelled, MISSING where
 * there was none. Borrowed until the next group is added. */
void group_spelling(const struct groups *g, uint32_t number, struct val *vals);

/* Returns all group numbers ordered by key, part after part (json/order.h),
 * owned, freed with free; NULL with e. */
uint32_t *group_sort(const struct groups *g, struct err *e);

/* ---- what every record passes ---- */

/* Two rounds of multiply-shift (Dietzfelbinger et al. 1997), which spread by
 * the leading bits. */
static inline uint32_t group_home(const struct groups *g, uint64_t word)
{
    uint64_t x = (word ^ g->add) * g->mul[0];
    return (uint32_t)((x ^ x >> 32) * g->mul[1] >> g->shift);
}

static inline const struct group_slot *group_slots(const struct groups *g)
{
    return (const struct group_slot *)(const void *)g->slots.p;
}

/* The slot to look at behind i, the n-th: round the line, then in the next. */
static inline uint32_t group_next(const struct groups *g, uint32_t i,
                                  uint32_t n)
{
    const uint32_t line = 64 / sizeof(struct group_slot);
    if (n % line)
        return (i & ~(line - 1)) | ((i + 1) & (line - 1));
    return (i + line) & g->mask;
}

/* Starts to load the slot that key leads to, a while before it is needed.
 * Inlined always: a function that does nothing else is pure to GCC 12, which
 * then drops the call. */
__attribute__((always_inline)) static inline void
group_prefetch(const struct groups *g, const struct group_key *key)
{
    if (g->n)
        __builtin_prefetch(&group_slots(g)[group_home(g, key->word)]);
}

/* The next step, once the slot is there: starts to load the bytes that may be
 * the key's. */
__attribute__((always_inline)) static inline void
group_prefetch_bytes(const struct groups *g, const struct group_key *key)
{
    if (key->kind != GROUP_BYTES || !g->n)
        return;
    const struct group_slot *slots = group_slots(g);
    uint32_t i = group_home(g, key->word), n = 0;
    while (slots[i].place && slots[i].word != key->word)
        i = group_next(g, i, ++n);
    if (slots[i].place >= GROUP_BYTES)
        __builtin_prefetch(g->bytes.p +
                           (size_t)(slots[i].place - GROUP_BYTES) * GROUP_UNIT);
}

/* True if the bytes at this place are those of key. */
bool group_same_bytes(const struct groups *g, uint32_t place,
                      const struct group_key *key);

/* The number of the group with this key, if it is there. */
static inline bool group_find(const struct groups *g,
                              const struct group_key *key, uint32_t *number)
{
    if (!g->n)
        return false;
    const struct group_slot *slots = group_slots(g), *s;
    uint32_t i = group_home(g, key->word), n = 0;
    for (; (s = &slots[i])->place; i = group_next(g, i, ++n)) {
        if (s->word != key->word)
            continue;
        if (key->kind == GROUP_BYTES
                ? s->place >= GROUP_BYTES && group_same_bytes(g, s->place, key)
                : s->place == key->kind) {
            *number = s->group;
            return true;
        }
    }
    return false;
}

#endif
