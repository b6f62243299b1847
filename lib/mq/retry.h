/* retry: waiting for a broker that does not answer.
 *
 * Full jitter (Brooker 2015, "Exponential Backoff And Jitter"), in naps short
 * enough to notice a signal. Not thread-safe. */
#ifndef MQ_RETRY_H
#define MQ_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct mq_retry {
    uint64_t patience_ms; /* to wait at most, from the first failure on */
    bool (*stop)(void);   /* or NULL */
    unsigned n;           /* tries since the last success */
    uint64_t since_ms;    /* of the first failure; 0: none */
};

/* Milliseconds of a clock that never goes back; never 0. */
uint64_t mq_now(void);

/* Sleeps before the next try: true; false where patience is at its end or a
 * signal came. */
bool mq_retry_wait(struct mq_retry *r);

/* It went well: the next failure is the first. */
void mq_retry_done(struct mq_retry *r);

#endif
