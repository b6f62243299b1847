#include "observe/trace.h"

#include "base/seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Numbers of the process's own that its tables do not start from. */
enum { SEED_SPAN = 4000, SEED_TRACE };

static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(const char *p, size_t n)
{
    return strspn(p, "0") >= n;
}

/* A process may fork before it makes one: its number and the time go in. */
static void make_span(struct trace *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t mix =
        (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15 ^ (uint64_t)getpid() << 32;
    uint64_t span = seed(SEED_SPAN) ^ mix;
    snprintf(t->span, sizeof(t->span), "%016" PRIx64, span ? span : 1);
}

bool trace_join(struct trace *t, struct str text)
{
    *t = (struct trace){ 0 };
    const char *p = text.p;
    /* version "-" trace "-" span "-" flags; later versions may add more. */
    if (text.n < 55 || p[2] != '-' || p[35] != '-' || p[52] != '-' ||
        !is_hex(p, 2) || !is_hex(p + 3, 32) || !is_hex(p + 36, 16) ||
        !is_hex(p + 53, 2) || memcmp(p, "ff", 2) == 0 || is_zero(p + 3, 32) ||
        is_zero(p + 36, 16))
        return false;
    if (memcmp(p, "00", 2) == 0 ? text.n != 55 : text.n > 55 && p[55] != '-')
        return false;
    memcpy(t->id, p + 3, 32);
    memcpy(t->parent, p + 36, 16);
    memcpy(t->flags, p + 53, 2);
    make_span(t);
    return true;
}

void trace_begin(struct trace *t)
{
    *t = (struct trace){ .flags = "01" };
    make_span(t);
    uint64_t high = seed(SEED_TRACE), low = seed(SEED_TRACE + 1);
    snprintf(t->id, sizeof(t->id), "%016" PRIx64 "%016" PRIx64, high,
             low ? low : 1);
}

void trace_format(const struct trace *t, char out[TRACE_TEXT])
{
    snprintf(out, TRACE_TEXT, "00-%s-%s-%s", t->id, t->span, t->flags);
}
