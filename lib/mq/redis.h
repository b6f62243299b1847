/* redis: commands to a Redis server and their replies, by hiredis, which is
 * loaded when it is needed.
 *
 * The library's structs differ between its versions: they are looked into here
 * alone, as the version at hand lays them out, and its header is not needed. A
 * connection that breaks is made anew, and the command sent again: it must bear
 * that. Not thread-safe. */
#ifndef MQ_REDIS_H
#define MQ_REDIS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* redis://HOST[:PORT]/KEY: KEY is all behind the slash, as it is. */
struct redis_uri {
    char *host; /* owned; an address of IPv6 without its brackets */
    int port;
    const char *key; /* borrowed from the URI; "" where there is none */
};

/* 0 with *u owned, freed with redis_uri_free; -1 with ERR_USAGE. A user or
 * password in it is refused and not quoted. */
int redis_uri_parse(struct redis_uri *u, const char *uri, struct err *e);
void redis_uri_free(struct redis_uri *u);

struct redis_spec {
    const char *host;
    int port;
    const char *user;     /* NULL: the default user */
    const char *password; /* where it is (base/secret.h); NULL: none */
    uint64_t db;
    uint64_t patience_ms; /* for a server that does not answer */
    bool (*stop)(void);   /* or NULL */
};

struct redis;

/* Connects. spec is borrowed. 0 with *r owned, freed with redis_close; -1 with
 * ERR_UNAVAILABLE (no library, no server), ERR_NOPERM, ERR_CONFIG, or what
 * secret_read gives. */
int redis_open(struct redis **r, const struct redis_spec *spec, struct err *e);
void redis_close(struct redis *r);

/* How often it has connected: another number than before says that a reply may
 * have been lost. */
unsigned redis_connections(const struct redis *r);

enum redis_type {
    REDIS_OTHER,
    REDIS_STRING, /* also of a status */
    REDIS_ARRAY,
    REDIS_INTEGER,
    REDIS_NIL,
    REDIS_ERROR
};

struct redis_reply;

/* Sends a command (NULL-terminated words). 0 with *reply owned, freed with
 * redis_reply_free: it may be REDIS_ERROR; -1 with ERR_TEMPFAIL (the server
 * went away and stays away, or a signal came) or as redis_open. */
int redis_ask(struct redis *r, const char *const *words,
              struct redis_reply **reply, struct err *e);

/* The same, where an error is a failure: of permission ERR_NOPERM, else
 * ERR_CONFIG with the server's words; ERR_DATA for a key of another type. */
int redis_want(struct redis *r, const char *const *words,
               struct redis_reply **reply, struct err *e);

/* That failure, of a reply that is REDIS_ERROR. -1. */
int redis_refused(const char *const *words, const struct redis_reply *reply,
                  struct err *e);

void redis_reply_free(struct redis_reply *reply); /* NULL is fine */

/* What is in a reply, borrowed from it; of another type than asked for: empty,
 * 0, NULL. NULL is REDIS_NIL. */
enum redis_type redis_type(const struct redis_reply *reply);
struct str redis_text(const struct redis_reply *reply);
int64_t redis_number(const struct redis_reply *reply);
size_t redis_count(const struct redis_reply *reply);
const struct redis_reply *redis_at(const struct redis_reply *reply, size_t i);

/* The value behind this name in an array of names and values. */
const struct redis_reply *redis_get(const struct redis_reply *reply,
                                    const char *name);

/* True if it is an error that starts so. */
bool redis_is_error(const struct redis_reply *reply, const char *start);

#endif
