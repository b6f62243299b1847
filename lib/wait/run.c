/* Another pipeline's run for a date has ended well: STATE/runs.ndjson says so
 * (run/runlog.h). The file only grows, so each look reads what is new. */
#include "base/date.h"
#include "base/plain.h"
#include "json/check.h"
#include "json/value.h"
#include "run/backoff.h"
#include "run/state.h"
#include "wait/sensor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEME "run:"
#define BLOCK 262144
#define RECORD_MAX ((size_t)16 << 20)
#define RECORD_DEPTH 256

enum ended { ENDED_NOT, ENDED_WELL, ENDED_IN_DOUBT, ENDED_BADLY };

struct run {
    struct sensor base;
    char *pipeline;    /* owned */
    const char *date;  /* within base.uri, or of the options */
    struct buf needle; /* what a line about the pipeline has in it */
    struct buf index;  /* path of runs.ndjson */
    struct buf text;   /* read, and not taken yet */
    bool skipping;     /* the rest of a line that is too long */
    dev_t dev;         /* of the file that was read */
    ino_t ino;
    off_t at;         /* so far */
    enum ended ended; /* what it says */
    int exit;
    char outcome[16];
    struct buf message;
};

/* ---- open ---- */

static int run_open(struct sensor *s, struct err *e)
{
    struct run *r = (struct run *)s;
    const char *name = s->uri + strlen(SCHEME), *at = strchr(name, '@');
    int64_t day;
    r->text.max = RECORD_MAX;
    r->pipeline = strndup(name, at ? (size_t)(at - name) : strlen(name));
    if (!r->pipeline)
        return err_nomem(e);
    if (!plain_name(r->pipeline))
        return err_set(e, ERR_USAGE,
                       "'%s': the pipeline's name may hold only letters, "
                       "digits, '-', '_' and '.'",
                       s->uri);
    r->date = at ? at + 1 : s->opts->date;
    if (!r->date)
        return err_set(e, ERR_USAGE, "'%s' needs a date: @DATE, or --date",
                       s->uri);
    if (!date_parse(str_of(r->date), &day))
        return err_set(e, ERR_USAGE, "'%s': '%s' is not a date (YYYY-MM-DD)",
                       s->uri, r->date);
    buf_addf(&r->needle, "\"pipeline\":\"%s\"", r->pipeline);
    buf_addf(&r->index, "%s/runs.ndjson", s->opts->state);
    return r->needle.failed || !buf_z(&r->index) ? err_nomem(e) : 0;
}

static void run_close(struct sensor *s)
{
    struct run *r = (struct run *)s;
    free(r->pipeline);
    buf_free(&r->needle);
    buf_free(&r->index);
    buf_free(&r->text);
    buf_free(&r->message);
}

/* ---- records ---- */

static bool is_text(struct val record, const char *name, const char *text)
{
    struct val v = json_get(record, str_of(name));
    return v.type == JSON_STRING &&
           json_raw_equals((struct str){ v.raw.p + 1, v.raw.n - 2 },
                           str_of(text));
}

static bool is_one_of(struct val record, const char *name,
                      const char *const *texts)
{
    for (; *texts; texts++)
        if (is_text(record, name, *texts))
            return true;
    return false;
}

static bool is_ours(const struct run *r, struct val record)
{
    return is_text(record, "pipeline", r->pipeline) &&
           is_text(record, "date", r->date);
}

/* Keeps how a run ended badly, for whoever wants to know. */
static int note(struct run *r, struct val record, struct err *e)
{
    struct val v = json_get(record, STR("outcome"));
    struct buf scratch = { .max = 65536 };
    struct str text = { "", 0 };
    if (v.type == JSON_STRING && v.raw.n - 2 < sizeof(r->outcome)) {
        memcpy(r->outcome, v.raw.p + 1, v.raw.n - 2);
        r->outcome[v.raw.n - 2] = '\0';
    }
    v = json_get(record, STR("exit"));
    r->exit = v.type == JSON_NUMBER ? (int)strtol(v.raw.p, NULL, 10) : 0;
    v = json_get(record, STR("message"));
    buf_reset(&r->message);
    int bad = v.type == JSON_STRING && json_string(v, &scratch, &text);
    if (text.n)
        buf_addz(&r->message, ": ");
    bad = bad || buf_add(&r->message, text.p, text.n > 400 ? 400 : text.n);
    buf_free(&scratch);
    return bad ? err_nomem(e) : 0;
}

/* What was committed stays so, whatever became of a later run that committed
 * nothing. */
static int take_line(struct run *r, struct str line, struct err *e)
{
    static const char *const bad[] = { "failed", "timeout", "stopped", "died",
                                       NULL };
    static const char *const doubt[] = { "partial", "unknown", NULL };
    struct json_fault fault;
    if (!memmem(line.p, line.n, r->needle.p, r->needle.n) ||
        json_check_object(line, RECORD_DEPTH, &fault))
        return 0;
    struct val record = json_val(line);
    if (!is_ours(r, record))
        return 0;
    if (is_text(record, "outcome", "ok")) {
        r->ended = ENDED_WELL;
        return 0;
    }
    if (is_one_of(record, "outcome", doubt))
        r->ended = ENDED_IN_DOUBT;
    else if (is_one_of(record, "outcome", bad) && r->ended != ENDED_WELL)
        r->ended = ENDED_BADLY;
    else
        return 0; /* "busy": another run is what counts */
    return note(r, record, e);
}

/* Takes whole lines out of r->text; a line beyond all measure is skipped. */
static int take_lines(struct run *r, struct err *e)
{
    struct str left = buf_str(&r->text);
    const char *lf;
    while ((lf = memchr(left.p, '\n', left.n))) {
        size_t n = (size_t)(lf - left.p);
        if (!r->skipping && take_line(r, (struct str){ left.p, n }, e))
            return -1;
        r->skipping = false;
        left.p += n + 1;
        left.n -= n + 1;
    }
    if (left.n > RECORD_MAX - BLOCK) {
        r->skipping = true;
        left.n = 0;
    }
    if (left.n)
        memmove(r->text.p, left.p, left.n);
    r->text.n = left.n;
    return 0;
}

static int read_new(struct run *r, int fd, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", r->index.p);
    /* Another file, or one that was cut: all that it said is void. */
    if (st.st_dev != r->dev || st.st_ino != r->ino || st.st_size < r->at) {
        r->dev = st.st_dev;
        r->ino = st.st_ino;
        r->at = 0;
        r->ended = ENDED_NOT;
        r->skipping = false;
        buf_reset(&r->text);
    }
    for (;;) {
        if (buf_reserve(&r->text, BLOCK))
            return err_nomem(e);
        ssize_t n = pread(fd, r->text.p + r->text.n, BLOCK, r->at);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "cannot read '%s'", r->index.p);
        r->at += n;
        r->text.n += (size_t)n;
        if (take_lines(r, e))
            return -1;
    }
}

static int read_index(struct run *r, struct err *e)
{
    int fd = open(r->index.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", r->index.p);
    int bad = read_new(r, fd, e);
    close(fd);
    return bad;
}

/* ---- a run that is under way ---- */

static bool is_live(const struct run *r, const char *folder)
{
    struct buf path = { .max = 65536 }, text = { .max = RECORD_MAX };
    struct err ignored = { 0 };
    struct json_fault fault;
    bool live = false;
    buf_addf(&path, "%s/record.json", folder);
    if (buf_z(&path) && state_read(path.p, RECORD_MAX, &text, &ignored) > 0 &&
        json_check_object(buf_str(&text), RECORD_DEPTH, &fault) == 0) {
        struct val record = json_val(buf_str(&text));
        struct val pid = json_get(record, STR("pid"));
        live = is_ours(r, record) && is_text(record, "outcome", "running") &&
               pid.type == JSON_NUMBER &&
               (kill((pid_t)strtol(pid.raw.p, NULL, 10), 0) == 0 ||
                errno == EPERM);
    }
    buf_free(&path);
    buf_free(&text);
    return live;
}

static bool runs_now(const struct run *r)
{
    struct buf path = { .max = 65536 };
    bool live = false;
    buf_addf(&path, "%s/runs/%s", r->base.opts->state, r->pipeline);
    size_t parent = path.n;
    DIR *d = buf_z(&path) ? opendir(path.p) : NULL;
    struct dirent *entry;
    while (d && !live && (entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        path.n = parent;
        buf_addf(&path, "/%s", entry->d_name);
        live = buf_z(&path) && is_live(r, path.p);
    }
    if (d)
        closedir(d);
    buf_free(&path);
    return live;
}

/* ---- look ---- */

/* Nobody will try it again by itself. */
static bool is_for_good(const struct run *r)
{
    return r->ended == ENDED_BADLY && strcmp(r->outcome, "failed") == 0 &&
           !backoff_transient(r->exit) && r->exit <= 128;
}

static int run_look(struct sensor *s, struct err *e)
{
    struct run *r = (struct run *)s;
    if (read_index(r, e))
        return -1;
    const char *message = r->message.n ? buf_z(&r->message) : "";
    if (!message)
        return err_nomem(e);
    if (r->ended == ENDED_WELL)
        return 1;
    if (r->ended == ENDED_NOT)
        return sensor_lacks(s, e, "pipeline '%s' has not run for %s",
                            r->pipeline, r->date);
    if (!is_for_good(r) || s->opts->keep_waiting || runs_now(r))
        return sensor_lacks(s, e, "pipeline '%s' for %s: %s with exit %d%s",
                            r->pipeline, r->date, r->outcome, r->exit, message);
    return err_set(e, ERR_DATA, "pipeline '%s' has failed for %s, exit %d%s",
                   r->pipeline, r->date, r->exit, message);
}

static void run_places(struct sensor *s, void (*watch)(void *, const char *),
                       void *context)
{
    watch(context, s->opts->state);
}

static const char *const prefixes[] = { SCHEME, NULL };

const struct sensor_kind run_sensor = {
    .bit = SENSOR_RUN,
    .prefixes = prefixes,
    .size = sizeof(struct run),
    .open = run_open,
    .look = run_look,
    .close = run_close,
    .places = run_places,
};
