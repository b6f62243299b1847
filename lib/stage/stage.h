/* stage: what all commands share: start, options, stream in and out, rejects,
 * counts, marks on the pipe, signals, progress, exit code.
 *
 * A command is
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct stage st;
 *         if (stage_start(&st, &command, argc, argv) == 0)
 *             work(&st);                  // 0 or -1 with st->err filled
 *         release();                      // what the command owns
 *         return stage_finish(&st);       // flush, verdict, mark, exit code
 *     }
 *
 * st->err is where every failure goes: pass &st->err to library functions and
 * return; stage_finish prints it once and turns it into the exit code. Only
 * this layer prints. One stage a process; not thread-safe. */
#ifndef STAGE_STAGE_H
#define STAGE_STAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/period.h"
#include "dlq/dlq.h"
#include "io/input.h"
#include "io/lines.h"
#include "io/mark.h"
#include "io/output.h"
#include "json/select.h"
#include "cli/opt.h"
#include "stage/tally.h"

#include <time.h>

/* What a command is; flags say which shared options and services it gets. */
enum {
    STAGE_EMITS = 1,     /* writes records: marks stdout, has -o */
    STAGE_READS = 2,     /* reads the stream from stdin: verdict, limits */
    STAGE_REJECTS = 4,   /* may reject records: --dlq, --max-reject ... */
    STAGE_OPERANDS = 8,  /* takes operands */
    STAGE_DASHES = 16,   /* has a part of its own behind "--" */
    STAGE_LANES = 32,    /* works by lanes: has -j */
    STAGE_LOADS = 64,    /* commits: under pipe-run only when told to */
    STAGE_AHEAD = 128,   /* gains by a thread that reads ahead: has -j */
    STAGE_GATHERS = 256, /* emits nothing before its input's end */
    STAGE_RUNS = 512     /* runs other stages: for lineage it is the pipeline */
};

struct command {
    const char *name;       /* "pipe-dedup" */
    const char *summary;    /* one sentence, lower case, no full stop */
    const char *usage;      /* behind the name: "[OPTION...] -k KEY" */
    const struct opt *opts; /* the command's own rows */
    unsigned flags;
    enum opt_complete operands; /* what completion offers for operands */
    const char *notes;          /* more lines for --help; may be NULL */
    const char *words;          /* subcommands for completion; may be NULL */
    /* More tables: the i-th, NULL behind the last; may be NULL. */
    const struct opt *(*more)(size_t i);
};

/* A record: one JSON object, without line end. Borrowed from the stage until
 * the next stage_next. */
struct record {
    struct str text;
    const char *uri; /* where it came from; "-" for stdin; borrowed */
    uint64_t line;   /* 1-based; 0: unknown */
    uint64_t offset; /* 0-based byte in the (decompressed) source */
    uint64_t length; /* of the whole input where text is cut; else 0 */
    const struct shaped *shaped; /* its shape, or NULL where not known */
    bool feed;                   /* from stage_next: text.p[text.n] is LF */
    uint64_t number; /* records that were read, with this one; 0: unknown */
};

/* in = out + rejected + filtered + duplicates, always; `out` is what a loader
 * loaded, or what an aggregate took into groups. */
struct counts {
    uint64_t in, out, rejected, filtered, duplicates;
};

/* One reason why a record is rejected; borrowed for the call. */
struct reason {
    const char *code; /* static, lower_case: "type", "not_json" */
    struct str path;  /* JSON Pointer of the offending value, "" the record */
    struct str message;
    struct str schema; /* where the broken rule stands: JSON Pointer in the
                          schema, in another document behind its URI and #;
                          empty: not known */
    /* For the tally alone: */
    struct str rule;  /* path with * for array indexes; empty: path */
    struct str check; /* name of the check that failed; empty: none did */
};

/* How rejected records are shown on stderr. */
enum reject_format {
    REJECTS_AS_LOGGED, /* without a DLQ the first 10, in the format of --log */
    REJECTS_TEXT,      /* the first 10, also with a DLQ */
    REJECTS_JSON       /* all of them, also with a DLQ and -q */
};

#define STAGE_JOBS_MAX 64

/* Options that all commands share, as given (NULL or 0: not given). */
struct stage_opts {
    const char *pipeline, *run_id, *date, *tz, *dlq, *max_reject, *log, *output;
    const char *metrics, *lineage;
    uint64_t metrics_every; /* ms; 0: at the end only */
    uint64_t min_sample, max_record, max_depth;
    uint64_t jobs; /* threads, 1 to STAGE_JOBS_MAX; for STAGE_LANES, and for
                      STAGE_AHEAD, where 0 is: as it seems best */
    bool quiet, verbose;
};

struct facts;
struct colmap;
struct fieldset;

struct stage {
    struct err err; /* the failure, if code is not ERR_NONE */
    const struct command *cmd;
    struct stage_opts opts;
    int argc; /* operands: argv[0 .. argc) */
    char **argv;
    char **rest; /* behind "--": NULL-terminated, or NULL if
                    there was no "--" */
    struct counts counts;
    enum reject_format rejects_as;
    bool tallies; /* set by a command that wants its rejects counted
                     by rule: all, in the order of the input */
    struct tally tally;
    struct output out;      /* stdout, or -o FILE */
    const char *run_id;     /* of the options, else made up from time */
    struct buf context;     /* raw JSON object: what a replay of this
                               stage's rejects needs beside raw; may stay
                               empty */
    struct buf partition;   /* partition for dead letter ids; may stay
                               empty (then the date) */
    struct buf replay_args; /* NUL-separated argv to record in dead letters
                               instead of the real one; may stay empty */
    enum verdict verdict;   /* of all stream input so far */
    bool finished;          /* help or version printed: nothing to do */
    /* Called when the stream has nothing more for now, before it is waited
     * for; may be NULL. 0, or -1 with e to stop. */
    int (*on_idle)(void *context, struct err *e);
    void *idle_context;
    int idle_ms; /* the same again whenever it has been waited so long; set by
                    on_idle or before; 0: once */
    struct stage_private *priv;
};

/* Marks stdout (first thing of all), parses options, opens output. Returns 0
 * to go on, or -1: go straight to stage_finish. */
int stage_start(struct stage *st, const struct command *cmd, int argc,
                char **argv);

/* Reads the next record from stdin: 1 with rec filled, 0 at the end, -1 with
 * st->err. Counts it in; rejects by itself what is no record (not_json,
 * not_object, invalid_utf8, nul_byte, too_long, too_deep). At the end it has
 * judged the upstream's mark: a bad verdict is -1. */
int stage_next(struct stage *st, struct record *rec);

/* The same for up to STAGE_BATCH records at a time, as many as are there
 * without waiting; all stay valid until the next call. For commands that gain
 * by looking ahead. Returns their number (at least 1), 0 at the end, -1. */
#define STAGE_BATCH 64
int stage_next_batch(struct stage *st, struct record *recs);

/* For commands with inputs of their own (pipe-extract): takes a raw record
 * through the same door: counts it in, checks it as JSON. Returns 1 if it is a
 * record, 0 if it was rejected, -1 with st->err. */
int stage_admit(struct stage *st, const struct record *rec);

/* Called at least once per record or block by loops that do not use
 * stage_next: notices signals, draws progress. Returns 0, or -1 to stop. */
int stage_tick(struct stage *st);

/* By commands with sources of their own: there is nothing to read for now.
 * Sends on what is written, notices signals. 0 or -1 with st->err. */
int stage_idle(struct stage *st);

/* Writes one record and LF to stdout or -o; does not count. 0 or -1. */
int stage_emit(struct stage *st, struct str text);

/* The usual end of a record: counts it out and emits it. */
int stage_pass(struct stage *st, struct str text);

/* The same for a record from stage_next as it came. Records that follow each
 * other are written in one piece. */
int stage_pass_record(struct stage *st, const struct record *rec);

/* The same for n records at once, with LF behind each in text. */
int stage_pass_lines(struct stage *st, struct str text, size_t n);

/* Opens another output: "fd:N" or "&N", a descriptor that was handed to the
 * process, or a file, in whose name {date}, {start} and {end} are filled in. A
 * file appears when the stage has ended well, whole, or not at all. *index is
 * its number, 0-based, and the same for all names of one output. Returns 0, or
 * -1 with st->err (ERR_USAGE for a descriptor that cannot be written). Records
 * go there by lane_branch. */
int stage_branch(struct stage *st, const char *target, size_t *index);

/* The name of an output by its number, and how many records have gone there;
 * NULL where there are not so many. */
const char *stage_branch_name(const struct stage *st, size_t index,
                              uint64_t *rows);

/* Rejects rec for n reasons (at least 1): counts it, writes it to the DLQ or
 * shows it, as st->rejects_as says. Returns 0 to go on, -1 with st->err
 * (ERR_DATA) when that was one too many. */
int stage_reject(struct stage *st, const struct record *rec,
                 const struct reason *reasons, size_t n);

/* The same for one reason with a formatted message. path is a JSON Pointer. */
int stage_rejectf(struct stage *st, const struct record *rec, const char *code,
                  const char *path, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Prepares an input for this stage: installs the hooks that flush output
 * before a read that would block, feed progress and notice signals. Pass every
 * input a command opens through it, before its first read. */
void stage_watch(struct stage *st, struct input *in);

/* The input is read no further, and may go: before it is closed. */
void stage_unwatch(struct stage *st, const struct input *in);

/* Judges an input that has come to its end, if it was a stream (stdin): sets
 * st->verdict. Returns 0, or -1 with st->err on DIED, FAILED or MIXED. */
int stage_judge(struct stage *st, struct input *in);

/* Everything that must be durable before the stage may call itself good:
 * reject thresholds, counts that reconcile, dead letters fsynced. A loader
 * calls it before COMMIT; stage_finish calls it for all others. Idempotent.
 * Returns 0 or -1 with st->err. */
int stage_settle(struct stage *st);

/* True under pipe-run: it vouches for the whole pipeline, foreign commands
 * included, and no load is committed before its word. */
bool stage_gated(const struct stage *st);

/* For STAGE_LOADS: all is loaded, nothing is committed. Under pipe-run says so
 * and waits for the word; load is a JSON object that tells what was loaded, for
 * the run's record; doubt, unless NULL, says why it should not be committed
 * even if the whole pipeline has ended well. 0 to commit, -1 with st->err to
 * roll back. Without pipe-run 0 at once. */
int stage_ready(struct stage *st, struct str load, const char *doubt);

/* What must hold before a part of the records may be committed while more are
 * to come: reject thresholds so far, dead letters fsynced. 0 or -1 with
 * st->err. */
int stage_checkpoint(struct stage *st);

/* Before the end: what the upstream's mark tells so far. 0 with CLEAN or
 * UNKNOWN, or -1 with st->err if it has failed. */
int stage_judge_early(struct stage *st, enum verdict *so_far);

/* True once a signal has asked the stage to stop: for library calls that wait
 * and can be given up. */
bool stage_stopping(void);

/* That signal, to pass it on; 0: none has come. */
int stage_stop_signal(void);

/* Appends the state directory (DESIGN: $PIPE_STATE, $STATE_DIRECTORY,
 * $XDG_STATE_HOME/pipeutils, ~/.local/state/pipeutils) to path. 0, or -1 with
 * ERR_CONFIG. Creates nothing. */
int stage_state_dir(struct stage *st, struct buf *path);

/* Appends text with {date}, {start} and {end} replaced, by --date in --tz.
 * ERR_USAGE where there is a template but no date. */
int stage_expand(struct stage *st, struct buf *out, const char *text);

/* The same on a day of the caller's (base/date.h). */
int stage_expand_on(struct stage *st, struct buf *out, const char *text,
                    int64_t day);

/* True if there is something to be replaced. */
bool stage_has_template(const char *text);

/* The interval that --date names, or PIPE_START and PIPE_END where they came
 * with it. False where there is no date: p is left alone. */
bool stage_dated(const struct stage *st, struct period *p);

/* The same as texts, for expressions: the date, its first instant, and the
 * first that is not of it. .p is NULL where there is no date. */
struct interval {
    struct str date, start, end; /* borrowed from text */
    struct buf text[3];          /* owned */
};

/* Fills v, zeroed. 0 or -1; stage_interval_free in every case. */
int stage_interval(struct stage *st, struct interval *v);
void stage_interval_free(struct interval *v);

/* True below pipe-backfill (PIPE_BACKFILL is set): dates of the past are run in
 * any order, and positions that the next run goes on from are left alone. */
bool stage_in_backfill(void);

/* A line on stderr unless -q ("pipe-load: ..." or a JSON line under --log
 * json); control bytes are escaped. For results worth a word on success. */
void stage_note(struct stage *st, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, also under -q: for what somebody has to see to. */
void stage_warn(struct stage *st, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* An event: a line under --log json, in the log of the run in any case; members
 * are those of an object, each behind a comma. */
void stage_event(struct stage *st, const char *level, struct str members);

/* By pipe-run: the run has a folder now, and a log in it. */
void stage_log_to(struct stage *st, const char *run_dir);

/* The trace that TRACEPARENT names, or, to begin one, a new one: its id;
 * children find it in their environment. NULL: there is none. */
const char *stage_trace(struct stage *st, bool begin);

/* FD:INODE:INODE: the stderr that stages of ours are to have, where theirs is
 * the second of these; set by pipe-run. */
#define STAGE_STDERR_ENV "PIPE_STDERR"

/* True where a summary would be shown: under -v and on a terminal, not under
 * -q. */
bool stage_summarises(const struct stage *st);

/* Sorts st->tally, and shows the ten rules that rejected most, if anybody
 * looks. */
void stage_summary(struct stage *st);

/* ---- for --metrics and --lineage; nothing where neither was asked for ---- */

/* The facts of the run, to add assertions and measures to (observe/facts.h);
 * NULL where nobody wants them. */
struct facts *stage_facts(struct stage *st);

/* What is read from here on comes from uri ("-": stdin), until stage_input_end,
 * which is called before the input is closed. Commands with STAGE_READS have
 * stdin without it. */
void stage_input(struct stage *st, const char *uri);
void stage_input_end(struct stage *st);

/* The same for a table (NULL: none) in uri. */
void stage_input_table(struct stage *st, const char *uri, const char *table);

/* The input that was begun last is looked things up in: its records do not go
 * on by themselves. */
void stage_input_side(struct stage *st);

/* Where the fields of the output come from, for lineage: to be filled in
 * (lineage/colmap.h) before the end; at first all are the same as in the inputs
 * that are not on the side. NULL where nobody wants it. A stage that does not
 * call it says nothing about columns. */
struct colmap *stage_colmap(struct stage *st);

/* The fields of the first records that were read, as far as they were seen.
 * Only where stage_colmap is not NULL. */
const struct fieldset *stage_fields(struct stage *st);

/* What is counted out goes to uri, into table (NULL: none). Commands with
 * STAGE_EMITS have stdout, or the file of -o, without it. */
void stage_output(struct stage *st, const char *uri, const char *table);

/* So many records are in the output, where that is not what was counted out. */
void stage_output_rows(struct stage *st, uint64_t rows);

/* By a command with STAGE_RUNS. The run begins, in its folder (absolute; owner
 * and runbook are borrowed, NULL where not known), and so does an attempt; an
 * attempt is over, all its processes are gone; the run is over with this exit
 * code: what stages told in the folder is taken together. dead is the folder of
 * a run of the same pipeline that was killed: what it began and did not end is
 * told to have been aborted. */
void stage_run_begin(struct stage *st, const char *folder, const char *owner,
                     const char *runbook);
void stage_run_attempt(struct stage *st, const char *folder);
void stage_run_attempted(struct stage *st, const char *folder);
void stage_run_end(struct stage *st, const char *folder);
void stage_run_died(struct stage *st, const char *dead);

/* For commands that are no stage but have metrics of their own. stage_outlet
 * makes an outlet (observe/outlet.h) of --metrics: leaves o, zeroed, as it is
 * where that was not given; 0, or -1 with st->err. stage_metrics adds m to the
 * command's file there and pushes; what goes wrong is a warning. */
struct outlet;
struct metrics;
int stage_outlet(struct stage *st, struct outlet *o);
void stage_metrics(struct stage *st, const struct outlet *o, struct metrics *m);

/* Prints the failure, marks stdout, removes temporary files, prints the count
 * line under -v or --log json; returns the exit code, or re-raises the signal
 * that stopped the stage. */
int stage_finish(struct stage *st);

#endif
