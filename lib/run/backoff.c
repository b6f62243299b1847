#include "run/backoff.h"

#include "base/err.h"

uint64_t backoff_ms(unsigned n, uint64_t base_ms, uint64_t cap_ms,
                    uint64_t random)
{
    uint64_t most = base_ms;
    for (; n > 0 && most < cap_ms; n--)
        most = most > UINT64_MAX / 2 ? UINT64_MAX : most * 2;
    if (most > cap_ms)
        most = cap_ms;
    return most == UINT64_MAX ? random : random % (most + 1);
}

bool backoff_transient(int exit_code)
{
    return exit_code == ERR_TEMPFAIL || exit_code == ERR_UNAVAILABLE;
}
