/* --show-state: what is committed, a record for each position. */
#include "extract.h"
#include "json/value.h"
#include "position/stored.h"
#include "run/kept.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int show(struct extract *x, const struct positions *ps, bool pending)
{
    struct stage *st = x->st;
    struct buf *b = &x->text;
    for (size_t i = 0; i < ps->n; i++) {
        const struct position *p = &ps->v[i];
        buf_reset(b);
        buf_addz(b, "{\"pipeline\":");
        json_quote(b, str_of(st->opts.pipeline));
        buf_addz(b, ",\"source\":");
        json_quote(b, ps->source);
        buf_addz(b, ",\"partition\":");
        json_quote(b, p->partition);
        buf_addf(b, ",\"kind\":\"%s\",\"value\":", position_kinds[p->kind]);
        buf_add_str(b, p->value.n ? p->value : STR("null"));
        buf_addf(b, ",\"ties\":%zu%s}", p->n_ties,
                 pending ? ",\"pending\":true" : "");
        if (b->failed)
            return err_nomem(&st->err);
        st->counts.in++;
        if (stage_pass(st, buf_str(b)))
            return -1;
    }
    return 0;
}

/* Those of an operand, whatever tables of it were read; of --source-name; or
 * all. */
static bool is_wanted(const struct extract *x, struct str source)
{
    const struct stage *st = x->st;
    const char *name = x->track_opts.source_name;
    bool wanted = name ? str_eq(source, str_of(name)) : st->argc == 0;
    for (int i = 0; !name && i < st->argc; i++) {
        struct str at = str_of(st->argv[i]);
        wanted |=
            str_eq(source, at) || (source.n > at.n && source.p[at.n] == '#' &&
                                   memcmp(source.p, at.p, at.n) == 0);
    }
    return wanted;
}

/* ---- of a ledger ---- */

static int show_stored(struct extract *x, const char *source)
{
    struct stage *st = x->st;
    struct positions ps;
    int r = positions_init(&ps, str_of(source), &st->err);
    if (r == 0)
        r = stored_read(x->track_opts.resume_from, st->opts.pipeline, &ps,
                        st->cmd->name, stage_stopping, &st->err);
    if (r == 0)
        r = show(x, &ps, false);
    positions_free(&ps);
    return r;
}

static int show_ledger(struct extract *x)
{
    struct stage *st = x->st;
    struct buf names = { 0 };
    int r = stored_sources(x->track_opts.resume_from, st->opts.pipeline, &names,
                           st->cmd->name, stage_stopping, &st->err);
    for (size_t i = 0; r == 0 && i < names.n; i += strlen(names.p + i) + 1)
        if (is_wanted(x, str_of(names.p + i)))
            r = show_stored(x, names.p + i);
    buf_free(&names);
    return r;
}

/* ---- of the state directory ---- */

static int show_file(struct extract *x, const char *path)
{
    struct kept k = { 0 };
    int r = kept_read(&k, path, &x->st->err);
    if (r > 0 && is_wanted(x, k.committed.source))
        r = show(x, &k.committed, false) || show(x, &k.pending, true) ? -1 : 0;
    kept_free(&k);
    return r < 0 ? -1 : 0;
}

static int is_json(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static int show_folder(struct extract *x, struct buf *path)
{
    struct stage *st = x->st;
    struct dirent **v;
    size_t at = path->n;
    int n = scandir(path->p, &v, is_json, alphasort), r = 0;
    if (n < 0)
        return errno == ENOENT ? 0
                               : err_sys(&st->err, ERR_IO, errno,
                                         "cannot read '%s'", path->p);
    for (int i = 0; i < n; i++) {
        path->n = at;
        buf_addf(path, "/%s", v[i]->d_name);
        if (r == 0)
            r = buf_z(path) ? show_file(x, path->p) : err_nomem(&st->err);
        free(v[i]);
    }
    free(v);
    return r;
}

/* Positions that were looked for in the wrong place look like none. */
static void note_nothing(struct extract *x)
{
    struct stage *st = x->st;
    const char *ledger = x->track_opts.resume_from;
    const char *source = x->track_opts.source_name;
    if (!source && st->argc == 1)
        source = st->argv[0];
    stage_note(st, "nothing of %s%s%s is committed in pipeline '%s', says %s",
               source ? "'" : "",
               source     ? source
               : st->argc ? "these sources"
                          : "any source",
               source ? "'" : "", st->opts.pipeline,
               ledger ? ledger
                      : "the state directory (--resume-from LEDGER asks a "
                        "target)");
}

int show_state(struct extract *x)
{
    struct stage *st = x->st;
    struct buf path = { .max = 65536 };
    if (!st->opts.pipeline)
        return err_set(&st->err, ERR_USAGE,
                       "--show-state wants --pipeline: positions are kept by "
                       "its name");
    int r =
        x->track_opts.resume_from ? show_ledger(x) : stage_state_dir(st, &path);
    if (r == 0 && !x->track_opts.resume_from) {
        buf_addf(&path, "/positions/%s", st->opts.pipeline);
        r = buf_z(&path) ? show_folder(x, &path) : err_nomem(&st->err);
    }
    buf_free(&path);
    if (r == 0 && st->counts.in == 0)
        note_nothing(x);
    return r;
}
