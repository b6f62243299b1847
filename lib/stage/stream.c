/* The stream: records in, records out, and those that are turned away. */
#include "json/check.h"
#include "stage/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__extension__ typedef unsigned __int128 wide;

/* ---- hooks of the inputs ---- */

static int interrupted(struct stage *st)
{
    return err_set(&st->err, ERR_TEMPFAIL, "interrupted");
}

/* The input has nothing more for now: let the reader have what we have. */
int stream_idle(void *ctx, struct err *e)
{
    struct stage *st = ctx;
    (void)e;
    if (stage_stopping())
        return interrupted(st);
    if (st->priv->dlq && dlq_flush(st->priv->dlq, &st->err))
        return -1;
    if (st->out.buf &&
        (stream_write_run(st) || output_flush(&st->out, &st->err)))
        return -1;
    if (branches_flush(st, &st->err))
        return -1;
    observe_live(st, true);
    int r = st->on_idle ? st->on_idle(st->idle_context, &st->err) : 0;
    if (st->priv->current == &st->priv->in)
        st->priv->in.idle_ms = st->idle_ms;
    return r;
}

static int on_progress(void *ctx, struct err *e)
{
    (void)e;
    return stage_tick(ctx);
}

void stage_watch(struct stage *st, struct input *in)
{
    struct stage_private *p = st->priv;
    if (p->current) {
        p->bytes_in += p->current->bytes;
        p->raw_in += p->current->raw_bytes;
    }
    in->idle = stream_idle;
    in->progress = on_progress;
    in->ctx = st;
    p->current = in;
    p->raw_size += in->size;
}

void stage_unwatch(struct stage *st, const struct input *in)
{
    struct stage_private *p = st->priv;
    if (p->current != in)
        return;
    p->bytes_in += in->bytes;
    p->raw_in += in->raw_bytes;
    p->current = NULL;
}

int stage_idle(struct stage *st)
{
    struct err same;
    /* Nothing may be written for long: who reads must not be missed by then. */
    return stream_idle(st, &same) || output_look(&st->out, &st->err) ||
                   stage_tick(st)
               ? -1
               : 0;
}

int stage_tick(struct stage *st)
{
    if (stage_stopping())
        return interrupted(st);
    report_progress(st, false);
    observe_live(st, false);
    return 0;
}

/* A signal or an unknown code is bad luck; a sysexits code is kept. */
static int upstream_failed(struct stage *st, int cause)
{
    return err_set(&st->err,
                   cause >= 64 && cause <= 78 ? (enum err_code)cause
                                              : ERR_TEMPFAIL,
                   "upstream failed with exit %d", cause);
}

int stage_judge_early(struct stage *st, enum verdict *so_far)
{
    int cause;
    *so_far = mark_judge_early(STDIN_FILENO, &cause);
    return *so_far == VERDICT_FAILED ? upstream_failed(st, cause) : 0;
}

int stage_judge(struct stage *st, struct input *in)
{
    stage_unwatch(st, in);
    if (in->fd != STDIN_FILENO)
        return 0;
    int cause;
    enum verdict v = mark_judge(in->fd, in->raw_bytes, &cause);
    if (v > st->verdict)
        st->verdict = v;
    switch (v) {
    case VERDICT_CLEAN:
    case VERDICT_UNKNOWN: return 0;
    case VERDICT_MIXED:
        return err_set(&st->err, ERR_DATA,
                       "input is mixed: other bytes than the upstream wrote "
                       "came or went on the pipe");
    case VERDICT_FAILED: return upstream_failed(st, cause);
    case VERDICT_DIED: break;
    }
    return err_set(&st->err, ERR_TEMPFAIL,
                   "upstream died before the end of its stream");
}

/* ---- records in ---- */

int stream_open(struct stage *st)
{
    struct stage_private *p = st->priv;
    input_fd(&p->in, STDIN_FILENO, "-");
    p->in.raw = true; /* the stream is NDJSON; pipe-extract decompresses */
    stage_watch(st, &p->in);
    p->in_open = true;
    p->lane = (struct lane){ .st = st, .opts = &st->opts, .check = true };
    if (ahead_wanted(st))
        return ahead_start(st);
    p->reader = &p->own;
    return reader_init(&p->own, &p->in, st->opts.max_record,
                       (unsigned)st->opts.max_depth, &st->err);
}

void stream_close(struct stage *st)
{
    if (st->priv->in_open)
        reader_free(&st->priv->own);
    ahead_stop(st);
    st->priv->in_open = false;
    st->priv->current = NULL;
}

static int reject_malformed(struct stage *st, const struct record *rec,
                            const struct json_fault *f)
{
    return stage_rejectf(st, rec, f->code, "", "%s at byte %zu", f->why,
                         f->offset + 1);
}

int stream_truncated(struct stage *st, uint64_t line)
{
    /* Behind a killed upstream this is the expected sight: its verdict is the
     * better reason. */
    if (stage_judge(st, &st->priv->in))
        return -1;
    return err_set(&st->err, ERR_DATA,
                   "input is truncated: line %llu has no end and is no whole "
                   "object",
                   (unsigned long long)line);
}

int stream_end(struct stage *st)
{
    st->priv->stream_done = true;
    return stage_judge(st, &st->priv->in);
}

/* The lines of the next block that has some: their number, 0 at the end, -1.
 * The block before is gone. */
static int next_block(struct stage *st)
{
    struct stage_private *p = st->priv;
    int n = 0;
    if (!p->ahead)
        return reader_batch(p->reader, p->lines, STAGE_BATCH, &st->err);
    while (n == 0 && !(p->reader && p->reader->eof)) {
        if (ahead_next(st))
            return -1;
        n = reader_at_hand(p->reader, p->lines, STAGE_BATCH, &st->err);
    }
    return n;
}

/* Reads the next lines: 1, 0 at the end, -1. */
static int read_lines(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (!p->in_open && stream_open(st))
        return -1;
    if (p->stream_done)
        return 0;
    if (stage_stopping())
        return interrupted(st);
    if (stream_judge_sample(st))
        return -1;
    p->at_line = p->n_lines = 0;
    int n = p->reader
                ? reader_at_hand(p->reader, p->lines, STAGE_BATCH, &st->err)
                : 0;
    if (n == 0) {
        if (stream_write_run(st)) /* of the block, which goes */
            return -1;
        n = next_block(st);
    }
    if (n < 0)
        return -1;
    if (n == 0)
        return stream_end(st);
    p->n_lines = n;
    if (p->lines[0].line.line == 1)
        p->lane.check = !mark_trusted(STDIN_FILENO);
    return 1;
}

static int next_records(struct stage *st, struct record *recs, int max)
{
    struct stage_private *p = st->priv;
    for (;;) {
        if (p->at_line == p->n_lines) {
            int r = read_lines(st);
            if (r <= 0)
                return r;
        }
        int n =
            lane_take(&p->lane, p->lines, p->n_lines, &p->at_line, recs, max);
        if (n && p->samples)
            columns_read(st, recs, n);
        if (n)
            return n;
    }
}

int stage_next(struct stage *st, struct record *rec)
{
    return next_records(st, rec, 1);
}

int stage_next_batch(struct stage *st, struct record *recs)
{
    return next_records(st, recs, STAGE_BATCH);
}

int lane_run(struct stage *st, lane_work *work, void *const *workers, size_t n)
{
    static struct record recs[STAGE_BATCH];
    int r, worked;
    if (stream_open(st))
        return -1;
    if (n > 1)
        return crew_run(st, work, workers, n) ? -1 : stream_end(st);
    while ((r = stage_next_batch(st, recs)) > 0) {
        worked = work(workers[0], &st->priv->lane, recs, r);
        if (worked)
            return -1;
    }
    return r;
}

int stage_admit(struct stage *st, const struct record *rec)
{
    struct json_fault f;
    st->counts.in++;
    if (!st->priv->current) /* no bytes were read for it that we saw */
        st->priv->raw_in += rec->text.n + 1;
    if (rec->text.n > st->opts.max_record)
        return stage_rejectf(st, rec, "too_long", "",
                             "record of %zu bytes, limit is %llu", rec->text.n,
                             (unsigned long long)st->opts.max_record);
    if (json_check_object(rec->text, (unsigned)st->opts.max_depth, &f))
        return reject_malformed(st, rec, &f);
    return stage_stopping() ? interrupted(st) : 1;
}

/* ---- records out ---- */

int stream_write_run(struct stage *st)
{
    struct str run = st->priv->run;
    st->priv->run = STR("");
    if (st->priv->samples)
        columns_write(st, run);
    return output_write(&st->out, run, &st->err);
}

int stage_emit(struct stage *st, struct str text)
{
    if (st->priv->run.n && stream_write_run(st))
        return -1;
    if (st->priv->samples) {
        columns_write(st, text);
        columns_write(st, STR("\n"));
    }
    if (output_write(&st->out, text, &st->err))
        return -1;
    return output_write(&st->out, STR("\n"), &st->err);
}

int stage_pass(struct stage *st, struct str text)
{
    st->counts.out++;
    return stage_emit(st, text);
}

int stage_pass_record(struct stage *st, const struct record *rec)
{
    struct str *run = &st->priv->run, text = rec->text;
    /* A line that is not ended by a line feed alone is written for itself. */
    if (!rec->feed)
        return stage_pass(st, text);
    st->counts.out++;
    if (run->n && run->p + run->n == text.p) {
        run->n += text.n + 1;
        return 0;
    }
    if (run->n && stream_write_run(st))
        return -1;
    *run = (struct str){ text.p, text.n + 1 };
    return 0;
}

int stage_pass_lines(struct stage *st, struct str text, size_t n)
{
    if (st->priv->run.n && stream_write_run(st))
        return -1;
    st->counts.out += n;
    if (st->priv->samples)
        columns_write(st, text);
    return output_write(&st->out, text, &st->err);
}

/* ---- rejects ---- */

/* Reads "0.5%", of at most 9 digits behind the point, as parts of SHARE_WHOLE:
 * in binary, 57 of 10,000 would be more than 0.57%. */
static bool share_of(const char *s, uint64_t *share)
{
    uint64_t unit = SHARE_WHOLE / 100, v = 0;
    const char *start = s;
    for (; *s >= '0' && *s <= '9' && v <= SHARE_WHOLE; s++)
        v = v * 10 + (uint64_t)(*s - '0') * unit;
    bool digits = s > start;
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9' && unit > 1; s++, digits = true)
            v += (uint64_t)(*s - '0') * (unit /= 10);
    *share = v;
    return digits && strcmp(s, "%") == 0 && v <= SHARE_WHOLE;
}

int stream_limits(struct stage *st)
{
    struct stage_private *p = st->priv;
    const char *s = st->opts.max_reject;
    p->percent = p->dlq_wanted;
    p->max_share = 5 * (SHARE_WHOLE / 100);
    p->max_given = s != NULL;
    if (!s)
        return 0;
    char *end;
    size_t digits = strspn(s, "0123456789");
    if (share_of(s, &p->max_share)) {
        p->percent = true;
        return 0;
    } else if (digits && s[digits] == '\0') {
        p->percent = false;
        p->max_count = strtoull(s, &end, 10);
        return 0;
    }
    return err_set(&st->err, ERR_USAGE,
                   "option --max-reject: '%s' is neither a count nor a share "
                   "such as 1%%",
                   s);
}

/* Too many rejects; where they went to dead letters nobody has seen one yet. */
static int too_many(struct stage *st, uint64_t rejected, uint64_t in,
                    const char *limit)
{
    struct stage_private *p = st->priv;
    const char *where = p->dlq ? dlq_path(p->dlq) : NULL;
    return err_set(&st->err, ERR_DATA,
                   "%llu of %llu records rejected, %s%s%s%s%s",
                   (unsigned long long)rejected, (unsigned long long)in, limit,
                   where ? "; the last: " : "", where ? p->last_reject : "",
                   where ? "; dead letters in " : "", where ? where : "");
}

/* Are so many rejects of so many records beyond what is allowed? */
static int judge(struct stage *st, uint64_t rejected, uint64_t in)
{
    struct stage_private *p = st->priv;
    char limit[64];
    if (p->percent ? (wide)rejected * SHARE_WHOLE <= (wide)p->max_share * in
                   : rejected <= p->max_count)
        return 0;
    snprintf(limit, sizeof(limit), "--max-reject is %s",
             p->max_given ? st->opts.max_reject
             : p->percent ? "5%"
                          : "0");
    return too_many(st, rejected, in, limit);
}

int stream_judge_sample(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (p->sampled || !p->percent || st->counts.in < st->opts.min_sample)
        return 0;
    p->sampled = true;
    return judge(st, p->sample_rejects, st->opts.min_sample);
}

/* A share of few records says little: the sample is judged as a whole, and
 * then every reject. */
static int judge_reject(struct stage *st, uint64_t in)
{
    struct stage_private *p = st->priv;
    if (in <= st->opts.min_sample)
        p->sample_rejects++;
    if (p->percent && in < st->opts.min_sample)
        return 0;
    if (in > st->opts.min_sample && stream_judge_sample(st))
        return -1;
    return judge(st, st->counts.rejected, in);
}

/* Where there were less than a sample, only a share that somebody asked for is
 * judged. */
static int judge_all(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (stream_judge_sample(st))
        return -1;
    return p->percent && !p->sampled && !p->max_given
               ? 0
               : judge(st, st->counts.rejected, st->counts.in);
}

/* Options that name a file of this very run: a replay's records go to stdout,
 * and nothing that stands is written over. */
static bool is_of_this_run(const char *arg, bool *value_follows)
{
    static const char *const names[] = { "--output", "--duplicates" };
    *value_follows = strcmp(arg, "-o") == 0;
    if (strncmp(arg, "-o", 2) == 0)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t n = strlen(names[i]);
        if (strncmp(arg, names[i], n) == 0 && (!arg[n] || arg[n] == '=')) {
            *value_follows = !arg[n];
            return true;
        }
    }
    return false;
}

/* The argv that runs this stage again: given by the command, or as called. */
static const char *const *replay_argv(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (p->replay && !st->replay_args.n)
        return p->replay;
    free(p->replay); /* the command's may differ from input to input */
    size_t n = 0, args = 0;
    for (size_t i = 0; i < st->replay_args.n; i++)
        n += st->replay_args.p[i] == '\0';
    while (!n && p->full_argv[args])
        args++;
    p->replay = calloc(n + args + 1, sizeof(*p->replay));
    if (!p->replay)
        return NULL;
    const char *arg = st->replay_args.p;
    for (size_t i = 0; i < n; i++, arg += strlen(arg) + 1)
        p->replay[i] = arg;
    bool options = true, skip = false, value;
    for (size_t i = 0; i < args; i++) {
        options &= strcmp(p->full_argv[i], "--") != 0;
        if (!skip && !(options && is_of_this_run(p->full_argv[i], &value)))
            p->replay[n++] = p->full_argv[i];
        else
            skip = !skip && value;
    }
    return p->replay;
}

/* What a letter or a line on stderr says of where the record came from. */
static struct dlq_letter origin(struct stage *st, const struct record *rec)
{
    const char *partition = st->opts.date ? st->opts.date : "";
    return (struct dlq_letter){
        .partition =
            st->partition.n ? buf_str(&st->partition) : str_of(partition),
        .uri = str_of(rec->uri ? rec->uri : ""),
        .line = rec->line,
        .offset = rec->offset,
    };
}

static int to_dlq(struct stage *st, const struct record *rec,
                  struct dlq_letter l)
{
    struct stage_private *p = st->priv;
    l.argv = replay_argv(st);
    if (!l.argv)
        return err_nomem(&st->err);
    l.pipeline = str_of(st->opts.pipeline ? st->opts.pipeline : "");
    l.run_id = str_of(st->run_id);
    l.stage = str_of(st->cmd->name);
    l.context = buf_str(&st->context);
    l.raw = rec->text;
    l.length = rec->length ? rec->length : rec->text.n;
    snprintf(p->last_reject, sizeof(p->last_reject), "%.*s%s%.*s (%s)",
             STR_ARG(l.errors->path), l.errors->path.n ? " " : "",
             STR_ARG(l.errors->message), l.errors->code);
    return dlq_add(p->dlq, &l, NULL, &st->err);
}

/* To stderr, to the dead letters, or to both. */
static int tell(struct stage *st, const struct record *rec,
                const struct reason *reasons, size_t n)
{
    struct dlq_letter l = origin(st, rec);
    struct dlq_error *errors = calloc(n, sizeof(*errors));
    if (!errors)
        return err_nomem(&st->err);
    for (size_t i = 0; i < n; i++)
        errors[i] = (struct dlq_error){ reasons[i].code, reasons[i].path,
                                        reasons[i].message, reasons[i].schema };
    l.errors = errors;
    l.n_errors = n;
    if (report_shows_reject(st))
        report_reject(st, &l);
    int r = st->priv->dlq ? to_dlq(st, rec, l) : 0;
    free(errors);
    return r;
}

int stage_reject(struct stage *st, const struct record *rec,
                 const struct reason *reasons, size_t n)
{
    st->counts.rejected++;
    if (st->priv->observe)
        observe_reject(st, reasons[0].code);
    if (st->tallies && tally_add(&st->tally, rec, reasons, n))
        return err_nomem(&st->err);
    if ((st->priv->dlq || report_shows_reject(st)) && tell(st, rec, reasons, n))
        return -1;
    return judge_reject(st, rec->number ? rec->number : st->counts.in);
}

int stage_rejectf(struct stage *st, const struct record *rec, const char *code,
                  const char *path, const char *fmt, ...)
{
    char msg[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    struct reason r = { .code = code,
                        .path = str_of(path),
                        .message = str_of(msg) };
    return stage_reject(st, rec, &r, 1);
}

int stage_checkpoint(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (stream_judge_sample(st) ||
        ((!p->percent || p->sampled) &&
         judge(st, st->counts.rejected, st->counts.in)))
        return -1;
    return p->dlq ? dlq_sync(p->dlq, &st->err) : 0;
}

int stage_settle(struct stage *st)
{
    struct stage_private *p = st->priv;
    const struct counts *c = &st->counts;
    if (p->settled)
        return 0;
    if (judge_all(st))
        return -1;
    bool all_allowed =
        p->percent && p->max_given && p->max_share == SHARE_WHOLE;
    if (c->in && c->rejected == c->in && !all_allowed)
        return too_many(st, c->rejected, c->in,
                        "all of them (--max-reject 100% allows it)");
    if (c->in != c->out + c->rejected + c->filtered + c->duplicates)
        return err_set(&st->err, ERR_BUG,
                       "counts do not add up: %llu read, %llu out, %llu "
                       "rejected, %llu filtered, %llu duplicates",
                       (unsigned long long)c->in, (unsigned long long)c->out,
                       (unsigned long long)c->rejected,
                       (unsigned long long)c->filtered,
                       (unsigned long long)c->duplicates);
    if (p->dlq && dlq_sync(p->dlq, &st->err))
        return -1;
    p->settled = true;
    return 0;
}
