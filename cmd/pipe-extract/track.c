#include "track.h"

#include <stdlib.h>

struct tracked *track_source(struct stage *st, struct track *t,
                             const char *name)
{
    struct tracked **v = realloc(t->v, (t->n + 1) * sizeof(*v));
    struct tracked *d = v ? calloc(1, sizeof(*d)) : NULL;
    t->v = v ? v : t->v;
    if (!d) {
        err_nomem(&st->err);
        return NULL;
    }
    t->v[t->n++] = d;
    return positions_init(&d->from, str_of(name), &st->err) ||
                   positions_init(&d->to, str_of(name), &st->err)
               ? NULL
               : d;
}

int track_item(struct stage *st, struct tracked *d, const struct source *s,
               const struct source_item *item)
{
    if (!item->position.n)
        return 0;
    struct position *p = positions_at(&d->to, item->partition, &st->err);
    return p ? position_set(p, source_position_kind(s), item->position,
                            &st->err)
             : -1;
}

void track_free(struct track *t)
{
    for (size_t i = 0; i < t->n; i++) {
        positions_free(&t->v[i]->from);
        positions_free(&t->v[i]->to);
        free(t->v[i]);
    }
    free(t->v);
    *t = (struct track){ 0 };
}
