#include "declared.h"

#include "base/date.h"
#include "notify/notify.h"
#include "notify/ping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the environment */

static int no_such_env(struct declared *d, const char *env)
{
    struct buf have = { .max = 4096 };
    for (size_t i = 0; i < d->conf.n_envs; i++)
        buf_addf(&have, "%s%s", i ? ", " : "", d->conf.envs[i].name);
    err_set(&d->st->err, ERR_CONFIG,
            "'%s/%s.json' has no environment '%s'%s%.*s", d->folder.p,
            d->conf.pipeline, env, have.n ? ", but " : "",
            STR_ARG(buf_str(&have)));
    buf_free(&have);
    return -1;
}

/* References (env:, file:) go on as they are: what opens the target resolves
 * them, so that no secret is in any environment. */
static int set_env(struct declared *d, const char *name)
{
    struct err *e = &d->st->err;
    if (!d->given)
        return err_set(e, ERR_CONFIG, "--env wants '%s/%s.json'", d->folder.p,
                       d->st->opts.pipeline ? d->st->opts.pipeline
                                            : "PIPELINE");
    const struct pipeline_env *env = pipeline_env_find(&d->conf, name);
    if (!env)
        return no_such_env(d, name);
    for (size_t i = 0; i < env->n_vars; i++)
        if (setenv(env->vars[i].name, env->vars[i].value, 1))
            return err_nomem(e);
    return setenv("PIPE_ENV", name, 1) ? err_nomem(e) : 0;
}

int declared_read(struct declared *d, struct stage *st, const char *config,
                  const char *env, const char *ping)
{
    *d = (struct declared){ .st = st, .ping = ping };
    const char *name = st->opts.pipeline;
    if (config_dir(&d->folder, config, &st->err))
        return -1;
    if (!buf_z(&d->folder))
        return err_nomem(&st->err);
    if (name) {
        int r = pipeline_conf_read(d->folder.p, name, &d->conf, &st->err);
        if (r < 0)
            return -1;
        d->given = r > 0;
    }
    if (d->given && !d->ping)
        d->ping = d->conf.ping;
    return env ? set_env(d, env) : 0;
}

/* ---- who is told */

static void warn(void *ctx, const char *message)
{
    stage_warn(((struct declared *)ctx)->st, "%s", message);
}

static void ping(struct declared *d, enum ping what, const char *text)
{
    struct err e;
    if (d->ping && ping_send(d->ping, what, str_of(text), &e))
        stage_warn(d->st, "cannot ping the health check: %s", e.msg);
}

void declared_begin(struct declared *d)
{
    ping(d, PING_START, "begins");
}

/* The failure of a date is over when that date is done, not with another one.
 */
static void notify(struct declared *d, const struct runlog *r,
                   const char *state, const char *record)
{
    char title[1300], what[200];
    struct err e;
    bool ok = d->st->err.code == ERR_NONE;
    const char *why = ok ? NULL : d->st->err.msg;
    struct notify x = { .conf = &d->conf,
                        .state = state,
                        .now_us = time_now(),
                        .warn = warn,
                        .ctx = d };
    snprintf(title, sizeof(title), "%s%s%s %s%s%s", r->pipeline,
             r->date ? " of " : "", r->date ? r->date : "",
             ok                              ? "is done"
             : strcmp(r->outcome, "ok") == 0 ? "failed"
                                             : r->outcome,
             why ? ": " : "", why ? why : "");
    struct notice n = { .event = ok ? PIPELINE_OK : PIPELINE_FAILED,
                        .severity = ok ? PIPELINE_INFO : PIPELINE_CRITICAL,
                        .what = what,
                        .title = title,
                        .run_id = r->run_id,
                        .record = record };
    snprintf(what, sizeof(what), "failed%s%.150s", r->date ? " " : "",
             r->date ? r->date : "");
    int failed =
        ok ? notify_settle(&x, what, &e) : notify_tell(&x, &n, 1, 0, &e);
    if (failed == 0 && ok)
        failed = notify_once(&x, &n, &e);
    if (failed)
        stage_warn(d->st, "cannot notify: %s", e.msg);
}

void declared_end(struct declared *d, const struct runlog *r,
                  const struct runlog_dir *dir)
{
    struct buf path = { .max = 4200 };
    buf_addf(&path, "%.*s/record.json", STR_ARG(buf_str(&dir->path)));
    if (d->given && d->conf.n_notify && buf_z(&path))
        notify(d, r, dir->state.p, path.p);
    bool ok = d->st->err.code == ERR_NONE;
    ping(d, ok ? PING_DONE : PING_FAILED, ok ? r->outcome : d->st->err.msg);
    buf_free(&path);
}

void declared_free(struct declared *d)
{
    buf_free(&d->folder);
    pipeline_conf_free(&d->conf);
}
