#include "reference.h"

#include "cache.h"
#include "json/check.h"
#include "source/files.h"
#include "source/query.h"
#include "source/source.h"

#include <stdio.h>

/* What the options come to. */
struct reading {
    struct stage *st;
    struct join *j;
    const struct reference_opts *opts;
    struct source_opts source;
    struct types types;
    struct source_query query;
    struct buf sql;
    bool from_cache; /* the first record is the cache's own */
};

/* Puts where it happened in front of why. */
static int fail_at(struct stage *st, const char *uri, uint64_t line)
{
    struct err why = st->err;
    st->err = (struct err){ 0 };
    if (!line)
        return err_set(&st->err, why.code, "'%s': %s", uri, why.msg);
    return err_set(&st->err, why.code, "'%s', line %llu: %s", uri,
                   (unsigned long long)line, why.msg);
}

static int add_record(struct reading *r, const char *uri, struct str text,
                      uint64_t line)
{
    if (r->from_cache && line == 1)
        return 0;
    return join_add(r->j, text, &r->st->err) ? fail_at(r->st, uri, line) : 0;
}

/* Records that stand together, LF behind each. */
static int add_records(struct reading *r, const char *uri,
                       const struct source_item *item)
{
    struct str rest = item->text;
    for (uint64_t line = item->line; rest.n; line += line > 0) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
        if (n && add_record(r, uri, (struct str){ rest.p, n }, line))
            return -1;
        rest.p += n + (lf != NULL);
        rest.n -= n + (lf != NULL);
    }
    return 0;
}

/* A reference with holes would look like one without matches. */
static int refuse(struct stage *st, const char *uri,
                  const struct source_item *item)
{
    const struct source_fault *f = &item->faults[0];
    err_set(&st->err, ERR_DATA, "not a record: %.*s%s%.*s", STR_ARG(f->path),
            f->path.n ? " " : "", STR_ARG(f->message));
    return fail_at(st, uri, item->line);
}

static int add_item(struct reading *r, const char *uri,
                    const struct source_item *item)
{
    struct json_fault f;
    struct err *e = &r->st->err;
    switch (item->kind) {
    case SOURCE_RECORDS: return add_records(r, uri, item);
    case SOURCE_UNCHECKED:
        if (json_check_object(item->text, r->source.max_depth, &f) == 0)
            break;
        err_set(e, ERR_DATA, "not a record: %s at byte %zu", f.why,
                f.offset + 1);
        return fail_at(r->st, uri, item->line);
    case SOURCE_REJECT: return refuse(r->st, uri, item);
    case SOURCE_RECORD: break;
    }
    return add_record(r, uri, item->text, item->line);
}

static int read_source(struct reading *r, struct source *s, const char *uri)
{
    struct source_item item;
    int got;
    while ((got = source_next(s, &item, &r->st->err)) > 0)
        if (stage_tick(r->st) || add_item(r, uri, &item))
            return -1;
    return got;
}

static int read_file(struct reading *r, const char *path)
{
    struct stage *st = r->st;
    struct source *s = NULL;
    struct input in;
    if (input_open(&in, path, &st->err))
        return -1;
    in.limits.max_ratio = 1000;
    stage_watch(st, &in);
    int got = source_open(&s, &in, &r->source, &st->err)
                  ? -1
                  : read_source(r, s, path);
    source_close(s);
    input_close(&in);
    return got;
}

static int read_files(struct reading *r, const char *uri)
{
    struct files files = { 0 };
    int got = strcmp(uri, "-") == 0
                  ? err_set(&r->st->err, ERR_USAGE,
                            "the reference cannot be stdin: the records to be "
                            "joined come from there")
                  : files_add(&files, uri, NULL, &r->st->err);
    for (size_t i = 0; got == 0 && i < files.n; i++) {
        stage_input(r->st, files.v[i].path);
        stage_input_side(r->st);
        got = read_file(r, files.v[i].path);
        stage_input_end(r->st);
    }
    files_free(&files);
    return got;
}

/* ---- databases ---- */

/* The item's records without the last line end. */
static struct str whole_lines(const struct source_item *item)
{
    struct str text = item->text;
    text.n -= item->kind == SOURCE_RECORDS && text.n > 0;
    return text;
}

/* Fetches all rows into the cache, which is then as new. */
static int fetch(struct reading *r, const char *uri, struct cache *c)
{
    struct stage *st = r->st;
    struct source *s = NULL;
    struct source_item item;
    int got = source_connect(&s, uri, &r->source, &st->err) ||
                      cache_begin(c, &st->err)
                  ? -1
                  : 1;
    while (got > 0 && (got = source_next(s, &item, &st->err)) > 0) {
        if (item.kind == SOURCE_REJECT)
            got = refuse(st, uri, &item);
        else if (stage_tick(st) || cache_add(c, whole_lines(&item), &st->err))
            got = -1;
    }
    source_close(s);
    return got == 0 ? cache_commit(c, &st->err) : -1;
}

/* May the cache stand in for a database that failed so? */
static bool is_away(const struct err *e)
{
    return !stage_stopping() &&
           (e->code == ERR_UNAVAILABLE || e->code == ERR_TEMPFAIL ||
            e->code == ERR_NOINPUT);
}

static int refresh(struct reading *r, const char *uri, struct cache *c)
{
    struct stage *st = r->st;
    enum cache_state state;
    char age[40];
    if (cache_look(c, &state, &st->err))
        return -1;
    if (state == CACHE_FRESH || fetch(r, uri, c) == 0)
        return 0;
    if (!r->opts->stale_ok || state != CACHE_STALE || !is_away(&st->err))
        return -1;
    cache_age(c, age, sizeof(age));
    stage_warn(st, "%s: goes on with the reference of %s ago", st->err.msg,
               age);
    st->err = (struct err){ 0 };
    return 0;
}

static int read_cached(struct reading *r, const char *uri)
{
    struct cache c = { 0 };
    const struct reference_opts *o = r->opts;
    int got = cache_open(&c, o->cache, o->cache_ttl, uri, buf_str(&r->sql),
                         &r->st->err)
                  ? -1
                  : refresh(r, uri, &c);
    cache_close(&c);
    if (got)
        return -1;
    r->from_cache = true;
    r->source.format = "ndjson";
    return read_file(r, o->cache);
}

static int read_remote(struct reading *r, const char *uri)
{
    struct source *s = NULL;
    int got = source_connect(&s, uri, &r->source, &r->st->err)
                  ? -1
                  : read_source(r, s, uri);
    source_close(s);
    return got;
}

static int read_database(struct reading *r, const char *uri)
{
    const struct reference_opts *o = r->opts;
    struct stage *st = r->st;
    if (!o->query == !o->table)
        return err_set(&st->err, ERR_USAGE,
                       "for '%s' say one of --query and --table", uri);
    r->query = (struct source_query){ 0 };
    r->sql.max = (size_t)1 << 20;
    if (stage_expand(st, &r->sql, o->query ? o->query : o->table))
        return -1;
    const char *sql = buf_z(&r->sql);
    if (!sql)
        return err_nomem(&st->err);
    *(o->query ? &r->query.sql : &r->query.table) = sql;
    r->source.query = &r->query;
    stage_input_table(st, uri, r->query.table ? r->query.table : "(query)");
    stage_input_side(st);
    int got = o->cache ? read_cached(r, uri) : read_remote(r, uri);
    stage_input_end(st);
    return got;
}

/* ---- all of it ---- */

/* Options that are for the other kind of reference. */
static int check_kind(const struct reading *r, const char *uri, bool remote)
{
    const struct reference_opts *o = r->opts;
    const char *of_files = o->format ? "--ref-format" : r->source.csv_option;
    const char *of_databases = o->query   ? "--query"
                               : o->table ? "--table"
                               : o->cache ? "--cache"
                                          : NULL;
    const char *wrong = remote ? of_files : of_databases;
    if (wrong)
        return err_set(&r->st->err, ERR_USAGE, "%s is not for '%s'", wrong,
                       uri);
    if (!o->cache && (o->cache_ttl || o->stale_ok))
        return err_set(&r->st->err, ERR_USAGE, "%s goes with --cache",
                       o->stale_ok ? "--stale-ok" : "--cache-ttl");
    return 0;
}

static int prepare(struct reading *r)
{
    const struct reference_opts *o = r->opts;
    struct source_opts *s = &r->source;
    s->format = o->format;
    s->max_record = (size_t)r->st->opts.max_record;
    s->max_depth = (unsigned)r->st->opts.max_depth;
    s->app = "pipe-join";
    s->stop = stage_stopping;
    s->csv.detect = SOURCE_DETECT_NONE;
    s->csv.nulls = o->nulls.v;
    s->csv.n_nulls = o->nulls.n;
    s->csv_option = o->delimiter ? "--ref-delimiter"
                    : o->types.n ? "--ref-types"
                    : o->nulls.n ? "--ref-null"
                                 : NULL;
    if (o->delimiter) {
        const char *d = strcmp(o->delimiter, "tab") == 0 ? "\t" : o->delimiter;
        if (strlen(d) != 1 || *d & 0x80 || *d == '\n' || *d == '\r' ||
            *d == '"')
            return err_set(&r->st->err, ERR_USAGE,
                           "option --ref-delimiter: '%s' is not one ASCII "
                           "character",
                           o->delimiter);
        s->csv.delimiter = *d;
    }
    for (size_t i = 0; i < o->types.n; i++)
        if (types_parse(&r->types, o->types.v[i], &r->st->err))
            return -1;
    s->types = r->types.n ? &r->types : NULL;
    return 0;
}

int reference_read(struct stage *st, const char *uri,
                   const struct reference_opts *o, struct join *j)
{
    struct reading r = { .st = st, .j = j, .opts = o };
    bool remote = source_is_remote(uri);
    int got = prepare(&r) || check_kind(&r, uri, remote) ? -1
              : remote ? read_database(&r, uri)
                       : read_files(&r, uri);
    if (got == 0 && join_ready(j, &st->err))
        got = fail_at(st, uri, 0);
    types_free(&r.types);
    buf_free(&r.sql);
    stage_input(st, "-"); /* what is counted in from here on */
    return got;
}
