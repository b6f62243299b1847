#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- all */

int events_read(struct stage *st, struct events *ev, int64_t since_us)
{
    *ev = (struct events){ .g = graph_new() };
    if (!ev->g)
        return err_nomem(&st->err);
    if (st->opts.verbose)
        graph_keep_stages(ev->g);
    return take_all(st, ev) || graph_end(ev->g, since_us, &st->err) ? -1 : 0;
}

void events_free(struct events *ev)
{
    graph_free(ev->g);
    for (size_t i = 0; i < ev->n; i++)
        munmap(ev->maps[i].p, ev->maps[i].n);
    free(ev->maps);
    *ev = (struct events){ 0 };
}
