#include "profile/profile.h"

#include <stdlib.h>

struct profile *profile_new(const struct profile_limits *limits, struct err *e)
{
    struct profile *p = calloc(1, sizeof(*p));
    if (!p) {
        err_nomem(e);
        return NULL;
    }
    p->limits = *limits;
    p->budget.max = limits->memory;
    p->seen_all = limits->twins;
    slots_init(&p->seen, &p->budget);
    if (fields_init(&p->fields, limits->fields, &p->budget, e)) {
        profile_free(p);
        return NULL;
    }
    if (walk_init(&p->walk, &p->fields)) {
        err_nomem(e);
        profile_free(p);
        return NULL;
    }
    return p;
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    walk_free(&p->walk);
    fields_free(&p->fields);
    slots_free(&p->seen);
    free(p);
}

/* Hashes of 64 bits: two records that differ are taken for the same with a
 * probability of n^2 / 2^65. */
static int take_twin(struct profile *p, struct str text, struct err *e)
{
    uint64_t h = hash64(text) | 1;
    if (slots_full(&p->seen)) {
        p->budget.refused = false;
        if (slots_reserve(&p->seen, e)) {
            if (!p->budget.refused)
                return -1;
            *e = (struct err){ 0 };
            p->seen_all = false;
            slots_free(&p->seen);
            return 0;
        }
    }
    uint64_t *at = slots_seek(&p->seen, h);
    if (*at == h)
        p->twins++;
    else
        slots_put(&p->seen, at, h);
    return 0;
}

int profile_take(struct profile *p, const struct select_record *recs, size_t n,
                 struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (walk_take(&p->walk, recs[i].text, recs[i].shaped, e))
            return -1;
        p->records++;
        p->bytes += recs[i].text.n + 1;
        if (p->seen_all && take_twin(p, recs[i].text, e))
            return -1;
    }
    return fields_flush(&p->fields, e);
}

int profile_end(struct profile *p, struct err *e)
{
    struct fields *fs = &p->fields;
    for (size_t i = 0; i < fs->n; i++)
        if (column_end(&fs->v[i]->column, &fs->shared, e))
            return -1;
    return 0;
}
