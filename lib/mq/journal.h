/* journal: messages kept on disk from before they are acknowledged until they
 * are committed.
 *
 * A folder of segments, each named by the number of its first entry. What is
 * added is written by journal_sync as one frame with a checksum, and is on disk
 * when that returns: a crash leaves a torn frame at most, behind all that was
 * synced, and it is cut off at the next open. A bad frame with a good one
 * behind it is damage, and is no end. Entries are numbered from 1; numbers are
 * of one journal, which has an id of its own. One process has a journal open.
 * Not thread-safe. */
#ifndef MQ_JOURNAL_H
#define MQ_JOURNAL_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct journal;

#define JOURNAL_ID 33 /* bytes, NUL included */

/* Opens the journal in this folder, made with its parents where it is missing.
 * name says what it is for: another than that it was made with is ERR_CONFIG.
 * Reading starts at its first entry. 0 with *j owned, freed with journal_close;
 * -1 with ERR_TEMPFAIL (another process has it), ERR_DATA (damaged), ERR_IO and
 * so on. */
int journal_open(struct journal **j, const char *dir, const char *name,
                 struct err *e);

/* What was not synced is lost. NULL is fine. */
void journal_close(struct journal *j);

const char *journal_id(const struct journal *j);

/* Bytes of a torn frame that journal_open has cut off. */
uint64_t journal_torn(const struct journal *j);

/* The last number that is synced, or was; 0: none. */
uint64_t journal_last(const struct journal *j);

/* Numbers up to this are taken: for a position beyond the last entry. */
int journal_skip(struct journal *j, uint64_t number, struct err *e);

/* Adds an entry of these parts, one behind the other: 0 with its number; -1
 * (memory; more than 1 GiB unsynced). */
int journal_add(struct journal *j, const struct str *parts, size_t n,
                uint64_t *number, struct err *e);

/* Puts on disk what was added. 0; -1 with ERR_IO, and none of it counts. */
int journal_sync(struct journal *j, struct err *e);

/* The next entry of those behind `after`: 1 with it borrowed until the next
 * call; 0 at the end of what is synced; -1 with ERR_DATA or ERR_IO. */
int journal_next(struct journal *j, uint64_t after, uint64_t *number,
                 struct str *entry, struct err *e);

/* Entries up to this are not wanted any more: segments of which that is true of
 * all are removed. 0 or -1 (ERR_IO). */
int journal_forget(struct journal *j, uint64_t number, struct err *e);

#endif
