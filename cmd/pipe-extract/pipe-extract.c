/* pipe-extract: read sources and write their records as NDJSON. */
#include "formats.h"
#include "source/feed.h"
#include "source/files.h"
#include "source/ops.h"
#include "stage/stage.h"

#include <inttypes.h>
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

/* What the options come to; used for every input. */
struct extract {
    struct files files;
    struct formats formats;
    struct source_opts source;
    bool doubted; /* of many files the first one says it for all */
};

/* ---- options ---- */

static int list_files(struct stage *st, struct files *files)
{
    struct buf name = { .max = 65536 };
    int r = st->argc == 0 ? files_add(files, "-", &st->err) : 0;

    for (int i = 0; r == 0 && i < st->argc; i++) {
        buf_reset(&name);
        r = stage_expand(st, &name, st->argv[i]);
        if (r == 0)
            r = buf_z(&name) ? files_add(files, name.p, &st->err)
                             : err_nomem(&st->err);
    }
    buf_free(&name);
    return r;
}

static int prepare(struct stage *st, struct extract *x)
{
    struct source_opts *o = &x->source;
    o->max_record = (size_t)st->opts.max_record;
    o->max_depth = (unsigned)st->opts.max_depth;
    o->stop = stage_stopping;
    o->app = command.name;
    return formats_parse(&x->formats, o, &st->err) || list_files(st, &x->files)
               ? -1
               : 0;
}

/* ---- work ---- */

/* Tells dead letters how to read raw again: on stdin, by the same rules. */
static int describe(struct stage *st, const struct source *s)
{
    if (st->context.n > 0)
        return 0;
    buf_addz(&st->replay_args, command.name);
    buf_addc(&st->replay_args, '\0');
    buf_addf(&st->replay_args, "--max-record=%" PRIu64 "%c",
             st->opts.max_record, 0);
    buf_addf(&st->replay_args, "--max-depth=%" PRIu64 "%c", st->opts.max_depth,
             0);
    if (source_context(s, &st->context, &st->err) ||
        source_args(s, &st->replay_args, &st->err))
        return -1;
    buf_addc(&st->replay_args, '-');
    return buf_addc(&st->replay_args, '\0') ? err_nomem(&st->err) : 0;
}

static int reject(struct stage *st, const struct record *rec,
                  const struct source_item *item)
{
    struct reason reasons[32];
    size_t n = 0;

    for (; n < item->n_faults && n < 32; n++)
        reasons[n] = (struct reason){ .code = item->faults[n].code,
                                      .path = item->faults[n].path,
                                      .message = item->faults[n].message };
    st->counts.in++;
    return stage_reject(st, rec, reasons, n);
}

static int take(struct stage *st, const struct source *s, const char *uri,
                const struct source_item *item)
{
    struct record rec = { .text = item->raw,
                          .uri = uri,
                          .line = item->line,
                          .offset = item->offset,
                          .length = item->length };

    if (item->kind == SOURCE_RECORD) {
        st->counts.in++;
        return stage_pass(st, item->text);
    }
    if (item->kind == SOURCE_RECORDS) {
        st->counts.in += item->count;
        return stage_pass_lines(st, item->text, item->count);
    }
    if (describe(st, s))
        return -1;
    if (item->kind == SOURCE_REJECT)
        return reject(st, &rec, item);
    int r = stage_admit(st, &rec);
    return r > 0 ? stage_pass(st, item->text) : r;
}

/* What was found out about a source is told under -v. */
static int say_found(struct stage *st, const struct source *s)
{
    struct buf text = { .max = 65536 };
    int r = st->opts.verbose ? source_found(s, &text, &st->err) : 0;

    if (r == 0 && text.n && buf_z(&text))
        stage_note(st, "%s", text.p);
    buf_free(&text);
    return r;
}

static int say_doubt(struct stage *st, struct extract *x,
                     const struct source *s)
{
    struct buf text = { .max = 65536 };
    int r = x->doubted ? 0 : source_doubt(s, &text, &st->err);

    if (r == 0 && text.n && buf_z(&text)) {
        x->doubted = true;
        stage_note(st, "%s", text.p);
    }
    buf_free(&text);
    return r;
}

static int extract_input(struct stage *st, struct extract *x, struct input *in)
{
    struct source *s = NULL;
    struct source_item item;

    buf_reset(&st->context);
    buf_reset(&st->replay_args);
    int r = source_open(&s, in, &x->source, &st->err) || say_found(st, s) ||
                    say_doubt(st, x, s)
                ? -1
                : 1;
    while (r > 0) {
        r = source_next(s, &item, &st->err);
        if (r > 0 && take(st, s, in->uri, &item))
            r = -1;
    }
    source_close(s);
    /* Behind a killed upstream a cut record is the expected sight: the mark is
     * the better reason, and replaces the error. */
    bool cut = r < 0 && st->err.code == ERR_DATA && in->eof;
    if (r == 0 || cut)
        r = stage_judge(st, in) || cut ? -1 : 0;
    return r;
}

static int extract(struct stage *st, struct extract *x)
{
    if (prepare(st, x))
        return -1;
    for (size_t i = 0; i < x->files.n; i++) {
        struct input in;
        if (input_open(&in, x->files.paths[i], &st->err))
            return -1;
        in.limits.max_bytes = max_size;
        in.limits.max_ratio = max_ratio;
        stage_watch(st, &in);
        stage_input(st, x->files.paths[i]);
        int r = extract_input(st, x, &in);
        stage_input_end(st);
        input_close(&in);
        if (r || stage_tick(st))
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct extract x = { 0 };
    struct stage st;

    if (stage_start(&st, &command, argc, argv) == 0)
        extract(&st, &x);
    files_free(&x.files);
    formats_free(&x.formats);
    return stage_finish(&st);
}
