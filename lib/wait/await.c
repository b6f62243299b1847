#include "wait/await.h"

#include "base/seed.h"
#include "run/clock.h"
#include "wait/watch.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

/* Between two looks because of something that happened: a file that is being
 * written tells of every write. */
#define GAP_MS 50

struct turn {
    struct sensor *s;
    bool holds, failed;
    bool hinted; /* something happened where it is */
    unsigned looks;
    int64_t due_ms, looked_ms;
    struct err why; /* it failed */
};

struct awaiting {
    const struct await_spec *spec;
    struct turn *turns;
    struct watch watch;
    bool blind;
    int64_t started_ms;
    unsigned random;
};

static bool (*signalled)(void);
static int64_t deadline_ms; /* 0: none */

bool await_stopping(void)
{
    return (signalled && signalled()) ||
           (deadline_ms && clock_ms() >= deadline_ms);
}

static void tell(const struct awaiting *a, enum await_news news,
                 const struct turn *t, const char *text)
{
    if (a->spec->tell)
        a->spec->tell(a->spec->context, news, t ? t->s : NULL, t ? t->looks : 0,
                      text);
}

/* ---- when to look ---- */

static uint64_t pause_ms(struct awaiting *a, unsigned looks)
{
    uint64_t base = a->spec->interval_ms, cap = a->spec->max_interval_ms;
    unsigned doubled = looks > 0 ? looks - 1 : 0;
    if (cap < base)
        cap = base;
    uint64_t top =
        doubled > 40 || base > cap >> doubled ? cap : base << doubled;
    return top / 2 + seed(a->random++) % (top - top / 2 + 1);
}

static void plan(struct awaiting *a, struct turn *t)
{
    uint64_t ms = pause_ms(a, t->looks);
    if (t->s->settling)
        ms = t->s->rest_ms;
    else if (ms < t->s->rest_ms)
        ms = t->s->rest_ms;
    t->due_ms = ms > INT64_MAX / 2 ? INT64_MAX : t->looked_ms + (int64_t)ms;
}

static bool is_open(const struct turn *t)
{
    return !t->holds && !t->failed;
}

/* ---- looking ---- */

static int look(struct awaiting *a, struct turn *t, struct err *e)
{
    bool held = t->holds, first = t->looks == 0;
    struct err why = { 0 };
    t->hinted = false;
    t->looks++;
    int r = sensor_look(t->s, &why);
    t->looked_ms = clock_ms();
    t->holds = r > 0;
    if (r > 0) {
        if (!held)
            tell(a, AWAIT_HOLDS, t, NULL);
        return 0;
    }
    if (r == 0) {
        if (held || first)
            tell(a, AWAIT_LACKS, t, t->s->why.p);
        plan(a, t);
        return 0;
    }
    t->failed = true;
    t->why = why;
    if (!a->spec->any) {
        *e = why;
        return -1;
    }
    tell(a, AWAIT_FAILED, t, why.msg);
    return 0;
}

static void add_watch(void *context, const char *folder)
{
    watch_folder(context, folder);
}

/* Before the looks, so that nothing happens unseen between the two. */
static void watch_places(struct awaiting *a)
{
    const struct await_spec *spec = a->spec;
    watch_begin(&a->watch);
    for (size_t i = 0; i < spec->n; i++) {
        struct sensor *s = spec->sensors[i];
        if (s->kind->places && is_open(&a->turns[i]))
            s->kind->places(s, add_watch, &a->watch);
    }
    watch_end(&a->watch);
    if (a->watch.failure && !a->blind) {
        a->blind = true;
        tell(a, AWAIT_BLIND, NULL, strerror(a->watch.failure));
    }
}

static int look_at_due(struct awaiting *a, struct err *e)
{
    for (size_t i = 0; i < a->spec->n; i++) {
        struct turn *t = &a->turns[i];
        int64_t now = clock_ms();
        bool due =
            t->due_ms <= now || (t->hinted && t->looked_ms + GAP_MS <= now);
        if (is_open(t) && due && !await_stopping() && look(a, t, e))
            return -1;
        if (a->spec->any && t->holds)
            return 0;
    }
    return 0;
}

static bool is_over(const struct awaiting *a)
{
    for (size_t i = 0; i < a->spec->n; i++)
        if (a->turns[i].holds == a->spec->any)
            return a->spec->any;
    return !a->spec->any;
}

/* What held when others did not is looked at again. */
static int confirm(struct awaiting *a, int64_t since_ms, struct err *e)
{
    for (size_t i = 0; i < a->spec->n && !a->spec->any; i++)
        if (a->turns[i].looked_ms < since_ms && look(a, &a->turns[i], e))
            return -1;
    return 0;
}

/* ---- the end ---- */

/* any, and none will ever hold. */
static int check_hope(const struct awaiting *a, struct err *e)
{
    for (size_t i = 0; i < a->spec->n; i++)
        if (!a->turns[i].failed)
            return 0;
    *e = a->turns[0].why;
    return -1;
}

/* One line: everything that is missing. */
static int give_up(const struct awaiting *a, struct err *e)
{
    struct buf text = { .max = sizeof(e->msg) - 1 };
    const struct await_spec *spec = a->spec;
    if (!spec->once)
        buf_addf(&text, "gave up after %.*g s: ", 6,
                 (double)spec->timeout_ms / 1000);
    bool first = true;
    for (size_t i = 0; i < spec->n; i++) {
        const struct turn *t = &a->turns[i];
        if (!is_open(t))
            continue;
        const char *why = t->s->why.p ? t->s->why.p : t->s->uri;
        buf_addf(&text, "%s%s", first ? "" : "; ", why);
        first = false;
    }
    const char *z = buf_z(&text); /* NULL: more than fits */
    if (!z)
        text.failed = false;
    int r = err_set(e, ERR_TEMPFAIL, "%.*s%s", STR_ARG(buf_str(&text)),
                    z ? "" : "; ...");
    buf_free(&text);
    return r;
}

/* Sleeps until something is due or happens. False: there is nothing to wait
 * for. */
static bool sleep_on(struct awaiting *a)
{
    int64_t until = INT64_MAX, now = clock_ms();
    bool settling = false, lacking = false;
    for (size_t i = 0; i < a->spec->n; i++) {
        const struct turn *t = &a->turns[i];
        if (!is_open(t))
            continue;
        int64_t due = t->due_ms;
        if (t->hinted && t->looked_ms + GAP_MS < due)
            due = t->looked_ms + GAP_MS;
        until = due < until ? due : until;
        *(t->s->settling ? &settling : &lacking) = true;
    }
    if (a->spec->once && (a->spec->any ? !settling : lacking))
        return false;
    if (deadline_ms && deadline_ms < until)
        until = deadline_ms;
    uint64_t ms = until > now ? (uint64_t)(until - now) : 0;
    if (!watch_sleep(&a->watch, ms))
        return true;
    for (size_t i = 0; i < a->spec->n; i++)
        a->turns[i].hinted |= a->spec->sensors[i]->kind->places != NULL;
    return true;
}

static int run(struct awaiting *a, struct err *e)
{
    const struct await_spec *spec = a->spec;
    for (;;) {
        int64_t round_ms = clock_ms();
        watch_places(a);
        if (look_at_due(a, e))
            return -1;
        if (is_over(a)) {
            if (confirm(a, round_ms, e))
                return -1;
            if (is_over(a))
                return 0;
        }
        if (spec->stop && spec->stop())
            return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
        if (check_hope(a, e))
            return -1;
        if (await_stopping() || !sleep_on(a))
            return give_up(a, e);
    }
}

int await(const struct await_spec *spec, struct err *e)
{
    struct awaiting a = { .spec = spec, .started_ms = clock_ms() };
    a.turns = calloc(spec->n ? spec->n : 1, sizeof(*a.turns));
    if (!a.turns)
        return err_nomem(e);
    for (size_t i = 0; i < spec->n; i++)
        a.turns[i] =
            (struct turn){ .s = spec->sensors[i], .due_ms = a.started_ms };
    signalled = spec->stop;
    deadline_ms = spec->timeout_ms && spec->timeout_ms < (uint64_t)INT64_MAX / 2
                      ? a.started_ms + (int64_t)spec->timeout_ms
                      : 0;
    watch_open(&a.watch);
    int r = run(&a, e);
    watch_close(&a.watch);
    signalled = NULL;
    deadline_ms = 0;
    free(a.turns);
    return r;
}
