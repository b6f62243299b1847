/* retry: whether, and when, a request that failed is made again.
 *
 * Full jitter (run/backoff.h), with what Retry-After says as a floor and an
 * overall deadline. */
#ifndef HTTP_RETRY_H
#define HTTP_RETRY_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct retry {
    unsigned times;       /* how often again, at most */
    uint64_t base_ms;     /* the first wait, at most */
    uint64_t cap_ms;      /* any wait, at most; Retry-After may be longer */
    uint64_t deadline_ms; /* for all tries of a request together */
};

/* 5 times, 1 s, 60 s, 10 minutes. */
extern const struct retry retry_default;

/* The tries of one request; zeroed, but for started_ms. */
struct retry_turn {
    unsigned n;         /* how often again so far */
    int64_t started_ms; /* of http_clock_ms */
};

/* True with how long to wait, at least floor_ms; false where it was tried often
 * enough, or the deadline comes before. */
bool retry_next(const struct retry *r, struct retry_turn *t, uint64_t floor_ms,
                uint64_t *wait_ms);

/* True for statuses that another try may change: 408, 425, 429, 500, 502, 503,
 * 504, and those above 505 that gateways have made up. */
bool retry_status(unsigned status);

/* What a Retry-After header says (RFC 9110, section 10.2.3): seconds, or an
 * HTTP date, seen from now_s (seconds since 1970). False if it is neither. */
bool retry_after(struct str value, int64_t now_s, uint64_t *ms);

/* Milliseconds of a clock that nobody sets. */
int64_t http_clock_ms(void);

#endif
