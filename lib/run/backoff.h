/* backoff: how long to wait before a retry.
 *
 * Full jitter (Brooker 2015, "Exponential Backoff And Jitter"): a random time
 * up to base * 2^n, so that many clients of a service that failed do not come
 * back at the same moment. */
#ifndef RUN_BACKOFF_H
#define RUN_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds to wait before retry n (0-based), from 0 to
 * min(cap_ms, base_ms * 2^n), both included; random is any number, the whole
 * range of it alike. */
uint64_t backoff_ms(unsigned n, uint64_t base_ms, uint64_t cap_ms,
                    uint64_t random);

/* True where trying again makes sense: 69 and 75. */
bool backoff_transient(int exit_code);

#endif
