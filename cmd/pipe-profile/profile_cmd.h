/* profile_cmd: the parts of pipe-profile. */
#ifndef PROFILE_CMD_H
#define PROFILE_CMD_H

#include "cli/opt.h"
#include "detect/detect.h"
#include "profile/compare.h"
#include "stage/stage.h"

/* ---- detect_opts.c: --detect and what belongs to it ---- */

extern const struct opt detect_options[];

/* Borrowed from the command line. */
struct detect_opts {
    struct detect_params params;
    const char *value, *time, *as; /* fields; time: NULL for none */
    const struct opt_list *keys;
    bool only;
};

/* Was it asked for? Known once stage_start has read the options. */
bool detect_asked(void);

/* 0, or -1 with ERR_USAGE. */
int detect_read(struct detect_opts *o, struct err *e);

/* ---- detect.c: anomalies of a stream, in place of a profile ---- */

/* Reads the stream to its end; memory is for the series, in bytes. 0, or -1
 * with st->err. */
int detect_run(struct stage *st, uint64_t memory);

/* ---- drift.c: against a baseline ---- */

extern const struct opt drift_options[];

/* Zeroed to begin with. */
struct drift {
    struct buf path; /* of the baseline; empty: none */
    struct compare_rules rules;
    bool warns; /* what is found does not fail */
    bool there; /* it has been read into: */
    struct summary base;
    bool compared; /* into: */
    struct comparison found;
};

bool drift_asked(void);

/* Reads options and baseline, before the stream. 0, or -1 with st->err. */
int drift_open(struct drift *d, struct stage *st);

/* Compares what the stream was. 0, or -1 with st->err (memory). */
int drift_compare(struct drift *d, struct stage *st, const struct summary *now);

/* Tells what was found, and where it is too much fails with ERR_DATA; else the
 * stream becomes the new baseline, if that was asked for. 0 or -1. */
int drift_close(struct drift *d, struct stage *st, const struct summary *now);

void drift_free(struct drift *d);

/* ---- tell.c: what is written ---- */

extern const struct opt tell_options[];

/* Where the profile goes; zeroed to begin with. */
struct tell {
    enum { TELL_JSON, TELL_TEXT, TELL_HTML } format;
    struct buf path; /* of --report; empty: stdout or -o */
};

/* Reads the options; pass: the records go to stdout. 0, or -1 with st->err. */
int tell_open(struct tell *t, struct stage *st, bool pass);

/* Writes the profile, once it is known to be of a whole stream. 0 or -1. */
int tell_profile(struct tell *t, struct stage *st, const struct summary *s,
                 const struct drift *d, bool pass);

/* Adds columns and findings to what metrics and lineage say of the run. */
void tell_facts(struct stage *st, const struct summary *s,
                const struct drift *d);

void tell_free(struct tell *t);

#endif
