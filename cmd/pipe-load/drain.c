/* The batches of a spool, one load each, oldest first.
 *
 * A load is a process of its own, this program with the command line that came
 * with the batch and the records on stdin. It holds the drain's lock too: where
 * the drainer is killed, nobody drains beside the load that is left. A batch
 * that was loaded but not removed is loaded again, which the ledger makes
 * nothing of. One whose files are not what was written is set aside. */
#include "load.h"

#include "json/value.h"
#include "run/breaker.h"
#include "run/queue.h"
#include "run/state.h"
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASE_MS 30000
#define LOOK_MS 2000 /* how often the lease is renewed and signals are seen */
#define SELF "/proc/self/exe"

/* A folder that is drained, under its lock. */
struct drain {
    struct stage *st;
    struct queue *q;
    struct breaker breaker;
    int lock;         /* descriptor */
    uint64_t own;     /* the batch whose run this process reports; 0: none */
    size_t n_damaged; /* batches that were set aside */
};

/* ---- the process */

/* Only what is safe behind fork. lock and alive go along. */
_Noreturn static void become(const struct task *t, int lock, int alive)
{
    if (dup2(t->stdin_fd, STDIN_FILENO) == STDIN_FILENO &&
        fchdir(t->dir_fd) == 0 && fcntl(lock, F_SETFD, 0) == 0 &&
        fcntl(alive, F_SETFD, 0) == 0)
        execve(SELF, t->argv, t->envp);
    _exit(ERR_BUG);
}

/* Until it has ended; renews the lease, passes a signal on. */
static int await(pid_t pid, int alive, struct breaker *b)
{
    bool told = false;
    int status;
    struct err ignored;
    struct pollfd p = { .fd = alive, .events = POLLIN };
    for (;;) {
        if (stage_stopping() && !told) {
            told = true;
            kill(pid, stage_stop_signal());
        }
        if (poll(&p, 1, LOOK_MS) > 0)
            break;
        (void)breaker_renew(b, &ignored);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static int run_task(struct drain *d, const struct task *t, int *status,
                    struct err *e)
{
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a pipe");
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(t, d->lock, alive[1]);
    int saved = errno;
    close(alive[1]);
    *status = pid < 0 ? -1 : await(pid, alive[0], &d->breaker);
    close(alive[0]);
    return pid < 0 ? err_sys(e, ERR_TEMPFAIL, saved, "cannot fork") : 0;
}

/* ---- one batch after the other */

/* What the end of the load means: 0, or -1 with e. */
static int judge(const struct task *t, int status, struct err *e)
{
    if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (stage_stopping())
        return err_set(e, ERR_TEMPFAIL, "interrupted");
    if (status == -1 || !WIFEXITED(status))
        return err_set(e, ERR_TEMPFAIL, "the load of '%s' was killed",
                       t->records);
    int code = WEXITSTATUS(status);
    if (code == ERR_UNAVAILABLE || code == ERR_TEMPFAIL)
        return err_set(e, (enum err_code)code,
                       "the load of '%s' ended with exit %d", t->records, code);
    return err_set(e, code < 64 || code > 78 ? ERR_BUG : (enum err_code)code,
                   "batch '%s' stops the spool: its load ended with exit %d "
                   "(SPOOL in pipe-load(1) says how to mend it)",
                   t->records, code);
}

/* Is the target not there, as far as the load could tell? */
static bool is_away(int status, const struct err *e)
{
    return status != -1 && WIFEXITED(status) && !stage_stopping() &&
           (e->code == ERR_UNAVAILABLE || e->code == ERR_TEMPFAIL);
}

static int load_task(struct drain *d, const struct task *t, struct err *e)
{
    struct err ignored = { 0 };
    int status = -1;
    bool opened;
    if (breaker_enter(&d->breaker, e))
        return -1;
    int r = run_task(d, t, &status, e) || judge(t, status, e) ? -1 : 0;
    enum breaker_result result = r == 0               ? BREAKER_GOOD
                                 : is_away(status, e) ? BREAKER_BAD
                                                      : BREAKER_UNKNOWN;
    if (breaker_leave(&d->breaker, result, &opened, &ignored))
        stage_warn(d->st, "%s", ignored.msg);
    return r;
}

static int set_aside(struct drain *d, uint64_t number, const struct err *why,
                     struct err *e)
{
    if (queue_set_aside(d->q, number, e))
        return -1;
    d->n_damaged++;
    stage_warn(d->st,
               "a batch is damaged and not loaded: %s: it is set aside as "
               "'%s/damaged-%012" PRIu64 ".ndjson'",
               why->msg, d->q->dir, number);
    return 0;
}

static int load_one(struct drain *d, uint64_t number, struct err *e)
{
    struct task t;
    struct err why = { 0 };
    int r = task_open(&t, d->q, number, number == d->own, &why);
    bool damaged = r < 0 && t.damaged;
    if (r < 0 && !damaged)
        *e = why;
    else if (damaged)
        r = set_aside(d, number, &why, e);
    else if (r > 0)
        r = load_task(d, &t, e) || queue_remove(d->q, number, e) ? -1 : 0;
    task_close(&t);
    return r;
}

/* Loads what is there: 0 when the folder is empty. */
static int load_all(struct drain *d, struct err *e)
{
    int r = 0;
    for (;;) {
        uint64_t *numbers;
        size_t n;
        if (queue_list(d->q, &numbers, &n, e))
            return -1;
        for (size_t i = 0; r == 0 && i < n; i++)
            r = stage_stopping() ? err_set(e, ERR_TEMPFAIL, "interrupted")
                                 : load_one(d, numbers[i], e);
        free(numbers);
        if (r || n == 0)
            return r;
    }
}

static int is_empty(const struct queue *q, bool *empty, struct err *e)
{
    uint64_t *numbers;
    size_t n;
    if (queue_list(q, &numbers, &n, e))
        return -1;
    free(numbers);
    *empty = n == 0;
    return 0;
}

/* Takes the lock, loads what is there, gives it back. *empty is false where a
 * batch has come just then: whoever brought it has found the lock held. */
static int drain_once(struct drain *d, const char *path, uint64_t wait_ms,
                      bool *empty, struct err *e)
{
    d->lock = state_lock(path, wait_ms, stage_stopping, NULL, e);
    if (d->lock == -1)
        return -1;
    if (d->lock == -2)
        return is_empty(d->q, empty, e) == 0 && *empty
                   ? 0
                   : err_set(e, ERR_TEMPFAIL, "another process drains it");
    int r = load_all(d, e);
    close(d->lock);
    return r ? -1 : is_empty(d->q, empty, e);
}

static void add_since(struct buf *out, const struct buf *about)
{
    struct val v = json_get(json_val(buf_str(about)), STR("queued_at"));
    if (v.type != JSON_STRING)
        return;
    buf_addz(out, " since ");
    (void)json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
}

/* Puts in front of the message what waits: "2 batches wait in 'DIR' since
 * TIME". */
static void say_what_waits(const struct queue *q, struct err *e)
{
    struct buf text = { .max = 8192 }, about = { .max = QUEUE_ABOUT_MAX };
    struct err why = *e, ignored;
    uint64_t *numbers;
    size_t n;
    if (queue_list(q, &numbers, &n, &ignored))
        return;
    if (n && queue_about(q, numbers[0], &about, &ignored) == 1)
        add_since(&text, &about);
    if (n)
        err_set(e, why.code, "%zu %s in '%s'%.*s: %s", n,
                n == 1 ? "batch waits" : "batches wait", q->dir,
                STR_ARG(buf_str(&text)), why.msg);
    free(numbers);
    buf_free(&text);
    buf_free(&about);
}

static int tell_damage(const struct drain *d, int r, struct err *e)
{
    struct err why = *e;
    return err_set(e, ERR_DATA, "%zu damaged %s set aside in '%s'%s%s",
                   d->n_damaged,
                   d->n_damaged == 1 ? "batch was" : "batches were", d->q->dir,
                   r ? "; " : "", r ? why.msg : "");
}

int drain_all(struct stage *st, struct queue *q, const struct load_args *args,
              uint64_t own, uint64_t wait_ms, struct err *e)
{
    char state[QUEUE_PATH], path[QUEUE_PATH];
    if (queue_path(q, state, e, "breaker.json") ||
        queue_path(q, path, e, "drain.lock"))
        return -1;
    struct drain d = { .st = st,
                       .q = q,
                       .breaker = { .path = state,
                                    .name = q->dir,
                                    .failures = args->breaker_failures,
                                    .reset_ms = args->breaker_reset_ms,
                                    .lease_ms = LEASE_MS,
                                    .now = clock_now },
                       .own = own };
    bool empty = false;
    int r = 0;
    while (r == 0 && !empty)
        r = drain_once(&d, path, wait_ms, &empty, e);
    if (d.n_damaged)
        r = tell_damage(&d, r, e);
    if (r)
        say_what_waits(q, e);
    return r;
}

int load_drain(struct stage *st, const struct load_args *args)
{
    struct queue q;
    int r = queue_open(&q, args->drain, false, &st->err) ||
                    drain_all(st, &q, args, 0, 0, &st->err)
                ? -1
                : 0;
    queue_close(&q);
    return r;
}
