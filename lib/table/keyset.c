#include "table/keyset.h"

#include "base/seed.h"

/* A key as it lies in the region: its number, if there are numbers; its length
 * as a base-128 number, least digits first, 0x80 marking that more follow; its
 * bytes. */
#define NUMBER_BYTES sizeof(uint32_t)
#define LENGTH_BYTES 5 /* at most */

void keyset_init_unnumbered(struct keyset *k, struct budget *budget)
{
    *k = (struct keyset){ .keys.budget = budget, .seed = seed(0) };
    slots_init(&k->slots, budget);
}

void keyset_init(struct keyset *k, struct budget *budget)
{
    keyset_init_unnumbered(k, budget);
    k->numbered = true;
}

void keyset_free(struct keyset *k)
{
    slots_free(&k->slots);
    region_free(&k->keys);
    k->n = 0;
}

static const char *entry_of(const struct keyset *k, uint64_t slot)
{
    return k->keys.p + ((slot & KEYSET_AT_MAX) - 1) * KEYSET_UNIT;
}

static size_t length_put(char *out, size_t n)
{
    size_t at = 0;
    for (; n >= 0x80; n >>= 7)
        out[at++] = (char)(0x80 | (n & 0x7f));
    out[at++] = (char)n;
    return at;
}

static struct str entry_key(const struct keyset *k, const char *entry)
{
    const char *p = entry + (k->numbered ? NUMBER_BYTES : 0);
    size_t n = 0;
    unsigned shift = 0;
    for (; *p & 0x80; shift += 7)
        n |= (size_t)(*p++ & 0x7f) << shift;
    n |= (size_t)*p++ << shift;
    return (struct str){ p, n };
}

static uint32_t number_of(const struct keyset *k, uint64_t slot)
{
    uint32_t number = 0;
    if (k->numbered)
        memcpy(&number, entry_of(k, slot), NUMBER_BYTES);
    return number;
}

/* The slot of key, with *found; or where a slot of this tag belongs behind
 * those that are there. */
static uint64_t *probe(const struct keyset *k, uint64_t tag, struct str key,
                       bool *found)
{
    uint64_t *at = slots_seek(&k->slots, tag);
    for (; *at && (*at ^ tag) <= KEYSET_AT_MAX; at++) {
        if (str_eq(entry_key(k, entry_of(k, *at)), key)) {
            *found = true;
            return at;
        }
    }
    *found = false;
    return at;
}

/* Appends key to the region, whose place *at it becomes. */
static int append(struct keyset *k, struct str key, uint64_t *at, struct err *e)
{
    if (k->keys.n / KEYSET_UNIT + 1 > KEYSET_AT_MAX || key.n > UINT32_MAX)
        return err_set(e, ERR_CONFIG, "more than 32 GiB of keys");
    if (region_reserve(&k->keys,
                       NUMBER_BYTES + LENGTH_BYTES + key.n + KEYSET_UNIT, e))
        return -1;
    *at = k->keys.n / KEYSET_UNIT + 1;
    char *p = k->keys.p + k->keys.n, *from = p;
    if (k->numbered) {
        memcpy(p, &k->n, NUMBER_BYTES);
        p += NUMBER_BYTES;
    }
    p += length_put(p, key.n);
    if (key.n)
        memcpy(p, key.p, key.n);
    size_t n = (size_t)(p - from) + key.n;
    k->keys.n += (n + KEYSET_UNIT - 1) / KEYSET_UNIT * KEYSET_UNIT;
    return 0;
}

int keyset_insert(struct keyset *k, struct hash128 hash, struct str key,
                  uint32_t *number, struct err *e)
{
    uint64_t tag = keyset_tag(hash), at = 0;
    bool found;
    uint64_t *slot = probe(k, tag, key, &found);
    if (found) {
        *number = number_of(k, *slot);
        return 0;
    }
    if (slots_full(&k->slots)) {
        if (slots_reserve(&k->slots, e))
            return -1;
        slot = probe(k, tag, key, &found);
    }
    if (append(k, key, &at, e))
        return -1;
    slots_put(&k->slots, slot, (tag & ~KEYSET_AT_MAX) | at);
    *number = k->numbered ? k->n : 0;
    k->n++;
    return 1;
}

bool keyset_find(const struct keyset *k, struct hash128 hash, struct str key,
                 uint32_t *number)
{
    bool found;
    const uint64_t *slot = probe(k, keyset_tag(hash), key, &found);
    if (found)
        *number = number_of(k, *slot);
    return found;
}

bool keyset_next(const struct keyset *k, size_t *at, struct str *key)
{
    if (*at >= k->keys.n)
        return false;
    *key = entry_key(k, k->keys.p + *at);
    size_t end = (size_t)(key->p - k->keys.p) + key->n;
    *at = (end + KEYSET_UNIT - 1) / KEYSET_UNIT * KEYSET_UNIT;
    return true;
}
