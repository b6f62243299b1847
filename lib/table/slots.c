#include "table/slots.h"

#include <string.h>

#define FIRST 8192                       /* slots: 64 KiB */
#define DOUBLE_BELOW ((uint64_t)1 << 20) /* slots: 8 MiB */
#define HALF_BELOW ((uint64_t)1 << 23)   /* slots: 64 MiB */
#define STEP ((uint64_t)1 << 18)         /* slots: 2 MiB, a huge page */
#define SPARE 256 /* slots behind the homes; few of them are ever needed */

static uint64_t none[SLOTS_AT_A_TIME];

void slots_init(struct slots *s, struct budget *budget)
{
    *s = (struct slots){ .mem.budget = budget,
                         .v = none,
                         .end = SLOTS_AT_A_TIME };
}

void slots_free(struct slots *s)
{
    region_free(&s->mem);
    slots_init(s, s->mem.budget);
}

/* How many slots must be behind so many homes for the values that are there,
 * half of SPARE empty: found from the back, up to where no value can reach
 * beyond. */
static uint64_t slots_behind(const struct slots *s, uint64_t homes)
{
    struct slots grown = { .homes = homes };
    uint64_t behind = SPARE, after = 0; /* values behind slot i */
    for (uint64_t i = s->end; i-- > 0;) {
        uint64_t most = s->homes ? (i + 1) * homes / s->homes + 1 : 0;
        if (most + after + SPARE / 2 <= homes + behind)
            break;
        if (!s->v[i])
            continue;
        uint64_t last = slots_home(&grown, s->v[i]) + after;
        if (last + 1 + SPARE / 2 > homes + behind)
            behind = last + 1 + SPARE - homes;
        after++;
    }
    return behind;
}

/* Spreads the values over more homes, in place: they all move to the back,
 * and from there each to its slot. A slot is never taken before the value in
 * it has moved: behind each one there is room for those that follow. Loops
 * without branches, for those would be guessed wrong half of the time. */
static void spread(struct slots *s, uint64_t was)
{
    uint64_t *v = s->v, from = s->end, at = 0;
    for (uint64_t i = was; i-- > 0;) {
        uint64_t value = v[i];
        v[from - 1] = value;
        from -= value != 0;
    }
    memset(v, 0, from * sizeof(*v));
    for (; from < s->end; from++) {
        uint64_t value = v[from], home = slots_home(s, value);
        v[from] = 0;
        at = at > home ? at : home;
        v[at++] = value;
    }
}

static int resize(struct slots *s, uint64_t homes, uint64_t end, struct err *e)
{
    uint64_t was = s->end;
    if (region_reserve(&s->mem, end * sizeof(*s->v) - s->mem.n, e))
        return -1;
    if (!s->mem.n)
        was = 0;
    s->mem.n = end * sizeof(*s->v);
    s->v = (uint64_t *)(void *)s->mem.p;
    s->end = end;
    if (homes != s->homes) {
        s->homes = homes;
        s->room = end < DOUBLE_BELOW ? homes / 5 * 3 : homes / 5 * 4;
        spread(s, was);
    }
    return 0;
}

/* The larger, the less at a time: growing costs a pass over all values, and
 * what is too much costs page faults. */
static uint64_t next_end(const struct slots *s)
{
    if (s->homes == 0)
        return FIRST;
    if (s->end < DOUBLE_BELOW)
        return s->end * 2;
    uint64_t end = s->end + s->end / (s->end < HALF_BELOW ? 2 : 4);
    return (end + STEP - 1) / STEP * STEP;
}

int slots_reserve(struct slots *s, struct err *e)
{
    if (!slots_full(s))
        return 0;
    if (s->homes && s->n < s->room) /* the last ones are crowded */
        return resize(s, s->homes, s->end + (s->end - s->homes), e);
    uint64_t homes = next_end(s) - SPARE;
    if (homes > UINT32_MAX)
        return err_set(e, ERR_CONFIG, "more than %llu keys",
                       (unsigned long long)s->room);
    uint64_t behind = slots_behind(s, homes);
    return resize(s, homes, homes + behind, e);
}
