/* logs: what the stages of a run said, in the order in which they said it. */
#include "json/check.h"
#include "json/visible.h"
#include "report/words.h"
#include "report_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)16 << 20)
#define BLOCK ((size_t)64 << 10)
#define LOOK_EVERY_MS 100
#define DEPTH 64

static const char *const levels[] = { "debug", "info", "warn", "error" };
#define LEVELS (sizeof(levels) / sizeof(*levels))

struct logs {
    struct stage *st;
    const struct args *a;
    const char *folder;
    bool json;
    size_t least;    /* level */
    struct buf text; /* read, and not yet printed */
    struct buf line, scratch;
};

/* "warning" is another maker's word for "warn". */
static size_t level_of(struct str name)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (name.n >= 4 && memcmp(name.p, levels[i], 4) == 0)
            return i;
    return 1;
}

static struct str text_of(struct logs *l, struct val v)
{
    buf_reset(&l->scratch);
    run_text(&l->scratch, v);
    return buf_str(&l->scratch);
}

static bool is_wanted(struct logs *l, struct val whole)
{
    if (level_of(text_of(l, json_get(whole, STR("level")))) < l->least)
        return false;
    struct str stage = text_of(l, json_get(whole, STR("stage")));
    for (size_t i = 0; i < l->a->stages.n; i++)
        if (str_eq(stage, str_of(l->a->stages.v[i])))
            return true;
    return l->a->stages.n == 0;
}

/* ---- one line */

static void add_when(struct logs *l, struct val ts)
{
    int64_t us = run_time(ts);
    size_t from = l->line.n;
    paint(&l->line, PAINT_FAINT);
    words_time(&l->line, us, l->st->opts.tz);
    if (us)
        buf_addf(&l->line, ".%03d", (int)(us % 1000000 / 1000));
    paint(&l->line, PAINT_NONE);
    pad(&l->line, from, 23, false);
}

static void add_level(struct logs *l, struct str level)
{
    size_t from = l->line.n, n = level_of(level);
    enum paint colours[] = { PAINT_FAINT, PAINT_NONE, PAINT_WARN, PAINT_BAD };
    paint(&l->line, colours[n]);
    visible_text(&l->line, level.n ? level : STR("-"));
    paint(&l->line, PAINT_NONE);
    pad(&l->line, from, 5, false);
}

/* Members that a line is about, behind those that stand in front. */
static void add_rest(struct logs *l, struct val whole)
{
    static const char *const known[] = {
        "ts",       "level",   "stage", "pipeline", "run_id",
        "trace_id", "span_id", "event", "msg",      "parent_span_id"
    };
    struct str key;
    struct val v;
    struct json_iter it = json_iter(whole.raw);
    while (json_next(&it, &key, &v)) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            is_known = is_known || str_eq(key, str_of(known[i]));
        if (is_known)
            continue;
        if (l->line.n && l->line.p[l->line.n - 1] != ' ')
            buf_addc(&l->line, ' ');
        visible_text(&l->line, key);
        buf_addc(&l->line, '=');
        visible_text(&l->line, v.type == JSON_STRING ? text_of(l, v) : v.raw);
    }
}

static int print_text(struct logs *l, struct val whole)
{
    struct val msg = json_get(whole, STR("msg"));
    struct val event = json_get(whole, STR("event"));
    add_when(l, json_get(whole, STR("ts")));
    add_level(l, text_of(l, json_get(whole, STR("level"))));
    size_t from = l->line.n;
    visible_text(&l->line, text_of(l, json_get(whole, STR("stage"))));
    pad(&l->line, from, 14, false);
    if (event.type == JSON_STRING)
        visible_text(&l->line, text_of(l, event));
    if (event.type == JSON_STRING && msg.type == JSON_STRING)
        buf_addz(&l->line, ": ");
    visible_text(&l->line, text_of(l, msg));
    add_rest(l, whole);
    int r = l->line.failed ? err_nomem(&l->st->err)
                           : stage_emit(l->st, buf_str(&l->line));
    buf_reset(&l->line);
    return r;
}

/* A line that is no JSON object is shown as it is, made visible. */
static int print_line(struct logs *l, struct str line)
{
    struct json_fault fault;
    bool good = json_check_object(line, DEPTH, &fault) == 0;
    struct val whole = json_val(line);
    if (line.n == 0 || (good && !is_wanted(l, whole)))
        return 0;
    if (good && !l->json)
        return print_text(l, whole);
    buf_reset(&l->line);
    if (good)
        visible_json(&l->line, line);
    else if (l->json) /* half a line, of a writer that was killed */
        return 0;
    else
        visible_text(&l->line, line);
    int r = l->line.failed ? err_nomem(&l->st->err)
                           : stage_emit(l->st, buf_str(&l->line));
    buf_reset(&l->line);
    return r;
}

/* ---- the file */

/* Prints the whole lines that are there; at the end also one without LF. */
static int print_ready(struct logs *l, bool end)
{
    struct str rest = buf_str(&l->text);
    const char *lf;
    while ((lf = memchr(rest.p, '\n', rest.n)) != NULL || (end && rest.n)) {
        size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
        if (stage_tick(l->st) || print_line(l, (struct str){ rest.p, n }))
            return -1;
        n += lf != NULL;
        rest.p += n;
        rest.n -= n;
    }
    if (rest.n)
        memmove(l->text.p, rest.p, rest.n);
    l->text.n = rest.n;
    return 0;
}

/* Reads to the present end of the file. */
static int read_on(struct logs *l, int fd)
{
    ssize_t n;
    for (;;) {
        if (buf_reserve(&l->text, BLOCK))
            return err_set(&l->st->err, ERR_DATA,
                           "a line of the log is longer than %zu bytes",
                           LINE_MAX_BYTES);
        n = read(fd, l->text.p + l->text.n, BLOCK);
        if (n < 0 && errno == EINTR && !stage_stopping())
            continue;
        if (n < 0)
            return err_sys(&l->st->err, ERR_IO, errno, "cannot read the log");
        if (n == 0)
            return 0;
        l->text.n += (size_t)n;
        if (print_ready(l, false))
            return -1;
    }
}

/* Does the run live, by the lock of its folder? */
static bool is_live(const struct logs *l)
{
    struct buf path = { .max = 65536 };
    buf_addf(&path, "%s/live", l->folder);
    int fd = buf_z(&path) ? open(path.p, O_RDONLY | O_CLOEXEC) : -1;
    bool held =
        fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    buf_free(&path);
    return held;
}

/* Opens the log; a run that has just begun may have none yet. */
static int open_log(struct logs *l)
{
    struct buf path = { .max = 65536 };
    buf_addf(&path, "%s/log.ndjson", l->folder);
    int fd = -1;
    if (!buf_z(&path))
        err_nomem(&l->st->err);
    else
        while ((fd = open(path.p, O_RDONLY | O_CLOEXEC)) < 0 &&
               errno == ENOENT && l->a->follow && is_live(l) &&
               !stage_stopping())
            poll(NULL, 0, LOOK_EVERY_MS);
    if (fd < 0 && path.p)
        err_sys(&l->st->err, ERR_IO, errno, "cannot open '%s'", path.p);
    buf_free(&path);
    return fd;
}

static int print_log(struct logs *l)
{
    int fd = open_log(l), r = fd < 0 ? -1 : 0;
    bool live = true;
    while (r == 0 && live) {
        live = l->a->follow && is_live(l); /* before it is read */
        r = read_on(l, fd);
        if (r == 0 && live)
            r = output_flush(&l->st->out, &l->st->err) ||
                        output_look(&l->st->out, &l->st->err) ||
                        stage_tick(l->st)
                    ? -1
                    : 0;
        if (r == 0 && live)
            poll(NULL, 0, LOOK_EVERY_MS);
    }
    if (r == 0)
        r = print_ready(l, true);
    if (fd >= 0)
        close(fd);
    return r;
}

int report_logs(struct stage *st, const struct args *a)
{
    struct buf path = { .max = 65536 }, record = { 0 };
    struct buf folder = { .max = 65536 };
    struct logs l = { .st = st,
                      .a = a,
                      .json = a->format && strcmp(a->format, "json") == 0,
                      .text.max = LINE_MAX_BYTES };
    const char *state = where_state(st, &path);
    int r = state ? 0 : -1;
    l.least = a->level ? level_of(str_of(a->level)) : 0;
    if (r == 0 && st->argc != 2)
        r = err_set(&st->err, ERR_USAGE,
                    "one run is wanted: its id, the start of it, a pipeline, "
                    "or 'last'");
    if (r == 0)
        r = runs_find(state, st->argv[1], &record, &folder, &st->err);
    if (r == 0 && st->err.code == ERR_NONE)
        r = err_set(&st->err, ERR_NOINPUT, "no run is called '%s'",
                    st->argv[1]);
    l.folder = buf_z(&folder);
    if (r > 0 && folder.n == 0)
        r = err_set(&st->err, ERR_NOINPUT,
                    "the log of run '%s' is gone: its folder was removed",
                    st->argv[1]);
    if (r > 0)
        r = print_log(&l);
    buf_free(&l.text);
    buf_free(&l.line);
    buf_free(&l.scratch);
    buf_free(&path);
    buf_free(&record);
    buf_free(&folder);
    return r;
}
