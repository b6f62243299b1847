/* pipe-extract: read sources and write their records as NDJSON. */
#include "extract.h"
#include "source/ops.h"

#include <stdlib.h>

static uint64_t max_size, max_ratio = 1000, max_records, max_ms, jobs;
static bool meta, rewind_it, follow, show, unwraps;
static const char *cursor, *lag, *from, *resume_from, *source_name, *expect;
static uint64_t max_age_ms;

static const struct opt opts[] = {
    { OPT_SIZE, 0, "max-size", "SIZE", &max_size,
      "fail where a source decompresses to more than SIZE; default no limit",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "max-ratio", "N", &max_ratio,
      "fail where a source decompresses to more than N times its size (judged "
      "from 1 MiB on); default 1000, 0 for no limit",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 'j', "jobs", "N", &jobs,
      "ask a source for N parts at a time, where it can be asked so", NULL, 1,
      64, 0, COMPLETE_NONE, "PIPE_JOBS" },
    { OPT_FLAG, 0, "meta", NULL, &meta,
      "add _source, _file, _line, _extracted_at and _run_id to each record",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "cdc", NULL, &unwraps,
      "records are change events, of Debezium or wal2json: pass the rows in "
      "them, with __op, __deleted and what tells where they are from",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "expect", "N|MIN..MAX", &expect,
      "fail unless so many records were read", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_TIME, 0, "max-age", "TIME", &max_age_ms,
      "fail where nothing is newer: by the cursor, else by when files changed",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "positions", NULL, NULL, "Reading on", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "cursor", "FIELD", &cursor,
      "read only records whose FIELD is not below what was committed", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "lag", "AMOUNT", &lag,
      "look again at records that lie up to a time such as 5m, or a number, "
      "below that",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "from", "VALUE", &from,
      "where nothing is committed, begin at this value of the cursor", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "resume-from", "LEDGER", &resume_from,
      "go on where the ledger in sqlite:FILE or postgresql://... says; default "
      "under pipe-run: where the state directory says",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_RESUME_FROM" },
    { OPT_FLAG, 0, "rewind", NULL, &rewind_it,
      "begin at the beginning, or at --from, whatever is committed", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "source-name", "NAME", &source_name,
      "keep positions under this name; default the URI as written, and "
      "#TABLE with --table",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "show-state", NULL, &show,
      "print the positions that are committed, and read nothing", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "follow", NULL, &follow,
      "wait for more where a live source has no more", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "max", "N", &max_records, "stop after N records", NULL, 1,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "max-time", "TIME", &max_ms,
      "stop reading live sources after TIME", NULL, 1, 0, 0, COMPLETE_NONE,
      NULL },
    { 0 }
};

/* Tables of days and formats, then those of the connectors. */
static const struct opt *more(size_t i)
{
    if (i-- == 0)
        return days_options;
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
    .summary = "read files, APIs, databases and streams, write records",
    .usage = "[OPTION...] [URI...]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_REJECTS | STAGE_OPERANDS,
    .operands = COMPLETE_FILE,
    .notes =
        "A URI is a file, folder, archive or quoted glob, http(s)://..., "
        "s3://...,\nsqlite:FILE, postgresql://..., "
        "postgresql+cdc://..., kafka://...,\nredis://..., mqtt://..., or - "
        "for stdin (default).",
    .more = more,
};

/* ---- options ---- */

static void say(void *listener, const char *text)
{
    struct stage *st = listener;
    if (st->opts.verbose)
        stage_note(st, "%s", text);
}

/* Where connectors keep what they must; NULL where there is no such place,
 * which is for them to say. */
static const char *state_folder_of(struct extract *x)
{
    struct stage *st = x->st;
    struct err none = st->err;
    bool found = stage_state_dir(st, &x->state_dir) == 0 &&
                 buf_addz(&x->state_dir, "/sources") == 0;
    st->err = none;
    return found ? buf_z(&x->state_dir) : NULL;
}

static int prepare(struct stage *st, struct extract *x)
{
    struct source_opts *o = &x->source;
    o->max_record = (size_t)st->opts.max_record;
    o->max_depth = (unsigned)st->opts.max_depth;
    o->stop = stage_stopping;
    o->app = command.name;
    o->pipeline = st->opts.pipeline;
    o->jobs = (unsigned)jobs;
    o->limits = (struct input_limits){ max_size, max_ratio };
    o->say = say;
    o->listener = st;
    x->st = st;
    x->max_size = max_size;
    x->max_ratio = max_ratio;
    x->max = max_records;
    x->max_ms = max_ms;
    x->meta = meta;
    x->unwraps = unwraps;
    x->max_age_ms = max_age_ms;
    if (expect && checks_parse(x, expect))
        return -1;
    x->text.max = x->marked.max = 2 * o->max_record + 65536;
    clock_gettime(CLOCK_MONOTONIC, &x->started);
    x->track_opts = (struct track_opts){ .resume_from = resume_from,
                                         .source_name = source_name,
                                         .cursor = cursor,
                                         .lag = lag,
                                         .from = from,
                                         .rewind = rewind_it,
                                         .follow = follow };
    if (track_begin(&x->track, st, &x->track_opts) || item_begin(x))
        return -1;
    o->follow = follow;
    o->state_dir = state_folder_of(x);
    o->each = x->track.marks || max_records || meta || unwraps;
    o->notes = x->track.run_dir && st->opts.pipeline && !max_records;
    return formats_parse(&x->formats, o, &st->err) ||
                   queries_parse(&x->queries, st, o) || days_parse(&x->days, st)
               ? -1
               : 0;
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
    struct days_iter it = { 0 };
    for (size_t i = 0; i < n; i++)
        if (origin_open(x, &v[i], days_next(&x->days, st, &it), &it))
            return -1;
    if (days_check(st, v, n))
        return -1;
    int r = 1;
    for (size_t i = 0; i < n && r > 0; i++)
        r = origin_read(x, &v[i]);
    return r < 0 || checks_judge(x) || track_end(&x->track) ? -1 : 0;
}

static int run(struct stage *st, struct extract *x)
{
    if (prepare(st, x) || check_stdin(st))
        return -1;
    if (source_name && st->argc > 1)
        return err_set(&st->err, ERR_USAGE,
                       "option --source-name is for one source, not %d",
                       st->argc);
    if (show)
        return show_state(x);
    size_t n = days_count(&x->days, st);
    struct origin *v = n ? calloc(n, sizeof(*v)) : NULL;
    if (!v)
        return n ? err_nomem(&st->err) : -1;
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
    buf_free(&x.stamp);
    cdc_free(x.cdc);
    buf_free(&x.rows);
    buf_free(&x.state_dir);
    buf_free(&x.text);
    buf_free(&x.marked);
    formats_free(&x.formats);
    queries_free(&x.queries);
    return stage_finish(&st);
}
