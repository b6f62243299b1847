/* scan: where a string ends, and what is in it, in one pass. Internal to
 * lib/schema. */
#ifndef SCHEMA_SCAN_H
#define SCHEMA_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Returns the closing quote of the string whose first byte (behind the opening
 * quote) is at p, or NULL; *escaped is set true if there is a backslash. Eight
 * bytes at a time (zero-byte trick, Mycroft 1987). */
static inline const char *scan_string(const char *p, const char *end,
                                      bool *escaped)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    for (;;) {
        while (end - p >= 8) {
            uint64_t w;
            memcpy(&w, p, 8);
            uint64_t q = w ^ (ones * '"'), b = w ^ (ones * '\\');
            if ((((q - ones) & ~q) | ((b - ones) & ~b)) & high)
                break;
            p += 8;
        }
        while (p < end && *p != '"' && *p != '\\')
            p++;
        if (p >= end)
            return NULL;
        if (*p == '"')
            return p;
        *escaped = true;
        if (end - p < 2)
            return NULL;
        p += 2;
    }
}

static inline const char *scan_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

#endif
