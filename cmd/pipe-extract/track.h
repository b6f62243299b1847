/* track: how far each source has been read, from where the load before ended.
 */
#ifndef EXTRACT_TRACK_H
#define EXTRACT_TRACK_H

#include "base/buf.h"
#include "position/position.h"
#include "source/source.h"
#include "stage/stage.h"

/* One source. */
struct tracked {
    struct positions from; /* what is committed */
    struct positions to;   /* what has been read */
};

struct track {
    struct tracked **v; /* owned, n of them */
    size_t n;
};

/* A source of this name; borrowed from t. NULL with st->err. */
struct tracked *track_source(struct stage *st, struct track *t,
                             const char *name);

/* What item says. 0, or -1 with st->err. */
int track_item(struct stage *st, struct tracked *d, const struct source *s,
               const struct source_item *item);

void track_free(struct track *t);

#endif
