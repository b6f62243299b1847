/* The dataset that somebody means. */
#include "impact.h"

#include "observe/naming.h"

#include <stdlib.h>
#include <strings.h>

#define SHOWN 10 /* names in a message */

void impact_name(struct buf *out, const struct graph *g, uint32_t dataset)
{
    struct str space = graph_namespace(g, dataset);
    if (!str_eq(space, STR("file"))) {
        buf_add_str(out, space);
        buf_addc(out, '#');
    }
    buf_add_str(out, graph_name(g, dataset));
}

/* ---- how well a name fits: the less the better, 0 not at all */

enum fit { FIT_NOT, FIT_WHOLE, FIT_NAME, FIT_PART };

/* Is it the end of name, behind a separator? */
static bool is_tail(struct str name, struct str text)
{
    if (name.n <= text.n || !text.n)
        return false;
    const char *at = name.p + name.n - text.n;
    return memcmp(at, text.p, text.n) == 0 &&
           (at[-1] == '/' || at[-1] == '.' || text.p[0] == '/');
}

struct wanted {
    struct str text;
    struct buf space, name; /* what a path or URI means; else empty */
};

static enum fit fit_of(const struct graph *g, uint32_t d,
                       const struct wanted *want)
{
    struct str space = graph_namespace(g, d), name = graph_name(g, d);
    struct str text = want->text;
    if (str_eq(space, buf_str(&want->space)) &&
        str_eq(name, buf_str(&want->name)))
        return FIT_WHOLE;
    /* NAMESPACE#NAME, NAMESPACE/NAME and "NAMESPACE NAME", as lists have it. */
    if (text.n == space.n + 1 + name.n &&
        memcmp(text.p, space.p, space.n) == 0 &&
        strchr("#/ ", text.p[space.n]) &&
        memcmp(text.p + space.n + 1, name.p, name.n) == 0)
        return FIT_WHOLE;
    if (str_eq(name, text))
        return FIT_NAME;
    return is_tail(name, text) ? FIT_PART : FIT_NOT;
}

/* What text would be as a path or a URI with a table behind '#'. */
static int read_wanted(struct wanted *want, struct str text, struct err *e)
{
    struct buf uri = { .max = 65536 };
    const char *hash = memrchr(text.p, '#', text.n);
    size_t n = hash ? (size_t)(hash - text.p) : text.n;
    struct buf table = { .max = 65536 };
    want->text = text;
    buf_add(&uri, text.p, n);
    if (hash)
        buf_add(&table, hash + 1, text.n - n - 1);
    int r = !buf_z(&uri) || !buf_z(&table) ||
            naming_uri(&want->space, &want->name, uri.p, hash ? table.p : NULL);
    buf_free(&uri);
    buf_free(&table);
    return r ? err_nomem(e) : 0;
}

/* The datasets that fit best: how many, and the first. */
static size_t best_of(const struct graph *g, const struct wanted *want,
                      enum fit *best, uint32_t *first)
{
    size_t n = 0;
    *best = FIT_NOT;
    for (uint32_t d = 0; d < graph_datasets(g); d++) {
        enum fit fit = graph_is_pipe(g, d) ? FIT_NOT : fit_of(g, d, want);
        if (fit == FIT_NOT || (*best != FIT_NOT && fit > *best))
            continue;
        if (fit != *best) {
            *best = fit;
            *first = d;
            n = 0;
        }
        n++;
    }
    return n;
}

static int say_ambiguous(const struct graph *g, const struct wanted *want,
                         enum fit best, size_t n, struct err *e)
{
    struct buf names = { .max = 4096 };
    size_t shown = 0;
    for (uint32_t d = 0; d < graph_datasets(g) && shown < SHOWN; d++)
        if (!graph_is_pipe(g, d) && fit_of(g, d, want) == best) {
            buf_addz(&names, shown++ ? ", " : "");
            impact_name(&names, g, d);
        }
    if (n > shown)
        buf_addf(&names, " and %zu more", n - shown);
    err_set(e, ERR_USAGE, "'%.*s' may be one of %zu datasets: %.*s",
            STR_ARG(want->text), n, STR_ARG(buf_str(&names)));
    buf_free(&names);
    return -1;
}

/* ---- columns */

static bool is_named(struct str have, struct str column)
{
    return str_eq(have, column) || colmap_within(have, column) ||
           colmap_within(column, have);
}

static bool is_source(const struct colmap_sources *list, uint32_t dataset,
                      struct str column)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i].input == dataset && is_named(list->v[i].field, column))
            return true;
    return false;
}

/* May the dataset have columns that no event names? */
static bool is_open(const struct graph_flow *f, uint32_t dataset)
{
    bool is = f->to == dataset;
    for (size_t i = 0; i < f->map.n_from && !is; i++)
        is = f->map.from[i] == dataset;
    return is && f->map.others != COLMAP_NONE;
}

static bool names_column(const struct graph_flow *f, uint32_t dataset,
                         struct str column)
{
    bool known = is_source(&f->map.whole, dataset, column);
    for (size_t i = 0; i < f->map.n && !known; i++)
        known =
            (f->to == dataset && is_named(f->map.columns[i].name, column)) ||
            is_source(&f->map.columns[i].from, dataset, column);
    return known;
}

/* 0: some event names it; 1: none does, but it may be there; -1: it is not. */
static int look_for_column(const struct graph *g, uint32_t dataset,
                           struct str column)
{
    const struct graph_flow *f;
    int r = -1;
    for (size_t n = graph_flows(g, &f); n > 0; n--, f++) {
        if (names_column(f, dataset, column))
            return 0;
        if (is_open(f, dataset))
            r = 1;
    }
    return r;
}

/* ---- names that are alike */

/* Changes of single bytes from a to b, at most `most` + 1 (Wagner & Fischer
 * 1974). */
static size_t distance(struct str a, struct str b, size_t most)
{
    size_t row[65];
    if (a.n > 64 || b.n > 64 || a.n > b.n + most || b.n > a.n + most)
        return most + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t up = row[j], cost = corner + (a.p[i - 1] != b.p[j - 1]);
            corner = up;
            row[j] = up + 1 < row[j - 1] + 1 ? up + 1 : row[j - 1] + 1;
            row[j] = cost < row[j] ? cost : row[j];
        }
    }
    return row[b.n];
}

static struct str last_part(struct str s)
{
    const char *slash = s.n ? memrchr(s.p, '/', s.n) : NULL;
    if (slash)
        s = (struct str){ slash + 1, s.n - (size_t)(slash + 1 - s.p) };
    return s;
}

static bool is_alike(struct str name, struct str text)
{
    struct str a = last_part(name), b = last_part(text);
    size_t most = b.n < 4 ? 1 : b.n / 3;
    const char *dot = a.n ? memrchr(a.p, '.', a.n) : NULL;
    struct str tail =
        dot ? (struct str){ dot + 1, a.n - (size_t)(dot + 1 - a.p) } : a;
    return distance(a, b, most) <= most || distance(tail, b, most) <= most ||
           (b.n > 2 && memmem(name.p, name.n, b.p, b.n) != NULL);
}

static int say_unknown(const struct graph *g, struct str text, struct err *e)
{
    struct buf names = { .max = 4096 };
    const char *dot = text.n ? memrchr(text.p, '.', text.n) : NULL;
    struct str left = { text.p, dot ? (size_t)(dot - text.p) : text.n };
    size_t shown = 0;
    for (uint32_t d = 0; d < graph_datasets(g) && shown < SHOWN; d++)
        if (!graph_is_pipe(g, d) && (is_alike(graph_name(g, d), text) ||
                                     is_alike(graph_name(g, d), left))) {
            buf_addz(&names, shown++ ? ", " : "");
            impact_name(&names, g, d);
        }
    err_set(e, ERR_NOINPUT, "no job's last run names a dataset '%.*s'%s%.*s",
            STR_ARG(text), shown ? "; there is " : "",
            STR_ARG(buf_str(&names)));
    buf_free(&names);
    return -1;
}

/* Tries text[0 .. n) as a dataset: 1; 0 where there is none; -1 with e. */
static int try_name(const struct graph *g, struct str text, uint32_t *dataset,
                    struct err *e)
{
    struct wanted want = { .space = { .max = 65536 },
                           .name = { .max = 65536 } };
    enum fit best;
    int r = read_wanted(&want, text, e);
    size_t n = r == 0 ? best_of(g, &want, &best, dataset) : 0;
    if (n > 1)
        r = say_ambiguous(g, &want, best, n, e);
    buf_free(&want.space);
    buf_free(&want.name);
    return r ? -1 : n == 1;
}

int impact_find(const struct graph *g, const char *text, uint32_t *dataset,
                struct str *column, struct err *e)
{
    struct str all = str_of(text);
    int r = all.n ? try_name(g, all, dataset, e) : 0;
    *column = STR("");
    /* The longest name that there is, and behind it a column. */
    for (size_t n = all.n; r == 0 && n > 1; n--) {
        if (text[n - 1] != '.')
            continue;
        r = try_name(g, (struct str){ text, n - 1 }, dataset, e);
        *column = str_of(text + n);
    }
    if (r < 0)
        return -1;
    if (r == 0)
        return say_unknown(g, all, e);
    r = column->n ? look_for_column(g, *dataset, *column) : 0;
    if (r >= 0)
        return r;
    struct buf name = { .max = 4096 };
    impact_name(&name, g, *dataset);
    err_set(e, ERR_NOINPUT, "no event names a column '%.*s' of '%.*s'",
            STR_ARG(*column), STR_ARG(buf_str(&name)));
    buf_free(&name);
    return -1;
}
