/* stats: how many letters, by pipeline, stage, code and day. */
#include "base/arena.h"
#include "base/date.h"
#include "dlq/idmap.h"
#include "dlq_cmd.h"
#include "json/visible.h"

#include <stdlib.h>

enum { PIPELINE, STAGE, CODE, DAY, PARTS };

static const char *const part_names[PARTS] = { "pipeline", "stage", "code",
                                               "day" };

/* Letters that agree in all parts; their code is that of their first error. */
struct group {
    struct str part[PARTS]; /* JSON strings, in the arena */
    uint64_t open, replayed;
};

struct stats {
    struct arena text;
    struct idmap by_part; /* hash of the parts to 1 + index */
    struct group *v;      /* owned */
    size_t n, cap;
};

static struct str raw_or_empty(struct val v)
{
    return v.type == JSON_STRING ? v.raw : STR("\"\"");
}

static struct val first_code(const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct val error = { 0 };
    if (v->errors.type == JSON_ARRAY)
        json_next(&it, NULL, &error);
    return json_get(error, STR("code"));
}

static int new_group(struct stats *s, const struct str *parts, struct err *e)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct group *v = realloc(s->v, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        s->v = v;
        s->cap = cap;
    }
    struct group *g = &s->v[s->n];
    *g = (struct group){ 0 };
    for (int i = 0; i < PARTS; i++) {
        g->part[i] = arena_dup(&s->text, parts[i]);
        if (!g->part[i].p)
            return err_nomem(e);
    }
    s->n++;
    return 0;
}

/* Counts a letter. A raw JSON string holds no line end: it separates. */
static int count(struct stage *st, struct stats *s, const struct envelope *v,
                 enum dlq_state state)
{
    struct buf day = { 0 }, name = { 0 };
    buf_addc(&day, '"');
    time_format_tz(&day, v->us, st->opts.tz);
    day.n = day.n < 11 ? day.n : 11;
    buf_addc(&day, '"');
    struct str parts[PARTS] = { raw_or_empty(v->pipeline),
                                raw_or_empty(v->stage),
                                raw_or_empty(first_code(v)), buf_str(&day) };
    for (int i = 0; i < PARTS; i++) {
        buf_add_str(&name, parts[i]);
        buf_addc(&name, '\n');
    }
    uint64_t *at = name.failed || day.failed
                       ? NULL
                       : idmap_at(&s->by_part, hash128(buf_str(&name)));
    int r = at ? 0 : err_nomem(&st->err);
    if (r == 0 && *at == 0) {
        *at = s->n + 1;
        r = new_group(s, parts, &st->err);
    }
    if (r == 0 && state == DLQ_OPEN)
        s->v[*at - 1].open++;
    else if (r == 0)
        s->v[*at - 1].replayed++;
    buf_free(&day);
    buf_free(&name);
    return r;
}

static int by_parts(const void *a, const void *b)
{
    const struct group *g = a, *h = b;
    for (int i = 0; i < PARTS; i++) {
        int c = str_cmp(g->part[i], h->part[i]);
        if (c)
            return c;
    }
    return 0;
}

static int print_group_json(struct stage *st, const struct group *g)
{
    struct buf line = { 0 };
    for (int i = 0; i < PARTS; i++) {
        buf_addf(&line, "%c\"%s\":", i ? ',' : '{', part_names[i]);
        buf_add_str(&line, g->part[i]);
    }
    buf_addf(&line, ",\"open\":%llu,\"replayed\":%llu}",
             (unsigned long long)g->open, (unsigned long long)g->replayed);
    int r = line.failed ? err_nomem(&st->err) : stage_emit(st, buf_str(&line));
    buf_free(&line);
    return r;
}

/* The cell as a terminal may show it. */
static void add_cell(struct buf *line, struct str raw, size_t width)
{
    struct buf text = { 0 };
    size_t from = line->n;
    text_of(&text, (struct val){ JSON_STRING, raw });
    visible_text(line, text.n ? buf_str(&text) : STR("-"));
    print_pad(line, from, width);
    line->failed |= text.failed;
    buf_free(&text);
}

static int print_group_text(struct stage *st, const struct group *g,
                            const size_t *widths)
{
    struct buf line = { 0 };
    for (int i = 0; i < PARTS; i++)
        add_cell(&line, g->part[i], widths[i]);
    buf_addf(&line, "%9llu %9llu", (unsigned long long)g->open,
             (unsigned long long)g->replayed);
    int r = line.failed ? err_nomem(&st->err) : stage_emit(st, buf_str(&line));
    buf_free(&line);
    return r;
}

/* Columns as wide as their widest cell; prints the headings. */
static int print_headings(struct stage *st, const struct stats *s,
                          size_t *widths)
{
    static const char *const names[PARTS] = { "PIPELINE", "STAGE", "CODE",
                                              "DAY" };
    struct buf line = { 0 }, cell = { 0 };
    for (int i = 0; i < PARTS; i++) {
        widths[i] = strlen(names[i]) + 2;
        for (size_t k = 0; k < s->n; k++) {
            buf_reset(&cell);
            add_cell(&cell, s->v[k].part[i], 0);
            if (cell.n + 2 > widths[i])
                widths[i] = cell.n + 2;
        }
        size_t from = line.n;
        buf_addz(&line, names[i]);
        print_pad(&line, from, widths[i]);
    }
    buf_addf(&line, "%9s %9s", "OPEN", "REPLAYED");
    int r = line.failed ? err_nomem(&st->err) : stage_emit(st, buf_str(&line));
    buf_free(&line);
    buf_free(&cell);
    return r;
}

static int print_all(struct stage *st, struct stats *s, bool json)
{
    size_t widths[PARTS];
    if (s->n)
        qsort(s->v, s->n, sizeof(*s->v), by_parts);
    if (s->n && !json && print_headings(st, s, widths))
        return -1;
    for (size_t i = 0; i < s->n; i++)
        if (json ? print_group_json(st, &s->v[i])
                 : print_group_text(st, &s->v[i], widths))
            return -1;
    return 0;
}

int dlq_stats(struct stage *st, const struct args *a)
{
    struct pick p;
    struct stats s = { 0 };
    int r = pick_open(&p, st, a, "all", false);
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        struct envelope v;
        enum dlq_state state = dlq_read_place(&p.read, p.v[i])->state;
        r = stage_tick(st) || dlq_read_get(&p.read, p.v[i], &v, &st->err) ||
            count(st, &s, &v, state);
    }
    if (r == 0)
        r = print_all(st, &s, wants_json(a));
    arena_free(&s.text);
    idmap_free(&s.by_part);
    free(s.v);
    pick_close(&p);
    return r;
}
