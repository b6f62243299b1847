#include "run/runlog.h"

#include "base/date.h"
#include "gate/text.h"
#include "run/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAME_ID_MAX 10000
#define GUARD_MS 10000

/* ---- text */

static void add_text(struct buf *b, const char *name, const char *text)
{
    buf_addf(b, ",\"%s\":", name);
    text_quote(b, str_of(text));
}

static void add_time(struct buf *b, const char *name, int64_t us)
{
    buf_addf(b, ",\"%s\":\"", name);
    time_format(b, us);
    buf_addc(b, '"');
}

static void add_attempts(const struct runlog *r, struct buf *b)
{
    buf_addz(b, ",\"attempts\":[");
    for (size_t i = 0; i < r->n_attempts; i++) {
        const struct runlog_attempt *a = &r->attempts[i];
        buf_addf(b, "%s{\"outcome\":\"%s\",\"exit\":%d", i ? "," : "",
                 a->outcome, a->exit);
        add_time(b, "started", a->started_us);
        add_time(b, "ended", a->ended_us);
        if (a->message)
            add_text(b, "message", a->message);
        buf_addc(b, '}');
    }
    buf_addc(b, ']');
}

static void add_usage(const struct runlog *r, struct buf *b)
{
    const struct usage *u = &r->usage;
    buf_addf(b,
             ",\"cpu_seconds\":%.3f,\"peak_memory\":%" PRIu64
             ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
             u->cpu_seconds, u->peak_memory, u->bytes_in, u->bytes_out);
    if (!r->currency)
        return;
    buf_addf(b, ",\"cost\":%.9g", r->cost);
    add_text(b, "currency", r->currency);
}

int runlog_format(const struct runlog *r, struct buf *b)
{
    buf_addf(b, "{\"v\":1,\"outcome\":\"%s\"", r->outcome);
    if (r->ended_us)
        buf_addf(b, ",\"exit\":%d", r->exit);
    if (r->message)
        add_text(b, "message", r->message);
    add_text(b, "run_id", r->run_id);
    add_text(b, "pipeline", r->pipeline);
    if (r->date)
        add_text(b, "date", r->date);
    if (r->env)
        add_text(b, "env", r->env);
    if (r->trace_id)
        add_text(b, "trace_id", r->trace_id);
    add_text(b, "command", r->command);
    add_time(b, "started", r->started_us);
    if (r->ended_us) {
        add_time(b, "ended", r->ended_us);
        buf_addf(b, ",\"seconds\":%.3f", r->seconds);
        if (r->n_attempts)
            add_usage(r, b);
    } else {
        buf_addf(b, ",\"pid\":%d", (int)getpid());
    }
    add_attempts(r, b);
    if (r->stages.n) {
        buf_addc(b, ',');
        buf_add_str(b, r->stages);
    }
    if (r->hook >= 0)
        buf_addf(b, ",\"hook\":%d", r->hook);
    return buf_addc(b, '}');
}

int runlog_attempt(struct runlog *r, const struct runlog_attempt *a,
                   struct err *e)
{
    struct runlog_attempt *grown =
        realloc(r->attempts, (r->n_attempts + 1) * sizeof(*grown));
    if (!grown)
        return err_nomem(e);
    r->attempts = grown;
    grown += r->n_attempts;
    *grown = *a;
    if (a->message && !(grown->message = strdup(a->message)))
        return err_nomem(e);
    r->n_attempts++;
    return 0;
}

void runlog_free(struct runlog *r)
{
    for (size_t i = 0; i < r->n_attempts; i++)
        free(r->attempts[i].message);
    free(r->attempts);
    r->attempts = NULL;
    r->n_attempts = 0;
}

/* ---- the folder */

static const char *below(struct buf *b, const struct buf *base,
                         const char *name)
{
    buf_reset(b);
    buf_addf(b, "%.*s/%s", STR_ARG(buf_str(base)), name);
    return buf_z(b);
}

/* Makes the run's folder itself, which must not be there yet. */
static int make_fresh(struct runlog_dir *d, const char *run_id, struct err *e)
{
    size_t parent = d->path.n;
    for (int i = 1; i < SAME_ID_MAX; i++) {
        d->path.n = parent;
        buf_addf(&d->path, "/%s", run_id);
        if (i > 1)
            buf_addf(&d->path, ".%d", i);
        if (!buf_z(&d->path))
            return err_nomem(e);
        if (mkdir(d->path.p, 0700) == 0)
            return 0;
        if (errno != EEXIST)
            return err_sys(e, ERR_CANTCREAT, errno, "cannot create '%s'",
                           d->path.p);
    }
    return err_set(e, ERR_CANTCREAT, "run id '%s' was used too often", run_id);
}

int runlog_guard(const struct buf *folder, bool wait, struct err *e)
{
    struct buf path = { .max = 65536 };
    const char *z = below(&path, folder, ".lock");
    int fd =
        z ? state_lock(z, wait ? GUARD_MS : 0, NULL, NULL, e) : err_nomem(e);
    if (fd == -2 && wait)
        fd = err_set(e, ERR_TEMPFAIL, "cannot lock '%s': it is held for long",
                     z);
    buf_free(&path);
    return fd;
}

static int take_live(struct runlog_dir *d, struct err *e)
{
    struct buf path = { .max = 65536 };
    const char *z = below(&path, &d->path, "live");
    d->live = z ? state_lock(z, 0, NULL, NULL, e) : err_nomem(e);
    if (d->live == -2)
        d->live = err_set(e, ERR_BUG, "'%s' is locked by somebody", z);
    buf_free(&path);
    return d->live < 0 ? -1 : 0;
}

int runlog_open(struct runlog_dir *d, const struct runlog *r, struct err *e)
{
    d->live = -1;
    buf_addf(&d->path, "%.*s/runs/%s", STR_ARG(buf_str(&d->state)),
             *r->pipeline ? r->pipeline : "@unnamed");
    if (!buf_z(&d->path))
        return err_nomem(e);
    if (state_folder(d->path.p, e))
        return -1;
    int guard = runlog_guard(&d->path, true, e);
    if (guard < 0)
        return -1;
    int n = make_fresh(d, r->run_id, e) || take_live(d, e) ? -1 : 0;
    close(guard);
    return n || runlog_write(d, r, e) ? -1 : 0;
}

int runlog_write(struct runlog_dir *d, const struct runlog *r, struct err *e)
{
    struct buf path = { .max = 65536 }, text = { 0 };
    const char *to = below(&path, &d->path, "record.json");
    runlog_format(r, &text);
    buf_addc(&text, '\n');
    int n =
        !to || text.failed ? err_nomem(e) : state_write(to, buf_str(&text), e);
    buf_free(&path);
    buf_free(&text);
    return n;
}

static int index_line(const struct buf *state, struct str line, struct err *e)
{
    struct buf path = { .max = 65536 };
    const char *to = below(&path, state, "runs.ndjson");
    int r = to ? state_append(to, line, e) : err_nomem(e);
    buf_free(&path);
    return r;
}

int runlog_index(struct runlog_dir *d, const struct runlog *r, struct err *e)
{
    struct buf text = { 0 };
    int n = runlog_format(r, &text) ? err_nomem(e)
                                    : index_line(&d->state, buf_str(&text), e);
    buf_free(&text);
    return n;
}

void runlog_close(struct runlog_dir *d)
{
    struct buf live = { .max = 65536 };
    if (d->live >= 0 && below(&live, &d->path, "live"))
        (void)unlink(live.p);
    if (d->live >= 0)
        close(d->live);
    d->live = -1;
    buf_free(&live);
    buf_free(&d->state);
    buf_free(&d->path);
}
