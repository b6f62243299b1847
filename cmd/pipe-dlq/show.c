/* show: letters whole. */
#include "dlq_cmd.h"
#include "json/visible.h"

/* "name      value" with the value escaped. */
static void add_field(struct buf *out, const char *name, struct str value)
{
    buf_addf(out, "%-10s", name);
    visible_text(out, value);
    buf_addc(out, '\n');
}

static void add_text(struct buf *out, const char *name, struct val v)
{
    struct buf text = { .max = DLQ_LINE_MAX };
    if (v.type == JSON_STRING && text_of(&text, v) == 0)
        add_field(out, name, buf_str(&text));
    out->failed |= text.failed;
    buf_free(&text);
}

static void add_argv(struct buf *out, const struct envelope *v)
{
    struct buf words = { .max = DLQ_LINE_MAX };
    struct json_iter it = json_iter(v->argv.raw);
    struct val word;
    while (v->argv.type == JSON_ARRAY && json_next(&it, NULL, &word)) {
        if (words.n)
            buf_addc(&words, ' ');
        text_of(&words, word);
    }
    if (v->argv.type == JSON_ARRAY)
        add_field(out, "command", buf_str(&words));
    else if (v->argv_b64.type == JSON_ARRAY)
        add_field(out, "command", v->argv_b64.raw);
    out->failed |= words.failed;
    buf_free(&words);
}

static void add_source(struct buf *out, const struct envelope *v)
{
    static const char *const parts[] = { "line", "offset" };
    struct buf text = { .max = DLQ_LINE_MAX };
    text_of(&text, json_get(v->source, STR("uri")));
    for (size_t i = 0; i < 2; i++) {
        struct val n = json_get(v->source, str_of(parts[i]));
        if (n.type == JSON_NUMBER)
            buf_addf(&text, "%s%s %.*s", text.n ? ", " : "",
                     i ? "byte" : "line", STR_ARG(n.raw));
    }
    if (text.n)
        add_field(out, "source", buf_str(&text));
    out->failed |= text.failed;
    buf_free(&text);
    add_text(out, "partition", json_get(v->source, STR("partition")));
}

static void add_errors(struct buf *out, const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct val error;
    while (v->errors.type == JSON_ARRAY && json_next(&it, NULL, &error)) {
        struct buf text = { .max = DLQ_LINE_MAX };
        text_of(&text, json_get(error, STR("path")));
        if (text.n)
            buf_addz(&text, ": ");
        text_of(&text, json_get(error, STR("message")));
        buf_addz(&text, " (");
        text_of(&text, json_get(error, STR("code")));
        buf_addc(&text, ')');
        add_field(out, "error", buf_str(&text));
        add_text(out, "schema", json_get(error, STR("schema")));
        out->failed |= text.failed;
        buf_free(&text);
    }
}

/* What the bytes were before each edit; what they are now is raw. */
static void add_edits(struct buf *out, const struct envelope *v)
{
    struct json_iter it = json_iter(v->edits.raw);
    struct val edit;
    while (v->edits.type == JSON_ARRAY && json_next(&it, NULL, &edit)) {
        struct buf text = { .max = DLQ_LINE_MAX };
        struct val how = json_get(edit, STR("how"));
        struct val was = json_get(edit, STR("was"));
        text_of(&text, json_get(edit, STR("ts")));
        buf_addz(&text, " by ");
        text_of(&text, json_get(edit, STR("by")));
        buf_addz(&text, ": ");
        if (how.type == JSON_STRING)
            text_of(&text, how);
        else
            buf_add_str(&text, how.raw);
        add_field(out, "edited", buf_str(&text));
        out->failed |= text.failed;
        buf_reset(&text);
        if (was.type == JSON_STRING)
            text_of(&text, was);
        else
            buf_add_str(&text, json_get(edit, STR("was_b64")).raw);
        add_field(out, "was", buf_str(&text));
        out->failed |= text.failed;
        buf_free(&text);
    }
}

static void add_raw(struct buf *out, const struct envelope *v)
{
    struct buf raw = { .max = DLQ_LINE_MAX };
    if (envelope_raw(&raw, v))
        buf_addz(&raw, "(cannot be decoded)");
    add_field(out, "raw", buf_str(&raw));
    if (v->raw_length.type == JSON_NUMBER)
        buf_addf(out, "%-10sonly the start of %.*s bytes\n", "",
                 STR_ARG(v->raw_length.raw));
    out->failed |= raw.failed;
    buf_free(&raw);
}

static void add_letter(struct buf *out, const struct envelope *v,
                       const char *state)
{
    add_text(out, "id", v->id_text);
    add_text(out, "written", v->ts);
    buf_addf(out, "%-10s%s, rejected %llu time%s\n", "state", state,
             (unsigned long long)v->attempt, v->attempt == 1 ? "" : "s");
    add_text(out, "class", v->class);
    add_text(out, "pipeline", v->pipeline);
    add_text(out, "run", v->run_id);
    add_text(out, "stage", v->stage);
    add_argv(out, v);
    add_text(out, "folder", v->cwd);
    if (v->env.type == JSON_OBJECT && v->env.raw.n > 2)
        add_field(out, "variables", v->env.raw);
    add_source(out, v);
    if (v->context.type == JSON_OBJECT)
        add_field(out, "context", v->context.raw);
    add_errors(out, v);
    add_edits(out, v);
    add_raw(out, v);
}

static int show_json(struct stage *st, const struct envelope *v,
                     const char *state)
{
    struct buf line = { .max = DLQ_LINE_MAX };
    if (print_whole(&line, v, state))
        line.failed = true;
    return print_line(st, &line);
}

static int show_text(struct stage *st, const struct envelope *v,
                     const char *state, bool first)
{
    struct buf out = { .max = DLQ_LINE_MAX };
    if (!first)
        buf_addc(&out, '\n');
    add_letter(&out, v, state);
    int r = out.failed ? err_nomem(&st->err)
                       : output_write(&st->out, buf_str(&out), &st->err);
    buf_free(&out);
    return r;
}

int dlq_show(struct stage *st, const struct args *a)
{
    struct pick p;
    bool json = wants_json(a);
    int r = pick_open(&p, st, a, "open", false);
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        struct envelope v;
        const char *state = pick_state(&p, i);
        if (stage_tick(st) || dlq_read_get(&p.read, p.v[i], &v, &st->err))
            r = -1;
        else
            r = json ? show_json(st, &v, state)
                     : show_text(st, &v, state, i == 0);
    }
    pick_close(&p);
    return r;
}
