/* pipe-extract: read sources and write their records as NDJSON. */
#include "source/csvtok.h"
#include "source/files.h"
#include "source/source.h"
#include "stage/stage.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *format, *delimiter, *quote, *columns, *schema;
static bool no_header;
static struct opt_list nulls, type_lists;
static uint64_t max_size, max_ratio = 1000;

static const struct opt opts[] = {
    { OPT_CHOICE, 'f', "format", "FORMAT", &format,
      "what the sources are; default by name, else by content", source_formats,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_SIZE, 0, "max-size", "SIZE", &max_size,
      "fail where a source decompresses to more than SIZE; default no limit",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "max-ratio", "N", &max_ratio,
      "fail where a source decompresses to more than N times its size (judged "
      "from 1 MiB on); default 1000, 0 for no limit",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "csv", NULL, NULL, "CSV and TSV", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 'd', "delimiter", "CHAR", &delimiter,
      "what separates cells: one character, or tab, comma, semicolon, pipe, "
      "space",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "quote", "CHAR", &quote,
      "what quotes cells; default \", 'none' where quotes are text", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "no-header", NULL, &no_header,
      "the first row is a record, not the names of the columns", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "columns", "NAME[,NAME...]", &columns,
      "names of the columns, instead of those in the header", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "null", "TOKEN", &nulls,
      "cells that are TOKEN become null, repeatable; '' is an empty cell "
      "without quotes",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 't', "types", "NAME=TYPE[,NAME=TYPE...]", &type_lists,
      "make cells integer, number or boolean (default string), repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "schema", "FILE", &schema,
      "take types from the properties of a JSON Schema; --types goes before",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-extract",
    .summary = "read CSV, TSV, NDJSON and JSON sources, write records",
    .usage = "[OPTION...] [URI...]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_REJECTS | STAGE_OPERANDS,
    .operands = COMPLETE_FILE,
    .notes = "A URI is a path, file:PATH, a quoted glob, or - for stdin "
             "(default).",
};

/* What the options come to; used for every input. */
struct extract {
    struct files files;
    struct types types;
    struct arena names; /* of --columns */
    struct source_opts source;
    bool doubted; /* of many files the first one says it for all */
};

/* ---- options ---- */

static int parse_char(const char *option, const char *text, char *c,
                      struct err *e)
{
    static const struct {
        const char *name;
        char c;
    } named[] = { { "tab", '\t' },      { "\\t", '\t' }, { "comma", ',' },
                  { "semicolon", ';' }, { "pipe", '|' }, { "space", ' ' } };

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (strcmp(text, named[i].name) == 0) {
            *c = named[i].c;
            return 0;
        }
    }
    *c = text[0];
    if (strlen(text) != 1 || *c & 0x80 || *c == '\n' || *c == '\r')
        return err_set(e, ERR_USAGE,
                       "option --%s: '%s' is not one ASCII character", option,
                       text);
    return 0;
}

static int parse_dialect(struct source_csv *csv, struct err *e)
{
    if (delimiter && parse_char("delimiter", delimiter, &csv->delimiter, e))
        return -1;
    csv->no_quote = quote && strcmp(quote, "none") == 0;
    if (quote && !csv->no_quote && parse_char("quote", quote, &csv->quote, e))
        return -1;
    char q = csv->quote ? csv->quote : '"';
    if (!csv->no_quote && csv->delimiter == q)
        return err_set(e, ERR_USAGE, "delimiter and quote are both '%c'", q);
    csv->no_header = no_header;
    csv->nulls = nulls.v;
    csv->n_nulls = nulls.n;
    return 0;
}

static int parse_columns(struct extract *x, struct err *e)
{
    struct source_csv *csv = &x->source.csv;
    struct str *names;

    if (!columns)
        return 0;
    if (csvtok_split(str_of(columns), &x->names, "--columns", &names,
                     &csv->n_columns, e))
        return -1;
    csv->columns = names;
    for (size_t i = 0; i < csv->n_columns; i++) {
        if (names[i].n == 0)
            return err_set(e, ERR_USAGE, "--columns: column %zu has no name",
                           i + 1);
        for (size_t k = 0; k < i; k++)
            if (str_eq(names[i], names[k]))
                return err_set(e, ERR_USAGE, "--columns: '%.*s' is named twice",
                               STR_ARG(names[i]));
    }
    return 0;
}

static int parse_types(struct extract *x, struct err *e)
{
    for (size_t i = 0; i < type_lists.n; i++)
        if (types_parse(&x->types, type_lists.v[i], e))
            return -1;
    if (schema && types_schema(&x->types, schema, e))
        return -1;
    x->source.types = x->types.n ? &x->types : NULL;
    return 0;
}

static int list_files(struct stage *st, struct files *files)
{
    struct buf name = { .max = 65536 };
    int r = st->argc == 0 ? files_add(files, "-", &st->err) : 0;

    for (int i = 0; r == 0 && i < st->argc; i++) {
        buf_reset(&name);
        r = stage_expand(st, &name, st->argv[i]);
        if (r == 0)
            r = buf_z(&name) ? files_add(files, name.p, &st->err)
                             : err_nomem(&st->err);
    }
    buf_free(&name);
    return r;
}

static int prepare(struct stage *st, struct extract *x)
{
    struct source_opts *o = &x->source;

    o->format = format;
    o->max_record = (size_t)st->opts.max_record;
    o->max_depth = (unsigned)st->opts.max_depth;
    o->csv_option = delimiter      ? "--delimiter"
                    : quote        ? "--quote"
                    : no_header    ? "--no-header"
                    : columns      ? "--columns"
                    : nulls.n      ? "--null"
                    : type_lists.n ? "--types"
                    : schema       ? "--schema"
                                   : NULL;
    return parse_dialect(&o->csv, &st->err) || parse_columns(x, &st->err) ||
                   parse_types(x, &st->err) || list_files(st, &x->files)
               ? -1
               : 0;
}

/* ---- work ---- */

/* Tells dead letters how to read raw again: on stdin, by the same rules. */
static int describe(struct stage *st, const struct source *s)
{
    if (st->context.n > 0)
        return 0;
    buf_addz(&st->replay_args, command.name);
    buf_addc(&st->replay_args, '\0');
    buf_addf(&st->replay_args, "--max-record=%" PRIu64 "%c",
             st->opts.max_record, 0);
    buf_addf(&st->replay_args, "--max-depth=%" PRIu64 "%c", st->opts.max_depth,
             0);
    if (source_context(s, &st->context, &st->err) ||
        source_args(s, &st->replay_args, &st->err))
        return -1;
    buf_addc(&st->replay_args, '-');
    return buf_addc(&st->replay_args, '\0') ? err_nomem(&st->err) : 0;
}

static int reject(struct stage *st, const struct record *rec,
                  const struct source_item *item)
{
    struct reason reasons[32];
    size_t n = 0;

    for (; n < item->n_faults && n < 32; n++)
        reasons[n] = (struct reason){ .code = item->faults[n].code,
                                      .path = item->faults[n].path,
                                      .message = item->faults[n].message };
    st->counts.in++;
    return stage_reject(st, rec, reasons, n);
}

static int take(struct stage *st, const struct source *s, const char *uri,
                const struct source_item *item)
{
    struct record rec = { .text = item->raw,
                          .uri = uri,
                          .line = item->line,
                          .offset = item->offset,
                          .length = item->length };

    if (item->kind == SOURCE_RECORD) {
        st->counts.in++;
        return stage_pass(st, item->text);
    }
    if (item->kind == SOURCE_RECORDS) {
        st->counts.in += item->count;
        return stage_pass_lines(st, item->text, item->count);
    }
    if (describe(st, s))
        return -1;
    if (item->kind == SOURCE_REJECT)
        return reject(st, &rec, item);
    int r = stage_admit(st, &rec);
    return r > 0 ? stage_pass(st, item->text) : r;
}

static int say_doubt(struct stage *st, struct extract *x,
                     const struct source *s)
{
    struct buf text = { .max = 65536 };
    int r = x->doubted ? 0 : source_doubt(s, &text, &st->err);

    if (r == 0 && text.n && buf_z(&text)) {
        x->doubted = true;
        stage_note(st, "%s", text.p);
    }
    buf_free(&text);
    return r;
}

static int extract_input(struct stage *st, struct extract *x, struct input *in)
{
    struct source *s = NULL;
    struct source_item item;

    buf_reset(&st->context);
    buf_reset(&st->replay_args);
    int r = source_open(&s, in, &x->source, &st->err) || say_doubt(st, x, s)
                ? -1
                : 1;
    while (r > 0) {
        r = source_next(s, &item, &st->err);
        if (r > 0 && take(st, s, in->uri, &item))
            r = -1;
    }
    source_close(s);
    /* Behind a killed upstream a cut record is the expected sight: the mark is
     * the better reason, and replaces the error. */
    bool cut = r < 0 && st->err.code == ERR_DATA && in->eof;
    if (r == 0 || cut)
        r = stage_judge(st, in) || cut ? -1 : 0;
    return r;
}

static int extract(struct stage *st, struct extract *x)
{
    if (prepare(st, x))
        return -1;
    for (size_t i = 0; i < x->files.n; i++) {
        struct input in;
        if (input_open(&in, x->files.paths[i], &st->err))
            return -1;
        in.limits.max_bytes = max_size;
        in.limits.max_ratio = max_ratio;
        stage_watch(st, &in);
        stage_input(st, x->files.paths[i]);
        int r = extract_input(st, x, &in);
        stage_input_end(st);
        input_close(&in);
        if (r || stage_tick(st))
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct extract x = { 0 };
    struct stage st;

    if (stage_start(&st, &command, argc, argv) == 0)
        extract(&st, &x);
    files_free(&x.files);
    types_free(&x.types);
    arena_free(&x.names);
    return stage_finish(&st);
}
