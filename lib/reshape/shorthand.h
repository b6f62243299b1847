/* shorthand: casts and masks of fields, as the expressions that they stand
 * for. A field that a record does not have is left out; null stays null. */
#ifndef RESHAPE_SHORTHAND_H
#define RESHAPE_SHORTHAND_H

#include "reshape/derive.h"

/* Adds "FIELD=TYPE, ...": number, integer, string, boolean, date or timestamp.
 * 0, or -1 with e. */
int shorthand_cast(struct derive *d, struct str text, struct err *e);

/* Adds "FIELD=METHOD, ...": mask, mask(n), redact, sha256, null, or
 * pseudonymise(KEY). 0, or -1 with e. */
int shorthand_mask(struct derive *d, struct str text, struct err *e);

#endif
