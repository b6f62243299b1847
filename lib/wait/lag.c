/* A consumer group of Kafka has caught up. */
#include "kafka/lag.h"
#include "wait/sensor.h"

#include <inttypes.h>

#define PATIENCE_MS 5000

struct lag_watch {
    struct sensor base;
    struct lag_spec spec;
    struct lag *lag;
};

static int lag_watch_open(struct sensor *s, struct err *e)
{
    struct lag_watch *w = (struct lag_watch *)s;
    const struct sensor_opts *o = s->opts;
    if (!o->group)
        return err_set(e, ERR_USAGE, "'%s' needs --group", s->uri);
    w->spec = (struct lag_spec){
        .uri = s->uri,
        .app = "pipe-wait",
        .group = o->group,
        .patience_ms = o->patience_ms ? o->patience_ms : PATIENCE_MS,
        .stop = o->stop,
    };
    return lag_open(&w->lag, &w->spec, e);
}

static void lag_watch_close(struct sensor *s)
{
    lag_close(((struct lag_watch *)s)->lag);
}

static int lag_watch_look(struct sensor *s, struct err *e)
{
    struct lag_watch *w = (struct lag_watch *)s;
    struct err why = { 0 };
    uint64_t behind;
    if (lag_ask(w->lag, &behind, &why)) {
        if (why.code == ERR_NOINPUT && s->opts->allow_missing)
            return sensor_lacks(s, e, "%s", why.msg);
        *e = why;
        return -1;
    }
    if (behind <= s->opts->max_lag)
        return 1;
    return sensor_lacks(s, e,
                        "group '%s' is %" PRIu64
                        " messages behind in '%s', wanted %" PRIu64 " at most",
                        s->opts->group, behind, s->uri, s->opts->max_lag);
}

static const char *const prefixes[] = { "kafka://", NULL };

const struct sensor_kind lag_sensor = {
    .bit = SENSOR_LAG,
    .prefixes = prefixes,
    .size = sizeof(struct lag_watch),
    .open = lag_watch_open,
    .look = lag_watch_look,
    .close = lag_watch_close,
};
