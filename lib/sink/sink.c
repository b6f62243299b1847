#include "sink/sink.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int unknown_target(const char *uri, struct err *e)
{
    struct buf known = { .max = 4096 };
    const struct sink_type *const *t = sink_connectors;
    for (size_t i = 0; t[i]; i++)
        buf_addf(&known, "%s%s",
                 i == 0      ? ""
                 : !t[i + 1] ? " or "
                             : ", ",
                 t[i]->usage);
    err_set(e, ERR_USAGE, "target '%s' is not %s", uri,
            buf_z(&known) ? known.p : "known");
    buf_free(&known);
    return -1;
}

static int refuse_feature(const struct sink_type *t, const char *what,
                          struct err *e)
{
    return err_set(e, ERR_USAGE, "target %s has no %s", t->usage, what);
}

static int check_features(const struct sink_type *t,
                          const struct sink_spec *spec, struct err *e)
{
    if (!(t->modes & SINK_MODE(spec->mode)))
        return err_set(e, ERR_USAGE, "target %s has no mode %s", t->usage,
                       spec->mode_name);
    if (spec->range_to.n && !(t->features & SINK_RANGES))
        return refuse_feature(t, "--range", e);
    if (spec->latest_view && !(t->features & SINK_VIEWS))
        return refuse_feature(t, "--latest-view", e);
    if (spec->n_columns && !(t->features & SINK_SCHEMAS))
        return refuse_feature(t, "--schema", e);
    if (spec->n_audit && !(t->features & SINK_AUDITS))
        return refuse_feature(t, "--audit", e);
    if (spec->batches && !(t->features & SINK_BATCHES))
        return refuse_feature(t, "--batch", e);
    return 0;
}

/* The type that the URI names; NULL with e. */
static const struct sink_type *find_type(const char *uri, struct err *e)
{
    const char *colon = strchr(uri, ':');
    size_t n = colon ? (size_t)(colon - uri) : 0;
    for (const struct sink_type *const *t = sink_connectors; *t; t++)
        if (n == strlen((*t)->scheme) && memcmp(uri, (*t)->scheme, n) == 0)
            return *t;
    unknown_target(uri, e);
    return NULL;
}

int sink_check(const struct sink_spec *spec, struct err *e)
{
    const struct sink_type *t = find_type(spec->uri, e);
    return !t || check_features(t, spec, e) || (t->check && t->check(spec, e))
               ? -1
               : 0;
}

void sink_spell(const char *uri, const char *table, struct buf *out)
{
    struct err unknown = { 0 };
    const struct sink_type *t = find_type(uri, &unknown);
    if (t && t->spell)
        t->spell(table, out);
    else
        buf_addz(out, table);
}

void sink_spell_folded(const char *table, struct buf *out)
{
    for (; *table; table++)
        buf_addc(out,
                 (char)(*table >= 'A' && *table <= 'Z' ? *table + 32 : *table));
}

int sink_look_for_file(const struct sink_spec *spec, const char *path,
                       struct err *e)
{
    if (access(path, F_OK) == 0)
        return 0;
    if (!spec->create)
        return err_sys(e, ERR_IO, errno, "cannot open '%s' (--create makes it)",
                       path);
    char *copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    int r = access(dirname(copy), W_OK | X_OK);
    int saved = errno;
    free(copy);
    if (r != 0)
        return err_sys(e, ERR_CANTCREAT, saved, "cannot create '%s'", path);
    return 1;
}

struct sink *sink_open(const struct sink_spec *spec, struct err *e)
{
    if (sink_check(spec, e))
        return NULL;
    return find_type(spec->uri, e)->open(spec, e);
}

int sink_begin(struct sink *s, struct err *e)
{
    s->ignored = 0;
    return s->type->begin(s, e);
}

int sink_write(struct sink *s, const struct sink_record *r, struct err *e)
{
    return s->type->write(s, r, e);
}

int sink_flush(struct sink *s, struct err *e)
{
    return s->type->flush ? s->type->flush(s, e) : 0;
}

int sink_apply(struct sink *s, struct err *e)
{
    return s->type->apply ? s->type->apply(s, e) : 0;
}

int sink_group(struct sink *s, enum sink_group what, struct err *e)
{
    if (s->type->group)
        return s->type->group(s, what, e);
    return what == SINK_GROUP_UNDO
               ? err_set(e, ERR_DATA,
                         "target %s refused a change of several, and cannot "
                         "undo the others",
                         s->type->usage)
               : 0;
}

bool sink_has(const struct sink *s, unsigned feature)
{
    return (s->type->features & feature) != 0;
}

bool sink_offers(const char *uri, unsigned feature)
{
    struct err unknown = { 0 };
    const struct sink_type *t = find_type(uri, &unknown);
    return t && (t->features & feature) != 0;
}

uint64_t sink_ignored(const struct sink *s)
{
    return s->ignored;
}

int sink_prepare(struct sink *s, const struct sink_run *run,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e)
{
    return s->type->prepare(s, run, outcome, previous, e);
}

int sink_resume(struct sink *s, const struct sink_run *run,
                struct sink_position *at, struct err *e)
{
    *at = (struct sink_position){ 0 };
    return s->type->resume(s, run, at, e);
}

int sink_commit(struct sink *s, struct err *e)
{
    return s->type->commit(s, e);
}

void sink_close(struct sink *s)
{
    if (s)
        s->type->close(s);
}

int sink_committed(const struct sink_spec *target, const struct sink_run *run,
                   struct err *e)
{
    const struct sink_spec spec = {
        .uri = target->uri,
        .target = target->target,
        .table = target->table,
        .mode = SINK_APPEND, /* every target has it */
        .mode_name = "append",
        .create = true,  /* what is not there is no error... */
        .dry_run = true, /* ...and stays away */
        .now = "1970-01-01T00:00:00Z",
        .lock_timeout_ms = target->lock_timeout_ms,
        .tmpdir = target->tmpdir,
        .input = -1,
        .stop = target->stop,
    };
    struct sink_position at = { 0 };
    struct sink *s = sink_open(&spec, e);
    int r = !s || sink_begin(s, e) || sink_resume(s, run, &at, e) ? -1 : 0;
    sink_close(s);
    return r ? -1 : at.found && strcmp(at.input_hash, run->input_hash) == 0;
}

bool sink_looks_at_all(const struct sink_spec *spec)
{
    return spec->mode == SINK_APPEND || spec->mode == SINK_CDC;
}

bool sink_is_own(const struct sink_spec *spec, const struct sink_run *run,
                 const struct sink_owner *row)
{
    if (strcmp(row->pipeline, run->pipeline) != 0 ||
        strcmp(row->run_id, run->run_id) != 0)
        return false;
    return sink_looks_at_all(spec) ||
           (strcmp(row->mode, spec->mode_name) == 0 &&
            strcmp(row->partition, run->partition) == 0);
}

int sink_refusef(struct sink_refusal *why, const char *code, struct str column,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->message, sizeof(why->message), fmt, ap);
    va_end(ap);
    why->code = code;
    why->column = column;
    return 0;
}
