#include "run/clock.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct clock_boot clock_now(void)
{
    struct clock_boot c = { .ms = clock_ms() };
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return c;
    ssize_t n = read(fd, c.id, sizeof(c.id) - 1);
    close(fd);
    c.id[n > 0 ? n : 0] = '\0';
    c.id[strcspn(c.id, "\n")] = '\0';
    return c;
}
