#include "http/retry.h"

#include "http/curl.h"
#include "run/backoff.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

const struct retry retry_default = {
    .times = 5, .base_ms = 1000, .cap_ms = 60000, .deadline_ms = 600000
};

int64_t http_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Processes that were started at the same moment must not draw the same. */
static uint64_t draw(void)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) !=
        (ssize_t)sizeof(random))
        random = (uint64_t)http_clock_ms() * 0x9e3779b97f4a7c15u;
    return random;
}

bool retry_next(const struct retry *r, struct retry_turn *t, uint64_t floor_ms,
                uint64_t *wait_ms)
{
    uint64_t wait = backoff_ms(t->n, r->base_ms, r->cap_ms, draw());
    uint64_t passed = (uint64_t)(http_clock_ms() - t->started_ms);
    if (wait < floor_ms)
        wait = floor_ms;
    if (t->n >= r->times || passed > r->deadline_ms ||
        wait > r->deadline_ms - passed)
        return false;
    t->n++;
    *wait_ms = wait;
    return true;
}

bool retry_status(unsigned status)
{
    return status == 408 || status == 425 || status == 429 ||
           (status >= 500 && status <= 599 && status != 501 && status != 505);
}

bool retry_after(struct str value, int64_t now_s, uint64_t *ms)
{
    struct err e;
    char text[64];
    const struct curl_lib *lib;
    uint64_t seconds = 0;
    size_t i = 0;
    for (; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++)
        if (seconds < 1000000000)
            seconds = seconds * 10 + (uint64_t)(value.p[i] - '0');
    if (i && i == value.n) {
        *ms = seconds * 1000;
        return true;
    }
    if (i || value.n == 0 || value.n >= sizeof(text) || !(lib = curl_lib(&e)))
        return false;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    int64_t at = (int64_t)lib->getdate(text, NULL);
    if (at < 0)
        return false;
    *ms = at > now_s ? (uint64_t)(at - now_s) * 1000 : 0;
    return true;
}
