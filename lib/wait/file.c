/* Files: one that is there, or so many that match; large enough, new enough,
 * not changing any more. */
#include "base/date.h"
#include "base/hash.h"
#include "run/clock.h"
#include "wait/sensor.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

enum compare { AT_LEAST, AT_MOST, EXACTLY, MORE, LESS };

struct file {
    struct sensor base;
    const char *path; /* within base.uri */
    bool glob;
    enum compare compare;
    uint64_t count;
    bool newer;
    struct timespec than; /* modified after this; dates reach beyond what
                             nanoseconds count in 64 bits */
    /* What was seen at the last look, and since when it is so. */
    struct hash128 seen;
    int64_t since_ms; /* -1: never */
};

/* What one look finds. */
struct finding {
    uint64_t good, all;
    XXH3_state_t *hash;
    struct buf *flaw; /* why the last one is not good */
};

/* ---- open ---- */

static int read_count(struct file *f, const char *text, struct err *e)
{
    static const struct {
        const char *sign;
        enum compare compare;
    } signs[] = { { ">=", AT_LEAST }, { "<=", AT_MOST }, { "==", EXACTLY },
                  { "=", EXACTLY },   { ">", MORE },     { "<", LESS } };
    const char *p = text;
    char *end;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (strncmp(p, signs[i].sign, strlen(signs[i].sign)) == 0) {
            f->compare = signs[i].compare;
            p += strlen(signs[i].sign);
            break;
        }
    p += strspn(p, " ");
    errno = 0;
    f->count = strtoull(p, &end, 10);
    if (*p < '0' || *p > '9' || *end || errno)
        return err_set(e, ERR_USAGE,
                       "option --count: '%s' is not a number, with >=, >, =, < "
                       "or <= before it",
                       text);
    return 0;
}

static int read_newer(struct file *f, struct err *e)
{
    const char *text = f->base.opts->newer_than;
    struct stat st;
    int64_t us;
    f->newer = true;
    if (time_parse(str_of(text), f->base.opts->tz, &us)) {
        int64_t in_s = us % 1000000 + (us % 1000000 < 0 ? 1000000 : 0);
        f->than = (struct timespec){ (us - in_s) / 1000000, in_s * 1000 };
        return 0;
    }
    if (stat(text, &st))
        return err_sys(e, ERR_IO, errno,
                       "option --newer-than: '%s' is no time, and as a file",
                       text);
    f->than = st.st_mtim;
    return 0;
}

static int file_open(struct sensor *s, struct err *e)
{
    struct file *f = (struct file *)s;
    const struct sensor_opts *o = s->opts;
    bool literal = strncmp(s->uri, "file:", 5) == 0;
    f->path = literal ? s->uri + 5 : s->uri;
    f->glob = !literal && strpbrk(f->path, "*?[");
    f->count = 1;
    f->since_ms = -1;
    if (!*f->path)
        return err_set(e, ERR_USAGE, "'%s' names no file", s->uri);
    if (o->marker && (!*o->marker || strchr(o->marker, '/')))
        return err_set(e, ERR_USAGE, "option --marker: '%s' is no file's name",
                       o->marker);
    if (o->count && !f->glob)
        return err_set(e, ERR_USAGE,
                       "option --count is for patterns, and '%s' is none",
                       s->uri);
    return (o->count && read_count(f, o->count, e)) ||
                   (o->newer_than && read_newer(f, e))
               ? -1
               : 0;
}

static void file_close(struct sensor *s)
{
    (void)s;
}

/* ---- look ---- */

/* 1 with st; 0: it is not there; -1. */
static int look_at(const char *path, struct stat *st, struct err *e)
{
    if (stat(path, st) == 0)
        return 1;
    /* ESTALE: a server of files has moved it just now. */
    if (errno == ENOENT || errno == ESTALE)
        return 0;
    return err_sys(e, errno == ENOTDIR ? ERR_NOINPUT : ERR_IO, errno,
                   "cannot look at '%s'", path);
}

static bool is_after(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec
                                  : a->tv_nsec > b->tv_nsec;
}

/* What is wrong with a file that is there. 1: nothing. */
static int is_good(const struct file *f, const char *path,
                   const struct stat *st, struct buf *flaw)
{
    const struct sensor_opts *o = f->base.opts;
    buf_reset(flaw);
    if (o->min_size && !S_ISREG(st->st_mode))
        buf_addf(flaw, "'%s' is no regular file", path);
    else if (o->min_size && (uint64_t)st->st_size < o->min_size)
        buf_addf(flaw, "'%s' has %jd of %" PRIu64 " bytes", path,
                 (intmax_t)st->st_size, o->min_size);
    else if (f->newer && !is_after(&st->st_mtim, &f->than))
        buf_addf(flaw, "'%s' is not newer than '%s'", path, o->newer_than);
    else
        return 1;
    return 0;
}

static int take(const struct file *f, const char *path, struct finding *found,
                struct err *e)
{
    struct buf marker = { .max = 65536 };
    struct stat st;
    found->all++;
    if (f->base.opts->marker) {
        buf_addf(&marker, "%s/%s", path, f->base.opts->marker);
        if (!(path = buf_z(&marker)))
            return err_nomem(e);
    }
    int r = look_at(path, &st, e);
    if (r == 0) {
        buf_reset(found->flaw);
        buf_addf(found->flaw, "'%s' is not there", path);
    } else if (r > 0 && is_good(f, path, &st, found->flaw)) {
        const int64_t facts[] = { (int64_t)st.st_ino, (int64_t)st.st_size,
                                  (int64_t)st.st_mtim.tv_sec,
                                  (int64_t)st.st_mtim.tv_nsec };
        found->good++;
        XXH3_128bits_update(found->hash, path, strlen(path) + 1);
        XXH3_128bits_update(found->hash, facts, sizeof(facts));
    }
    buf_free(&marker);
    return r < 0 ? -1 : 0;
}

static int glob_errno; /* of a folder that cannot be read */

static int note_error(const char *path, int error)
{
    (void)path;
    /* A pattern may lead through what is no folder, or is gone. */
    if (error == ENOENT || error == ENOTDIR)
        return 0;
    glob_errno = error;
    return 1;
}

static int take_all(const struct file *f, struct finding *found, struct err *e)
{
    glob_t g = { 0 };
    glob_errno = 0;
    int r = glob(f->path, GLOB_ERR, note_error, &g);
    int bad = 0;
    if (r == GLOB_NOSPACE)
        bad = err_nomem(e);
    else if (r == GLOB_ABORTED)
        bad = err_sys(e, ERR_IO, glob_errno ? glob_errno : EIO,
                      "cannot look for '%s'", f->path);
    for (size_t i = 0; r == 0 && !bad && i < g.gl_pathc; i++)
        bad = take(f, g.gl_pathv[i], found, e);
    globfree(&g);
    return bad;
}

static bool is_enough(const struct file *f, uint64_t n)
{
    switch (f->compare) {
    case AT_MOST: return n <= f->count;
    case EXACTLY: return n == f->count;
    case MORE: return n > f->count;
    case LESS: return n < f->count;
    case AT_LEAST: break;
    }
    return n >= f->count;
}

/* It is as wanted: for long enough? */
static int settle(struct file *f, struct hash128 now, struct err *e)
{
    uint64_t stable = f->base.opts->stable_ms;
    int64_t ms = clock_ms();
    if (!stable)
        return 1;
    if (f->since_ms < 0 || now.lo != f->seen.lo || now.hi != f->seen.hi) {
        f->seen = now;
        f->since_ms = ms;
    }
    uint64_t passed = (uint64_t)(ms - f->since_ms);
    if (passed >= stable)
        return 1;
    f->base.settling = true;
    f->base.rest_ms = stable - passed;
    return sensor_lacks(
        &f->base, e, "'%s' has been as it is for %" PRIu64 " of %" PRIu64 " ms",
        f->path, passed, stable);
}

static int judge(struct file *f, const struct finding *found, struct err *e)
{
    if (is_enough(f, found->good)) {
        XXH128_hash_t h = XXH3_128bits_digest(found->hash);
        return settle(f, (struct hash128){ h.low64, h.high64 }, e);
    }
    f->since_ms = -1;
    if (!f->glob)
        return sensor_lacks(&f->base, e, "%s", buf_z(found->flaw));
    const char *wanted = f->base.opts->count ? f->base.opts->count : ">=1";
    return sensor_lacks(
        &f->base, e, "'%s' matches %" PRIu64 " file%s%s, wanted %s", f->path,
        found->good, found->good == 1 ? "" : "s",
        found->all > found->good ? " as they should be" : "", wanted);
}

static int file_look(struct sensor *s, struct err *e)
{
    struct file *f = (struct file *)s;
    struct buf flaw = { .max = 65536 };
    struct finding found = { .hash = XXH3_createState(), .flaw = &flaw };
    if (!found.hash)
        return err_nomem(e);
    XXH3_128bits_reset(found.hash);
    int r = f->glob ? take_all(f, &found, e) : take(f, f->path, &found, e);
    if (r == 0)
        r = flaw.failed ? err_nomem(e) : judge(f, &found, e);
    XXH3_freeState(found.hash);
    buf_free(&flaw);
    return r;
}

/* ---- where it may happen ---- */

/* The nearest folder above that is there. */
static void watch_above(char *path, void (*watch)(void *, const char *),
                        void *context)
{
    struct stat st;
    for (;;) {
        char *slash = strrchr(path, '/');
        if (!slash) {
            watch(context, ".");
            return;
        }
        while (slash > path && slash[-1] == '/')
            slash--;
        slash[slash == path] = '\0'; /* "/" stays */
        if (stat(path, &st) == 0 || strcmp(path, "/") == 0) {
            watch(context, path);
            return;
        }
    }
}

#define FOLDERS_MAX 256 /* that a pattern names, and are watched */

/* Folders that match what stands before the last slash. */
static void watch_matches(const char *path, void (*watch)(void *, const char *),
                          void *context)
{
    glob_t g = { 0 };
    char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash && slash != folder) {
        *slash = '\0';
        if (strpbrk(folder, "*?[") &&
            glob(folder, GLOB_ONLYDIR | GLOB_NOSORT, NULL, &g) == 0)
            for (size_t i = 0; i < g.gl_pathc && i < FOLDERS_MAX; i++)
                watch(context, g.gl_pathv[i]);
    }
    globfree(&g);
    free(folder);
}

static void file_places(struct sensor *s, void (*watch)(void *, const char *),
                        void *context)
{
    const struct file *f = (const struct file *)s;
    const char *marker = s->opts->marker;
    struct buf path = { .max = 65536 };
    buf_addf(&path, "%s%s%s", f->path, marker ? "/" : "", marker ? marker : "");
    if (f->glob && !path.failed && buf_z(&path))
        watch_matches(path.p, watch, context);
    /* What stands before the first character of a pattern. */
    size_t n = f->glob ? strcspn(f->path, "*?[") : path.n;
    if (!path.failed && buf_z(&path)) {
        path.p[n] = '\0';
        watch_above(path.p, watch, context);
    }
    buf_free(&path);
}

static const char *const prefixes[] = { "file:", NULL };

const struct sensor_kind file_sensor = {
    .bit = SENSOR_FILE,
    .prefixes = prefixes,
    .size = sizeof(struct file),
    .open = file_open,
    .look = file_look,
    .close = file_close,
    .places = file_places,
};
