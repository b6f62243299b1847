#include "table/keyset.h"

#define SLOTS_FIRST 4096 /* 32 KiB */

void keyset_init(struct keyset *k, struct budget *budget)
{
    *k = (struct keyset){ .slots.budget = budget,
                          .ends.budget = budget,
                          .bytes.budget = budget };
}

void keyset_free(struct keyset *k)
{
    region_free(&k->slots);
    region_free(&k->ends);
    region_free(&k->bytes);
    keyset_init(k, k->slots.budget);
}

static struct keyset_slot *slots_of(const struct keyset *k)
{
    return (struct keyset_slot *)(void *)k->slots.p;
}

struct str keyset_key(const struct keyset *k, uint32_t number)
{
    const uint64_t *ends = (const uint64_t *)(void *)k->ends.p;
    uint64_t start = number ? ends[number - 1] : 0;
    return (struct str){ k->bytes.p + start, (size_t)(ends[number] - start) };
}

/* The slot of key, or the empty slot where it belongs. */
static struct keyset_slot *probe(const struct keyset *k, uint32_t tag,
                                 struct str key)
{
    struct keyset_slot *slots = slots_of(k);
    for (uint32_t at = tag >> k->shift;; at = (at + 1) & k->mask) {
        struct keyset_slot *s = &slots[at];
        if (!s->number ||
            (s->tag == tag && str_eq(keyset_key(k, s->number - 1), key)))
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
        if (!from[i].number)
            continue;
        uint32_t at = from[i].tag >> grown.shift;
        while (to[at].number)
            at = (at + 1) & grown.mask;
        to[at] = from[i];
    }
    region_free(&k->slots);
    *k = grown;
    return 0;
}

/* Puts key, which is not there, into the empty slot s. */
static int append(struct keyset *k, struct keyset_slot *s, uint32_t tag,
                  struct str key, struct err *e)
{
    uint64_t end = k->bytes.n + key.n;
    /* One byte more, so that bytes.p is there even if all keys are empty. */
    if (region_reserve(&k->bytes, key.n + 1, e) ||
        region_add(&k->ends, &end, sizeof(end), e) ||
        region_add(&k->bytes, key.p, key.n, e))
        return -1;
    *s = (struct keyset_slot){ tag, ++k->n };
    return 0;
}

int keyset_insert(struct keyset *k, struct hash128 hash, struct str key,
                  uint32_t *number, struct err *e)
{
    uint32_t tag = keyset_tag(hash);
    struct keyset_slot *s = k->slots.p ? probe(k, tag, key) : NULL;
    if (s && s->number) {
        *number = s->number - 1;
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
    if (!s->number)
        return false;
    *number = s->number - 1;
    return true;
}
