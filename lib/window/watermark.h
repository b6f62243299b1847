/* watermark: how far event time has come.
 *
 * The watermark is the latest time seen, less the lateness that is allowed: no
 * record from before it is expected any more. It never goes back. Where records
 * come from several sources it is that of the source which is furthest behind,
 * and a source from which nothing came for the idle timeout is left out. When
 * nothing comes from any, it moves on with the clock (Akidau et al. 2015; idle
 * sources as in Apache Flink).
 *
 * Times are microseconds of event time, `now` is of a clock that only goes
 * forward. Not thread-safe. */
#ifndef WINDOW_WATERMARK_H
#define WINDOW_WATERMARK_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATERMARK_NONE INT64_MIN
#define WATERMARK_SOURCES 65536

struct watermark_source;

struct watermark {
    int64_t at;       /* the watermark, or WATERMARK_NONE */
    int64_t lateness; /* set by the owner, as idle_us */
    int64_t idle_us;  /* 0: no source is ever idle */
    int64_t latest;   /* time seen, of all sources */
    int64_t arrived;  /* when the last record came */
    int64_t waited;   /* since then, once that is idle_us; else 0 */
    struct watermark_source **slots; /* owned: by hash, a power of two */
    size_t cap, n;
    struct watermark_source *first;  /* of all, linked */
    struct watermark_source *behind; /* the one furthest behind; NULL: find */
};

void watermark_init(struct watermark *w, int64_t lateness, int64_t idle_us);
void watermark_free(struct watermark *w);

/* A record of this time has come from a source (copied when it is new). True
 * in *moved where the watermark did. ERR_DATA behind WATERMARK_SOURCES sources.
 * 0 or -1. */
int watermark_see(struct watermark *w, struct str source, int64_t time,
                  int64_t now, bool *moved, struct err *e);

/* Time has passed; nothing is waiting to be read where `quiet`. True if the
 * watermark moved. */
bool watermark_pass(struct watermark *w, int64_t now, bool quiet);

/* Microseconds from now until watermark_pass may matter: the next source falls
 * idle, or the watermark, as it moves with the clock, reaches `wanted`. -1:
 * never. */
int64_t watermark_wait(const struct watermark *w, int64_t now, int64_t wanted);

#endif
