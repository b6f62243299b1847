#include "mq/mosq.h"
#include "mq/retry.h"
#include "mq/stream.h"

#include "unit.h"

TEST("ids of a stream are two numbers in order")
{
    struct stream_id a, b;
    char text[STREAM_ID_MAX];
    CHECK(stream_id_parse(STR("\"1700000000000-3\""), &a));
    CHECK(stream_id_parse(STR("1700000000000-18446744073709551615"), &b));
    CHECK(stream_id_cmp(a, b) < 0 && stream_id_cmp(b, a) > 0 &&
          stream_id_cmp(a, a) == 0);
    stream_id_format(b, text);
    CHECK_STR(text, "1700000000000-18446744073709551615");
    const char *const none[] = { "",     "1",     "1-",
                                 "-1",   "1-2-3", "a-1",
                                 "1 -2", "\"1-2", "1-18446744073709551616" };
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        CHECK(!stream_id_parse(str_of(none[i]), &a));
}

static void check_redis(const char *uri, const char *host, int port,
                        const char *key)
{
    struct redis_uri u;
    struct err e = { 0 };
    CHECK(redis_uri_parse(&u, uri, &e) == 0);
    CHECK_STR(u.host, host);
    CHECK(u.port == port);
    CHECK_STR(u.key, key);
    redis_uri_free(&u);
}

TEST("a redis URI has a host, a port and a key")
{
    check_redis("redis://h/s", "h", 6379, "s");
    check_redis("redis://h:1/a/b:c@d", "h", 1, "a/b:c@d");
    check_redis("redis://[::1]:12/s", "::1", 12, "s");
    check_redis("redis://h", "h", 6379, "");
    const char *const none[] = { "redis://",          "redis:///s",
                                 "redis://:1/s",      "redis://h:/s",
                                 "redis://h:x/s",     "redis://h:0/s",
                                 "redis://h:65536/s", "redis://[::1/s",
                                 "redis://[::1]x/s",  "redis://u:secret@h/s" };
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        struct redis_uri u;
        struct err e = { 0 };
        CHECK(redis_uri_parse(&u, none[i], &e) == -1 && e.code == ERR_USAGE);
        CHECK(!strstr(e.msg, "secret"));
        redis_uri_free(&u);
    }
}

TEST("an mqtt URI has a host, a port and a filter")
{
    struct mosq_uri u;
    struct err e = { 0 };
    CHECK(mosq_uri_parse(&u, "mqtt://h/a/+/#", &e) == 0);
    CHECK(!u.tls && u.port == 1883);
    CHECK_STR(u.host, "h");
    CHECK_STR(u.filter, "a/+/#");
    mosq_uri_free(&u);
    CHECK(mosq_uri_parse(&u, "mqtts://[fe80::1]/t", &e) == 0);
    CHECK(u.tls && u.port == 8883);
    CHECK_STR(u.host, "fe80::1");
    mosq_uri_free(&u);
    const char *const none[] = { "mqtt://h",         "mqtt://h/",
                                 "mqtt:///t",        "mqtt://h:/t",
                                 "mqtt://h:70000/t", "mqtt://u:secret@h/t" };
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        CHECK(mosq_uri_parse(&u, none[i], &e) == -1 && e.code == ERR_USAGE);
        CHECK(!strstr(e.msg, "secret"));
        mosq_uri_free(&u);
    }
}

static bool now(void)
{
    return true;
}

TEST("patience has an end, and a signal ends it at once")
{
    struct mq_retry r = { .patience_ms = 200 };
    uint64_t from = mq_now();
    int n = 0;
    while (mq_retry_wait(&r) && n < 10000)
        n++;
    CHECK(n >= 1 && n < 10000 && mq_now() - from >= 200);
    CHECK(!mq_retry_wait(&r));
    mq_retry_done(&r);
    CHECK(mq_retry_wait(&r));
    struct mq_retry s = { .patience_ms = 100000, .stop = now };
    CHECK(!mq_retry_wait(&s));
}

UNIT_MAIN
