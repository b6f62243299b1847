/* An object of S3. */
#include "s3/object.h"
#include "wait/sensor.h"

#include <inttypes.h>

struct object {
    struct sensor base;
    struct s3 *s3;
    struct str key;
};

static int object_open(struct sensor *s, struct err *e)
{
    struct object *o = (struct object *)s;
    struct s3_opts how = s->opts->s3;
    struct str bucket;
    how.stop = s->opts->stop;
    if (s3_split(s->uri, &bucket, &o->key, e))
        return -1;
    if (!o->key.n || o->key.p[o->key.n - 1] == '/')
        return err_set(e, ERR_USAGE, "'%s' names no object", s->uri);
    return s3_open(&o->s3, &how, bucket, e);
}

static void object_close(struct sensor *s)
{
    s3_close(((struct object *)s)->s3);
}

static int object_look(struct sensor *s, struct err *e)
{
    struct object *o = (struct object *)s;
    struct object_info info;
    int r = object_head(o->s3, o->key, &info, e);
    if (r < 0)
        return -1;
    if (r == 0)
        return sensor_lacks(s, e, "'%s' is not there", s->uri);
    if (info.size >= s->opts->min_size)
        return 1;
    return sensor_lacks(s, e, "'%s' has %" PRIu64 " of %" PRIu64 " bytes",
                        s->uri, info.size, s->opts->min_size);
}

static const char *const prefixes[] = { "s3://", NULL };

const struct sensor_kind object_sensor = {
    .bit = SENSOR_OBJECT,
    .prefixes = prefixes,
    .size = sizeof(struct object),
    .open = object_open,
    .look = object_look,
    .close = object_close,
};
