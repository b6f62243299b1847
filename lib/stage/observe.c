/* Metrics and lineage of the run: what is collected for them, when they are
 * written, and what becomes of a failure: a word on stderr, never more. */
#include "base/date.h"
#include "observe/eventlog.h"
#include "observe/lineage.h"
#include "observe/naming.h"
#include "observe/outlet.h"
#include "observe/runmetrics.h"
#include "observe/sender.h"
#include "stage/private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define ENDPOINT "api/v1/lineage"
#define RELAY_ENV "PIPE_LINEAGE_RELAY" /* the URL that pipe-run posts to */
#define EVENT_BYTES_MAX ((size_t)64 << 20)

struct observe {
    struct facts facts;
    struct outlet metrics; /* without a folder: none */
    struct buf lineage;    /* file or URL; empty: none */
    struct buf shown;      /* the same for messages: without a query */
    bool posts;            /* it is a URL */
    bool begun;            /* by pipe-run: the start was told */
    bool relayed;          /* pipe-run posts what is put aside */
    struct sender sender;  /* of it */
    struct buf aside;      /* the same for pipe-run; empty: none */
    struct runmetrics_told told;
    int64_t told_at; /* us, monotonic: when metrics were written last */
    bool settled;    /* facts.heads is what it stays */
    bool troubled;   /* that they could not be has been said */
    struct buf namespace, name; /* scratch */
    ptrdiff_t input;            /* the one that is read; -1: none */
    uint64_t rows_before, bytes_before;
    bool rows_given;
    uint64_t rows;
};

struct facts *stage_facts(struct stage *st)
{
    return st->priv->observe ? &st->priv->observe->facts : NULL;
}

void observe_reject(struct stage *st, const char *code)
{
    facts_reject(&st->priv->observe->facts, code);
}

/* ---- datasets */

static uint64_t bytes_so_far(const struct stage *st)
{
    const struct stage_private *p = st->priv;
    return p->raw_in + (p->current ? p->current->raw_bytes : 0);
}

/* Names what is behind fd; what has no name of its own is called by the
 * stage's. */
static int name_fd(struct stage *st, int fd)
{
    struct observe *o = st->priv->observe;
    int r = naming_fd(&o->namespace, &o->name, fd);
    if (r != 0)
        return r;
    buf_addz(&o->namespace, "pipe");
    (void)runmetrics_file(&o->name, &o->facts);
    return buf_addz(&o->name, fd == STDIN_FILENO ? ".stdin" : ".stdout");
}

void stage_input_end(struct stage *st)
{
    struct observe *o = st->priv->observe;
    if (!o || o->input < 0)
        return;
    struct dataset *d = &o->facts.inputs[o->input];
    d->has_bytes = true;
    d->has_rows = !d->side; /* those are not counted in */
    d->rows = st->counts.in - o->rows_before;
    d->bytes = bytes_so_far(st) - o->bytes_before;
    o->input = -1;
}

void stage_input(struct stage *st, const char *uri)
{
    stage_input_table(st, uri, NULL);
}

void stage_input_side(struct stage *st)
{
    struct observe *o = st->priv->observe;
    if (o && o->input >= 0)
        o->facts.inputs[o->input].side = true;
}

void stage_input_table(struct stage *st, const char *uri, const char *table)
{
    struct observe *o = st->priv->observe;
    if (!o)
        return;
    stage_input_end(st);
    int r = strcmp(uri, "-") == 0
                ? name_fd(st, STDIN_FILENO)
                : naming_uri(&o->namespace, &o->name, uri, table);
    struct dataset *d = r < 0 ? NULL
                              : facts_input(&o->facts, buf_str(&o->namespace),
                                            buf_str(&o->name));
    o->input = d ? d - o->facts.inputs : -1;
    o->rows_before = st->counts.in;
    /* An input that is watched already may have been looked into. */
    o->bytes_before = st->priv->raw_in;
}

void stage_output(struct stage *st, const char *uri, const char *table)
{
    struct observe *o = st->priv->observe;
    if (o && naming_uri(&o->namespace, &o->name, uri, table) == 0)
        (void)facts_output(&o->facts, buf_str(&o->namespace),
                           buf_str(&o->name));
}

void stage_output_rows(struct stage *st, uint64_t rows)
{
    struct observe *o = st->priv->observe;
    if (!o)
        return;
    o->rows_given = true;
    o->rows = rows;
}

/* What every stage of its kind reads and writes. */
static int add_streams(struct stage *st)
{
    struct observe *o = st->priv->observe;
    struct buf path = { .max = 65536 };
    int r = 0;
    if (st->cmd->flags & STAGE_READS)
        stage_input(st, "-");
    if (!(st->cmd->flags & STAGE_EMITS))
        return 0;
    if (st->opts.output) {
        r = stage_expand(st, &path, st->opts.output);
        if (r == 0 && buf_z(&path))
            stage_output(st, path.p, NULL);
    } else if (name_fd(st, STDOUT_FILENO) >= 0) {
        (void)facts_output(&o->facts, buf_str(&o->namespace),
                           buf_str(&o->name));
    }
    buf_free(&path);
    return r;
}

/* ---- start */

/* "scheme://": its length, or 0. */
static size_t has_scheme(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return n && strncmp(s + n, "://", 3) == 0 ? n + 3 : 0;
}

/* A URL without a path is that of a server, which takes events at a place that
 * is the same for all. */
static int take_url(struct stage *st, const char *option, const char *url)
{
    struct observe *o = st->priv->observe;
    const char *host = url + has_scheme(url);
    size_t n = strcspn(host, "/?#");
    if (memchr(host, '@', n))
        return err_set(&st->err, ERR_USAGE,
                       "%s: the URL has a user or a password in it: set "
                       "OPENLINEAGE_API_KEY instead",
                       option);
    if (n == 0)
        return err_set(&st->err, ERR_USAGE, "%s: '%s' has no host", option,
                       url);
    o->posts = true;
    buf_addz(&o->lineage, url);
    if (host[n] == '\0' || strcmp(host + n, "/") == 0)
        buf_addz(&o->lineage, host[n] ? ENDPOINT : "/" ENDPOINT);
    return 0;
}

static bool is_http(const char *s)
{
    return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

/* The variables that clients of OpenLineage have in common. */
static int take_environment(struct stage *st)
{
    struct observe *o = st->priv->observe;
    const char *url = getenv("OPENLINEAGE_URL");
    const char *endpoint = getenv("OPENLINEAGE_ENDPOINT");
    const char *off = getenv("OPENLINEAGE_DISABLED");
    if (!url || !*url || (off && strcasecmp(off, "true") == 0))
        return 0;
    if (!is_http(url))
        return err_set(&st->err, ERR_USAGE,
                       "OPENLINEAGE_URL: '%s' is no http or https URL", url);
    if (take_url(st, "OPENLINEAGE_URL", url))
        return -1;
    /* There it is the server's, also with a path. */
    buf_reset(&o->lineage);
    buf_addz(&o->lineage, url);
    if (url[strlen(url) - 1] != '/')
        buf_addc(&o->lineage, '/');
    buf_addz(&o->lineage, endpoint && *endpoint ? endpoint : ENDPOINT);
    return 0;
}

static int take_lineage(struct stage *st)
{
    struct observe *o = st->priv->observe;
    const char *to = st->opts.lineage;
    if (!to)
        return take_environment(st);
    if (is_http(to))
        return take_url(st, "option --lineage", to);
    if (has_scheme(to) && strncmp(to, "file:", 5) != 0)
        return err_set(&st->err, ERR_USAGE,
                       "option --lineage: '%s' is neither a file nor an http "
                       "or https URL",
                       to);
    if (strncmp(to, "file:", 5) == 0)
        to += strncmp(to, "file:///", 8) == 0 ? 7 : 5;
    if (!*to)
        return err_set(&st->err, ERR_USAGE, "option --lineage: no file named");
    return stage_expand(st, &o->lineage, to);
}

/* The word of --metrics; nothing is made of it where it was not given. */
int stage_outlet(struct stage *st, struct outlet *o)
{
    const char *to = st->opts.metrics;
    struct buf where = { .max = 65536 }, state = { .max = 65536 };
    if (!to)
        return 0;
    int r = stage_expand(st, &where, to) ||
                    (outlet_is_url(to) && stage_state_dir(st, &state))
                ? -1
                : 0;
    if (r == 0 && (!buf_z(&where) || !buf_z(&state)))
        r = err_nomem(&st->err);
    if (r == 0)
        r = outlet_open(o, where.p, state.p, st->opts.pipeline, &st->err);
    buf_free(&where);
    buf_free(&state);
    return r;
}

static int take_options(struct stage *st)
{
    struct observe *o = st->priv->observe;
    if (stage_outlet(st, &o->metrics) || take_lineage(st))
        return -1;
    struct str to = buf_str(&o->lineage);
    size_t n = 0;
    while (n < to.n && !(o->posts && (to.p[n] == '?' || to.p[n] == '#')))
        n++;
    buf_add(&o->shown, to.p, n);
    if ((o->lineage.n && !buf_z(&o->lineage)) ||
        (o->shown.n && !buf_z(&o->shown)) || o->lineage.failed ||
        o->shown.failed)
        return err_nomem(&st->err);
    return 0;
}

static void set_run(struct stage *st)
{
    struct facts *f = &st->priv->observe->facts;
    struct period p;
    f->stage = st->cmd->flags & STAGE_RUNS ? NULL : st->cmd->name;
    f->pipeline = st->opts.pipeline;
    f->run_id = st->run_id;
    f->run_is_shared = st->opts.run_id != NULL || gate_made_run_id();
    f->argv = st->cmd->flags & STAGE_RUNS ? st->rest : st->priv->full_argv;
    f->attempt = getenv(GATE_ENV);
    f->trace_id = stage_trace(st, false);
    f->dated = stage_dated(st, &p);
    if (f->dated) {
        f->start = p.start;
        f->end = p.end;
    }
}

/* ---- lineage */

static void tell_lineage(struct stage *st, const struct err *e)
{
    struct observe *o = st->priv->observe;
    if (o->posts)
        stage_warn(st, "lineage is not sent to '%s': %s", o->shown.p, e->msg);
    else
        stage_warn(st, "lineage is not written: %s", e->msg);
}

static void start_sender(struct stage *st, bool apart)
{
    struct observe *o = st->priv->observe;
    const char *key = getenv("OPENLINEAGE_API_KEY");
    struct err e = { 0 };
    if ((apart ? sender_start_apart : sender_start)(
            &o->sender, o->lineage.p, key && *key ? key : NULL, &e))
        tell_lineage(st, &e);
}

/* Under pipe-run the events of all stages lie in the folder of the run, too:
 * what the pipeline as a whole has read and written follows from them, and what
 * was killed before it could tell its end. */
static void put_aside(struct observe *o, struct str line)
{
    struct err ignored;
    if (o->aside.n)
        (void)eventlog_append(o->aside.p, line, &ignored);
}

static void find_aside(struct observe *o, const char *folder)
{
    if (!folder || *folder != '/')
        return;
    buf_addf(&o->aside, "%s/" LINEAGE_FILE, folder);
    if (!buf_z(&o->aside))
        buf_reset(&o->aside);
}

static int put_line(struct stage *st, struct str line, struct err *e)
{
    struct observe *o = st->priv->observe;
    return o->posts ? sender_send(&o->sender, line, e)
                    : eventlog_append(o->lineage.p, line, e);
}

/* Writes the event, or hands it to the sender. */
static void put_event(struct stage *st)
{
    struct observe *o = st->priv->observe;
    const char *namespace = getenv("OPENLINEAGE_NAMESPACE");
    struct buf line = { .max = EVENT_BYTES_MAX };
    struct err e = { 0 };
    int r = 0;
    if (lineage_event(&line, &o->facts,
                      namespace && *namespace ? namespace : "default",
                      time_now()))
        r = err_nomem(&e);
    else
        put_aside(o, buf_str(&line));
    if (r == 0 && o->posts && o->sender.fd < 0)
        r = 0; /* has been told */
    else if (r == 0)
        r = put_line(st, buf_str(&line), &e);
    if (r && !o->posts) /* the sender's end tells what went wrong with it */
        tell_lineage(st, &e);
    buf_free(&line);
}

static void observe_free(struct stage *st)
{
    struct observe *o = st->priv->observe;
    facts_free(&o->facts);
    outlet_free(&o->metrics);
    buf_free(&o->lineage);
    buf_free(&o->shown);
    buf_free(&o->aside);
    buf_free(&o->namespace);
    buf_free(&o->name);
    free(o);
    st->priv->observe = NULL;
}

int observe_start(struct stage *st)
{
    bool works = (st->cmd->flags & (STAGE_EMITS | STAGE_READS)) != 0 ||
                 (st->cmd->flags & STAGE_RUNS && st->opts.pipeline);
    const char *url = getenv("OPENLINEAGE_URL");
    /* A command that only looks at things is no run. */
    if (!works || (!st->opts.metrics && !st->opts.lineage && !(url && *url)))
        return 0;
    struct observe *o = calloc(1, sizeof(*o));
    if (!o)
        return err_nomem(&st->err);
    st->priv->observe = o;
    o->sender.fd = -1;
    o->input = -1;
    facts_init(&o->facts);
    set_run(st);
    int r = take_options(st) || add_streams(st) ? -1 : 0;
    if (r || (!o->metrics.folder.n && !o->lineage.n)) {
        observe_free(st);
        return r;
    }
    st->priv->samples = o->lineage.n > 0;
    if (st->cmd->flags & STAGE_RUNS)
        return 0; /* whole.c tells when */
    if (getenv(GATE_ENV))
        find_aside(o, getenv("PIPE_RUN_DIR"));
    const char *relay = getenv(RELAY_ENV);
    o->relayed =
        o->posts && o->aside.n && relay && strcmp(relay, o->lineage.p) == 0;
    if (o->posts && !o->relayed)
        start_sender(st, false);
    if (o->lineage.n)
        put_event(st);
    return 0;
}

void stage_metrics(struct stage *st, const struct outlet *o, struct metrics *m)
{
    struct err e = { 0 };
    if (outlet_add(o, st->cmd->name, m, &e))
        stage_warn(st, "metrics are not written: %s", e.msg);
    else if (outlet_push(o, &e))
        stage_warn(st, "metrics are not sent to '%s': %s", o->url.p, e.msg);
}

/* ---- finish */

/* Where else records went: what columns they have is not known. */
static void add_branches(struct stage *st, bool nothing)
{
    struct observe *o = st->priv->observe;
    const char *name;
    uint64_t rows;
    for (size_t i = 0; (name = stage_branch_name(st, i, &rows)) != NULL; i++) {
        int fd = branch_fd(st, i);
        int r = fd < 0 ? naming_uri(&o->namespace, &o->name, name, NULL)
                       : naming_fd(&o->namespace, &o->name, fd);
        struct dataset *d =
            r < 0 || (fd >= 0 && r == 0)
                ? NULL
                : facts_output(&o->facts, buf_str(&o->namespace),
                               buf_str(&o->name));
        if (!d)
            continue;
        d->has_rows = true;
        d->rows = nothing && fd < 0 ? 0 : rows;
    }
}

static void set_outputs(struct stage *st)
{
    struct observe *o = st->priv->observe;
    struct facts *f = &o->facts;
    bool emits = (st->cmd->flags & STAGE_EMITS) != 0;
    /* A table and a file of -o have all of it or nothing. */
    bool nothing = f->how != FACTS_SUCCESS && (!emits || st->opts.output);
    columns_finish(st);
    for (size_t i = 0; i < f->n_outputs; i++) {
        struct dataset *d = &f->outputs[i];
        d->has_rows = true;
        d->rows = nothing ? 0 : o->rows_given ? o->rows : st->counts.out;
        d->has_bytes = emits;
        d->bytes = nothing ? 0 : st->out.bytes;
    }
    if (f->n_outputs && f->has_columns)
        f->outputs[0].columns = &f->columns;
    add_branches(st, nothing);
    if (!st->priv->dlq_uri || !f->rejected ||
        naming_uri(&o->namespace, &o->name, st->priv->dlq_uri, NULL))
        return;
    struct dataset *d =
        facts_output(f, buf_str(&o->namespace), buf_str(&o->name));
    if (d) {
        d->has_rows = true;
        d->rows = f->rejected;
    }
}

static void set_counts(struct stage *st)
{
    struct facts *f = &st->priv->observe->facts;
    stage_usage(st, &f->usage);
    f->read = st->counts.in;
    f->out = st->counts.out;
    f->rejected = st->counts.rejected;
    f->filtered = st->counts.filtered;
    f->duplicates = st->counts.duplicates;
    if (!st->priv->observe->settled)
        f->heads = !mark_present(STDIN_FILENO);
}

void observe_upstream(struct stage *st)
{
    struct observe *o = st->priv->observe;
    if (!o || o->settled)
        return;
    o->facts.heads = !mark_present(STDIN_FILENO);
    o->settled = true;
}

static void set_end(struct stage *st, int exit_code, int sig)
{
    struct facts *f = &st->priv->observe->facts;
    const struct timespec *then = &st->priv->started;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    f->seconds = (double)(now.tv_sec - then->tv_sec) +
                 (double)(now.tv_nsec - then->tv_nsec) / 1e9;
    f->how = sig ? FACTS_ABORTED : exit_code ? FACTS_FAILED : FACTS_SUCCESS;
    f->exit_code = exit_code;
    f->error = st->err.code != ERR_NONE ? st->err.msg : NULL;
    set_counts(st);
}

/* Whoever reads our stdout has all of it, and need not wait for what we have
 * still to do. */
static void let_reader_go(struct stage *st)
{
    int null = st->cmd->flags & STAGE_EMITS
                   ? open("/dev/null", O_WRONLY | O_CLOEXEC)
                   : -1;
    if (null < 0)
        return;
    (void)dup2(null, STDOUT_FILENO);
    close(null);
}

static void write_metrics(struct stage *st)
{
    struct observe *o = st->priv->observe;
    struct metrics m;
    metrics_init(&m);
    runmetrics_add(&m, &o->facts, &o->told, time_now());
    stage_metrics(st, &o->metrics, &m);
    metrics_free(&m);
}

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A stream has no end to wait for. Nothing is pushed: that could take a while,
 * and who comes for the records must not notice. */
void observe_live(struct stage *st, bool idle)
{
    struct observe *o = st->priv->observe;
    struct err e = { 0 };
    struct metrics m;
    int64_t every = (int64_t)st->opts.metrics_every * 1000;
    if (!o || !o->metrics.folder.n || !every)
        return;
    int64_t now = monotonic_us();
    if (!o->told_at)
        o->told_at = now;
    if (now - o->told_at < (idle ? every / 5 : every))
        return;
    o->told_at = now;
    set_counts(st);
    if (o->facts.look)
        o->facts.look(o->facts.look_ctx, &o->facts);
    metrics_init(&m);
    runmetrics_add(&m, &o->facts, &o->told, time_now());
    if (outlet_add(&o->metrics, st->cmd->name, &m, &e) == 0)
        runmetrics_tell(&o->told, &o->facts);
    else if (!o->troubled)
        stage_warn(st, "metrics are not written: %s", e.msg);
    o->troubled |= e.code != ERR_NONE;
    metrics_free(&m);
}

/* ---- for whole.c */

bool observe_posts(const struct stage *st)
{
    return st->priv->observe->posts;
}

bool observe_lineage(const struct stage *st)
{
    return st->priv->observe && st->priv->observe->lineage.n;
}

void observe_begin(struct stage *st, const char *folder)
{
    struct observe *o = st->priv->observe;
    find_aside(o, folder);
    if (o->posts)
        (void)setenv(RELAY_ENV, o->lineage.p, 1);
    o->facts.trace_id = stage_trace(st, false);
    o->begun = true;
    if (o->posts)
        start_sender(st, true);
    put_event(st);
}

void observe_line(struct stage *st, struct str line, bool aside)
{
    struct observe *o = st->priv->observe;
    struct err e = { 0 };
    if (aside)
        put_aside(o, line);
    if (o->posts && o->sender.fd < 0)
        return;
    if (put_line(st, line, &e) && !o->posts)
        tell_lineage(st, &e);
}

void observe_finish(struct stage *st, int exit_code, int sig)
{
    struct observe *o = st->priv->observe;
    struct err e = { 0 };
    if (!o)
        return;
    if (st->cmd->flags & STAGE_RUNS && !o->begun) {
        observe_free(st);
        return;
    }
    if (st->priv->in_open || st->priv->stream_done)
        stage_input_end(st);
    set_end(st, exit_code, sig);
    if (!(st->cmd->flags & STAGE_RUNS))
        set_outputs(st);
    let_reader_go(st);
    if (o->lineage.n)
        put_event(st);
    if (o->metrics.folder.n && !(st->cmd->flags & STAGE_RUNS))
        write_metrics(st);
    if (sender_end(&o->sender, &e))
        tell_lineage(st, &e);
    observe_free(st);
}
