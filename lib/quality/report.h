/* report: what checks and gates came to, as a JSON document.
 *
 * pipe-validate(1) names its fields; they stay. */
#ifndef QUALITY_REPORT_H
#define QUALITY_REPORT_H

#include "quality/quality.h"

/* How many records a rule rejected that is no check. */
struct report_rule {
    const char *code;
    struct str path, schema; /* JSON Pointers; schema empty: of none */
    uint64_t records;
};

/* What the report says of the run; borrowed. Strings may be NULL. */
struct report_run {
    const char *stage, *pipeline, *run_id, *date;
    int exit;
    const char *error;
    uint64_t read, out, rejected;
    const struct report_rule *rules;
    size_t n_rules;
};

/* Appends the document, LF behind it. 0 or -1 (memory). */
int report_make(struct buf *out, const struct quality *q,
                const struct report_run *run);

/* Writes it to path, where it appears whole or not at all. 0, or -1 as
 * output_file. */
int report_write(const char *path, const struct quality *q,
                 const struct report_run *run, struct err *e);

#endif
