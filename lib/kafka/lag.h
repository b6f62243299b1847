/* lag: how far a consumer group is behind.
 *
 * The group is not joined and nothing is committed: whoever reads for it is not
 * disturbed. Not thread-safe. */
#ifndef KAFKA_LAG_H
#define KAFKA_LAG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct lag;

/* Everything borrowed while it is open. */
struct lag_spec {
    const char *uri; /* kafka://BROKERS/TOPIC[,TOPIC...] */
    const char *app; /* client.id; NULL: the library's */
    const char *group;
    uint64_t patience_ms; /* how long to wait for a broker */
    bool (*stop)(void);   /* NULL: never */
};

/* Makes a client, without asking a broker. 0 with *l owned, freed with
 * lag_close; -1 with ERR_USAGE, ERR_CONFIG, ERR_UNAVAILABLE (no library). */
int lag_open(struct lag **l, const struct lag_spec *spec, struct err *e);
void lag_close(struct lag *l); /* NULL is fine */

/* Sets *behind to the committed messages of all partitions that the group has
 * not committed; of a partition that it never read, all that are kept. -1 with
 * ERR_NOINPUT (no such topic), ERR_NOPERM, ERR_UNAVAILABLE (no broker),
 * ERR_TEMPFAIL. */
int lag_ask(struct lag *l, uint64_t *behind, struct err *e);

#endif
