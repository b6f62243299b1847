/* The runs of many pipelines, in one reading of the index. */
#include "report/health.h"

#include "dlq/read.h"
#include "report/back.h"
#include "report/runs.h"

/* Clocks of two machines, or of one that is set: so much is no future. */
#define SKEW_US ((int64_t)300 * 1000000)

static struct health *find(struct health *v, size_t n, struct str pipeline)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(str_of(v[i].conf->pipeline), pipeline))
            return &v[i];
    return NULL;
}

static bool keep(struct health *h, struct run *to, const struct run *r)
{
    *to = *r;
    return run_keep(to, &h->text);
}

/* The newest come first. *open: pipelines of which something is missing. */
static int take(struct health *h, const struct run *r, int64_t now_us,
                size_t *open, struct err *e)
{
    if (h->has_last && h->has_ok)
        return 0;
    if (!run_is_over(r))
        return 0;
    if (r->started_us > now_us + SKEW_US) {
        h->future++;
        return 0;
    }
    if (!h->has_last && !keep(h, &h->last, r))
        return err_nomem(e);
    h->has_last = true;
    if (run_is_ok(r)) {
        if (!keep(h, &h->ok, r))
            return err_nomem(e);
        h->has_ok = true;
        --*open;
    }
    return 0;
}

static int take_live(struct health *v, size_t n, const char *state,
                     int64_t now_us, struct err *e)
{
    struct runs live = { 0 };
    int failed = runs_live(&live, state, e);
    for (size_t i = 0; i < live.n && !failed; i++) {
        const struct run *r = &live.v[i];
        struct health *h = find(v, n, r->pipeline);
        if (!h || r->started_us > now_us + SKEW_US)
            continue;
        bool *has = r->live ? &h->has_live : &h->has_last;
        if (!*has && !keep(h, r->live ? &h->live : &h->last, r))
            failed = err_nomem(e);
        *has = true;
    }
    runs_free(&live);
    return failed;
}

static int take_index(struct health *v, size_t n, const char *state,
                      int64_t now_us, struct err *e)
{
    struct buf path = { .max = 65536 };
    struct arena scratch = { 0 };
    struct back b = { .fd = -1 };
    struct str line;
    struct run r;
    size_t open = n;
    buf_addf(&path, "%s/runs.ndjson", state);
    int got = buf_z(&path) ? back_open(&b, path.p, e) : err_nomem(e);
    while (got > 0 && open && (got = back_line(&b, &line, e)) > 0) {
        arena_reset(&scratch);
        if (!run_parse(line, &r, &scratch))
            continue;
        struct health *h = find(v, n, r.pipeline);
        if (h && take(h, &r, now_us, &open, e))
            got = -1;
    }
    back_close(&b);
    arena_free(&scratch);
    buf_free(&path);
    return got < 0 ? -1 : 0;
}

int health_letters(const char *state, const char *pipeline, uint64_t *open,
                   struct err *e)
{
    struct buf uri = { .max = 65536 };
    struct dlq_read d;
    *open = 0;
    buf_addf(&uri, "%s/dlq/%s/", state, pipeline);
    int r = buf_z(&uri) ? dlq_read_open(&d, uri.p, false, e) : err_nomem(e);
    if (r == 0) {
        for (size_t i = 0; i < d.n_entries; i++)
            *open += dlq_read_place(&d, i)->state == DLQ_OPEN;
        dlq_read_close(&d);
    }
    buf_free(&uri);
    return r;
}

int health_gather(struct health *v, size_t n, const char *state, int64_t now_us,
                  bool all_letters, struct err *e)
{
    if (take_live(v, n, state, now_us, e) || take_index(v, n, state, now_us, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        v[i].has_letters = all_letters || v[i].conf->expected.has_dead_letters;
        if (v[i].has_letters &&
            health_letters(state, v[i].conf->pipeline, &v[i].letters, e))
            return -1;
    }
    return 0;
}

void health_free(struct health *h)
{
    arena_free(&h->text);
    *h = (struct health){ 0 };
}
