/* rd: librdkafka, loaded when it is needed, and how its clients are set up.
 *
 * Sources and sinks make their clients with rd_conf: brokers out of the URI,
 * settings that they need, what --kafka-option says. A setting with a secret is
 * given by its place (env:NAME, file:PATH), never as such. Nothing is logged:
 * what brokers complain about is kept in a struct rd_trouble. Not thread-safe.
 */
#ifndef KAFKA_RD_H
#define KAFKA_RD_H

#include "base/err.h"
#include "base/str.h"
#include "cli/opt.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The functions in use, by their names without rd_kafka_. */
#define RD_FUNCTIONS(X)                 \
    X(AdminOptions_destroy)             \
    X(AdminOptions_new)                 \
    X(AdminOptions_set_request_timeout) \
    X(ConfigEntry_name)                 \
    X(ConfigEntry_value)                \
    X(ConfigResource_configs)           \
    X(ConfigResource_destroy)           \
    X(ConfigResource_new)               \
    X(CreateTopics)                     \
    X(CreateTopics_result_topics)       \
    X(DescribeConfigs)                  \
    X(DescribeConfigs_result_resources) \
    X(NewTopic_destroy)                 \
    X(NewTopic_new)                     \
    X(NewTopic_set_config)              \
    X(abort_transaction)                \
    X(assign)                           \
    X(begin_transaction)                \
    X(commit)                           \
    X(commit_transaction)               \
    X(committed)                        \
    X(conf_destroy)                     \
    X(conf_new)                         \
    X(conf_set)                         \
    X(conf_set_dr_msg_cb)               \
    X(conf_set_error_cb)                \
    X(conf_set_log_cb)                  \
    X(conf_set_opaque)                  \
    X(conf_set_rebalance_cb)            \
    X(consume_batch_queue)              \
    X(consumer_close)                   \
    X(destroy)                          \
    X(destroy_flags)                    \
    X(err2name)                         \
    X(err2str)                          \
    X(error_code)                       \
    X(error_destroy)                    \
    X(error_is_fatal)                   \
    X(error_is_retriable)               \
    X(error_string)                     \
    X(error_txn_requires_abort)         \
    X(event_CreateTopics_result)        \
    X(event_DescribeConfigs_result)     \
    X(event_destroy)                    \
    X(event_error)                      \
    X(event_error_string)               \
    X(fatal_error)                      \
    X(flush)                            \
    X(get_watermark_offsets)            \
    X(header_add)                       \
    X(header_get_all)                   \
    X(headers_destroy)                  \
    X(headers_new)                      \
    X(incremental_assign)               \
    X(incremental_unassign)             \
    X(init_transactions)                \
    X(last_error)                       \
    X(message_destroy)                  \
    X(message_errstr)                   \
    X(message_headers)                  \
    X(message_timestamp)                \
    X(metadata)                         \
    X(metadata_destroy)                 \
    X(new)                              \
    X(offsets_for_times)                \
    X(outq_len)                         \
    X(pause_partitions)                 \
    X(poll)                             \
    X(poll_set_consumer)                \
    X(produceva)                        \
    X(purge)                            \
    X(query_watermark_offsets)          \
    X(queue_destroy)                    \
    X(queue_get_consumer)               \
    X(queue_new)                        \
    X(queue_poll)                       \
    X(rebalance_protocol)               \
    X(subscribe)                        \
    X(topic_destroy)                    \
    X(topic_name)                       \
    X(topic_new)                        \
    X(topic_partition_list_add)         \
    X(topic_partition_list_destroy)     \
    X(topic_partition_list_new)         \
    X(topic_result_error)               \
    X(topic_result_error_string)

#define RD_POINTER(name) __typeof__(&rd_kafka_##name) name;
struct rd {
    RD_FUNCTIONS(RD_POINTER)
};
#undef RD_POINTER

/* Loads the library: its functions, static; NULL with ERR_UNAVAILABLE. */
const struct rd *rd_load(struct err *e);

/* ---- where ---- */

/* kafka://HOST[:PORT][,HOST[:PORT]...][/TOPIC[,TOPIC...]] */
struct rd_uri {
    char *text;    /* owned: what the others point into */
    char *brokers; /* "host:9092,other:9092" */
    char **topics; /* owned array, n_topics of them, each once */
    size_t n_topics;
};

/* Takes a URI apart. -1 with ERR_USAGE where it is none, or names a user or a
 * password. On failure there is nothing to free. */
int rd_uri_parse(struct rd_uri *u, const char *uri, struct err *e);
void rd_uri_free(struct rd_uri *u);

/* ---- how ---- */

/* What --kafka-option gave; a connector's table shows it by RD_OPTION. */
extern struct opt_list rd_options;

#define RD_OPTION                                                       \
    {                                                                   \
        OPT_LIST, 0, "kafka-option", "NAME=VALUE", &rd_options,         \
            "set what librdkafka calls NAME (security.protocol, "       \
            "sasl.username ...), repeatable; a secret (sasl.password, " \
            "ssl.key.password ...) is env:NAME or file:PATH",           \
            NULL, 0, 0, 0, COMPLETE_NONE, NULL                          \
    }

struct rd_setting {
    const char *name, *value;
    bool fixed; /* --kafka-option may not change it */
};

/* What went wrong last, as the client's threads reported it. */
struct rd_trouble {
    rd_kafka_resp_err_t err; /* 0: nothing */
    char text[300];
};

/* Makes a configuration: brokers, client.id (app, may be NULL), n settings,
 * what --kafka-option gave. opaque is handed to the client's callbacks and must
 * begin with a struct rd_trouble. *conf is owned: freed with conf_destroy, or
 * taken by `new`. -1 with ERR_USAGE (an option that does not exist, a value
 * that does not fit, a secret given as such) or what secret_read gives. */
int rd_conf(const struct rd *rd, rd_kafka_conf_t **conf, const char *brokers,
            const char *app, const struct rd_setting *settings, size_t n,
            void *opaque, struct err *e);

/* Makes a client; takes conf, also on failure. NULL with e. */
rd_kafka_t *rd_client(const struct rd *rd, rd_kafka_type_t type,
                      rd_kafka_conf_t *conf, struct err *e);

/* ---- what went wrong ---- */

/* The class of an error of the library or a broker: what may pass is
 * ERR_TEMPFAIL. */
enum err_code rd_code(rd_kafka_resp_err_t err);

/* True where no broker can be had: asking again may help. */
bool rd_is_away(rd_kafka_resp_err_t err);

#endif
