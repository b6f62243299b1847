/* One run by its name: its record, and its folder if that is still there. */
#include "json/check.h"
#include "report/back.h"
#include "report/runs.h"
#include "run/state.h"

#include <stdio.h>
#include <unistd.h>

#define RECORD_MAX ((size_t)16 << 20)
#define SAME_ID_MAX 10000

static bool starts(struct str s, struct str with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

/* How a name fits a run: the better the more. */
enum fit { FIT_NOT, FIT_PREFIX, FIT_PIPELINE, FIT_WHOLE };

static enum fit fit(const struct run *r, struct str name, bool any)
{
    if (any || str_eq(r->run_id, name))
        return FIT_WHOLE;
    if (str_eq(r->pipeline, name))
        return FIT_PIPELINE;
    return starts(r->run_id, name) ? FIT_PREFIX : FIT_NOT;
}

struct search {
    struct str name;
    bool any; /* "last": the newest, whatever it is called */
    enum fit fit;
    struct buf record;
    struct run run; /* of it; texts in the arena */
    struct arena text;
    bool several; /* other runs begin with the name, too */
};

/* Takes a run if it fits better than what was found before, which is newer. */
static int consider(struct search *q, const struct run *r, struct str record,
                    struct err *e)
{
    enum fit f = fit(r, q->name, q->any);
    if (f == FIT_PREFIX && q->fit == f && !str_eq(r->run_id, q->run.run_id))
        q->several = true;
    if (f <= q->fit)
        return 0;
    q->fit = f;
    q->run = *r;
    if (!run_keep(&q->run, &q->text))
        return err_nomem(e);
    buf_reset(&q->record);
    return buf_add_str(&q->record, record) ? err_nomem(e) : 0;
}

static int search_index(struct search *q, const char *state, struct err *e)
{
    struct buf path = { .max = 65536 };
    struct back b = { .fd = -1 };
    struct str line;
    struct arena scratch = { 0 };
    struct run r;
    buf_addf(&path, "%s/runs.ndjson", state);
    int n = buf_z(&path) ? back_open(&b, path.p, e) : err_nomem(e);
    while (n > 0 && q->fit < FIT_PIPELINE &&
           (n = back_line(&b, &line, e)) > 0) {
        arena_reset(&scratch);
        if ((q->any || memmem(line.p, line.n, q->name.p, q->name.n)) &&
            run_parse(line, &r, &scratch) && consider(q, &r, line, e))
            n = -1;
    }
    arena_free(&scratch);
    back_close(&b);
    buf_free(&path);
    return n < 0 ? -1 : 0;
}

/* STATE/runs/PIPELINE/RUN_ID, with ".2" and so on behind where the id was used
 * before: the one that began when the run did. 1, 0 or -1. */
static int find_folder(const char *state, const struct run *want,
                       struct buf *folder, struct buf *record, struct err *e)
{
    struct buf path = { .max = 65536 };
    struct arena text = { 0 };
    struct run r;
    int n = 1, found = 0;
    for (int i = 1; n > 0 && !found && i < SAME_ID_MAX; i++) {
        buf_reset(&path);
        buf_reset(record);
        buf_addf(&path, "%s/runs/%.*s/%.*s", state,
                 STR_ARG(want->pipeline.n ? want->pipeline : STR("@unnamed")),
                 STR_ARG(want->run_id));
        if (i > 1)
            buf_addf(&path, ".%d", i);
        size_t dir = path.n;
        buf_addz(&path, "/record.json");
        n = buf_z(&path) ? state_read(path.p, RECORD_MAX, record, e)
                         : err_nomem(e);
        found = n > 0 && run_parse(buf_str(record), &r, &text) &&
                r.started_us == want->started_us;
        if (found)
            found = buf_add(folder, path.p, dir) ? err_nomem(e) : 1;
    }
    arena_free(&text);
    buf_free(&path);
    return n < 0 || found < 0 ? -1 : found;
}

/* A run that has not ended: its record is in its folder alone. */
static int search_live(struct search *q, const char *state, struct err *e)
{
    struct runs live = { 0 };
    struct buf folder = { .max = 65536 }, record = { .max = RECORD_MAX };
    int n = runs_live(&live, state, e);
    for (size_t i = 0; n >= 0 && i < live.n; i++) {
        buf_reset(&folder);
        struct run r = live.v[i];
        if (fit(&r, q->name, q->any) == FIT_NOT)
            continue;
        n = find_folder(state, &r, &folder, &record, e);
        if (n > 0)
            n = consider(q, &r, buf_str(&record), e);
    }
    runs_free(&live);
    buf_free(&folder);
    buf_free(&record);
    return n < 0 ? -1 : 0;
}

int runs_find(const char *state, const char *name, struct buf *record,
              struct buf *folder, struct err *e)
{
    struct search q = { .name = str_of(name),
                        .any = strcmp(name, "last") == 0,
                        .record.max = RECORD_MAX };
    struct buf fresh = { .max = RECORD_MAX };
    int r = *name == 0 ? 0 : search_live(&q, state, e);
    if (r == 0 && *name && q.fit < FIT_PIPELINE)
        r = search_index(&q, state, e);
    if (r == 0 && q.fit == FIT_PREFIX && q.several)
        r = err_set(e, ERR_USAGE, "several runs have ids that start with '%s'",
                    name);
    if (r == 0 && q.fit != FIT_NOT) {
        r = find_folder(state, &q.run, folder, &fresh, e) < 0 ? -1 : 1;
        if (r > 0 && buf_add_str(record, buf_str(&q.record)))
            r = err_nomem(e);
    }
    buf_free(&q.record);
    buf_free(&fresh);
    arena_free(&q.text);
    return r;
}
