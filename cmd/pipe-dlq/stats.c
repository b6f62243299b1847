/* stats: how many letters, by pipeline, stage, code and day. */
#include "base/date.h"
#include "count.h"
#include "json/visible.h"

#include <ctype.h>
#include <string.h>

/* Columns that are shown, and how wide. */
struct layout {
    unsigned by;
    size_t widths[PARTS];
    int64_t now;
};

static bool has(unsigned by, int part)
{
    return (by & 1u << part) != 0;
}

/* ---- JSON */

static int print_group_json(struct stage *st, const struct count_group *g,
                            const struct layout *l)
{
    struct buf line = { 0 };
    buf_addc(&line, '{');
    for (int i = 0; i < PARTS; i++)
        if (has(l->by, i)) {
            buf_addf(&line, "\"%s\":", count_parts[i]);
            buf_add_str(&line, g->part[i]);
            buf_addc(&line, ',');
        }
    buf_addf(&line, "\"open\":%llu,\"poison\":%llu,\"replayed\":%llu",
             (unsigned long long)g->open, (unsigned long long)g->poison,
             (unsigned long long)g->replayed);
    if (g->oldest_us) {
        buf_addz(&line, ",\"oldest\":\"");
        envelope_time(&line, g->oldest_us);
        buf_addf(&line, "\",\"oldest_age_seconds\":%lld",
                 (long long)((l->now - g->oldest_us) / 1000000));
    }
    buf_addc(&line, '}');
    return print_line(st, &line);
}

/* ---- a table */

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

static void add_counts(struct buf *line, const struct count_group *g,
                       int64_t now)
{
    struct buf age = { 0 };
    if (g->oldest_us)
        print_age(&age, now - g->oldest_us);
    buf_addf(line, "%9llu %9llu %9llu %9s", (unsigned long long)g->open,
             (unsigned long long)g->poison, (unsigned long long)g->replayed,
             age.n && buf_z(&age) ? age.p : "-");
    line->failed |= age.failed;
    buf_free(&age);
}

static int print_group_text(struct stage *st, const struct count_group *g,
                            const struct layout *l)
{
    struct buf line = { 0 };
    for (int i = 0; i < PARTS; i++)
        if (has(l->by, i))
            add_cell(&line, g->part[i], l->widths[i]);
    add_counts(&line, g, l->now);
    return print_line(st, &line);
}

static int print_total(struct stage *st, const struct count_table *t,
                       const struct layout *l)
{
    struct buf line = { 0 };
    size_t width = 0;
    for (int i = 0; i < PARTS; i++)
        width += has(l->by, i) ? l->widths[i] : 0;
    if (width) {
        buf_addz(&line, "total");
        print_pad(&line, 0, width);
    }
    add_counts(&line, &t->all, l->now);
    return print_line(st, &line);
}

/* Columns as wide as their widest cell; prints the headings. */
static int print_headings(struct stage *st, const struct count_table *t,
                          struct layout *l)
{
    struct buf line = { 0 }, cell = { 0 };
    for (int i = 0; i < PARTS; i++) {
        if (!has(l->by, i))
            continue;
        size_t from = line.n;
        l->widths[i] = strlen(count_parts[i]) + 2;
        for (size_t k = 0; k < t->n; k++) {
            buf_reset(&cell);
            add_cell(&cell, t->v[k].part[i], 0);
            if (cell.n + 2 > l->widths[i])
                l->widths[i] = cell.n + 2;
        }
        for (const char *c = count_parts[i]; *c; c++)
            buf_addc(&line, (char)toupper((unsigned char)*c));
        print_pad(&line, from, l->widths[i]);
    }
    buf_addf(&line, "%9s %9s %9s %9s", "OPEN", "POISON", "REPLAYED", "OLDEST");
    line.failed |= cell.failed;
    buf_free(&cell);
    return print_line(st, &line);
}

static int print_all(struct stage *st, const struct count_table *t,
                     struct layout *l, bool json)
{
    if (t->n && !json && print_headings(st, t, l))
        return -1;
    for (size_t i = 0; i < t->n && (json || l->by); i++)
        if (json ? print_group_json(st, &t->v[i], l)
                 : print_group_text(st, &t->v[i], l))
            return -1;
    return t->n && !json && (t->n > 1 || !l->by) ? print_total(st, t, l) : 0;
}

int dlq_stats(struct stage *st, const struct args *a)
{
    struct pick p = { 0 };
    struct count_table t = { 0 };
    struct layout l = { .now = time_now() };
    if (count_parse("by", a->by ? a->by : "pipeline,stage,code,day", &l.by,
                    &st->err))
        return -1;
    int r = pick_open(&p, st, a, "all", false);
    if (r == 0)
        r = count_letters(&t, st, &p, l.by, INT64_MAX);
    if (r == 0)
        r = print_all(st, &t, &l, wants_json(a));
    if (r == 0)
        r = count_gauges(st, &p);
    count_free(&t);
    pick_close(&p);
    return r;
}
