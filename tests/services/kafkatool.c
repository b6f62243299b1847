/* kafkatool: what tests want of a broker that kcat does not do.
 *
 *   ready BROKERS                          0 once the broker answers
 *   topic BROKERS NAME PARTITIONS [CONFIG=VALUE...]
 *   transaction BROKERS TOPIC PARTITION commit|abort|open
 *                                          lines of stdin; open: until killed
 *   trim BROKERS TOPIC PARTITION OFFSET    forgets what lies before */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what, const char *why)
{
    fprintf(stderr, "kafkatool: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)))
        die(name, why);
}

static rd_kafka_t *client(const char *brokers, const char *transactional)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    set(conf, "bootstrap.servers", brokers);
    if (transactional)
        set(conf, "transactional.id", transactional);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!rk)
        die("client", why);
    return rk;
}

static int ready(const char *brokers)
{
    const struct rd_kafka_metadata *m;
    rd_kafka_t *rk = client(brokers, NULL);
    return rd_kafka_metadata(rk, 0, NULL, &m, 2000) || m->broker_cnt == 0;
}

/* The answer to an admin request, which must hold no error. */
static rd_kafka_event_t *answer(rd_kafka_queue_t *q)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, 30000);
    if (!ev)
        die("request", "no answer");
    if (rd_kafka_event_error(ev))
        die("request", rd_kafka_event_error_string(ev));
    return ev;
}

static int topic(const char *brokers, int argc, char **argv)
{
    char why[512];
    size_t n = 0;
    rd_kafka_t *rk = client(brokers, NULL);
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_NewTopic_t *t =
        rd_kafka_NewTopic_new(argv[0], atoi(argv[1]), 1, why, sizeof(why));
    if (!t)
        die(argv[0], why);
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value)
            die(argv[i], "not NAME=VALUE");
        *value++ = '\0';
        rd_kafka_NewTopic_set_config(t, argv[i], value);
    }
    rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
    const rd_kafka_topic_result_t **made = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(answer(q)), &n);
    for (size_t i = 0; i < n; i++)
        if (rd_kafka_topic_result_error(made[i]))
            die(argv[0], rd_kafka_topic_result_error_string(made[i]));
    /* The broker may be told of it a moment later. */
    for (int i = 0; i < 300; i++) {
        const struct rd_kafka_metadata *m;
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, argv[0], NULL);
        bool there = rd_kafka_metadata(rk, 0, rkt, &m, 5000) == 0 &&
                     m->topic_cnt == 1 && m->topics[0].err == 0 &&
                     m->topics[0].partition_cnt == atoi(argv[1]);
        for (int p = 0; there && p < m->topics[0].partition_cnt; p++)
            there = m->topics[0].partitions[p].leader >= 0;
        if (there)
            return 0;
        usleep(20000);
    }
    die(argv[0], "is not there");
    return 1;
}

static void must(rd_kafka_error_t *error, const char *what)
{
    if (error)
        die(what, rd_kafka_error_string(error));
}

static int transaction(const char *brokers, char **argv)
{
    char id[64], *line = NULL;
    size_t cap = 0;
    ssize_t n;
    snprintf(id, sizeof(id), "tool-%d", (int)getpid());
    rd_kafka_t *rk = client(brokers, id);
    must(rd_kafka_init_transactions(rk, 30000), "init_transactions");
    must(rd_kafka_begin_transaction(rk), "begin_transaction");
    while ((n = getline(&line, &cap, stdin)) > 0) {
        rd_kafka_resp_err_t r;
        n -= line[n - 1] == '\n';
        while ((r = rd_kafka_producev(
                    rk, RD_KAFKA_V_TOPIC(argv[0]),
                    RD_KAFKA_V_PARTITION(atoi(argv[1])),
                    /* compacted topics want a key */
                    RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_VALUE(line, (size_t)n),
                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                    RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(rk, 10);
        if (r)
            die("produce", rd_kafka_err2str(r));
    }
    if (rd_kafka_flush(rk, 30000))
        die("flush", "timed out");
    if (strcmp(argv[2], "commit") == 0)
        must(rd_kafka_commit_transaction(rk, 30000), "commit_transaction");
    else if (strcmp(argv[2], "abort") == 0)
        must(rd_kafka_abort_transaction(rk, 30000), "abort_transaction");
    else
        for (puts("open"), fflush(stdout);;)
            pause();
    return 0;
}

static int trim(const char *brokers, char **argv)
{
    rd_kafka_t *rk = client(brokers, NULL);
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(at, argv[0], atoi(argv[1]))->offset =
        atoll(argv[2]);
    rd_kafka_DeleteRecords_t *del = rd_kafka_DeleteRecords_new(at);
    rd_kafka_DeleteRecords(rk, &del, 1, NULL, q);
    const rd_kafka_topic_partition_list_t *got =
        rd_kafka_DeleteRecords_result_offsets(
            rd_kafka_event_DeleteRecords_result(answer(q)));
    if (got->elems[0].err)
        die("trim", rd_kafka_err2str(got->elems[0].err));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "ready") == 0)
        return ready(argv[2]);
    if (argc >= 5 && strcmp(argv[1], "topic") == 0)
        return topic(argv[2], argc - 3, argv + 3);
    if (argc == 6 && strcmp(argv[1], "transaction") == 0)
        return transaction(argv[2], argv + 3);
    if (argc == 6 && strcmp(argv[1], "trim") == 0)
        return trim(argv[2], argv + 3);
    fputs("usage: kafkatool ready|topic|transaction|trim BROKERS ...\n",
          stderr);
    return 64;
}
