/* redis_items: entries of a Redis stream, one by one, as the connector reads
 * them: alone, or as a member of a group, which first reads what was given to
 * it (and to members that died) before. Not thread-safe. */
#ifndef SOURCE_REDIS_ITEMS_H
#define SOURCE_REDIS_ITEMS_H

#include "mq/redis.h"
#include "mq/stream.h"
#include "position/position.h"
#include "source/source.h"

/* Who was given entries: the partition of their positions. Without a group
 * there is one, named "". */
struct redis_part {
    char *name;              /* owned */
    struct stream_id resume; /* what was committed when this run began */
    struct stream_id safe;   /* what is now */
    struct stream_id last;   /* handed out up to there */
    bool ours;               /* this run hands out what was given to it */
    bool pending;            /* what was given before is to be read */
};

struct redis_items {
    struct stream stream;           /* redis owned, freed by the connector */
    const struct source_opts *opts; /* borrowed */
    bool skip_gone;
    uint64_t claim_ms; /* 0: nothing is taken over */

    struct redis_part *parts; /* owned; the first is our own */
    size_t n_parts;
    struct stream_id end; /* without follow: not beyond */
    uint64_t looked_ms;   /* when the dead were looked for */
    unsigned connections; /* when our own pending entries were read */

    struct redis_reply *reply;         /* owned */
    const struct redis_reply *entries; /* of it */
    struct redis_part *part;           /* whom they were given to */
    size_t at;
    unsigned count; /* to ask for */
};

/* One that was found; borrowed until the next call. */
struct redis_entry {
    const struct redis_part *part;
    struct stream_id id;
    const struct redis_reply *fields;
};

/* Finds out where to begin. 0; -1 with ERR_DATA where entries are gone that
 * were not read, ERR_NOINPUT without a stream, or as redis_want. stream, opts,
 * skip_gone and claim_ms are set before. redis_items_free in any case. */
int redis_items_open(struct redis_items *r, struct err *e);
void redis_items_free(struct redis_items *r);

/* As source_next. */
int redis_items_next(struct redis_items *r, struct redis_entry *entry,
                     struct err *e);

/* As source_confirm. */
int redis_items_confirm(struct redis_items *r, const struct positions *at,
                        struct err *e);

#endif
