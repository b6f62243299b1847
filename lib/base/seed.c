#include "base/seed.h"

#include <pthread.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t first;

/* SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t splitmix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void start(void)
{
    if (getrandom(&first, sizeof(first), GRND_NONBLOCK) == sizeof(first))
        return;
    /* Early at boot, or a kernel without the call: what can be had. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    first = splitmix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30) ^
            splitmix((uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)&now);
}

uint64_t seed(unsigned i)
{
    pthread_once(&once, start);
    return splitmix(first + (i + 1) * 0x9e3779b97f4a7c15);
}
