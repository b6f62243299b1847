/* walstream: the messages of a replication slot, as they come.
 *
 * A thread of its own reads them ahead into a queue that is bounded, and keeps
 * telling the server that we are alive (its documentation, "Streaming
 * Replication Protocol"): whoever takes the messages may be held up for as long
 * as it likes. What is told to be flushed, which the server may then forget,
 * is what walstream_confirm was given and never more. All functions are for
 * one thread. */
#ifndef PGLOG_WALSTREAM_H
#define PGLOG_WALSTREAM_H

#include "base/err.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct walstream;

struct walmsg {
    bool alive;      /* no data: all up to lsn has been sent */
    uint64_t lsn;    /* of the change */
    struct str data; /* borrowed until the next walstream_next */
};

struct walstream_opts {
    const char *command; /* START_REPLICATION ... */
    uint64_t confirmed;  /* LSN that may be told to be flushed; 0: none */
    uint64_t status_ms;  /* tell the server at least that often */
    bool ask; /* have it tell how far it is, when it has nothing to send */
    bool (*stop)(void); /* while starting; may be NULL */
};

/* Starts the stream. db is taken and freed also on failure. 0 with *w owned,
 * freed with walstream_close; -1 with what pgask gives, or ERR_TEMPFAIL. */
int walstream_open(struct walstream **w, PGconn *db,
                   const struct walstream_opts *opts, struct err *e);

/* The next message: 1; 0 if none came within wait_ms; -1 with ERR_TEMPFAIL
 * where the stream ended, or what the server said, once all that came before
 * was taken. */
int walstream_next(struct walstream *w, struct walmsg *m, unsigned wait_ms,
                   struct err *e);

/* What is before lsn may be forgotten. Never moves back. */
void walstream_confirm(struct walstream *w, uint64_t lsn);

/* The greatest place of the log that the server has told of. */
uint64_t walstream_end(struct walstream *w);

/* Tells the server a last time what is confirmed, and frees w; NULL is fine. */
void walstream_close(struct walstream *w);

#endif
