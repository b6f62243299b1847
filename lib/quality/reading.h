/* reading: the value of a measure at the end of a batch. */
#ifndef QUALITY_READING_H
#define QUALITY_READING_H

#include "quality/gauge.h"

struct reading {
    bool has;             /* there is a value */
    struct decimal value; /* of MEASURE_NEWEST the time in us */
    uint64_t part, whole; /* of a share; of repeats and outsiders */
    const char *why;      /* static: what cannot be measured about `part` of
                             `whole` values, or of the value itself where part
                             is 0; NULL: nothing */
};

/* Reads measure m from the gauge (NULL where it needs none). Returns 0; -1
 * without memory. Ends with reading_free. */
int reading_take(struct reading *r, enum measure m, const struct gauges *gauges,
                 const struct gauge *gauge, uint64_t read, uint64_t rejected);

void reading_free(struct reading *r);

#endif
