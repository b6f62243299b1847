#include "observe/metrics.h"

#include "json/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const type_names[] = { [METRIC_COUNTER] = "counter",
                                          [METRIC_GAUGE] = "gauge",
                                          [METRIC_HISTOGRAM] = "histogram" };

void metrics_init(struct metrics *m)
{
    *m = (struct metrics){ .text = { .max = 2 * METRICS_BYTES_MAX } };
}

void metrics_free(struct metrics *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->families[i].samples);
    free(m->families);
    arena_free(&m->text);
    metrics_init(m);
}

/* ---- adding */

static struct str keep(struct metrics *m, struct str s)
{
    struct str copy = arena_dup(&m->text, s);
    m->failed |= !copy.p;
    return copy.p ? copy : STR("");
}

static struct metric_family *add_family(struct metrics *m, struct str name,
                                        enum metric_type type, struct str help)
{
    struct metric_family *grown =
        realloc(m->families, (m->n + 1) * sizeof(*grown));
    if (!grown) {
        m->failed = true;
        return NULL;
    }
    m->families = grown;
    grown[m->n] = (struct metric_family){ .name = keep(m, name),
                                          .help = keep(m, help),
                                          .type = type };
    return &grown[m->n++];
}

void metrics_family(struct metrics *m, const char *name, enum metric_type type,
                    const char *help)
{
    (void)add_family(m, str_of(name), type, str_of(help));
}

static void add_sample(struct metrics *m, struct metric_family *f,
                       struct str suffix, struct str labels, double value)
{
    bool full = (f->n & (f->n - 1)) == 0; /* sizes are powers of two */
    if (full) {
        size_t cap = f->n ? f->n * 2 : 1;
        struct metric_sample *grown = realloc(f->samples, cap * sizeof(*grown));
        if (!grown) {
            m->failed = true;
            return;
        }
        f->samples = grown;
    }
    f->samples[f->n++] =
        (struct metric_sample){ keep(m, suffix), keep(m, labels), value };
}

void metrics_set(struct metrics *m, struct str labels, double value)
{
    if (m->n)
        add_sample(m, &m->families[m->n - 1], STR(""), labels, value);
}

static void add_number(struct buf *out, double v)
{
    char text[40];
    if (isinf(v)) {
        buf_addz(out, v > 0 ? "+Inf" : "-Inf");
        return;
    }
    /* The shortest that reads back as the same. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_addz(out, isnan(v) ? "NaN" : text);
}

void metrics_histogram(struct metrics *m, struct str labels,
                       const double *bounds, size_t n, const uint64_t *counts,
                       double sum)
{
    struct buf with_le = { .max = 65536 }, le = { .max = 64 };
    uint64_t so_far = 0;
    if (!m->n)
        return;
    struct metric_family *f = &m->families[m->n - 1];
    for (size_t i = 0; i <= n; i++) {
        buf_reset(&le);
        add_number(&le, i < n ? bounds[i] : (double)INFINITY);
        buf_reset(&with_le);
        buf_add_str(&with_le, labels);
        m->failed |= metrics_label(&with_le, "le", buf_str(&le)) != 0;
        so_far += counts[i];
        add_sample(m, f, STR("_bucket"), buf_str(&with_le), (double)so_far);
    }
    add_sample(m, f, STR("_sum"), labels, sum);
    add_sample(m, f, STR("_count"), labels, (double)so_far);
    buf_free(&with_le);
    buf_free(&le);
}

void metrics_observe(struct metrics *m, struct str labels, const double *bounds,
                     size_t n, double value)
{
    uint64_t counts[METRICS_BOUNDS_MAX + 1] = { 0 };
    size_t i = 0;
    if (n > METRICS_BOUNDS_MAX)
        n = METRICS_BOUNDS_MAX;
    while (i < n && value > bounds[i])
        i++;
    counts[i] = 1;
    metrics_histogram(m, labels, bounds, n, counts, value);
}

void metrics_initial(struct metrics *m)
{
    if (m->n)
        m->families[m->n - 1].initial = true;
}

int metrics_label(struct buf *labels, const char *name, struct str value)
{
    struct buf text = { 0 };
    int r = utf8_lossy(&text, value);
    if (labels->n)
        buf_addc(labels, ',');
    buf_addf(labels, "%s=\"", name);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' || c == '"' || c == '\n')
            buf_addc(labels, '\\');
        buf_addc(labels, c == '\n' ? 'n' : c);
    }
    buf_free(&text);
    return buf_addc(labels, '"') || r ? -1 : 0;
}

/* ---- merging */

static struct metric_family *find_family(const struct metrics *m,
                                         struct str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->families[i].name, name))
            return &m->families[i];
    return NULL;
}

static struct metric_sample *find_sample(const struct metric_family *f,
                                         const struct metric_sample *like)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->samples[i].labels, like->labels) &&
            str_eq(f->samples[i].suffix, like->suffix))
            return &f->samples[i];
    return NULL;
}

/* Histograms of other buckets cannot be added: the old one ends, as it would
 * where a process starts anew. */
static bool same_buckets(const struct metric_family *now,
                         const struct metric_family *before)
{
    for (size_t i = 0; i < before->n; i++)
        if (!find_sample(now, &before->samples[i]))
            return false;
    return now->n == before->n;
}

static void add_up(struct metrics *m, struct metric_family *now,
                   const struct metric_family *before)
{
    if (now->type == METRIC_HISTOGRAM && !same_buckets(now, before))
        return;
    for (size_t i = 0; i < before->n; i++) {
        const struct metric_sample *s = &before->samples[i];
        struct metric_sample *sum = find_sample(now, s);
        if (sum)
            sum->value += s->value;
        else
            add_sample(m, now, s->suffix, s->labels, s->value);
    }
}

static void add_samples(struct metrics *m, struct metric_family *f,
                        const struct metric_family *from)
{
    for (size_t i = 0; f && i < from->n; i++)
        add_sample(m, f, from->samples[i].suffix, from->samples[i].labels,
                   from->samples[i].value);
}

static void carry(struct metrics *m, const struct metric_family *before)
{
    add_samples(m, add_family(m, before->name, before->type, before->help),
                before);
}

void metrics_merge(struct metrics *now, const struct metrics *before)
{
    for (size_t i = 0; i < before->n; i++) {
        const struct metric_family *b = &before->families[i];
        struct metric_family *f = find_family(now, b->name);
        if (!f)
            carry(now, b);
        else if (f->type == b->type && f->type != METRIC_GAUGE)
            add_up(now, f, b);
        else if (f->type == b->type && f->initial && b->n) {
            f->n = 0;
            add_samples(now, f, b);
        }
    }
}

void metrics_join(struct metrics *m, const struct metrics *other)
{
    for (size_t i = 0; i < other->n; i++) {
        const struct metric_family *o = &other->families[i];
        struct metric_family *f = find_family(m, o->name);
        if (!f)
            carry(m, o);
        for (size_t j = 0; f && f->type == o->type && j < o->n; j++)
            if (!find_sample(f, &o->samples[j]))
                add_sample(m, f, o->samples[j].suffix, o->samples[j].labels,
                           o->samples[j].value);
    }
}

/* ---- text */

static void format_family(struct buf *out, const struct metric_family *f)
{
    buf_addz(out, "# HELP ");
    buf_add_str(out, f->name);
    buf_addc(out, ' ');
    buf_add_str(out, f->help);
    buf_addz(out, "\n# TYPE ");
    buf_add_str(out, f->name);
    buf_addf(out, " %s\n", type_names[f->type]);
    for (size_t i = 0; i < f->n; i++) {
        const struct metric_sample *s = &f->samples[i];
        buf_add_str(out, f->name);
        buf_add_str(out, s->suffix);
        if (s->labels.n) {
            buf_addc(out, '{');
            buf_add_str(out, s->labels);
            buf_addc(out, '}');
        }
        buf_addc(out, ' ');
        add_number(out, s->value);
        buf_addc(out, '\n');
    }
}

int metrics_format(struct buf *out, const struct metrics *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->families[i].n)
            format_family(out, &m->families[i]);
    buf_addz(out, "# EOF\n");
    return out->failed || m->failed ? -1 : 0;
}

/* ---- reading it again */

struct parser {
    struct metrics *m;
    struct metric_family *family; /* the one at hand */
    bool typed, ended;
};

static bool take(struct str *s, const char *word)
{
    size_t n = strlen(word);
    if (s->n < n || memcmp(s->p, word, n) != 0)
        return false;
    *s = (struct str){ s->p + n, s->n - n };
    return true;
}

/* Takes a metric's or label's name off s; empty where none is there. */
static struct str take_name(struct str *s)
{
    struct str name = { s->p, 0 };
    while (name.n < s->n) {
        char c = s->p[name.n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == ':';
        if (!letter && !(name.n && c >= '0' && c <= '9'))
            break;
        name.n++;
    }
    *s = (struct str){ s->p + name.n, s->n - name.n };
    return name;
}

/* Takes NAME="VALUE"[,...] up to the closing brace, which is taken too. */
static bool take_labels(struct str *s, struct str *labels)
{
    const char *start = s->p;
    do {
        if (!take_name(s).n || !take(s, "=\""))
            return false;
        while (s->n && *s->p != '"') {
            size_t n = *s->p == '\\' ? 2 : 1;
            if (s->n < n)
                return false;
            *s = (struct str){ s->p + n, s->n - n };
        }
        if (!take(s, "\""))
            return false;
    } while (take(s, ","));
    *labels = (struct str){ start, (size_t)(s->p - start) };
    return take(s, "}");
}

/* A number and nothing else. */
static bool parse_value(struct str s, double *value)
{
    char text[64], *end;
    if (s.n == 0 || s.n >= sizeof(text) || !strchr("+-.0123456789IN", s.p[0]))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *value = strtod(text, &end);
    return *end == '\0';
}

static bool parse_help(struct parser *p, struct str line)
{
    struct str name = take_name(&line);
    if (!name.n || !take(&line, " ") || find_family(p->m, name))
        return false;
    p->family = add_family(p->m, name, METRIC_GAUGE, line);
    p->typed = false;
    return true;
}

static bool parse_type(struct parser *p, struct str line)
{
    struct str name = take_name(&line);
    if (!p->family || p->typed || !str_eq(name, p->family->name) ||
        !take(&line, " "))
        return false;
    for (int t = METRIC_COUNTER; t <= METRIC_HISTOGRAM; t++) {
        if (!str_eq(line, str_of(type_names[t])))
            continue;
        p->family->type = (enum metric_type)t;
        p->typed = true;
    }
    return p->typed;
}

static bool parse_sample(struct parser *p, struct str line)
{
    struct metric_family *f = p->family;
    struct metric_sample s = { .labels = STR("") };
    struct str name = take_name(&line);
    if (!f || !p->typed || name.n < f->name.n ||
        memcmp(name.p, f->name.p, f->name.n) != 0)
        return false;
    s.suffix = (struct str){ name.p + f->name.n, name.n - f->name.n };
    bool part = str_eq(s.suffix, STR("_bucket")) ||
                str_eq(s.suffix, STR("_sum")) ||
                str_eq(s.suffix, STR("_count"));
    if (part != (f->type == METRIC_HISTOGRAM) || (!part && s.suffix.n))
        return false;
    if (take(&line, "{") && !take_labels(&line, &s.labels))
        return false;
    if (!take(&line, " ") || !parse_value(line, &s.value) || find_sample(f, &s))
        return false;
    /* What only ever grows from 0. */
    if (f->type != METRIC_GAUGE && !(s.value >= 0 && isfinite(s.value)))
        return false;
    add_sample(p->m, f, s.suffix, s.labels, s.value);
    return true;
}

static bool parse_line(struct parser *p, struct str line)
{
    if (p->ended)
        return false;
    if (str_eq(line, STR("# EOF"))) {
        p->ended = true;
        return true;
    }
    if (take(&line, "# HELP "))
        return parse_help(p, line);
    if (take(&line, "# TYPE "))
        return parse_type(p, line);
    return parse_sample(p, line);
}

int metrics_parse(struct metrics *m, struct str text, struct err *e)
{
    struct parser p = { .m = m };
    uint64_t number = 1;
    metrics_init(m);
    for (; text.n; number++) {
        const char *lf = memchr(text.p, '\n', text.n);
        struct str line = { text.p, lf ? (size_t)(lf - text.p) : text.n };
        if (!lf || !parse_line(&p, line)) {
            err_set(e, ERR_DATA, "line %llu is no metric of ours",
                    (unsigned long long)number);
            e->line = number;
            return -1;
        }
        text = (struct str){ lf + 1, text.n - line.n - 1 };
    }
    if (m->failed)
        return err_nomem(e);
    if (p.ended)
        return 0;
    err_set(e, ERR_DATA, "its end is missing behind line %llu",
            (unsigned long long)number - 1);
    e->line = number - 1;
    return -1;
}
