#include "run/pool.h"

#include "base/seed.h"
#include "run/clock.h"
#include "run/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 50 /* at first, and twice as long each time */
#define LOOK_MS_MAX 1000

/* A free slot, the search starting anywhere: -1, -2 as pool_enter. */
static int look(const char *folder, const char *name, unsigned size,
                uint64_t from, struct err *e)
{
    char path[4200];
    for (unsigned i = 0; i < size; i++) {
        unsigned slot = (unsigned)((from + i) % size) + 1;
        int n = snprintf(path, sizeof(path), "%s/%s.%u", folder, name, slot);
        if (n < 0 || (size_t)n >= sizeof(path))
            return err_set(e, ERR_CONFIG, "name of pool '%s' is too long",
                           name);
        int fd = state_lock(path, 0, NULL, NULL, e);
        if (fd != -2)
            return fd;
    }
    return -2;
}

int pool_enter(const char *folder, const char *name, unsigned size,
               uint64_t wait_ms, bool (*stop)(void), const char *about,
               struct err *e)
{
    int64_t until = clock_ms() + (int64_t)wait_ms;
    uint64_t most = LOOK_MS;
    for (unsigned round = 0;; round++) {
        uint64_t random = seed(5000 + round % 1000);
        int fd = look(folder, name, size, random, e);
        if (fd >= 0)
            state_lock_sign(fd, about);
        int64_t left = until - clock_ms();
        if (fd != -2 || left <= 0 || (stop && stop()))
            return fd;
        uint64_t nap = 1 + random % most;
        if ((int64_t)nap > left)
            nap = (uint64_t)left;
        nanosleep(&(struct timespec){ (time_t)(nap / 1000),
                                      (long)(nap % 1000) * 1000000 },
                  NULL);
        most = most * 2 < LOOK_MS_MAX ? most * 2 : LOOK_MS_MAX;
    }
}

int pool_parse(const char *text, unsigned *name, unsigned *size)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (!colon || colon == text || colon[1] < '1' || colon[1] > '9')
        return -1;
    unsigned long n = strtoul(colon + 1, &end, 10);
    if (*end || n > POOL_MAX)
        return -1;
    *name = (unsigned)(colon - text);
    *size = (unsigned)n;
    return 0;
}
