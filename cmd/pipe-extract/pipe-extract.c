/* pipe-extract: read sources and write their records as NDJSON. */
#include "extract.h"
#include "source/ops.h"

#include <stdlib.h>

static uint64_t max_size, max_ratio = 1000;

static const struct opt opts[] = {
    { OPT_SIZE, 0, "max-size", "SIZE", &max_size,
      "fail where a source decompresses to more than SIZE; default no limit",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "max-ratio", "N", &max_ratio,
      "fail where a source decompresses to more than N times its size (judged "
      "from 1 MiB on); default 1000, 0 for no limit",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

/* Tables of the formats, then those of the connectors. */
static const struct opt *more(size_t i)
{
    if (i-- == 0)
        return formats_options;
    for (const struct source_ops *const *s = source_connectors; *s; s++)
        if ((*s)->opts && i-- == 0)
            return (*s)->opts;
    for (const struct feed_ops *const *f = feed_connectors; *f; f++)
        if ((*f)->opts && i-- == 0)
            return (*f)->opts;
    return NULL;
}

static const struct command command = {
    .name = "pipe-extract",
    .summary = "read CSV, TSV, NDJSON and JSON sources, write records",
    .usage = "[OPTION...] [URI...]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_REJECTS | STAGE_OPERANDS,
    .operands = COMPLETE_FILE,
    .notes = "A URI is a path, file:PATH, a quoted glob, or - for stdin "
             "(default).",
    .more = more,
};

/* ---- options ---- */

static int prepare(struct stage *st, struct extract *x)
{
    struct source_opts *o = &x->source;
    o->max_record = (size_t)st->opts.max_record;
    o->max_depth = (unsigned)st->opts.max_depth;
    o->stop = stage_stopping;
    o->app = command.name;
    x->st = st;
    x->max_size = max_size;
    x->max_ratio = max_ratio;
    return formats_parse(&x->formats, o, &st->err);
}

/* ---- work ---- */

static int check_stdin(struct stage *st)
{
    int n = 0;
    for (int i = 0; i < st->argc; i++)
        n += strcmp(st->argv[i], "-") == 0;
    return n > 1 ? err_set(&st->err, ERR_USAGE, "stdin is named twice") : 0;
}

/* What is not there is known before the first record is written. */
static int extract(struct stage *st, struct extract *x, struct origin *v,
                   size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (origin_open(x, &v[i], st->argc ? st->argv[i] : "-"))
            return -1;
    int r = 1;
    for (size_t i = 0; i < n && r > 0; i++)
        r = origin_read(x, &v[i]);
    return r < 0 ? -1 : 0;
}

static int run(struct stage *st, struct extract *x)
{
    size_t n = st->argc ? (size_t)st->argc : 1;
    if (prepare(st, x) || check_stdin(st))
        return -1;
    struct origin *v = calloc(n, sizeof(*v));
    if (!v)
        return err_nomem(&st->err);
    int r = extract(st, x, v, n);
    for (size_t i = 0; i < n; i++)
        origin_free(&v[i]);
    free(v);
    return r;
}

int main(int argc, char **argv)
{
    struct extract x = { 0 };
    struct stage st;

    if (stage_start(&st, &command, argc, argv) == 0)
        run(&st, &x);
    track_free(&x.track);
    formats_free(&x.formats);
    return stage_finish(&st);
}
