#include "mq/mosq.h"

#include "base/secret.h"
#include "io/dynlib.h"
#include "mq/retry.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEPALIVE_S 60
#define WAIT_MS 100
#define LEAVE_MS 2000
#define ANSWER_MS 10000 /* for CONNACK and SUBACK of one try */
#define BATCH_MESSAGES 4096
#define BATCH_BYTES ((size_t)4 << 20)
/* Unacknowledged at once, where the broker lets the client say: what is synced
 * together. */
#define RECEIVE_MAX 1000
#define TAKEN_OVER 142

#define FUNCTIONS(X)                   \
    X(connack_string)                  \
    X(connect_bind_v5)                 \
    X(connect_with_flags_callback_set) \
    X(destroy)                         \
    X(disconnect)                      \
    X(disconnect_callback_set)         \
    X(int_option)                      \
    X(lib_init)                        \
    X(loop_misc)                       \
    X(loop_read)                       \
    X(loop_write)                      \
    X(message_callback_set)            \
    X(new)                             \
    X(property_add_int32)              \
    X(property_free_all)               \
    X(reason_string)                   \
    X(socket)                          \
    X(strerror)                        \
    X(sub_topic_check)                 \
    X(subscribe_callback_set)          \
    X(subscribe_v5)                    \
    X(threaded_set)                    \
    X(tls_set)                         \
    X(username_pw_set)                 \
    X(want_write)

#define DECLARE(name) __typeof__(mosquitto_##name) *name;
static struct {
    FUNCTIONS(DECLARE)
} lib;
#undef DECLARE

static int load(struct err *e)
{
    static bool loaded;
    static const char *const names[] = { "libmosquitto.so.1", NULL };
#define SYMBOL(name) { "mosquitto_" #name, (void *)&lib.name },
    static const struct dynlib_symbol symbols[] = { FUNCTIONS(SYMBOL) };
#undef SYMBOL
    if (loaded)
        return 0;
    if (dynlib_load("libmosquitto", "libmosquitto1", names, symbols,
                    sizeof(symbols) / sizeof(*symbols), e))
        return -1;
    lib.lib_init();
    loaded = true;
    return 0;
}

/* ---- URIs ---- */

static bool take_port(const char *text, size_t n, int *port)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || v > 65535)
            return false;
        v = 10 * v + (text[i] - '0');
    }
    *port = v;
    return v > 0 && v <= 65535;
}

int mosq_uri_parse(struct mosq_uri *u, const char *uri, struct err *e)
{
    *u = (struct mosq_uri){ .tls = strncmp(uri, "mqtts://", 8) == 0 };
    const char *from = uri + (u->tls ? 8 : 7);
    if (!u->tls && strncmp(uri, "mqtt://", 7) != 0)
        return err_set(e, ERR_USAGE, "'%s' is no mqtt:// URI", uri);
    u->port = u->tls ? 8883 : 1883;
    size_t n = strcspn(from, "/"), host_n = n;
    /* Not quoted: there may be a password in it. */
    if (memchr(from, '@', n))
        return err_set(e, ERR_USAGE,
                       "an mqtt URI names no user: use --mqtt-user NAME and "
                       "--mqtt-password env:NAME or file:PATH");
    const char *end = from + n, *host = from, *colon = memchr(from, ':', n);
    if (n && *from == '[') {
        const char *close = memchr(from, ']', n);
        host++;
        host_n = close ? (size_t)(close - host) : 0;
        colon = close && close + 1 < end ? close + 1 : NULL;
    } else if (colon)
        host_n = (size_t)(colon - from);
    if (!host_n ||
        (colon && (*colon != ':' ||
                   !take_port(colon + 1, (size_t)(end - colon - 1), &u->port))))
        return err_set(e, ERR_USAGE,
                       "'%s' names no broker: mqtt://HOST:PORT/TOPIC is wanted",
                       uri);
    u->filter = *end ? end + 1 : "";
    if (!*u->filter)
        return err_set(e, ERR_USAGE,
                       "'%s' names no topic: mqtt://HOST:PORT/TOPIC is wanted",
                       uri);
    u->host = strndup(host, host_n);
    return u->host ? 0 : err_nomem(e);
}

void mosq_uri_free(struct mosq_uri *u)
{
    free(u->host);
    *u = (struct mosq_uri){ 0 };
}

/* ---- what the library calls ---- */

enum state { AWAY, CONNECTING, CONNECTED, SUBSCRIBING, SUBSCRIBED };

struct mosq {
    const struct mosq_spec *spec;
    struct mosquitto *client;
    enum state state;
    uint64_t since_ms; /* of that state */
    struct mq_retry retry;
    bool once; /* it was subscribed */
    bool resumed;
    int reason, granted; /* of CONNACK or DISCONNECT; of SUBACK */
    size_t messages, bytes;
    size_t unsafe; /* taken and not yet to be acknowledged */
    bool failed;   /* of take */
    struct err failure;
    char trouble[200];
};

static void enter(struct mosq *m, enum state state)
{
    m->state = state;
    m->since_ms = mq_now();
}

static void on_connect(struct mosquitto *client, void *context, int reason,
                       int flags)
{
    struct mosq *m = context;
    (void)client;
    m->reason = reason;
    m->resumed = flags & 1;
    if (reason == 0)
        enter(m, CONNECTED);
}

static void on_disconnect(struct mosquitto *client, void *context, int reason)
{
    struct mosq *m = context;
    (void)client;
    /* Below are errors of the library, which its calls give, too. */
    if (reason >= 128)
        m->reason = reason;
}

static void on_subscribe(struct mosquitto *client, void *context, int mid,
                         int n, const int *granted)
{
    struct mosq *m = context;
    (void)client;
    (void)mid;
    m->granted = n > 0 ? granted[0] : 128;
    enter(m, SUBSCRIBED);
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct mosq *m = context;
    struct mosq_message one = {
        .topic = str_of(message->topic),
        .payload = { message->payload ? message->payload : "",
                     (size_t)message->payloadlen },
        .qos = message->qos,
        .retain = message->retain,
    };
    (void)client;
    m->messages++;
    m->unsafe++;
    m->bytes += one.payload.n;
    if (!m->failed)
        m->failed = m->spec->take(m->spec->context, &one, &m->failure) != 0;
}

/* ---- connecting ---- */

static void go_away(struct mosq *m, const char *why)
{
    enter(m, AWAY);
    snprintf(m->trouble, sizeof(m->trouble), "%s", why);
}

static int give_up(const struct mosq *m, struct err *e)
{
    return err_set(e, m->once ? ERR_TEMPFAIL : ERR_UNAVAILABLE,
                   "cannot reach the MQTT broker at %s:%d: %s",
                   m->spec->uri->host, m->spec->uri->port, m->trouble);
}

static const char *library_error(int rc)
{
    return rc == MOSQ_ERR_ERRNO ? strerror(errno) : lib.strerror(rc);
}

/* What trying again does not mend. A handshake may fail within any call: of a
 * broker that is near and quick even within the one that begins it. */
static bool is_lasting(int rc)
{
    return rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_TLS;
}

/* Begins a connection: -1 where another attempt would fail as well. */
static int dial(struct mosq *m, struct err *e)
{
    const struct mosq_spec *s = m->spec;
    mosquitto_property *properties = NULL;
    enter(m, CONNECTING);
    m->reason = 0;
    if (!s->old && s->client_id)
        lib.property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                               UINT32_MAX);
    int rc = lib.connect_bind_v5(m->client, s->uri->host, s->uri->port,
                                 KEEPALIVE_S, NULL, properties);
    lib.property_free_all(&properties);
    if (is_lasting(rc))
        return err_set(e, ERR_CONFIG, "cannot connect to %s:%d: %s",
                       s->uri->host, s->uri->port, library_error(rc));
    if (rc)
        go_away(m, library_error(rc));
    return 0;
}

/* The broker does not want us: 0 where it may want us later. */
static int judge_reason(struct mosq *m, struct err *e)
{
    int r = m->reason;
    bool old = m->spec->old;
    const char *text =
        old || r < 128 ? lib.connack_string(r) : lib.reason_string(r);
    enum err_code code;
    switch (r) {
    case 1:
    case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION:
        return err_set(e, ERR_CONFIG,
                       "the MQTT broker at %s:%d does not speak this version "
                       "of MQTT: try --mqtt-version %s",
                       m->spec->uri->host, m->spec->uri->port,
                       old ? "5" : "3.1.1");
    case 2:
    case MQTT_RC_CLIENTID_NOT_VALID: code = ERR_CONFIG; break;
    case 4:
    case 5:
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED:
    case MQTT_RC_BANNED: code = ERR_NOPERM; break;
    case TAKEN_OVER: code = ERR_TEMPFAIL; break;
    default: go_away(m, text); return 0;
    }
    return err_set(e, code, "the MQTT broker at %s:%d refuses us: %s",
                   m->spec->uri->host, m->spec->uri->port, text);
}

static int subscribe(struct mosq *m)
{
    const struct mosq_spec *s = m->spec;
    m->granted = s->qos;
    /* The session has the subscription: another one would bring what the
     * broker retains once more, which MQTT 5 lets us not want. */
    if (s->old && m->resumed) {
        enter(m, SUBSCRIBED);
        return 0;
    }
    enter(m, SUBSCRIBING);
    return lib.subscribe_v5(m->client, NULL, s->uri->filter, s->qos,
                            s->old ? 0 : MQTT_SUB_OPT_SEND_RETAIN_NEW, NULL);
}

static int judge_granted(const struct mosq *m, struct err *e)
{
    const struct mosq_spec *s = m->spec;
    if (m->granted >= 128)
        return err_set(
            e, ERR_NOPERM, "the MQTT broker refuses a subscription to '%s': %s",
            s->uri->filter, s->old ? "failure" : lib.reason_string(m->granted));
    if (m->granted < s->qos)
        return err_set(e, ERR_CONFIG,
                       "the MQTT broker gives '%s' with QoS 0 only, which may "
                       "lose messages (--mqtt-qos 0 takes it)",
                       s->uri->filter);
    return 0;
}

/* ---- traffic ---- */

/* Reads packets until there is nothing or enough; no packet is written. */
static int read_packets(struct mosq *m)
{
    size_t before;
    m->messages = m->bytes = 0;
    do {
        before = m->messages;
        enum state was = m->state;
        int rc = lib.loop_read(m->client, 1);
        if (rc)
            return rc;
        if (m->state != was)
            break;
    } while (m->messages > before && !m->failed &&
             m->messages < BATCH_MESSAGES && m->bytes < BATCH_BYTES);
    return 0;
}

/* Acknowledgements are among what is to be written. */
static int write_packets(struct mosq *m)
{
    return m->unsafe == 0 && lib.want_write(m->client)
               ? lib.loop_write(m->client, 1)
               : 0;
}

void mosq_acknowledge(struct mosq *m)
{
    m->unsafe = 0;
    if (m->state != AWAY)
        (void)write_packets(m); /* a failure shows at the next */
}

static int exchange(struct mosq *m)
{
    struct pollfd p = { .fd = lib.socket(m->client), .events = POLLIN };
    if (p.fd < 0)
        return MOSQ_ERR_CONN_LOST;
    int rc = write_packets(m);
    if (rc)
        return rc;
    if (lib.want_write(m->client))
        p.events |= POLLOUT;
    /* Of TLS bytes may be at hand that the socket does not show: so it is read
     * without a sign, too. */
    (void)poll(&p, 1, WAIT_MS);
    rc = read_packets(m);
    return rc ? rc : lib.loop_misc(m->client);
}

/* One step towards, or within, a subscription: 0, -1. */
static int step(struct mosq *m, struct err *e)
{
    int rc;
    if (m->state == AWAY) {
        if (!mq_retry_wait(&m->retry))
            return give_up(m, e);
        return dial(m, e);
    }
    rc = m->state == CONNECTED ? subscribe(m) : exchange(m);
    if (m->failed) {
        *e = m->failure;
        return -1;
    }
    if (m->reason && judge_reason(m, e))
        return -1;
    if (is_lasting(rc))
        return err_set(e, ERR_CONFIG, "cannot subscribe to '%s': %s",
                       m->spec->uri->filter, library_error(rc));
    if (rc && m->state != AWAY)
        go_away(m, library_error(rc));
    else if (m->state != SUBSCRIBED && m->state != AWAY &&
             mq_now() - m->since_ms > ANSWER_MS)
        go_away(m, "no answer");
    if (m->state != SUBSCRIBED)
        return 0;
    mq_retry_done(&m->retry);
    m->once = true;
    return judge_granted(m, e);
}

int mosq_read(struct mosq *m, struct err *e)
{
    m->messages = 0;
    return step(m, e) ? -1 : m->messages > 0;
}

bool mosq_resumed(const struct mosq *m)
{
    return m->resumed;
}

/* ---- open and close ---- */

static int set_password(struct mosq *m, struct err *e)
{
    const struct mosq_spec *s = m->spec;
    struct str secret = { 0 };
    char *z = NULL;
    if (!s->user && !s->password)
        return 0;
    if (!s->user)
        return err_set(e, ERR_USAGE, "--mqtt-password wants --mqtt-user");
    if (s->password) {
        if (secret_read(str_of(s->password), &secret, e))
            return -1;
        z = strndup(secret.p, secret.n);
        secret_free(&secret);
        if (!z)
            return err_nomem(e);
    }
    int rc = lib.username_pw_set(m->client, s->user, z);
    if (z)
        explicit_bzero(z, strlen(z));
    free(z);
    return rc ? err_set(e, ERR_CONFIG, "cannot be MQTT user '%s': %s", s->user,
                        lib.strerror(rc))
              : 0;
}

static int set_tls(struct mosq *m, struct err *e)
{
    const struct mosq_spec *s = m->spec;
    int rc;
    if (!s->uri->tls)
        return s->ca || s->cert || s->key
                   ? err_set(e, ERR_USAGE,
                             "--mqtt-ca, --mqtt-cert and --mqtt-key are for "
                             "mqtts:// URIs")
                   : 0;
    if (!s->cert != !s->key)
        return err_set(e, ERR_USAGE, "--mqtt-cert and --mqtt-key go together");
    if (!s->ca)
        rc = lib.int_option(m->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    else
        rc = 0;
    if (rc == 0 && (s->ca || s->cert))
        rc = lib.tls_set(m->client, s->ca, s->ca ? NULL : "/etc/ssl/certs",
                         s->cert, s->key, NULL);
    return rc ? err_set(e, ERR_CONFIG, "cannot use the files for TLS: %s",
                        library_error(rc))
              : 0;
}

static int make_client(struct mosq *m, struct err *e)
{
    const struct mosq_spec *s = m->spec;
    if (lib.sub_topic_check(s->uri->filter))
        return err_set(e, ERR_USAGE, "'%s' is no filter of MQTT topics",
                       s->uri->filter);
    m->client = lib.new(s->client_id, s->client_id == NULL, m);
    if (!m->client)
        return errno == EINVAL
                   ? err_set(e, ERR_USAGE, "'%s' is no MQTT client id",
                             s->client_id ? s->client_id : "")
                   : err_nomem(e);
    /* So that no packet is sent by what reads: acknowledgements wait for
     * mosq_acknowledge. */
    lib.threaded_set(m->client, true);
    lib.int_option(m->client, MOSQ_OPT_PROTOCOL_VERSION,
                   s->old ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5);
    lib.int_option(m->client, MOSQ_OPT_RECEIVE_MAXIMUM, RECEIVE_MAX);
    lib.connect_with_flags_callback_set(m->client, on_connect);
    lib.disconnect_callback_set(m->client, on_disconnect);
    lib.subscribe_callback_set(m->client, on_subscribe);
    lib.message_callback_set(m->client, on_message);
    return set_password(m, e) || set_tls(m, e) ? -1 : 0;
}

int mosq_open(struct mosq **mp, const struct mosq_spec *spec, struct err *e)
{
    if (load(e))
        return -1;
    struct mosq *m = calloc(1, sizeof(*m));
    if (!m)
        return err_nomem(e);
    m->spec = spec;
    m->retry.patience_ms = spec->patience_ms;
    m->retry.stop = spec->stop;
    int r = make_client(m, e) || dial(m, e) ? -1 : 0;
    /* What a session has may come before all is said: nothing more is until
     * that is acknowledged. */
    while (r == 0 && m->state != SUBSCRIBED && m->unsafe == 0)
        r = spec->stop && spec->stop() ? give_up(m, e) : step(m, e);
    if (r) {
        mosq_close(m);
        return -1;
    }
    *mp = m;
    return 0;
}

/* Says good-bye, and waits a moment until the broker has heard it: a socket
 * that is closed with something unread takes back what was sent last, which may
 * be acknowledgements. */
static void leave(struct mosq *m)
{
    char dropped[65536];
    struct pollfd p = { .fd = dup(lib.socket(m->client)), .events = POLLIN };
    uint64_t end = mq_now() + LEAVE_MS;
    if (lib.disconnect(m->client) == 0)
        (void)lib.loop_write(m->client, 1);
    if (p.fd < 0)
        return;
    shutdown(p.fd, SHUT_WR);
    while (mq_now() < end && poll(&p, 1, WAIT_MS) >= 0)
        if (p.revents && recv(p.fd, dropped, sizeof(dropped), 0) <= 0)
            break;
    close(p.fd);
}

void mosq_close(struct mosq *m)
{
    if (!m)
        return;
    if (m->client) {
        if (m->state == SUBSCRIBED && m->unsafe == 0)
            leave(m);
        lib.destroy(m->client);
    }
    free(m);
}
