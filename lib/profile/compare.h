/* compare: a stream against the profile of an earlier one.
 *
 * What is found is a finding; those over a threshold fail. Shares count as
 * changed only where chance does not explain it (profile/psi.h), and fields of
 * fewer values than the least sample, then or now, are not judged at all. Of
 * numbers that go up, integers that are all different, dates and times the
 * population is not compared: it is never what it was. */
#ifndef PROFILE_COMPARE_H
#define PROFILE_COMPARE_H

#include "profile/summary.h"

#define COMPARE_OFF (-1.0)

/* Shares from 0 on; COMPARE_OFF: never fails. */
struct compare_rules {
    double psi;      /* highest population stability index of a field */
    double shift;    /* of a share against that of the baseline */
    double volume;   /* of the number of records */
    double fresh;    /* of values that the baseline has not, and the reverse */
    double range;    /* beyond the range of numbers, in widths of it */
    double distinct; /* of the number of different values */
    uint64_t least_sample;
    const char *const *ignored; /* borrowed: paths of fields, which are not
                                   compared, nor what is in them */
    size_t n_ignored;
};

struct finding {
    struct str field;   /* path; empty: the stream */
    const char *metric; /* static: volume, complete, type, psi ... */
    double value, limit;
    bool fails;
    struct str message; /* says field and numbers */
};

enum psi_kind { PSI_NONE, PSI_VALUES, PSI_NUMBERS, PSI_PATTERNS };

/* Of each field of the stream. */
struct compared_field {
    bool judged;
    enum psi_kind kind;
    double psi;
};

struct comparison {
    struct finding *v; /* owned: by field, in the stream's order */
    size_t n, cap;
    struct compared_field *fields; /* owned: as many as `now` has */
    size_t judged, unjudged;       /* fields */
    size_t failed;                 /* findings that fail */
    struct arena arena;
};

/* Fills c, which needs no init. now was matched with base. 0 or -1 with e
 * (memory); compare_free in every case. */
int compare_run(struct comparison *c, const struct summary *now,
                const struct summary *base, const struct compare_rules *rules,
                struct err *e);
void compare_free(struct comparison *c);

/* Appends ,"drift":{...}: what summary_json leaves room for. 0 or -1. */
int compare_json(const struct comparison *c, const struct summary *now,
                 const struct summary *base, struct buf *out);

#endif
