/* defaults: missing properties get the default that the schema has for them.
 *
 * Only where properties, $ref and allOf lead: not in items, not in
 * alternatives. A default keeps its bytes; one over several lines loses the
 * space between its tokens. It goes behind the object's last member; all other
 * bytes of the record stay. Null is there and not missing. What a default
 * fills in is not filled itself. */
#ifndef EVOLVE_DEFAULTS_H
#define EVOLVE_DEFAULTS_H

#include "evolve/rule.h"
#include "json/select.h"

struct defaults;
struct defaults_run;

/* Finds doc's defaults; borrows doc and its set. Owned, freed with
 * defaults_free. NULL with e: ERR_CONFIG where a default does not fit its own
 * schema, ERR_TEMPFAIL. */
struct defaults *defaults_new(struct rules *set, const struct document *doc,
                              bool no_format_assertion, struct err *e);
void defaults_free(struct defaults *d);

/* For one thread; borrows d. Owned, freed with defaults_run_free. */
struct defaults_run *defaults_run_new(const struct defaults *d);
void defaults_run_free(struct defaults_run *r);

/* Sets *out to record, or to the record with what was missing, borrowed from r
 * until its next call. shaped is record's, or NULL. 0, or -1 with
 * ERR_TEMPFAIL. */
int defaults_fill(struct defaults_run *r, struct str record,
                  const struct shaped *shaped, struct str *out, struct err *e);

#endif
