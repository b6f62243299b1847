/* dlq_cmd: what the subcommands of pipe-dlq share. */
#ifndef DLQ_CMD_H
#define DLQ_CMD_H

#include "dlq/read.h"
#include "stage/stage.h"

/* The command line. */
struct args {
    const char *dlq;
    struct opt_list ids, stages, codes, runs;
    const char *since, *until, *state;
    bool all;
    const char *format, *output, *by;
    struct opt_steps steps; /* of edit */
    uint64_t older_than_ms, floor_ms, keep;
    bool dry_run, force;
    const char *through, *unresolved;
    uint64_t max_attempts;
    const char *max_open, *max_poison; /* numbers; 0 is one */
    uint64_t max_age_ms;
    const char *max_rate, *per;
};

#define DLQ_MAX_ATTEMPTS 5

/* ---- pick.c: which queue, which letters */

struct pick {
    struct dlq_read read;
    char *uri; /* owned */
    size_t *v; /* owned: indexes of the entries chosen, by time */
    size_t n;
    uint64_t max_attempts; /* as many rejections make a poison pill */
    bool open;
    bool noted; /* that there are none */
};

/* The queue that --dlq or --pipeline names, owned by the caller; NULL with
 * st->err. */
char *pick_uri(struct stage *st, const struct args *a);

/* Reads the queue and chooses by the selection options; state is the default
 * of --state. p needs no init; close it also on failure. */
int pick_open(struct pick *p, struct stage *st, const struct args *a,
              const char *state, bool repair);

/* True if the command line chooses anything at all. */
bool pick_is_given(const struct stage *st, const struct args *a);

/* The state of the i-th letter picked, in a word: "open", "poison", "replayed".
 */
const char *pick_state(const struct pick *p, size_t i);

void pick_close(struct pick *p);

/* ---- print.c: text for people and for programs */

/* Appends the characters of a JSON string, or nothing where v is none. */
int text_of(struct buf *out, struct val v);

/* Pads what was added to line since `from` to a column of `width` characters,
 * by one space at least. */
void print_pad(struct buf *line, size_t from, size_t width);

/* A letter in a line of a table, or as a JSON line of the same facts. */
int print_heading(struct stage *st);
int print_row(struct stage *st, const struct envelope *v, const char *state);
int print_json(struct stage *st, const struct envelope *v, const char *state);

/* A letter as it is kept, with its state behind. Appended, without LF. */
int print_whole(struct buf *out, const struct envelope *v, const char *state);

/* A time span for people: "3d4h", "12m". */
void print_age(struct buf *out, int64_t us);

/* One line of text to stdout. */
int print_line(struct stage *st, struct buf *line);

/* True if output is to be NDJSON: --format, or stdout is no terminal. */
bool wants_json(const struct args *a);

/* ---- the subcommands: 0, or -1 with st->err */
int dlq_list(struct stage *st, const struct args *a);
int dlq_show(struct stage *st, const struct args *a);
int dlq_stats(struct stage *st, const struct args *a);
int dlq_purge_cmd(struct stage *st, const struct args *a);
int dlq_replay(struct stage *st, const struct args *a);
int dlq_edit_cmd(struct stage *st, const struct args *a);
int dlq_export(struct stage *st, const struct args *a);
int dlq_check(struct stage *st, const struct args *a);

#endif
