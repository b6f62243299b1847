/* format: the values of the keyword format that are asserted.
 *
 * date, date-time, time (RFC 3339), email (RFC 5321 section 4.1.2), ipv4 (RFC
 * 2673 section 3.2), ipv6 (RFC 4291 section 2.2), uuid (RFC 4122). */
#ifndef SCHEMA_FORMAT_H
#define SCHEMA_FORMAT_H

#include "base/str.h"

enum format {
    FORMAT_NONE,
    FORMAT_DATE,
    FORMAT_DATE_TIME,
    FORMAT_TIME,
    FORMAT_EMAIL,
    FORMAT_IPV4,
    FORMAT_IPV6,
    FORMAT_UUID
};

/* The format of that name; FORMAT_NONE where it is not asserted. */
enum format format_find(struct str name);

/* Its name. */
const char *format_name(enum format f);

/* True if text is of the format. */
bool format_ok(enum format f, struct str text);

#endif
