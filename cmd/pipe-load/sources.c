/* Where the records come from: positions that the ledger keeps with the load.
 *
 * They come with the records, in the field _src, or, under pipe-run, in a
 * folder of the run, which pipe-extract has filled before its stream ended. */
#include "base/arena.h"
#include "json/check.h"
#include "json/value.h"
#include "load.h"
#include "run/pending.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#define POSITIONS_MAX ((size_t)64 << 20)

static struct positions *source_at(struct sources *s, struct str name,
                                   struct err *e)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->v[i].source, name))
            return &s->v[i];
    struct positions *v = realloc(s->v, (s->n + 1) * sizeof(*v));
    if (!v) {
        err_nomem(e);
        return NULL;
    }
    s->v = v;
    s->v[s->n] = (struct positions){ 0 };
    return positions_init(&s->v[s->n], name, e) ? NULL : &s->v[s->n++];
}

/* The frontier of a source's cursor: it has one partition. */
static struct frontier *frontier_at(struct sources *s, size_t source,
                                    struct err *e)
{
    if (source >= s->n_frontiers) {
        struct frontier *f = realloc(s->frontiers, (source + 1) * sizeof(*f));
        if (!f) {
            err_nomem(e);
            return NULL;
        }
        memset(f + s->n_frontiers, 0,
               (source + 1 - s->n_frontiers) * sizeof(*f));
        s->frontiers = f;
        s->n_frontiers = source + 1;
    }
    return &s->frontiers[source];
}

/* ---- with the records ---- */

static int note(struct sources *s, const struct srcmark *m, struct err *e)
{
    struct positions *ps = source_at(s, m->source, e);
    struct position *p = ps ? positions_at(ps, m->partition, e) : NULL;
    bool order;
    if (!p)
        return -1;
    if (!p->value.n && !p->from.n) { /* the first one: what it went on from */
        p->rewind = m->rewind;
        if (m->from.n &&
            (position_set(p, m->kind, m->from, e) || position_take_from(p, e)))
            return -1;
    }
    s->within = m->cursor || !m->value.n;
    if (m->cursor) {
        struct frontier *f = frontier_at(s, (size_t)(ps - s->v), e);
        if (!f)
            return -1;
        f->lag = m->lag;
        return frontier_take(f, p, m->kind, m->value, m->tie, e);
    }
    if (s->within)
        return 0;
    int c = p->value.n ? position_cmp(m->kind, m->value, p->value, &order) : 1;
    s->within = c == 0 && order;
    return c > 0 || (c == 0 && !order) ? position_set(p, m->kind, m->value, e)
                                       : 0;
}

int sources_take(struct stage *st, struct load *l, struct record *rec)
{
    struct sources *s = &l->sources;
    struct srcmark m;
    struct str rest;
    size_t n;
    /* Where the first record had none it is a field like any, but for one that
     * is as pipe-extract writes it: a source with positions may come second. */
    bool everywhere = !s->looked || s->marked;
    int found = srcmark_find(rec->text, everywhere, &m, &n, &rest, &s->scratch,
                             &st->err);
    if (found < 0)
        return -1;
    s->looked = true;
    if (!found)
        return 0;
    s->marked = true;
    if (!sink_has(l->sink, SINK_POSITIONS))
        return err_set(&st->err, ERR_USAGE,
                       "records carry positions (_src), which target '%s' "
                       "cannot keep: run the pipeline by pipe-run",
                       l->spec.uri);
    if (!st->opts.pipeline)
        return err_set(&st->err, ERR_USAGE,
                       "records carry positions (_src), which are kept by "
                       "--pipeline: name it as for pipe-extract, or set "
                       "PIPE_PIPELINE for both");
    if (note(s, &m, &st->err))
        return -1;
    /* The reader's memory is ours until the next read. */
    memmove((char *)(uintptr_t)rec->text.p + n, rest.p, rest.n);
    rec->text.n = n + rest.n;
    rec->shaped = NULL;
    rec->feed = false;
    return 0;
}

/* ---- in the run's folder ---- */

static int read_file(struct sources *s, const char *path, struct err *e)
{
    struct buf text = { .max = POSITIONS_MAX }, scratch = { 0 };
    struct json_fault fault;
    struct positions *ps = NULL;
    struct str name;
    int r = state_read(path, POSITIONS_MAX, &text, e);
    struct str json = buf_str(&text);
    if (r > 0) {
        r = -1;
        struct val source = json_get(json_val(json), STR("source"));
        if (json_check_object(json, JSON_DEPTH_DEFAULT, &fault) ||
            source.type != JSON_STRING)
            err_set(e, ERR_DATA, "'%s' is damaged", path);
        else if (json_string(source, &scratch, &name))
            err_nomem(e);
        else if ((ps = source_at(s, name, e)))
            r = positions_read(ps, json, e);
    }
    buf_free(&text);
    buf_free(&scratch);
    return r;
}

static int read_folder(struct sources *s, const char *path, struct err *e)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    int r = 0;
    if (!d)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    while (r == 0 && (entry = readdir(d))) {
        struct buf file = { .max = 65536 };
        size_t n = strlen(entry->d_name);
        if (n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0) {
            buf_addf(&file, "%s/%s", path, entry->d_name);
            r = buf_z(&file) ? read_file(s, file.p, e) : err_nomem(e);
        }
        buf_free(&file);
    }
    closedir(d);
    return r;
}

int sources_gather(struct stage *st, struct load *l)
{
    struct sources *s = &l->sources;
    const char *dir = getenv("PIPE_RUN_DIR");
    struct buf path = { .max = 65536 };
    int r = 0;
    for (size_t i = 0; i < s->n_frontiers && r == 0; i++)
        if (s->v[i].n)
            r = frontier_settle(&s->frontiers[i], &s->v[i].v[0], &st->err);
    if (r || s->marked || !dir || !stage_gated(st))
        return r;
    buf_addf(&path, "%s/positions", dir);
    r = buf_z(&path) ? read_folder(s, path.p, &st->err) : err_nomem(&st->err);
    buf_free(&path);
    return r;
}

int sources_leave(struct stage *st)
{
    const char *dir = getenv("PIPE_RUN_DIR");
    return dir && *dir && stage_gated(st) ? pending_void(dir, &st->err) : 0;
}

int sources_committed(struct sources *s, struct err *e)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->v[i].n; k++) {
            s->v[i].v[k].rewind = false;
            if (position_take_from(&s->v[i].v[k], e))
                return -1;
        }
    return 0;
}

void sources_hash(const struct sources *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->v[i].n; k++) {
            const struct position *p = &s->v[i].v[k];
            buf_add_str(out, s->v[i].source);
            buf_addc(out, '\0');
            buf_add_str(out, p->partition);
            buf_addc(out, '\0');
            buf_add_str(out, p->from);
            buf_addc(out, '\0');
        }
}

void sources_free(struct sources *s)
{
    for (size_t i = 0; i < s->n; i++)
        positions_free(&s->v[i]);
    for (size_t i = 0; i < s->n_frontiers; i++)
        frontier_free(&s->frontiers[i]);
    free(s->v);
    free(s->frontiers);
    buf_free(&s->scratch);
    *s = (struct sources){ 0 };
}
