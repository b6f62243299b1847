/* Runs of the past: those that were killed, and those that are old. */
#include "base/date.h"
#include "json/check.h"
#include "json/value.h"
#include "run/pending.h"
#include "run/runlog.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MAX ((size_t)16 << 20)
#define TAIL ((size_t)1 << 20) /* of the index, where a run's record is */

/* Is the line one of the last in the index? */
static bool is_indexed(const char *index, struct str line)
{
    struct buf end = { .max = TAIL };
    struct stat st;
    int fd = open(index, O_RDONLY | O_CLOEXEC);
    bool found = false;
    if (fd >= 0 && fstat(fd, &st) == 0 && buf_reserve(&end, TAIL) == 0) {
        off_t from = st.st_size > (off_t)TAIL ? st.st_size - (off_t)TAIL : 0;
        ssize_t n = pread(fd, end.p, TAIL, from);
        found = n > 0 && memmem(end.p, (size_t)n, line.p, line.n) != NULL;
    }
    if (fd >= 0)
        close(fd);
    buf_free(&end);
    return found;
}

/* The record of a run that was killed while it ran: as it was, with another
 * outcome. */
static void add_died(struct buf *new, struct str old)
{
    struct str key;
    struct val v;
    buf_addz(new, "{\"v\":1,\"outcome\":\"died\",\"exit\":75,"
                  "\"message\":\"pipe-run was killed\"");
    struct json_iter it = json_iter(old);
    while (json_next(&it, &key, &v)) {
        if (str_eq(key, STR("v")) || str_eq(key, STR("outcome")) ||
            str_eq(key, STR("exit")) || str_eq(key, STR("message")))
            continue;
        buf_addf(new, ",\"%.*s\":", STR_ARG(key));
        buf_add_str(new, v.raw);
    }
    buf_addz(new, "}\n");
}

/* A run was killed: while it ran, or when it had written down its end, which
 * may have come into the index or not. */
static int enter(const struct buf *state, const char *record, struct str old,
                 struct err *e)
{
    struct buf new = { .max = RECORD_MAX }, path = { .max = 65536 };
    struct str was = json_get(json_val(old), STR("outcome")).raw;
    bool ran = str_eq(was, STR("\"running\""));
    if (ran)
        add_died(&new, old);
    else
        buf_add_str(&new, old);
    buf_addf(&path, "%.*s/runs.ndjson", STR_ARG(buf_str(state)));
    int r = new.failed || !buf_z(&path) ? err_nomem(e) : 0;
    struct str line = { new.p, new.n - 1 };
    if (r == 0 && (ran || !is_indexed(path.p, line)))
        r = state_append(path.p, line, e);
    if (r == 0 && ran)
        r = state_write(record, buf_str(&new), e);
    buf_free(&path);
    buf_free(&new);
    return r;
}

static int mark_died(const struct buf *state, const char *record, struct err *e)
{
    struct buf old = { .max = RECORD_MAX };
    struct json_fault fault;
    int r = state_read(record, RECORD_MAX, &old, e);
    if (r > 0)
        r = old.n && !json_check_object(buf_str(&old), 64, &fault)
                ? enter(state, record, buf_str(&old), e)
                : 0;
    buf_free(&old);
    return r;
}

/* A run that has `live`: does it, or was it killed? */
static int look_if_alive(const struct buf *state, struct buf *path, size_t n,
                         bool *alive, struct err *e)
{
    buf_addz(path, "/live");
    *alive = false;
    if (!buf_z(path))
        return err_nomem(e);
    if (access(path->p, F_OK) != 0) {
        path->n = n;
        return buf_z(path) ? 0 : -1;
    }
    int lock = state_lock(path->p, 0, NULL, NULL, e);
    *alive = lock == -2;
    int r = 0;
    if (lock >= 0) {
        path->n = n;
        buf_addz(path, "/record.json");
        r = buf_z(path) ? mark_died(state, path->p, e) : err_nomem(e);
        path->n = n;
        buf_addz(path, "/live");
        if (r == 0 && buf_z(path))
            (void)unlink(path->p);
        close(lock);
    }
    path->n = n;
    return r || lock == -1 || !buf_z(path) ? -1 : 0;
}

static int sweep_one(const struct buf *state, struct buf *path,
                     uint64_t keep_ms, int64_t now_us, struct err *e)
{
    struct stat st;
    bool alive;
    size_t n = path->n;
    if (lstat(path->p, &st) != 0 || !S_ISDIR(st.st_mode))
        return 0;
    if (look_if_alive(state, path, n, &alive, e))
        return -1;
    int64_t age_ms = now_us / 1000 - (int64_t)st.st_mtim.tv_sec * 1000;
    if (!alive && keep_ms && age_ms > 0 && (uint64_t)age_ms > keep_ms &&
        !pending_any(path->p))
        (void)state_remove(path->p);
    return 0;
}

int runlog_sweep(const struct buf *state, const char *pipeline,
                 uint64_t keep_ms, struct err *e)
{
    struct buf path = { .max = 65536 };
    int64_t now = time_now();
    buf_addf(&path, "%.*s/runs/%s", STR_ARG(buf_str(state)),
             *pipeline ? pipeline : "@unnamed");
    size_t n = path.n;
    DIR *d = buf_z(&path) ? opendir(path.p) : NULL;
    struct dirent *entry;
    int guard = d ? runlog_guard(&path, false, e) : -2;
    int r = guard == -1 ? -1 : 0;
    while (guard >= 0 && r == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        path.n = n;
        buf_addf(&path, "/%s", entry->d_name);
        r = buf_z(&path) ? sweep_one(state, &path, keep_ms, now, e)
                         : err_nomem(e);
    }
    if (guard >= 0)
        close(guard);
    if (d)
        closedir(d);
    buf_free(&path);
    return r;
}
