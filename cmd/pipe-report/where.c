/* Folders, times and lines of tables, for all subcommands. */
#include "base/date.h"
#include "config/pipeline.h"
#include "json/value.h"
#include "report_cmd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *where_state(struct stage *st, struct buf *path)
{
    if (stage_state_dir(st, path))
        return NULL;
    if (!buf_z(path))
        err_nomem(&st->err);
    else if (st->opts.verbose)
        stage_note(st, "state is in '%s'", path->p);
    return buf_z(path);
}

const char *where_config(struct stage *st, const struct args *a,
                         struct buf *path)
{
    return config_dir(path, a->config, &st->err) ? NULL : path->p;
}

int where_now(struct stage *st, const struct args *a, int64_t *us)
{
    *us = time_now();
    if (a->now && !time_parse(str_of(a->now), st->opts.tz, us))
        return err_set(&st->err, ERR_USAGE,
                       "option --now: '%s' is no time (RFC 3339)", a->now);
    return 0;
}

static int parse_bound(struct stage *st, const char *option, const char *text,
                       bool last, int64_t *us)
{
    int64_t day;
    if (date_parse(str_of(text), &day)) {
        *us = last ? tz_day_start(day + 1, st->opts.tz) - 1
                   : tz_day_start(day, st->opts.tz);
        return 0;
    }
    if (time_parse(str_of(text), st->opts.tz, us))
        return 0;
    return err_set(&st->err, ERR_USAGE,
                   "option --%s: '%s' is no date (YYYY-MM-DD) and no time "
                   "(RFC 3339)",
                   option, text);
}

int where_bounds(struct stage *st, const struct args *a, int64_t *since,
                 int64_t *until)
{
    *since = INT64_MIN;
    *until = INT64_MAX;
    if (a->since && parse_bound(st, "since", a->since, false, since))
        return -1;
    return a->until ? parse_bound(st, "until", a->until, true, until) : 0;
}

bool wants_json(const struct args *a)
{
    return a->format ? strcmp(a->format, "json") == 0 : !isatty(STDOUT_FILENO);
}

size_t terminal_width(void)
{
    struct winsize w;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 &&
        w.ws_col >= 40)
        return w.ws_col;
    return 0;
}

/* NO_COLOR: no-color.org. */
static bool has_colours(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && term &&
           strcmp(term, "dumb") != 0;
}

void paint(struct buf *line, enum paint p)
{
    static const char *const codes[] = {
        [PAINT_NONE] = "\033[0m",  [PAINT_GOOD] = "\033[32m",
        [PAINT_BAD] = "\033[31m",  [PAINT_WARN] = "\033[33m",
        [PAINT_FAINT] = "\033[2m",
    };
    if (has_colours())
        buf_addz(line, codes[p]);
}

enum paint paint_of(const struct run *r)
{
    if (run_is_ok(r))
        return PAINT_GOOD;
    return r->live || !run_is_over(r) ? PAINT_WARN : PAINT_BAD;
}

/* Characters that are seen: of colours, nothing is. */
size_t seen_width(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\033') {
            while (i < s.n && s.p[i] != 'm')
                i++;
            continue;
        }
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    return n;
}

void pad(struct buf *line, size_t from, size_t width, bool right)
{
    if (line->failed)
        return;
    size_t n = seen_width((struct str){ line->p + from, line->n - from });
    size_t add = n < width ? width - n : 0;
    for (size_t i = 0; i < add; i++)
        buf_addc(line, ' ');
    if (right && add && !line->failed) {
        memmove(line->p + from + add, line->p + from, line->n - from - add);
        memset(line->p + from, ' ', add);
    }
    buf_addz(line, "  ");
}

/* Cuts to the width of the terminal, between characters. */
static void cut(struct buf *line, size_t width)
{
    size_t n = 0, i = 0;
    bool colours = memchr(line->p, '\033', line->n) != NULL;
    for (; i < line->n; i++) {
        if (line->p[i] == '\033') {
            while (i < line->n && line->p[i] != 'm')
                i++;
            continue;
        }
        n += ((unsigned char)line->p[i] & 0xc0) != 0x80;
        if (n > width)
            break;
    }
    if (i >= line->n)
        return;
    line->n = i;
    if (colours)
        buf_addz(line, "\033[0m");
}

static int emit_within(struct stage *st, struct buf *line, size_t width)
{
    while (line->n && line->p[line->n - 1] == ' ')
        line->n--;
    if (width && line->n)
        cut(line, width);
    int r = line->failed ? err_nomem(&st->err) : stage_emit(st, buf_str(line));
    buf_reset(line);
    return r;
}

int emit_line(struct stage *st, struct buf *line)
{
    return emit_within(st, line, terminal_width());
}

int emit_whole(struct stage *st, struct buf *line)
{
    return emit_within(st, line, 0);
}

void add_member(struct buf *line, const char *name, struct str text)
{
    if (text.n == 0)
        return;
    buf_addf(line, ",\"%s\":", name);
    json_quote(line, text);
}
