/* private: what the parts of the stage layer share; nobody else includes it. */
#ifndef STAGE_PRIVATE_H
#define STAGE_PRIVATE_H

#include "base/arena.h"
#include "base/usage.h"
#include "gate/gate.h"
#include "observe/trace.h"
#include "record/reader.h"
#include "stage/lane.h"
#include "stage/stage.h"

#include <signal.h>

#define SHARE_WHOLE ((uint64_t)100000000000) /* 100%, of rejects */

struct lane {
    struct stage *st; /* the lane is the stage itself; else NULL, and the rest
                         is used, but for opts and check */
    const struct stage_opts *opts;
    bool check; /* every byte is to be checked: nobody did before */
    struct err err;
    struct counts counts;
    struct buf out;
    struct str run; /* as the stage's own, below */
    struct arena arena;
    struct kept *kept; /* owned: rejects, their texts in arena */
    size_t n_kept, cap_kept;
    uint64_t truncated;           /* the line that was, else 0 */
    struct buf asked;             /* lines to tell */
    struct lane_branch *branches; /* owned: by the stage's number */
    size_t n_branches;
};

/* What a thread keeps for a branch. */
struct lane_branch {
    struct buf out;
    uint64_t rows;
};

struct stage_private {
    struct mark mark;
    struct input in;       /* stdin as the stream */
    struct reader own;     /* reads stdin, unless a thread does */
    struct ahead *ahead;   /* owned: the thread; NULL: none */
    struct reader *reader; /* borrowed: own, or what the thread has read; NULL:
                              nothing yet */
    struct reader_line lines[STAGE_BATCH]; /* read: [at_line .. n_lines) */
    int n_lines, at_line;                  /* are still to be handed out */
    struct str run; /* records of the block, one behind the other, that are
                       passed but not written yet */
    bool in_open, stream_done, settled;
    struct lane lane;
    struct dlq *dlq;
    bool dlq_wanted;     /* a DLQ was named or follows from the pipeline */
    char *dlq_uri;       /* owned */
    const char **replay; /* owned: argv for dead letters */
    char **full_argv;    /* owned array: argv as it was called */
    uint64_t shown;      /* rejects shown on stderr */
    char last_reject[300];
    bool percent;       /* max_reject is a share, else a count */
    uint64_t max_share; /* in parts of SHARE_WHOLE */
    uint64_t max_count;
    bool max_given;
    uint64_t sample_rejects; /* of the first records, --min-sample of them */
    bool sampled;            /* these have been judged */
    char run_id[64];
    const struct opt *tables[OPT_TABLES_MAX + 1];
    bool dated;             /* there is a --date */
    struct period interval; /* which it names */
    struct gate gate;
    bool relays; /* the child loads; this process ends with relayed */
    int relayed;
    /* progress */
    bool tty, drawn, owns_tty;
    struct timespec started, last_drawn;
    uint64_t bytes_in, raw_in, raw_size; /* over all inputs so far */
    const struct input *current;
    struct branch *branches; /* owned: outputs beside the stage's own */
    size_t n_branches;
    struct observe *observe; /* owned; NULL: neither metrics nor lineage */
    struct trace trace;      /* empty: there is none */
    bool samples;            /* the first records are kept, for lineage */
    struct buf sample_in, sample_out;
    uint64_t events_from; /* of this attempt, in the folder of the run */
    int log;              /* the run's; -1: there is none */
};

/* The signal that asks us to stop, 0 for none. */
extern volatile sig_atomic_t stage_signal;

/* report.c */
void report_start(struct stage *st);
void report_progress(struct stage *st, bool final);
void report_error(struct stage *st);
void report_counts(struct stage *st, int exit_code);
bool report_is_json(const struct stage *st);
/* Whole lines, made visible; members of an object, each behind a comma, that
 * become a line under --log json. */
void report_text(struct stage *st, struct str text);
void report_json(struct stage *st, const char *level, struct str members);
bool report_shows_reject(const struct stage *st);
void report_reject(struct stage *st, const struct dlq_letter *l);

/* log.c */
void log_restore_stderr(void);
void log_open(struct stage *st);
void log_line(struct stage *st, struct str line); /* with LF */
void log_close(struct stage *st);
void log_join_trace(struct stage *st);

/* gated.c */
int gated_start(struct stage *st, char *const *argv);
/* 0 to go on; -1 with st->err, or with priv->relays where the child did. */
int gated_split(struct stage *st);
/* Returns the exit code, which is another where the end was not heard. */
int gated_end(struct stage *st, int code);

/* spent.c: what the stage has used so far, and moved. */
void stage_usage(const struct stage *st, struct usage *u);

/* where.c */
int where_pipeline(struct stage *st); /* is its name one for paths? 0 or -1 */
int where_dlq(struct stage *st);
int where_interval(struct stage *st); /* reads --date: 0 or -1 */

/* observe.c */
int observe_start(struct stage *st); /* 0, or -1 with st->err: the usage */
void observe_reject(struct stage *st, const char *code);
/* stdin is about to be given up: what fed it is looked at before. */
void observe_upstream(struct stage *st);
/* Writes metrics out where it is time; sooner where the stage has to wait. */
void observe_live(struct stage *st, bool idle);
/* The stage ends with this exit code, or by this signal (0: none): nothing
 * comes behind it on stdout. Never fails. */
void observe_finish(struct stage *st, int exit_code, int sig);

/* By pipe-run: is there lineage to tell, and is it posted, as is then that of
 * the stages; the start of the run; a line of an event of another process,
 * which is put aside, too, unless it was found there. */
bool observe_lineage(const struct stage *st);
void observe_begin(struct stage *st, const char *folder);
bool observe_posts(const struct stage *st);
void observe_line(struct stage *st, struct str line, bool aside);

/* columns.c: of records that come and go, as long as priv->samples. */
void columns_read(struct stage *st, const struct record *recs, int n);
void columns_write(struct stage *st, struct str text);
void columns_finish(struct stage *st); /* the facts know what was seen */

/* branch.c */
int branch_fd(const struct stage *st, size_t index); /* -1: a file */
int branch_write(struct stage *st, size_t index, struct str text,
                 uint64_t rows);
int branches_flush(struct stage *st, struct err *e);
int branches_commit(struct stage *st); /* files appear; 0 or -1 with st->err */
bool branches_reader_gone(const struct stage *st);
void branches_show(struct stage *st); /* the stage fails: no files */
void branches_mark(struct stage *st, int code);
uint64_t branches_bytes(const struct stage *st); /* written so far */
void branches_close(struct stage *st);

/* stream.c */
void stream_close(struct stage *st);
int stream_open(struct stage *st);
int stream_end(struct stage *st);         /* judges: 0 or -1 */
int stream_idle(void *st, struct err *e); /* writes all out: 0 or -1 */
int stream_write_run(struct stage *st);
int stream_truncated(struct stage *st, uint64_t line); /* -1 */
int stream_limits(struct stage *st);
int stream_judge_sample(struct stage *st); /* once it is read: 0 or -1 */

/* lane.c */
/* Makes records of lines[*at .. n) and moves *at: up to max, and none behind a
 * line that is no record and gets rejected, so that rejects stay in order.
 * Returns how many, which may be 0 before the end; -1 (the lane's err). */
int lane_take(struct lane *l, const struct reader_line *lines, int n, int *at,
              struct record *recs, int max);
/* Takes what a thread's lane kept into the stage, which has settled so many
 * lines before, and empties it. 0 or -1 with st->err. */
int lane_settle(struct lane *l, struct stage *st, uint64_t line);
void lane_reset(struct lane *l);
void lane_free(struct lane *l);

/* ahead.c: stdin, as it is open, read by a thread. */
bool ahead_wanted(const struct stage *st);
/* 0 or -1 with st->err; ahead_stop is due either way. */
int ahead_start(struct stage *st);
/* Makes priv->reader the next that lines are at hand in, or that is at the
 * input's end; nothing borrowed from the one before is valid any more. Calls
 * the input's hooks as a read would. 0 or -1 with st->err. */
int ahead_next(struct stage *st);
void ahead_stop(struct stage *st);

/* crew.c: lane_run with threads. */
int crew_run(struct stage *st, lane_work *work, void *const *workers, size_t n);

#endif
