#include "profile/frequent.h"

#include "json/visible.h"

#include <stdlib.h>

#define LEAST 32
#define SAMPLE 64
/* An entry with its two slots and a usual text: what is charged of one. */
#define CHARGE (sizeof(struct frequent_entry) + 2 * sizeof(uint32_t) + 32)

void frequent_init(struct frequent *f, uint32_t room, struct budget *budget)
{
    *f = (struct frequent){ .room = room, .budget = budget };
    f->text.max = (size_t)room * FREQUENT_TEXT + 1;
}

void frequent_free(struct frequent *f)
{
    free(f->slots);
    free(f->v);
    buf_free(&f->text);
    f->budget->used -= f->charged;
    f->slots = NULL;
    f->v = NULL;
    f->charged = 0;
    f->n = f->cap = 0;
}

static void enter(struct frequent *f, uint32_t number)
{
    uint32_t mask = f->cap * 2 - 1;
    uint32_t i = (uint32_t)f->v[number - 1].hash.lo & mask;
    while (f->slots[i])
        i = (i + 1) & mask;
    f->slots[i] = number;
}

/* Makes the table one of cap entries, no fewer than there are. */
static int resize(struct frequent *f, uint32_t cap)
{
    struct frequent_entry *v = malloc(cap * sizeof(*v));
    uint32_t *slots = calloc((size_t)cap * 2, sizeof(*slots));
    if (!v || !slots) {
        free(v);
        free(slots);
        return -1;
    }
    if (f->n)
        memcpy(v, f->v, f->n * sizeof(*v));
    free(f->v);
    free(f->slots);
    f->v = v;
    f->slots = slots;
    f->cap = cap;
    for (uint32_t i = 1; i <= f->n; i++)
        enter(f, i);
    size_t charge = cap * CHARGE;
    f->budget->used += charge;
    f->budget->used -= f->charged;
    f->charged = charge;
    return 0;
}

/* What a table of cap entries has for text beyond the usual is charged when it
 * grows; so a budget is kept to about a table's text. */
static bool affords(struct frequent *f, uint32_t cap)
{
    size_t more = (cap - f->cap) * CHARGE;
    struct budget *b = f->budget;
    if (!b->max || (b->used + more <= b->max))
        return true;
    b->refused = true;
    return false;
}

bool frequent_is_full(struct frequent *f)
{
    if (f->n < f->cap)
        return false;
    if (f->cap && (f->cap >= f->room || !affords(f, f->cap * 2)))
        f->room = f->cap;
    return f->cap && f->cap >= f->room;
}

static uint64_t median(const struct frequent *f)
{
    uint64_t sample[SAMPLE] = { 0 };
    uint32_t n = f->n < SAMPLE ? f->n : SAMPLE;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t c = f->v[(uint64_t)i * f->n / n].count;
        uint32_t j = i;
        for (; j && sample[j - 1] > c; j--)
            sample[j] = sample[j - 1];
        sample[j] = c;
    }
    return sample[n / 2];
}

/* Takes away what count leaves of every entry, and texts of those gone. */
static int purge(struct frequent *f, uint64_t count)
{
    struct buf text = { .max = f->text.max };
    uint32_t kept = 0;
    if (buf_reserve(&text, f->text.n))
        return -1;
    for (uint32_t i = 0; i < f->n; i++) {
        struct frequent_entry e = f->v[i];
        if (e.count <= count)
            continue;
        e.count -= count;
        struct str s = { f->text.p + e.at, e.n };
        e.at = (uint32_t)text.n;
        buf_add_str(&text, s);
        f->v[kept++] = e;
    }
    buf_free(&f->text);
    f->text = text;
    f->n = kept;
    f->lost += count;
    memset(f->slots, 0, (size_t)f->cap * 2 * sizeof(*f->slots));
    for (uint32_t i = 1; i <= kept; i++)
        enter(f, i);
    return 0;
}

static int make_room(struct frequent *f)
{
    if (!f->cap)
        return resize(f, LEAST < f->room ? LEAST : f->room);
    if (!frequent_is_full(f))
        return f->n < f->cap ? 0 : resize(f, f->cap * 2);
    f->full = true;
    while (f->n >= f->cap)
        if (purge(f, median(f)))
            return -1;
    return 0;
}

struct frequent_entry *frequent_add(struct frequent *f, struct hash128 h,
                                    enum json_type type, struct str text)
{
    if (f->n >= f->cap && make_room(f))
        return NULL;
    struct str kept =
        text.n <= FREQUENT_TEXT ? text : visible_start(text, FREQUENT_TEXT);
    size_t at = f->text.n;
    if (buf_add_str(&f->text, kept))
        return NULL;
    struct frequent_entry *e = &f->v[f->n++];
    *e = (struct frequent_entry){ .hash = h,
                                  .count = 1,
                                  .at = (uint32_t)at,
                                  .n = (uint16_t)kept.n,
                                  .type = (uint8_t)type,
                                  .cut = kept.n < text.n };
    enter(f, f->n);
    return e;
}

int frequent_shrink(struct frequent *f, uint32_t room)
{
    f->full = true;
    if (f->cap <= room)
        return 0;
    f->room = room;
    while (f->n >= room)
        if (purge(f, median(f)))
            return -1;
    return resize(f, room);
}
