/* replays: which letters a replay feeds to a pipeline, told by a file.
 *
 * PIPE_DLQ_REPLAY names it for the stage that rejected them, PIPE_DLQ_REPLAYED
 * for the stages behind that one. It is NDJSON: first {"target":URI}, the
 * queue that letters of the first stage go back to whatever it was told; then
 * per letter, in the order they are fed, {"id","attempt","raw","source",
 * "edits"}, raw being the XXH3-128 of its bytes in hex. A record with these
 * bytes that is rejected again takes the first of them that was not taken yet:
 * its id and source, and attempt + 1. */
#ifndef DLQ_REPLAYS_H
#define DLQ_REPLAYS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "dlq/idmap.h"

#include <stdbool.h>

#define REPLAYS_ENV "PIPE_DLQ_REPLAY"
#define REPLAYS_ENV_BEHIND "PIPE_DLQ_REPLAYED"

struct replay {
    struct hash128 id;
    struct str source; /* raw JSON object, borrowed; empty: not known */
    struct str edits;  /* raw JSON array, borrowed; empty: none */
    uint64_t attempt;
    size_t next; /* 1 + index of the next with the same bytes; 0: none */
    size_t last; /* of the first of them: 1 + index of the last */
};

struct replays {
    char *target;     /* owned; NULL where nothing is replayed */
    bool behind;      /* the target is not for this stage */
    struct replay *v; /* owned */
    size_t n, cap;
    struct arena text;   /* owned: sources and edits */
    struct idmap by_raw; /* to 1 + index of the first that is left; past the
                            end: none left */
};

/* Reads the file that the environment names; nothing where it names none. r
 * needs no init. 0, or -1 with e (ERR_CONFIG where the file is not as above).
 */
int replays_load(struct replays *r, struct err *e);

/* Takes the next letter with these bytes; it borrows from r. False if there is
 * none. */
bool replays_take(struct replays *r, struct hash128 raw, struct replay *taken);

/* Appends the lines of such a file. 0, or -1 if out failed. */
int replays_write_target(struct buf *out, const char *uri);
int replays_write(struct buf *out, struct hash128 id, uint64_t attempt,
                  struct hash128 raw, struct str source, struct str edits);

void replays_free(struct replays *r);

#endif
