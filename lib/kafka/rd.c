#include "kafka/rd.h"

#include "base/secret.h"
#include "io/dynlib.h"

#include <stdio.h>
#include <stdlib.h>

#define SCHEME "kafka://"
#define TOPICS_MAX 1000

struct opt_list rd_options;

const struct rd *rd_load(struct err *e)
{
    static struct rd rd;
    static bool loaded;
    static const char *const names[] = { "librdkafka.so.1", NULL };
#define SYMBOL(name) { "rd_kafka_" #name, (void *)&rd.name },
    static const struct dynlib_symbol symbols[] = { RD_FUNCTIONS(SYMBOL) };
#undef SYMBOL
    if (!loaded && dynlib_load("librdkafka", "librdkafka1", names, symbols,
                               sizeof(symbols) / sizeof(*symbols), e))
        return NULL;
    loaded = true;
    return &rd;
}

/* ---- where ---- */

static bool is_topic(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < 250 && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789._-") == n;
}

/* Cuts text at its commas into topics. */
static int take_topics(struct rd_uri *u, char *text, struct err *e)
{
    u->topics = calloc(TOPICS_MAX, sizeof(*u->topics));
    if (!u->topics)
        return err_nomem(e);
    for (char *next; text; text = next) {
        next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        if (!is_topic(text))
            return err_set(e, ERR_USAGE, "'%s' is no name of a Kafka topic",
                           text);
        if (u->n_topics == TOPICS_MAX)
            return err_set(e, ERR_USAGE, "a URI names %d topics at most",
                           TOPICS_MAX);
        for (size_t i = 0; i < u->n_topics; i++)
            if (strcmp(u->topics[i], text) == 0)
                return err_set(e, ERR_USAGE, "topic '%s' is named twice", text);
        u->topics[u->n_topics++] = text;
    }
    return 0;
}

int rd_uri_parse(struct rd_uri *u, const char *uri, struct err *e)
{
    const char *from = uri + strlen(SCHEME);
    *u = (struct rd_uri){ 0 };
    if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
        return err_set(e, ERR_USAGE, "'%s' is no " SCHEME " URI", uri);
    /* Not quoted: there may be a password in it. */
    if (memchr(from, '@', strcspn(from, "/")))
        return err_set(e, ERR_USAGE,
                       "a kafka URI names no user: use --kafka-option "
                       "sasl.username=NAME and sasl.password=env:NAME");
    u->text = strdup(from);
    if (!u->text)
        return err_nomem(e);
    u->brokers = u->text;
    char *slash = strchr(u->text, '/');
    if (slash)
        *slash++ = '\0';
    if (!*u->brokers || strchr(u->brokers, ' ')) {
        err_set(e, ERR_USAGE,
                "'%s' names no broker: kafka://HOST:PORT/TOPIC is wanted", uri);
        rd_uri_free(u);
        return -1;
    }
    if (slash && *slash && take_topics(u, slash, e)) {
        rd_uri_free(u);
        return -1;
    }
    return 0;
}

void rd_uri_free(struct rd_uri *u)
{
    free(u->topics);
    free(u->text);
    *u = (struct rd_uri){ 0 };
}

/* ---- how ---- */

static bool is_secret(const char *name)
{
    static const char *const names[] = { "sasl.password",
                                         "ssl.key.password",
                                         "ssl.key.pem",
                                         "ssl.keystore.password",
                                         "sasl.oauthbearer.client.secret",
                                         NULL };
    for (const char *const *n = names; *n; n++)
        if (strcmp(name, *n) == 0)
            return true;
    return false;
}

static int set(const struct rd *rd, rd_kafka_conf_t *conf, const char *name,
               const char *value, struct err *e)
{
    char why[512];
    if (rd->conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return 0;
    /* The library's words quote the value. */
    if (is_secret(name))
        return err_set(e, ERR_USAGE, "kafka option '%s' has no good value",
                       name);
    return err_set(e, ERR_USAGE, "kafka option '%s': %s", name, why);
}

static int set_secret(const struct rd *rd, rd_kafka_conf_t *conf,
                      const char *name, const char *source, struct err *e)
{
    struct str secret;
    if (strncmp(source, "env:", 4) != 0 && strncmp(source, "file:", 5) != 0)
        return err_set(e, ERR_USAGE,
                       "'%s' on the command line can be read by others: say "
                       "%s=env:NAME or %s=file:PATH",
                       name, name, name);
    if (secret_read(str_of(source), &secret, e))
        return -1;
    char *z = strndup(secret.p, secret.n);
    int r = z ? set(rd, conf, name, z, e) : err_nomem(e);
    if (z)
        explicit_bzero(z, strlen(z));
    free(z);
    secret_free(&secret);
    return r;
}

static bool is_fixed(const struct rd_setting *settings, size_t n,
                     const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (settings[i].fixed && strcmp(settings[i].name, name) == 0)
            return true;
    return strcmp(name, "bootstrap.servers") == 0 ||
           strcmp(name, "metadata.broker.list") == 0;
}

/* One NAME=VALUE of --kafka-option. */
static int set_option(const struct rd *rd, rd_kafka_conf_t *conf,
                      const char *option, const struct rd_setting *settings,
                      size_t n, struct err *e)
{
    const char *equals = strchr(option, '=');
    char name[100];
    if (!equals || equals == option ||
        (size_t)(equals - option) >= sizeof(name))
        return err_set(e, ERR_USAGE, "--kafka-option is NAME=VALUE");
    memcpy(name, option, (size_t)(equals - option));
    name[equals - option] = '\0';
    if (is_fixed(settings, n, name))
        return err_set(e, ERR_USAGE,
                       "kafka option '%s' cannot be set: what it says follows "
                       "from other options",
                       name);
    return is_secret(name) ? set_secret(rd, conf, name, equals + 1, e)
                           : set(rd, conf, name, equals + 1, e);
}

/* What the client's threads complain about; told when it is polled. */
static void note_trouble(rd_kafka_t *rk, int err, const char *reason,
                         void *opaque)
{
    struct rd_trouble *t = opaque;
    (void)rk;
    /* That all are down says less than what was wrong with the last one. */
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && t->err)
        return;
    t->err = (rd_kafka_resp_err_t)err;
    snprintf(t->text, sizeof(t->text), "%s", reason);
}

int rd_conf(const struct rd *rd, rd_kafka_conf_t **conf, const char *brokers,
            const char *app, const struct rd_setting *settings, size_t n,
            void *opaque, struct err *e)
{
    rd_kafka_conf_t *c = rd->conf_new();
    int r = set(rd, c, "bootstrap.servers", brokers, e);
    if (r == 0 && app)
        r = set(rd, c, "client.id", app, e);
    for (size_t i = 0; i < n && r == 0; i++)
        r = set(rd, c, settings[i].name, settings[i].value, e);
    for (size_t i = 0; i < rd_options.n && r == 0; i++)
        r = set_option(rd, c, rd_options.v[i], settings, n, e);
    if (r) {
        rd->conf_destroy(c);
        return -1;
    }
    rd->conf_set_log_cb(c, NULL);
    rd->conf_set_error_cb(c, note_trouble);
    rd->conf_set_opaque(c, opaque);
    *conf = c;
    return 0;
}

rd_kafka_t *rd_client(const struct rd *rd, rd_kafka_type_t type,
                      rd_kafka_conf_t *conf, struct err *e)
{
    char why[512];
    rd_kafka_t *rk = rd->new (type, conf, why, sizeof(why));
    if (rk)
        return rk;
    /* Options that do not fit each other, files that are not there. */
    err_set(e, ERR_CONFIG, "cannot make a Kafka client: %s", why);
    rd->conf_destroy(conf);
    return NULL;
}

/* ---- what went wrong ---- */

enum err_code rd_code(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: return ERR_NOINPUT;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return ERR_NOPERM;
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__NOT_CONFIGURED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM: return ERR_CONFIG;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: return ERR_DATA;
    default: return ERR_TEMPFAIL;
    }
}

bool rd_is_away(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR: return true;
    default: return false;
    }
}
