/* message: what stages and pipe-run tell each other through the gate.
 *
 * One JSON object a datagram, so that none is ever read in part. A stage says
 * "start" once and "end" once; a loader says "ready" in between. `id` ties them
 * together: the process that ends need not be the one that started. The answer
 * to "ready" is one byte, GATE_COMMIT or GATE_ABORT, on the channel that came
 * with it; the end of that channel without a byte is an abort too. */
#ifndef GATE_MESSAGE_H
#define GATE_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/usage.h"

#include <stdint.h>

#define GATE_VERSION 1
#define GATE_MESSAGE_MAX ((size_t)48 << 10) /* bytes of a datagram */

enum gate_kind { GATE_START, GATE_READY, GATE_END };

enum { GATE_COMMIT = 'C', GATE_ABORT = 'A' };

/* Counts of a stage, as in struct counts of stage.h. */
struct gate_counts {
    uint64_t in, out, rejected, filtered, duplicates;
};

/* A message to send; what a kind does not name is left out. All borrowed. */
struct gate_message {
    enum gate_kind kind;
    uint64_t id;
    const char *stage;  /* all: "pipe-dedup" */
    char *const *argv;  /* start: NULL-terminated; cut where it is long */
    uint64_t pipe[2];   /* start: inodes of the pipes that stdin and stdout
                           are; 0: no pipe */
    bool loads;         /* start: will say "ready" before it commits */
    const char *doubt;  /* ready: why not to commit even if all ended well;
                           NULL: nothing speaks against it */
    struct str load;    /* ready: a JSON object */
    int exit;           /* end */
    bool after;         /* end: the failure followed from the upstream's */
    const char *error;  /* end: NULL: none */
    double seconds;     /* end */
    struct usage usage; /* end */
    struct gate_counts counts; /* end */
};

/* Appends the text of m. 0, or -1 if b failed. */
int gate_encode(struct buf *b, const struct gate_message *m);

/* What a reader has to know of a message; the rest stays in the text. */
struct gate_heard {
    enum gate_kind kind;
    uint64_t id;
    bool loads, after, doubtful;
    int exit;
};

/* Reads a message. 0, or -1 with ERR_DATA where it is none, or none of this
 * version. */
int gate_decode(struct gate_heard *h, struct str text, struct err *e);

#endif
