#include "reference.h"

#include "json/check.h"
#include "source/files.h"
#include "source/source.h"

#include <stdio.h>

/* What the options come to. */
struct reading {
    struct stage *st;
    struct join *j;
    struct source_opts source;
    struct types types;
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
    return join_add(r->j, text, &r->st->err) ? fail_at(r->st, uri, line) : 0;
}

/* Records that stand together, LF behind each. */
static int add_records(struct reading *r, const char *uri,
                       const struct source_item *item)
{
    struct str rest = item->text;
    for (uint64_t line = item->line; rest.n; line++) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
        if (n && add_record(r, uri, (struct str){ rest.p, n }, line))
            return -1;
        rest.p += n + (lf != NULL);
        rest.n -= n + (lf != NULL);
    }
    return 0;
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
    case SOURCE_REJECT:
        err_set(e, ERR_DATA, "not a record: %.*s",
                STR_ARG(item->faults[0].message));
        return fail_at(r->st, uri, item->line);
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
                  : files_add(&files, uri, &r->st->err);
    for (size_t i = 0; got == 0 && i < files.n; i++) {
        stage_input(r->st, files.paths[i]);
        got = read_file(r, files.paths[i]);
        stage_input_end(r->st);
    }
    files_free(&files);
    return got;
}

static int prepare(struct reading *r, const struct reference_opts *o)
{
    struct source_opts *s = &r->source;
    s->format = o->format;
    s->max_record = (size_t)r->st->opts.max_record;
    s->max_depth = (unsigned)r->st->opts.max_depth;
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
    struct reading r = { .st = st, .j = j };
    int got = prepare(&r, o) ? -1 : read_files(&r, uri);
    if (got == 0)
        got = join_ready(j, &st->err);
    types_free(&r.types);
    stage_input(st, "-"); /* what is counted in from here on */
    return got;
}
