/* impact: what the parts of the subcommand share. */
#ifndef REPORT_CMD_IMPACT_H
#define REPORT_CMD_IMPACT_H

#include "lineage/walk.h"
#include "report_cmd.h"

/* impact_find.c: finds the dataset, or the column of one, that text names: by
 * its path or URI, by its whole name or its last parts, with a column behind a
 * point. column borrows from text. 0; 1 where no event names
 * the column, but it may be there all the same; -1 with ERR_NOINPUT, naming
 * those that are alike, or ERR_USAGE, naming those that it may be. */
int impact_find(const struct graph *g, const char *text, uint32_t *dataset,
                struct str *column, struct err *e);

/* Appends what a dataset is called: a file by its path, others as
 * NAMESPACE#NAME, which impact_find takes. */
void impact_name(struct buf *out, const struct graph *g, uint32_t dataset);

/* impact_print.c: 0, or -1 with st->err. */
int impact_text(struct stage *st, const struct graph *g, const struct walk *w,
                bool upstream);
int impact_json(struct stage *st, const struct graph *g, const struct walk *w,
                bool upstream);
int impact_dot(struct stage *st, const struct graph *g, const struct walk *w,
               bool upstream);

#endif
