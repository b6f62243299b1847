/* check: is a limit passed? A line for each that is, and exit 65. */
#include "base/date.h"
#include "count.h"
#include "json/visible.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UNLIMITED UINT64_MAX

struct limits {
    uint64_t open, poison, rate; /* UNLIMITED: none */
    int64_t rate_us;             /* in so long */
    int64_t age_us;              /* INT64_MAX: none */
    int64_t now;
};

/* ---- the limits */

static int read_number(const char *option, const char *text, const char **end,
                       uint64_t *n, struct err *e)
{
    char *behind;
    if (!text)
        return 0;
    *n = strtoull(text, &behind, 10);
    if (*text < '0' || *text > '9' || (*behind && !end) || behind - text > 18)
        return err_set(e, ERR_USAGE, "option --%s: '%s' is no number", option,
                       text);
    if (end)
        *end = behind;
    return 0;
}

/* N/h */
static int read_rate(struct limits *l, const char *text, struct err *e)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = { { "/m", 60000000 },
                  { "/h", 3600000000 },
                  { "/d", 86400000000 } };
    const char *unit;
    if (!text)
        return 0;
    if (read_number("max-rate", text, &unit, &l->rate, e))
        return -1;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(unit, units[i].unit) == 0) {
            l->rate_us = units[i].us;
            return 0;
        }
    return err_set(e, ERR_USAGE,
                   "option --max-rate: '%s' is no rate such as 100/h, /m or "
                   "/d",
                   text);
}

static int read_limits(struct limits *l, const struct args *a, struct err *e)
{
    *l = (struct limits){ .open = UNLIMITED,
                          .poison = UNLIMITED,
                          .rate = UNLIMITED,
                          .age_us = INT64_MAX,
                          .now = time_now() };
    if (!a->max_open && !a->max_poison && !a->max_rate && !a->max_age_ms)
        return err_set(e, ERR_USAGE,
                       "check what? give --max-open, --max-poison, --max-age "
                       "or --max-rate");
    if (a->max_age_ms)
        l->age_us = a->max_age_ms < INT64_MAX / 2000
                        ? (int64_t)a->max_age_ms * 1000
                        : INT64_MAX;
    return read_number("max-open", a->max_open, NULL, &l->open, e) ||
                   read_number("max-poison", a->max_poison, NULL, &l->poison,
                               e) ||
                   read_rate(l, a->max_rate, e)
               ? -1
               : 0;
}

/* ---- what is passed */

struct breach {
    const char *check;
    const char *text;     /* what there are so many of */
    uint64_t have, limit; /* ages in seconds */
    bool age;
};

static void add_subject_json(struct buf *line, const struct count_group *g,
                             unsigned by)
{
    for (int i = 0; i < PARTS; i++)
        if (by & 1u << i) {
            buf_addf(line, ",\"%s\":", count_parts[i]);
            buf_add_str(line, g->part[i]);
        }
}

static void add_subject_text(struct buf *line, const struct count_group *g,
                             unsigned by)
{
    struct buf text = { 0 };
    for (int i = 0; i < PARTS; i++) {
        if (!(by & 1u << i))
            continue;
        buf_reset(&text);
        text_of(&text, (struct val){ JSON_STRING, g->part[i] });
        buf_addf(line, "%s ", count_parts[i]);
        visible_text(line, text.n ? buf_str(&text) : STR("-"));
        buf_addz(line, ": ");
    }
    line->failed |= text.failed;
    buf_free(&text);
}

static int print_breach(struct stage *st, const struct args *a,
                        const struct count_group *g, unsigned by,
                        const struct breach *b)
{
    struct buf line = { 0 };
    if (a->format && strcmp(a->format, "json") == 0) {
        buf_addf(&line, "{\"check\":\"%s\"", b->check);
        add_subject_json(&line, g, by);
        buf_addf(&line, ",\"value\":%" PRIu64 ",\"limit\":%" PRIu64 "}",
                 b->have, b->limit);
    } else if (b->age) {
        add_subject_text(&line, g, by);
        buf_addz(&line, b->text);
        print_age(&line, (int64_t)b->have * 1000000);
        buf_addz(&line, ", limit ");
        print_age(&line, (int64_t)b->limit * 1000000);
    } else {
        add_subject_text(&line, g, by);
        buf_addf(&line, "%" PRIu64 " %s, limit %" PRIu64, b->have, b->text,
                 b->limit);
    }
    return print_line(st, &line);
}

/* Prints what a group passes. The number of them, or -1. */
static int check_group(struct stage *st, const struct args *a,
                       const struct count_group *g, unsigned by,
                       const struct limits *l)
{
    uint64_t age = g->oldest_us && l->now > g->oldest_us
                       ? (uint64_t)(l->now - g->oldest_us)
                       : 0;
    bool old = age > (uint64_t)l->age_us;
    const char *recent = l->rate_us == 60000000     ? "written in a minute"
                         : l->rate_us == 3600000000 ? "written in an hour"
                                                    : "written in a day";
    const struct breach all[] = {
        { "open", "open", g->open, l->open, false },
        { "poison", "rejected too often", g->poison, l->poison, false },
        { "age", "the oldest is open for ", age / 1000000,
          (uint64_t)l->age_us / 1000000, true },
        { "rate", recent, g->recent, l->rate, false },
    };
    int n = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (all[i].age ? !old : all[i].have <= all[i].limit)
            continue;
        if (print_breach(st, a, g, by, &all[i]))
            return -1;
        n++;
    }
    return n;
}

static int check_all(struct stage *st, const struct args *a,
                     const struct count_table *t, const struct limits *l)
{
    uint64_t passed = 0;
    for (size_t i = 0; i < t->n; i++) {
        int n = check_group(st, a, &t->v[i], t->by, l);
        if (n < 0)
            return -1;
        passed += (uint64_t)n;
    }
    if (passed == 0)
        return 0;
    if (output_flush(&st->out, &st->err))
        return -1;
    return err_set(&st->err, ERR_DATA,
                   "%" PRIu64 " limit%s passed by dead letters", passed,
                   passed == 1 ? " is" : "s are");
}

int dlq_check(struct stage *st, const struct args *a)
{
    struct pick p = { 0 };
    struct count_table t = { 0 };
    struct limits l;
    unsigned by = 0;
    if (read_limits(&l, a, &st->err) ||
        (a->per && count_parse("per", a->per, &by, &st->err)))
        return -1;
    int r = pick_open(&p, st, a, "all", false);
    if (r == 0)
        r = count_letters(&t, st, &p, by,
                          l.rate_us ? l.now - l.rate_us : INT64_MAX);
    /* What somebody watches is written also where a limit is passed. */
    if (r == 0)
        r = count_gauges(st, &p);
    if (r == 0)
        r = check_all(st, a, &t, &l);
    count_free(&t);
    pick_close(&p);
    return r;
}
