/* The runs of many pipelines, in one reading of the index. */
#include "report/health.h"

#include "base/hash.h"
#include "dlq/read.h"
#include "report/back.h"
#include "report/runs.h"

#include <stdlib.h>

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

/* Dates of which the newest run is known, in a table of open addressing; one of
 * so many that it is full forgets, and looks at no more. */
#define DATES 8192

struct list_dates {
    struct str v[DATES];
    size_t n;
};

/* 1 if the date is new, 0 if it was there (or there is no room), -1. */
static int add_date(struct health *h, struct str date)
{
    struct hash128 hash = hash128(date);
    size_t at = (size_t)hash.lo % DATES;
    if (!h->dates)
        h->dates = calloc(1, sizeof(*h->dates));
    if (!h->dates)
        return -1;
    for (; h->dates->v[at].p; at = (at + 1) % DATES)
        if (str_eq(h->dates->v[at], date))
            return 0;
    if (h->dates->n >= DATES / 2)
        return 0;
    h->dates->v[at] = arena_dup(&h->text, date);
    h->dates->n++;
    return h->dates->v[at].p ? 1 : -1;
}

/* What was refused for a lock or a breaker says nothing of its date. */
static int take_date(struct health *h, const struct run *r, int64_t now_us,
                     struct err *e)
{
    if (r->date.n == 0 || str_eq(r->outcome, STR("busy")) ||
        str_eq(r->outcome, STR("open")) ||
        r->started_us < now_us - (int64_t)HEALTH_GAP_DAYS * 86400 * 1000000)
        return 0;
    int added = add_date(h, r->date);
    if (added < 0)
        return err_nomem(e);
    if (added == 0 || run_is_ok(r))
        return 0;
    return h->gaps++ || keep(h, &h->gap, r) ? 0 : err_nomem(e);
}

/* The newest come first. *open: pipelines of which something is missing. */
static int take(struct health *h, const struct run *r, int64_t now_us,
                size_t *open, struct err *e)
{
    if (!run_is_over(r))
        return 0;
    if (r->started_us <= now_us + SKEW_US && take_date(h, r, now_us, e))
        return -1;
    if (h->has_last && h->has_ok)
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
    int64_t since = now_us - (int64_t)HEALTH_GAP_DAYS * 86400 * 1000000;
    bool recent = true;
    while (got > 0 && (open || recent) && (got = back_line(&b, &line, e)) > 0) {
        arena_reset(&scratch);
        if (!run_parse(line, &r, &scratch))
            continue;
        recent = r.started_us >= since;
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
    free(h->dates);
    arena_free(&h->text);
    *h = (struct health){ 0 };
}
