/* Unit tests of kafka: URIs and options, and what is read from a broker, which
 * is the one that librdkafka has for tests: in this process, on loopback. */
#include "io/dynlib.h"
#include "kafka/consumer.h"
#include "kafka/rd.h"
#include "source/ops.h"
#include "unit.h"

#include <inttypes.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct source_ops source_kafka_ops;

/* ---- the broker ---- */

static const struct rd *rd;
static rd_kafka_t *producer;
static rd_kafka_mock_cluster_t *cluster;
static char broker[200];

static struct {
    __typeof__(&rd_kafka_mock_cluster_new) cluster_new;
    __typeof__(&rd_kafka_mock_cluster_destroy) cluster_destroy;
    __typeof__(&rd_kafka_mock_cluster_bootstraps) cluster_bootstraps;
    __typeof__(&rd_kafka_mock_topic_create) topic_create;
    __typeof__(&rd_kafka_mock_broker_set_down) broker_set_down;
    __typeof__(&rd_kafka_mock_broker_set_up) broker_set_up;
} mock;

static bool load(void)
{
    static const char *const names[] = { "librdkafka.so.1", NULL };
#define SYMBOL(name)                               \
    {                                              \
        "rd_kafka_mock_" #name, (void *)&mock.name \
    }
    const struct dynlib_symbol symbols[] = {
        SYMBOL(cluster_new),        SYMBOL(cluster_destroy),
        SYMBOL(cluster_bootstraps), SYMBOL(topic_create),
        SYMBOL(broker_set_down),    SYMBOL(broker_set_up)
    };
    struct err e = { 0 };
    rd = rd_load(&e);
    return rd && dynlib_load("librdkafka", "librdkafka1", names, symbols,
                             sizeof(symbols) / sizeof(*symbols), &e) == 0;
}

static bool is_up(void)
{
    static bool tried;
    if (tried)
        return cluster != NULL;
    tried = true;
    CHECK(load());
    if (unit_failed)
        return false;
    char why[200];
    rd_kafka_conf_t *conf = rd->conf_new();
    rd->conf_set_log_cb(conf, NULL);
    producer = rd->new (RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    cluster = producer ? mock.cluster_new(producer, 1) : NULL;
    CHECK(cluster != NULL);
    if (cluster)
        snprintf(broker, sizeof(broker), "%s",
                 mock.cluster_bootstraps(cluster));
    return cluster != NULL;
}

__attribute__((destructor)) static void down(void)
{
    if (cluster)
        mock.cluster_destroy(cluster);
    if (producer)
        rd->destroy(producer);
}

/* Sends one message by a client of its own, and waits for it. */
static void produce(const char *topic, int32_t partition, const char *key,
                    const void *value, size_t n)
{
    static rd_kafka_t *client;
    char why[200];
    if (!client) {
        rd_kafka_conf_t *conf = rd->conf_new();
        rd->conf_set_log_cb(conf, NULL);
        rd->conf_set(conf, "bootstrap.servers", broker, why, sizeof(why));
        client = rd->new (RD_KAFKA_PRODUCER, conf, why, sizeof(why));
        CHECK(client != NULL);
    }
    rd_kafka_headers_t *headers = rd->headers_new(2);
    rd->header_add(headers, "kind", -1, "\xff\xfe", 2);
    rd_kafka_vu_t v[] = {
        { .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition },
        { .vtype = RD_KAFKA_VTYPE_KEY,
          .u.mem = { (void *)(uintptr_t)key, key ? strlen(key) : 0 } },
        { .vtype = RD_KAFKA_VTYPE_VALUE,
          .u.mem = { (void *)(uintptr_t)value, n } },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = 1700000000123 },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers }
    };
    rd_kafka_error_t *error =
        rd->produceva(client, v, sizeof(v) / sizeof(*v) - (key ? 0 : 1));
    CHECK(error == NULL);
    CHECK(rd->flush(client, 10000) == 0);
    if (!key)
        rd->headers_destroy(headers);
}

static void produce_text(const char *topic, int32_t partition, const char *text)
{
    produce(topic, partition, NULL, text, strlen(text));
}

/* ---- the source ---- */

static void option(const char *name, const char *value)
{
    for (const struct opt *o = source_kafka_ops.opts; o->kind; o++) {
        if (strcmp(o->name, name) != 0)
            continue;
        if (o->kind == OPT_FLAG)
            *(bool *)o->dest = value != NULL;
        else if (o->kind == OPT_TIME)
            *(uint64_t *)o->dest = (uint64_t)atoi(value);
        else
            *(const char **)o->dest = value;
        return;
    }
    CHECK(!"option");
}

static struct positions resume;
static bool follow;
static int idle_left;
static size_t max_record = 1000;

static bool stop(void)
{
    return false;
}

static struct source *connect_to(const char *topics, struct err *e)
{
    static struct source_opts opts;
    static char uri[300];
    struct source *s = NULL;
    opts = (struct source_opts){ .max_record = max_record,
                                 .max_depth = 4,
                                 .resume = &resume,
                                 .follow = follow,
                                 .stop = stop,
                                 .app = "test" };
    snprintf(uri, sizeof(uri), "kafka://%s/%s", broker, topics);
    return source_connect(&s, uri, &opts, e) ? NULL : s;
}

static void describe(struct buf *out, const struct source_item *item)
{
    static const char marks[] = { [SOURCE_RECORD] = '+',
                                  [SOURCE_RECORDS] = '+',
                                  [SOURCE_UNCHECKED] = '?',
                                  [SOURCE_REJECT] = '!' };
    buf_addc(out, marks[item->kind]);
    buf_add_str(out, item->kind == SOURCE_REJECT ? str_of(item->faults[0].code)
                                                 : item->text);
    if (item->kind == SOURCE_RECORDS)
        out->n--; /* its last line end */
    buf_addz(out, " @");
    buf_add_str(out, item->partition);
    buf_addc(out, ':');
    buf_add_str(out, item->position);
    buf_addc(out, '\n');
}

/* All items of the topics: as far as the end, or as idle_left says. */
static const char *read_topics(const char *topics)
{
    static struct buf out;
    struct err e = { 0 };
    struct source_item item;
    struct source *s = connect_to(topics, &e);
    int r = s ? 1 : -1;
    buf_reset(&out);
    while (r > 0 && (r = source_next(s, &item, &e)) > 0) {
        if (r != SOURCE_IDLE)
            describe(&out, &item);
        else if (follow && --idle_left < 0)
            break;
    }
    if (r < 0)
        buf_addf(&out, "=%d\n", (int)e.code);
    source_close(s);
    return buf_z(&out);
}

static void go_on_at(const char *json)
{
    struct err e = { 0 };
    positions_free(&resume);
    CHECK(positions_init(&resume, STR("k"), &e) == 0);
    CHECK(!json || positions_read(&resume, str_of(json), &e) == 0);
}

/* ---- URIs and options ---- */

static const char *parse(const char *uri)
{
    static char out[300];
    struct rd_uri u;
    struct err e = { 0 };
    if (rd_uri_parse(&u, uri, &e)) {
        snprintf(out, sizeof(out), "=%d", (int)e.code);
        CHECK(!strstr(e.msg, "secret"));
        return out;
    }
    size_t n = (size_t)snprintf(out, sizeof(out), "%s", u.brokers);
    for (size_t i = 0; i < u.n_topics; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, " %s", u.topics[i]);
    rd_uri_free(&u);
    return out;
}

TEST("a URI names brokers and topics")
{
    CHECK_STR(parse("kafka://a:1/t"), "a:1 t");
    CHECK_STR(parse("kafka://a:1,b,[::1]:3/t,u.v_w-x"),
              "a:1,b,[::1]:3 t u.v_w-x");
    CHECK_STR(parse("kafka://a"), "a");
    CHECK_STR(parse("kafka://a/"), "a");
}

TEST("a URI with a user, without a broker, with a wrong topic is refused")
{
    CHECK_STR(parse("kafka://me:secret@a/t"), "=64");
    CHECK_STR(parse("kafka:///t"), "=64");
    CHECK_STR(parse("kafka://a/t,"), "=64");
    CHECK_STR(parse("kafka://a/t,t"), "=64");
    CHECK_STR(parse("kafka://a/t/u"), "=64");
    CHECK_STR(parse("kafka://a/.."), "=64");
    CHECK_STR(parse("http://a/t"), "=64");
}

/* Class of the failure of these options, 0 for none. */
static int options(const char *a, const char *b)
{
    const char *v[] = { a, b };
    const struct rd_setting fixed = { "enable.auto.commit", "false", true };
    struct rd_trouble trouble = { 0 };
    rd_kafka_conf_t *conf;
    struct err e = { 0 };
    rd_options = (struct opt_list){ v, b ? 2 : 1 };
    int r = rd_conf(rd, &conf, "a", "app", &fixed, 1, &trouble, &e);
    rd_options = (struct opt_list){ 0 };
    CHECK(!strstr(e.msg, "hunter2"));
    if (r == 0)
        rd->conf_destroy(conf);
    return (int)e.code;
}

TEST("options go to the library; what is fixed, unknown or no option does not")
{
    if (!is_up())
        return;
    CHECK(options("security.protocol=ssl", "ssl.ca.location=/x") == 0);
    CHECK(options("no.such.option=1", NULL) == ERR_USAGE);
    CHECK(options("fetch.max.bytes=many", NULL) == ERR_USAGE);
    CHECK(options("security.protocol", NULL) == ERR_USAGE);
    CHECK(options("=1", NULL) == ERR_USAGE);
    CHECK(options("enable.auto.commit=true", NULL) == ERR_USAGE);
    CHECK(options("bootstrap.servers=b", NULL) == ERR_USAGE);
}

TEST("a secret is taken from its place and never from the command line")
{
    if (!is_up())
        return;
    setenv("KAFKA_TEST_SECRET", "hunter2", 1);
    CHECK(options("sasl.password=hunter2", NULL) == ERR_USAGE);
    CHECK(options("sasl.password=env:KAFKA_TEST_SECRET", "sasl.username=me") ==
          0);
    CHECK(options("sasl.password=env:KAFKA_TEST_NONE", NULL) == ERR_CONFIG);
    CHECK(options("ssl.key.password=file:/none", NULL) == ERR_NOINPUT);
    unsetenv("KAFKA_TEST_SECRET");
}

/* ---- reading ---- */

TEST("messages are read to the end, each with the position behind it")
{
    if (!is_up())
        return;
    go_on_at(NULL);
    mock.topic_create(cluster, "one", 1, 1);
    produce_text("one", 0, "{\"a\": 1.10}");
    produce_text("one", 0, "{\"a\":2}");
    CHECK_STR(read_topics("one"), "+{\"a\": 1.10}\n{\"a\":2} @0:2\n");
}

TEST("reading goes on where the ledger says")
{
    if (!is_up())
        return;
    go_on_at("{\"source\":\"k\",\"positions\":[{\"partition\":\"0\","
             "\"kind\":\"number\",\"value\":1}]}");
    CHECK_STR(read_topics("one"), "+{\"a\":2} @0:2\n");
    go_on_at("{\"source\":\"k\",\"positions\":[{\"partition\":\"0\","
             "\"kind\":\"number\",\"value\":2}]}");
    CHECK_STR(read_topics("one"), "");
}

TEST("messages that are gone end it, or are skipped on request")
{
    if (!is_up())
        return;
    go_on_at("{\"source\":\"k\",\"positions\":[{\"partition\":\"0\","
             "\"kind\":\"number\",\"value\":9}]}");
    option("kafka-wait", "500");
    CHECK_STR(read_topics("one"), "=65\n");
    option("kafka-gone", "skip");
    CHECK_STR(read_topics("one"), "+{\"a\": 1.10}\n{\"a\":2} @0:2\n");
    option("kafka-gone", NULL);
    option("kafka-wait", "30000");
    go_on_at(NULL);
}

TEST("of several topics partitions are told apart by topic")
{
    if (!is_up())
        return;
    mock.topic_create(cluster, "two", 2, 1);
    produce_text("two", 1, "{\"b\":1}");
    go_on_at("{\"source\":\"k\",\"positions\":[{\"partition\":\"one/0\","
             "\"kind\":\"number\",\"value\":1}]}");
    const char *got = read_topics("one,two");
    CHECK(strstr(got, "+{\"a\":2} @one/0:2\n") != NULL);
    CHECK(strstr(got, "+{\"b\":1} @two/1:1\n") != NULL);
    go_on_at(NULL);
}

TEST("what is no object is handed out by itself, and the rest around it")
{
    if (!is_up())
        return;
    mock.topic_create(cluster, "bad", 1, 1);
    produce_text("bad", 0, "{\"a\":1}");
    produce_text("bad", 0, "{\"a\":");
    produce_text("bad", 0, "");
    produce_text("bad", 0, "[1]");
    produce_text("bad", 0, "{\n\"a\":\r2}\n");
    produce_text("bad", 0, "{\"a\":\"\n\"}");
    produce("bad", 0, "key", NULL, 0);
    produce_text("bad", 0, "{\"a\":3}");
    produce_text("bad", 0, "{\"a\":[[[[4]]]]}");
    produce("bad", 0, NULL, "{\"a\":\"\xff\"}", 9);
    produce("bad", 0, NULL, "{\"a\":\"\0\"}", 9);
    CHECK_STR(read_topics("bad"), "+{\"a\":1} @0:1\n"
                                  "?{\"a\": @0:2\n"
                                  "? @0:3\n"
                                  "?[1] @0:4\n"
                                  "+{ \"a\": 2}  @0:5\n"
                                  "?{\"a\":\"\n\"} @0:6\n"
                                  "!tombstone @0:7\n"
                                  "+{\"a\":3} @0:8\n"
                                  "?{\"a\":[[[[4]]]]} @0:9\n"
                                  "?{\"a\":\"\xff\"} @0:10\n"
                                  "?{\"a\":\"");
}

TEST("a value past the limit is refused, with its envelope too")
{
    if (!is_up())
        return;
    mock.topic_create(cluster, "long", 1, 1);
    produce_text("long", 0, "{\"a\":1234567}");
    produce_text("long", 0, "{\"a\":1}");
    max_record = 10;
    CHECK_STR(read_topics("long"), "!too_long @0:1\n+{\"a\":1} @0:2\n");
    option("kafka-envelope", "");
    CHECK_STR(read_topics("long"), "!too_long @0:1\n!too_long @0:2\n");
    option("kafka-envelope", NULL);
    max_record = 1000;
}

TEST("fields of the message are added on request")
{
    if (!is_up())
        return;
    mock.topic_create(cluster, "full", 1, 1);
    produce("full", 0, "k\"1", " {\"a\":1 } ", 10);
    produce("full", 0, "\xff", "{ }", 3);
    option("kafka-fields", "");
    CHECK_STR(read_topics("full"),
              "+ {\"a\":1 ,\"_kafka\":{\"topic\":\"full\",\"partition\":0,"
              "\"offset\":0,\"timestamp\":\"2023-11-14T22:13:20.123Z\","
              "\"key\":\"k\\\"1\",\"headers\":[{\"key\":\"kind\","
              "\"value_b64\":\"//4=\"}]}}\n"
              "{ \"_kafka\":{\"topic\":\"full\",\"partition\":0,"
              "\"offset\":1,\"timestamp\":\"2023-11-14T22:13:20.123Z\","
              "\"key_b64\":\"/w==\",\"headers\":[{\"key\":\"kind\","
              "\"value_b64\":\"//4=\"}]}} @0:2\n");
    option("kafka-fields", NULL);
}

TEST("the envelope takes any value, and none")
{
    if (!is_up())
        return;
    mock.topic_create(cluster, "any", 1, 1);
    produce_text("any", 0, "[1,\n2]");
    produce("any", 0, "k", NULL, 0);
    produce_text("any", 0, "x");
    option("kafka-envelope", "");
    const char *got = read_topics("any");
    CHECK(strstr(got, "\"headers\":[],\"value\":[1, 2]}\n") != NULL);
    CHECK(strstr(got, "\"value\":null} @0:2\n!not_json @0:3\n") != NULL);
    option("kafka-value", "text");
    CHECK(strstr(read_topics("any"), "\"value\":\"x\"} @0:3\n") != NULL);
    option("kafka-envelope", NULL);
    option("kafka-value", NULL);
}

TEST("values that are no JSON become a string")
{
    if (!is_up())
        return;
    mock.topic_create(cluster, "text", 1, 1);
    produce_text("text", 0, "a\"b");
    produce("text", 0, NULL, "\xff", 1);
    option("kafka-value", "text");
    CHECK_STR(read_topics("text"),
              "+{\"value\":\"a\\\"b\"} @0:1\n!invalid_utf8 @0:2\n");
    option("kafka-value", "base64");
    CHECK_STR(read_topics("text"),
              "+{\"value\":\"YSJi\"}\n{\"value\":\"/w==\"} @0:2\n");
    option("kafka-value", NULL);
}

TEST("reading starts at the end on request; other words are refused")
{
    if (!is_up())
        return;
    option("kafka-from", "end");
    CHECK_STR(read_topics("one"), "");
    option("kafka-from", "never");
    CHECK_STR(read_topics("one"), "=64\n");
    option("kafka-from", "group");
    CHECK_STR(read_topics("one"), "=64\n");
    option("kafka-from", NULL);
}

TEST("following, a source waits for what comes")
{
    if (!is_up())
        return;
    struct err e = { 0 };
    struct source_item item;
    mock.topic_create(cluster, "live", 1, 1);
    follow = true;
    struct source *s = connect_to("live", &e);
    CHECK(s && source_next(s, &item, &e) == SOURCE_IDLE);
    produce_text("live", 0, "{\"a\":1}");
    int r = SOURCE_IDLE;
    for (int i = 0; s && r == SOURCE_IDLE && i < 100; i++)
        r = source_next(s, &item, &e);
    CHECK(r == 1 && item.count == 1);
    uint64_t lag = 9;
    CHECK(s && source_lag(s, &lag) == 1 && lag == 0);
    source_close(s);
    follow = false;
}

/* The group's offset of partition 0, by a client that does not join it. */
static int64_t offset_of(const char *group, const char *topic)
{
    char why[200];
    rd_kafka_conf_t *conf = rd->conf_new();
    rd->conf_set_log_cb(conf, NULL);
    rd->conf_set(conf, "bootstrap.servers", broker, why, sizeof(why));
    rd->conf_set(conf, "group.id", group, why, sizeof(why));
    rd_kafka_t *rk = rd->new (RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    rd_kafka_topic_partition_list_t *list = rd->topic_partition_list_new(1);
    rd->topic_partition_list_add(list, topic, 0);
    CHECK(rk && rd->committed(rk, list, 10000) == 0);
    int64_t offset = list->elems[0].offset;
    rd->topic_partition_list_destroy(list);
    rd->destroy(rk);
    return offset;
}

TEST("a group's offset is what was confirmed, however much was read")
{
    if (!is_up())
        return;
    struct err e = { 0 };
    struct source_item item;
    struct positions at = { 0 };
    option("kafka-group", "g");
    struct source *s = connect_to("one", &e);
    int r = SOURCE_IDLE;
    for (int i = 0; s && r == SOURCE_IDLE && i < 200; i++)
        r = source_next(s, &item, &e);
    CHECK(r == 1 && item.count == 2);
    CHECK(offset_of("g", "one") < 0);
    CHECK(positions_init(&at, STR("k"), &e) == 0);
    CHECK(positions_read(&at,
                         STR("{\"positions\":[{\"partition\":\"0\",\"kind\":"
                             "\"number\",\"value\":1}]}"),
                         &e) == 0);
    CHECK(s && source_confirm(s, &at, &e) == 0);
    CHECK(s && source_next(s, &item, &e) == 0);
    source_close(s);
    CHECK(offset_of("g", "one") == 1);
    positions_free(&at);
    option("kafka-group", NULL);
}

TEST("a broker that stays away is a failure that may pass")
{
    if (!is_up())
        return;
    option("kafka-wait", "500");
    mock.broker_set_down(cluster, 1);
    CHECK_STR(read_topics("one"), "=69\n");
    mock.broker_set_up(cluster, 1);
    struct err e = { 0 };
    struct source_item item;
    follow = true;
    struct source *s = connect_to("one", &e);
    follow = false;
    CHECK(s && source_next(s, &item, &e) > 0);
    mock.broker_set_down(cluster, 1);
    int r = SOURCE_IDLE;
    for (int i = 0; s && r > 0 && i < 200; i++)
        r = source_next(s, &item, &e);
    CHECK(r == -1 && e.code == ERR_TEMPFAIL);
    source_close(s);
    mock.broker_set_up(cluster, 1);
    option("kafka-wait", "30000");
}

UNIT_MAIN
