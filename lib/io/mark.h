/* mark: how a pipe's writer tells its reader that the stream is whole.
 *
 * EOF on a pipe looks the same behind a finished and a killed writer. The
 * inode of an anonymous pipe takes a mode (fchmod) and a time (futimens) that
 * the reader sees with fstat, even after the writer is gone. Nothing is left to
 * clean up. See pipeutils-record(5). Only anonymous pipes are marked; on any
 * other descriptor all functions do nothing and the verdict is UNKNOWN. */
#ifndef IO_MARK_H
#define IO_MARK_H

#include <stdbool.h>
#include <stdint.h>

/* What a reader may conclude at EOF. Worse is greater. */
enum verdict {
    VERDICT_CLEAN = 0, /* regular file, or a writer of ours that ended well */
    VERDICT_UNKNOWN,   /* no mark: a foreign writer, a FIFO, a socket ... */
    VERDICT_MIXED,     /* bytes came or went that the writer does not know */
    VERDICT_FAILED,    /* the writer ended with a nonzero exit code */
    VERDICT_DIED       /* the writer was killed before its end */
};

/* How a writer ends well. */
enum mark_end {
    MARK_OK,         /* whole */
    MARK_UNVERIFIED, /* whole as far as known: its own input was UNKNOWN */
};

struct mark {
    int fd;      /* -1: nothing to mark */
    bool group;  /* a shell group shares the pipe: OK becomes GROUP */
    bool failed; /* FAIL already: sticky */
};

/* Marks fd RUN (or RUN-GROUP, or FAIL behind a dead predecessor). Returns 0;
 * -1 where another writer of ours holds this very pipe: m is FAILED then and
 * the command must exit 64. */
int mark_begin(struct mark *m, int fd);

/* The same for a pipe that the caller made itself, with no parent to look at.
 */
int mark_begin_own(struct mark *m, int fd);

/* Marks the end. bytes is all that this process wrote to the pipe. Call it
 * behind the last write and before close. */
void mark_ok(struct mark *m, enum mark_end how, uint64_t bytes);

/* Marks FAIL with the exit code (128 + signal for signals). */
void mark_fail(struct mark *m, int exit_code);

/* True if fd carries the plain RUN or OK mark: every byte so far comes from
 * one writer of ours that checked grammar and UTF-8. */
bool mark_trusted(int fd);

/* True if fd is a pipe that a stage of ours has marked, in whatever way: what
 * comes out of it was counted before. */
bool mark_present(int fd);

/* Judges fd before EOF: CLEAN while a writer of ours is alone at work or ended
 * well (or fd is a regular file), FAILED (with *cause) once it has failed, else
 * UNKNOWN. A writer that was killed shows at EOF only. */
enum verdict mark_judge_early(int fd, int *cause);

/* Judges fd at EOF, bytes being all that was read from it. *cause is set to
 * the writer's exit code on FAILED, else to 0. */
enum verdict mark_judge(int fd, uint64_t bytes, int *cause);

#endif
