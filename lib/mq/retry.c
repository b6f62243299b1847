#include "mq/retry.h"

#include "base/seed.h"

#include <time.h>

#define BASE_MS 50
#define CAP_MS 5000
#define NAP_MS 50

uint64_t mq_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

static bool stopped(const struct mq_retry *r)
{
    return r->stop && r->stop();
}

bool mq_retry_wait(struct mq_retry *r)
{
    uint64_t now = mq_now(), most = BASE_MS;
    if (!r->since_ms)
        r->since_ms = now;
    uint64_t end = r->since_ms + r->patience_ms;
    if (now >= end)
        return false;
    for (unsigned i = 0; i < r->n && most < CAP_MS; i++)
        most *= 2;
    if (most > CAP_MS)
        most = CAP_MS;
    uint64_t until = now + 1 + seed(64 + r->n++ % 64) % most;
    if (until > end)
        until = end;
    while (now < until && !stopped(r)) {
        uint64_t nap = until - now < NAP_MS ? until - now : NAP_MS;
        nanosleep(&(struct timespec){ .tv_nsec = (long)nap * 1000000 }, NULL);
        now = mq_now();
    }
    return !stopped(r);
}

void mq_retry_done(struct mq_retry *r)
{
    r->n = 0;
    r->since_ms = 0;
}
