/* lane: the way of records through a stage that judges each by itself.
 *
 * A command describes its work once:
 *
 *     static int work(void *worker, struct lane *l, const struct record *recs,
 *                     int n)
 *     {
 *         for each record: lane_pass_record, lane_pass, lane_filter or
 *             lane_reject, or return -1 with *lane_err(l) filled
 *     }
 *
 * and lane_run takes all records through it. With -j 1 there is one lane, the
 * stage itself. With -j N there are N threads; each takes a block of lines at a
 * time, finds and checks its records, and keeps what the work makes of them
 * until that block's turn has come: output, dead letters and counts are in the
 * order of the input. A lane is used by one thread at a time. */
#ifndef STAGE_LANE_H
#define STAGE_LANE_H

#include "stage/stage.h"

struct lane;

/* Ends each of the n (at least 1) records in one of the ways below. worker is
 * the caller's own, for one thread at a time. recs and all that they borrow
 * are valid until it returns. Returns 0, or -1 with the lane's err filled. */
typedef int lane_work(void *worker, struct lane *l, const struct record *recs,
                      int n);

/* Takes all records of the stream through work: workers[i] for lane i, of n
 * lanes (st->opts.jobs). Returns 0 at the end, or -1 with st->err. */
int lane_run(struct stage *st, lane_work *work, void *const *workers, size_t n);

/* Where the work fills in why it failed. */
struct err *lane_err(struct lane *l);

/* Has *line set to rec's line in the input: at once, or in the stage's thread
 * when the block's turn has come, which is before lane_run returns. Where the
 * stage fails before, it stays as it is. 0, or -1 with the lane's err. */
int lane_line(struct lane *l, const struct record *rec, uint64_t *line);

/* A record passes as it came; with other text; is filtered out; is rejected,
 * as stage_reject. What they are given is not needed beyond the call. Return 0
 * or -1 with the lane's err. */
int lane_pass_record(struct lane *l, const struct record *rec);
int lane_pass(struct lane *l, struct str text);
int lane_filter(struct lane *l);
int lane_reject(struct lane *l, const struct record *rec,
                const struct reason *reasons, size_t n);
int lane_rejectf(struct lane *l, const struct record *rec, const char *code,
                 const char *path, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* For a record of which several come, or none for the stage's own output: they
 * are written first, uncounted, to that output or to one of stage_branch; then
 * the record is counted as out, once. */
int lane_emit(struct lane *l, struct str text);
int lane_branch(struct lane *l, size_t index, struct str text);
void lane_count_out(struct lane *l);

#endif
