#include "count.h"

#include "base/date.h"
#include "base/plain.h"
#include "observe/textfile.h"

#include <stdlib.h>
#include <string.h>

const char *const count_parts[PARTS] = { "pipeline", "stage", "code", "day" };

/* ---- what a letter counts as */

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

static struct str day_of(struct buf *b, int64_t us, const char *tz)
{
    buf_addc(b, '"');
    time_format_tz(b, us, tz);
    b->n = b->n < 11 ? b->n : 11;
    buf_addc(b, '"');
    return buf_str(b);
}

/* ---- groups */

static int new_group(struct count_table *t, const struct str *parts,
                     struct err *e)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct count_group *v = realloc(t->v, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        t->v = v;
        t->cap = cap;
    }
    struct count_group *g = &t->v[t->n];
    *g = (struct count_group){ 0 };
    for (int i = 0; i < PARTS; i++) {
        g->part[i] = arena_dup(&t->text, parts[i]);
        if (!g->part[i].p)
            return err_nomem(e);
    }
    t->n++;
    return 0;
}

/* The group of these parts. A raw JSON string holds no line end: it separates.
 */
static struct count_group *group_of(struct count_table *t,
                                    const struct str *parts, struct err *e)
{
    struct buf name = { 0 };
    for (int i = 0; i < PARTS; i++) {
        buf_add_str(&name, parts[i]);
        buf_addc(&name, '\n');
    }
    uint64_t *at =
        name.failed ? NULL : idmap_at(&t->by_part, hash128(buf_str(&name)));
    buf_free(&name);
    if (!at) {
        err_nomem(e);
        return NULL;
    }
    if (*at == 0) {
        *at = t->n + 1;
        if (new_group(t, parts, e))
            return NULL;
    }
    return &t->v[*at - 1];
}

static void add(struct count_group *g, enum dlq_state state, int64_t since_us,
                bool poison, int64_t recent_us)
{
    g->recent += since_us >= recent_us;
    g->replayed += state == DLQ_REPLAYED;
    if (state != DLQ_OPEN)
        return;
    g->open++;
    g->poison += poison;
    if (!g->oldest_us || since_us < g->oldest_us)
        g->oldest_us = since_us;
}

static int count_one(struct count_table *t, struct stage *st, struct pick *p,
                     size_t i, int64_t recent_us)
{
    struct envelope v;
    struct buf day = { 0 };
    const struct dlq_place *place = dlq_read_place(&p->read, p->v[i]);
    bool poison = dlq_is_poison(place, p->max_attempts);
    if (stage_tick(st) || dlq_read_get(&p->read, p->v[i], &v, &st->err))
        return -1;
    struct str parts[PARTS] = { raw_or_empty(v.pipeline), raw_or_empty(v.stage),
                                raw_or_empty(first_code(&v)),
                                day_of(&day, v.us, st->opts.tz) };
    for (int k = 0; k < PARTS; k++)
        if (!(t->by & 1u << k))
            parts[k] = STR("\"\"");
    struct count_group *g = day.failed ? NULL : group_of(t, parts, &st->err);
    if (day.failed)
        err_nomem(&st->err);
    buf_free(&day);
    if (!g)
        return -1;
    /* Neither an edit nor another try makes a letter young. */
    int64_t since_us = dlq_read_since(&p->read, p->v[i]);
    add(g, place->state, since_us, poison, recent_us);
    add(&t->all, place->state, since_us, poison, recent_us);
    return 0;
}

static int by_parts(const void *a, const void *b)
{
    const struct count_group *g = a, *h = b;
    for (int i = 0; i < PARTS; i++) {
        int c = str_cmp(g->part[i], h->part[i]);
        if (c)
            return c;
    }
    return 0;
}

int count_letters(struct count_table *t, struct stage *st, struct pick *p,
                  unsigned by, int64_t recent_us)
{
    *t = (struct count_table){ .by = by };
    for (size_t i = 0; i < p->n; i++)
        if (count_one(t, st, p, i, recent_us))
            return -1;
    if (t->n)
        qsort(t->v, t->n, sizeof(*t->v), by_parts);
    return 0;
}

void count_free(struct count_table *t)
{
    arena_free(&t->text);
    idmap_free(&t->by_part);
    free(t->v);
    *t = (struct count_table){ 0 };
}

int count_parse(const char *option, const char *text, unsigned *by,
                struct err *e)
{
    *by = 0;
    if (strcmp(text, "none") == 0)
        return 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        int i = 0;
        while (i < PARTS && !(strlen(count_parts[i]) == n &&
                              strncmp(p, count_parts[i], n) == 0))
            i++;
        if (i == PARTS)
            return err_set(e, ERR_USAGE,
                           "option --%s: '%.*s' is none of pipeline, stage, "
                           "code, day, none",
                           option, (int)n, p);
        *by |= 1u << i;
        p += n + (p[n] == ',');
    }
    return *by ? 0 : err_set(e, ERR_USAGE, "option --%s names nothing", option);
}

/* ---- gauges */

struct gauge {
    const char *name, *help;
    double (*value)(const struct count_group *g, int64_t now);
};

static double open_of(const struct count_group *g, int64_t now)
{
    (void)now;
    return (double)g->open;
}

static double poison_of(const struct count_group *g, int64_t now)
{
    (void)now;
    return (double)g->poison;
}

static double age_of(const struct count_group *g, int64_t now)
{
    return g->oldest_us && now > g->oldest_us
               ? (double)(now - g->oldest_us) / 1e6
               : 0;
}

static const struct gauge gauges[] = {
    { "pipeline_dlq_open", "Dead letters that are open.", open_of },
    { "pipeline_dlq_poison",
      "Open dead letters that were rejected too often to be fed again.",
      poison_of },
    { "pipeline_dlq_oldest_age_seconds",
      "Age of the oldest open dead letter; 0 where none is open.", age_of },
};

static void add_label(struct buf *labels, const char *name, struct str raw,
                      struct metrics *m)
{
    struct buf text = { 0 };
    text_of(&text, (struct val){ JSON_STRING, raw });
    m->failed |= metrics_label(labels, name, buf_str(&text)) || text.failed;
    buf_free(&text);
}

static void add_samples(struct metrics *m, const struct gauge *g,
                        const struct count_table *t, const char *pipeline,
                        int64_t now)
{
    metrics_family(m, g->name, METRIC_GAUGE, g->help);
    for (size_t i = 0; i < t->n; i++) {
        struct buf labels = { 0 };
        add_label(&labels, "pipeline", t->v[i].part[PIPELINE], m);
        add_label(&labels, "stage", t->v[i].part[STAGE], m);
        metrics_set(m, buf_str(&labels), g->value(&t->v[i], now));
        buf_free(&labels);
    }
    if (t->n || !pipeline)
        return;
    /* A pipeline without a letter is one with none, not one unknown. */
    struct buf labels = { 0 };
    m->failed |= metrics_label(&labels, "pipeline", str_of(pipeline)) ||
                 metrics_label(&labels, "stage", STR("")) != 0;
    metrics_set(m, buf_str(&labels), 0);
    buf_free(&labels);
}

/* A file for each pipeline, or for each queue that several share: gauges of one
 * do not take the place of another's. */
static void name_file(struct buf *name, const struct stage *st,
                      const struct pick *p)
{
    char hex[33];
    const char *pipeline = st->opts.pipeline;
    buf_addz(name, "pipe_dlq_");
    if (pipeline && plain_name(pipeline)) {
        buf_addz(name, pipeline);
        return;
    }
    hash128_hex(hash128(str_of(pipeline ? pipeline : p->read.target.path)),
                hex);
    buf_addf(name, "%.16s", hex);
}

int count_gauges(struct stage *st, struct pick *p)
{
    struct count_table t;
    struct metrics m;
    struct buf folder = { .max = 65536 }, name = { .max = 65536 };
    if (!st->opts.metrics)
        return 0;
    int64_t now = time_now();
    metrics_init(&m);
    int r = count_letters(&t, st, p, 1u << PIPELINE | 1u << STAGE, INT64_MAX);
    for (size_t i = 0; r == 0 && i < sizeof(gauges) / sizeof(*gauges); i++)
        add_samples(&m, &gauges[i], &t, st->opts.pipeline, now);
    name_file(&name, st, p);
    if (r == 0)
        r = stage_expand(st, &folder, st->opts.metrics);
    if (r == 0)
        r = m.failed || !buf_z(&folder) || !buf_z(&name)
                ? err_nomem(&st->err)
                : textfile_add(folder.p, name.p, &m, &st->err);
    metrics_free(&m);
    count_free(&t);
    buf_free(&folder);
    buf_free(&name);
    return r ? -1 : 0;
}
