/* days: --since and --until: operands with a date in them, day by day. */
#ifndef EXTRACT_DAYS_H
#define EXTRACT_DAYS_H

#include "cli/opt.h"
#include "stage/stage.h"

extern const struct opt days_options[];

struct days {
    bool given;
    bool skip;           /* a day may be missing */
    int64_t from, until; /* base/date.h; until is not one of them */
};

/* Operands in their order, those with a template on each day. */
struct days_iter {
    int operand;  /* index of the next one */
    int64_t next; /* day that it comes on next, from 0 */
    bool dated;   /* the one that was returned is for day */
    int64_t day;
};

struct origin;

/* Reads the options. 0, or -1 with st->err. */
int days_parse(struct days *d, struct stage *st);

/* How often days_next can be called; 0 with st->err where no operand has a
 * date in it, or they are too many. */
size_t days_count(const struct days *d, struct stage *st);

/* The next operand, borrowed; "-" where there is none at all. */
const char *days_next(const struct days *d, const struct stage *st,
                      struct days_iter *it);

/* All are opened: is something there to be read? 0, or -1 with st->err. */
int days_check(struct stage *st, const struct origin *v, size_t n);

#endif
