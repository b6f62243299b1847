/* stream: what a Redis stream and its consumer groups are, as the server tells.
 *
 * Entries that a member of a group was given are pending until they are
 * acknowledged. Not thread-safe. */
#ifndef MQ_STREAM_H
#define MQ_STREAM_H

#include "base/err.h"
#include "base/str.h"
#include "mq/redis.h"

#include <stdbool.h>
#include <stdint.h>

/* An entry's place: time in milliseconds and a number, "1700000000000-3". */
struct stream_id {
    uint64_t ms, seq;
};

#define STREAM_ID_MAX 48 /* bytes of its text, NUL included */

/* False unless s is MS-SEQ, with or without quotes around it. */
bool stream_id_parse(struct str s, struct stream_id *id);
int stream_id_cmp(struct stream_id a, struct stream_id b); /* <0, 0, >0 */
void stream_id_format(struct stream_id id, char text[STREAM_ID_MAX]);

struct stream {
    struct redis *redis;        /* borrowed, as all */
    const char *key;            /* of the stream */
    const char *group, *member; /* NULL: without a group */
};

struct stream_info {
    bool exists, empty;
    struct stream_id first; /* of the entries; unless empty */
    struct stream_id last;  /* ever given, also where that entry is gone */
    uint64_t length;        /* entries */
    bool counted;           /* from Redis 7 on: */
    uint64_t added;         /* entries, ever */
};

/* 0, or -1 as redis_want. */
int stream_info(const struct stream *s, struct stream_info *info,
                struct err *e);

struct stream_group {
    bool exists;
    struct stream_id delivered; /* up to there to any member */
    bool counted;               /* from Redis 7 on, where it knows: */
    uint64_t read;              /* entries up to there, ever */
};

int stream_group(const struct stream *s, struct stream_group *g, struct err *e);

/* Makes the group, and the stream where it is missing; fine if it is there. */
int stream_group_make(const struct stream *s, struct stream_id from,
                      struct err *e);

/* Is the entry still there? */
int stream_has(const struct stream *s, struct stream_id id, bool *has,
               struct err *e);

/* Acknowledges what is pending with the member (not s->member) up to there. */
int stream_ack(const struct stream *s, const char *member, struct stream_id to,
               struct err *e);

/* Calls dead for each other member that has entries pending and has not been
 * heard of for so long, until it gives nonzero, which is returned. */
int stream_dead(const struct stream *s, uint64_t idle_ms,
                int (*dead)(void *context, struct str member, struct err *e),
                void *context, struct err *e);

#endif
