#include "sink/file.h"

#include "io/lines.h"
#include "json/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define NAP_US 10000

/* How a row begins, up to what both of a load's rows share. */
#define HEAD "{\"v\":1,\"state\":\"%s\","
#define HEAD_BEGUN "{\"v\":1,\"state\":\"begun\","
#define HEAD_LOADED "{\"v\":1,\"state\":\"loaded\","

/* ---- reading */

/* What a walk through the ledger is for, and what it finds. */
struct reading {
    const struct sink_run *run; /* NULL: only the last row is wanted */
    struct buf open;   /* the shared part of the last row, if "begun" */
    struct buf layout; /* of the last load: format and partition columns */
    struct buf hash, when;
    bool seen;
    uint64_t whole; /* bytes of whole lines */
};

static int damaged(struct file_sink *s, uint64_t line, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "line %" PRIu64 " of '" FILE_LEDGER "' in '%s' is no row "
                   "of a ledger: mend or remove it",
                   line, s->base.spec->target);
}

static bool equals(struct val row, const char *key, const char *text)
{
    struct val v = json_get(row, str_of(key));
    return v.type == JSON_STRING &&
           json_raw_equals((struct str){ v.raw.p + 1, v.raw.n - 2 },
                           str_of(text));
}

/* Could a load of partition a have touched what one of b does? */
static bool covers(struct val row, const char *partition)
{
    static const char *const whole[] = { "", "*" };
    for (size_t i = 0; i < 2; i++)
        if (strcmp(partition, whole[i]) == 0 ||
            equals(row, "partition", whole[i]))
            return true;
    return equals(row, "partition", partition);
}

static int keep(struct buf *b, struct val v)
{
    struct buf scratch = { 0 };
    struct str text;
    buf_reset(b);
    int r = v.type == JSON_STRING ? json_string(v, &scratch, &text) : 0;
    if (r == 0 && v.type == JSON_STRING)
        r = buf_add_str(b, text);
    buf_free(&scratch);
    return r;
}

/* As the sink for SQLite does: append looks for the run among all of its
 * partition, replace in the latest row that could have touched the same (and
 * see sink_is_own). */
static int judge_row(struct file_sink *s, struct reading *r, struct val row)
{
    const struct sink_run *run = r->run;
    bool same = equals(row, "pipeline", run->pipeline) &&
                equals(row, "run_id", run->run_id);
    if (s->base.spec->mode == SINK_APPEND) {
        if (!same || !equals(row, "partition", run->partition))
            return 0;
    } else if (!covers(row, run->partition)) {
        return 0;
    }
    r->seen = same && (s->base.spec->mode == SINK_APPEND ||
                       (equals(row, "mode", s->base.spec->mode_name) &&
                        equals(row, "partition", run->partition)));
    return keep(&r->hash, json_get(row, STR("input_hash"))) ||
                   keep(&r->when, json_get(row, STR("loaded_at")))
               ? -1
               : 0;
}

static int take_layout(struct buf *b, struct val row)
{
    buf_reset(b);
    buf_add_str(b, json_get(row, STR("format")).raw);
    buf_addc(b, ' ');
    return buf_add_str(b, json_get(row, STR("partitioned_by")).raw);
}

static int take_line(struct file_sink *s, struct reading *r,
                     const struct line *l, struct err *e)
{
    struct json_fault fault;
    struct str begun = STR(HEAD_BEGUN), loaded = STR(HEAD_LOADED);
    struct str text = l->text;
    bool is_begun = text.n > begun.n && memcmp(text.p, begun.p, begun.n) == 0;
    bool is_loaded =
        text.n > loaded.n && memcmp(text.p, loaded.p, loaded.n) == 0;
    if (l->too_long || (!is_begun && !is_loaded) ||
        json_check_object(text, JSON_DEPTH_DEFAULT, &fault))
        return damaged(s, l->line, e);
    buf_reset(&r->open);
    if (is_begun)
        return buf_add(&r->open, text.p + begun.n, text.n - begun.n)
                   ? err_nomem(e)
                   : 0;
    struct val row = json_val(text);
    if (r->run && (take_layout(&r->layout, row) || judge_row(s, r, row)))
        return err_nomem(e);
    return 0;
}

/* Reads the ledger through. What stands behind the last line end was never
 * acknowledged, and is left out. */
static int read_ledger(struct file_sink *s, struct reading *r, struct err *e)
{
    struct input in;
    struct lines lines;
    struct line l;
    if (lseek(s->ledger, 0, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, errno, "cannot read '" FILE_LEDGER "'");
    input_fd(&in, s->ledger, FILE_LEDGER);
    in.raw = true;
    int got = lines_init(&lines, &in, LINE_MAX_BYTES, e) ? -1 : 1;
    while (got > 0 && (got = lines_next(&lines, &l, e)) > 0) {
        if (l.unterminated)
            break;
        r->whole = l.offset + l.length + 1;
        if (take_line(s, r, &l, e))
            got = -1;
    }
    lines_free(&lines);
    input_close(&in);
    return got < 0 ? -1 : 0;
}

static void reading_free(struct reading *r)
{
    buf_free(&r->open);
    buf_free(&r->layout);
    buf_free(&r->hash);
    buf_free(&r->when);
}

/* ---- writing */

int ledger_append(struct file_sink *s, const char *state, struct str row,
                  struct err *e)
{
    struct buf line = { 0 };
    buf_addf(&line, HEAD, state);
    buf_add_str(&line, row);
    buf_addc(&line, '\n');
    off_t end = lseek(s->ledger, 0, SEEK_END);
    size_t done = 0;
    int r = line.failed ? err_nomem(e) : 0;
    while (r == 0 && done < line.n) {
        ssize_t w = write(s->ledger, line.p + done, line.n - done);
        if (w < 0 && errno != EINTR)
            r = err_sys(e, ERR_IO, errno, "cannot write the ledger of '%s'",
                        s->base.spec->table);
        else if (w > 0)
            done += (size_t)w;
    }
    if (r == 0 && fsync(s->ledger) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot sync the ledger of '%s'",
                    s->base.spec->table);
    /* What is not known to be on the disk must not count. */
    if (r && end >= 0)
        (void)!ftruncate(s->ledger, end);
    buf_free(&line);
    return r;
}

static void add_field(struct buf *b, const char *key, const char *value)
{
    buf_addf(b, "\"%s\":", key);
    json_quote(b, str_of(value));
    buf_addc(b, ',');
}

static void add_layout(struct file_sink *s, struct buf *b)
{
    const struct sink_spec *spec = s->base.spec;
    buf_addf(b, "\"format\":\"%s\",\"partitioned_by\":[", s->format);
    if (spec->part_column.n)
        json_quote(b, spec->part_column);
    for (size_t i = 0; i < spec->n_by; i++) {
        if (i || spec->part_column.n)
            buf_addc(b, ',');
        json_quote(b, spec->by[i]);
    }
    buf_addc(b, ']');
}

int ledger_row(struct file_sink *s, const struct sink_run *r, struct err *e)
{
    struct buf *b = &s->ledgered;
    const struct sink_spec *spec = s->base.spec;
    buf_reset(b);
    add_field(b, "load", s->token);
    add_field(b, "pipeline", r->pipeline);
    add_field(b, "table_name", spec->table);
    add_field(b, "partition", r->partition);
    add_field(b, "run_id", r->run_id);
    add_field(b, "mode", spec->mode_name);
    add_field(b, "input_hash", r->input_hash);
    buf_addf(b,
             "\"input_bytes\":%" PRIu64 ",\"rows_read\":%" PRIu64
             ",\"rows_loaded\":%" PRIu64 ",\"rows_rejected\":%" PRIu64
             ",\"files\":%zu,",
             r->input_bytes, r->read, r->loaded, r->rejected, s->parts.n);
    buf_addf(b, "\"watermark\":%s,", r->watermark ? r->watermark : "null");
    add_field(b, "started_at", r->started_at);
    add_field(b, "loaded_at", r->loaded_at);
    add_field(b, "folder", s->scope.n ? s->scope.p : "");
    add_layout(s, b);
    buf_addc(b, '}');
    return buf_z(b) ? 0 : err_nomem(e);
}

/* ---- judging */

/* Is the layout that of the loads before? 1, 0, -1. A load that replaces all
 * of the table may choose another. */
static int same_layout(struct file_sink *s, const struct reading *r,
                       struct err *e)
{
    struct buf row = { 0 }, own = { 0 };
    buf_addc(&row, '{');
    add_layout(s, &row);
    buf_addc(&row, '}');
    int same = take_layout(&own, json_val(buf_str(&row)))
                   ? err_nomem(e)
                   : !r->layout.n || str_eq(buf_str(&own), buf_str(&r->layout));
    if (same == 0 && !s->base.spec->all)
        same = err_set(e, ERR_CONFIG,
                       "table '%s' holds %.*s, this load is %.*s (format and "
                       "partition columns)",
                       s->base.spec->table, STR_ARG(buf_str(&r->layout)),
                       STR_ARG(buf_str(&own)));
    buf_free(&row);
    buf_free(&own);
    return same;
}

int ledger_judge(struct file_sink *s, const struct sink_run *run,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e)
{
    struct reading r = { .run = run };
    *outcome = SINK_NEW;
    int same =
        s->ledger >= 0 && read_ledger(s, &r, e) ? -1 : same_layout(s, &r, e);
    if (same > 0 && r.seen) {
        if (str_eq(buf_str(&r.hash), str_of(run->input_hash)))
            *outcome = SINK_SAME;
        else if (s->base.spec->mode == SINK_APPEND)
            *outcome = SINK_CONFLICT;
        if (buf_add_str(previous, buf_str(&r.when)))
            same = err_nomem(e);
    }
    reading_free(&r);
    return same < 0 ? -1 : 0;
}

int ledger_resume(struct file_sink *s, const struct sink_run *run,
                  struct sink_position *at, struct err *e)
{
    struct reading r = { .run = run };
    int failed = read_ledger(s, &r, e);
    at->found = failed == 0 && r.seen;
    if (at->found)
        snprintf(at->input_hash, sizeof(at->input_hash), "%.*s",
                 STR_ARG(buf_str(&r.hash)));
    reading_free(&r);
    return failed;
}

/* ---- the lock */

/* A load that its process did not end. */
static int finish_other(struct file_sink *s, struct str shared, struct err *e)
{
    struct buf row = { 0 }, token = { 0 }, scope = { 0 };
    buf_addc(&row, '{');
    buf_add_str(&row, shared);
    struct val v = json_val(buf_str(&row));
    int r = row.failed || keep(&token, json_get(v, STR("load"))) ||
                    keep(&scope, json_get(v, STR("folder")))
                ? err_nomem(e)
                : 0;
    struct placing p = { buf_str(&token), buf_str(&scope),
                         equals(v, "mode", "replace"), 0 };
    bool sound = token.n == FILE_TOKEN &&
                 strspn(buf_z(&token) ? token.p : "", "0123456789abcdef") ==
                     FILE_TOKEN &&
                 !memchr(p.scope.p, '/', p.scope.n) &&
                 (!p.scope.n || memchr(p.scope.p, '=', p.scope.n));
    if (r == 0 && !sound)
        r = err_set(e, ERR_CONFIG,
                    "the last line of '" FILE_LEDGER "' in '%s' is no row of "
                    "a ledger: mend or remove it",
                    s->base.spec->target);
    if (r == 0 && place_load(s, &p, e)) {
        /* Without what was staged it cannot be brought to its end. */
        if (e->code == ERR_NOINPUT)
            e->code = ERR_CONFIG;
        r = -1;
    }
    if (r == 0)
        r = ledger_append(s, "loaded", shared, e);
    buf_free(&row);
    buf_free(&token);
    buf_free(&scope);
    return r;
}

static int recover(struct file_sink *s, struct err *e)
{
    struct reading r = { 0 };
    struct stat st;
    int done = read_ledger(s, &r, e);
    if (done == 0 && fstat(s->ledger, &st) == 0 &&
        (uint64_t)st.st_size > r.whole &&
        ftruncate(s->ledger, (off_t)r.whole) != 0)
        done =
            err_sys(e, ERR_IO, errno, "cannot cut the torn end of the ledger");
    if (done == 0 && r.open.n)
        done = finish_other(s, buf_str(&r.open), e);
    if (done == 0)
        done = place_drop(s, STR(""), e);
    reading_free(&r);
    return done;
}

/* Waits for the lock in short naps, so that a signal is heard. */
static int wait_for(struct file_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    for (uint64_t waited = 0;; waited += NAP_US / 1000) {
        if (flock(s->ledger, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "cannot lock the ledger of '%s'",
                           spec->table);
        if (spec->stop && spec->stop())
            return err_set(e, ERR_TEMPFAIL, "interrupted");
        if (waited >= spec->lock_timeout_ms)
            return err_set(e, ERR_TEMPFAIL,
                           "another load holds table '%s' in '%s'", spec->table,
                           spec->target);
        usleep(NAP_US);
    }
}

/* 1 locked; 0: the file was removed meanwhile, by a load that came to nothing;
 * -1 with e. */
static int try_lock(struct file_sink *s, struct err *e)
{
    struct stat mine, there;
    s->ledger =
        openat(s->table, FILE_LEDGER,
               O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (s->ledger < 0 && errno == ENOENT)
        return 0;
    if (s->ledger < 0)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot open '%s' in table '%s' of '%s'", FILE_LEDGER,
                       s->base.spec->table, s->base.spec->target);
    if (wait_for(s, e))
        return -1;
    if (fstat(s->ledger, &mine) == 0 &&
        fstatat(s->table, FILE_LEDGER, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
        return 1;
    close(s->ledger);
    s->ledger = -1;
    return 0;
}

int ledger_lock(struct file_sink *s, struct err *e)
{
    int r = 0;
    for (int tries = 0; r == 0 && tries < 100; tries++) {
        if (s->ledger >= 0)
            close(s->ledger);
        if (tries && s->base.spec->create) {
            /* The folder may be another one by now. */
            int table = place_folder(s->root, s->base.spec->table, true, e);
            if (table < 0)
                return -1;
            close(s->table);
            s->table = table;
        }
        r = try_lock(s, e);
    }
    if (r == 0)
        return err_set(e, ERR_TEMPFAIL, "table '%s' in '%s' comes and goes",
                       s->base.spec->table, s->base.spec->target);
    s->locked = r > 0;
    return r < 0 || recover(s, e) ? -1 : 0;
}

void ledger_unlock(struct file_sink *s)
{
    if (s->locked)
        (void)flock(s->ledger, LOCK_UN);
    s->locked = false;
}
