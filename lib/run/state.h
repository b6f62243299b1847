/* state: folders, locks and small files under the state directory. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Makes the folder and what is missing above it, for the owner alone. 0, or -1
 * with ERR_CANTCREAT or ERR_NOPERM. */
int state_folder(const char *path, struct err *e);

/* Opens a lock file, making it, and locks it as flock(2) does: the lock lives
 * as long as any copy of the descriptor. Waits up to wait_ms, and no longer
 * once stop() is true. Who has the lock may unlink the file before letting go:
 * others then lock the next one. Returns the descriptor (close-on-exec), -1
 * with e; -2 where somebody else holds it, with what that one wrote into it in
 * holder. */
int state_lock(const char *path, uint64_t wait_ms, bool (*stop)(void),
               struct buf *holder, struct err *e);

/* Writes who holds the lock, for people. Not durable. */
void state_lock_sign(int fd, const char *text);

/* Reads a whole file of at most max bytes: 1; 0 where there is none; -1. */
int state_read(const char *path, size_t max, struct buf *out, struct err *e);

/* Replaces the file by way of a temporary one, fsync and rename. */
int state_write(const char *path, struct str text, struct err *e);

/* Appends a line (LF is added), whole or not at all as far as readers of lines
 * can see: a line that a crash cut short is closed first. Durable. Who replaces
 * the file holds its lock (flock) meanwhile. */
int state_append(const char *path, struct str line, struct err *e);

/* Removes a folder with all that is in it, on its file system. 0, or -1 with
 * errno where something is left. */
int state_remove(const char *path);

#endif
