/* clock: time for intervals, that no change of the wall clock moves.
 *
 * CLOCK_BOOTTIME counts through suspend and starts again with the machine, so
 * a time that is kept goes with the id of the boot it was taken in. */
#ifndef RUN_CLOCK_H
#define RUN_CLOCK_H

#include <stdint.h>

struct clock_boot {
    char id[40]; /* of the boot; empty where the kernel tells none */
    int64_t ms;  /* since then */
};

struct clock_boot clock_now(void);

/* The same, milliseconds alone. */
int64_t clock_ms(void);

#endif
