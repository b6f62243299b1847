/* The stream into a spool: kept on disk first, with all that its load needs,
 * then loaded from there, behind what waits already. */
#include "load.h"

#include "base/date.h"
#include "json/check.h"
#include "json/value.h"
#include "run/queue.h"
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static int check_usage(struct stage *st, const struct load_args *a)
{
    if (a->dry_run)
        return err_set(&st->err, ERR_USAGE,
                       "option --dry-run is not for --spool");
    if (stage_gated(st))
        return err_set(&st->err, ERR_USAGE,
                       "option --spool commits by itself: not under pipe-run");
    return 0;
}

/* ---- the command line of the load, whole */

static void add_word(struct buf *out, struct str word)
{
    if (out->p[out->n - 1] != '[')
        buf_addc(out, ',');
    json_quote(out, word);
}

__attribute__((format(printf, 2, 3))) static void
add_option(struct buf *out, const char *fmt, ...)
{
    struct buf word = { .max = QUEUE_ABOUT_MAX };
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&word, fmt, ap);
    va_end(ap);
    if (word.failed || out->failed)
        out->failed = true;
    else
        add_word(out, buf_str(&word));
    buf_free(&word);
}

/* True for what concerns the spool alone, and for what the environment said:
 * that of whoever drains is as good. */
static bool is_left_out(const struct opt *o)
{
    static const char *const names[] = { "spool", "spool-ok", "drain",
                                         "breaker-failures", "breaker-reset" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(o->name, names[i]) == 0)
            return true;
    return o->env && *(const char **)o->dest == getenv(o->env);
}

static void add_own(struct buf *out, const struct opt *o)
{
    const struct opt_list *list = o->dest;
    if (o->kind == OPT_GROUP || is_left_out(o))
        return;
    switch (o->kind) {
    case OPT_FLAG:
        if (*(const bool *)o->dest)
            add_option(out, "--%s", o->name);
        break;
    case OPT_COUNT:
    case OPT_SIZE:
    case OPT_TIME:
        if (*(const uint64_t *)o->dest)
            add_option(out, "--%s=%" PRIu64 "%s", o->name,
                       *(const uint64_t *)o->dest,
                       o->kind == OPT_TIME ? "ms" : "");
        break;
    case OPT_LIST:
        for (size_t i = 0; i < list->n; i++)
            add_option(out, "--%s=%s", o->name, list->v[i]);
        break;
    default:
        if (*(const char *const *)o->dest)
            add_option(out, "--%s=%s", o->name, *(const char *const *)o->dest);
        break;
    }
}

/* Without --dlq it is where it would have been here. */
static int add_dlq(struct stage *st, struct buf *out)
{
    struct buf dir = { .max = 65536 };
    int r = 0;
    if (st->opts.dlq) {
        add_option(out, "--dlq=%s", st->opts.dlq);
    } else if (st->opts.pipeline) {
        r = stage_state_dir(st, &dir);
        if (r == 0)
            add_option(out, "--dlq=%.*s/dlq/%s/", STR_ARG(buf_str(&dir)),
                       st->opts.pipeline);
    }
    buf_free(&dir);
    return r;
}

static int add_argv(struct stage *st, struct buf *out, const char *run_id)
{
    const struct stage_opts *s = &st->opts;
    const char *const shared[][2] = {
        { "run-id", run_id },      { "pipeline", s->pipeline },
        { "date", s->date },       { "tz", s->tz },
        { "log", s->log },         { "max-reject", s->max_reject },
        { "metrics", s->metrics }, { "lineage", s->lineage },
    };
    buf_addz(out, "[");
    const struct opt *table = load_options;
    for (size_t i = 0; table; table = load_more(i++))
        for (const struct opt *o = table; o->kind != OPT_END; o++)
            add_own(out, o);
    for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
        if (shared[i][1])
            add_option(out, "--%s=%s", shared[i][0], shared[i][1]);
    add_option(out, "--min-sample=%" PRIu64, s->min_sample);
    add_option(out, "--max-record=%" PRIu64, s->max_record);
    add_option(out, "--max-depth=%" PRIu64, s->max_depth);
    if (s->quiet)
        add_option(out, "--quiet");
    if (s->verbose)
        add_option(out, "--verbose");
    if (add_dlq(st, out))
        return -1;
    add_option(out, "%s", st->argv[0]);
    buf_addz(out, "]");
    return 0;
}

/* ---- what is written beside the records */

static void add_member(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    if (value)
        json_quote(out, str_of(value));
    else
        buf_addz(out, "null");
}

static void add_env(struct buf *out, const char *uri)
{
    bool postgres = strncmp(uri, "postgres", 8) == 0, first = true;
    buf_addz(out, ",\"env\":{");
    for (const char *const *p = task_env; postgres && *p; p++) {
        const char *value = getenv(*p);
        if (!value)
            continue;
        buf_addf(out, "%s\"%s\":", first ? "" : ",", *p);
        json_quote(out, str_of(value));
        first = false;
    }
    buf_addz(out, "}");
}

static int describe(struct stage *st, struct load *l, struct buf *out)
{
    char hash[33], made[33];
    struct json_fault fault;
    struct buf now = { 0 };
    load_hash(l, hash);
    load_run_id(st, l, hash, made);
    const char *run_id = st->opts.run_id ? st->opts.run_id : made;
    char *cwd = getcwd(NULL, 0);
    if (!cwd)
        return err_sys(&st->err, ERR_IO, errno, "cannot tell the folder");
    time_format(&now, time_now());
    buf_addf(out, "{\"v\":" TASK_VERSION ",\"queued_at\":\"%s\"",
             buf_z(&now) ? now.p : "");
    add_member(out, "run_id", run_id);
    add_member(out, "pipeline", st->opts.pipeline);
    add_member(out, "date", st->opts.date);
    add_member(out, "tz", st->opts.tz);
    add_member(out, "target", st->argv[0]);
    add_member(out, "table", l->args->table);
    add_member(out, "cwd", cwd);
    buf_addz(out, ",\"argv\":");
    int r = out->failed ? err_nomem(&st->err) : add_argv(st, out, run_id);
    add_env(out, st->argv[0]);
    buf_addf(out,
             ",\"records\":%" PRIu64 ",\"rejected\":%" PRIu64
             ",\"bytes\":%" PRIu64 ",\"input_hash\":\"%s\"}\n",
             st->counts.out, st->counts.rejected, l->bytes, hash);
    free(cwd);
    buf_free(&now);
    if (r == 0 && out->failed)
        r = err_nomem(&st->err);
    if (r == 0 &&
        json_check_object((struct str){ out->p, out->n - 1 }, 8, &fault))
        r = err_set(&st->err, ERR_USAGE,
                    "the command line is not UTF-8: it cannot be kept in '%s'",
                    l->args->spool);
    return r;
}

/* ---- once */

static bool are_alike(const struct buf *a, const struct buf *b,
                      const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq(json_get(json_val(buf_str(a)), str_of(names[i])).raw,
                    json_get(json_val(buf_str(b)), str_of(names[i])).raw))
            return false;
    return true;
}

/* Does the batch wait already, the last one for its table? As in a ledger: one
 * that was covered by another since is not the same any more. Then *number is
 * its, and about what it says. */
static int find_same(struct stage *st, const struct queue *q, struct buf *about,
                     uint64_t *number)
{
    static const char *const place[] = { "cwd", "target", "table", "env" };
    static const char *const load[] = { "argv", "bytes", "input_hash" };
    struct buf other = { .max = QUEUE_ABOUT_MAX };
    struct err ignored;
    uint64_t *numbers;
    size_t n;
    bool found = false;
    *number = 0;
    if (queue_list(q, &numbers, &n, &st->err))
        return -1;
    while (n-- > 0 && !found) {
        buf_reset(&other);
        /* One that cannot be read may be for any table. */
        if (queue_about(q, numbers[n], &other, &ignored) != 1)
            break;
        found = are_alike(about, &other, place, 4);
        if (found && are_alike(about, &other, load, 3))
            *number = numbers[n];
    }
    if (*number) {
        buf_free(about);
        *about = other;
    } else {
        buf_free(&other);
    }
    free(numbers);
    return 0;
}

/* ---- the stream */

static int write_records(struct stage *st, struct load *l, struct queue *q)
{
    static struct record recs[STAGE_BATCH];
    struct output out;
    int n, r = 0;
    int fd = fcntl(q->fd, F_DUPFD_CLOEXEC, 3); /* output_close closes it */
    if (fd < 0 || output_fd(&out, fd, &st->err)) {
        if (fd >= 0)
            close(fd);
        return fd < 0 ? err_sys(&st->err, ERR_IO, errno, "cannot write '%s'",
                                q->dir)
                      : -1;
    }
    out.stop = stage_stopping;
    out.path = strdup(q->dir); /* for messages; output_close frees it */
    while (r == 0 && (n = stage_next_batch(st, recs)) > 0) {
        load_hash_records(l, recs, n);
        st->counts.out += (uint64_t)n;
        for (int i = 0; r == 0 && i < n; i++) {
            struct str text = recs[i].text;
            text.n += recs[i].feed;
            r = output_write(&out, text, &st->err);
            if (r == 0 && !recs[i].feed)
                r = output_write(&out, STR("\n"), &st->err);
        }
    }
    if (r == 0)
        r = n < 0 || output_flush(&out, &st->err) ? -1 : 0;
    output_close(&out);
    return r;
}

/* With the folder's lock: in, unless it is there. */
static int enqueue(struct stage *st, struct load *l, struct queue *q,
                   struct buf *about, uint64_t *number)
{
    if (describe(st, l, about) || queue_lock(q, &st->err) ||
        find_same(st, q, about, number))
        return -1;
    if (*number == 0)
        return queue_add(q, buf_str(about), number, &st->err);
    stage_note(st, "the batch is in the spool already, as %012" PRIu64,
               *number);
    return 0;
}

static int keep(struct stage *st, struct load *l, struct queue *q,
                struct buf *about, uint64_t *number)
{
    int r = queue_open(q, l->args->spool, true, &st->err) ||
                    queue_incoming(q, &st->err) || write_records(st, l, q) ||
                    load_judge_unknown(st, l, st->verdict) ||
                    stage_settle(st) || enqueue(st, l, q, about, number)
                ? -1
                : 0;
    queue_close(q);
    return r;
}

/* Or has somebody loaded it? Its number may be that of another one by now. */
static bool still_waits(const struct queue *q, const struct buf *about,
                        uint64_t number)
{
    struct buf now = { .max = QUEUE_ABOUT_MAX };
    struct err ignored;
    int r = queue_about(q, number, &now, &ignored);
    bool waits = r < 0 || (r > 0 && str_eq(buf_str(&now), buf_str(about)));
    buf_free(&now);
    return waits;
}

/* The batch is safe, but the target is not there for all that wait. */
static int judge_wait(struct stage *st, const struct load_args *a,
                      const struct err *why, bool waits)
{
    if (!waits)
        return 0;
    if (!a->spool_ok)
        return err_set(&st->err, ERR_TEMPFAIL, "%s", why->msg);
    stage_output_rows(st, 0);
    stage_warn(st, "%s", why->msg);
    return 0;
}

int load_spool(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    struct queue q;
    struct buf about = { .max = QUEUE_ABOUT_MAX };
    struct err why = { 0 };
    uint64_t number = 0;
    if (check_usage(st, a) || load_spec(st, l) ||
        sink_check(&l->spec, &st->err) || load_hash_start(st, l))
        return -1;
    stage_output(st, l->spec.uri, a->table);
    int r = keep(st, l, &q, &about, &number);
    if (r == 0 && drain_all(st, &q, a, number, a->lock_timeout_ms, &why)) {
        if (why.code == ERR_UNAVAILABLE || why.code == ERR_TEMPFAIL)
            r = judge_wait(st, a, &why, still_waits(&q, &about, number));
        else
            r = err_set(&st->err, why.code, "%s", why.msg);
    }
    buf_free(&about);
    return r;
}
