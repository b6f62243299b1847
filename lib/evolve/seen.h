/* seen: records that look like one seen before.
 *
 * Keeps something for each shape (json/shape.h) and the keys that were in it,
 * so that what follows from a record's keys alone is found once, and of the
 * next such record only the keys are compared. Bounded: newer ones take the
 * place of older ones. One thread. */
#ifndef EVOLVE_SEEN_H
#define EVOLVE_SEEN_H

#include "json/select.h"

struct seen;

/* What is kept of a look; all its memory is freed by retire. */
typedef void seen_retire(void *context, void *kept);

/* Owned, freed with seen_free, which retires all. NULL: no memory. */
struct seen *seen_new(seen_retire *retire, void *context);
void seen_free(struct seen *s);

/* What is kept for records like this one, or NULL. */
void *seen_find(struct seen *s, const struct shaped *record);

/* Keeps it for records like this one; one that was kept may be retired. False:
 * not kept (too many keys, no memory), and still the caller's. */
bool seen_keep(struct seen *s, const struct shaped *record, void *kept);

#endif
