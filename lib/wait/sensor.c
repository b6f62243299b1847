#include "wait/sensor.h"

#include <stdlib.h>

/* The last one takes what has no prefix. */
static const struct sensor_kind *const kinds[] = {
    &url_sensor,    &sqlite_sensor, &pg_sensor,  &lag_sensor,
    &object_sensor, &run_sensor,    &file_sensor
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct sensor_kind *kind_of(const char *uri)
{
    for (size_t i = 0; i < N_KINDS; i++)
        for (const char *const *p = kinds[i]->prefixes; *p; p++)
            if (strncmp(uri, *p, strlen(*p)) == 0)
                return kinds[i];
    /* "mysql://host" is no file that will ever be there. */
    return strstr(uri, "://") ? NULL : kinds[N_KINDS - 1];
}

int sensor_open(struct sensor **out, const char *uri,
                const struct sensor_opts *opts, struct err *e)
{
    const struct sensor_kind *kind = kind_of(uri);
    if (!*uri)
        return err_set(e, ERR_USAGE, "a sensor with an empty name");
    if (!kind)
        return err_set(e, ERR_USAGE, "there is no sensor for '%s'", uri);
    struct sensor *s = calloc(1, kind->size);
    if (!s)
        return err_nomem(e);
    s->kind = kind;
    s->opts = opts;
    s->why.max = sizeof(e->msg);
    s->name = s->uri = strdup(uri);
    if (!s->uri || kind->open(s, e)) {
        if (!s->uri)
            err_nomem(e);
        sensor_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void sensor_close(struct sensor *s)
{
    if (!s)
        return;
    s->kind->close(s);
    free(s->uri);
    buf_free(&s->why);
    free(s);
}

int sensor_lacks(struct sensor *s, struct err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_reset(&s->why);
    buf_vaddf(&s->why, fmt, ap);
    va_end(ap);
    /* Too long for a line: its name will do. */
    if (s->why.failed) {
        buf_reset(&s->why);
        buf_addf(&s->why, "'%.500s' does not hold", s->name);
    }
    return buf_z(&s->why) ? 0 : err_nomem(e);
}

int sensor_look(struct sensor *s, struct err *e)
{
    struct err why = { 0 };
    s->rest_ms = 0;
    s->settling = false;
    int r = s->kind->look(s, &why);
    if (r >= 0)
        return r;
    bool transient = why.code == ERR_TEMPFAIL || why.code == ERR_UNAVAILABLE;
    if (transient && s->opts->stop && s->opts->stop())
        return sensor_lacks(s, e, "'%s' has not answered in time", s->name);
    if (transient)
        return sensor_lacks(s, e, "%s", why.msg);
    *e = why;
    return -1;
}
