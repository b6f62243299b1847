/* queue: batches of records that wait in a folder, in order of arrival.
 *
 * A batch is two files: NUMBER.json, an object that says what its records are
 * for, and NUMBER.ndjson, the records; NUMBER has 12 digits and grows while
 * batches wait. The batch is there exactly while NUMBER.ndjson is: that name is
 * given last, when all else is on the disk, and taken away first. So a process
 * that is killed at any moment leaves the batch whole or none; what else it
 * left (a NUMBER.json alone, .incoming-XXXXXX) the next queue_open sweeps.
 * damaged-NUMBER.* are batches that were set aside. All else in the folder is
 * left alone.
 *
 * Processes exclude each other by flock(2) on the file `lock`, for moments;
 * a .incoming-XXXXXX is locked itself while its writer lives. */
#ifndef RUN_QUEUE_H
#define RUN_QUEUE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_PATH 4200
#define QUEUE_ABOUT_MAX ((size_t)4 << 20)

struct queue {
    const char *dir;           /* borrowed */
    int lock;                  /* descriptor; -1: not held */
    char incoming[QUEUE_PATH]; /* the file that is being written; "" none */
    int fd;                    /* of it; -1 */
};

/* make: makes the folder where it is missing, else that is ERR_NOINPUT. Sweeps
 * what killed processes left. ERR_CANTCREAT, ERR_NOPERM, ERR_TEMPFAIL. */
int queue_open(struct queue *q, const char *dir, bool make, struct err *e);

/* Drops a file that was not added, gives the lock back. Safe after anything. */
void queue_close(struct queue *q);

/* The path of a file of the folder, as printf. 0, or -1 with ERR_CANTCREAT. */
int queue_path(const struct queue *q, char path[QUEUE_PATH], struct err *e,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Takes the lock, gives it back. queue_add wants it held; the others take it
 * themselves where they need it. */
int queue_lock(struct queue *q, struct err *e);
void queue_unlock(struct queue *q);

/* Makes a file for records to come: q->fd, to be written by the caller. */
int queue_incoming(struct queue *q, struct err *e);

/* Makes a batch of that file, on the disk when it returns 0; about is its
 * .json. *number is its number. After -1 there is no such batch. */
int queue_add(struct queue *q, struct str about, uint64_t *number,
              struct err *e);

/* The numbers of the batches that wait, sorted: *n in an array owned by the
 * caller. */
int queue_list(const struct queue *q, uint64_t **numbers, size_t *n,
               struct err *e);

/* Appends the .json of a batch: 1; 0 where there is none; -1 (ERR_DATA where it
 * is no JSON object). */
int queue_about(const struct queue *q, uint64_t number, struct buf *about,
                struct err *e);

/* Removes a batch that is loaded. */
int queue_remove(struct queue *q, uint64_t number, struct err *e);

/* Renames both files of a batch to damaged-NUMBER.*: it waits no more. */
int queue_set_aside(struct queue *q, uint64_t number, struct err *e);

#endif
