/* What a stage says on stderr: one line on failure, progress on a terminal,
 * structured lines under --log json, silence otherwise. */
#include "base/date.h"
#include "dlq/envelope.h"
#include "json/visible.h"
#include "stage/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DRAW_EVERY_MS 200
#define SHOW_REJECTS 10
#define SHOW_BYTES 4096 /* of a reject: what is longer is cut */

bool report_is_json(const struct stage *st)
{
    return st->opts.log && strcmp(st->opts.log, "json") == 0;
}

/* One write, so that lines of several stages do not mix. */
static void put(const struct buf *b)
{
    const char *p = b->p;
    size_t n = b->n;
    while (n) {
        ssize_t w = write(STDERR_FILENO, p, n);
        if (w <= 0 && errno != EINTR)
            return;
        if (w > 0) {
            p += w;
            n -= (size_t)w;
        }
    }
}

static void erase_progress(struct stage *st, struct buf *b)
{
    if (st->priv && st->priv->drawn) {
        buf_addz(b, "\r\033[K");
        st->priv->drawn = false;
    }
}

/* The members that every structured line begins with; leaves it open. */
static void begin_json(struct stage *st, struct buf *b, const char *level)
{
    buf_addz(b, "{\"ts\":\"");
    time_format(b, time_now());
    buf_addf(b, "\",\"level\":\"%s\",\"stage\":\"%s\"", level, st->cmd->name);
    if (st->opts.pipeline) {
        buf_addz(b, ",\"pipeline\":");
        json_quote(b, str_of(st->opts.pipeline));
    }
    if (st->run_id) {
        buf_addz(b, ",\"run_id\":");
        json_quote(b, str_of(st->run_id));
    }
    const struct trace *t = &st->priv->trace;
    if (t->id[0])
        buf_addf(b, ",\"trace_id\":\"%s\",\"span_id\":\"%s\"", t->id, t->span);
}

/* A line of JSON, with escapes for what a terminal might obey: into the log of
 * the run, and where told to stderr. Half a line would be no JSON. */
static void put_json(struct stage *st, const char *level, struct str members,
                     bool show)
{
    struct buf b = { 0 }, line = { 0 };
    if (!show && st->priv->log < 0)
        return;
    begin_json(st, &b, level);
    buf_add_str(&b, members);
    buf_addz(&b, "}\n");
    if (!b.failed && visible_json(&line, buf_str(&b)) == 0) {
        log_line(st, buf_str(&line));
        if (show)
            put(&line);
    }
    buf_free(&b);
    buf_free(&line);
}

static void log_message(struct stage *st, const char *level, struct str msg,
                        bool show)
{
    struct buf b = { 0 };
    if (!show && st->priv->log < 0)
        return;
    buf_addz(&b, ",\"msg\":");
    json_quote(&b, msg);
    if (!b.failed)
        put_json(st, level, buf_str(&b), show);
    buf_free(&b);
}

static void say(struct stage *st, const char *level, struct str msg, bool lines)
{
    struct buf b = { 0 };
    erase_progress(st, &b);
    log_message(st, level, msg, report_is_json(st));
    if (!report_is_json(st)) {
        buf_addf(&b, "%s: ", st->cmd->name);
        (void)(lines ? visible_lines(&b, msg) : visible_text(&b, msg));
        buf_addc(&b, '\n');
        put(&b);
    }
    buf_free(&b);
}

void stage_note(struct stage *st, const char *fmt, ...)
{
    struct buf b = { .max = 32768 };
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    if (st->opts.quiet)
        log_message(st, "info", buf_str(&b), false);
    else
        say(st, "info", buf_str(&b), false);
    buf_free(&b);
}

void report_text(struct stage *st, struct str text)
{
    struct buf b = { 0 };
    erase_progress(st, &b);
    buf_add_str(&b, text);
    put(&b);
    buf_free(&b);
}

void report_json(struct stage *st, const char *level, struct str members)
{
    struct buf b = { 0 };
    erase_progress(st, &b);
    put(&b);
    put_json(st, level, members, true);
    buf_free(&b);
}

void stage_event(struct stage *st, const char *level, struct str members)
{
    if (report_is_json(st))
        report_json(st, level, members);
    else
        put_json(st, level, members, false);
}

/* What went wrong beside the run: also under -q. */
void stage_warn(struct stage *st, const char *fmt, ...)
{
    struct buf b = { .max = 32768 };
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    say(st, "warn", buf_str(&b), false);
    buf_free(&b);
}

void report_error(struct stage *st)
{
    /* err_set escapes what comes from data; a line feed in a message was put
     * there on purpose: the caret of an expression's error stands below it. */
    say(st, "error", str_of(st->err.msg), true);
}

/* ---- rejects ---- */

static bool rejects_as_json(const struct stage *st)
{
    return st->rejects_as == REJECTS_JSON ||
           (st->rejects_as == REJECTS_AS_LOGGED && report_is_json(st));
}

/* Those that a program asked for are all shown; for people the first will do.
 */
bool report_shows_reject(const struct stage *st)
{
    const struct stage_private *p = st->priv;
    if (st->rejects_as == REJECTS_JSON)
        return true;
    return !st->opts.quiet && p->shown < SHOW_REJECTS &&
           (!p->dlq || st->rejects_as != REJECTS_AS_LOGGED);
}

/* The same members as in a dead letter. */
static void reject_json(struct stage *st, const struct dlq_letter *l)
{
    struct buf b = { 0 };
    buf_addz(&b, ",\"event\":\"reject\"");
    if (envelope_origin(&b, l) == 0)
        report_json(st, "warn", buf_str(&b));
    buf_free(&b);
}

static void reject_text(struct stage *st, const struct dlq_letter *l)
{
    struct buf b = { .max = 32768 };
    buf_addz(&b, "rejected ");
    if (l->uri.n && !str_eq(l->uri, STR("-")))
        buf_addf(&b, "%.*s ", STR_ARG(l->uri));
    buf_addf(&b, "line %llu: ", (unsigned long long)l->line);
    for (size_t i = 0; i < l->n_errors; i++) {
        const struct dlq_error *x = &l->errors[i];
        if (b.n > SHOW_BYTES) {
            buf_addf(&b, "; and %zu more errors", l->n_errors - i);
            break;
        }
        if (i)
            buf_addz(&b, "; ");
        buf_add_str(&b, visible_start(x->path, SHOW_BYTES));
        if (x->path.n)
            buf_addc(&b, ' ');
        buf_add_str(&b, visible_start(x->message, SHOW_BYTES));
        buf_addf(&b, " (%s)", x->code);
    }
    say(st, "warn", buf_str(&b), false);
    buf_free(&b);
}

void report_reject(struct stage *st, const struct dlq_letter *l)
{
    st->priv->shown++;
    if (rejects_as_json(st))
        reject_json(st, l);
    else
        reject_text(st, l);
}

static uint64_t ms_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - then->tv_sec) * 1000 +
                      (now.tv_nsec - then->tv_nsec) / 1000000);
}

void report_start(struct stage *st)
{
    struct stage_private *p = st->priv;
    clock_gettime(CLOCK_MONOTONIC, &p->started);
    p->last_drawn = p->started;
    p->tty = isatty(STDERR_FILENO) && !st->opts.quiet && !report_is_json(st);
}

/* Of the stages that share a terminal one draws: whoever gets the lock. */
static bool own_terminal(struct stage_private *p)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (!p->owns_tty)
        p->owns_tty = fcntl(STDERR_FILENO, F_SETLK, &lock) == 0;
    return p->owns_tty;
}

/* 1234567 as 1,234,567. */
static void add_grouped(struct buf *b, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            buf_addc(b, ',');
        buf_addc(b, digits[i]);
    }
}

void report_progress(struct stage *st, bool final)
{
    struct stage_private *p = st->priv;
    if (!p->tty || (!final && ms_since(&p->last_drawn) < DRAW_EVERY_MS))
        return;
    struct buf b = { .max = 4096 };
    erase_progress(st, &b);
    if (!final && own_terminal(p)) {
        uint64_t ms = ms_since(&p->started);
        uint64_t bytes = p->bytes_in + (p->current ? p->current->bytes : 0);
        uint64_t raw = p->raw_in + (p->current ? p->current->raw_bytes : 0);
        buf_addf(&b, "%s  ", st->cmd->name);
        add_grouped(&b, st->counts.in);
        buf_addf(&b, " records  %.1f MB/s",
                 ms ? (double)bytes / 1000.0 / (double)ms : 0.0);
        if (st->counts.rejected) {
            buf_addz(&b, "  ");
            add_grouped(&b, st->counts.rejected);
            buf_addz(&b, " rejected");
        }
        if (p->raw_size && raw && raw <= p->raw_size) {
            double left =
                (double)(p->raw_size - raw) / (double)raw * (double)ms / 1000.0;
            buf_addf(&b, "  %d%%  ETA %d:%02d",
                     (int)(100.0 * (double)raw / (double)p->raw_size),
                     (int)left / 60, (int)left % 60);
        }
        p->drawn = true;
        clock_gettime(CLOCK_MONOTONIC, &p->last_drawn);
    }
    put(&b);
    buf_free(&b);
}

static void end_event(struct stage *st, int exit_code)
{
    const struct counts *c = &st->counts;
    struct usage used;
    struct buf b = { .max = 32768 };
    stage_usage(st, &used);
    buf_addf(&b,
             ",\"event\":\"end\",\"exit\":%d,\"read\":%llu,\"out\":%llu,"
             "\"rejected\":%llu,\"filtered\":%llu,\"duplicates\":%llu,"
             "\"seconds\":%.3f,\"cpu_seconds\":%.3f,"
             "\"peak_memory\":%llu,\"bytes_in\":%llu,\"bytes_out\":%llu",
             exit_code, (unsigned long long)c->in, (unsigned long long)c->out,
             (unsigned long long)c->rejected, (unsigned long long)c->filtered,
             (unsigned long long)c->duplicates,
             (double)ms_since(&st->priv->started) / 1000.0, used.cpu_seconds,
             (unsigned long long)used.peak_memory,
             (unsigned long long)used.bytes_in,
             (unsigned long long)used.bytes_out);
    put_json(st, exit_code ? "error" : "info", buf_str(&b), report_is_json(st));
    buf_free(&b);
}

static void end_text(struct stage *st)
{
    const struct counts *c = &st->counts;
    struct buf b = { .max = 32768 };
    erase_progress(st, &b);
    buf_addf(&b, "%s: read %llu = %llu out + %llu rejected", st->cmd->name,
             (unsigned long long)c->in, (unsigned long long)c->out,
             (unsigned long long)c->rejected);
    if (c->filtered)
        buf_addf(&b, " + %llu filtered", (unsigned long long)c->filtered);
    if (c->duplicates)
        buf_addf(&b, " + %llu duplicates", (unsigned long long)c->duplicates);
    if (c->rejected && st->priv->dlq && dlq_path(st->priv->dlq)) {
        buf_addz(&b, "; dead letters in ");
        visible_text(&b, str_of(dlq_path(st->priv->dlq)));
    }
    buf_addc(&b, '\n');
    put(&b);
    buf_free(&b);
}

void report_counts(struct stage *st, int exit_code)
{
    uint64_t rejected = st->counts.rejected, shown = st->priv->shown;
    if (shown && rejected > shown)
        stage_note(st, "and %llu more rejected%s",
                   (unsigned long long)(rejected - shown),
                   st->priv->dlq ? "" : " (--dlq keeps them all)");
    end_event(st, exit_code);
    if (!report_is_json(st) &&
        (st->opts.verbose || (st->priv->tty && rejected)))
        end_text(st);
}
