/* replay: letters to the stage that rejected them, what it passes to the rest
 * of the pipeline; and only when all that ended well, marks.
 *
 * The stage runs first and its output is kept, so that the rest starts only
 * when every stage ended well and something passed: an empty stream could
 * empty a partition. */
#include "replay.h"

#include "io/lines.h"
#include "json/check.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- preparing */

/* Locks the folder that the letters are in, before they are read; where there
 * is none, there are no letters to replay. */
static int lock_folder(struct job *j)
{
    struct err *e = &j->st->err;
    struct target target = { 0 };
    char *uri = pick_uri(j->st, j->a);
    int r = uri ? target_parse(&target, uri, e) : -1;
    if (r == 0)
        r = target_lock(&target, 0, &j->lock, e);
    target_free(&target);
    free(uri);
    return r < 0 ? -1 : 0;
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
    /* We wait for the process itself, so no mark is needed of a command that
     * the user named. */
    *whole = v == VERDICT_CLEAN || (v == VERDICT_UNKNOWN && j->a->through);
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
    if (env_make(env, j, true, replays, run_id) == 0 &&
        env_add(env, "PIPE_PIPELINE", g->pipeline) == 0) {
        struct process_spec spec = { .path = g->path,
                                     .argv = g->argv,
                                     .cwd = g->cwd,
                                     .env = { g->env, env },
                                     .in = records,
                                     .out = fds[1],
                                     .keep = { replays, -1, -1 } };
        pid = process_start(&spec, &st->err);
    }
    close(fds[1]);
    int r = pid < 0 ? -1 : drain(j, fds[0], g, &whole);
    close(fds[0]);
    if (pid > 0) {
        int status = process_wait(st, pid);
        r = r ? r : stage_ended(j, g, status, whole);
    }
    env_free(env);
    return r;
}

/* A load is committed with its marks, whatever becomes of the others. */
static int load_ended(struct job *j, size_t group, const struct held *g,
                      const struct journal *is, int status)
{
    struct stage *st = j->st;
    enum held_fate fate;
    if (journal_end(j, group, g, is, &fate))
        return -1;
    if (stage_tick(st))
        return -1;
    if (fate == HELD_IN_PART || (status && fate == HELD_COMMITTED))
        return err_set(&st->err, ERR_TEMPFAIL,
                       "'pipe-load' failed with exit %d, but has committed",
                       status);
    if (fate == HELD_LOST)
        return err_set(
            &st->err, (enum err_code)(status ? status : ERR_TEMPFAIL),
            "'pipe-load' failed with exit %d: nothing is replayed", status);
    for (size_t i = 0; i < j->feed.n; i++) {
        struct fed *l = &j->feed.v[i];
        l->done = l->done || (l->group == group && !l->back);
        j->done += l->group == group && !l->back;
    }
    return 0;
}

/* Letters of pipe-load: it passes nothing on. */
static int run_load(struct job *j, size_t group, int records, int replays,
                    const char *run_id)
{
    struct stage *st = j->st;
    const struct group *g = &j->feed.groups[group];
    char *env[ENV_MAX] = { NULL };
    struct held run;
    struct journal is;
    int r = -1;
    if (env_make(env, j, true, replays, run_id) == 0 &&
        env_add(env, "PIPE_PIPELINE", g->pipeline) == 0) {
        struct process_spec spec = { .path = g->path,
                                     .argv = g->argv,
                                     .cwd = g->cwd,
                                     .env = { g->env, env },
                                     .in = records,
                                     .out = -1,
                                     .keep = { replays, -1, -1 } };
        r = held_start(&run, &spec, g->pipeline, run_id, st);
    }
    env_free(env);
    if (r)
        return -1;
    r = journal_begin(j, group, &run, &is);
    if (r == 0)
        held_go(&run);
    int status = held_end(&run, st);
    if (r == 0)
        r = load_ended(j, group, &run, &is, status);
    held_free(&run);
    return r;
}

static int run_records(struct job *j, size_t group, int records, int replays)
{
    const struct group *g = &j->feed.groups[group];
    char run_id[40];
    feed_run_id(&j->feed, group, run_id);
    if (lseek(records, 0, SEEK_SET) != 0)
        return err_sys(&j->st->err, ERR_IO, errno,
                       "cannot rewind a temporary file");
    return g->loads ? run_load(j, group, records, replays, run_id)
                    : run_stage(j, g, records, replays, run_id);
}

static int run_group(struct job *j, size_t group)
{
    struct err *e = &j->st->err;
    int records = process_tempfile(e);
    int replays = records < 0 ? -1 : process_tempfile(e);
    int r = -1;
    if (replays >= 0 &&
        feed_records(&j->feed, group, &j->pick, records, e) == 0 &&
        feed_replays(&j->feed, group, &j->pick, j->target, replays, e) == 0)
        r = run_records(j, group, records, replays);
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

/* ---- the end */

static void report(struct job *j, uint64_t back)
{
    const struct feed *f = &j->feed;
    struct buf text = { 0 };
    uint64_t passed = f->n - back;
    uint64_t replayed = j->st->rest ? passed : j->done;
    buf_addf(&text, "%" PRIu64 " letter%s %s", replayed ? replayed : passed,
             (replayed ? replayed : passed) == 1 ? "" : "s",
             j->st->rest || replayed ? "replayed"
                                     : "passed, not marked as replayed");
    if (replayed && replayed < passed)
        buf_addf(&text, ", %" PRIu64 " passed, not marked as replayed",
                 passed - replayed);
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
        return rest_copy(j, &j->st->out);
    return j->spooled ? rest_run(j) : journal_mark(j);
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
    int64_t back = check_spool(j) ? -1 : journal_find_back(j);
    if (back < 0)
        return -1;
    if ((uint64_t)back == j->feed.n)
        return err_set(e, ERR_DATA, "all %zu letters were rejected again",
                       j->feed.n);
    if (hand_on(j))
        return -1;
    if (j->st->rest)
        back = journal_find_back(j);
    if (back < 0)
        return -1;
    report(j, (uint64_t)back);
    return 0;
}

/* Letters of a replay that was committed in part go alone. */
static void keep_unfinished(struct job *j)
{
    size_t kept = 0;
    for (size_t i = 0; j->unfinished.n && i < j->pick.read.n_entries; i++) {
        const struct dlq_place *p = dlq_read_place(&j->pick.read, i);
        if (p->state == DLQ_OPEN &&
            idmap_get(&j->unfinished, envelope_line_key(p->id, p->us)))
            j->pick.v[kept++] = i;
    }
    if (j->unfinished.n)
        j->pick.n = kept;
}

static int prepare(struct job *j)
{
    struct stage *st = j->st;
    if (lock_folder(j) || journal_recover(j) ||
        pick_open(&j->pick, st, j->a, "open", true))
        return -1;
    keep_unfinished(j);
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
    idmap_free(&j.unfinished);
    feed_free(&j.feed);
    pick_close(&j.pick);
    return r;
}
