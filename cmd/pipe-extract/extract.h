/* extract: what the parts of pipe-extract share.
 *
 * pipe-extract.c has the options; days.c those of a range of days, formats.c
 * those that say how bytes are read, queries.c what databases are asked;
 * origin.c reads what an operand names, from its first input to its last, and
 * item.c passes what it finds there; track.c knows how far each source has been
 * read, cursor.c by a field of the records; show.c prints it; checks.c judges
 * whether all is there, and fresh. */
#ifndef EXTRACT_EXTRACT_H
#define EXTRACT_EXTRACT_H

#include "cdc/cdc.h"
#include "days.h"
#include "formats.h"
#include "queries.h"
#include "source/feed.h"
#include "source/source.h"
#include "stage/stage.h"
#include "track.h"

struct extract {
    struct stage *st;
    struct formats formats;
    struct queries queries;
    struct days days;
    struct source_opts source;
    uint64_t max_size, max_ratio;
    uint64_t max;    /* records at most; 0: all */
    uint64_t max_ms; /* 0: without an end */
    struct timespec started;
    bool meta;
    bool unwraps;    /* --cdc: change events to rows */
    struct cdc *cdc; /* owned; of that */
    struct buf rows;
    bool partial; /* the row at hand is not the last of its event */
    bool expects; /* so many records: */
    uint64_t least, most;
    uint64_t max_age_ms;     /* 0: any age */
    int64_t newest_us;       /* of the inputs; 0: not known */
    struct buf stamp;        /* of --meta: what all records share */
    struct buf text, marked; /* a record as it is passed */
    struct track_opts track_opts;
    struct track track;
    struct buf state_dir;
    bool doubted; /* of many files the first one says it for all */
};

/* Where an item is from. */
struct place {
    const struct source *source;
    const char *uri; /* of the input or the connector */
    struct tracked *tracked;
};

/* Passes what an item holds: 1; 0 where that is enough; -1 with st->err. */
int item_take(struct extract *x, const struct place *at,
              const struct source_item *item);

/* Prepares --meta. 0, or -1 with st->err. */
int item_begin(struct extract *x);

/* An operand, opened as far as that tells early whether it is there. */
struct origin {
    const char *name; /* the operand as given; borrowed */
    struct buf uri;   /* with dates filled in */
    struct feed *feed;
    struct tracked *tracked;
    bool missing; /* it is not there, on a day that may be missing */
};

/* On the day that it has come to. 0, or -1 with st->err. origin_free in every
 * case. */
int origin_open(struct extract *x, struct origin *o, const char *operand,
                const struct days_iter *it);

/* Reads all of it: 1 where the next one may come, 0 where enough was read, -1
 * with st->err. */
int origin_read(struct extract *x, struct origin *o);

void origin_free(struct origin *o);

/* checks.c: --expect; then, at the end, that and --max-age. 0, or -1 with
 * st->err. */
int checks_parse(struct extract *x, const char *text);
int checks_judge(struct extract *x);

/* --show-state: what is committed of the operands, or of all sources. 0, or -1
 * with st->err. */
int show_state(struct extract *x);

#endif
