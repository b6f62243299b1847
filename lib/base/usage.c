#include "base/usage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void take(struct usage *u, const struct rusage *r)
{
    u->cpu_seconds = seconds(r->ru_utime) + seconds(r->ru_stime);
    u->peak_memory = (uint64_t)r->ru_maxrss * 1024;
}

/* Bytes; 0 where it is not told. */
static uint64_t high_water(void)
{
    static const char name[] = "\nVmHWM:";
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

void usage_self(struct usage *u)
{
    struct rusage r;
    u->cpu_seconds = 0;
    u->peak_memory = 0;
    if (getrusage(RUSAGE_SELF, &r) == 0)
        take(u, &r);
    uint64_t peak = high_water();
    if (peak)
        u->peak_memory = peak;
}

void usage_children(struct usage *u)
{
    struct rusage r;
    u->cpu_seconds = 0;
    u->peak_memory = 0;
    if (getrusage(RUSAGE_CHILDREN, &r) == 0)
        take(u, &r);
}
