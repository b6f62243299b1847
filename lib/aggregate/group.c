#include "aggregate/group.h"

#include "base/hash.h"
#include "base/seed.h"
#include "json/key.h"
#include "json/number.h"

#include <stdlib.h>

#define SLOTS_FIRST 4096 /* 64 KiB */
#define SLOTS_MOST ((uint64_t)1 << 32)

void group_init(struct groups *g, size_t parts, struct budget *budget)
{
    *g = (struct groups){ .parts = parts,
                          .add = seed(0),
                          .mul = { seed(1) | 1, seed(2) | 1 },
                          .slots.budget = budget,
                          .bytes.budget = budget,
                          .text.budget = budget,
                          .ends.budget = budget };
}

void group_free(struct groups *g)
{
    region_free(&g->slots);
    region_free(&g->bytes);
    region_free(&g->text);
    region_free(&g->ends);
}

/* ---- keys ---- */

static void by_bytes(const struct groups *g, struct group_key *key,
                     struct str bytes)
{
    key->kind = GROUP_BYTES;
    key->word = XXH3_64bits_withSeed(bytes.p, bytes.n, g->add);
    key->bytes = bytes;
}

/* A string alone needs no length before it, as key_add writes it: its key is
 * what stands in the record, less the closing quote. */
static void plain_string(const struct groups *g, struct str raw,
                         struct group_key *key)
{
    if (raw.n > 10) {
        by_bytes(g, key, (struct str){ raw.p, raw.n - 1 });
        return;
    }
    key->kind = GROUP_CHARS;
    key->word = order_high(raw.p + 1, raw.n - 2);
}

static int escaped_string(const struct groups *g, struct str raw,
                          struct buf *out, struct group_key *key)
{
    size_t at = out->n;
    buf_addc(out, '"');
    if (json_unescape(out, (struct str){ raw.p + 1, raw.n - 2 }))
        return -1;
    struct str all = { out->p + at, out->n - at };
    char chars[8] = { 0 };
    if (all.n > 9 || memchr(all.p, '\0', all.n)) {
        by_bytes(g, key, all);
        return 0;
    }
    memcpy(chars, all.p + 1, all.n - 1);
    memcpy(&key->word, chars, sizeof(chars));
    key->word = be64toh(key->word);
    key->kind = GROUP_CHARS;
    return 0;
}

/* Whole numbers are words however they are spelled. */
static bool whole_number(struct str raw, bool padded, struct group_key *key)
{
    int64_t v;
    int32_t scale;
    if ((!padded || !digits_read_padded(raw.p, raw.n, &v, &scale) || scale) &&
        !number_to_i64(raw, &v))
        return false;
    key->word = (uint64_t)v;
    key->kind = GROUP_NUMBER;
    return true;
}

int group_key_of(const struct groups *g, const struct val *vals, bool has_key,
                 struct buf *out, struct group_key *key, size_t *part)
{
    *part = 0;
    if (g->parts == 1 && vals->type == JSON_STRING) {
        if (!has_key)
            return escaped_string(g, vals->raw, out, key);
        plain_string(g, vals->raw, key);
        return 0;
    }
    if (g->parts == 1 && vals->type == JSON_NUMBER &&
        whole_number(vals->raw, has_key, key))
        return 0;
    size_t at = out->n;
    for (; *part < g->parts; ++*part) {
        int r = key_add(out, vals[*part]);
        if (r)
            return r;
    }
    by_bytes(g, key, (struct str){ out->p + at, out->n - at });
    return 0;
}

bool group_same_bytes(const struct groups *g, uint32_t place,
                      const struct group_key *key)
{
    const char *p = g->bytes.p + (size_t)(place - GROUP_BYTES) * GROUP_UNIT;
    uint32_t n;
    memcpy(&n, p, sizeof(n));
    return str_eq((struct str){ p + sizeof(n), n }, key->bytes);
}

/* ---- adding ---- */

static struct group_slot *slots_of(struct groups *g)
{
    return (struct group_slot *)(void *)g->slots.p;
}

static struct group_slot *empty_slot(struct groups *g, uint64_t word)
{
    uint32_t i = group_home(g, word), n = 0;
    while (slots_of(g)[i].place)
        i = group_next(g, i, ++n);
    return &slots_of(g)[i];
}

/* Doubles the slots. */
static int grow(struct groups *g, struct err *e)
{
    uint64_t old = g->slots.p ? (uint64_t)g->mask + 1 : 0;
    uint64_t size = old ? 2 * old : SLOTS_FIRST;
    if (size > SLOTS_MOST)
        return err_set(e, ERR_CONFIG, "more than %u groups", g->room);
    struct groups grown = *g;
    grown.slots = (struct region){ .budget = g->slots.budget };
    if (region_reserve(&grown.slots, size * sizeof(struct group_slot), e))
        return -1;
    grown.mask = (uint32_t)(size - 1);
    grown.shift = 64 - (unsigned)__builtin_ctzll(size);
    grown.room = (uint32_t)(size / 4 * 3);
    for (uint64_t i = 0; i < old; i++)
        if (slots_of(g)[i].place)
            *empty_slot(&grown, slots_of(g)[i].word) = slots_of(g)[i];
    region_free(&g->slots);
    *g = grown;
    return 0;
}

/* Makes room for one more key and spelling; nothing can fail behind it. */
static int reserve(struct groups *g, const struct group_key *key,
                   const struct val *vals, struct err *e)
{
    size_t n = g->parts;
    for (size_t i = 0; i < g->parts; i++)
        n += vals[i].raw.n;
    if (g->n == g->room && grow(g, e))
        return -1;
    if (region_reserve(&g->text, n, e) ||
        region_reserve(&g->ends, sizeof(uint64_t), e))
        return -1;
    if (key->kind != GROUP_BYTES)
        return 0;
    if (g->bytes.n / GROUP_UNIT > UINT32_MAX - GROUP_BYTES ||
        key->bytes.n > UINT32_MAX)
        return err_set(e, ERR_CONFIG, "more than 32 GiB of keys");
    return region_reserve(&g->bytes,
                          sizeof(uint32_t) + key->bytes.n + GROUP_UNIT, e);
}

/* Keeps the bytes of a key, for which there is room; returns their place. */
static uint32_t keep_bytes(struct groups *g, struct str bytes)
{
    uint32_t place = (uint32_t)(g->bytes.n / GROUP_UNIT) + GROUP_BYTES;
    uint32_t n = (uint32_t)bytes.n;
    char *p = g->bytes.p + g->bytes.n;
    memcpy(p, &n, sizeof(n));
    memcpy(p + sizeof(n), bytes.p, n);
    size_t all = sizeof(n) + bytes.n;
    g->bytes.n += (all + GROUP_UNIT - 1) / GROUP_UNIT * GROUP_UNIT;
    return place;
}

int group_add(struct groups *g, const struct group_key *key,
              const struct val *vals, uint32_t *number, struct err *e)
{
    if (reserve(g, key, vals, e))
        return -1;
    uint32_t place = (uint32_t)key->kind;
    if (key->kind == GROUP_BYTES)
        place = keep_bytes(g, key->bytes);
    for (size_t i = 0; i < g->parts; i++) {
        region_add(&g->text, vals[i].raw.p, vals[i].raw.n, e);
        region_add(&g->text, "\n", 1, e);
    }
    uint64_t end = g->text.n;
    region_add(&g->ends, &end, sizeof(end), e);
    *number = g->n++;
    *empty_slot(g, key->word) =
        (struct group_slot){ key->word, *number, place };
    return 0;
}

/* ---- spellings ---- */

void group_spelling(const struct groups *g, uint32_t number, struct val *vals)
{
    const uint64_t *ends = (const uint64_t *)(void *)g->ends.p;
    const char *p = g->text.p + (number ? ends[number - 1] : 0);
    const char *end = g->text.p + ends[number];
    for (size_t i = 0; i < g->parts; i++) {
        /* Records are lines: no value has an LF in it. */
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        vals[i] = json_val((struct str){ p, (size_t)(lf - p) });
        p = lf + 1;
    }
}

struct sorting {
    const struct groups *g;
    struct val *a, *b; /* room for the parts of two keys */
    int failed;
};

static int by_key(const void *x, const void *y, void *ctx)
{
    struct sorting *s = ctx;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    group_spelling(s->g, a, s->a);
    group_spelling(s->g, b, s->b);
    for (size_t i = 0; i < s->g->parts; i++) {
        int order = 0;
        if (order_cmp(s->a[i], s->b[i], &order))
            s->failed = 1;
        if (order)
            return order;
    }
    return a < b ? -1 : a > b;
}

uint32_t *group_sort(const struct groups *g, struct err *e)
{
    size_t n = g->n;
    uint32_t *order = malloc((n ? n : 1) * sizeof(*order));
    struct val *vals = calloc(2 * g->parts + 1, sizeof(*vals));
    struct sorting s = { g, vals, vals ? vals + g->parts : NULL, 0 };
    if (order && vals) {
        for (size_t i = 0; i < n; i++)
            order[i] = (uint32_t)i;
        qsort_r(order, n, sizeof(*order), by_key, &s);
    }
    free(vals);
    if (order && vals && !s.failed)
        return order;
    free(order);
    err_nomem(e);
    return NULL;
}
