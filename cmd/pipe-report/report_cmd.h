/* report_cmd: what the subcommands of pipe-report share. */
#ifndef REPORT_CMD_H
#define REPORT_CMD_H

#include "report/runs.h"
#include "stage/stage.h"

/* The command line. */
struct args {
    const char *config, *format, *output, *now;
    const char *since, *until;
    uint64_t last;
    struct opt_list outcomes;
    const char *level;
    struct opt_list stages;
    bool follow;
    struct opt_list include;
    bool force, dry_run, upstream;
};

/* ---- where.c: folders, times, tables */

/* The state directory, in a buffer that the caller frees: its path, or NULL
 * with st->err. */
const char *where_state(struct stage *st, struct buf *path);

/* The same for the folder of pipeline files. */
const char *where_config(struct stage *st, const struct args *a,
                         struct buf *path);

/* --now, else the clock's: microseconds. 0 or -1. */
int where_now(struct stage *st, const struct args *a, int64_t *us);

/* Fills since and until, with what stands for "always" where they are not
 * given. 0 or -1. */
int where_bounds(struct stage *st, const struct args *a, int64_t *since,
                 int64_t *until);

/* True if output is to be NDJSON. */
bool wants_json(const struct args *a);

/* Columns of the terminal that is stdout; 0: it is none. */
size_t terminal_width(void);

/* Colours, where stdout is a terminal that wants some. */
enum paint { PAINT_NONE, PAINT_GOOD, PAINT_BAD, PAINT_WARN, PAINT_FAINT };
void paint(struct buf *line, enum paint p);
enum paint paint_of(const struct run *r);

/* Pads what was added to line since `from` to `width` columns and adds a
 * space; what is longer stands as it is. right: in front of it. */
void pad(struct buf *line, size_t from, size_t width, bool right);

/* Columns that a text takes, without those of colours. */
size_t seen_width(struct str s);

/* Emits a line and resets it; the first cuts it to the terminal's width, the
 * second leaves what is to be read or copied whole. 0 or -1. */
int emit_line(struct stage *st, struct buf *line);
int emit_whole(struct stage *st, struct buf *line);

/* Appends ,"name":"text" where there is a text. */
void add_member(struct buf *line, const char *name, struct str text);

/* ---- the subcommands: 0, or -1 with st->err */
int report_history(struct stage *st, const struct args *a);
int report_show(struct stage *st, const struct args *a);
int report_logs(struct stage *st, const struct args *a);
int report_check(struct stage *st, const struct args *a);
int report_impact(struct stage *st, const struct args *a);
int report_html(struct stage *st, const struct args *a);
int report_backup(struct stage *st, const struct args *a);
int report_restore(struct stage *st, const struct args *a);
int report_prune(struct stage *st, const struct args *a);

#endif
