/* track: how far each source has been read, from where the load before ended.
 *
 * Where a source goes on is what the target's ledger says (--resume-from) or,
 * under pipe-run, what the state directory keeps. What has been read goes to
 * the load: under pipe-run through a folder of the run, else with the records,
 * as their last field _src. A backfill reads the past: it neither begins where
 * the load before ended nor moves that. */
#ifndef EXTRACT_TRACK_H
#define EXTRACT_TRACK_H

#include "base/buf.h"
#include "position/frontier.h"
#include "position/position.h"
#include "source/source.h"
#include "stage/stage.h"

/* The command line. */
struct track_opts {
    const char *resume_from, *source_name;
    const char *cursor, *lag, *from;
    bool rewind, follow;
};

/* --cursor: a field of the records that only grows. */
struct cursor {
    struct path path; /* n 0: there is none */
    bool known;       /* the kind of its values is */
    enum position_kind kind;
    uint64_t lag; /* microseconds, or units of a number */
    bool lag_is_time;
    struct frontier frontier;
    struct str first; /* records below it are not wanted; empty: all are */
    struct buf text;  /* of first */
    struct source_cursor ask; /* of the connector */
};

/* One source. */
struct tracked {
    struct positions from; /* where it goes on: what is committed */
    struct positions base; /* what the state directory has as committed */
    struct positions to;   /* what has been read */
    struct cursor cursor;
    struct buf kept; /* file in the state directory; empty: none */
};

struct track {
    struct stage *st;
    const struct track_opts *o;
    const char *run_dir; /* under pipe-run; NULL */
    bool aside;          /* a backfill: positions are left alone */
    bool marks;          /* records carry their positions */
    struct tracked **v;  /* owned, n of them */
    size_t n;
    struct timespec confirmed;
    struct buf state_dir;
};

/* 0, or -1 with st->err. */
int track_begin(struct track *t, struct stage *st, const struct track_opts *o);

/* True where positions come from and go anywhere: else, and in a backfill, a
 * source begins at its beginning. */
bool track_resumes(const struct track *t);

/* A source of this name, with what is known of it; borrowed from t. NULL with
 * st->err. */
struct tracked *track_source(struct track *t, const char *name);

/* What item says. 0, or -1 with st->err. */
int track_item(struct track *t, struct tracked *d, const struct source *s,
               const struct source_item *item);

/* Appends record with where it comes from. 0, or -1 with st->err. item is what
 * it is of; tie is the record's hash where there is a cursor. */
int track_mark(struct track *t, struct tracked *d, const struct source *s,
               const struct source_item *item, struct str value,
               struct hash128 tie, struct str record, struct buf *out);

/* Every few seconds of a stream without an end: tells the source what is
 * committed. 0, or -1 with st->err. */
int track_confirm(struct track *t, struct tracked *d, struct source *s,
                  bool now);

/* All has been read: leaves the positions where the load finds them. 0, or -1
 * with st->err. */
int track_end(struct track *t);

void track_free(struct track *t);

/* ---- cursor.c */

enum cursor_verdict { CURSOR_NEW, CURSOR_OLD, CURSOR_AGAIN, CURSOR_NONE };

/* Reads the options. d->from is known. 0, or -1 with st->err. */
int cursor_begin(struct track *t, struct tracked *d);

/* Is the record wanted? Notes its value (borrowed from it) and hash. With
 * CURSOR_NONE *why says what is wrong. -1 with st->err. */
int cursor_judge(struct track *t, struct tracked *d, struct str record,
                 enum cursor_verdict *verdict, struct str *value,
                 struct hash128 *tie, const char **why);

#endif
