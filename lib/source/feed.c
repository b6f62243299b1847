#include "source/feed.h"

#include <stdlib.h>
#include <string.h>

static const struct feed_ops *find_ops(const char *uri)
{
    for (const struct feed_ops *const *f = feed_connectors; *f; f++)
        for (const char *const *p = (*f)->schemes; *p; p++)
            if (strncmp(uri, *p, strlen(*p)) == 0)
                return *f;
    return NULL;
}

/* Without a scheme that anybody knows it is a file. */
extern const struct feed_ops feed_file_ops;

bool feed_is(const char *uri)
{
    return find_ops(uri) != NULL;
}

int feed_open(struct feed **fp, const char *uri, const struct source_opts *opts,
              void (*watch)(void *context, struct input *in), void *context,
              struct err *e)
{
    const struct feed_ops *ops = find_ops(uri);
    ops = ops ? ops : &feed_file_ops;
    struct feed *f = calloc(1, ops->size);
    if (!f)
        return err_nomem(e);
    f->ops = ops;
    f->uri = uri;
    f->opts = opts;
    f->watch = watch;
    f->context = context;
    if (ops->open(f, e) != 0) {
        feed_close(f);
        return -1;
    }
    *fp = f;
    return 0;
}

int feed_next(struct feed *f, struct input **in, struct err *e)
{
    int r = f->ops->next(f, in, e);
    if (r > 0 && f->watch)
        f->watch(f->context, *in);
    return r;
}

int feed_done(struct feed *f, struct positions *at, struct err *e)
{
    return f->ops->done ? f->ops->done(f, at, e) : 0;
}

void feed_close(struct feed *f)
{
    if (!f)
        return;
    f->ops->close(f);
    free(f);
}
