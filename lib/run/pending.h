/* pending: state that a run has made and that is to count only once its load
 * is committed.
 *
 * RUN_DIR/pending/HASH.json names a state file to which a stage of the run has
 * added something that nobody is to see yet. The protocol, each step durable
 * before the next:
 *
 *   1. the stage writes {"state":FILE,"attempt":TEXT} (pending_add), then what
 *      it adds, still unseen, into FILE;
 *   2. all stages have ended well and all loaders are ready: pipe-run puts
 *      "loads":[...], all that it takes to ask the ledgers, in the place of
 *      "attempt", and only then gives the word to commit (pending_word);
 *   3. the loaders commit; the run's record.json says "ok";
 *   4. pipe-run makes what was added count (once more does no harm) and removes
 *      HASH.json.
 *
 * Who finds something unseen in FILE later on asks pending_fate. What another
 * stage of the same attempt has added, before it ended, is OURS: it will count,
 * or not, together with our own. A run that lives is BUSY. Without "loads" the
 * word was never given: DISCARD. With them the record's "ok" says PROMOTE; else
 * the process died, or a loader did, between the word and the record, and the
 * ledgers of the targets are the truth: ASK. A folder that is gone, with all
 * that it knew, is LOST. So whenever a process is killed or the machine stops,
 * what was added counts if and only if the load is committed. */
#ifndef RUN_PENDING_H
#define RUN_PENDING_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

enum pending_fate {
    PENDING_OURS,
    PENDING_BUSY,
    PENDING_DISCARD,
    PENDING_PROMOTE,
    PENDING_ASK,
    PENDING_LOST
};

/* What tells this attempt from all others of the run: each has a gate of its
 * own. Borrowed from the environment. */
const char *pending_attempt(void);

/* By a stage: the run in run_dir adds to state, an absolute path. attempt is
 * some text that no other attempt of the run has. */
int pending_add(const char *run_dir, const char *state, const char *attempt,
                struct err *e);

/* What is to become of what run_dir has added to state. attempt is that of the
 * caller if it belongs to that very run, else NULL. With ASK loads receives a
 * JSON array. */
int pending_fate(const char *run_dir, const char *state, const char *attempt,
                 enum pending_fate *fate, struct buf *loads, struct err *e);

/* By a loader that only looks (a dry run): nothing that the run in run_dir has
 * added, or adds yet, is to count, however well it ends. 0 or -1. */
int pending_void(const char *run_dir, struct err *e);

/* It is seen to: removes the note, if it is there. */
int pending_remove(const char *run_dir, const char *state, struct err *e);

/* By pipe-run. Is there anything? */
bool pending_any(const char *run_dir);

/* Notes that the word is going to be given; loads is a JSON array. */
int pending_word(const char *run_dir, struct str loads, struct err *e);

/* Calls promote for each state file and removes its note. Where one fails the
 * others are done all the same; the first failure is in e. */
int pending_promote(const char *run_dir,
                    int (*promote)(const char *state, const char *run_dir,
                                   struct err *e),
                    struct err *e);

#endif
