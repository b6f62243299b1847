/* A summary as JSON. */
#include "profile/summary.h"

#include "json/visible.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- writing ---- */

/* The shortest text that is this double. */
static void add_double(struct buf *b, double v)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (!(strtod(text, NULL) < v) && !(strtod(text, NULL) > v))
            break;
    }
    buf_addz(b, text);
}

static void add_rate(struct buf *b, const char *name, double part, double of)
{
    double x = of > 0 ? part / of : 0;
    buf_addf(b, ",\"%s\":", name);
    add_double(b, round(x * 1e6) / 1e6);
}

static void add_count(struct buf *b, const char *name, uint64_t n)
{
    buf_addf(b, ",\"%s\":%" PRIu64, name, n);
}

static void add_text(struct buf *b, const char *name, struct str text)
{
    buf_addf(b, ",\"%s\":", name);
    json_quote(b, text);
}

static void add_number(struct buf *b, const char *name, struct str text)
{
    if (text.n)
        buf_addf(b, ",\"%s\":%.*s", name, STR_ARG(text));
}

static void add_counts(struct buf *b, const char *name, const uint64_t *v,
                       size_t n)
{
    buf_addf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        buf_addf(b, i ? ",%" PRIu64 : "%" PRIu64, v[i]);
    buf_addc(b, ']');
}

static void add_numbers(struct buf *b, const struct summary_numbers *f)
{
    if (!f->n)
        return;
    buf_addf(b, ",\"numbers\":{\"count\":%" PRIu64, f->n);
    add_count(b, "integers", f->integers);
    if (f->outside)
        add_count(b, "out_of_range", f->outside);
    add_number(b, "min", f->min);
    add_number(b, "max", f->max);
    add_number(b, "sum", f->sum);
    add_number(b, "mean", f->mean);
    if (!isnan(f->deviation)) {
        buf_addz(b, ",\"stddev\":");
        add_double(b, f->deviation);
    }
    if (f->n_edges) {
        buf_addz(b, ",\"quantiles\":{");
        for (size_t i = 0; i < SUMMARY_QUANTILES; i++) {
            buf_addf(b, "%s\"%s\":", i ? "," : "", summary_share_names[i]);
            add_double(b, f->quantiles[i]);
        }
        buf_addz(b, "},\"quantile_error\":");
        add_double(b, f->error);
        buf_addz(b, ",\"edges\":[");
        for (size_t i = 0; i < f->n_edges; i++) {
            buf_addz(b, i ? "," : "");
            add_double(b, f->edges[i]);
        }
        buf_addc(b, ']');
        add_counts(b, "bins", f->bins, f->n_edges + 1);
    }
    if (f->n_bars) {
        buf_addz(b, ",\"histogram\":{\"from\":");
        add_double(b, f->bars_from);
        buf_addz(b, ",\"to\":");
        add_double(b, f->bars_to);
        add_counts(b, "counts", f->bars, f->n_bars);
        buf_addc(b, '}');
    }
    buf_addc(b, '}');
}

static void add_strings(struct buf *b, const struct summary_field *field)
{
    const struct summary_strings *f = &field->strings;
    const char *format = summary_format(field);
    if (!f->n)
        return;
    buf_addf(b, ",\"strings\":{\"count\":%" PRIu64, f->n);
    add_text(b, "min", f->min);
    add_text(b, "max", f->max);
    buf_addf(b, ",\"length\":{\"min\":%" PRIu64 ",\"mean\":", f->chars_least);
    add_double(b, round(f->chars_mean * 1e3) / 1e3);
    add_count(b, "max", f->chars_most);
    buf_addc(b, '}');
    if (format)
        buf_addf(b, ",\"format\":\"%s\"", format);
    buf_addz(b, ",\"patterns\":[");
    for (size_t i = 0; i < f->n_patterns; i++) {
        buf_addz(b, i ? ",{\"pattern\":" : "{\"pattern\":");
        json_quote(b, f->patterns[i].text);
        add_count(b, "count", f->patterns[i].count);
        buf_addc(b, '}');
    }
    buf_addc(b, ']');
    add_count(b, "other_patterns", f->other);
    if (f->drawn)
        buf_addz(b, ",\"runs\":true");
    buf_addc(b, '}');
}

static void add_values(struct buf *b, const struct summary_field *f)
{
    add_count(b, "distinct", f->distinct);
    add_rate(b, "distinct_share", (double)f->distinct,
             (double)summary_scalars(f));
    buf_addz(b, ",\"distinct_error\":");
    add_double(b, round(f->distinct_error * 1e6) / 1e6);
    buf_addz(b, ",\"values\":[");
    for (size_t i = 0; i < f->n_values; i++) {
        const struct summary_value *v = &f->values[i];
        buf_addz(b, i ? ",{\"value\":" : "{\"value\":");
        if (v->type == JSON_STRING || v->cut)
            json_quote(b, v->text);
        else
            buf_add_str(b, v->text);
        if (v->cut)
            buf_addf(b, ",\"cut\":\"%s\"", json_type_name(v->type));
        add_count(b, "count", v->count);
        buf_addc(b, '}');
    }
    buf_addf(b, "],\"all_values\":%s", f->all_values ? "true" : "false");
    add_count(b, "count_error", f->lost);
}

static void add_hints(struct buf *b, const struct summary_field *f)
{
    bool unique = summary_is_unique(f), full = !f->missing && !f->null;
    uint64_t n = summary_scalars(f);
    const struct {
        bool holds;
        const char *name;
    } hints[] = {
        { f->of && f->null + f->missing == f->of, "empty" },
        { n > 1 && n == summary_present(f) && f->distinct == 1 &&
              f->distinct_error <= 0,
          "constant" },
        { unique, "unique" },
        { unique && full && n == f->of, "key" },
        { (f->numbers.n > 0) + (f->strings.n > 0) + (f->trues + f->falses > 0) +
                  (f->arrays > 0) + (f->objects > 0) >
              1,
          "mixed" },
        { n > 2 && f->rises && !f->falls, "ascending" },
        { n > 2 && f->falls && !f->rises, "descending" },
    };
    bool first = true;
    buf_addz(b, ",\"hints\":[");
    for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
        if (hints[i].holds) {
            buf_addf(b, "%s\"%s\"", first ? "" : ",", hints[i].name);
            first = false;
        }
    buf_addc(b, ']');
}

static void add_field(struct buf *b, const struct summary_field *f)
{
    buf_addz(b, "{\"path\":");
    json_quote(b, f->path);
    add_count(b, "depth", f->depth);
    add_count(b, "of", f->of);
    add_count(b, "missing", f->missing);
    add_rate(b, "missing_share", (double)f->missing, (double)f->of);
    add_count(b, "null", f->null);
    add_rate(b, "null_share", (double)f->null, (double)f->of);
    buf_addf(b,
             ",\"types\":{\"string\":%" PRIu64 ",\"integer\":%" PRIu64
             ",\"decimal\":%" PRIu64 ",\"true\":%" PRIu64 ",\"false\":%" PRIu64
             ",\"object\":%" PRIu64 ",\"array\":%" PRIu64 "}",
             f->strings.n, f->numbers.integers,
             f->numbers.n - f->numbers.integers, f->trues, f->falses,
             f->objects, f->arrays);
    if (summary_scalars(f))
        add_values(b, f);
    add_numbers(b, &f->numbers);
    add_strings(b, f);
    if (f->arrays) {
        buf_addf(b, ",\"elements\":{\"min\":%" PRIu64 ",\"mean\":",
                 f->elements_least);
        add_double(b, round(f->elements_mean * 1e3) / 1e3);
        add_count(b, "max", f->elements_most);
        buf_addc(b, '}');
    }
    add_hints(b, f);
    buf_addc(b, '}');
}

int summary_json(const struct summary *s, struct buf *out, struct err *e)
{
    struct buf b = { .max = SUMMARY_BYTES_MAX };
    buf_addf(&b, "{\"profile\":%d", SUMMARY_VERSION);
    if (s->pipeline.n)
        add_text(&b, "pipeline", s->pipeline);
    if (s->date.n)
        add_text(&b, "date", s->date);
    add_count(&b, "records", s->records);
    add_count(&b, "bytes", s->bytes);
    if (s->twins_known)
        add_count(&b, "duplicates", s->twins);
    buf_addz(&b, ",\"fields\":[");
    for (size_t i = 0; i < s->n_fields; i++) {
        if (i)
            buf_addc(&b, ',');
        add_field(&b, &s->fields[i]);
    }
    buf_addc(&b, ']');
    add_count(&b, "more_fields", s->more_fields);
    /* What is no UTF-8 (a lone surrogate), and what a terminal acts on. */
    int r = b.failed || visible_json(out, buf_str(&b)) ? err_nomem(e) : 0;
    buf_free(&b);
    return r;
}
