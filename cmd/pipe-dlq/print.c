/* Letters as lines for people and for programs. */
#include "dlq_cmd.h"
#include "json/splice.h"
#include "json/visible.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool wants_json(const struct args *a)
{
    return a->format ? strcmp(a->format, "json") == 0 : !isatty(STDOUT_FILENO);
}

int text_of(struct buf *out, struct val v)
{
    if (v.type != JSON_STRING)
        return 0;
    return json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
}

int print_whole(struct buf *out, const struct envelope *v, const char *state)
{
    struct buf value = { 0 }, member = { 0 };
    buf_addf(&value, "\"%s\"", state);
    json_member(&member, v->text, STR("state"), buf_str(&value));
    struct splice s = { json_object_end(v->text), buf_str(&member) };
    int r = member.failed || json_splice(out, v->text, &s, 1) ? -1 : 0;
    buf_free(&value);
    buf_free(&member);
    return r;
}

void print_age(struct buf *out, int64_t us)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    int64_t s = us > 0 ? us / 1000000 : 0;
    size_t i = 0;
    while (i < 3 && s < units[i].seconds)
        i++;
    buf_addf(out, "%lld%c", (long long)(s / units[i].seconds), units[i].unit);
    s %= units[i].seconds;
    if (i < 3 && s >= units[i + 1].seconds)
        buf_addf(out, "%lld%c", (long long)(s / units[i + 1].seconds),
                 units[i + 1].unit);
}

int print_line(struct stage *st, struct buf *line)
{
    int r = line->failed ? err_nomem(&st->err) : stage_emit(st, buf_str(line));
    buf_free(line);
    return r;
}

/* ---- what a line says */

struct facts {
    struct buf stage, code, source, path, message, schema, pipeline, run_id;
    uint64_t n_errors;
};

static void free_facts(struct facts *f)
{
    struct buf *all[] = { &f->stage,   &f->code,   &f->source,   &f->path,
                          &f->message, &f->schema, &f->pipeline, &f->run_id };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_free(all[i]);
}

static void gather(struct facts *f, const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct val error;
    *f = (struct facts){ 0 };
    while (v->errors.type == JSON_ARRAY && json_next(&it, NULL, &error)) {
        if (f->n_errors++ > 0)
            continue;
        text_of(&f->code, json_get(error, STR("code")));
        text_of(&f->path, json_get(error, STR("path")));
        text_of(&f->message, json_get(error, STR("message")));
        text_of(&f->schema, json_get(error, STR("schema")));
    }
    text_of(&f->stage, v->stage);
    text_of(&f->pipeline, v->pipeline);
    text_of(&f->run_id, v->run_id);
    text_of(&f->source, json_get(v->source, STR("uri")));
}

static void add_line_number(struct buf *out, const struct envelope *v)
{
    struct val line = json_get(v->source, STR("line"));
    if (line.type == JSON_NUMBER)
        buf_addf(out, ":%.*s", STR_ARG(line.raw));
}

/* ---- tables */

static size_t terminal_width(void)
{
    struct winsize w;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 &&
        w.ws_col >= 40)
        return w.ws_col;
    return 0;
}

/* Pads what was added to the line since `from` to a column's width. */
void print_pad(struct buf *line, size_t from, size_t width)
{
    size_t n = 0;
    for (size_t i = from; i < line->n; i++)
        n += ((unsigned char)line->p[i] & 0xc0) != 0x80;
    do
        buf_addc(line, ' ');
    while (++n < width);
}

/* Cuts a line to the width of the terminal, between characters. */
static void cut(struct buf *line, size_t width)
{
    size_t n = 0, i = 0;
    if (width == 0)
        return;
    for (; i < line->n; i++) {
        n += ((unsigned char)line->p[i] & 0xc0) != 0x80;
        if (n > width)
            break;
    }
    line->n = i;
}

static const int widths[] = { 13, 21, 10, 15, 4, 18, 20 };

static int emit_line(struct stage *st, struct buf *line)
{
    cut(line, terminal_width());
    int r = line->failed ? err_nomem(&st->err) : stage_emit(st, buf_str(line));
    buf_free(line);
    return r;
}

int print_heading(struct stage *st)
{
    static const char *const names[] = { "ID",  "WRITTEN", "STATE",  "STAGE",
                                         "TRY", "CODE",    "SOURCE", "WHY" };
    struct buf line = { 0 };
    for (size_t i = 0; i < 8; i++) {
        size_t from = line.n;
        buf_addz(&line, names[i]);
        if (i < 7)
            print_pad(&line, from, (size_t)widths[i]);
    }
    return emit_line(st, &line);
}

int print_row(struct stage *st, const struct envelope *v, const char *state)
{
    struct facts f;
    struct buf line = { .max = DLQ_LINE_MAX };
    char hex[33];
    gather(&f, v);
    hash128_hex(v->id, hex);
    add_line_number(&f.source, v);
    size_t at[8] = { 0 };
    buf_addf(&line, "%.12s", hex);
    print_pad(&line, at[0], (size_t)widths[0]);
    at[1] = line.n;
    /* To the second: "2026-01-31T08:00:00" of a quoted text. */
    buf_addf(&line, "%.19sZ", v->ts.raw.p + 1);
    print_pad(&line, at[1], (size_t)widths[1]);
    at[2] = line.n;
    buf_addz(&line, state);
    print_pad(&line, at[2], (size_t)widths[2]);
    at[3] = line.n;
    visible_text(&line, buf_str(&f.stage));
    print_pad(&line, at[3], (size_t)widths[3]);
    at[4] = line.n;
    buf_addf(&line, "%llu", (unsigned long long)v->attempt);
    print_pad(&line, at[4], (size_t)widths[4]);
    at[5] = line.n;
    visible_text(&line, buf_str(&f.code));
    print_pad(&line, at[5], (size_t)widths[5]);
    at[6] = line.n;
    visible_text(&line, buf_str(&f.source));
    print_pad(&line, at[6], (size_t)widths[6]);
    visible_text(&line, buf_str(&f.path));
    if (f.path.n)
        buf_addc(&line, ' ');
    visible_text(&line, buf_str(&f.message));
    if (f.n_errors > 1)
        buf_addf(&line, " (and %llu more)",
                 (unsigned long long)(f.n_errors - 1));
    free_facts(&f);
    return emit_line(st, &line);
}

/* ---- JSON */

static void add_string(struct buf *line, const char *key, const struct buf *b)
{
    if (b->n == 0)
        return;
    buf_addf(line, ",\"%s\":", key);
    json_quote(line, buf_str(b));
}

static size_t count_of(struct val array)
{
    struct json_iter it = json_iter(array.raw);
    struct val element;
    size_t n = 0;
    while (json_next(&it, NULL, &element))
        n++;
    return n;
}

int print_json(struct stage *st, const struct envelope *v, const char *state)
{
    struct facts f;
    struct buf line = { .max = DLQ_LINE_MAX };
    char hex[33];
    gather(&f, v);
    hash128_hex(v->id, hex);
    buf_addf(&line, "{\"id\":\"%s\",\"ts\":%.*s,\"state\":\"%s\"", hex,
             STR_ARG(v->ts.raw), state);
    add_string(&line, "pipeline", &f.pipeline);
    add_string(&line, "run_id", &f.run_id);
    add_string(&line, "stage", &f.stage);
    buf_addf(&line, ",\"attempt\":%llu", (unsigned long long)v->attempt);
    add_string(&line, "code", &f.code);
    add_string(&line, "path", &f.path);
    add_string(&line, "message", &f.message);
    add_string(&line, "schema", &f.schema);
    buf_addf(&line, ",\"errors\":%llu", (unsigned long long)f.n_errors);
    if (v->edits.type == JSON_ARRAY)
        buf_addf(&line, ",\"edits\":%zu", count_of(v->edits));
    if (v->source.type == JSON_OBJECT) {
        buf_addz(&line, ",\"source\":");
        buf_add_str(&line, v->source.raw);
    }
    buf_addc(&line, '}');
    free_facts(&f);
    int r = line.failed ? err_nomem(&st->err) : stage_emit(st, buf_str(&line));
    buf_free(&line);
    return r;
}
