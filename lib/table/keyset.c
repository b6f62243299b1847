#include "table/keyset.h"

#define SLOTS_FIRST 4096 /* 32 KiB */

/* A key as it lies in the region. */
struct entry {
    uint32_t number, length;
    char key[];
};

void keyset_init(struct keyset *k, struct budget *budget)
{
    *k = (struct keyset){ .slots.budget = budget, .keys.budget = budget };
}

void keyset_free(struct keyset *k)
{
    region_free(&k->slots);
    region_free(&k->keys);
    keyset_init(k, k->slots.budget);
}

static struct keyset_slot *slots_of(const struct keyset *k)
{
    return (struct keyset_slot *)(void *)k->slots.p;
}

static struct entry *entry_at(const struct keyset *k, uint32_t at)
{
    return (struct entry *)(void *)(k->keys.p + (size_t)(at - 1) * KEYSET_UNIT);
}

/* Bytes of the region that a key of n bytes takes. */
static size_t entry_size(size_t n)
{
    n += sizeof(struct entry);
    return (n + KEYSET_UNIT - 1) / KEYSET_UNIT * KEYSET_UNIT;
}

static bool has_key(const struct entry *e, struct str key)
{
    return e->length == key.n && memcmp(e->key, key.p, key.n) == 0;
}

/* The slot of key, or the empty slot where it belongs. */
static struct keyset_slot *probe(const struct keyset *k, uint32_t tag,
                                 struct str key)
{
    struct keyset_slot *slots = slots_of(k);
    for (uint32_t i = tag >> k->shift;; i = (i + 1) & k->mask) {
        struct keyset_slot *s = &slots[i];
        if (!s->at || (s->tag == tag && has_key(entry_at(k, s->at), key)))
            return s;
    }
}

/* Doubles the slots. Tags keep their order, so both tables are walked from
 * front to back; only what wrapped around the old end goes elsewhere. */
static int grow(struct keyset *k, struct err *e)
{
    uint64_t old = k->slots.p ? (uint64_t)k->mask + 1 : 0;
    uint64_t size = old ? 2 * old : SLOTS_FIRST;
    if (size > (uint64_t)1 << 32)
        return err_set(e, ERR_CONFIG, "more than %u keys", k->room);
    struct keyset grown = *k;
    grown.slots = (struct region){ .budget = k->slots.budget };
    if (region_reserve(&grown.slots, size * sizeof(struct keyset_slot), e))
        return -1;
    grown.mask = (uint32_t)(size - 1);
    grown.shift = (unsigned)__builtin_clz(grown.mask);
    grown.room = (uint32_t)(size / 4 * 3);
    struct keyset_slot *from = slots_of(k), *to = slots_of(&grown);
    for (uint64_t i = 0; i < old; i++) {
        if (!from[i].at)
            continue;
        uint32_t j = from[i].tag >> grown.shift;
        while (to[j].at)
            j = (j + 1) & grown.mask;
        to[j] = from[i];
    }
    region_free(&k->slots);
    *k = grown;
    return 0;
}

/* Puts key, which is not there, into the empty slot s. */
static int append(struct keyset *k, struct keyset_slot *s, uint32_t tag,
                  struct str key, struct err *e)
{
    size_t n = entry_size(key.n);
    size_t at = k->keys.n / KEYSET_UNIT + 1;
    if (at > UINT32_MAX || key.n > UINT32_MAX)
        return err_set(e, ERR_CONFIG, "more than 32 GiB of keys");
    if (region_reserve(&k->keys, n, e))
        return -1;
    *s = (struct keyset_slot){ tag, (uint32_t)at };
    struct entry *entry = entry_at(k, s->at);
    *entry = (struct entry){ k->n++, (uint32_t)key.n };
    memcpy(entry->key, key.p, key.n);
    k->keys.n += n;
    return 0;
}

int keyset_insert(struct keyset *k, struct hash128 hash, struct str key,
                  uint32_t *number, struct err *e)
{
    uint32_t tag = keyset_tag(hash);
    struct keyset_slot *s = k->slots.p ? probe(k, tag, key) : NULL;
    if (s && s->at) {
        *number = entry_at(k, s->at)->number;
        return 0;
    }
    if (k->n == k->room) {
        if (grow(k, e))
            return -1;
        s = probe(k, tag, key);
    }
    if (append(k, s, tag, key, e))
        return -1;
    *number = k->n - 1;
    return 1;
}

bool keyset_find(const struct keyset *k, struct hash128 hash, struct str key,
                 uint32_t *number)
{
    if (!k->slots.p)
        return false;
    const struct keyset_slot *s = probe(k, keyset_tag(hash), key);
    if (!s->at)
        return false;
    *number = entry_at(k, s->at)->number;
    return true;
}

bool keyset_next(const struct keyset *k, size_t *at, struct str *key)
{
    if (*at >= k->keys.n)
        return false;
    const struct entry *e =
        (const struct entry *)(const void *)(k->keys.p + *at);
    *key = (struct str){ e->key, e->length };
    *at += entry_size(e->length);
    return true;
}
