#include "held.h"

#include "base/date.h"
#include "base/plain.h"
#include "json/check.h"
#include "json/value.h"
#include "run/ask.h"
#include "run/pending.h"
#include "run/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX ((size_t)16 << 20)
#define NAME_MAX_BYTES 128

/* $1 and $2 are descriptors: the folder of the run goes out by the one, the
 * word to go comes by the other. */
static const char shim[] =
    "printf '%s\\n' \"$PIPE_RUN_DIR\" >&\"$1\" || exit 74\n"
    "a=$1 b=$2\n"
    "exec {a}>&-\n"
    "read -r go <&\"$b\" || exit 75\n"
    "exec {b}<&-\n"
    "shift 2\n"
    "exec \"$@\"";

/* ---- the command line */

struct words {
    char **v; /* owned, and each */
    size_t n, cap;
    bool failed;
};

static void add(struct words *w, const char *word)
{
    if (w->n + 2 > w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        char **v = realloc(w->v, cap * sizeof(*v));
        if (!v) {
            w->failed = true;
            return;
        }
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n] = strdup(word);
    w->failed |= !w->v[w->n];
    w->n += w->v[w->n] != NULL;
    w->v[w->n] = NULL;
}

static void add_number(struct words *w, int n)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", n);
    add(w, text);
}

/* What pipe-run sets for its stages is set again behind it. */
static void add_env(struct words *w, char *const *env)
{
    for (; env && *env; env++)
        if (!strchr(*env, '=')) {
            add(w, "-u");
            add(w, *env);
        }
}

static void add_values(struct words *w, char *const *env)
{
    for (; env && *env; env++)
        if (strchr(*env, '='))
            add(w, *env);
}

static void free_words(struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i]);
    free(w->v);
}

/* Every run has an id of its own; the one that the ledger is to know it by is
 * the program's. */
static void name_run(struct words *w, const char *pipeline, const char *run_id)
{
    struct buf id = { 0 }, name = { 0 };
    bool plain = pipeline && plain_name(pipeline) &&
                 strlen(pipeline) + sizeof(".replay") <= NAME_MAX_BYTES;
    buf_addf(&name, "%s%sreplay", plain ? pipeline : "", plain ? "." : "");
    buf_addf(&id, "%s-%" PRIx64, run_id, (uint64_t)time_now());
    w->failed |= !buf_z(&id) || !buf_z(&name);
    if (!w->failed) {
        add(w, "--pipeline");
        add(w, name.p);
        add(w, "--run-id");
        add(w, id.p);
    }
    buf_free(&id);
    buf_free(&name);
}

static char *runner(void)
{
    char self[4096], *path = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    return slash && asprintf(&path, "%s/pipe-run", self) >= 0 ? path : NULL;
}

static void make_words(struct words *w, const struct process_spec *s,
                       const char *pipeline, const char *run_id, int tell,
                       int wait)
{
    add(w, "pipe-run");
    name_run(w, pipeline, run_id);
    add(w, "--lock=none");
    add(w, "--stdin");
    add(w, "--");
    add(w, "bash");
    add(w, "-c");
    add(w, shim);
    add(w, "pipe-dlq");
    add_number(w, tell);
    add_number(w, wait);
    add(w, "env");
    add_env(w, s->env[0]);
    add_env(w, s->env[1]);
    add_values(w, s->env[0]);
    add_values(w, s->env[1]);
    for (char *const *word = s->argv; *word; word++)
        add(w, word == s->argv ? s->path : *word);
}

/* ---- start */

/* The line that the program says first. */
static int hear_folder(struct held *g, int fd, struct err *e)
{
    char c = 0;
    ssize_t n = 0;
    while ((n = read(fd, &c, 1)) == 1 || (n < 0 && errno == EINTR)) {
        if (n == 1 && c == '\n')
            break;
        if (n == 1)
            buf_addc(&g->dir, c);
    }
    if (n == 1 && g->dir.n && buf_z(&g->dir))
        return 0;
    return err_set(e, ERR_TEMPFAIL, "pipe-run did not start it");
}

static void give_up(struct held *g)
{
    if (g->go >= 0)
        close(g->go);
    g->go = -1;
    buf_free(&g->dir);
}

/* Clear of the numbers that scripts use for themselves. */
static int make_pipe(int ends[2], struct err *e)
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a pipe");
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 64);
        if (ends[i] < 0)
            ends[i] = low[i];
        else
            close(low[i]);
    }
    return 0;
}

int held_start(struct held *g, const struct process_spec *spec,
               const char *pipeline, const char *run_id, struct stage *st)
{
    struct words w = { 0 };
    struct err *e = &st->err;
    int told[2] = { -1, -1 }, go[2] = { -1, -1 };
    *g = (struct held){ .pid = -1, .go = -1, .dir = { .max = 65536 } };
    if (make_pipe(told, e) || make_pipe(go, e)) {
        if (told[0] >= 0) {
            close(told[0]);
            close(told[1]);
        }
        return -1;
    }
    make_words(&w, spec, pipeline, run_id, told[1], go[0]);
    char *path = runner();
    if (path && !w.failed) {
        struct process_spec run = { .path = path,
                                    .argv = w.v,
                                    .cwd = spec->cwd,
                                    .in = spec->in,
                                    .out = spec->out,
                                    .keep = { spec->keep[0], told[1], go[0] } };
        g->pid = process_start(&run, e);
    } else {
        err_nomem(e);
    }
    free(path);
    free_words(&w);
    close(told[1]);
    close(go[0]);
    g->go = go[1];
    int r = g->pid < 0 ? -1 : hear_folder(g, told[0], e);
    close(told[0]);
    if (r == 0)
        return 0;
    give_up(g);
    if (g->pid > 0) {
        int status = process_wait(st, g->pid);
        if (status)
            e->code = (enum err_code)status;
    }
    return -1;
}

/* The note's state: nothing is kept there, for the journal is in the queue. */
static const char *note_state(struct buf *b, const char *dir)
{
    buf_addf(b, "%s/letters.json", dir);
    return buf_z(b);
}

int held_note(const struct held *g, struct err *e)
{
    struct buf b = { .max = 65536 };
    const char *state = note_state(&b, g->dir.p);
    int r = state ? pending_add(g->dir.p, state, "replay", e) : err_nomem(e);
    buf_free(&b);
    return r;
}

void held_go(struct held *g)
{
    ssize_t n = write(g->go, "go\n", 3);
    (void)n; /* gone already: its status will tell */
    close(g->go);
    g->go = -1;
}

int held_end(struct held *g, struct stage *st)
{
    if (g->go >= 0)
        close(g->go);
    g->go = -1;
    return process_wait(st, g->pid);
}

void held_free(struct held *g)
{
    give_up(g);
}

/* ---- what became of it */

/* Does the run's record say that all is committed? 1, 0, -1. */
static int record_is_ok(const char *dir, struct err *e)
{
    struct buf path = { .max = 65536 }, text = { .max = RECORD_MAX };
    struct json_fault fault;
    buf_addf(&path, "%s/record.json", dir);
    int r =
        buf_z(&path) ? state_read(path.p, RECORD_MAX, &text, e) : err_nomem(e);
    if (r > 0)
        r = json_check_object(buf_str(&text), 64, &fault) == 0 &&
            str_eq(json_get(json_val(buf_str(&text)), STR("outcome")).raw,
                   STR("\"ok\""));
    buf_free(&path);
    buf_free(&text);
    return r;
}

/* One by one: some may be committed, and others not. */
static int ask_each(struct str loads, enum held_fate *fate, struct err *e)
{
    struct json_iter it = json_iter(loads);
    struct buf one = { .max = 1 << 20 };
    struct val load;
    size_t all = 0, committed = 0;
    int r = 0;
    while (r >= 0 && json_next(&it, NULL, &load)) {
        buf_reset(&one);
        buf_addc(&one, '[');
        buf_add_str(&one, load.raw);
        buf_addc(&one, ']');
        r = one.failed ? err_nomem(e)
                       : ask_loads(buf_str(&one), stage_stopping, e);
        all++;
        committed += r > 0;
    }
    buf_free(&one);
    *fate = committed == 0     ? HELD_LOST
            : committed == all ? HELD_COMMITTED
                               : HELD_IN_PART;
    return r < 0 ? -1 : 0;
}

static int judge(const char *dir, enum pending_fate pending, struct str loads,
                 enum held_fate *fate, struct err *e)
{
    *fate = HELD_LOST;
    switch (pending) {
    case PENDING_DISCARD: return 0;
    case PENDING_PROMOTE: *fate = HELD_COMMITTED; return 0;
    case PENDING_ASK: return ask_each(loads, fate, e);
    case PENDING_BUSY:
        return err_set(e, ERR_TEMPFAIL,
                       "an earlier replay is still at work (run '%s')", dir);
    case PENDING_OURS:
    case PENDING_LOST: break;
    }
    return err_set(e, ERR_CONFIG,
                   "the folder '%s' of an earlier replay is gone, and with it "
                   "whether its load was committed (--unresolved says it)",
                   dir);
}

/* A loader only looked: nothing counts, however well all ended. */
static bool was_dry(const char *dir)
{
    struct buf b = { .max = 65536 };
    buf_addf(&b, "%s/pending/void", dir);
    bool dry = buf_z(&b) && access(b.p, F_OK) == 0;
    buf_free(&b);
    return dry;
}

int held_fate(const char *dir, enum held_fate *fate, struct err *e)
{
    struct buf state = { .max = 65536 }, loads = { .max = 4 << 20 };
    enum pending_fate pending;
    *fate = HELD_COMMITTED;
    int r = record_is_ok(dir, e);
    if (r > 0 && was_dry(dir))
        *fate = HELD_LOST;
    if (r == 0) {
        const char *name = note_state(&state, dir);
        r = name ? pending_fate(dir, name, NULL, &pending, &loads, e)
                 : err_nomem(e);
        if (r == 0)
            r = judge(dir, pending, buf_str(&loads), fate, e);
    }
    buf_free(&state);
    buf_free(&loads);
    return r < 0 ? -1 : 0;
}
