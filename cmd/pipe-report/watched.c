#include "watched.h"

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

static int read_all(struct watched *w, struct stage *st,
                    const struct pipeline_list *l)
{
    bool chosen = st->argc > 1;
    size_t n = chosen ? (size_t)st->argc - 1 : l->n;
    w->confs = calloc(n + 1, sizeof(*w->confs));
    w->health = calloc(n + 1, sizeof(*w->health));
    if (!w->confs || !w->health)
        return err_nomem(&st->err);
    for (size_t i = 0; i < n; i++) {
        const char *name = chosen ? st->argv[i + 1] : l->names[i];
        if (chosen && !pipeline_name_ok(name))
            return err_set(&st->err, ERR_USAGE, "'%s' is no name of a pipeline",
                           name);
        if (!watched_find(w, name) && read_one(w, st, name, chosen))
            return -1;
    }
    return 0;
}

int watched_open(struct watched *w, struct stage *st, const struct args *a,
                 const char *state, int64_t now_us, bool all_letters)
{
    struct pipeline_list l = { 0 };
    if (!where_config(st, a, &w->dir))
        return -1;
    int r = pipeline_conf_list(w->dir.p, &l, &st->err);
    if (r == 0)
        r = read_all(w, st, &l);
    pipeline_list_free(&l);
    if (r == 0)
        r = health_gather(w->health, w->n, state, now_us, all_letters,
                          &st->err);
    return r == 0 ? health_judge(w->health, w->n, now_us, &st->err) : -1;
}

const struct health *watched_find(const struct watched *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->confs[i].pipeline, name) == 0)
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
