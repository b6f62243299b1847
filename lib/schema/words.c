#include "schema/words.h"

#define SEEDS 32 /* tried for a table without collisions */

/* A sequence of odd, well mixed factors (SplitMix64, Steele et al. 2014). */
static uint64_t next_factor(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) | 1;
}

/* False for what cannot stand in a record without an escape, and for what is
 * too long. */
static bool is_word(struct str s)
{
    if (s.n > WORD_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

/* Fills the table; returns how many words are not in their first slot. */
static size_t fill(struct words *w, const struct str *v, size_t n)
{
    size_t displaced = 0;
    memset(w->slots, 0, ((size_t)w->mask + 1) * sizeof(*w->slots));
    for (size_t i = 0; i < n; i++) {
        char text[WORD_MAX + 1] = { 0 };
        if (!is_word(v[i]))
            continue;
        memcpy(text, v[i].p, v[i].n);
        text[v[i].n] = '"';
        struct word x = word_at(text);
        uint32_t at = words_slot(w, x);
        displaced += w->slots[at].lo != 0;
        while (w->slots[at].lo)
            at = (at + 1) & w->mask;
        w->slots[at] = x;
    }
    return displaced;
}

int words_new(struct words **out, struct arena *a, const struct str *v,
              size_t n)
{
    struct words *w = arena_alloc(a, sizeof(*w));
    uint64_t state = 0;
    uint32_t slots = 16;
    unsigned shift = 60;
    for (; slots < n * 4; slots *= 2)
        shift--;
    if (!w)
        return -1;
    *w = (struct words){ .mask = slots - 1, .shift = shift };
    w->slots = arena_alloc(a, slots * sizeof(*w->slots));
    if (!w->slots)
        return -1;
    for (int i = 0; i < SEEDS; i++) {
        w->factor[0] = next_factor(&state);
        w->factor[1] = next_factor(&state);
        if (fill(w, v, n) == 0)
            break;
    }
    *out = w;
    return 0;
}
