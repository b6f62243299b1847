/* tell: the profile, to where it was asked for. */
#include "observe/facts.h"
#include "profile/render.h"
#include "profile_cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *report, *format;
static const char *const formats[] = { "json", "text", "html", NULL };

const struct opt tell_options[] = {
    { OPT_GROUP, 0, "report", NULL, NULL, "The report", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "report", "FILE", &report,
      "write the profile to FILE, not to stdout; {date} is filled in", NULL, 0,
      0, 0, COMPLETE_FILE, NULL },
    { OPT_CHOICE, 0, "format", "FORMAT", &format,
      "how: json, text or html; default by the end of FILE's name, else text "
      "on "
      "a terminal and json elsewhere",
      formats, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

#define WIDTH 100 /* of a table that is not for a terminal */

static bool ends_in(struct str s, const char *end)
{
    size_t n = strlen(end);
    return s.n > n && memcmp(s.p + s.n - n, end, n) == 0;
}

int tell_open(struct tell *t, struct stage *st, bool pass)
{
    struct str path = STR("");
    if (pass && !report && !drift_asked())
        return err_set(&st->err, ERR_USAGE,
                       "--pass needs --report or --baseline: stdout is for the "
                       "records");
    /* A replay's few records do not take the place of a whole stream's. */
    if (report && !(pass && dlq_replaying())) {
        if (stage_expand(st, &t->path, report))
            return -1;
        path = buf_str(&t->path);
    } else if (st->opts.output && !pass) {
        path = str_of(st->opts.output);
    }
    if (st->opts.output && report && str_eq(path, str_of(st->opts.output)))
        return err_set(&st->err, ERR_USAGE,
                       "--report and --output name one file, '%s'", report);
    bool text =
        format ? *format == 't'
               : ends_in(path, ".txt") || (!path.n && isatty(STDOUT_FILENO));
    bool html = format ? *format == 'h' : ends_in(path, ".html");
    t->format = html ? TELL_HTML : text ? TELL_TEXT : TELL_JSON;
    return 0;
}

static size_t width_of(const struct tell *t, const struct stage *st)
{
    struct winsize w;
    if (!t->path.n && !st->opts.output &&
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
        return w.ws_col;
    const char *columns = getenv("COLUMNS");
    uint64_t n = columns ? strtoull(columns, NULL, 10) : 0;
    return n >= RENDER_WIDTH_LEAST && n <= 1000 ? (size_t)n : WIDTH;
}

static int add_json(struct buf *out, const struct summary *s,
                    const struct drift *d, struct err *e)
{
    if (summary_json(s, out, e))
        return -1;
    if (d->compared)
        compare_json(&d->found, s, &d->base, out);
    return buf_addc(out, '}') ? err_nomem(e) : 0;
}

static int make(const struct tell *t, struct stage *st, const struct summary *s,
                const struct drift *d, struct buf *out)
{
    struct rendering r = { .now = s,
                           .base = d->compared ? &d->base : NULL,
                           .comparison = d->compared ? &d->found : NULL,
                           .title = st->opts.pipeline };
    if (t->format == TELL_JSON)
        return add_json(out, s, d, &st->err);
    if (t->format == TELL_TEXT ? render_text(&r, width_of(t, st), out)
                               : render_html(&r, out))
        return err_nomem(&st->err);
    out->n--; /* the last line end comes with the emitting */
    return 0;
}

static int write_report(struct tell *t, struct stage *st, struct buf *text)
{
    struct output file;
    const char *path = buf_z(&t->path);
    buf_addc(text, '\n');
    if (!path || text->failed)
        return err_nomem(&st->err);
    if (output_file(&file, path, &st->err))
        return -1;
    int r = output_write(&file, buf_str(text), &st->err) ||
                    output_commit(&file, &st->err)
                ? -1
                : 0;
    output_close(&file);
    return r;
}

int tell_profile(struct tell *t, struct stage *st, const struct summary *s,
                 const struct drift *d, bool pass)
{
    struct buf text = { .max = SUMMARY_BYTES_MAX };
    int r = 0;
    if (t->path.n || !pass)
        r = make(t, st, s, d, &text);
    if (r == 0 && t->path.n)
        r = write_report(t, st, &text);
    else if (r == 0 && !pass)
        r = stage_emit(st, buf_str(&text));
    if (r == 0 && !pass)
        stage_output_rows(st, t->path.n ? 0 : 1);
    buf_free(&text);
    return r;
}

static void measure(struct facts *f, const struct summary_field *s)
{
    const struct summary_numbers *n = &s->numbers;
    char text[32];
    const struct {
        const char *metric;
        uint64_t n;
    } counts[] = {
        { "count", summary_present(s) },
        { "nullCount", s->null + s->missing },
        { "distinctCount", s->distinct },
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        snprintf(text, sizeof(text), "%" PRIu64, counts[i].n);
        facts_measure(f, s->path, counts[i].metric, str_of(text));
    }
    if (!n->n)
        return;
    facts_measure(f, s->path, "min", n->min);
    facts_measure(f, s->path, "max", n->max);
    if (n->sum.n)
        facts_measure(f, s->path, "sum", n->sum);
}

void tell_facts(struct stage *st, const struct summary *s,
                const struct drift *d)
{
    struct facts *f = stage_facts(st);
    for (size_t i = 0; f && i < s->n_fields; i++)
        if (s->fields[i].depth == 1)
            measure(f, &s->fields[i]);
    if (f && d->compared && d->found.failed == 0)
        facts_assertion(f, &(struct assertion){ .name = STR("drift"),
                                                .kind = STR("drift"),
                                                .gate = true,
                                                .passed = true });
    for (size_t i = 0; f && d->compared && i < d->found.n; i++) {
        const struct finding *v = &d->found.v[i];
        struct assertion a = { .name = str_of(v->metric),
                               .kind = str_of(v->metric),
                               .column = v->field,
                               .content = v->message,
                               .gate = true,
                               .warn = d->warns,
                               .passed = !v->fails,
                               .has_value = true,
                               .value = v->value };
        facts_assertion(f, &a);
    }
}

void tell_free(struct tell *t)
{
    buf_free(&t->path);
}
