/* read: the letters of a directory or file, as one table in order of time.
 *
 * Opening reads everything once and keeps per letter only where it stands
 * (about 80 bytes); a letter's text is read again when it is asked for. Lines
 * with one id are one entry: the open one with the highest attempt, of these
 * the latest. An edit that does not count is no line. Nothing is locked
 * meanwhile, and nothing is changed unless repair is asked for. See dlq.h for
 * letters, marks and torn tails. Not thread-safe. */
#ifndef DLQ_READ_H
#define DLQ_READ_H

#include "base/err.h"
#include "dlq/envelope.h"
#include "dlq/idmap.h"
#include "dlq/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dlq_state { DLQ_OPEN, DLQ_REPLAYED, DLQ_PURGED, DLQ_VOID };

/* One line that is a letter. */
struct dlq_place {
    struct hash128 id;
    int64_t us;      /* ts */
    uint64_t offset; /* 0-based byte of the segment */
    uint64_t length; /* bytes without the LF */
    uint64_t attempt;
    int64_t base_us;  /* of an edit: ts of the line that was edited; else 0 */
    size_t older;     /* 1 + index of the line before with this id; 0: none */
    uint32_t segment; /* index into segments */
    enum dlq_state state;
};

/* A mark "replaying"; if no other one has closed it, the replay died. */
struct dlq_journal {
    struct hash128 id;
    int64_t us;
    uint64_t offset, length; /* as above */
    uint32_t segment;
    bool closed;
};

/* The lines with one id. */
struct dlq_entry {
    size_t shown; /* index of the line that stands for all */
    size_t last;  /* of the last one: the chain of `older` starts here */
};

struct dlq_read {
    struct target target; /* owned */
    char **segments;      /* owned: paths */
    bool *has_marks;      /* owned: per segment */
    size_t n_segments;
    struct dlq_place *places; /* owned: every letter, in order of reading */
    size_t n_places, cap_places;
    struct dlq_entry *entries; /* owned: by time */
    size_t n_entries;
    struct dlq_journal *journals; /* owned */
    size_t n_journals, cap_journals;
    struct idmap marks; /* envelope_line_key of (hash of its text, ts) of each
                           mark that was read, to 1 */
    uint64_t damaged;   /* lines that are neither letter nor mark */
    uint64_t torn;      /* segments with a torn tail, cut or not */
    const char *damaged_in, *torn_in; /* the first such segment; borrowed */
    int fd;                           /* open segment, -1: none */
    size_t fd_segment;
    struct buf line; /* text of the last entry asked for */
};

/* Reads what is at uri (nothing there is no error: no entries). With repair,
 * torn tails of segments that nobody writes to are cut. r needs no init.
 * 0, or -1 with e and r closed. */
int dlq_read_open(struct dlq_read *r, const char *uri, bool repair,
                  struct err *e);

/* The place of entry i, 0 <= i < n_entries. */
const struct dlq_place *dlq_read_place(const struct dlq_read *r, size_t i);

/* When entry i was opened: ts of its first line that is open, else of the one
 * that stands for it. */
int64_t dlq_read_since(const struct dlq_read *r, size_t i);

/* Reads entry i: v borrows from r until the next call. ERR_TEMPFAIL where the
 * segment was rewritten since. */
int dlq_read_get(struct dlq_read *r, size_t i, struct envelope *v,
                 struct err *e);

/* Reads journal i, as dlq_read_get does. */
int dlq_read_journal(struct dlq_read *r, size_t i, struct envelope *v,
                     struct err *e);

/* The times of the lines of entry i that are open, which a mark has to name:
 * fills us[0 .. max) and returns how many there are. */
size_t dlq_read_open_lines(const struct dlq_read *r, size_t i, int64_t *us,
                           size_t max);

void dlq_read_close(struct dlq_read *r);

/* True for an open letter that was rejected max times or more, and that nobody
 * has edited since. */
bool dlq_is_poison(const struct dlq_place *p, uint64_t max);

/* "open", "replayed" or "purged". */
const char *dlq_state_name(enum dlq_state s);

#endif
