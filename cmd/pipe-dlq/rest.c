/* The rest of the pipeline, behind the stages that rejected the letters. */
#include "gate/gate.h"
#include "process.h"
#include "replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

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
    const char *common = common_pipeline(&j->feed);
    const struct {
        const char *name, *value;
    } given[] = {
        { "PIPE_PIPELINE", common ? common : j->st->opts.pipeline },
        { "PIPE_DATE", j->st->opts.date },
        { "PIPE_TZ", j->st->opts.tz },
    };
    for (size_t i = 0; i < 3; i++)
        if ((i == 0 || given[i].value) &&
            env_add(env, given[i].name, given[i].value))
            return err_nomem(&j->st->err);
    return 0;
}

/* Starts the rest, one word by bash, several as they are; *in is its stdin. */
static int start_rest(struct job *j, int replays, struct held *g, int *in)
{
    struct stage *st = j->st;
    char bash[] = "bash", eo[] = "-eo", pipefail[] = "pipefail", c[] = "-c";
    char *shell[] = { bash, eo, pipefail, c, st->rest[0], NULL };
    char *const *argv = st->rest[1] ? st->rest : shell;
    char *env[ENV_MAX] = { NULL }, run_id[40];
    int fds[2], r = -1;
    feed_run_id(&j->feed, ALL, run_id);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_sys(&st->err, ERR_TEMPFAIL, errno, "cannot make a pipe");
    if (env_make(env, j, false, replays, run_id) == 0 &&
        add_rest_env(env, j) == 0) {
        struct process_spec spec = { .path = argv[0],
                                     .argv = argv,
                                     .env = { env, NULL },
                                     .in = fds[0],
                                     .out = -1,
                                     .keep = { replays, -1, -1 } };
        r = held_start(g, &spec, common_pipeline(&j->feed), run_id, st);
    }
    env_free(env);
    close(fds[0]);
    if (r)
        close(fds[1]);
    *in = fds[1];
    return r;
}

int rest_copy(struct job *j, struct output *out)
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
        r = rest_copy(j, &out);
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

/* What the end of the rest means. Its load is the word: an exit does not say
 * what was committed before it. */
static int judge(struct job *j, int fed, int status, bool left_early,
                 const struct held *g, const struct journal *is)
{
    struct stage *st = j->st;
    struct err failure = st->err;
    enum held_fate fate = HELD_LOST;
    st->err = (struct err){ 0 };
    if (journal_end(j, ALL, g, is, &fate)) {
        if (!status && !fed)
            return -1;
        /* The next replay asks again. */
        stage_note(st, "%s", st->err.msg);
        st->err = (struct err){ 0 };
    }
    const char *rest = st->rest[0];
    if (stage_stopping())
        return stage_tick(st);
    if (fate == HELD_IN_PART)
        return err_set(&st->err, ERR_TEMPFAIL,
                       "'%s' has committed a part of its loads: the same "
                       "replay again does the rest",
                       rest);
    const char *marked = fate == HELD_COMMITTED
                             ? "its load is committed, and marked"
                             : "nothing is marked as replayed";
    if (status)
        return err_set(&st->err, (enum err_code)status,
                       "'%s' failed with exit %d: %s", rest, status, marked);
    if (left_early)
        return err_set(&st->err, ERR_TEMPFAIL, "'%s' did not read all: %s",
                       rest, marked);
    if (fed) {
        st->err = failure;
        return -1;
    }
    if (fate == HELD_LOST)
        return err_set(&st->err, ERR_TEMPFAIL, "'%s' has only looked: %s", rest,
                       marked);
    return 0;
}

static int run_held(struct job *j, struct held *g, int in)
{
    struct journal is;
    bool left_early = false;
    if (journal_begin(j, ALL, g, &is)) {
        close(in);
        (void)held_end(g, j->st);
        return -1;
    }
    held_go(g);
    int fed = feed_rest(j, in, &left_early);
    int status = held_end(g, j->st);
    return judge(j, fed, status, left_early, g, &is);
}

int rest_run(struct job *j)
{
    struct held g;
    int in, replays = process_tempfile(&j->st->err);
    if (replays < 0)
        return -1;
    int r =
        feed_replays(&j->feed, ALL, &j->pick, j->target, replays, &j->st->err);
    if (r == 0)
        r = start_rest(j, replays, &g, &in);
    if (r == 0) {
        r = run_held(j, &g, in);
        held_free(&g);
    }
    close(replays);
    return r;
}
