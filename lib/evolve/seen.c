#include "evolve/seen.h"

#include <stdlib.h>

#define SETS 256
#define WAYS 4
#define KEYS_MAX 400

/* A key with its closing quote and what stands up to the colon. */
struct seen_key {
    uint32_t token, n;
    size_t at; /* in bytes */
    uint64_t word[2], mask[2];
};

struct look {
    uint64_t serial; /* 0: empty */
    uint32_t n;
    struct seen_key *keys; /* owned */
    char *bytes;           /* owned */
    void *kept;
};

struct seen {
    seen_retire *retire;
    void *context;
    struct look looks[SETS][WAYS];
    unsigned turn;
};

struct seen *seen_new(seen_retire *retire, void *context)
{
    struct seen *s = calloc(1, sizeof(*s));
    if (s) {
        s->retire = retire;
        s->context = context;
    }
    return s;
}

static void clear(struct seen *s, struct look *l)
{
    if (l->serial)
        s->retire(s->context, l->kept);
    free(l->keys);
    free(l->bytes);
    *l = (struct look){ 0 };
}

void seen_free(struct seen *s)
{
    for (size_t i = 0; s && i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            clear(s, &s->looks[i][k]);
    free(s);
}

/* Most keys fit into two words; the block is padded, so that both may be read
 * wherever the key stands. */
static bool fits(const struct look *l, const struct shaped *r)
{
    const uint32_t *pos = r->line->pos;
    for (uint32_t k = 0; k < l->n; k++) {
        const struct seen_key *key = &l->keys[k];
        uint32_t from = pos[key->token] + 1;
        uint64_t have[2];
        memcpy(have, r->block + from, sizeof(have));
        if (pos[key->token + 1] - from != key->n ||
            (((have[0] ^ key->word[0]) & key->mask[0]) |
             ((have[1] ^ key->word[1]) & key->mask[1])) ||
            (key->n > sizeof(have) &&
             memcmp(r->block + from, l->bytes + key->at, key->n) != 0))
            return false;
    }
    return true;
}

void *seen_find(struct seen *s, const struct shaped *r)
{
    struct look *set = s->looks[r->shape->serial % SETS];
    for (size_t k = 0; k < WAYS; k++)
        if (set[k].serial == r->shape->serial && fits(&set[k], r))
            return set[k].kept;
    return NULL;
}

static bool is_key(const struct shape *p, uint32_t i)
{
    return p->tok[i] == '"' && i + 1 < p->n && p->tok[i + 1] == ':';
}

static bool note_keys(struct look *l, const struct shaped *r)
{
    const struct shape *p = r->shape;
    const uint32_t *pos = r->line->pos;
    size_t n = 0, bytes = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (is_key(p, i)) {
            n++;
            bytes += pos[i + 1] - pos[i] - 1;
        }
    if (n > KEYS_MAX)
        return false;
    l->keys = calloc(n + 1, sizeof(*l->keys));
    l->bytes = malloc(bytes + 1);
    if (!l->keys || !l->bytes)
        return false;
    bytes = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        if (!is_key(p, i))
            continue;
        struct seen_key *k = &l->keys[l->n++];
        const char *text = r->block + pos[i] + 1;
        *k = (struct seen_key){ .token = i,
                                .n = pos[i + 1] - pos[i] - 1,
                                .at = bytes };
        memset(k->mask, 0xff, k->n < sizeof(k->mask) ? k->n : sizeof(k->mask));
        memcpy(k->word, text, k->n < sizeof(k->word) ? k->n : sizeof(k->word));
        memcpy(l->bytes + bytes, text, k->n);
        bytes += k->n;
    }
    return true;
}

bool seen_keep(struct seen *s, const struct shaped *r, void *kept)
{
    struct look l = { .serial = r->shape->serial, .kept = kept };
    struct look *set = s->looks[l.serial % SETS];
    if (!note_keys(&l, r)) {
        free(l.keys);
        free(l.bytes);
        return false;
    }
    size_t k = 0;
    while (k < WAYS && set[k].serial)
        k++;
    if (k == WAYS)
        k = s->turn++ % WAYS;
    clear(s, &set[k]);
    set[k] = l;
    return true;
}
