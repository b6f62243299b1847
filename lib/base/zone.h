/* zone: time zones from the system's tzdata.
 *
 * Reads TZif files (RFC 8536, versions 1 to 4) with their POSIX footer rule,
 * from $TZDIR or /usr/share/zoneinfo. A zone is read once and kept until the
 * process ends. Thread-safe. Seconds count from 1970-01-01T00:00:00Z. */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

struct zone;

/* The zone of an IANA name ("UTC" is known without tzdata); NULL where there
 * is none, its file is damaged, or without memory. Borrowed, never freed. */
const struct zone *zone_find(const char *name);

/* Offset from UTC in seconds at an instant. */
int32_t zone_offset(const struct zone *z, int64_t at);

/* The instant at which clocks in the zone show `local` (seconds as if it were
 * UTC). Shown twice: the first. Never shown, since clocks went forward over
 * it: with first_after, the first instant behind the gap; else the time as
 * clocks would show it had they not been changed (RFC 5545, 3.3.5). */
int64_t zone_instant(const struct zone *z, int64_t local, bool first_after);

#endif
