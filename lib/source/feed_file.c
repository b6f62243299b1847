/* file: paths, file: URIs, globs, "-" for stdin: what operands name that no
 * other feed does. */
#include "source/feed.h"
#include "source/files.h"

struct feed_file {
    struct feed base;
    struct files files;
    size_t at;       /* the file that comes next */
    struct input in; /* of the one before, while open */
    bool open;
};

static int file_open(struct feed *base, struct err *e)
{
    struct feed_file *f = (struct feed_file *)base;
    return files_add(&f->files, base->uri, e);
}

static void close_input(struct feed_file *f)
{
    if (f->open)
        input_close(&f->in);
    f->open = false;
}

static int file_next(struct feed *base, struct input **in, struct err *e)
{
    struct feed_file *f = (struct feed_file *)base;
    close_input(f);
    if (f->at == f->files.n)
        return 0;
    if (input_open(&f->in, f->files.paths[f->at], e))
        return -1;
    f->at++;
    f->open = true;
    *in = &f->in;
    return 1;
}

static void file_close(struct feed *base)
{
    struct feed_file *f = (struct feed_file *)base;
    close_input(f);
    files_free(&f->files);
}

static const char *const schemes[] = { "file:", NULL };

FEED_CONNECTOR(file) = {
    .name = "file",
    .schemes = schemes,
    .size = sizeof(struct feed_file),
    .open = file_open,
    .next = file_next,
    .close = file_close,
};
