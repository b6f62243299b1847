#include "report/runs.h"

#include "report/back.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define RUNS_MAX ((size_t)2000000)
#define TEXT_MAX ((size_t)1 << 30)
#define RECORD_MAX ((size_t)16 << 20)
/* The index is in order of ends as the clock had them, and clocks are set: so
 * many runs on end that are too old, and there are no younger ones before. */
#define OLD_ON_END 200
/* How far what is usual is looked for, behind the oldest run that is wanted. */
#define LOOK_BACK 20000

static struct run *push(struct runs *r, struct err *e)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct run *v = realloc(r->v, cap * sizeof(*v));
        if (!v) {
            err_nomem(e);
            return NULL;
        }
        r->v = v;
        r->cap = cap;
    }
    return &r->v[r->n];
}

void runs_free(struct runs *r)
{
    free(r->v);
    arena_free(&r->text);
    *r = (struct runs){ 0 };
}

/* ---- those that live */

/* Is the lock of a run's folder held? A folder without one has no run that is
 * not written down. 1, 0, or -1: there is no lock. */
static int is_locked(int dir)
{
    int fd = openat(dir, "live", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

static void settle(struct run *run, bool locked)
{
    bool runs = str_eq(run->outcome, STR("running"));
    if (runs && !locked) {
        run->outcome = STR("died");
        run->exit = ERR_TEMPFAIL;
        run->message = STR("pipe-run was killed");
    }
    run->live = runs && locked;
}

void runs_settle(struct run *run, const char *folder)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    settle(run, dir >= 0 && is_locked(dir) > 0);
    if (dir >= 0)
        close(dir);
}

static int look_at(struct runs *r, const char *path, struct err *e)
{
    struct buf record = { .max = RECORD_MAX }, file = { .max = 65536 };
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int locked = dir < 0 ? -1 : is_locked(dir), n = 0;
    if (dir >= 0)
        close(dir);
    if (locked < 0)
        return 0;
    buf_addf(&file, "%s/record.json", path);
    n = buf_z(&file) ? state_read(file.p, RECORD_MAX, &record, e)
                     : err_nomem(e);
    struct run *run = n > 0 ? push(r, e) : NULL;
    if (n > 0 && !run)
        n = -1;
    if (run && run_parse(buf_str(&record), run, &r->text)) {
        bool runs = str_eq(run->outcome, STR("running"));
        settle(run, locked);
        r->n += runs;
    }
    buf_free(&record);
    buf_free(&file);
    return n < 0 ? -1 : 0;
}

/* Calls look for each folder in path that is not hidden. */
static int each_folder(struct runs *r, struct buf *path,
                       int (*look)(struct runs *, struct buf *, struct err *),
                       struct err *e)
{
    size_t n = path->n;
    DIR *d = buf_z(path) ? opendir(path->p) : NULL;
    struct dirent *entry;
    int failed = 0;
    if (!d)
        return path->failed ? err_nomem(e)
               : errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read folder '%s'",
                             path->p);
    while (!failed && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        path->n = n;
        buf_addf(path, "/%s", entry->d_name);
        failed = buf_z(path) ? look(r, path, e) : err_nomem(e);
    }
    closedir(d);
    path->n = n;
    return failed;
}

static int look_at_run(struct runs *r, struct buf *path, struct err *e)
{
    return look_at(r, path->p, e);
}

static int look_at_pipeline(struct runs *r, struct buf *path, struct err *e)
{
    return each_folder(r, path, look_at_run, e);
}

static int by_start(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return (x->started_us < y->started_us) - (x->started_us > y->started_us);
}

int runs_live(struct runs *r, const char *state, struct err *e)
{
    struct buf path = { .max = 65536 };
    size_t from = r->n;
    buf_addf(&path, "%s/runs", state);
    int failed = each_folder(r, &path, look_at_pipeline, e);
    if (r->n > from)
        qsort(r->v + from, r->n - from, sizeof(*r->v), by_start);
    buf_free(&path);
    return failed;
}

/* ---- those that are over */

static bool is_one_of(struct str s, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(s, str_of(v[i])))
            return true;
    return n == 0;
}

static bool is_wanted(const struct runs_filter *f, const struct run *run)
{
    return is_one_of(run->pipeline, f->pipelines, f->n_pipelines) &&
           is_one_of(run->outcome, f->outcomes, f->n_outcomes) &&
           run->started_us >= f->since_us && run->started_us <= f->until_us;
}

/* Cheap, and only sure of its no: the name stands nowhere in the line. */
static bool may_be_of(const struct runs_filter *f, struct str line)
{
    for (size_t i = 0; i < f->n_pipelines; i++)
        if (memmem(line.p, line.n, f->pipelines[i], strlen(f->pipelines[i])))
            return true;
    return f->n_pipelines == 0;
}

/* ---- what is usual */

struct past {
    struct str pipeline;
    double seconds[RUNS_USUAL], rows[RUNS_USUAL];
    unsigned n, at;
};

struct pasts {
    struct past *v;
    size_t n, cap;
};

static struct past *past_of(struct pasts *p, struct str pipeline)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = str_cmp(p->v[mid].pipeline, pipeline);
        if (c == 0)
            return &p->v[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct past *v = realloc(p->v, cap * sizeof(*v));
        if (!v)
            return NULL;
        p->v = v;
        p->cap = cap;
    }
    memmove(&p->v[low + 1], &p->v[low], (p->n - low) * sizeof(*p->v));
    p->n++;
    p->v[low] = (struct past){ .pipeline = pipeline };
    return &p->v[low];
}

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double *v, unsigned n)
{
    double sorted[RUNS_USUAL];
    if (n == 0)
        return 0;
    memcpy(sorted, v, n * sizeof(*v));
    qsort(sorted, n, sizeof(*sorted), by_number);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* From the oldest on: each run is compared with those before it. */
static int fill_usual(struct runs *r, struct err *e)
{
    struct pasts pasts = { 0 };
    int failed = 0;
    for (size_t i = r->n; i-- > 0 && !failed;) {
        struct run *run = &r->v[i];
        struct past *p = past_of(&pasts, run->pipeline);
        if (!p) {
            failed = err_nomem(e);
            break;
        }
        run->usual_n = p->n;
        run->usual_seconds = median(p->seconds, p->n);
        run->usual_rows = median(p->rows, p->n);
        if (!run_is_ok(run))
            continue;
        p->seconds[p->at] = run->seconds;
        p->rows[p->at] = (double)run->rows;
        p->at = (p->at + 1) % RUNS_USUAL;
        p->n += p->n < RUNS_USUAL;
    }
    free(pasts.v);
    return failed;
}

/* ---- all */

struct reading {
    struct runs *r;
    const struct runs_filter *f;
    size_t wanted;   /* so far; they stand in front, further ones behind */
    size_t behind;   /* runs looked at for what is usual alone */
    size_t old;      /* runs on end that began before since */
    bool *is_wanted; /* owned: of each run */
    struct arena scratch;
    size_t cap;
};

static int note_wanted(struct reading *g, size_t i, bool wanted, struct err *e)
{
    if (i >= g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 256;
        bool *v = realloc(g->is_wanted, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        g->is_wanted = v;
        g->cap = cap;
    }
    g->is_wanted[i] = wanted;
    g->wanted += wanted;
    return 0;
}

static bool is_enough(const struct reading *g)
{
    const struct runs_filter *f = g->f;
    return (f->last && g->wanted >= f->last) || g->old >= OLD_ON_END;
}

/* 1 to go on, 0 when all is there that is wanted. */
static int take_line(struct reading *g, struct str line, struct err *e)
{
    struct runs *r = g->r;
    const struct runs_filter *f = g->f;
    if (!may_be_of(f, line))
        return 1;
    struct run *run = push(r, e);
    if (!run)
        return -1;
    arena_reset(&g->scratch);
    if (!run_parse(line, run, &g->scratch)) {
        r->damaged++;
        return 1;
    }
    bool enough = is_enough(g);
    bool wanted = !enough && is_wanted(f, run);
    g->old = run->started_us < f->since_us ? g->old + 1 : 0;
    if (wanted || f->usual) {
        run->loads = STR("");
        if (!wanted)
            run->message = run->run_id = run->date = STR("");
        if (!run_keep(run, &r->text))
            return err_nomem(e);
        if (note_wanted(g, r->n, wanted, e))
            return -1;
        r->n++;
    }
    g->behind += enough;
    if (r->n >= RUNS_MAX || r->text.total > TEXT_MAX) {
        r->cut = true;
        return 0;
    }
    return !is_enough(g) || (f->usual && g->behind < LOOK_BACK);
}

/* Drops what was only there to compare with. */
static void keep_wanted(struct reading *g)
{
    struct runs *r = g->r;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (g->is_wanted[i])
            r->v[n++] = r->v[i];
    r->n = n;
}

static int take_live(struct reading *g, const char *state, struct err *e)
{
    struct runs *r = g->r;
    size_t n = 0;
    if (runs_live(r, state, e))
        return -1;
    for (size_t i = 0; i < r->n; i++)
        if (is_wanted(g->f, &r->v[i]) && (!g->f->last || n < g->f->last))
            r->v[n++] = r->v[i];
    r->n = n;
    for (size_t i = 0; i < n; i++)
        if (note_wanted(g, i, true, e))
            return -1;
    return 0;
}

int runs_read(struct runs *r, const char *state, const struct runs_filter *f,
              struct err *e)
{
    struct reading g = { .r = r, .f = f };
    struct buf path = { .max = 65536 };
    struct back b = { .fd = -1 };
    struct str line;
    *r = (struct runs){ 0 };
    buf_addf(&path, "%s/runs.ndjson", state);
    int n = take_live(&g, state, e) ? -1
            : buf_z(&path)          ? back_open(&b, path.p, e)
                                    : err_nomem(e);
    while (n > 0 && (n = back_line(&b, &line, e)) > 0)
        if ((n = take_line(&g, line, e)) <= 0)
            break;
    back_close(&b);
    if (n >= 0 && f->usual)
        n = fill_usual(r, e);
    if (n >= 0)
        keep_wanted(&g);
    free(g.is_wanted);
    arena_free(&g.scratch);
    buf_free(&path);
    return n < 0 ? -1 : 0;
}
