/* range: values between two bounds, from <= value < to, and whether what two
 * loads replace can have rows in common.
 *
 * One order for the records that come and the rows that go: numbers by value,
 * times as instants (where both sides are times; without a zone: UTC), other
 * texts by their bytes. Internal to lib/sink. Thread-safe. */
#ifndef SINK_RANGE_H
#define SINK_RANGE_H

#include "base/str.h"

/* Is the value within? text is a JSON number, or else the characters of a
 * string. Numbers are within no range whose bounds are not numbers. */
bool range_has(struct str from, struct str to, bool number, struct str text);

/* May rows belong to both partitions? As they are written in the ledger:
 * "COL=VAL", "COL=FROM..TO", "*" or "". True if in doubt. */
bool range_overlap(struct str a, struct str b);

/* Narrows [from, to) to dates "YYYY-MM-DD" between which, by their bytes, all
 * values of the range lie, however they are spelled; false where there are
 * none such. For an index. */
bool range_dates(struct str from, struct str to, char low[11], char high[11]);

#endif
