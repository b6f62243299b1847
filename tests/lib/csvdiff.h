/* csvdiff: does CSV read in batches say what CSV read row by row says? */
#ifndef TESTS_CSVDIFF_H
#define TESTS_CSVDIFF_H

#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the reader of rows says, item by item. */
struct csvdiff_item {
    enum source_kind kind;
    uint64_t line, offset, length;
    size_t text, text_n, raw, raw_n, faults, faults_n; /* in bytes */
};

struct csvdiff {
    struct csvdiff_item *items;
    size_t n, cap;
    struct buf bytes;
    struct err err;
    int end; /* of the last source_next */
    char why[200];
};

static inline size_t csvdiff_keep(struct csvdiff *d, struct str s)
{
    size_t at = d->bytes.n;
    buf_add_str(&d->bytes, s);
    return at;
}

static inline void csvdiff_faults(struct buf *b, const struct source_item *i)
{
    for (size_t k = 0; k < i->n_faults; k++)
        buf_addf(b, "%s %.*s %.*s;", i->faults[k].code,
                 STR_ARG(i->faults[k].path), STR_ARG(i->faults[k].message));
}

static inline void csvdiff_add(struct csvdiff *d, const struct source_item *i)
{
    if (d->n == d->cap) {
        d->cap = d->cap ? 2 * d->cap : 64;
        d->items = realloc(d->items, d->cap * sizeof(*d->items));
    }
    struct csvdiff_item *item = &d->items[d->n++];
    *item = (struct csvdiff_item){ .kind = i->kind,
                                   .line = i->line,
                                   .offset = i->offset,
                                   .length = i->length,
                                   .text_n = i->text.n,
                                   .raw_n = i->raw.n };
    item->text = csvdiff_keep(d, i->text);
    item->raw = csvdiff_keep(d, i->raw);
    item->faults = d->bytes.n;
    csvdiff_faults(&d->bytes, i);
    item->faults_n = d->bytes.n - item->faults;
}

/* Writes the next piece where the reader would wait. */
struct csvdiff_feed {
    struct str left;
    size_t step;
    int fd; /* -1: closed */
};

static inline int csvdiff_idle(void *ctx, struct err *e)
{
    struct csvdiff_feed *f = ctx;
    size_t n = f->left.n < f->step ? f->left.n : f->step;
    (void)e;
    if (n == 0 || write(f->fd, f->left.p, n) != (ssize_t)n) {
        close(f->fd);
        f->fd = -1;
        return n == 0 ? 0 : -1;
    }
    f->left.p += n;
    f->left.n -= n;
    return 0;
}

/* The bytes as an input: all at once (step 0), or in pieces of `step` bytes, at
 * most 4096, of which each read gives one. */
static inline int csvdiff_open(struct input *in, struct str text, size_t step,
                               struct csvdiff_feed *feed)
{
    int fds[2] = { -1, -1 };
    *feed = (struct csvdiff_feed){ text, step, -1 };
    if (step == 0) {
        fds[0] = memfd_create("csv", MFD_CLOEXEC);
        if (fds[0] < 0 || write(fds[0], text.p, text.n) != (ssize_t)text.n)
            return -1;
        lseek(fds[0], 0, SEEK_SET);
    } else if (pipe(fds) != 0) {
        return -1;
    }
    input_fd(in, fds[0], "t");
    in->owned = true;
    feed->fd = fds[1];
    in->idle = csvdiff_idle;
    in->ctx = feed;
    return 0;
}

static inline bool csvdiff_fail(struct csvdiff *d, size_t at, const char *what)
{
    snprintf(d->why, sizeof(d->why), "item %zu: %s", at, what);
    return false;
}

/* Compares a batch with the records from d->items[*at] on. */
static inline bool csvdiff_batch(struct csvdiff *d, size_t *at, struct str all,
                                 const struct source_item *i)
{
    struct str text = i->text;
    if (i->count == 0 || i->offset + i->raw.n > all.n ||
        memcmp(i->raw.p, all.p + i->offset, i->raw.n) != 0)
        return csvdiff_fail(d, *at, "the batch's bytes");
    for (size_t k = 0; k < i->count; k++, ++*at) {
        struct csvdiff_item *want = &d->items[*at];
        if (*at >= d->n || want->kind != SOURCE_RECORD)
            return csvdiff_fail(d, *at, "a record where there is none");
        if (text.n < want->text_n + 1 ||
            memcmp(text.p, d->bytes.p + want->text, want->text_n) != 0 ||
            text.p[want->text_n] != '\n')
            return csvdiff_fail(d, *at, "another record");
        if (want->offset < i->offset ||
            want->offset + want->raw_n >= i->offset + i->raw.n ||
            want->line < i->line ||
            (want->offset == i->offset && want->line != i->line))
            return csvdiff_fail(d, *at, "another place");
        text.p += want->text_n + 1;
        text.n -= want->text_n + 1;
    }
    return text.n == 0 ? true : csvdiff_fail(d, *at, "more text than records");
}

static inline bool csvdiff_item(struct csvdiff *d, size_t *at, struct str all,
                                const struct source_item *i)
{
    if (i->kind == SOURCE_RECORDS)
        return csvdiff_batch(d, at, all, i);
    struct buf faults = { 0 };
    csvdiff_faults(&faults, i);
    const struct csvdiff_item *want = &d->items[*at];
    bool same =
        *at < d->n && want->kind == i->kind && want->line == i->line &&
        want->offset == i->offset && want->length == i->length &&
        str_eq((struct str){ d->bytes.p + want->text, want->text_n },
               i->text) &&
        str_eq((struct str){ d->bytes.p + want->raw, want->raw_n }, i->raw) &&
        str_eq((struct str){ d->bytes.p + want->faults, want->faults_n },
               buf_str(&faults));
    buf_free(&faults);
    ++*at;
    return same ? true : csvdiff_fail(d, *at - 1, "another item");
}

/* Reads text by opts; fills d by the reader of rows, or compares with it what
 * the reader of batches says. *batched counts records that came in batches. */
static inline bool csvdiff_read(struct csvdiff *d, struct str text,
                                struct source_opts opts, bool libcsv,
                                size_t step, size_t *batched)
{
    struct source *s = NULL;
    struct source_item item;
    struct input in;
    struct err e = { 0 };
    bool same = true;
    size_t at = 0;

    opts.csv.libcsv = libcsv;
    struct csvdiff_feed feed;
    if (csvdiff_open(&in, text, step, &feed) != 0)
        return csvdiff_fail(d, 0, "cannot make the input");
    int r = source_open(&s, &in, &opts, &e) == 0 ? 1 : -1;
    while (same && r > 0 && (r = source_next(s, &item, &e)) > 0) {
        if (libcsv) {
            csvdiff_add(d, &item);
            continue;
        }
        *batched += item.kind == SOURCE_RECORDS ? item.count : 0;
        same = csvdiff_item(d, &at, text, &item);
    }
    source_close(s);
    input_close(&in);
    if (feed.fd >= 0)
        close(feed.fd);
    if (libcsv) {
        d->end = r;
        d->err = e;
    } else if (same && (at != d->n || r != d->end || e.code != d->err.code ||
                        e.line != d->err.line ||
                        (r < 0 && strcmp(e.msg, d->err.msg) != 0))) {
        same = csvdiff_fail(d, at, "another end");
    }
    return same;
}

static inline void csvdiff_free(struct csvdiff *d)
{
    free(d->items);
    buf_free(&d->bytes);
}

#endif
