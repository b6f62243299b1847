#include "profile/compare.h"

#include "json/visible.h"
#include "profile/psi.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FINDINGS_MOST 100000
#define NEARLY_UNIQUE 0.95
#define NAMED 3 /* new or lost values that a message names */

struct comparing {
    struct comparison *c;
    const struct summary *now, *base;
    const struct compare_rules *rules;
    const struct summary_field *a, *b; /* now, base */
    bool failed;                       /* no memory */
};

static double part(uint64_t n, uint64_t of)
{
    return of ? (double)n / (double)of : 0;
}

static uint64_t off(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* ---- findings ---- */

static void find(struct comparing *p, const char *metric, double value,
                 double limit, bool fails, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* fmt says it behind the field's name. */
static void find(struct comparing *p, const char *metric, double value,
                 double limit, bool fails, const char *fmt, ...)
{
    struct comparison *c = p->c;
    const struct summary_field *f = p->a ? p->a : p->b;
    struct buf text = { 0 };
    va_list ap;
    if (c->n == FINDINGS_MOST)
        return;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        struct finding *v = realloc(c->v, cap * sizeof(*v));
        if (!v) {
            p->failed = true;
            return;
        }
        c->v = v;
        c->cap = cap;
    }
    if (f)
        buf_addf(&text, "'%.*s' ", STR_ARG(f->path));
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    struct str copy = arena_dup(&c->arena, buf_str(&text));
    p->failed |= text.failed || !copy.p;
    buf_free(&text);
    if (!copy.p)
        return;
    c->v[c->n++] = (struct finding){
        f ? f->path : STR(""), metric, value, limit, fails, copy
    };
    c->failed += fails;
}

/* A share that should be what it was, relative to that. */
static void judge_share(struct comparing *p, const char *metric,
                        const char *what, uint64_t now, uint64_t of_now,
                        uint64_t base, uint64_t of_base)
{
    double limit = p->rules->shift, before = part(base, of_base),
           after = part(now, of_now);
    double shift = before > 0 ? fabs(after - before) / before : after > 0;
    if (limit < 0 || !(shift > limit) ||
        !psi_shares_differ(now, of_now, base, of_base))
        return;
    find(p, metric, after, before, true,
         "is %s in %.4g%%, and in %.4g%% of the baseline", what, after * 100,
         before * 100);
}

/* ---- the stream ---- */

static void judge_volume(struct comparing *p)
{
    uint64_t now = p->now->records, base = p->base->records;
    double change = base ? part(off(now, base), base) : 0;
    if (base < p->rules->least_sample || p->rules->volume < 0 ||
        !(change > p->rules->volume))
        return;
    find(p, "volume", (double)now, (double)base, true,
         "%llu records are %.3g%% %s than the %llu of the baseline",
         (unsigned long long)now, change * 100, now < base ? "fewer" : "more",
         (unsigned long long)base);
}

/* ---- a field ---- */

static uint64_t booleans(const struct summary_field *f)
{
    return f->trues + f->falses;
}

static void judge_types(struct comparing *p)
{
    const struct summary_field *a = p->a, *b = p->b;
    const struct {
        const char *name;
        uint64_t now, base;
    } types[] = {
        { "a string", a->strings.n, b->strings.n },
        { "a number", a->numbers.n, b->numbers.n },
        { "a boolean", booleans(a), booleans(b) },
        { "an object", a->objects, b->objects },
        { "an array", a->arrays, b->arrays },
    };
    uint64_t now = summary_present(a), base = summary_present(b);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types) && now && base; i++) {
        double share = part(types[i].now, now), limit = p->rules->fresh;
        if (part(types[i].base, base) >= 0.5)
            judge_share(p, "type", types[i].name, types[i].now, now,
                        types[i].base, base);
        else if (!types[i].base && types[i].now)
            find(p, "new_type", share, limit, limit >= 0 && share > limit,
                 "is %s in %.4g%% of its values, and never in the baseline",
                 types[i].name, share * 100);
    }
    if (a->numbers.n && b->numbers.n && b->numbers.integers == b->numbers.n &&
        a->numbers.integers < a->numbers.n)
        find(p, "new_type", part(a->numbers.integers, a->numbers.n), 1,
             p->rules->fresh >= 0 && part(a->numbers.n - a->numbers.integers,
                                          a->numbers.n) > p->rules->fresh,
             "is no integer in %.4g%% of its numbers, and always one in the "
             "baseline",
             100 - 100 * part(a->numbers.integers, a->numbers.n));
}

static void judge_complete(struct comparing *p)
{
    const struct summary_field *a = p->a, *b = p->b;
    judge_share(p, "complete", "there and not null", summary_present(a), a->of,
                summary_present(b), b->of);
    /* Of rare nulls the share of what is there tells little. */
    if (b->null == 0 && a->null)
        find(p, "new_null", part(a->null, a->of), 0, false,
             "is null in %.4g%%, and never in the baseline",
             part(a->null, a->of) * 100);
}

static void judge_distinct(struct comparing *p)
{
    const struct summary_field *a = p->a, *b = p->b;
    uint64_t now = summary_scalars(a), base = summary_scalars(b);
    double limit = p->rules->distinct;
    if (!now || !base)
        return;
    if (part(b->distinct, base) >= NEARLY_UNIQUE) {
        judge_share(p, "unique", "different from the rest", a->distinct, now,
                    b->distinct, base);
        return; /* there are as many as there are records */
    }
    double change = part(off(a->distinct, b->distinct), b->distinct);
    /* Of sketches the difference of two is within six errors. */
    if (limit >= 0 &&
        change > limit + 6 * (a->distinct_error + b->distinct_error))
        find(p, "distinct", (double)a->distinct, (double)b->distinct, true,
             "has %llu different values, and %llu in the baseline",
             (unsigned long long)a->distinct, (unsigned long long)b->distinct);
}

/* The double of a text that a summary keeps: a zero byte is behind it. */
static double number_of(struct str text)
{
    return strtod(text.p, NULL);
}

static void judge_range(struct comparing *p)
{
    const struct summary_numbers *a = &p->a->numbers, *b = &p->b->numbers;
    if (!a->n || !b->n)
        return;
    double least = number_of(b->min), most = number_of(b->max);
    double below = least - number_of(a->min), above = number_of(a->max) - most;
    double over = below > above ? below : above, width = most - least;
    if (!(over > 0))
        return;
    double share = width > 0 ? over / width : (double)INFINITY;
    bool low = below > above;
    find(p, "range", number_of(low ? a->min : a->max), low ? least : most,
         p->rules->range >= 0 && share > p->rules->range,
         "goes %s to %.*s, and to %.*s in the baseline", low ? "down" : "up",
         STR_ARG(low ? a->min : a->max), STR_ARG(low ? b->min : b->max));
}

/* ---- populations ---- */

/* The values that are in v and not in w, named in a message. */
static void name_values(struct buf *out, const struct summary_value *v,
                        const bool *are, size_t n)
{
    size_t named = 0, left = 0;
    for (size_t i = 0; i < n; i++) {
        if (!are[i])
            continue;
        if (named == NAMED) {
            left++;
            continue;
        }
        buf_addz(out, named++ ? ", " : "");
        struct str text = visible_start(v[i].text, 40);
        if (v[i].type == JSON_STRING)
            json_quote(out, text);
        else
            buf_add_str(out, text);
    }
    if (left)
        buf_addf(out, " and %zu more", left);
}

static void tell_values(struct comparing *p, const char *metric, double share,
                        bool fails, const char *before, const char *behind,
                        const struct summary_value *v, const bool *are,
                        size_t n)
{
    struct buf names = { 0 };
    name_values(&names, v, are, n);
    const char *z = buf_z(&names);
    p->failed |= z == NULL;
    if (z)
        find(p, metric, share, p->rules->fresh, fails, "%s %.4g%%%s: %s",
             before, share * 100, behind, z);
    buf_free(&names);
}

/* Of a field whose baseline has all of its values: those that came and went. */
static void judge_values(struct comparing *p, uint64_t rest)
{
    const struct summary_field *a = p->a, *b = p->b;
    uint64_t now = summary_scalars(a), base = summary_scalars(b), gone = 0;
    double limit = p->rules->fresh, share = part(rest, now);
    size_t n = a->n_values > b->n_values ? a->n_values : b->n_values;
    bool *are = calloc(n + 1, sizeof(*are));
    if (!are) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < b->n_values; i++) {
        uint64_t was = b->values[i].count;
        are[i] = !p->a->match.values[i] && psi_shares_differ(0, now, was, base);
        gone += are[i] ? was : 0;
    }
    if (gone)
        tell_values(p, "lost_values", part(gone, base),
                    limit >= 0 && part(gone, base) > limit,
                    "lacks values that are", " of the baseline", b->values, are,
                    b->n_values);
    for (size_t i = 0; i < a->n_values; i++) {
        are[i] = true;
        for (size_t k = 0; k < b->n_values && are[i]; k++)
            are[i] = !summary_same_value(&a->values[i], &b->values[k]);
    }
    if (rest)
        tell_values(p, "new_values", share, limit >= 0 && share > limit,
                    "has values that are not in the baseline in", "", a->values,
                    are, a->n_values);
    free(are);
}

static void judge_psi(struct comparing *p, struct compared_field *f,
                      enum psi_kind kind, const uint64_t *base,
                      const uint64_t *now, size_t n)
{
    static const char *const of[] = { "", "values", "numbers", "patterns" };
    uint64_t all_base = 0, all_now = 0;
    for (size_t i = 0; i < n; i++) {
        all_base += base[i];
        all_now += now[i];
    }
    if (all_base < p->rules->least_sample || all_now < p->rules->least_sample)
        return;
    f->kind = kind;
    f->psi = psi_of(base, now, n);
    if (p->rules->psi >= 0 && f->psi > p->rules->psi &&
        f->psi > psi_chance(n, all_base, all_now))
        find(p, "psi", f->psi, p->rules->psi, true,
             "has shifted: the population stability index of its %s is %.3g, "
             "above %.3g",
             of[kind], f->psi, p->rules->psi);
}

/* Counts of listed values or patterns, and of the rest of `all`. Owned, freed
 * with free. */
static uint64_t *with_rest(struct comparing *p, size_t n, uint64_t all,
                           const uint64_t *counts)
{
    uint64_t *v = malloc((n + 1) * sizeof(*v));
    if (!v) {
        p->failed = true;
        return NULL;
    }
    v[n] = all;
    for (size_t i = 0; i < n; i++) {
        v[i] = counts[i];
        v[n] -= v[n] < v[i] ? v[n] : v[i];
    }
    return v;
}

static void judge_by_values(struct comparing *p, struct compared_field *f)
{
    const struct summary_field *a = p->a, *b = p->b;
    size_t n = b->n_values;
    uint64_t *listed = calloc(n + 1, sizeof(*listed)), *base = NULL, *now;
    for (size_t i = 0; listed && i < n; i++)
        listed[i] = b->values[i].count;
    if (listed)
        base = with_rest(p, n, summary_scalars(b), listed);
    now = with_rest(p, n, summary_scalars(a), a->match.values);
    if (base && now) {
        judge_psi(p, f, PSI_VALUES, base, now, n + (now[n] > 0));
        judge_values(p, now[n]);
    } else {
        p->failed = true;
    }
    free(listed);
    free(base);
    free(now);
}

static void judge_by_patterns(struct comparing *p, struct compared_field *f)
{
    const struct summary_strings *b = &p->b->strings;
    size_t n = b->n_patterns;
    uint64_t *listed = calloc(n + 1, sizeof(*listed)), *base = NULL, *now;
    for (size_t i = 0; listed && i < n; i++)
        listed[i] = b->patterns[i].count;
    if (listed)
        base = with_rest(p, n, b->n, listed);
    now = with_rest(p, n, p->a->strings.n, p->a->match.patterns);
    if (base && now)
        judge_psi(p, f, PSI_PATTERNS, base, now, n + (base[n] + now[n] > 0));
    else
        p->failed = true;
    free(listed);
    free(base);
    free(now);
}

/* Numbers that tell records apart, or go up by time, are never what they
 * were. */
static bool moves_on(const struct summary_field *f)
{
    return f->rises ||
           (f->numbers.integers == f->numbers.n && summary_is_unique(f));
}

/* As do times. */
static bool is_time(const struct summary_field *f)
{
    const char *format = summary_format(f);
    return format &&
           (strcmp(format, "date") == 0 || strcmp(format, "timestamp") == 0);
}

static void judge_population(struct comparing *p, struct compared_field *f)
{
    const struct summary_field *a = p->a, *b = p->b;
    uint64_t now = summary_scalars(a), base = summary_scalars(b);
    if (!now || !base || (b->numbers.n && moves_on(b)))
        return;
    if (b->all_values && !is_time(b))
        judge_by_values(p, f);
    else if (b->numbers.n_edges && a->numbers.n && b->numbers.n * 2 >= base)
        judge_psi(p, f, PSI_NUMBERS, b->numbers.bins, a->match.bins,
                  b->numbers.n_edges + 1);
    else if (b->strings.n_patterns && a->strings.n &&
             b->strings.drawn == a->strings.drawn)
        judge_by_patterns(p, f);
}

/* ---- all fields ---- */

static void judge_field(struct comparing *p, struct compared_field *f)
{
    const struct summary_field *a = p->a, *b = p->b;
    uint64_t least = p->rules->least_sample;
    f->judged = a->of >= least && b->of >= least;
    if (!f->judged) {
        p->c->unjudged++;
        return;
    }
    p->c->judged++;
    judge_complete(p);
    judge_types(p);
    judge_distinct(p);
    judge_range(p);
    judge_population(p, f);
}

/* Is the field, or what it is in, one of those that are not compared? */
static bool is_ignored(const struct comparing *p, struct str path)
{
    for (size_t i = 0; i < p->rules->n_ignored; i++) {
        struct str s = str_of(p->rules->ignored[i]);
        if (path.n >= s.n && memcmp(path.p, s.p, s.n) == 0 &&
            (path.n == s.n || path.p[s.n] == '.' || path.p[s.n] == '['))
            return true;
    }
    return false;
}

/* What is around a field: true where it comes often enough in the stream that
 * the field is to be expected. */
static bool expected(const struct comparing *p, const struct summary_field *b)
{
    const struct summary_field *around = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < p->base->n_fields; i++) {
        const struct summary_field *f = &p->base->fields[i];
        if (f->depth + 1 == b->depth && f->path.n < b->path.n &&
            f->path.n >= longest &&
            memcmp(f->path.p, b->path.p, f->path.n) == 0 &&
            (b->path.p[f->path.n] == '.' || b->path.p[f->path.n] == '[')) {
            around = f;
            longest = f->path.n;
        }
    }
    uint64_t now = p->now->records, base = p->base->records;
    if (around) {
        const struct summary_field *a = summary_find(p->now, around->path);
        bool element =
            b->path.p[b->path.n - 1] == ']' && b->path.p[b->path.n - 2] == '[';
        if (!a) /* it is lost itself, and said so */
            return false;
        now = element ? a->arrays : a->objects;
        base = element ? around->arrays : around->objects;
    }
    uint64_t present = summary_present(b) < base ? summary_present(b) : base;
    return now >= p->rules->least_sample && base >= p->rules->least_sample &&
           psi_shares_differ(0, now, present, base);
}

static void judge_lost(struct comparing *p)
{
    p->a = NULL;
    for (size_t i = 0; i < p->base->n_fields; i++) {
        p->b = &p->base->fields[i];
        if (!summary_find(p->now, p->b->path) && !is_ignored(p, p->b->path) &&
            expected(p, p->b))
            find(p, "lost_field", 0, part(summary_present(p->b), p->b->of),
                 p->rules->shift >= 0 && p->now->more_fields == 0,
                 "is nowhere, and in %.4g%% of the baseline",
                 100 * part(summary_present(p->b), p->b->of));
    }
}

int compare_run(struct comparison *c, const struct summary *now,
                const struct summary *base, const struct compare_rules *rules,
                struct err *e)
{
    struct comparing p = { .c = c, .now = now, .base = base, .rules = rules };
    *c = (struct comparison){ 0 };
    c->fields = calloc(now->n_fields + 1, sizeof(*c->fields));
    if (!c->fields)
        return err_nomem(e);
    judge_volume(&p);
    for (size_t i = 0; i < now->n_fields; i++) {
        p.a = &now->fields[i];
        p.b = summary_find(base, p.a->path);
        if (is_ignored(&p, p.a->path))
            continue;
        if (p.b)
            judge_field(&p, &c->fields[i]);
        else if (now->records >= rules->least_sample)
            find(&p, "new_field", part(summary_present(p.a), p.a->of), 0, false,
                 "is a field that the baseline has not");
    }
    judge_lost(&p);
    return p.failed ? err_nomem(e) : 0;
}

void compare_free(struct comparison *c)
{
    free(c->v);
    free(c->fields);
    c->v = NULL;
    c->fields = NULL;
    arena_free(&c->arena);
}
