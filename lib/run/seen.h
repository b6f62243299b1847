/* seen: the keys of earlier runs, in a SQLite file.
 *
 * Keys are bytes, each with the time at which it was first seen. What a run
 * adds is in one transaction and belongs to the run's folder, which stands in
 * the table `pending` until it is promoted: deleting that one row makes all of
 * it count, and the next run has to decide before it begins (run/pending.h
 * says how). From seen_open to seen_close no other run can open the file. WAL
 * with synchronous FULL: what is committed survives the machine. Not
 * thread-safe. */
#ifndef RUN_SEEN_H
#define RUN_SEEN_H

#include "base/buf.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct seen {
    sqlite3 *db;
    sqlite3_stmt *insert;
    int lock;         /* descriptor with flock(2); -1 */
    struct buf path;  /* absolute */
    struct buf owner; /* the run folder whose keys are pending; empty: none */
    int64_t run;      /* of our own keys */
};

/* Opens the file, made where it is missing, and locks it. about says what the
 * keys are made of: a file that was made for others is ERR_CONFIG. cache_bytes
 * is for pages. ERR_TEMPFAIL where another process has the lock; ERR_CONFIG
 * where it is no such file; ERR_CANTCREAT, ERR_IO. */
int seen_open(struct seen *s, const char *path, const char *about,
              size_t cache_bytes, struct err *e);

/* Makes pending keys count, or deletes them: durable when it returns. Before
 * seen_begin. */
int seen_resolve(struct seen *s, bool promote, struct err *e);

/* Begins a run whose folder is run_dir: keys first seen before expired (in
 * microseconds, INT64_MIN: none) are forgotten. */
int seen_begin(struct seen *s, const char *run_dir, int64_t expired_us,
               struct err *e);

/* Adds a key, first seen now: 1; 0 where it was there; -1. */
int seen_add(struct seen *s, struct str key, int64_t now_us, struct err *e);

/* Makes what was added durable, pending. */
int seen_commit(struct seen *s, struct err *e);

/* Makes the keys of run_dir in the file at path count, if they are pending;
 * else nothing changes. */
int seen_promote(const char *path, const char *run_dir, struct err *e);

void seen_close(struct seen *s);

#endif
