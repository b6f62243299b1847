/* feed: where bytes come from: files, web servers, object stores.
 *
 * A feed opens one input after the other (the files of a folder, the pages of
 * an API); what reads records from their bytes is the format's business
 * (source/source.h). Like a connector of records it is one file, anywhere in
 * lib/, with one line that the build looks for:
 *
 *     FEED_CONNECTOR(http) = { .name = "http", ... };
 *
 * Not thread-safe. */
#ifndef SOURCE_FEED_H
#define SOURCE_FEED_H

#include "cli/opt.h"
#include "io/input.h"
#include "position/position.h"
#include "source/source.h"

struct feed;

struct feed_ops {
    const char *name;
    const char *const *schemes; /* "http://", "https://", NULL */
    size_t size;                /* of the struct, allocated zeroed */
    const struct opt *opts;     /* options of its own, an OPT_GROUP row first;
                                   static destinations; NULL */
    int (*open)(struct feed *f, struct err *e);
    /* The next input: 1 with *in, which the feed owns and closes when it is
     * asked for the next one; 0 at the end; -1 with e. The one before has been
     * read to its end by then, and gave f->taken records. Waits notice
     * f->opts->stop. */
    int (*next)(struct feed *f, struct input **in, struct err *e);
    /* The input was read to its end without a failure: notes in at, if the
     * feed has positions, that it need not be read again. NULL: it has none. */
    int (*done)(struct feed *f, struct positions *at, struct err *e);
    void (*close)(struct feed *f); /* also after a failed open */
};

struct feed {
    const struct feed_ops *ops;
    const char *uri;                /* borrowed */
    const struct source_opts *opts; /* borrowed */
    uint64_t taken; /* records that the last input gave; by the caller */
    /* Hooks and limits for inputs that the feed hands out: by the caller.
     * feed_next calls it before the first read of each. */
    void (*watch)(void *context, struct input *in);
    void *context;
};

/* Defines the ops of a feed. */
#define FEED_CONNECTOR(name) const struct feed_ops feed_##name##_ops

/* All of them, NULL behind the last; made by the build. */
extern const struct feed_ops *const feed_connectors[];

/* True if a feed knows the URI's scheme: what none does is a file. */
bool feed_is(const char *uri);

/* Opens what is behind the URI (uri and opts are borrowed until feed_close);
 * watch may be NULL. -1 with ERR_USAGE, ERR_NOINPUT, ERR_NOPERM,
 * ERR_UNAVAILABLE, ERR_TEMPFAIL. */
int feed_open(struct feed **f, const char *uri, const struct source_opts *opts,
              void (*watch)(void *context, struct input *in), void *context,
              struct err *e);
int feed_next(struct feed *f, struct input **in, struct err *e);
int feed_done(struct feed *f, struct positions *at, struct err *e);
void feed_close(struct feed *f); /* NULL is fine */

#endif
