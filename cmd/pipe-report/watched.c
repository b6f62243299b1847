#include "watched.h"

#include "base/plain.h"

#include <stdlib.h>
#include <string.h>

/* One file that is wrong does not keep the others from being looked at. */
static int read_one(struct watched *w, struct stage *st, const char *name,
                    bool must)
{
    struct err e = { 0 };
    int r = pipeline_conf_read(w->dir.p, name, &w->confs[w->n], &e);
    if (r > 0) {
        w->health[w->n].conf = &w->confs[w->n];
        w->n++;
        return 0;
    }
    pipeline_conf_free(&w->confs[w->n]);
    if (r < 0 && e.code == ERR_TEMPFAIL) {
        st->err = e;
        return -1;
    }
    if (r < 0) {
        stage_warn(st, "%s", e.msg);
        w->bad++;
    }
    return r == 0 && must ? err_set(&st->err, ERR_CONFIG,
                                    "pipeline '%s' is not declared in '%s'",
                                    name, w->dir.p)
                          : 0;
}

static int make_room(struct watched *w, size_t n, struct err *e)
{
    w->confs = calloc(n + 1, sizeof(*w->confs));
    w->health = calloc(n + 1, sizeof(*w->health));
    return w->confs && w->health ? 0 : err_nomem(e);
}

/* The files of the operands, or all; must: an operand has to have one. more:
 * pipelines that may be added later on. */
static int read_all(struct watched *w, struct stage *st, const struct args *a,
                    bool must, size_t more)
{
    struct pipeline_list l = { 0 };
    bool chosen = st->argc > 1;
    if (!where_config(st, a, &w->dir))
        return -1;
    int r = pipeline_conf_list(w->dir.p, &l, &st->err);
    size_t n = chosen ? (size_t)st->argc - 1 : l.n;
    if (r == 0)
        r = make_room(w, n + more, &st->err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const char *name = chosen ? st->argv[i + 1] : l.names[i];
        if (watched_find(w, name))
            continue;
        if (plain_name(name))
            r = read_one(w, st, name, chosen && must);
        else if (must)
            r = err_set(&st->err, ERR_USAGE, "'%s' is no name of a pipeline",
                        name);
    }
    pipeline_list_free(&l);
    return r;
}

static int judge(struct watched *w, struct stage *st, const char *state,
                 int64_t now_us, bool all_letters)
{
    return health_gather(w->health, w->n, state, now_us, all_letters,
                         &st->err) ||
                   health_judge(w->health, w->n, now_us, &st->err)
               ? -1
               : 0;
}

int watched_open(struct watched *w, struct stage *st, const struct args *a,
                 const char *state, int64_t now_us)
{
    return read_all(w, st, a, true, 0) || judge(w, st, state, now_us, false)
               ? -1
               : 0;
}

/* A pipeline without a file. */
static int add_seen(struct watched *w, struct str name, struct err *e)
{
    struct pipeline_conf *c = &w->confs[w->n];
    *c = (struct pipeline_conf){ .text.max = PIPELINE_CONF_MAX };
    c->pipeline = arena_dup(&c->text, name).p;
    w->health[w->n].conf = c;
    w->n++; /* what is here is freed */
    return c->pipeline ? 0 : err_nomem(e);
}

#define SEEN_MAX 2000

int watched_seen(struct watched *w, struct stage *st, const struct args *a,
                 const char *state, const struct runs *runs, int64_t now_us)
{
    if (read_all(w, st, a, false, SEEN_MAX))
        return -1;
    size_t most = w->n + SEEN_MAX;
    for (size_t i = 0; i < runs->n && w->n < most; i++) {
        struct str name = runs->v[i].pipeline;
        bool known = name.n == 0;
        for (size_t k = 0; k < w->n && !known; k++)
            known = str_eq(str_of(w->confs[k].pipeline), name);
        if (!known && add_seen(w, name, &st->err))
            return -1;
    }
    return judge(w, st, state, now_us, true);
}

const struct health *watched_find(const struct watched *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->health[i].conf->pipeline, name) == 0)
            return &w->health[i];
    return NULL;
}

void watched_close(struct watched *w)
{
    for (size_t i = 0; i < w->n; i++) {
        health_free(&w->health[i]);
        pipeline_conf_free(&w->confs[i]);
    }
    free(w->confs);
    free(w->health);
    buf_free(&w->dir);
}
