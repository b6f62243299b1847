/* dlq: dead letters: rejected records kept with all that is needed to read
 * them again.
 *
 * Where. A URI that ends in '/' (or names a directory) is a directory of
 * append-only NDJSON segments, one a process, held under an exclusive flock
 * while its process lives; any other is one file, appended to under flock.
 * "file:" may stand before either. A segment is made with the first letter, so
 * a run without rejects leaves nothing. Segments are named by the UTC time
 * they were made and their process, YYYYMMDDTHHMMSS.uuuuuuZ-PID.ndjson, so
 * that names sort by time. Directories are made with mode 0750, files with
 * 0640, less the umask.
 *
 * kafka://HOST[:PORT]/TOPIC is a topic, which is written to and not read back:
 * what a letter is there is in dlq/topic.h. What follows is of files.
 *
 * A letter is one line, one JSON object; members in this order, those in
 * brackets only where known:
 *
 *     v         1
 *     id        32 hex digits: XXH3-128 of pipeline, partition, stage and raw,
 *               each behind its length (64 bits, little-endian; that of raw is
 *               the length of the whole input), and the occurrence of these
 *               four in the run (64 bits, little-endian, the first is 1)
 *     ts        when it was written, RFC 3339, UTC, microseconds
 *     [pipeline] [run_id]
 *     stage     the command's name
 *     argv      how to run the stage again, an array of strings
 *     [cwd]     the folder it ran in: relative paths in argv start here
 *     env       the variables that stood in for options (an object; those of
 *               DLQ_ENV that were set)
 *     attempt   how many times the record was rejected, from 1
 *     class     "permanent" or "transient": whether the same bytes may pass
 *               another time
 *     source    {[uri], [line], [offset], [partition]}: where it came from;
 *               line from 1, offset in bytes from 0
 *     [context] an object: what the stage needs to read raw again
 *     errors    [{code, [path], message, [schema]}]: at least one; path is
 *               a JSON Pointer, and so is schema, the place of the broken rule
 *               in its schema (behind URI and #, where that is in another
 *               document)
 *     raw       the exact input without its line end, as a string; or
 *     raw_b64   the same in base64 (RFC 4648, section 4), where it is not
 *               UTF-8 or holds NUL
 *     [raw_length] bytes of the whole input, where raw holds only its start
 *     [edits]   what was done to raw since it was rejected first, oldest first:
 *               [{ts, [by], how, was or was_b64, [was_length]}]; how is
 *               "editor" or an array of operations, was the raw of before
 *
 * argv and cwd become argv_b64 and cwd_b64 (of the same shape, every string in
 * base64) where they are not UTF-8. In other members bytes that are not UTF-8
 * are replaced by U+FFFD.
 *
 * An edit writes the letter again, with its id and attempt: v is 2, ts the time
 * of the edit, raw the new bytes, edits longer by one, and edit_of the ts of
 * the letter that was edited. It counts once a mark "edited" names it, and as
 * long as the letter that it was made from is there; what closes that one
 * closes it, too.
 *
 * A mark is a line of its own in any segment, and closes letters:
 *
 *     v         1; 2 for the last three kinds
 *     mark      "replayed" or "purged"; "edited"; "replaying" or "released"
 *     ts        when
 *     [run_id]  of the replay
 *     [run]     of "replaying": the folder of the run that loads the letters
 *     of        an array with an array for each id: the id, then the ts of
 *               each letter that is closed
 *
 * All that a replay closes is one mark, so that a death leaves all of it open
 * or nothing: the run id of a replay follows from the letters it takes, and a
 * part of them would be another run.
 *
 * "replaying" closes nothing: it is the journal of a replay, on disk before its
 * load can be committed, and names the letters that the commit will close. Its
 * own id is the XXH3-128 of run. Where no later mark names that and its ts, the
 * replay died, and what became of the run decides: "replayed" closes the
 * letters and the journal, "released" the journal alone.
 *
 * A letter stays open until a mark names its id and ts; so neither the order
 * of lines nor the clock decides, and a mark whose letter is gone means
 * nothing. Of several open letters with one id, that of the highest attempt
 * stands for all.
 *
 * Crashes. Lines are written some at a time, with one write(2). One that was
 * added survives the process after the next dlq_flush, and the machine after
 * dlq_sync; a stage that is killed before has not ended well, and its run is
 * done again. A killed writer may leave a torn
 * last line, without LF: readers skip it, and whoever next holds the lock of
 * the segment cuts it.
 *
 * Replays. `pipe-dlq replay` tells the stages it runs which letters it feeds
 * them (see dlq/replays.h). A record that is rejected again keeps its id, with
 * attempt + 1; and what the stage that rejected it the first time rejects goes
 * to the queue it came from, whatever URI that stage is given. */
#ifndef DLQ_DLQ_H
#define DLQ_DLQ_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Names of the variables that a letter records, separated by spaces. */
#define DLQ_ENV "PIPE_DATE PIPE_TZ"

/* Bytes of a line in a segment, at most. */
#define DLQ_LINE_MAX ((size_t)1 << 30)

struct dlq;

struct dlq_error {
    const char *code;
    struct str path, message;
    struct str schema; /* place of the broken rule; empty: not known */
};

/* A dead letter to write; all slices borrowed for the call. id, ts and attempt
 * are the writer's business. */
struct dlq_letter {
    struct str pipeline, run_id, stage, partition; /* empty: not known */
    const char *const *argv; /* NULL-terminated: how to run the stage again */
    bool transient;
    struct str uri;        /* source */
    uint64_t line, offset; /* line 0: not known */
    struct str context;    /* raw JSON object, or empty */
    const struct dlq_error *errors;
    size_t n_errors;
    struct str raw;  /* the exact input */
    uint64_t length; /* of the whole input if raw is cut, else raw.n */
};

/* Other bytes for a letter; all borrowed for the call. */
struct dlq_edit {
    struct str raw; /* what is to be fed from now on */
    struct str by;  /* who says so */
    struct str how; /* raw JSON value: how it was made */
};

/* Kinds of marks. */
enum dlq_marks {
    DLQ_MARK_REPLAYED,
    DLQ_MARK_PURGED,
    DLQ_MARK_EDITED,
    DLQ_MARK_REPLAYING,
    DLQ_MARK_RELEASED
};

struct envelope;

/* Prepares a writer; of a topic no broker is asked before the first letter.
 * Nothing is created yet, but a target that could never be
 * written is found now (ERR_CANTCREAT, ERR_NOPERM). Returns NULL with e. */
struct dlq *dlq_open(const char *uri, struct err *e);

/* Adds a letter. One that is there already and open (the same id: pipeline,
 * partition, stage, raw and its occurrence in this run) is not added again.
 * *added tells (may be NULL). 0 or -1 (ERR_IO ...): as dlq_flush. The first
 * call reads the letters that are there and cuts torn tails. */
int dlq_add(struct dlq *q, const struct dlq_letter *l, bool *added,
            struct err *e);

/* Notes for the next mark the letters of one id that were written at the n
 * times `of` (ts, in microseconds). 0 or -1 (memory). */
int dlq_mark(struct dlq *q, struct hash128 id, const int64_t *of, size_t n,
             struct err *e);

/* Closes all letters noted since the last one, in one line: all of them, or
 * none and -1. mark is DLQ_MARK_REPLAYED, DLQ_MARK_PURGED or DLQ_MARK_RELEASED;
 * run_id may be empty. */
int dlq_mark_write(struct dlq *q, enum dlq_marks mark, struct str run_id,
                   struct err *e);

/* Writes down that the letters noted are about to be loaded by a run, whose
 * folder is run: durable when it returns. *us is the journal's time, and
 * dlq_journal_id its id: to be noted for the mark that closes it. 0 or -1. */
int dlq_journal(struct dlq *q, struct str run_id, struct str run, int64_t *us,
                struct err *e);
struct hash128 dlq_journal_id(struct str run);

/* Writes v, a letter of this queue, once more with other bytes. All that was
 * added so counts from dlq_edit_done on, durably, or not at all. 0 or -1. */
int dlq_add_edit(struct dlq *q, const struct envelope *v,
                 const struct dlq_edit *d, struct err *e);
int dlq_edit_done(struct dlq *q, struct err *e);

/* Writes out what was added. 0, or -1 as dlq_add: whole letters that still
 * fitted on the disk are there, the others are not. */
int dlq_flush(struct dlq *q, struct err *e);

/* Makes all that was added durable (fsync of file and folder). A failed fsync
 * is final: every later call fails too. */
int dlq_sync(struct dlq *q, struct err *e);

/* Releases q (NULL is fine). Neither flushes nor syncs. */
void dlq_close(struct dlq *q);

/* Name of the file written to, borrowed; NULL before the first letter. */
const char *dlq_path(const struct dlq *q);

/* True in a stage that `pipe-dlq replay` runs with the command line of another
 * run: its -o, --max-reject and --run-id were meant for that one. */
bool dlq_replaying(void);

#endif
