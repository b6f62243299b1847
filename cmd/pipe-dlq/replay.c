/* replay: letters to the stage that rejected them, what it passes to the rest
 * of the pipeline; and only when all that ended well, marks.
 *
 * The stage runs first and its output is kept, so that the rest starts only
 * when every stage ended well and something passed: an empty stream could
 * empty a partition. */
#include "dlq/idmap.h"
#include "dlq/replays.h"
#include "feed.h"
#include "gate/gate.h"
#include "io/lines.h"
#include "json/check.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ALL SIZE_MAX /* in place of a group: all that did not come back */

struct job {
    struct stage *st;
    const struct args *a;
    struct pick pick;
    struct feed feed;
    int lock;     /* on the folder of the letters: one replay at a time */
    char *target; /* owned: the queue, wherever a stage runs */
    int spool;    /* what the stages passed on */
    uint64_t spooled;
};

/* ---- preparing */

/* Locks the folder that the letters are in, before they are read; where there
 * is none, there are no letters to replay. */
static int lock_folder(struct job *j)
{
    struct err *e = &j->st->err;
    struct target target = { 0 };
    char *uri = pick_uri(j->st, j->a);
    int r = uri ? target_parse(&target, uri, e) : -1;
    char *folder = r ? NULL : target_folder(&target);
    if (r == 0 && !folder)
        r = err_nomem(e);
    if (r == 0)
        j->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r == 0 && j->lock < 0 && errno != ENOENT)
        r = err_sys(e, ERR_IO, errno, "cannot open '%s'", folder);
    else if (j->lock >= 0 && flock(j->lock, LOCK_EX | LOCK_NB) != 0)
        r = err_set(e, ERR_TEMPFAIL, "another replay works in '%s'", folder);
    free(folder);
    target_free(&target);
    free(uri);
    return r;
}

static int name_target(struct job *j)
{
    const struct target *t = &j->pick.read.target;
    char *path = realpath(t->path, NULL);
    if (!path)
        return err_sys(&j->st->err, ERR_IO, errno, "cannot find '%s'", t->path);
    int r = asprintf(&j->target, "%s%s", path, t->directory ? "/" : "");
    free(path);
    return r < 0 ? err_nomem(&j->st->err) : 0;
}

/* ---- the stage */

#define ENV_MAX 8

/* Adds NAME=VALUE, or NAME to be unset. */
static int add_env(char **env, const char *name, const char *value)
{
    size_t n = 0;
    while (env[n])
        n++;
    if (n + 1 >= ENV_MAX || asprintf(&env[n], "%s%s%s", name, value ? "=" : "",
                                     value ? value : "") < 0) {
        env[n] = NULL;
        return -1;
    }
    return 0;
}

/* Variables for a process of the replay: which letters it is fed (fd holds the
 * replay file), which run it is, which queue is the letters'. */
static int make_env(char **env, struct job *j, bool stage, int fd,
                    const char *run_id)
{
    char file[32];
    snprintf(file, sizeof(file), "/dev/fd/%d", fd);
    return add_env(env, REPLAYS_ENV, stage ? file : NULL) ||
                   add_env(env, REPLAYS_ENV_BEHIND, stage ? NULL : file) ||
                   add_env(env, "PIPE_RUN_ID", run_id) ||
                   /* The letters are marked behind a commit, not before. */
                   add_env(env, GATE_ENV, NULL) ||
                   add_env(env, "PIPE_DLQ", j->target)
               ? err_nomem(&j->st->err)
               : 0;
}

static void free_env(char **env)
{
    for (; *env; env++)
        free(*env);
}

/* Appends what the stage writes to the spool, and judges its end. */
static int drain(struct job *j, int fd, const struct group *g, bool *whole)
{
    struct stage *st = j->st;
    struct input in;
    struct output out;
    char block[65536];
    ssize_t n;
    int cause;
    input_fd(&in, fd, g->path);
    in.raw = true;
    if (output_fd(&out, j->spool, &st->err))
        return -1;
    stage_watch(st, &in);
    int r = 0;
    while ((n = input_read(&in, block, sizeof(block), &st->err)) > 0 && r == 0)
        r = output_write(&out, (struct str){ block, (size_t)n }, &st->err);
    if (n < 0 || r || output_flush(&out, &st->err))
        r = -1;
    enum verdict v = mark_judge(fd, in.raw_bytes, &cause);
    (void)stage_judge(st, &in); /* no stream of ours: leaves it */
    /* We wait for the process itself, so no mark is needed of a loader, which
     * writes nothing, nor of a command that the user named. */
    *whole = v == VERDICT_CLEAN ||
             (v == VERDICT_UNKNOWN &&
              (j->a->through || (g->loads && in.raw_bytes == 0)));
    j->spooled += out.bytes;
    out.fd = -1;
    output_close(&out);
    return r;
}

static int stage_ended(struct job *j, const struct group *g, int status,
                       bool whole)
{
    const char *name = j->a->through ? j->a->through : g->argv[0];
    if (stage_tick(j->st))
        return -1;
    if (status)
        return err_set(&j->st->err, (enum err_code)status,
                       "'%s' failed with exit %d: nothing is replayed", name,
                       status);
    if (!whole)
        return err_set(&j->st->err, ERR_DATA,
                       "output of '%s' cannot be verified: nothing is replayed",
                       name);
    return 0;
}

/* Starts the stage of a group on its records and takes what it passes. */
static int run_stage(struct job *j, const struct group *g, int records,
                     int replays, const char *run_id)
{
    struct stage *st = j->st;
    int fds[2];
    char *env[ENV_MAX] = { NULL };
    bool whole = false;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_sys(&st->err, ERR_TEMPFAIL, errno, "cannot make a pipe");
    pid_t pid = -1;
    if (make_env(env, j, true, replays, run_id) == 0 &&
        add_env(env, "PIPE_PIPELINE", g->pipeline) == 0) {
        struct process_spec spec = { .path = g->path,
                                     .argv = g->argv,
                                     .cwd = g->cwd,
                                     .env = { g->env, env },
                                     .in = records,
                                     .out = fds[1],
                                     .keep = replays };
        pid = process_start(&spec, &st->err);
    }
    close(fds[1]);
    int r = pid < 0 ? -1 : drain(j, fds[0], g, &whole);
    close(fds[0]);
    if (pid > 0) {
        int status = process_wait(st, pid);
        r = r ? r : stage_ended(j, g, status, whole);
    }
    free_env(env);
    return r;
}

static int run_group(struct job *j, size_t group)
{
    struct err *e = &j->st->err;
    char run_id[40];
    int records = process_tempfile(e);
    int replays = records < 0 ? -1 : process_tempfile(e);
    feed_run_id(&j->feed, group, run_id);
    int r = -1;
    if (replays >= 0 &&
        feed_records(&j->feed, group, &j->pick, records, e) == 0 &&
        feed_replays(&j->feed, group, &j->pick, j->target, replays, e) == 0) {
        if (lseek(records, 0, SEEK_SET) != 0)
            r = err_sys(e, ERR_IO, errno, "cannot rewind a temporary file");
        else
            r = run_stage(j, &j->feed.groups[group], records, replays, run_id);
    }
    if (records >= 0)
        close(records);
    if (replays >= 0)
        close(replays);
    return r;
}

/* A command that the user named has checked nothing; what stands behind a pipe
 * that we mark relies on it. */
static int check_spool(struct job *j)
{
    struct input in;
    struct lines lines;
    struct line line;
    struct json_fault fault;
    struct err *e = &j->st->err;
    if (lseek(j->spool, 0, SEEK_SET) != 0)
        return err_sys(e, ERR_IO, errno, "cannot rewind a temporary file");
    if (!j->a->through)
        return 0;
    input_fd(&in, j->spool, "--through");
    in.raw = true;
    if (lines_init(&lines, &in, DLQ_LINE_MAX, e))
        return -1;
    int more;
    while ((more = lines_next(&lines, &line, e)) == 1)
        if (line.text.n &&
            (line.too_long || line.unterminated ||
             json_check_object(line.text, JSON_DEPTH_DEFAULT, &fault))) {
            more = err_set(e, ERR_DATA,
                           "line %" PRIu64 " of what '%s' wrote is no record",
                           line.line, j->a->through);
            break;
        }
    lines_free(&lines);
    if (more == 0 && lseek(j->spool, 0, SEEK_SET) != 0)
        more = err_sys(e, ERR_IO, errno, "cannot rewind a temporary file");
    return more;
}

/* ---- what came back */

/* Notes which letters stand in the queue with more attempts than before.
 * Returns how many are back in all, or -1. */
static int64_t find_back(struct job *j)
{
    struct dlq_read now;
    struct idmap attempts = { 0 };
    int64_t back = 0;
    if (dlq_read_open(&now, j->target, false, &j->st->err))
        return -1;
    for (size_t i = 0; back == 0 && i < now.n_entries; i++) {
        const struct dlq_place *p = dlq_read_place(&now, i);
        if (p->state != DLQ_OPEN)
            continue;
        uint64_t *at = idmap_at(&attempts, p->id);
        if (at)
            *at = p->attempt;
        else
            back = err_nomem(&j->st->err);
    }
    for (size_t i = 0; back >= 0 && i < j->feed.n; i++) {
        struct fed *l = &j->feed.v[i];
        l->back = idmap_get(&attempts, l->id) > l->attempt;
        back += l->back;
    }
    idmap_free(&attempts);
    dlq_read_close(&now);
    return back;
}

/* ---- the rest */

static int copy_spool(struct job *j, struct output *out)
{
    struct input in;
    char block[65536];
    ssize_t n;
    input_fd(&in, j->spool, "a temporary file");
    in.raw = true;
    while ((n = input_read(&in, block, sizeof(block), &j->st->err)) > 0)
        if (stage_tick(j->st) ||
            output_write(out, (struct str){ block, (size_t)n }, &j->st->err))
            return -1;
    return n < 0 || output_flush(out, &j->st->err) ? -1 : 0;
}

/* The pipeline that all letters are of, or NULL. */
static const char *common_pipeline(const struct feed *f)
{
    const char *name = f->groups[0].pipeline;
    for (size_t i = 1; name && i < f->n_groups; i++)
        if (!f->groups[i].pipeline || strcmp(name, f->groups[i].pipeline) != 0)
            name = NULL;
    return name;
}

/* What the rest would get as options of its own, had it been the pipeline's. */
static int add_rest_env(char **env, struct job *j)
{
    const struct {
        const char *name, *value;
    } given[] = {
        { "PIPE_PIPELINE", common_pipeline(&j->feed) },
        { "PIPE_DATE", j->st->opts.date },
        { "PIPE_TZ", j->st->opts.tz },
    };
    for (size_t i = 0; i < 3; i++)
        if (given[i].value && add_env(env, given[i].name, given[i].value))
            return err_nomem(&j->st->err);
    return 0;
}

/* Starts the rest, one word by bash, several as they are; *in is its stdin. */
static pid_t start_rest(struct job *j, int replays, int *in)
{
    struct stage *st = j->st;
    char bash[] = "bash", eo[] = "-eo", pipefail[] = "pipefail", c[] = "-c";
    char *shell[] = { bash, eo, pipefail, c, st->rest[0], NULL };
    char *const *argv = st->rest[1] ? st->rest : shell;
    char *env[ENV_MAX] = { NULL }, run_id[40];
    int fds[2];
    feed_run_id(&j->feed, ALL, run_id);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_sys(&st->err, ERR_TEMPFAIL, errno, "cannot make a pipe");
    pid_t pid = -1;
    if (make_env(env, j, false, replays, run_id) == 0 &&
        add_rest_env(env, j) == 0) {
        struct process_spec spec = { .path = argv[0],
                                     .argv = argv,
                                     .env = { env, NULL },
                                     .in = fds[0],
                                     .out = -1,
                                     .keep = replays };
        pid = process_start(&spec, &st->err);
    }
    free_env(env);
    close(fds[0]);
    if (pid < 0)
        close(fds[1]);
    *in = fds[1];
    return pid;
}

/* Feeds the rest through a pipe of ours. Closing any descriptor of the pipe
 * drops the lock behind the mark, so the mark comes after the other end is
 * closed, and before the first byte. */
static int feed_rest(struct job *j, int in, bool *left_early)
{
    struct stage *st = j->st;
    struct mark mark;
    struct output out;
    (void)mark_begin_own(&mark, in);
    int r = output_fd(&out, in, &st->err);
    if (r == 0) {
        out.stop = stage_stopping;
        r = copy_spool(j, &out);
    }
    *left_early = out.reader_gone;
    if (r == 0)
        mark_ok(&mark, MARK_OK, out.bytes);
    else
        mark_fail(&mark, (int)st->err.code);
    out.fd = -1;
    output_close(&out);
    close(in);
    return r;
}

static int run_rest(struct job *j)
{
    struct err *e = &j->st->err;
    bool left_early = false;
    int in, replays = process_tempfile(e);
    if (replays < 0)
        return -1;
    int r = feed_replays(&j->feed, ALL, &j->pick, j->target, replays, e);
    pid_t pid = r ? -1 : start_rest(j, replays, &in);
    r = pid < 0 ? -1 : feed_rest(j, in, &left_early);
    int status = pid < 0 ? 0 : process_wait(j->st, pid);
    close(replays);
    if (stage_stopping())
        return stage_tick(j->st);
    if (status && (r == 0 || left_early))
        r = err_set(e, (enum err_code)status,
                    "'%s' failed with exit %d: nothing is marked as replayed",
                    j->st->rest[0], status);
    else if (left_early)
        r = err_set(e, ERR_TEMPFAIL,
                    "'%s' did not read all: nothing is marked as replayed",
                    j->st->rest[0]);
    return r;
}

/* ---- the end */

static int mark_letter(struct job *j, struct dlq *q, const struct fed *l)
{
    size_t n = dlq_read_open_lines(&j->pick.read, l->entry, NULL, 0);
    int64_t *us = calloc(n + 1, sizeof(*us));
    if (!us)
        return err_nomem(&j->st->err);
    dlq_read_open_lines(&j->pick.read, l->entry, us, n);
    int r = dlq_mark(q, l->id, us, n, &j->st->err);
    free(us);
    return r;
}

static int mark_replayed(struct job *j)
{
    struct err *e = &j->st->err;
    char run_id[40];
    struct dlq *q = dlq_open(j->target, e);
    if (!q)
        return -1;
    feed_run_id(&j->feed, ALL, run_id);
    int r = 0;
    for (size_t i = 0; r == 0 && i < j->feed.n; i++)
        if (!j->feed.v[i].back)
            r = mark_letter(j, q, &j->feed.v[i]);
    if (r == 0)
        r = dlq_mark_write(q, "replayed", str_of(run_id), e) || dlq_sync(q, e);
    dlq_close(q);
    return r ? -1 : 0;
}

static void report(struct job *j, uint64_t back)
{
    const struct feed *f = &j->feed;
    struct buf text = { 0 };
    uint64_t passed = f->n - back;
    buf_addf(&text, "%" PRIu64 " letter%s %s", passed, passed == 1 ? "" : "s",
             j->st->rest ? "replayed" : "passed, not marked as replayed");
    if (back)
        buf_addf(&text, ", %" PRIu64 " rejected again", back);
    if (f->worn)
        buf_addf(&text,
                 ", %" PRIu64 " left: rejected too often "
                 "(--max-attempts)",
                 f->worn);
    if (f->cut)
        buf_addf(&text,
                 ", %" PRIu64 " left: only the start of the record is "
                 "kept",
                 f->cut);
    if (buf_z(&text))
        stage_note(j->st, "%s", text.p);
    buf_free(&text);
    j->st->counts.in = j->st->counts.out = passed;
}

/* Hands on what passed; nothing of it where nothing came. */
static int hand_on(struct job *j)
{
    if (!j->st->rest)
        return copy_spool(j, &j->st->out);
    return j->spooled ? run_rest(j) : 0;
}

static int replay_letters(struct job *j)
{
    struct err *e = &j->st->err;
    j->spool = process_tempfile(e);
    if (j->spool < 0 || name_target(j))
        return -1;
    for (size_t i = 0; i < j->feed.n_groups; i++)
        if (run_group(j, i))
            return -1;
    int64_t back = check_spool(j) ? -1 : find_back(j);
    if (back < 0)
        return -1;
    if ((uint64_t)back == j->feed.n)
        return err_set(e, ERR_DATA, "all %zu letters were rejected again",
                       j->feed.n);
    if (hand_on(j))
        return -1;
    if (j->st->rest) {
        back = find_back(j);
        if (back < 0 || mark_replayed(j))
            return -1;
    }
    report(j, (uint64_t)back);
    return 0;
}

static int prepare(struct job *j)
{
    struct stage *st = j->st;
    if (lock_folder(j) || pick_open(&j->pick, st, j->a, "open", true))
        return -1;
    if (j->pick.n == 0) {
        if (!j->pick.noted)
            stage_note(st, "no open dead letters chosen");
        return 0;
    }
    if (feed_sort(&j->feed, st, j->a, &j->pick))
        return -1;
    if (j->feed.n == 0)
        return err_set(&st->err, ERR_DATA,
                       "nothing to replay: %" PRIu64 " letters were rejected "
                       "too often (--max-attempts), of %" PRIu64 " only the "
                       "start of the record is kept",
                       j->feed.worn, j->feed.cut);
    return 0;
}

int dlq_replay(struct stage *st, const struct args *a)
{
    struct job j = { .st = st, .a = a, .lock = -1, .spool = -1 };
    int r = prepare(&j);
    if (r == 0 && j.feed.n)
        r = replay_letters(&j);
    if (j.spool >= 0)
        close(j.spool);
    if (j.lock >= 0)
        close(j.lock);
    free(j.target);
    feed_free(&j.feed);
    pick_close(&j.pick);
    return r;
}
