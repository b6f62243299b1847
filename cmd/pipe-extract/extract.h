/* extract: what the parts of pipe-extract share.
 *
 * pipe-extract.c has the options; formats.c those that say how bytes are read;
 * origin.c reads what an operand names, from its first input to its last;
 * track.c knows how far each source has been read. */
#ifndef EXTRACT_EXTRACT_H
#define EXTRACT_EXTRACT_H

#include "formats.h"
#include "source/feed.h"
#include "source/source.h"
#include "stage/stage.h"
#include "track.h"

struct extract {
    struct stage *st;
    struct formats formats;
    struct source_opts source;
    uint64_t max_size, max_ratio;
    struct track track;
    bool doubted; /* of many files the first one says it for all */
};

/* An operand, opened as far as that tells early whether it is there. */
struct origin {
    const char *name; /* the operand as given; borrowed */
    struct buf uri;   /* with dates filled in */
    struct feed *feed;
    struct tracked *tracked;
};

/* 0, or -1 with st->err. origin_free in every case. */
int origin_open(struct extract *x, struct origin *o, const char *operand);

/* Reads all of it: 1 where the next one may come, 0 where enough was read, -1
 * with st->err. */
int origin_read(struct extract *x, struct origin *o);

void origin_free(struct origin *o);

#endif
