/* --expect and --max-age: a source that is not complete, or not fresh, fails
 * before anything of it is committed. */
#include "base/date.h"
#include "extract.h"

#include <inttypes.h>
#include <stdlib.h>

static bool take_count(const char **p, uint64_t *n)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    *n = strtoull(*p, &end, 10);
    *p = end;
    return true;
}

int checks_parse(struct extract *x, const char *text)
{
    const char *p = text;
    bool whole = take_count(&p, &x->least);
    x->most = x->least;
    if (strncmp(p, "..", 2) == 0) {
        p += 2;
        x->most = UINT64_MAX;
        whole = take_count(&p, &x->most) || whole;
    }
    x->expects = true;
    if (!whole || *p || x->most < x->least)
        return err_set(&x->st->err, ERR_USAGE,
                       "option --expect: '%s' is neither N nor MIN..MAX", text);
    return 0;
}

static int judge_count(struct extract *x)
{
    const struct counts *c = &x->st->counts;
    uint64_t n = c->out + c->rejected;
    if (!x->expects || (n >= x->least && n <= x->most))
        return 0;
    return err_set(&x->st->err, ERR_DATA,
                   "source is not complete: %" PRIu64
                   " records, expected %s%" PRIu64 " (--expect)",
                   n,
                   n < x->least ? (x->most > x->least ? "at least " : "")
                                : (x->most > x->least ? "at most " : ""),
                   n < x->least ? x->least : x->most);
}

/* The newest value of a cursor that is a time, also of earlier runs. */
static void look_at_cursors(struct extract *x)
{
    for (size_t i = 0; i < x->track.n; i++) {
        const struct position *p = positions_find(&x->track.v[i]->to, STR(""));
        int64_t us;
        if (p && p->kind == POSITION_TIME &&
            frontier_key(p->kind, p->value, &us) && us > x->newest_us)
            x->newest_us = us;
    }
}

/* With --date the day's end is the present. */
static int present(struct extract *x, int64_t *us)
{
    struct stage *st = x->st;
    struct buf text = { .max = 4096 };
    *us = time_now();
    int r = st->opts.date ? stage_expand(st, &text, "{end}") : 0;
    if (r == 0 && st->opts.date)
        (void)time_parse(buf_str(&text), st->opts.tz, us);
    buf_free(&text);
    return r;
}

static int judge_age(struct extract *x)
{
    struct stage *st = x->st;
    struct buf newest = { .max = 4096 };
    int64_t now;
    if (!x->max_age_ms)
        return 0;
    if (x->track_opts.cursor) {
        x->newest_us = 0;
        look_at_cursors(x);
    }
    if (!x->newest_us)
        return err_set(&st->err, ERR_DATA,
                       "cannot tell how old the source is (--max-age wants a "
                       "cursor that is a time, or files)");
    if (present(x, &now))
        return -1;
    if (now - x->newest_us <= (int64_t)x->max_age_ms * 1000)
        return 0;
    time_format(&newest, x->newest_us);
    err_set(&st->err, ERR_DATA,
            "source is not fresh: the newest is of %.*s (--max-age)",
            STR_ARG(buf_str(&newest)));
    buf_free(&newest);
    return -1;
}

int checks_judge(struct extract *x)
{
    return judge_count(x) || judge_age(x) ? -1 : 0;
}
