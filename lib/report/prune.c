#include "report/prune.h"

#include "dlq/purge.h"
#include "io/filelock.h"
#include "io/output.h"
#include "run/pending.h"
#include "run/runlog.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MAX ((size_t)16 << 20)
#define PATIENCE_MS 10000

/* Times from which on things stay; INT64_MIN: all do. */
static int64_t limit(int64_t now_us, uint64_t keep_ms)
{
    return keep_ms ? now_us - (int64_t)keep_ms * 1000 : INT64_MIN;
}

/* ---- folders of runs */

struct folder {
    const struct health *h;
    int64_t now_us;
    bool dry;
    struct pruned *done;
    struct buf path;
    struct err *e;
};

/* When a run ended; one without a record that can be read: when its folder was
 * changed. False where it lives, or may. */
static bool ended_at(struct folder *f, size_t n, int64_t *us)
{
    struct buf record = { .max = RECORD_MAX };
    struct arena text = { 0 };
    struct err ignored;
    struct stat st;
    struct run r;
    *us = stat(f->path.p, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000
                                    : INT64_MAX;
    buf_addz(&f->path, "/live");
    bool over = buf_z(&f->path) && access(f->path.p, F_OK) != 0;
    f->path.n = n;
    buf_addz(&f->path, "/record.json");
    if (over && buf_z(&f->path) &&
        state_read(f->path.p, RECORD_MAX, &record, &ignored) > 0 &&
        run_parse(buf_str(&record), &r, &text)) {
        over = r.ended_us != 0 || !str_eq(r.outcome, STR("running"));
        *us = r.ended_us ? r.ended_us : *us;
    }
    f->path.n = n;
    buf_free(&record);
    arena_free(&text);
    return buf_z(&f->path) && over;
}

static int prune_folder(struct folder *f)
{
    const struct pipeline_conf *c = f->h->conf;
    size_t n = f->path.n;
    int64_t ended;
    if (!ended_at(f, n, &ended))
        return 0;
    if (ended < limit(f->now_us, c->keep.runs_ms) && !pending_any(f->path.p)) {
        if (!f->dry && state_remove(f->path.p))
            return err_sys(f->e, ERR_IO, errno, "cannot remove '%s'",
                           f->path.p);
        f->done->runs++;
        return 0;
    }
    if (ended >= limit(f->now_us, c->keep.logs_ms))
        return 0;
    buf_addz(&f->path, "/log.ndjson");
    if (!buf_z(&f->path))
        return err_nomem(f->e);
    int r = f->dry ? access(f->path.p, F_OK) : unlink(f->path.p);
    f->done->logs += r == 0;
    return r && errno != ENOENT
               ? err_sys(f->e, ERR_IO, errno, "cannot remove '%s'", f->path.p)
               : 0;
}

/* Making a run's folder and looking through them exclude each other. */
static int prune_folders(struct folder *f, const char *state)
{
    struct dirent *entry;
    buf_addf(&f->path, "%s/runs/%s", state, f->h->conf->pipeline);
    size_t n = f->path.n;
    DIR *d = buf_z(&f->path) ? opendir(f->path.p) : NULL;
    if (!d)
        return errno == ENOENT ? 0
                               : err_sys(f->e, ERR_IO, errno,
                                         "cannot read folder '%s'", f->path.p);
    int guard = f->dry ? -2 : runlog_guard(&f->path, true, f->e);
    int r = guard == -1 ? -1 : 0;
    while (r == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        f->path.n = n;
        buf_addf(&f->path, "/%s", entry->d_name);
        r = buf_z(&f->path) ? prune_folder(f) : err_nomem(f->e);
    }
    if (guard >= 0)
        close(guard);
    closedir(d);
    return r;
}

/* ---- dead letters */

static int prune_letters(const struct health *h, const char *state,
                         int64_t now_us, bool dry, struct pruned *done,
                         struct err *e)
{
    struct buf uri = { .max = 65536 };
    struct dlq_purged purged;
    struct dlq_read d;
    int64_t from = limit(now_us, h->conf->keep.dead_letters_ms);
    if (from == INT64_MIN)
        return 0;
    buf_addf(&uri, "%s/dlq/%s/", state, h->conf->pipeline);
    int r = buf_z(&uri) ? dlq_read_open(&d, uri.p, !dry, e) : err_nomem(e);
    buf_free(&uri);
    if (r)
        return -1;
    size_t *old = calloc(d.n_entries + 1, sizeof(*old)), n = 0;
    for (size_t i = 0; old && i < d.n_entries; i++) {
        const struct dlq_place *p = dlq_read_place(&d, i);
        if (p->us >= from || p->state == DLQ_PURGED)
            continue;
        old[n++] = i;
        done->open += p->state == DLQ_OPEN;
    }
    done->letters = n;
    r = !old ? err_nomem(e) : n && !dry ? dlq_purge(&d, old, n, &purged, e) : 0;
    free(old);
    dlq_read_close(&d);
    return r;
}

/* ---- the index */

struct index {
    const struct health *v;
    size_t n;
    int64_t now_us;
    struct pruned *done;
    struct arena scratch;
};

static bool is_same(const struct run *a, const struct run *b)
{
    return a->started_us == b->started_us && str_eq(a->run_id, b->run_id);
}

/* The pipeline whose record goes; SIZE_MAX: it stays. */
static size_t goes(struct index *x, struct str line)
{
    struct run r;
    arena_reset(&x->scratch);
    if (!run_parse(line, &r, &x->scratch))
        return SIZE_MAX;
    for (size_t i = 0; i < x->n; i++) {
        const struct health *h = &x->v[i];
        if (!str_eq(str_of(h->conf->pipeline), r.pipeline))
            continue;
        bool judged = (h->has_last && is_same(&r, &h->last)) ||
                      (h->has_ok && is_same(&r, &h->ok));
        return r.ended_us < limit(x->now_us, h->conf->keep.runs_ms) && !judged
                   ? i
                   : SIZE_MAX;
    }
    return SIZE_MAX;
}

/* Calls for each line: counts what goes, and with out writes what stays. */
static int each_line(struct index *x, struct str all, struct output *out,
                     struct err *e)
{
    while (all.n) {
        const char *lf = memchr(all.p, '\n', all.n);
        size_t n = lf ? (size_t)(lf - all.p) + 1 : all.n;
        size_t of = goes(x, (struct str){ all.p, lf ? n - 1 : n });
        if (of == SIZE_MAX && out &&
            output_write(out, (struct str){ all.p, n }, e))
            return -1;
        if (of != SIZE_MAX && !out)
            x->done[of].records++;
        all.p += n;
        all.n -= n;
    }
    return 0;
}

static int rewrite(struct index *x, struct str all, const char *path,
                   struct err *e)
{
    struct output out;
    if (output_file(&out, path, e))
        return -1;
    int r = fchmod(out.fd, 0600)
                ? err_sys(e, ERR_IO, errno, "cannot write '%s'", path)
                : each_line(x, all, &out, e);
    if (r == 0)
        r = output_commit(&out, e);
    output_close(&out);
    return r;
}

/* Who appends waits for the lock, and then finds the new file. */
static int prune_index(struct index *x, const char *path, bool dry,
                       struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    int r = dry ? 0 : filelock_wait(fd, path, PATIENCE_MS, e);
    void *map = MAP_FAILED;
    if (r == 0 && fstat(fd, &st))
        r = err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    if (r == 0 && st.st_size) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            r = err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    }
    if (map != MAP_FAILED) {
        struct str all = { map, (size_t)st.st_size };
        uint64_t going = 0;
        r = each_line(x, all, NULL, e);
        for (size_t i = 0; i < x->n; i++)
            going += x->done[i].records;
        if (r == 0 && going && !dry)
            r = rewrite(x, all, path, e);
        munmap(map, all.n);
    }
    close(fd);
    return r;
}

int prune_all(const struct health *v, size_t n, const char *state,
              int64_t now_us, bool dry, struct pruned *done, struct err *e)
{
    struct index x = { .v = v, .n = n, .now_us = now_us, .done = done };
    struct buf path = { .max = 65536 };
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct folder f = { .h = &v[i],
                            .now_us = now_us,
                            .dry = dry,
                            .done = &done[i],
                            .path.max = 65536,
                            .e = e };
        done[i] = (struct pruned){ 0 };
        r = prune_folders(&f, state) ||
                    prune_letters(&v[i], state, now_us, dry, &done[i], e)
                ? -1
                : 0;
        buf_free(&f.path);
    }
    buf_addf(&path, "%s/runs.ndjson", state);
    if (r == 0)
        r = buf_z(&path) ? prune_index(&x, path.p, dry, e) : err_nomem(e);
    arena_free(&x.scratch);
    buf_free(&path);
    return r;
}
