/* secret: keys and passwords, named by where they are and never given as such.
 *
 * A source is file:PATH, whose file no one but its owner may read or write, or
 * env:NAME. Messages name the source and never what it holds. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include "base/str.h"

#define SECRET_MAX 4096 /* bytes */

/* Reads the secret into out, owned, freed with secret_free; a line end behind
 * it is no part of it. -1 with e: ERR_USAGE for another kind of source,
 * ERR_CONFIG for a variable that is not set and for a secret that is empty or
 * too long, ERR_NOPERM for a file that others may use, ERR_NOINPUT and so on
 * where it cannot be read. */
int secret_read(struct str source, struct str *out, struct err *e);

/* Wipes the memory, then frees it. */
void secret_free(struct str *secret);

#endif
