/* filelock: files and folders that several processes write, one at a time.
 *
 * flock(2), held for moments: so a wait has an end, and a process that was
 * stopped while it held a lock does not stop all others. */
#ifndef IO_FILELOCK_H
#define IO_FILELOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Takes the exclusive lock of fd, which path names in messages; waits for it
 * at most so long. 0; -1 with ERR_TEMPFAIL where another process keeps it, or
 * ERR_IO. */
int filelock_wait(int fd, const char *path, int patience_ms, struct err *e);

/* True while path still names the file behind fd: who waited for the lock of a
 * file that another one has been renamed over opens it anew. */
bool filelock_in_place(int fd, const char *path);

/* Cuts what stands behind the last LF of a file of lines; needs the lock and
 * a descriptor that reads and writes. *cut is set to the number of bytes cut
 * off. 0, or -1 with ERR_IO. */
int filelock_cut_tail(int fd, const char *path, uint64_t *cut, struct err *e);

#endif
