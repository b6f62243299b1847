#include "formats.h"

#include "source/csvtok.h"

#include <string.h>

static const char *format, *delimiter, *quote, *columns, *schema;
static bool no_header;
static struct opt_list nulls, type_lists;

const struct opt formats_options[] = {
    { OPT_CHOICE, 'f', "format", "FORMAT", &format,
      "what the sources are; default by name, else by content", source_formats,
      0, 0, 0, COMPLETE_NONE, NULL },
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

static int parse_columns(struct formats *f, struct source_opts *o,
                         struct err *e)
{
    struct source_csv *csv = &o->csv;
    struct str *names;

    if (!columns)
        return 0;
    if (csvtok_split(str_of(columns), &f->names, "--columns", &names,
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

static int parse_types(struct formats *f, struct source_opts *o, struct err *e)
{
    for (size_t i = 0; i < type_lists.n; i++)
        if (types_parse(&f->types, type_lists.v[i], e))
            return -1;
    if (schema && types_schema(&f->types, schema, e))
        return -1;
    o->types = f->types.n ? &f->types : NULL;
    return 0;
}

int formats_parse(struct formats *f, struct source_opts *o, struct err *e)
{
    o->format = format;
    o->csv_option = delimiter      ? "--delimiter"
                    : quote        ? "--quote"
                    : no_header    ? "--no-header"
                    : columns      ? "--columns"
                    : nulls.n      ? "--null"
                    : type_lists.n ? "--types"
                    : schema       ? "--schema"
                                   : NULL;
    return parse_dialect(&o->csv, e) || parse_columns(f, o, e) ||
                   parse_types(f, o, e)
               ? -1
               : 0;
}

void formats_free(struct formats *f)
{
    types_free(&f->types);
    arena_free(&f->names);
}
