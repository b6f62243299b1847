/* show: one run whole, and what to type next. */
#include "base/date.h"
#include "dlq/read.h"
#include "json/visible.h"
#include "report/words.h"
#include "report_cmd.h"

#include <stdlib.h>
#include <string.h>

#define STAGES_MAX 1000
#define CODES_MAX 20

struct shown {
    struct stage *st;
    struct val record;
    struct run run;
    struct buf line;
};

/* ---- what a label says */

static struct val member(const struct shown *s, const char *name)
{
    return json_get(s->record, str_of(name));
}

static void add_text(struct buf *line, struct val v)
{
    struct buf text = { 0 };
    run_text(&text, v);
    visible_text(line, buf_str(&text));
    buf_free(&text);
}

static struct buf *label(struct shown *s, const char *name)
{
    size_t from = s->line.n;
    paint(&s->line, PAINT_FAINT);
    buf_addz(&s->line, name);
    paint(&s->line, PAINT_NONE);
    pad(&s->line, from, 9, false);
    return &s->line;
}

/* Whole, for messages are to be read and commands to be copied. */
static int line_end(struct shown *s)
{
    return emit_whole(s->st, &s->line);
}

static int show_text(struct shown *s, const char *name)
{
    struct val v = member(s, name);
    if (v.type != JSON_STRING)
        return 0;
    add_text(label(s, name), v);
    return line_end(s);
}

/* The command, line by line as it was written. */
static int show_command(struct shown *s)
{
    struct buf text = { 0 };
    int r = 0;
    run_text(&text, member(s, "command"));
    struct str rest = buf_str(&text);
    for (bool first = true; r == 0 && rest.n; first = false) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        struct str one = { rest.p, lf ? (size_t)(lf - rest.p) : rest.n };
        rest.p += one.n + (lf != NULL);
        rest.n -= one.n + (lf != NULL);
        if (first && str_trim(one).n == 0)
            first = false;
        if (str_trim(one).n == 0)
            continue;
        visible_text(label(s, first ? "command" : ""), one);
        r = line_end(s);
    }
    buf_free(&text);
    return r;
}

static int show_head(struct shown *s)
{
    const struct run *r = &s->run;
    const char *tz = s->st->opts.tz;
    struct buf *line = &s->line;
    paint(line, paint_of(r));
    visible_text(line, r->outcome);
    paint(line, PAINT_NONE);
    if (run_is_over(r))
        buf_addf(line, ", exit %d", r->exit);
    if (line_end(s) || show_text(s, "message") || show_text(s, "pipeline") ||
        show_text(s, "run_id") || show_text(s, "trace_id") ||
        show_text(s, "date"))
        return -1;
    words_time(label(s, "started"), r->started_us, tz);
    if (line_end(s))
        return -1;
    if (r->ended_us) {
        words_time(label(s, "ended"), r->ended_us, tz);
        buf_addz(line, ", took ");
        words_seconds(line, r->seconds);
        if (line_end(s))
            return -1;
    }
    return show_command(s);
}

/* ---- attempts */

static int show_attempts(struct shown *s)
{
    struct val list = member(s, "attempts"), a;
    unsigned n = 0;
    if (s->run.attempts < 2)
        return 0;
    struct json_iter it = json_iter(list.raw);
    while (json_next(&it, NULL, &a)) {
        struct buf *line = label(s, n ? "" : "attempts");
        int64_t from = run_time(json_get(a, STR("started")));
        int64_t to = run_time(json_get(a, STR("ended")));
        buf_addf(line, "%u  ", ++n);
        words_time(line, from, s->st->opts.tz);
        buf_addz(line, "  ");
        words_seconds(line, (double)(to - from) / 1e6);
        buf_addz(line, "  ");
        add_text(line, json_get(a, STR("outcome")));
        if (json_get(a, STR("message")).type == JSON_STRING) {
            buf_addz(line, ": ");
            add_text(line, json_get(a, STR("message")));
        }
        if (line_end(s))
            return -1;
    }
    return 0;
}

/* ---- stages, in the order of their pipes */

static bool waits_for(struct val stage, struct val other)
{
    struct val in = json_get(stage, STR("stdin"));
    return in.type == JSON_NUMBER &&
           str_eq(in.raw, json_get(other, STR("stdout")).raw);
}

/* Each stage behind those that it reads from; a circle in no order. */
static size_t sort_stages(struct val list, struct val *v)
{
    size_t n = 0, done = 0;
    struct val one;
    struct json_iter it = json_iter(list.raw);
    while (n < STAGES_MAX && json_next(&it, NULL, &one))
        v[n++] = one;
    while (done < n) {
        size_t pick = done;
        for (size_t i = done; i < n; i++) {
            bool waits = false;
            for (size_t k = done; k < n && !waits; k++)
                waits = k != i && waits_for(v[i], v[k]);
            if (!waits) {
                pick = i;
                break;
            }
        }
        one = v[pick];
        memmove(&v[done + 1], &v[done], (pick - done) * sizeof(*v));
        v[done++] = one;
    }
    return n;
}

enum column_kind { COLUMN_COUNT, COLUMN_SECONDS, COLUMN_BYTES };

static const struct {
    const char *heading, *member;
    enum column_kind kind;
} stage_columns[] = {
    { "EXIT", "exit", COLUMN_COUNT },
    { "READ", "read", COLUMN_COUNT },
    { "OUT", "out", COLUMN_COUNT },
    { "REJECTED", "rejected", COLUMN_COUNT },
    { "FILTERED", "filtered", COLUMN_COUNT },
    { "DUPLICATES", "duplicates", COLUMN_COUNT },
    /* The second table: what it took. */
    { "TOOK", "seconds", COLUMN_SECONDS },
    { "CPU", "cpu_seconds", COLUMN_SECONDS },
    { "MEMORY", "peak_memory", COLUMN_BYTES },
    { "BYTES IN", "bytes_in", COLUMN_BYTES },
    { "BYTES OUT", "bytes_out", COLUMN_BYTES },
};
#define STAGE_COLUMNS (sizeof(stage_columns) / sizeof(*stage_columns))
#define STAGE_COUNTS 6 /* that are in the first table */

static void add_figure(struct buf *line, struct val v, enum column_kind kind)
{
    if (v.type != JSON_NUMBER)
        buf_addc(line, '-');
    else if (kind == COLUMN_COUNT)
        words_count(line, run_count(v));
    else if (kind == COLUMN_SECONDS)
        words_seconds(line, run_number(v));
    else
        words_bytes(line, run_number(v));
}

/* The stages as a table of some of the columns. */
struct table {
    const struct val *stages;
    size_t n, from, to;
    size_t stage, width[STAGE_COLUMNS]; /* 0: no stage has such a member */
};

/* Records of older versions lack some members. */
static void measure(struct table *t)
{
    struct buf cell = { 0 };
    t->stage = strlen("STAGE");
    for (size_t i = 0; i < t->n; i++) {
        buf_reset(&cell);
        add_text(&cell, json_get(t->stages[i], STR("stage")));
        size_t n = seen_width(buf_str(&cell));
        t->stage = n > t->stage ? n : t->stage;
        for (size_t c = t->from; c < t->to; c++) {
            struct val v =
                json_get(t->stages[i], str_of(stage_columns[c].member));
            if (v.type != JSON_NUMBER)
                continue;
            buf_reset(&cell);
            add_figure(&cell, v, stage_columns[c].kind);
            size_t least = strlen(stage_columns[c].heading);
            n = cell.n > least ? cell.n : least;
            t->width[c] = n > t->width[c] ? n : t->width[c];
        }
    }
    buf_free(&cell);
}

static int show_headings(struct shown *s, const struct table *t)
{
    size_t from = s->line.n;
    paint(&s->line, PAINT_FAINT);
    buf_addz(&s->line, "STAGE");
    pad(&s->line, from, t->stage, false);
    for (size_t c = t->from; c < t->to; c++) {
        from = s->line.n;
        if (!t->width[c])
            continue;
        buf_addz(&s->line, stage_columns[c].heading);
        pad(&s->line, from, t->width[c], true);
    }
    paint(&s->line, PAINT_NONE);
    return emit_line(s->st, &s->line);
}

static int show_stage(struct shown *s, const struct table *t, struct val stage)
{
    struct buf *line = &s->line;
    size_t from = line->n;
    add_text(line, json_get(stage, STR("stage")));
    pad(line, from, t->stage, false);
    for (size_t c = t->from; c < t->to; c++) {
        from = line->n;
        if (!t->width[c])
            continue;
        add_figure(line, json_get(stage, str_of(stage_columns[c].member)),
                   stage_columns[c].kind);
        pad(line, from, t->width[c], true);
    }
    if (emit_line(s->st, line))
        return -1;
    struct val error = json_get(stage, STR("error"));
    if (error.type != JSON_STRING || t->from > 0)
        return 0;
    buf_addz(line, "  ");
    add_text(line, error);
    return line_end(s);
}

static int show_table(struct shown *s, struct table t)
{
    size_t any = 0;
    measure(&t);
    for (size_t c = t.from; c < t.to; c++)
        any += t.width[c];
    if (t.n == 0 || (t.from > 0 && any == 0))
        return 0;
    if (line_end(s) || show_headings(s, &t)) /* after an empty line */
        return -1;
    for (size_t i = 0; i < t.n; i++)
        if (show_stage(s, &t, t.stages[i]))
            return -1;
    return 0;
}

/* Two tables, for one would be too wide for most terminals. */
static int show_stages(struct shown *s)
{
    struct val list = member(s, "stages"), *v;
    if (list.type != JSON_ARRAY)
        return 0;
    v = calloc(STAGES_MAX, sizeof(*v));
    if (!v)
        return err_nomem(&s->st->err);
    size_t n = sort_stages(list, v);
    int r = show_table(
        s, (struct table){ .stages = v, .n = n, .to = STAGE_COUNTS });
    if (r == 0)
        r = show_table(s, (struct table){ .stages = v,
                                          .n = n,
                                          .from = STAGE_COUNTS,
                                          .to = STAGE_COLUMNS });
    free(v);
    return r;
}

/* ---- loads, cost, letters */

static int show_loads(struct shown *s)
{
    struct val list = member(s, "loads"), l;
    bool first = true;
    struct json_iter it = json_iter(list.raw);
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &l)) {
        if (first && line_end(s))
            return -1;
        struct buf *line = label(s, first ? "loads" : "");
        first = false;
        add_text(line, json_get(l, STR("target")));
        buf_addc(line, ' ');
        add_text(line, json_get(l, STR("table")));
        buf_addz(line, ": ");
        words_count(line, run_count(json_get(l, STR("rows"))));
        buf_addz(line, json_get(l, STR("committed")).type == JSON_TRUE
                           ? " rows, committed"
                           : " rows, not committed");
        if (line_end(s))
            return -1;
    }
    return 0;
}

static int show_cost(struct shown *s)
{
    struct val cost = member(s, "cost");
    if (!s->run.has_cost)
        return 0;
    struct buf *line = label(s, "cost");
    buf_addf(line, "%.6g", s->run.cost);
    struct val currency = cost.type == JSON_OBJECT
                              ? json_get(cost, STR("currency"))
                              : member(s, "currency");
    if (currency.type == JSON_STRING) {
        buf_addc(line, ' ');
        add_text(line, currency);
    }
    return line_end(s);
}

struct letters {
    uint64_t open, n[CODES_MAX];
    struct str code[CODES_MAX]; /* raw, in the arena */
    size_t n_codes;
    struct arena text;
};

static void count_letter(struct letters *l, const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct val error = { 0 };
    size_t i = 0;
    l->open++;
    if (v->errors.type != JSON_ARRAY || !json_next(&it, NULL, &error))
        return;
    struct str code = json_get(error, STR("code")).raw;
    while (i < l->n_codes && !str_eq(l->code[i], code))
        i++;
    if (i == CODES_MAX)
        return;
    if (i == l->n_codes) {
        l->code[i] = arena_dup(&l->text, code);
        if (!l->code[i].p)
            return;
        l->n_codes++;
    }
    l->n[i]++;
}

/* The letters of this run that are still open. */
static int count_letters(struct shown *s, struct letters *l)
{
    struct buf uri = { .max = 65536 }, id = { 0 };
    struct dlq_read d;
    struct envelope v;
    int r = stage_state_dir(s->st, &uri);
    buf_addf(&uri, "/dlq/%.*s/", STR_ARG(s->run.pipeline));
    if (r == 0)
        r = buf_z(&uri) ? dlq_read_open(&d, uri.p, false, &s->st->err)
                        : err_nomem(&s->st->err);
    if (r == 0) {
        for (size_t i = 0; r == 0 && i < d.n_entries; i++) {
            if (dlq_read_place(&d, i)->state != DLQ_OPEN)
                continue;
            r = dlq_read_get(&d, i, &v, &s->st->err);
            buf_reset(&id);
            if (r == 0 && run_text(&id, v.run_id) == 0 &&
                str_eq(buf_str(&id), s->run.run_id))
                count_letter(l, &v);
        }
        dlq_read_close(&d);
    }
    buf_free(&uri);
    buf_free(&id);
    return r;
}

static int show_letters(struct shown *s, struct letters *l)
{
    if (s->run.pipeline.n == 0)
        return 0;
    if (count_letters(s, l))
        return -1;
    if (l->open == 0)
        return 0;
    struct buf *line = label(s, "letters");
    words_count(line, l->open);
    buf_addz(line, " open");
    for (size_t i = 0; i < l->n_codes; i++) {
        buf_addz(line, i ? ", " : ": ");
        words_count(line, l->n[i]);
        buf_addc(line, ' ');
        add_text(line, json_val(l->code[i]));
    }
    return line_end(s);
}

/* ---- what to type next */

static int show_next(struct shown *s, const struct letters *l)
{
    const struct run *r = &s->run;
    struct buf *line = &s->line, text = { 0 };
    if (line_end(s))
        return -1;
    if (r->live) {
        buf_addz(line, "$ pipe-report logs -f ");
        words_shell(line, r->run_id);
        return line_end(s);
    }
    buf_addz(line, "$ pipe-report logs ");
    words_shell(line, r->run_id);
    if (line_end(s))
        return -1;
    if (l->open) {
        buf_addz(line, "$ pipe-dlq list --pipeline ");
        words_shell(line, r->pipeline);
        buf_addz(line, " --run ");
        words_shell(line, r->run_id);
        if (line_end(s))
            return -1;
    }
    if (run_is_ok(r))
        return 0;
    run_text(&text, member(s, "command"));
    buf_addz(line, "$ pipe-run");
    if (r->pipeline.n) {
        buf_addz(line, " --pipeline ");
        words_shell(line, r->pipeline);
    }
    if (r->date.n) {
        buf_addz(line, " --date ");
        words_shell(line, r->date);
    }
    struct buf env = { 0 };
    run_text(&env, member(s, "env"));
    if (env.n) {
        buf_addz(line, " --env ");
        words_shell(line, buf_str(&env));
    }
    buf_free(&env);
    buf_addz(line, " -- ");
    words_shell(&s->line, buf_str(&text));
    buf_free(&text);
    struct buf safe = { 0 };
    visible_text(&safe, buf_str(line));
    buf_reset(line);
    buf_add_str(line, buf_str(&safe));
    buf_free(&safe);
    return line_end(s);
}

static int show_one(struct stage *st, const struct args *a, struct str record,
                    const char *folder)
{
    struct shown s = { .st = st, .record = json_val(record) };
    struct letters letters = { 0 };
    struct arena text = { 0 };
    int r;
    while (record.n && record.p[record.n - 1] == '\n')
        record.n--;
    if (a->format && strcmp(a->format, "json") == 0)
        return stage_emit(st, record);
    r = run_parse(record, &s.run, &text) ? 0 : err_nomem(&st->err);
    if (r == 0)
        runs_settle(&s.run, folder);
    if (r == 0)
        r = show_head(&s) || show_attempts(&s) || show_stages(&s) ||
                    show_loads(&s) || show_cost(&s) ||
                    show_letters(&s, &letters) || show_next(&s, &letters)
                ? -1
                : 0;
    arena_free(&letters.text);
    arena_free(&text);
    buf_free(&s.line);
    return r;
}

int report_show(struct stage *st, const struct args *a)
{
    struct buf path = { .max = 65536 };
    const char *state = where_state(st, &path);
    int r = state ? 0 : -1;
    if (r == 0 && st->argc < 2)
        r = err_set(&st->err, ERR_USAGE,
                    "which run? its id, the start of it, "
                    "a pipeline, or 'last'");
    for (int i = 1; r == 0 && i < st->argc; i++) {
        struct buf record = { 0 }, folder = { .max = 65536 };
        r = runs_find(state, st->argv[i], &record, &folder, &st->err);
        if (r == 0)
            r = err_set(&st->err, ERR_NOINPUT, "no run is called '%s'",
                        st->argv[i]);
        else if (r > 0)
            r = show_one(st, a, buf_str(&record),
                         buf_z(&folder) ? folder.p : "");
        buf_free(&record);
        buf_free(&folder);
    }
    buf_free(&path);
    return r;
}
