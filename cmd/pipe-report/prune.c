/* prune: removes what is older than the pipelines' files say. */
#include "report/prune.h"

#include "report_cmd.h"
#include "watched.h"

#include <stdlib.h>

static void add_part(struct buf *line, const char *before, uint64_t n,
                     const char *what)
{
    if (n)
        buf_addf(line, "%s%llu %s%s", before, (unsigned long long)n, what,
                 n == 1 ? "" : "s");
}

static int print(struct stage *st, const struct args *a, const char *name,
                 const struct pruned *p)
{
    struct buf line = { .max = 65536 };
    const char *sep = ", ";
    if (p->runs + p->logs + p->records + p->letters == 0)
        return 0;
    buf_addf(&line, "%s: %s", name, a->dry_run ? "would remove" : "removed");
    size_t from = line.n;
    add_part(&line, sep, p->runs, "run");
    add_part(&line, sep, p->logs, "log");
    add_part(&line, sep, p->records, "record");
    add_part(&line, sep, p->letters, "dead letter");
    if (p->open)
        buf_addf(&line, " (%llu open)", (unsigned long long)p->open);
    if (!line.failed)
        line.p[from] = ' '; /* instead of the first comma */
    if (!line.failed) {
        memmove(line.p + from + 1, line.p + from + 2, line.n - from - 2);
        line.n--;
    }
    int r = line.failed ? err_nomem(&st->err) : stage_emit(st, buf_str(&line));
    buf_free(&line);
    return r;
}

int report_prune(struct stage *st, const struct args *a)
{
    struct buf path = { .max = 65536 };
    struct watched w = { .n = 0 };
    struct pruned *done = NULL;
    int64_t now = 0;
    const char *state = where_state(st, &path);
    int r = state && where_now(st, a, &now) == 0
                ? watched_open(&w, st, a, state, now)
                : -1;
    if (r == 0 && !(done = calloc(w.n + 1, sizeof(*done))))
        r = err_nomem(&st->err);
    if (r == 0)
        r = prune_all(w.health, w.n, state, now, a->dry_run, done, &st->err);
    for (size_t i = 0; r == 0 && i < w.n; i++)
        if (a->dry_run || st->opts.verbose)
            r = print(st, a, w.confs[i].pipeline, &done[i]);
    if (r == 0 && w.bad)
        r = err_set(&st->err, ERR_CONFIG, "%zu pipeline file%s cannot be used",
                    w.bad, w.bad == 1 ? "" : "s");
    free(done);
    watched_close(&w);
    buf_free(&path);
    return r;
}
