/* The batches of a spool, one load each, oldest first.
 *
 * A load is a process of its own, this program with the command line that came
 * with the batch and the records on stdin. It holds the drain's lock too: where
 * the drainer is killed, nobody drains beside the load that is left. A batch
 * that was loaded but not removed is loaded again, which the ledger makes
 * nothing of. */
#include "load.h"

#include "json/value.h"
#include "run/breaker.h"
#include "run/queue.h"
#include "run/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASE_MS 30000
#define SELF "/proc/self/exe"

extern char **environ;

/* What a load needs. */
struct task {
    char json[QUEUE_PATH], records[QUEUE_PATH]; /* paths */
    struct buf about;
    struct buf words, env_words; /* the strings, NUL-terminated */
    char **argv, **envp;         /* owned arrays into these */
    struct buf cwd;
    int stdin_fd, dir_fd;
};

static void free_task(struct task *t)
{
    buf_free(&t->about);
    buf_free(&t->words);
    buf_free(&t->env_words);
    buf_free(&t->cwd);
    free(t->argv);
    free(t->envp);
    if (t->stdin_fd >= 0)
        close(t->stdin_fd);
    if (t->dir_fd >= 0)
        close(t->dir_fd);
}

/* ---- from .json to a process */

static int nonsense(const struct task *t, const char *member, struct err *e)
{
    return err_set(e, ERR_CONFIG, "cannot use '%s': no good \"%s\"", t->json,
                   member);
}

/* Appends a string and NUL. A NUL within is nothing of ours. */
static int add_text(struct buf *out, struct val v)
{
    size_t from = out->n;
    if (v.type != JSON_STRING ||
        json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 }) ||
        (out->n > from && memchr(out->p + from, '\0', out->n - from)))
        return -1;
    return buf_addc(out, '\0');
}

/* Pointers to the words, and `more` places; NULL-terminated. */
static char **point(struct buf *words, size_t n, size_t more)
{
    char **v = calloc(n + more + 1, sizeof(*v));
    char *p = words->p;
    for (size_t i = 0; v && i < n; i++, p += strlen(p) + 1)
        v[i] = p;
    return v;
}

static int read_argv(struct task *t, struct err *e)
{
    struct val all = json_get(json_val(buf_str(&t->about)), STR("argv")), v;
    struct json_iter it = json_iter(all.raw);
    size_t n = 1;
    if (all.type != JSON_ARRAY)
        return nonsense(t, "argv", e);
    buf_add_str(&t->words, STR("pipe-load\0"));
    for (; json_next(&it, NULL, &v); n++)
        if (add_text(&t->words, v))
            return nonsense(t, "argv", e);
    t->argv = t->words.failed ? NULL : point(&t->words, n, 0);
    return t->argv ? 0 : err_nomem(e);
}

/* Ours, but for what options stand in for: those are all in argv, and the gate
 * of a run is not for a load that was verified before. */
static bool is_inherited(const char *entry, const char *names)
{
    if (strncmp(entry, "PIPE_", 5) == 0)
        return strncmp(entry, "PIPE_STATE=", 11) == 0 ||
               strncmp(entry, "PIPE_SIMD=", 10) == 0 ||
               strncmp(entry, "PIPE_LIB", 8) == 0;
    size_t n = strcspn(entry, "=");
    for (const char *p = names; *p; p += strlen(p) + 1)
        if (strncmp(p, entry, n) == 0 && p[n] == '=')
            return false;
    return true;
}

/* The environment of the load: what came with it goes before what is here. */
static int make_env(struct task *t, struct err *e)
{
    struct val all = json_get(json_val(buf_str(&t->about)), STR("env")), v;
    struct json_iter it = json_iter(all.raw);
    struct str key;
    size_t kept = 0, n = 0;
    if (all.type != JSON_OBJECT && all.type != JSON_MISSING)
        return nonsense(t, "env", e);
    for (; all.raw.n && json_next(&it, &key, &v); kept++) {
        if (key.n < 3 || memcmp(key.p, "PG", 2) != 0)
            return nonsense(t, "env", e);
        buf_add_str(&t->env_words, key);
        buf_addc(&t->env_words, '=');
        if (add_text(&t->env_words, v))
            return nonsense(t, "env", e);
    }
    buf_addc(&t->env_words, '\0'); /* ends the names for is_inherited */
    while (environ[n])
        n++;
    t->envp = t->env_words.failed ? NULL : point(&t->env_words, kept, n);
    if (!t->envp)
        return err_nomem(e);
    for (size_t i = 0, to = kept; i < n; i++)
        if (is_inherited(environ[i], t->env_words.p))
            t->envp[to++] = environ[i];
    return 0;
}

/* Where .json says how many bytes there are, they are there. */
static int check_size(const struct task *t, struct err *e)
{
    struct val v = json_get(json_val(buf_str(&t->about)), STR("bytes"));
    struct stat st;
    char digits[24] = "";
    if (v.type == JSON_MISSING)
        return 0;
    if (v.type != JSON_NUMBER || v.raw.n >= sizeof(digits))
        return nonsense(t, "bytes", e);
    memcpy(digits, v.raw.p, v.raw.n);
    if (fstat(t->stdin_fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", t->records);
    if ((uint64_t)st.st_size == strtoull(digits, NULL, 10))
        return 0;
    return err_set(e, ERR_DATA,
                   "batch '%s' has %" PRIu64
                   " bytes, not %s: if that is meant, take \"bytes\" out of "
                   "'%s'",
                   t->records, (uint64_t)st.st_size, digits, t->json);
}

static int open_task(struct task *t, const struct queue *q, uint64_t number,
                     struct err *e)
{
    *t = (struct task){ .stdin_fd = -1, .dir_fd = -1 };
    t->about.max = QUEUE_ABOUT_MAX;
    t->words.max = t->env_words.max = QUEUE_ABOUT_MAX;
    t->cwd.max = 65536;
    int r =
        queue_path(q, t->json, e, "%012" PRIu64 ".json", number) ||
                queue_path(q, t->records, e, "%012" PRIu64 ".ndjson", number)
            ? -1
            : queue_about(q, number, &t->about, e);
    if (r <= 0)
        return r < 0 ? -1
                     : err_set(e, ERR_NOINPUT, "cannot open '%s': it was moved",
                               t->json);
    if (add_text(&t->cwd, json_get(json_val(buf_str(&t->about)), STR("cwd"))))
        return nonsense(t, "cwd", e);
    if (read_argv(t, e) || make_env(t, e))
        return -1;
    t->stdin_fd = open(t->records, O_RDONLY | O_CLOEXEC);
    if (t->stdin_fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", t->records);
    t->dir_fd = open(t->cwd.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (t->dir_fd < 0)
        return err_sys(e, ERR_NOINPUT, errno,
                       "cannot go to '%s', where batch '%s' is from", t->cwd.p,
                       t->records);
    return check_size(t, e);
}

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
        int n = poll(&p, 1, LEASE_MS / 3);
        if (n > 0)
            break;
        if (n == 0)
            (void)breaker_renew(b, &ignored);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static int run_task(const struct task *t, int lock, struct breaker *b,
                    int *status, struct err *e)
{
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a pipe");
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(t, lock, alive[1]);
    int saved = errno;
    close(alive[1]);
    *status = pid < 0 ? -1 : await(pid, alive[0], b);
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
                   "(mend it, or move it and its .json away)",
                   t->records, code);
}

/* With the drain's lock held. */
static int load_one(struct stage *st, struct queue *q, struct breaker *b,
                    int lock, uint64_t number, struct err *e)
{
    struct task t;
    int status = -1;
    bool opened, entered = false;
    struct err ignored = { 0 };
    int r = open_task(&t, q, number, e);
    if (r == 0)
        r = breaker_enter(b, e);
    entered = r == 0;
    if (r == 0)
        r = run_task(&t, lock, b, &status, e) || judge(&t, status, e) ? -1 : 0;
    bool away = r && status != -1 && WIFEXITED(status) && !stage_stopping() &&
                (e->code == ERR_UNAVAILABLE || e->code == ERR_TEMPFAIL);
    enum breaker_result result = r == 0 ? BREAKER_GOOD
                                 : away ? BREAKER_BAD
                                        : BREAKER_UNKNOWN;
    if (entered && breaker_leave(b, result, &opened, &ignored))
        stage_note(st, "%s", ignored.msg);
    free_task(&t);
    return r ? -1 : queue_remove(q, number, e);
}

/* Loads what is there: 0 when the folder is empty. */
static int load_all(struct stage *st, struct queue *q, struct breaker *b,
                    int lock, struct err *e)
{
    int r = 0;
    for (;;) {
        uint64_t *numbers;
        size_t n;
        if (queue_list(q, &numbers, &n, e))
            return -1;
        for (size_t i = 0; r == 0 && i < n; i++)
            r = stage_stopping() ? err_set(e, ERR_TEMPFAIL, "interrupted")
                                 : load_one(st, q, b, lock, numbers[i], e);
        free(numbers);
        if (r || n == 0)
            return r;
    }
}

int drain_all(struct stage *st, struct queue *q, const struct load_args *args,
              struct err *e)
{
    char state[QUEUE_PATH], path[QUEUE_PATH];
    if (queue_path(q, state, e, "breaker.json") ||
        queue_path(q, path, e, "drain.lock"))
        return -1;
    struct breaker b = { .path = state,
                         .name = q->dir,
                         .failures = args->breaker_failures,
                         .reset_ms = args->breaker_reset_ms,
                         .lease_ms = LEASE_MS,
                         .now = clock_now };
    for (;;) {
        int lock = state_lock(path, 0, NULL, NULL, e);
        if (lock == -2)
            return err_set(e, ERR_TEMPFAIL, "another process drains it");
        if (lock < 0)
            return -1;
        int r = load_all(st, q, &b, lock, e);
        close(lock);
        /* A batch that came before the lock was given back found it held. */
        uint64_t *numbers;
        size_t n;
        if (r || queue_list(q, &numbers, &n, e))
            return -1;
        free(numbers);
        if (n == 0)
            return 0;
    }
}

int drain_waiting(const struct queue *q, struct buf *out, size_t *n,
                  struct err *e)
{
    struct buf about = { .max = QUEUE_ABOUT_MAX }, since = { .max = 256 };
    struct err ignored;
    uint64_t *numbers;
    if (queue_list(q, &numbers, n, e))
        return -1;
    if (*n == 0 || queue_about(q, numbers[0], &about, &ignored) != 1 ||
        add_text(&since, json_get(json_val(buf_str(&about)), STR("queued_at"))))
        buf_reset(&since);
    free(numbers);
    buf_addf(out, "%zu %s in '%s'%s%s", *n,
             *n == 1 ? "batch waits" : "batches wait", q->dir,
             since.n ? " since " : "", since.n ? since.p : "");
    buf_free(&about);
    buf_free(&since);
    return out->failed ? err_nomem(e) : 0;
}

int load_drain(struct stage *st, const struct load_args *args)
{
    struct queue q;
    struct err why = { 0 };
    struct buf text = { .max = 8192 };
    size_t n;
    int r = queue_open(&q, args->drain, false, &st->err);
    if (r == 0 && drain_all(st, &q, args, &why)) {
        r = -1;
        if (drain_waiting(&q, &text, &n, &st->err) == 0)
            err_set(&st->err, why.code, "%.*s: %s", STR_ARG(buf_str(&text)),
                    why.msg);
    }
    queue_close(&q);
    buf_free(&text);
    return r;
}
