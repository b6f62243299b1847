/* gates: checks, gates, baseline and report of pipe-validate. */
#ifndef GATES_H
#define GATES_H

#include "contract/contract.h"
#include "quality/quality.h"
#include "quality/report.h"
#include "stage/stage.h"

/* The command line. */
struct gates_args {
    struct opt_list checks, expects;
    const char *baseline, *report;
    uint64_t baseline_runs, baseline_min, memory;
};

struct gates {
    struct quality q;
    const char *report; /* owned by report_path; NULL: none */
    struct buf report_path;
    struct interval interval; /* of --date */
    bool judges;              /* there is more than checks */
};

/* Prepares for so many threads, with the rules of the contract (or NULL) before
 * those of the command line; g is zeroed. 0, or -1 with st->err. Free g also
 * then. */
int gates_open(struct gates *g, struct stage *st, const struct gates_args *a,
               const struct contract *contract, size_t workers);

/* Judges the batch, if the stream came to its end, keeps its measures where all
 * is well, and writes the report in any case. 0, or -1 with st->err. */
int gates_close(struct gates *g, struct stage *st, bool ended,
                const struct report_rule *rules, size_t n_rules);

/* Tells metrics and lineage what checks and gates came to, where they are
 * wanted; once the batch was judged, or is not going to be. */
void gates_tell(const struct gates *g, struct stage *st);

void gates_free(struct gates *g);

#endif
