/* select: a set of field paths, looked up together in one walk of a record.
 *
 * Build once, run per record. Of duplicate keys the last wins; escaped keys
 * are compared by the characters they stand for. */
#ifndef JSON_SELECT_H
#define JSON_SELECT_H

#include "json/path.h"
#include "json/shape.h"
#include "json/value.h"

struct select;

/* Returns an empty selector, owned, freed with select_free; NULL: no memory. */
struct select *select_new(void);
void select_free(struct select *s);

/* Adds a path (copied) and returns its slot, 0-based and dense; the same path
 * added twice gives the same slot. -1: no memory. */
int select_add(struct select *s, const struct path *p);

/* Number of slots. */
size_t select_size(const struct select *s);

/* Fills vals[0 .. size) with what record has at each path, MISSING where it
 * has nothing; slices borrow from record. Returns 0, or -1 where record is not
 * JSON (possible only if it was not checked). Cost: one pass. */
int select_run(const struct select *s, struct str record, struct val *vals);

/* A record whose line was scanned and is of a known shape. */
struct shaped {
    const struct shape *shape;
    const struct scan_line *line;
    const char *block;
};

/* As select_run, by way of the shape (NULL: not known): where the keys of this
 * record are those of the last one of its shape, the values' places are known.
 * record is the text that shaped is of. Changes s, so one selector a thread. */
int select_pick(struct select *s, struct str record,
                const struct shaped *shaped, struct val *vals);

/* ---- many records at once, by column ---- */

#define SELECT_BATCH 64

struct select_record {
    struct str text;
    const struct shaped *shaped; /* of text; NULL: not known */
};

/* What up to SELECT_BATCH records have at each path. */
struct select_batch {
    struct val *vals; /* owned: vals[slot * SELECT_BATCH + i] is of record
                         i; slices borrow from the record */
    unsigned *types;  /* owned: of each slot the types that occur, as bits
                         (1 << enum json_type) */
    struct val *row;  /* owned: for select_pick_batch alone */
};

/* Makes room for the slots that s has now, and behind them for the values of
 * extra ones that are the caller's. Returns 0, or -1 without memory;
 * select_batch_free is due either way, and harmless on a zeroed struct. */
int select_batch_init(struct select_batch *b, const struct select *s,
                      size_t extra);
void select_batch_free(struct select_batch *b);

/* As select_pick for each of n records. Returns a mask of those that are not
 * JSON (possible only where they were not checked). */
uint64_t select_pick_batch(struct select *s, const struct select_record *recs,
                           size_t n, struct select_batch *b);

#endif
