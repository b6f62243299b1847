/* link: what a Link header says comes next (RFC 8288). */
#ifndef API_LINK_H
#define API_LINK_H

#include "base/str.h"

#include <stdbool.h>

/* The target of the first link in the header's value whose relation is "next";
 * borrowed, as it stands there: a reference, to be resolved. False if there is
 * none. What is no link is passed over. */
bool link_next(struct str header, struct str *target);

#endif
