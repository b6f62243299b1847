/* gauge: what is measured while records go by, for the gates of a batch.
 *
 * Each thread has gauges of its own, made in the same order, and at the end
 * one takes in the others: the result is the same for any number of threads,
 * since sums are exact and sets are sets. Gates that need the same of the same
 * field share a gauge. A record costs one lookup of all fields; a key of a set
 * is put in some records later, so that its memory can be loaded meanwhile. */
#ifndef QUALITY_GAUGE_H
#define QUALITY_GAUGE_H

#include "base/decimal.h"
#include "json/select.h"
#include "quality/allowed.h"
#include "quality/gate.h"
#include "table/keyset.h"

enum gauge_kind {
    GAUGE_PRESENCE, /* nulls and missing */
    GAUGE_NUMBERS,
    GAUGE_KEYS, /* different keys of one or more fields, all present */
    GAUGE_NEWEST,
    GAUGE_AMONG /* values that are in a list or match, or those that do not */
};

/* What is wanted of GAUGE_NUMBERS. */
enum { GAUGE_SUM = 1, GAUGE_EXTREMES = 2, GAUGE_SQUARES = 4 };

struct gauge_queue;

struct gauge {
    enum gauge_kind kind;
    unsigned wants;
    const struct allowed *allowed; /* borrowed: the list; NULL: none */
    const struct pattern *pattern; /* borrowed; NULL: none */
    struct pattern_run *match;     /* owned; with pattern */
    bool negated;
    bool takes_null; /* what is null or missing is in the list */
    size_t *slots;   /* owned: of the fields */
    size_t n_slots;
    uint64_t nulls, missing;
    uint64_t n;   /* values taken; of GAUGE_KEYS whole keys */
    uint64_t bad; /* values that cannot be taken; of GAUGE_AMONG those that
                     are counted */
    struct buf example; /* one of them, or a key that repeats; for messages */
    struct decimal sum, squares, min, max;
    bool far; /* a sum has left the range of decimals; a match was given up */
    int64_t newest;
    struct keyset keys;
    struct gauge_queue *queue; /* owned */
};

struct gauges {
    struct gauge *v; /* owned */
    size_t n;
    uint64_t rows;
    const char *tz;        /* borrowed: of times without a zone */
    struct budget budget;  /* of the sets */
    struct select *select; /* owned */
    struct select_batch batch;
    struct buf key, text; /* scratch */
};

#define NO_GAUGE ((size_t)-1)

/* Prepares gauges whose sets hold at most memory bytes (not 0) together. 0 or
 * -1 (memory). */
int gauges_init(struct gauges *g, const char *tz, size_t memory, struct err *e);

/* Makes what gate needs: *index is its gauge, or NO_GAUGE. allowed (borrowed)
 * for a gate with a list. 0 or -1 (memory). */
int gauges_add(struct gauges *g, const struct gate *gate,
               const struct allowed *allowed, size_t *index, struct err *e);

/* Measures n records, up to SELECT_BATCH. 0, or -1 with e: past the memory
 * (ERR_CONFIG), or where one is not JSON (ERR_DATA; only if nobody checked). */
int gauges_take(struct gauges *g, const struct select_record *recs, size_t n,
                struct err *e);

/* Ends the measuring. 0 or -1 as gauges_take. */
int gauges_end(struct gauges *g, struct err *e);

/* Takes in what another, made by the same gates, has measured, and empties it.
 * Both are ended. 0 or -1 as gauges_take. */
int gauges_merge(struct gauges *into, struct gauges *from, struct err *e);

void gauges_free(struct gauges *g);

#endif
