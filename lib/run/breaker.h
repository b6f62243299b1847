/* breaker: a circuit breaker that processes of one machine share.
 *
 * Closed, it lets everybody try. After `failures` failures on end it opens and
 * refuses for `reset_ms`. Then it is half open: one process gets a lease and
 * tries, the others are refused. If that one succeeds the breaker closes, if it
 * fails it opens again; if it dies its lease runs out and the next one gets
 * one. (Nygard, Release It!, 2007.)
 *
 * The state is a small JSON file, replaced by rename under a lock beside it.
 * Times are of CLOCK_BOOTTIME: a clock that is set does not move them. Times of
 * another boot are over. */
#ifndef RUN_BREAKER_H
#define RUN_BREAKER_H

#include "base/err.h"
#include "run/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct breaker {
    const char *path;  /* of the state, in a folder that is there; borrowed */
    const char *name;  /* for messages; borrowed */
    uint64_t failures; /* at least 1 */
    uint64_t reset_ms, lease_ms;
    struct clock_boot (*now)(void); /* clock_now, but in tests */
    uint64_t token;                 /* of the lease that this process holds;
                                       0: none */
};

/* What an attempt says of the service. */
enum breaker_result {
    BREAKER_GOOD,
    BREAKER_BAD,    /* not there */
    BREAKER_UNKNOWN /* it failed for a reason of its own */
};

/* May this process try? 0 if so, with a lease where it is the one that probes;
 * -1 with ERR_UNAVAILABLE, naming when it will be let, or another error where
 * the state cannot be used: one that makes no sense is ERR_CONFIG. */
int breaker_enter(struct breaker *b, struct err *e);

/* Prolongs the lease, if there is one. Call it well within lease_ms. */
int breaker_renew(struct breaker *b, struct err *e);

/* How the attempt ended; gives the lease back. *opened is set to whether the
 * breaker is open now. */
int breaker_leave(struct breaker *b, enum breaker_result result, bool *opened,
                  struct err *e);

#endif
