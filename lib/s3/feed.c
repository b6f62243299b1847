/* s3://BUCKET/KEY, s3://BUCKET/PREFIX/ and s3://BUCKET/GLOB as inputs. */
#include "source/feed.h"

#include "json/value.h"
#include "s3/list.h"
#include "s3/object.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>

static struct s3_opts given;
static bool only_new;

static const struct opt opts[] = {
    { OPT_GROUP, 0, "s3", NULL, NULL, "Objects of S3", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    S3_OPTIONS(given),
    { OPT_FLAG, 0, "s3-new", NULL, &only_new,
      "leave out objects that are committed already, by key, ETag and size",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

enum named { NAMED_ONE, NAMED_BELOW, NAMED_GLOB };

struct s3_feed {
    struct feed base;
    struct s3 *s3;
    enum named named;
    struct buf pattern; /* the key, the prefix or the glob */
    struct list *list;
    bool held; /* an object was found, and not handed out yet */
    struct buf key, etag, uri;
    uint64_t size;
    int64_t modified;
    struct object_get *get;
    struct input in;
    bool opened;
};

/* ---- finding objects */

/* What a glob begins with. */
static struct str fixed_part(struct str glob)
{
    size_t n = 0;
    while (n < glob.n && !strchr("*?[\\", glob.p[n]))
        n++;
    return (struct str){ glob.p, n };
}

/* Is a part of the name below the prefix one for tools ("_SUCCESS",
 * ".staging/x"), or is it the mark of a folder ("a/")? */
static bool is_hidden(struct str below)
{
    bool first = true;
    for (size_t i = 0; i < below.n; i++) {
        if (first && (below.p[i] == '_' || below.p[i] == '.'))
            return true;
        first = below.p[i] == '/';
    }
    return first;
}

/* 1, 0, -1 */
static int matches(struct s3_feed *f, struct str key, struct err *e)
{
    if (f->named == NAMED_BELOW)
        return !is_hidden(
            (struct str){ key.p + f->pattern.n, key.n - f->pattern.n });
    if (memchr(key.p, '\0', key.n))
        return 0;
    char *z = strndup(key.p, key.n);
    if (!z)
        return err_nomem(e);
    int r = fnmatch(f->pattern.p, z, FNM_PATHNAME) == 0;
    free(z);
    return r;
}

static int hold(struct s3_feed *f, struct str key, struct str etag,
                uint64_t size, int64_t modified, struct err *e)
{
    buf_reset(&f->key);
    buf_reset(&f->etag);
    f->size = size;
    f->modified = modified;
    f->held = true;
    return buf_add_str(&f->key, key) || buf_add_str(&f->etag, etag)
               ? err_nomem(e)
               : 1;
}

/* Holds the next object that is meant: 1, 0, -1. */
static int find_next(struct s3_feed *f, struct err *e)
{
    struct list_object o;
    int r;
    if (!f->list)
        return 0;
    while ((r = list_next(f->list, &o, e)) > 0) {
        int good = matches(f, o.key, e);
        if (good < 0)
            return -1;
        if (good)
            return hold(f, o.key, o.etag, o.size, o.modified, e);
    }
    return r;
}

static int find_one(struct s3_feed *f, struct err *e)
{
    struct object_info info;
    int r = object_head(f->s3, buf_str(&f->pattern), &info, e);
    if (r <= 0)
        return r;
    return hold(f, buf_str(&f->pattern), str_of(info.etag), info.size, 0, e);
}

static int s3_feed_open(struct feed *base, struct err *e)
{
    struct s3_feed *f = (struct s3_feed *)base;
    struct str bucket, key;
    struct s3_opts o = given;
    o.stop = base->opts->stop;
    if (s3_split(base->uri, &bucket, &key, e) || s3_open(&f->s3, &o, bucket, e))
        return -1;
    if (buf_add_str(&f->pattern, key) || !buf_z(&f->pattern))
        return err_nomem(e);
    f->named = fixed_part(key).n < key.n               ? NAMED_GLOB
               : key.n == 0 || key.p[key.n - 1] == '/' ? NAMED_BELOW
                                                       : NAMED_ONE;
    if (f->named != NAMED_ONE) {
        f->list = list_open(f->s3, fixed_part(key), STR(""), e);
        if (!f->list)
            return -1;
    }
    int r = f->named == NAMED_ONE ? find_one(f, e) : find_next(f, e);
    if (r == 0)
        return err_set(e, ERR_NOINPUT,
                       f->named == NAMED_ONE    ? "there is no object '%s'"
                       : f->named == NAMED_GLOB ? "no object matches '%s'"
                                                : "no object is below '%s'",
                       base->uri);
    return r < 0 ? -1 : 0;
}

/* ---- what was read before */

/* "ETAG:SIZE", as a JSON string. */
static int add_mark(const struct s3_feed *f, struct buf *out)
{
    struct buf text = { .max = 1024 };
    struct str etag = buf_str(&f->etag);
    if (etag.n > 1 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"')
        etag = (struct str){ etag.p + 1, etag.n - 2 };
    buf_addf(&text, "%.*s:%" PRIu64, STR_ARG(etag), f->size);
    int r = text.failed ? -1 : json_quote(out, buf_str(&text));
    buf_free(&text);
    return r;
}

/* 1, 0, -1 */
static int is_known(const struct s3_feed *f, struct err *e)
{
    const struct positions *resume = f->base.opts->resume;
    const struct position *p =
        only_new && resume ? positions_find(resume, buf_str(&f->key)) : NULL;
    struct buf mark = { 0 };
    if (!p)
        return 0;
    int r =
        add_mark(f, &mark) ? err_nomem(e) : str_eq(buf_str(&mark), p->value);
    buf_free(&mark);
    return r;
}

static int s3_feed_done(struct feed *base, struct positions *at, struct err *e)
{
    struct s3_feed *f = (struct s3_feed *)base;
    struct buf mark = { 0 };
    if (!only_new)
        return 0;
    struct position *p = positions_at(at, buf_str(&f->key), e);
    int r = !p ? -1
            : add_mark(f, &mark)
                ? err_nomem(e)
                : position_set(p, POSITION_MARK, buf_str(&mark), e);
    buf_free(&mark);
    return r;
}

/* ---- inputs */

static void close_input(struct s3_feed *f)
{
    if (f->opened)
        input_close(&f->in);
    f->opened = false;
    object_get_close(f->get);
    f->get = NULL;
}

static int open_input(struct s3_feed *f, struct err *e)
{
    buf_reset(&f->uri);
    (void)s3_name(f->s3, buf_str(&f->key), &f->uri);
    if (!buf_z(&f->uri))
        return err_nomem(e);
    if (object_get_open(&f->get, f->s3, buf_str(&f->key), buf_str(&f->etag), e))
        return -1;
    input_reader(&f->in, object_get_read, f->get, f->size, f->uri.p);
    f->in.modified = f->modified;
    f->opened = true;
    if (f->base.watch)
        f->base.watch(f->base.context, &f->in);
    return 1;
}

static int s3_feed_next(struct feed *base, struct input **in, struct err *e)
{
    struct s3_feed *f = (struct s3_feed *)base;
    int known = 1;
    close_input(f);
    while (known > 0) {
        int r = f->held ? 1 : find_next(f, e);
        if (r <= 0)
            return r;
        f->held = false;
        known = is_known(f, e);
    }
    *in = &f->in;
    return known < 0 ? -1 : open_input(f, e);
}

static void s3_feed_close(struct feed *base)
{
    struct s3_feed *f = (struct s3_feed *)base;
    close_input(f);
    list_close(f->list);
    s3_close(f->s3);
    buf_free(&f->pattern);
    buf_free(&f->key);
    buf_free(&f->etag);
    buf_free(&f->uri);
}

static const char *const schemes[] = { "s3://", NULL };

FEED_CONNECTOR(s3) = {
    .name = "s3",
    .schemes = schemes,
    .size = sizeof(struct s3_feed),
    .opts = opts,
    .open = s3_feed_open,
    .next = s3_feed_next,
    .done = s3_feed_done,
    .close = s3_feed_close,
};
