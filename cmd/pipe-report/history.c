/* history: a line for each run. */
#include "base/date.h"
#include "json/visible.h"
#include "report/words.h"
#include "report_cmd.h"

#include <stdlib.h>

#define LAST_DEFAULT 20
#define WORTH_TELLING 0.25 /* of a duration off what is usual */

static void add_time(struct buf *line, const char *name, int64_t us)
{
    if (us == 0)
        return;
    buf_addf(line, ",\"%s\":\"", name);
    time_format(line, us);
    buf_addc(line, '"');
}

static int print_json(struct stage *st, const struct run *r, struct buf *line)
{
    buf_addz(line, "{\"run_id\":");
    json_quote(line, r->run_id);
    add_member(line, "pipeline", r->pipeline);
    add_member(line, "date", r->date);
    add_member(line, "outcome", r->outcome);
    if (run_is_over(r))
        buf_addf(line, ",\"exit\":%d", r->exit);
    add_time(line, "started", r->started_us);
    add_time(line, "ended", r->ended_us);
    buf_addf(line, ",\"seconds\":%.3f", r->seconds);
    if (r->usual_n)
        buf_addf(line, ",\"usual_seconds\":%.3f,\"usual_rows\":%.0f",
                 r->usual_seconds, r->usual_rows);
    if (r->has_counts)
        buf_addf(line,
                 ",\"read\":%llu,\"rejected\":%llu,\"rows\":%llu,"
                 "\"reject_rate\":%.6g,\"quality\":%.6g",
                 (unsigned long long)r->read, (unsigned long long)r->rejected,
                 (unsigned long long)r->rows, run_reject_share(r), r->quality);
    buf_addf(line, ",\"attempts\":%u", r->attempts);
    if (r->has_cpu)
        buf_addf(line, ",\"cpu_seconds\":%.6g", r->cpu_seconds);
    if (r->peak_memory)
        buf_addf(line, ",\"peak_memory\":%llu",
                 (unsigned long long)r->peak_memory);
    if (r->has_cost)
        buf_addf(line, ",\"cost\":%.10g", r->cost);
    add_member(line, "message", r->message);
    buf_addc(line, '}');
    int n = line->failed ? err_nomem(&st->err) : stage_emit(st, buf_str(line));
    buf_reset(line);
    return n;
}

/* ---- text */

enum {
    PIPELINE,
    STARTED,
    DATE,
    OUTCOME,
    TOOK,
    USUAL,
    ROWS,
    REJECTED,
    QUALITY,
    TRIES,
    COLUMNS
};

static const struct {
    const char *name;
    size_t width;
    bool right;
} columns[COLUMNS] = {
    [PIPELINE] = { "PIPELINE", 8, false }, [STARTED] = { "STARTED", 19, false },
    [DATE] = { "DATE", 10, false },        [OUTCOME] = { "OUTCOME", 7, false },
    [TOOK] = { "TOOK", 7, true },          [USUAL] = { "USUAL", 5, true },
    [ROWS] = { "ROWS", 10, true },         [REJECTED] = { "REJECTED", 8, true },
    [QUALITY] = { "QUALITY", 7, true },    [TRIES] = { "TRIES", 5, true },
};

static int print_heading(struct stage *st, struct buf *line, size_t width)
{
    paint(line, PAINT_FAINT);
    for (int i = 0; i < COLUMNS; i++) {
        size_t from = line->n;
        buf_addz(line, columns[i].name);
        pad(line, from, i == PIPELINE ? width : columns[i].width,
            columns[i].right);
    }
    buf_addz(line, "RUN");
    paint(line, PAINT_NONE);
    return emit_line(st, line);
}

/* By how much it took longer, where that is worth telling. */
static void add_usual(struct buf *line, const struct run *r)
{
    double off = r->usual_seconds > 0 && run_is_ok(r)
                     ? r->seconds / r->usual_seconds - 1
                     : 0;
    if (r->usual_n == 0)
        buf_addc(line, '-');
    else if (r->usual_seconds < 1 ||
             (off < WORTH_TELLING && off > -WORTH_TELLING))
        buf_addc(line, '=');
    else
        buf_addf(line, "%+.0f%%", off * 100);
}

static void add_cell(struct buf *line, const struct run *r, int column,
                     const char *tz)
{
    switch (column) {
    case PIPELINE:
        visible_text(line, r->pipeline.n ? r->pipeline : STR("-"));
        break;
    case STARTED: words_time(line, r->started_us, tz); break;
    case DATE: visible_text(line, r->date.n ? r->date : STR("-")); break;
    case OUTCOME:
        paint(line, paint_of(r));
        visible_text(line, r->outcome);
        paint(line, PAINT_NONE);
        break;
    case TOOK: words_seconds(line, r->seconds); break;
    case USUAL: add_usual(line, r); break;
    case TRIES: buf_addf(line, "%u", r->attempts); break;
    default:
        if (!r->has_counts)
            buf_addc(line, '-');
        else if (column == ROWS)
            words_count(line, r->rows);
        else if (column == REJECTED)
            words_share(line, run_reject_share(r));
        else
            words_share(line, r->quality);
    }
}

static int print_row(struct stage *st, const struct run *r, struct buf *line,
                     size_t width)
{
    for (int i = 0; i < COLUMNS; i++) {
        size_t from = line->n;
        add_cell(line, r, i, st->opts.tz);
        pad(line, from, i == PIPELINE ? width : columns[i].width,
            columns[i].right);
    }
    visible_text(line, r->run_id);
    if (r->message.n) {
        buf_addz(line, "  ");
        visible_text(line, r->message);
    }
    return emit_line(st, line);
}

static size_t pipeline_width(const struct runs *r)
{
    size_t width = columns[PIPELINE].width;
    for (size_t i = 0; i < r->n; i++) {
        size_t n = visible_width(r->v[i].pipeline);
        width = n > width ? n : width;
    }
    return width < 40 ? width : 40;
}

static int print(struct stage *st, const struct args *a, struct runs *r)
{
    struct buf line = { 0 };
    bool json = wants_json(a);
    size_t width = json ? 0 : pipeline_width(r);
    int failed = !json && r->n && print_heading(st, &line, width);
    for (size_t i = 0; i < r->n && !failed; i++)
        failed =
            stage_tick(st) || (json ? print_json(st, &r->v[i], &line)
                                    : print_row(st, &r->v[i], &line, width));
    buf_free(&line);
    return failed ? -1 : 0;
}

int report_history(struct stage *st, const struct args *a)
{
    struct buf path = { .max = 65536 };
    struct runs runs = { 0 };
    struct runs_filter f = {
        .pipelines = (const char *const *)st->argv + 1,
        .n_pipelines = st->argc > 1 ? (size_t)st->argc - 1 : 0,
        .outcomes = a->outcomes.v,
        .n_outcomes = a->outcomes.n,
        .last = a->last                ? a->last
                : a->since || a->until ? 0
                                       : LAST_DEFAULT,
        .usual = true,
    };
    int64_t now = 0;
    const char *state = where_state(st, &path);
    int r = state && where_bounds(st, a, &f.since_us, &f.until_us) == 0 &&
                    where_now(st, a, &now) == 0
                ? runs_read(&runs, state, &f, &st->err)
                : -1;
    for (size_t i = 0; i < runs.n; i++)
        if (runs.v[i].live)
            runs.v[i].seconds = (double)(now - runs.v[i].started_us) / 1e6;
    if (r == 0)
        r = print(st, a, &runs);
    if (r == 0 && runs.damaged)
        stage_note(st, "%llu lines of the index are no records, left out",
                   (unsigned long long)runs.damaged);
    if (r == 0 && runs.cut)
        stage_warn(st, "only the newest %zu runs are looked at", runs.n);
    runs_free(&runs);
    buf_free(&path);
    return r;
}
