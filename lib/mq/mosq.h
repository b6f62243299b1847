/* mosq: a subscription at an MQTT broker, by libmosquitto, which is loaded when
 * it is needed.
 *
 * With a client id the broker keeps a session, and with it what comes while
 * nobody is connected; what was not acknowledged it sends again. Messages are
 * acknowledged by mosq_acknowledge and never before. A connection that breaks
 * is made anew. Not thread-safe. */
#ifndef MQ_MOSQ_H
#define MQ_MOSQ_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* mqtt://HOST[:PORT]/FILTER, mqtts://: FILTER is all behind the slash, as it
 * is. */
struct mosq_uri {
    bool tls;
    char *host; /* owned; an address of IPv6 without its brackets */
    int port;
    const char *filter; /* borrowed from the URI */
};

/* 0 with *u owned, freed with mosq_uri_free; -1 with ERR_USAGE. A user or
 * password in it is refused and not quoted. */
int mosq_uri_parse(struct mosq_uri *u, const char *uri, struct err *e);
void mosq_uri_free(struct mosq_uri *u);

struct mosq_message {
    struct str topic, payload;
    int qos;
    bool retain; /* it was kept at the broker for whoever subscribes */
};

struct mosq_spec {
    const struct mosq_uri *uri;
    const char *client_id;       /* NULL: no session outlives the connection */
    const char *user;            /* or NULL */
    const char *password;        /* where it is (base/secret.h); or NULL */
    const char *ca, *cert, *key; /* files; NULL: the system's CAs, none */
    int qos;                     /* 0 or 1 */
    bool old;                    /* MQTT 3.1.1 instead of 5 */
    uint64_t patience_ms;        /* for a broker that does not answer */
    bool (*stop)(void);          /* or NULL */
    /* Takes a message, borrowed: 0; -1 ends mosq_read. */
    int (*take)(void *context, const struct mosq_message *message,
                struct err *e);
    void *context;
};

struct mosq;

/* Connects and subscribes. spec is borrowed. 0 with *m owned, freed with
 * mosq_close; -1 with ERR_UNAVAILABLE (no library, no broker), ERR_NOPERM,
 * ERR_CONFIG, ERR_USAGE, or what secret_read gives. */
int mosq_open(struct mosq **m, const struct mosq_spec *spec, struct err *e);

/* Takes what has come, waiting for the first for a moment: 1; 0 where nothing
 * has; -1 with ERR_TEMPFAIL (the broker went away and stays away, or a signal
 * came), what take gave, or as mosq_open. */
int mosq_read(struct mosq *m, struct err *e);

/* Sends the acknowledgements of what mosq_read took. A broker that is away gets
 * none and sends the messages again. */
void mosq_acknowledge(struct mosq *m);

/* True if the broker knew a session of ours when it was connected to last. */
bool mosq_resumed(const struct mosq *m);

void mosq_close(struct mosq *m); /* NULL is fine */

#endif
