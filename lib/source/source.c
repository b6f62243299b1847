#include "source/source.h"

#include "json/check.h"
#include "json/value.h"
#include "source/csvsniff.h"
#include "source/ops.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct source_ops *const formats[] = {
    &source_csv_ops,   &source_tsv_ops,   &source_ndjson_ops, &source_json_ops,
    &source_fixed_ops, &source_regex_ops, &source_parquet_ops
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const char *const source_formats[] = { "csv",   "tsv",   "ndjson",  "json",
                                       "fixed", "regex", "parquet", NULL };

static const struct source_ops *find_ops(const char *format)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(formats[i]->name, format) == 0)
            return formats[i];
    return NULL;
}

/* ---- format by name ---- */

static bool ends_with(struct str s, const char *end)
{
    size_t n = strlen(end);
    return s.n > n && strncasecmp(s.p + s.n - n, end, n) == 0;
}

static bool cut_end(struct str *s, const char *end)
{
    if (!ends_with(*s, end))
        return false;
    s->n -= strlen(end);
    return true;
}

static const char *format_by_name(struct str name)
{
    static const char *const packed[] = { ".gz", ".zst", ".bz2", ".xz",
                                          ".lz4" };
    bool cut = false;
    for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]) && !cut; i++)
        cut = cut_end(&name, packed[i]);
    if (ends_with(name, ".csv"))
        return "csv";
    if (ends_with(name, ".tsv") || ends_with(name, ".tab"))
        return "tsv";
    if (ends_with(name, ".ndjson") || ends_with(name, ".jsonl"))
        return "ndjson";
    if (ends_with(name, ".parquet") || ends_with(name, ".parq"))
        return "parquet";
    return ends_with(name, ".json") ? "json" : NULL;
}

/* ---- format by content ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Shows the first line that is not blank, and the byte behind it, as far as
 * they fit. Behind a whole object no byte is waited for: it may be long in
 * coming, and does not matter. */
static int peek_line(struct input *in, unsigned max_depth, struct str *line,
                     char *behind, struct err *e)
{
    struct json_fault f;
    struct str head;
    size_t want = 1;

    for (;;) {
        if (input_peek(in, want, &head, e) != 0)
            return -1;
        bool all = head.n < want || head.n == INPUT_PEEK_MAX;
        want = head.n + 1;
        if (head.n >= 3 && memcmp(head.p, "\xef\xbb\xbf", 3) == 0) {
            head.p += 3;
            head.n -= 3;
        }
        while (head.n && is_space(*head.p)) {
            head.p++;
            head.n--;
        }
        const char *lf = head.n ? memchr(head.p, '\n', head.n) : NULL;
        size_t n = lf ? (size_t)(lf - head.p) : head.n;
        bool next = n + 1 < head.n;
        *line = (struct str){ head.p, n };
        *behind = next ? head.p[n + 1] : '\0';
        if (all || next || (lf && json_check_object(*line, max_depth, &f) == 0))
            return 0;
    }
}

/* Does a second object follow the first on the line? */
static bool holds_two(struct str line)
{
    const char *end = line.p + line.n;
    const char *p =
        line.n && *line.p == '{' ? json_skip_value(line.p, end) : NULL;

    p = p ? json_skip_space(p, end) : end;
    return p < end && *p == '{';
}

/* JSON text: one object a line, or a document? The next line tells where the
 * first one is no object: one that starts with a brace at its left edge starts
 * a record, for documents are indented. */
static const char *json_format(struct str line, char behind,
                               const struct source_opts *opts)
{
    struct json_fault f;

    if ((line.n && *line.p == '[') || holds_two(line))
        return "json";
    if (behind == '{' || json_check_object(line, opts->max_depth, &f) == 0 ||
        line.n > INPUT_PEEK_MAX / 2)
        return "ndjson";
    return "json";
}

/* Is there another delimiter, beyond doubt? 1, 0, -1. */
static int has_delimiter(struct input *in, const struct source_opts *opts,
                         struct err *e)
{
    struct csvsniff s = { .dialect = { .delimiter = ',', .quote = '"' } };

    if (opts->csv.detect != SOURCE_DETECT_SAFE)
        return 0;
    return csvsniff_safe(&s, in, opts, e) == 0 ? s.delimiter : -1;
}

/* Text without comma and tab. */
static int other_delimiter(struct input *in, const struct source_opts *opts,
                           const char **format, struct err *e)
{
    int has = has_delimiter(in, opts, e);

    if (has < 0)
        return -1;
    if (has == 0)
        return err_set(e, ERR_DATA,
                       "cannot tell the format of '%s' from its name or first "
                       "line: say --format",
                       input_name(in));
    *format = "csv";
    return 0;
}

static int format_by_content(struct input *in, const struct source_opts *opts,
                             bool json, const char **format, struct err *e)
{
    struct str line;
    char behind;

    if (input_peek(in, 4, &line, e) != 0)
        return -1;
    if (line.n >= 4 && memcmp(line.p, "PAR1", 4) == 0) {
        *format = "parquet";
        return 0;
    }
    if (input_peek(in, 15, &line, e) != 0)
        return -1;
    if (line.n >= 15 && memcmp(line.p, "SQLite format 3", 15) == 0)
        return err_set(e, ERR_USAGE,
                       "'%s' is a database of SQLite: read it as sqlite:FILE, "
                       "with --table or --query",
                       input_name(in));
    if (peek_line(in, opts->max_depth, &line, &behind, e) != 0)
        return -1;
    if (json || line.n == 0 || *line.p == '{' || *line.p == '[' ||
        behind == '{')
        *format = json_format(line, behind, opts);
    else if (memchr(line.p, opts->csv.delimiter ? opts->csv.delimiter : ',',
                    line.n))
        *format = "csv";
    else if (memchr(line.p, '\t', line.n))
        *format = "tsv";
    else
        return other_delimiter(in, opts, format, e);
    return 0;
}

/* A name that promises compression: the first bytes of a truncated file may
 * be too few to show it. */
static int check_compression(struct input *in, struct err *e)
{
    struct str name = str_of(in->uri), head;
    bool gzip = ends_with(name, ".gz");

    if (!gzip && !ends_with(name, ".zst"))
        return 0;
    if (input_peek(in, 1, &head, e) != 0)
        return -1;
    if (in->raw || input_is_compressed(in))
        return 0;
    return err_set(e, ERR_DATA,
                   "'%s' is not %s data, as its name says: truncated or "
                   "misnamed",
                   in->uri, gzip ? "gzip" : "zstd");
}

/* The format that an option is of alone. */
static const char *format_by_option(const struct source_opts *opts)
{
    return opts->records    ? "json"
           : opts->n_widths ? "fixed"
           : opts->regex    ? "regex"
                            : NULL;
}

static int find_format(struct input *in, const struct source_opts *opts,
                       const char **format, struct err *e)
{
    *format = opts->format ? opts->format : format_by_option(opts);
    if (*format)
        return 0;
    *format = in->format ? in->format : format_by_name(str_of(in->uri));
    if (!*format && (opts->csv_option || opts->line_option))
        *format = "csv";
    if (*format && strcmp(*format, "json") != 0)
        return 0;
    return format_by_content(in, opts, *format != NULL, format, e);
}

/* ---- the interface ---- */

static const struct source_ops *find_remote(const char *uri)
{
    for (const struct source_ops *const *s = source_connectors; *s; s++)
        for (const char *const *p = (*s)->schemes; *p; p++)
            if (strncmp(uri, *p, strlen(*p)) == 0)
                return *s;
    return NULL;
}

bool source_is_remote(const char *uri)
{
    return find_remote(uri) != NULL;
}

static int open_as(struct source **sp, const struct source_ops *ops,
                   struct input *in, const char *uri,
                   const struct source_opts *opts, struct err *e)
{
    struct source *s = calloc(1, ops->size);
    if (!s)
        return err_nomem(e);
    s->ops = ops;
    s->in = in;
    s->uri = uri;
    s->opts = opts;
    if (ops->open(s, e) != 0) {
        source_close(s);
        return -1;
    }
    *sp = s;
    return 0;
}

/* Options that the format does not take are no use, and so are a mistake. */
static int check_options(const struct source_ops *ops, const struct input *in,
                         const struct source_opts *opts, struct err *e)
{
    const char *option = NULL, *of = NULL;

    if (opts->csv_option && !ops->tabular) {
        option = opts->csv_option;
        of = "CSV and TSV";
    } else if (opts->line_option && !ops->lines) {
        option = opts->line_option;
        of = "CSV, TSV, fixed and regex";
    } else if (opts->records && ops != &source_json_ops) {
        option = "--records";
        of = "JSON";
    } else if (opts->n_widths && ops != &source_fixed_ops) {
        option = "--widths";
        of = "fixed";
    } else if ((opts->regex || opts->multiline) && ops != &source_regex_ops) {
        option = opts->regex ? "--regex" : "--multiline";
        of = "regex";
    }
    if (!option)
        return 0;
    return err_set(e, ERR_USAGE, "%s is for %s, '%s' is %s", option, of,
                   input_name(in), ops->name);
}

int source_open(struct source **sp, struct input *in,
                const struct source_opts *opts, struct err *e)
{
    const char *format = NULL;

    if (opts->encoding && input_recode(in, opts->encoding, e) != 0)
        return -1;
    if (check_compression(in, e) != 0 || find_format(in, opts, &format, e) != 0)
        return -1;
    const struct source_ops *ops = find_ops(format);
    if (!ops)
        return err_set(e, ERR_USAGE, "no format '%s'", format);
    if (check_options(ops, in, opts, e) != 0)
        return -1;
    return open_as(sp, ops, in, input_name(in), opts, e);
}

int source_connect(struct source **sp, const char *uri,
                   const struct source_opts *opts, struct err *e)
{
    const struct source_ops *ops = find_remote(uri);
    if (!ops)
        return err_set(e, ERR_USAGE, "no source for '%s'", uri);
    return open_as(sp, ops, NULL, uri, opts, e);
}

int source_next(struct source *s, struct source_item *item, struct err *e)
{
    item->partition = item->position = STR("");
    return s->ops->next(s, item, e);
}

const char *source_format(const struct source *s)
{
    return s->ops->name;
}

int source_context(const struct source *s, struct buf *json, struct err *e)
{
    buf_addf(json, "{\"format\":\"%s\"", s->ops->name);
    if (s->ops->context && s->ops->context(s, json) != 0)
        return err_nomem(e);
    return buf_addc(json, '}') == 0 ? 0 : err_nomem(e);
}

int source_args(const struct source *s, struct buf *args, struct err *e)
{
    /* Records of a connector are read again as lines. */
    buf_addf(args, "--format=%s", s->in ? s->ops->name : "ndjson");
    if (buf_addc(args, '\0') != 0 ||
        (s->ops->args && s->ops->args(s, args) != 0))
        return err_nomem(e);
    return 0;
}

int source_confirm(struct source *s, const struct positions *at, struct err *e)
{
    return s->ops->confirm ? s->ops->confirm(s, at, e) : 0;
}

int source_lag(struct source *s, uint64_t *lag)
{
    return s->ops->lag ? s->ops->lag(s, lag) : 0;
}

enum position_kind source_position_kind(const struct source *s)
{
    return s->in ? POSITION_MARK : s->ops->position_kind;
}

int source_found(const struct source *s, struct buf *text, struct err *e)
{
    struct buf what = { 0 };
    int r = s->ops->found ? s->ops->found(s, &what) : 0;

    if (r == 0 && what.n)
        r = buf_addf(text, "'%s' as %s: %.*s", s->uri, s->ops->name,
                     STR_ARG(buf_str(&what)));
    buf_free(&what);
    return r == 0 ? 0 : err_nomem(e);
}

int source_doubt(const struct source *s, struct buf *text, struct err *e)
{
    if (s->ops->doubt && s->ops->doubt(s, text) != 0)
        return err_nomem(e);
    return 0;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    s->ops->close(s);
    free(s);
}
