/* pipe-report impact: what a dataset, or a column of one, has reached. */
#include "impact.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Events in memory as they stand in their files. */
struct events {
    struct graph *g;
    struct {
        void *p;
        size_t n;
    } * maps; /* owned */
    size_t n;
};

/* ---- where they are */

/* Appends the pattern of the files' names: a day stands for any. 0 or -1. */
static int find_files(struct stage *st, struct buf *pattern)
{
    const char *given = st->opts.lineage;
    if (given && (strncmp(given, "http://", 7) == 0 ||
                  strncmp(given, "https://", 8) == 0))
        return err_set(&st->err, ERR_USAGE,
                       "events that were posted to '%s' are to be asked for "
                       "there: --lineage FILE",
                       given);
    if (!given) {
        const char *state = where_state(st, pattern);
        return state && buf_addz(pattern, "/lineage.ndjson") == 0 ? 0 : -1;
    }
    if (strncmp(given, "file:", 5) == 0)
        given += strncmp(given, "file:///", 8) == 0 ? 7 : 5;
    for (const char *p = given; *p; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (strchr("*?[\\", *p))
            buf_addc(pattern, '\\');
        buf_addc(pattern, end ? '*' : *p);
        p = end ? end : p;
    }
    return pattern->failed ? err_nomem(&st->err) : 0;
}

/* ---- reading */

/* A line without LF may still be written: it counts if it is whole. */
static int take_lines(struct stage *st, struct events *ev, struct str text)
{
    while (text.n) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t n = lf ? (size_t)(lf - text.p) : text.n;
        if (graph_take(ev->g, (struct str){ text.p, n }) < 0)
            return err_nomem(&st->err);
        n += lf != NULL;
        text = (struct str){ text.p + n, text.n - n };
        if (stage_stopping())
            return err_set(&st->err, ERR_TEMPFAIL, "stopped by a signal");
    }
    return 0;
}

static int take_file(struct stage *st, struct events *ev, const char *path)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0)
        err_sys(&st->err, errno == ENOENT ? ERR_NOINPUT : ERR_IO, errno,
                "cannot read events of '%s'", path);
    else if (!S_ISREG(s.st_mode))
        err_set(&st->err, ERR_USAGE, "'%s' is no file", path);
    void *p = MAP_FAILED;
    if (st->err.code == ERR_NONE && s.st_size > 0) {
        p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            err_sys(&st->err, ERR_IO, errno, "cannot read '%s'", path);
    }
    if (fd >= 0)
        close(fd);
    if (p == MAP_FAILED)
        return st->err.code == ERR_NONE ? 0 : -1;
    void *maps = realloc(ev->maps, (ev->n + 1) * sizeof(*ev->maps));
    if (!maps) {
        munmap(p, (size_t)s.st_size);
        return err_nomem(&st->err);
    }
    ev->maps = maps;
    ev->maps[ev->n].p = p;
    ev->maps[ev->n++].n = (size_t)s.st_size;
    (void)madvise(p, (size_t)s.st_size, MADV_SEQUENTIAL);
    return take_lines(st, ev, (struct str){ p, (size_t)s.st_size });
}

static int take_all(struct stage *st, struct events *ev)
{
    struct buf pattern = { .max = 65536 };
    glob_t found = { 0 };
    int r = find_files(st, &pattern);
    if (r == 0 && !buf_z(&pattern))
        r = err_nomem(&st->err);
    if (r == 0 && st->opts.lineage && glob(pattern.p, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
            r = take_file(st, ev, found.gl_pathv[i]);
    else if (r == 0)
        r = take_file(st, ev, st->opts.lineage ? st->opts.lineage : pattern.p);
    globfree(&found);
    buf_free(&pattern);
    return r;
}

/* ---- the subcommand */

static int print(struct stage *st, const struct args *a,
                 const struct events *ev, const struct walk *w)
{
    if (w->cut)
        stage_warn(st, "only the first %d places are told", WALK_NODES_MAX);
    if (a->format && strcmp(a->format, "dot") == 0)
        return impact_dot(st, ev->g, w, a->upstream);
    return (wants_json(a) ? impact_json : impact_text)(st, ev->g, w,
                                                       a->upstream);
}

static int walk(struct stage *st, const struct args *a, const struct events *ev,
                const char *text)
{
    struct walk w = { 0 };
    struct str column;
    uint32_t dataset;
    int found = impact_find(ev->g, text, &dataset, &column, &st->err);
    if (found > 0)
        stage_warn(st,
                   "no event names a column '%.*s' of '%.*s'; it goes where "
                   "all others go",
                   STR_ARG(column), (int)(column.p - 1 - text), text);
    int r = found < 0 ||
            walk_from(&w, ev->g, dataset, column, a->upstream, &st->err) ||
            print(st, a, ev, &w);
    walk_free(&w);
    return r ? -1 : 0;
}

int report_impact(struct stage *st, const struct args *a)
{
    struct events ev = { .g = graph_new() };
    int64_t since, until;
    if (st->argc < 2)
        return err_set(&st->err, ERR_USAGE,
                       "a dataset is wanted: a file, sqlite:FILE#TABLE, "
                       "postgresql://HOST/DB#TABLE, or a name; .COLUMN behind "
                       "it");
    int r = !ev.g ? err_nomem(&st->err) : where_bounds(st, a, &since, &until);
    if (r == 0)
        r = take_all(st, &ev) || graph_end(ev.g, since, &st->err) ? -1 : 0;
    for (int i = 1; i < st->argc && r == 0; i++)
        r = walk(st, a, &ev, st->argv[i]);
    graph_free(ev.g);
    for (size_t i = 0; i < ev.n; i++)
        munmap(ev.maps[i].p, ev.maps[i].n);
    free(ev.maps);
    return r;
}
