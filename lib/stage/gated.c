/* A stage under pipe-run: its announcements, and the loader's wait. */
#include "stage/private.h"

#include <stdio.h>
#include <time.h>

int gated_start(struct stage *st, char *const *argv)
{
    struct gate *g = &st->priv->gate;
    gate_find(g);
    if (!(st->cmd->flags & (STAGE_EMITS | STAGE_READS)))
        g->fd = -1; /* no part of a stream */
    return gate_start(g, st->cmd->name, argv,
                      (st->cmd->flags & STAGE_LOADS) != 0, &st->err);
}

int stage_stop_signal(void)
{
    return stage_signal;
}

int gated_split(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (!(st->cmd->flags & STAGE_LOADS))
        return 0;
    int r = gate_split(&p->gate, st->cmd->name, stage_stop_signal, &p->relayed,
                       &st->err);
    p->relays = r == 0;
    return r == 1 ? 0 : -1;
}

bool stage_gated(const struct stage *st)
{
    return st->priv->gate.fd >= 0;
}

int stage_ready(struct stage *st, struct str load, const char *doubt)
{
    observe_upstream(st);
    return gate_ready(&st->priv->gate, st->cmd->name, load, doubt,
                      stage_stop_signal, &st->err);
}

int gated_end(struct stage *st, int code)
{
    struct gate *g = &st->priv->gate;
    const struct counts *c = &st->counts;
    struct timespec now;
    const struct timespec *then = &st->priv->started;
    struct err e;
    bool committed = g->line >= 0 && code == 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct gate_message m = {
        .stage = st->cmd->name,
        .exit = code,
        .after = st->verdict == VERDICT_DIED || st->verdict == VERDICT_FAILED,
        .error = st->err.code != ERR_NONE && code < 128 ? st->err.msg : NULL,
        .seconds = then->tv_sec
                       ? (double)(now.tv_sec - then->tv_sec) +
                             (double)(now.tv_nsec - then->tv_nsec) / 1e9
                       : 0,
        .counts = { c->in, c->out, c->rejected, c->filtered, c->duplicates },
    };
    stage_usage(st, &m.usage);
    /* What is committed stays so, whether anybody hears of it or not. */
    if (gate_end(g, &m, &e) && code == 0 && !committed) {
        st->err = e;
        return (int)e.code;
    }
    return code;
}
