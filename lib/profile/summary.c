#include "profile/summary.h"

#include "json/number.h"
#include "base/date.h"
#include "profile/distribution.h"

#include <math.h>
#include <stdlib.h>

const double summary_shares[SUMMARY_QUANTILES] = { 0.01, 0.05, 0.25, 0.5,
                                                   0.75, 0.95, 0.99 };
const char *const summary_share_names[SUMMARY_QUANTILES] = {
    "p1", "p5", "p25", "p50", "p75", "p95", "p99"
};

#define NEARLY_ALL 0.95
#define UNIQUE_DOUBT 3 /* standard errors */

/* What a field is filled from. */
struct filling {
    struct summary *s;
    const struct profile *p;
    const struct column *c;
    const struct summary_field *before; /* in the baseline; NULL: none */
    struct summary_field *f;
    size_t values; /* listed at most */
};

static struct str dup(struct filling *l, struct str text, bool *failed)
{
    struct str copy = arena_dup(&l->s->arena, text);
    *failed |= copy.p == NULL;
    return copy;
}

static uint64_t column_total(const struct column *c)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= JSON_OBJECT; i++)
        n += c->types[i];
    return n;
}

/* ---- numbers ---- */

/* Digits of a mean behind those of the sum. */
#define MEAN_DIGITS 6

static struct str without_zeros(struct str s)
{
    if (memchr(s.p, '.', s.n) && !memchr(s.p, 'e', s.n)) {
        while (s.n > 1 && s.p[s.n - 1] == '0')
            s.n--;
        s.n -= s.p[s.n - 1] == '.';
    }
    return s;
}

static int fill_sum(struct filling *l, uint64_t n, bool *failed)
{
    struct summary_numbers *f = &l->f->numbers;
    struct decimal room = DECIMAL_ZERO, mean = DECIMAL_ZERO,
                   count = { .small = (decimal_int)n };
    struct buf text = { 0 };
    const struct decimal *sum =
        sum_get(&l->p->fields.shared.sums, &l->c->sum, &room);
    if (decimal_format(&text, sum))
        *failed = true;
    f->sum = dup(l, buf_str(&text), failed);
    buf_reset(&text);
    int r = n ? decimal_div(&mean, sum, &count) : -3;
    if (r == 0 && mean.scale > sum->scale + MEAN_DIGITS)
        r = decimal_round(&mean, &mean, sum->scale + MEAN_DIGITS);
    if (r == 0)
        r = decimal_format(&text, &mean);
    if (r == 0)
        f->mean = dup(l, without_zeros(buf_str(&text)), failed);
    *failed |= r == -1;
    decimal_free(&mean);
    buf_free(&text);
    return *failed ? -1 : 0;
}

static void fill_quantiles(struct summary_numbers *f,
                           const struct distribution *d)
{
    f->error = d->exact ? 0 : d->shape->error;
    for (size_t i = 0; i < SUMMARY_QUANTILES; i++)
        f->quantiles[i] = distribution_at(d, summary_shares[i]);
    for (size_t i = 1; i <= SUMMARY_EDGES; i++) {
        double x = distribution_at(d, (double)i / (SUMMARY_EDGES + 1));
        if (f->n_edges == 0 || x > f->edges[f->n_edges - 1])
            f->edges[f->n_edges++] = x;
    }
    distribution_split(d, f->edges, f->n_edges, d->exact, f->bins);
}

static void fill_bars(struct summary_numbers *f, const struct distribution *d)
{
    double from = f->quantiles[0], to = f->quantiles[SUMMARY_QUANTILES - 1];
    if (!(to > from) || isinf(to - from))
        return;
    f->bars_from = from;
    f->bars_to = to;
    f->n_bars = SUMMARY_BARS;
    for (size_t i = 0; i < d->n; i++) {
        double at = (d->v[i].x - from) / (to - from) * SUMMARY_BARS;
        size_t bar = at < 0               ? 0
                     : at >= SUMMARY_BARS ? SUMMARY_BARS - 1
                                          : (size_t)at;
        f->bars[bar] += d->v[i].n;
    }
}

static int fill_numbers(struct filling *l)
{
    const struct column *c = l->c;
    struct summary_numbers *f = &l->f->numbers;
    const struct summary_field *b = l->before;
    struct distribution d;
    bool failed = false;
    f->n = c->types[JSON_NUMBER];
    f->integers = c->integers;
    f->outside = c->outside;
    if (f->n == 0)
        return 0;
    f->min = dup(l, buf_str(&c->least[0].text), &failed);
    f->max = dup(l, buf_str(&c->most[0].text), &failed);
    if (c->moments.n > 0)
        f->deviation = sqrt(c->moments.squares / c->moments.n);
    if (!(c->moments.n > 0) || !isfinite(f->deviation))
        f->deviation = (double)NAN;
    if (failed || fill_sum(l, f->n - f->outside, &failed))
        return -1;
    int r = distribution_of(&d, c, &l->p->fields.shared);
    if (r == 0 && d.total) {
        fill_quantiles(f, &d);
        fill_bars(f, &d);
    }
    if (r == 0 && b && b->numbers.n_edges)
        distribution_split(&d, b->numbers.edges, b->numbers.n_edges,
                           b->numbers.error <= 0, l->f->match.bins);
    distribution_free(&d);
    return r;
}

/* ---- strings ---- */

static int fill_strings(struct filling *l)
{
    const struct column *c = l->c;
    const struct patterns *p = &c->patterns;
    struct summary_strings *f = &l->f->strings;
    bool failed = false;
    f->n = c->types[JSON_STRING];
    if (f->n == 0)
        return 0;
    f->min = dup(l, buf_str(&c->least[1].text), &failed);
    f->max = dup(l, buf_str(&c->most[1].text), &failed);
    f->chars_least = c->chars_least;
    f->chars_most = c->chars_most;
    f->chars_mean = (double)c->chars / (double)f->n;
    f->drawn = p->drawn;
    f->other = p->other;
    f->n_patterns = p->n < l->values ? p->n : l->values;
    f->patterns =
        arena_alloc(&l->s->arena, (f->n_patterns + 1) * sizeof(*f->patterns));
    if (!f->patterns)
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        const struct pattern_entry *e = &p->v[i];
        struct str text = { e->text, strnlen(e->text, PATTERN_BYTES) };
        if (i < f->n_patterns)
            f->patterns[i] =
                (struct summary_pattern){ dup(l, text, &failed), e->count };
        else
            f->other += e->count;
    }
    return failed ? -1 : 0;
}

/* ---- values ---- */

static int by_count(const void *a, const void *b)
{
    const struct summary_value *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    int order = str_cmp(x->text, y->text);
    return order ? order : (int)x->cut - (int)y->cut;
}

/* All that are counted, most frequent first: owned, freed with free; texts
 * borrowed. NULL without memory. */
static struct summary_value *counted(const struct column *c, size_t *n)
{
    const struct frequent *f = &c->values;
    struct summary_value *v = malloc((f->n + 3) * sizeof(*v));
    if (!v)
        return NULL;
    *n = 0;
    for (uint32_t i = 0; i < f->n; i++)
        v[(*n)++] =
            (struct summary_value){ f->v[i].type, frequent_text(f, &f->v[i]),
                                    f->v[i].cut, f->v[i].count };
    if (c->types[JSON_TRUE])
        v[(*n)++] = (struct summary_value){ JSON_TRUE, STR("true"), false,
                                            c->types[JSON_TRUE] };
    if (c->types[JSON_FALSE])
        v[(*n)++] = (struct summary_value){ JSON_FALSE, STR("false"), false,
                                            c->types[JSON_FALSE] };
    qsort(v, *n, sizeof(*v), by_count);
    return v;
}

bool summary_same_value(const struct summary_value *a,
                        const struct summary_value *b)
{
    if (a->type != b->type || a->cut != b->cut)
        return false;
    return str_eq(a->text, b->text) || (a->type == JSON_NUMBER && !a->cut &&
                                        number_cmp(a->text, b->text) == 0);
}

static int match_values(struct filling *l, const struct summary_value *v,
                        size_t n)
{
    const struct summary_field *b = l->before;
    uint64_t *counts =
        arena_alloc(&l->s->arena, (b->n_values + 1) * sizeof(*counts));
    if (!counts)
        return -1;
    for (size_t i = 0; i < b->n_values; i++) {
        counts[i] = 0;
        for (size_t k = 0; k < n; k++)
            if (summary_same_value(&b->values[i], &v[k]))
                counts[i] += v[k].count;
    }
    l->f->match.values = counts;
    return 0;
}

static int match_patterns(struct filling *l)
{
    const struct summary_strings *b = &l->before->strings;
    const struct patterns *p = &l->c->patterns;
    uint64_t *counts =
        arena_alloc(&l->s->arena, (b->n_patterns + 1) * sizeof(*counts));
    if (!counts)
        return -1;
    for (size_t i = 0; i < b->n_patterns; i++) {
        counts[i] = 0;
        for (uint32_t k = 0; k < p->n; k++) {
            const char *text = p->v[k].text;
            struct str s = { text, strnlen(text, PATTERN_BYTES) };
            if (str_eq(s, b->patterns[i].text))
                counts[i] += p->v[k].count;
        }
    }
    l->f->match.patterns = counts;
    return 0;
}

static int list_values(struct filling *l, const struct summary_value *v,
                       size_t n)
{
    struct summary_field *f = l->f;
    bool failed = false;
    f->n_values = n < l->values ? n : l->values;
    f->all_values = column_is_exact(l->c) && n <= l->values;
    f->values =
        arena_alloc(&l->s->arena, (f->n_values + 1) * sizeof(*f->values));
    if (!f->values)
        return -1;
    for (size_t i = 0; i < f->n_values; i++) {
        f->values[i] = v[i];
        f->values[i].text = dup(l, v[i].text, &failed);
    }
    return failed ? -1 : 0;
}

static int fill_values(struct filling *l)
{
    const struct column *c = l->c;
    struct summary_field *f = l->f;
    size_t n;
    struct summary_value *v = counted(c, &n);
    if (!v)
        return -1;
    f->distinct = column_distinct(c);
    f->distinct_error =
        column_is_exact(c) ? 0 : 1.04 / sqrt((double)(1 << HLL_BITS_DEFAULT));
    f->repeats = c->values.repeated || c->types[JSON_TRUE] > 1 ||
                 c->types[JSON_FALSE] > 1;
    f->lost = c->values.lost;
    int r = list_values(l, v, n);
    if (r == 0 && l->before)
        r = match_values(l, v, n) || match_patterns(l) ? -1 : 0;
    free(v);
    return r;
}

/* ---- fields ---- */

static int fill_field(struct filling *l, uint32_t number,
                      const struct summary *baseline)
{
    const struct field *field = l->p->fields.v[number];
    const struct column *c = &field->column,
                        *around = &l->p->fields.v[field->parent]->column;
    struct summary_field *f = l->f;
    struct buf path = { 0 };
    bool failed = fields_path(&l->p->fields, number, &path) != 0;
    *f = (struct summary_field){ .path = dup(l, buf_str(&path), &failed) };
    buf_free(&path);
    if (failed)
        return -1;
    l->c = c;
    l->before = baseline ? summary_find(baseline, f->path) : NULL;
    f->match.there = l->before != NULL;
    f->depth = field->depth;
    f->of = field->key.p ? around->types[JSON_OBJECT] : column_total(c);
    f->missing = f->of - column_total(c);
    f->null = c->types[JSON_NULL];
    f->trues = c->types[JSON_TRUE];
    f->falses = c->types[JSON_FALSE];
    f->arrays = c->types[JSON_ARRAY];
    f->objects = c->types[JSON_OBJECT];
    f->elements_least = c->elements_least;
    f->elements_most = c->elements_most;
    if (f->arrays)
        f->elements_mean = (double)c->elements / (double)f->arrays;
    f->rises = c->before.set && c->rises;
    f->falls = c->before.set && c->falls;
    return fill_numbers(l) || fill_strings(l) || fill_values(l) ? -1 : 0;
}

/* Fields in depth-first order: behind each what is in it. */
static int fill_fields(struct filling *l, const struct summary *baseline)
{
    const struct fields *fs = &l->p->fields;
    uint32_t at = fs->v[0]->child;
    while (at) {
        l->f = &l->s->fields[l->s->n_fields++];
        if (fill_field(l, at, baseline))
            return -1;
        uint32_t next = fs->v[at]->child;
        for (; !next && at; at = fs->v[at]->parent)
            next = fs->v[at]->next;
        at = next;
    }
    return 0;
}

int summary_fill(struct summary *s, const struct profile *p, size_t values,
                 const struct summary *baseline, struct err *e)
{
    struct filling l = { .s = s, .p = p, .values = values };
    *s = (struct summary){ .records = p->records,
                           .bytes = p->bytes,
                           .twins_known = p->seen_all,
                           .twins = p->twins,
                           .more_fields = fields_more(&p->fields) };
    s->fields = calloc(p->fields.n, sizeof(*s->fields));
    if (!s->fields || fill_fields(&l, baseline))
        return err_nomem(e);
    return 0;
}

void summary_free(struct summary *s)
{
    free(s->fields);
    s->fields = NULL;
    arena_free(&s->arena);
}

/* ---- what follows from the counts ---- */

const struct summary_field *summary_find(const struct summary *s,
                                         struct str path)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (str_eq(s->fields[i].path, path))
            return &s->fields[i];
    return NULL;
}

bool summary_is_unique(const struct summary_field *f)
{
    double n = (double)summary_scalars(f);
    return n > 1 && !f->repeats &&
           (double)f->distinct >= n * (1 - UNIQUE_DOUBT * f->distinct_error);
}

const char *summary_format(const struct summary_field *f)
{
    static const struct {
        const char *pattern, *name;
    } known[] = {
        { "9999-99-99", "date" },
        { "9999-99-99A99:99:99A", "timestamp" },
        { "9999-99-99A99:99:99.999A", "timestamp" },
        { "9999-99-99A99:99:99.999999A", "timestamp" },
        { "9999-99-99A99:99:99+99:99", "timestamp" },
        { "9999-99-99A99:99:99", "timestamp" },
        { "9999-99-99 99:99:99", "timestamp" },
        { "99:99:99", "time" },
        { "email", "email" },
        { "url", "url" },
        { "uuid", "uuid" },
    };
    const struct summary_strings *s = &f->strings;
    if (!s->n_patterns ||
        (double)s->patterns[0].count < NEARLY_ALL * (double)s->n)
        return NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        int64_t us;
        if (!str_eq(s->patterns[0].text, str_of(known[i].pattern)))
            continue;
        bool dated = strncmp(known[i].pattern, "9999-", 5) == 0;
        return dated && !(time_parse(s->min, NULL, &us) &&
                          time_parse(s->max, NULL, &us))
                   ? NULL
                   : known[i].name;
    }
    return NULL;
}
