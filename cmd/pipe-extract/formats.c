#include "formats.h"

#include "source/csvtok.h"

#include <string.h>

#define WIDTH_MAX 1000000 /* characters of a field */

static const char *format, *encoding, *records;
static const char *delimiter, *quote, *escape, *dialect, *columns;
static const char *widths, *regex, *multiline;
static const char *comment, *schema;
static bool no_header;
static uint64_t skip;
static struct opt_list nulls, type_lists;

static const char *const dialects[] = { "auto", "rfc4180", NULL };

const struct opt formats_options[] = {
    { OPT_GROUP, 0, "formats", NULL, NULL, "Formats", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 'f', "format", "FORMAT", &format,
      "what the sources are; default by options, else by name, else by content",
      source_formats, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "encoding", "NAME", &encoding,
      "the encoding of the sources, as iconv calls it; default UTF-8", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "records", "PATH", &records,
      "where the records are in each JSON document: an array of them, or one",
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
    { OPT_STRING, 0, "escape", "CHAR", &escape,
      "what makes a delimiter, quote, line end or itself an ordinary "
      "character; default none: quotes are doubled",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "dialect", "NAME", &dialect,
      "auto: find out what these options do not say; rfc4180: find out "
      "nothing; default only a delimiter that is beyond doubt",
      dialects, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "no-header", NULL, &no_header,
      "the first row is a record, not the names of the columns", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "columns", "NAME[,NAME...]", &columns,
      "names of the columns, instead of those in the header", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "lines", NULL, NULL, "Other lines", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "widths", "NAME:N[,NAME:N...]", &widths,
      "the fields of lines of fixed width, in characters; :N is no field, "
      "NAME:* the rest of the line",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "regex", "PATTERN", &regex,
      "Perl's regular expression whose (?<name>...) are the fields of a line; "
      "or combined, common, syslog",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "multiline", "PATTERN", &multiline,
      "with --regex: a record goes on up to the next line with this in it",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "cells", NULL, NULL, "All formats of lines", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "skip", "N", &skip,
      "pass over the first N lines of each source", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "comment", "CHAR", &comment,
      "pass over lines that start with CHAR", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
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

/* No two of the characters that mean something may be one. */
static int check_clash(const char *one, char a, const char *other, char b,
                       struct err *e)
{
    if (!a || a != b)
        return 0;
    return err_set(e, ERR_USAGE, "%s and %s are both '%c'", one, other, a);
}

static int parse_dialect(struct source_opts *o, struct err *e)
{
    struct source_csv *csv = &o->csv;

    if (delimiter && parse_char("delimiter", delimiter, &csv->delimiter, e))
        return -1;
    csv->no_quote = quote && strcmp(quote, "none") == 0;
    if (quote && !csv->no_quote && parse_char("quote", quote, &csv->quote, e))
        return -1;
    if ((escape && parse_char("escape", escape, &csv->escape, e)) ||
        (comment && parse_char("comment", comment, &o->comment, e)))
        return -1;
    char q = csv->no_quote ? '\0' : csv->quote ? csv->quote : '"';
    if (q && csv->escape == q)
        csv->escape = '\0'; /* a quote escapes quotes: RFC 4180 */
    if (check_clash("delimiter", csv->delimiter, "quote", q, e) ||
        check_clash("delimiter", csv->delimiter, "escape", csv->escape, e) ||
        check_clash("comment", o->comment, "delimiter", csv->delimiter, e) ||
        check_clash("comment", o->comment, "quote", q, e) ||
        check_clash("comment", o->comment, "escape", csv->escape, e))
        return -1;
    csv->detect = !dialect                       ? SOURCE_DETECT_SAFE
                  : strcmp(dialect, "auto") == 0 ? SOURCE_DETECT_AUTO
                                                 : SOURCE_DETECT_NONE;
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

/* "name:10": the width stands behind the last colon. */
static int parse_width(struct str text, bool last, struct source_width *w,
                       struct err *e)
{
    const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
    size_t n = colon ? (size_t)(colon - text.p) : 0;
    uint64_t width = 0;

    if (colon && last && n + 2 == text.n && colon[1] == '*') {
        *w = (struct source_width){ { text.p, n }, 0 };
        return 0;
    }
    for (const char *p = text.p + n + 1; colon && p < text.p + text.n; p++) {
        if (*p < '0' || *p > '9' || width > WIDTH_MAX) {
            width = 0;
            break;
        }
        width = 10 * width + (uint64_t)(*p - '0');
    }
    if (width == 0 || width > WIDTH_MAX)
        return err_set(e, ERR_USAGE,
                       "--widths: '%.*s' is not NAME:N with N from 1 to %d%s",
                       STR_ARG(text), WIDTH_MAX, last ? " or '*'" : "");
    *w = (struct source_width){ { text.p, n }, (size_t)width };
    return 0;
}

static int parse_widths(struct formats *f, struct source_opts *o, struct err *e)
{
    struct str *fields;
    size_t n;

    if (!widths)
        return 0;
    if (csvtok_split(str_of(widths), &f->names, "--widths", &fields, &n, e))
        return -1;
    struct source_width *w = arena_alloc(&f->names, n * sizeof(*w));
    if (!w)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        if (parse_width(fields[i], i + 1 == n, &w[i], e))
            return -1;
        for (size_t k = 0; k < i; k++)
            if (w[i].name.n && str_eq(w[i].name, w[k].name))
                return err_set(e, ERR_USAGE, "--widths: '%.*s' is named twice",
                               STR_ARG(w[i].name));
    }
    o->widths = w;
    o->n_widths = n;
    return 0;
}

static int parse_records(struct formats *f, struct source_opts *o,
                         struct err *e)
{
    if (!records)
        return 0;
    if (path_parse(&f->records, str_of(records), e))
        return -1;
    o->records = &f->records;
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
    o->encoding = encoding;
    o->skip = skip;
    o->regex = regex;
    o->multiline = multiline;
    o->csv_option = delimiter   ? "--delimiter"
                    : quote     ? "--quote"
                    : escape    ? "--escape"
                    : dialect   ? "--dialect"
                    : no_header ? "--no-header"
                    : columns   ? "--columns"
                                : NULL;
    o->line_option = skip           ? "--skip"
                     : comment      ? "--comment"
                     : nulls.n      ? "--null"
                     : type_lists.n ? "--types"
                     : schema       ? "--schema"
                                    : NULL;
    return parse_dialect(o, e) || parse_columns(f, o, e) ||
                   parse_widths(f, o, e) || parse_records(f, o, e) ||
                   parse_types(f, o, e)
               ? -1
               : 0;
}

void formats_free(struct formats *f)
{
    types_free(&f->types);
    arena_free(&f->names);
    path_free(&f->records);
}
