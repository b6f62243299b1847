/* rule: what checks and gates have in common: [warn:] [NAME:] BODY.
 *
 * A name begins with a letter or underscore, goes on with letters, digits,
 * '_', '-' and '.', and ends at its colon. Without one the body is the name. */
#ifndef QUALITY_RULE_H
#define QUALITY_RULE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

#define RULE_TEXT_MAX 65536 /* bytes */
#define RULES_MAX 1000      /* of a kind */

struct rule {
    char *text;      /* owned: as given */
    struct str name; /* slices of text */
    struct str body;
    bool named;
    bool warn; /* reports and does not fail */
};

/* Takes text (copied) apart. what names the option in messages. 0, or -1 with
 * ERR_USAGE; free r also then. */
int rule_parse(struct rule *r, const char *what, const char *text,
               struct err *e);

void rule_free(struct rule *r);

#endif
