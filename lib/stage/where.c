/* Where things live (state, dead letters) and what {date} means. */
#include "base/date.h"
#include "base/plain.h"
#include "stage/private.h"

#include <stdlib.h>

int stage_state_dir(struct stage *st, struct buf *path)
{
    static const struct {
        const char *name, *tail;
    } places[] = {
        { "PIPE_STATE", "" },
        { "STATE_DIRECTORY", "" },
        { "XDG_STATE_HOME", "/pipeutils" },
        { "HOME", "/.local/state/pipeutils" },
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *v = getenv(places[i].name);
        if (!v || !*v)
            continue;
        buf_addz(path, v);
        if (buf_addz(path, places[i].tail))
            return err_nomem(&st->err);
        return 0;
    }
    return err_set(&st->err, ERR_CONFIG,
                   "no place for state: set PIPE_STATE, STATE_DIRECTORY, "
                   "XDG_STATE_HOME or HOME");
}

int where_pipeline(struct stage *st)
{
    if (!st->opts.pipeline || plain_name(st->opts.pipeline))
        return 0;
    return err_set(&st->err, ERR_USAGE,
                   "pipeline name '%s' may hold only letters, digits, '-', '_' "
                   "and '.'",
                   st->opts.pipeline);
}

int where_dlq(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (st->opts.dlq && strcmp(st->opts.dlq, "none") == 0)
        return 0;
    struct buf b = { .max = 65536 };
    if (st->opts.dlq) {
        if (stage_expand(st, &b, st->opts.dlq)) {
            buf_free(&b);
            return -1;
        }
    } else if (st->opts.pipeline) {
        if (stage_state_dir(st, &b)) {
            buf_free(&b);
            return -1;
        }
        if (st->opts.verbose)
            stage_note(st, "state is in '%.*s'", STR_ARG(buf_str(&b)));
        buf_addf(&b, "/dlq/%s/", st->opts.pipeline);
    } else {
        return 0;
    }
    p->dlq_wanted = true;
    p->dlq_uri = buf_z(&b) ? b.p : NULL; /* takes the memory */
    if (!p->dlq_uri) {
        buf_free(&b);
        return err_nomem(&st->err);
    }
    return 0;
}

static const char *const templates[] = { "{date}", "{start}", "{end}" };

#define TEMPLATES (sizeof(templates) / sizeof(templates[0]))

/* Which of them stands at p; TEMPLATES: none. */
static size_t template_at(const char *p)
{
    size_t i = 0;
    while (i < TEMPLATES && strncmp(p, templates[i], strlen(templates[i])) != 0)
        i++;
    return i;
}

bool stage_has_template(const char *text)
{
    for (const char *p = text; (p = strchr(p, '{')); p++)
        if (template_at(p) < TEMPLATES)
            return true;
    return false;
}

/* ---- the interval that the date names */

/* A variable as an instant. */
static int read_instant(struct stage *st, const char *name, const char *text,
                        int64_t *us)
{
    struct str s = str_of(text);
    if (time_is_rfc3339(s) && time_parse(s, NULL, us))
        return 0;
    return err_set(&st->err, ERR_USAGE, "%s '%s' is not an RFC 3339 time", name,
                   text);
}

/* True if the variable and the option agree; "" is as good as none. */
static bool is_env(const char *name, const char *option)
{
    const char *v = getenv(name);
    return strcmp(v ? v : "", option ? option : "") == 0;
}

/* Who set PIPE_DATE may have said what it is by PIPE_START and PIPE_END. They
 * are of another date if they do not begin within this one: PIPE_DATE alone was
 * changed since. */
static int where_environment(struct stage *st, struct period *p)
{
    const char *start = getenv("PIPE_START"), *end = getenv("PIPE_END");
    struct period given;
    if (!start || !*start || !end || !*end ||
        !is_env("PIPE_DATE", st->opts.date) || !is_env("PIPE_TZ", st->opts.tz))
        return 0;
    if (read_instant(st, "PIPE_START", start, &given.start) ||
        read_instant(st, "PIPE_END", end, &given.end))
        return -1;
    if (given.start < p->start || given.start >= p->end)
        return 0;
    if (given.end <= given.start)
        return err_set(&st->err, ERR_USAGE,
                       "PIPE_END '%s' is not later than PIPE_START '%s'", end,
                       start);
    *p = given;
    return 0;
}

int where_interval(struct stage *st)
{
    struct stage_private *p = st->priv;
    struct err e = { 0 };
    p->dated = false;
    if (!st->opts.date)
        return 0;
    if (period_parse(&p->interval, str_of(st->opts.date), st->opts.tz, &e))
        return err_set(&st->err, e.code, "option --date: %s", e.msg);
    p->dated = true;
    return where_environment(st, &p->interval);
}

bool stage_dated(const struct stage *st, struct period *p)
{
    if (st->priv->dated)
        *p = st->priv->interval;
    return st->priv->dated;
}

/* date.n 0: there is none. */
static int expand(struct stage *st, struct buf *out, const char *text,
                  struct str date, const struct period *span)
{
    for (const char *p = text; *p;) {
        const char *open = strchr(p, '{');
        size_t n = open ? (size_t)(open - p) : strlen(p);
        buf_add(out, p, n);
        p += n;
        if (!open)
            break;
        size_t i = template_at(p);
        if (i == TEMPLATES) {
            buf_addc(out, *p++);
            continue;
        }
        if (!date.n)
            return err_set(&st->err, ERR_USAGE, "'%s' needs --date", text);
        if (i == 0)
            buf_add_str(out, date);
        else
            time_format_tz(out, i == 1 ? span->start : span->end, st->opts.tz);
        p += strlen(templates[i]);
    }
    return out->failed ? err_nomem(&st->err) : 0;
}

int stage_expand(struct stage *st, struct buf *out, const char *text)
{
    struct str date = st->priv->dated ? str_of(st->opts.date) : STR("");
    return expand(st, out, text, date, &st->priv->interval);
}

int stage_expand_on(struct stage *st, struct buf *out, const char *text,
                    int64_t day)
{
    struct buf date = { .max = 32 };
    struct period span = { tz_day_start(day, st->opts.tz),
                           tz_day_start(day + 1, st->opts.tz) };
    int r = date_format(&date, day)
                ? err_nomem(&st->err)
                : expand(st, out, text, buf_str(&date), &span);
    buf_free(&date);
    return r;
}

int stage_interval(struct stage *st, struct interval *v)
{
    struct str *const values[] = { &v->date, &v->start, &v->end };
    for (size_t i = 0; i < 3 && st->opts.date; i++) {
        if (stage_expand(st, &v->text[i], templates[i]))
            return -1;
        *values[i] = buf_str(&v->text[i]);
    }
    return 0;
}

void stage_interval_free(struct interval *v)
{
    for (size_t i = 0; i < 3; i++)
        buf_free(&v->text[i]);
}

bool stage_in_backfill(void)
{
    const char *v = getenv("PIPE_BACKFILL");
    return v && *v;
}
