/* history: a line for each run. */
#include "base/date.h"
#include "json/visible.h"
#include "report/words.h"
#include "report_cmd.h"

#include <string.h>

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
                 "\"reject_rate\":%.6g,\"quality\":",
                 (unsigned long long)r->read, (unsigned long long)r->rejected,
                 (unsigned long long)r->rows, run_reject_share(r));
    if (r->has_counts && r->has_quality)
        buf_addf(line, "%.6g", r->quality);
    else if (r->has_counts)
        buf_addz(line, "null");
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
    bool right;
} columns[COLUMNS] = {
    [PIPELINE] = { "PIPELINE", false }, [STARTED] = { "STARTED", false },
    [DATE] = { "DATE", false },         [OUTCOME] = { "OUTCOME", false },
    [TOOK] = { "TOOK", true },          [USUAL] = { "USUAL", true },
    [ROWS] = { "ROWS", true },          [REJECTED] = { "REJECTED", true },
    [QUALITY] = { "QUALITY", true },    [TRIES] = { "TRIES", true },
};

#define PIPELINE_MAX 40
#define MESSAGE_LEAST                                                     \
    30                /* columns behind a run id that are worth a message \
                       */
#define SHORT_TIME 11 /* 01-31 02:15 */

/* How wide the columns are; 0: left out, for the terminal is too narrow. */
struct layout {
    const char *tz;
    size_t width[COLUMNS];
    size_t run;     /* width of run ids */
    bool shortened; /* times without year and seconds */
    bool below;     /* messages on lines of their own */
};

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

static void add_started(struct buf *line, const struct run *r,
                        const struct layout *y)
{
    struct buf text = { .max = 64 };
    words_time(&text, r->started_us, y->tz);
    if (y->shortened && text.n == 19)
        buf_add(line, text.p + 5, SHORT_TIME);
    else
        buf_add_str(line, buf_str(&text));
    buf_free(&text);
}

static void add_cell(struct buf *line, const struct run *r, int column,
                     const struct layout *y)
{
    switch (column) {
    case PIPELINE:
        visible_text(line, r->pipeline.n ? r->pipeline : STR("-"));
        break;
    case STARTED: add_started(line, r, y); break;
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
        else if (r->has_quality)
            words_share(line, r->quality);
        else
            buf_addc(line, '-');
    }
}

/* ---- what fits */

static size_t whole_width(const struct layout *y)
{
    size_t sum = y->run;
    for (int i = 0; i < COLUMNS; i++)
        sum += y->width[i] ? y->width[i] + 2 : 0;
    return sum;
}

/* Leaves out what is missed least, until run ids are whole: those are what
 * other subcommands want. */
static void fit(struct layout *y, size_t width)
{
    static const int least[] = { TRIES,    USUAL, QUALITY, STARTED, DATE,
                                 REJECTED, TOOK,  STARTED, ROWS };
    for (size_t i = 0; i < sizeof(least) / sizeof(*least); i++) {
        if (whole_width(y) <= width)
            break;
        if (least[i] == STARTED && !y->shortened) {
            y->shortened = true;
            y->width[STARTED] = SHORT_TIME;
        } else {
            y->width[least[i]] = 0;
        }
    }
    y->below = whole_width(y) + 2 + MESSAGE_LEAST > width;
}

static void measure(struct layout *y, const struct runs *r)
{
    struct buf cell = { 0 };
    for (int c = 0; c < COLUMNS; c++)
        y->width[c] = strlen(columns[c].name);
    for (size_t i = 0; i < r->n; i++) {
        size_t n = visible_width(r->v[i].run_id);
        y->run = n > y->run ? n : y->run;
        for (int c = 0; c < COLUMNS; c++) {
            buf_reset(&cell);
            add_cell(&cell, &r->v[i], c, y);
            n = seen_width(buf_str(&cell));
            y->width[c] = n > y->width[c] ? n : y->width[c];
        }
    }
    if (y->width[PIPELINE] > PIPELINE_MAX)
        y->width[PIPELINE] = PIPELINE_MAX;
    buf_free(&cell);
}

/* ---- lines */

static int print_heading(struct stage *st, struct buf *line,
                         const struct layout *y)
{
    paint(line, PAINT_FAINT);
    for (int i = 0; i < COLUMNS; i++) {
        size_t from = line->n;
        if (!y->width[i])
            continue;
        buf_addz(line, columns[i].name);
        pad(line, from, y->width[i], columns[i].right);
    }
    buf_addz(line, "RUN");
    paint(line, PAINT_NONE);
    return emit_line(st, line);
}

static int print_row(struct stage *st, const struct run *r, struct buf *line,
                     const struct layout *y)
{
    for (int i = 0; i < COLUMNS; i++) {
        size_t from = line->n;
        if (!y->width[i])
            continue;
        add_cell(line, r, i, y);
        pad(line, from, y->width[i], columns[i].right);
    }
    visible_text(line, r->run_id);
    if (r->message.n == 0)
        return emit_line(st, line);
    if (y->below && emit_line(st, line))
        return -1;
    buf_addz(line, "  ");
    visible_text(line, r->message);
    return emit_line(st, line);
}

static int print(struct stage *st, const struct args *a, struct runs *r)
{
    struct buf line = { 0 };
    bool json = wants_json(a);
    struct layout layout = { .tz = st->opts.tz };
    if (!json)
        measure(&layout, r);
    if (!json && terminal_width())
        fit(&layout, terminal_width());
    int failed = !json && r->n && print_heading(st, &line, &layout);
    for (size_t i = 0; i < r->n && !failed; i++)
        failed =
            stage_tick(st) || (json ? print_json(st, &r->v[i], &line)
                                    : print_row(st, &r->v[i], &line, &layout));
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
