/* export: letters for other programs: whole, their records alone, or a table.
 */
#include "dlq_cmd.h"

#include <stdio.h>
#include <string.h>

/* ---- CSV (RFC 4180, with LF) */

static void add_cell(struct buf *line, struct str s)
{
    bool quoted = s.n && (memchr(s.p, ',', s.n) || memchr(s.p, '"', s.n) ||
                          memchr(s.p, '\n', s.n) || memchr(s.p, '\r', s.n) ||
                          s.p[0] == ' ' || s.p[s.n - 1] == ' ');
    if (line->n)
        buf_addc(line, ',');
    if (!quoted) {
        buf_add_str(line, s);
        return;
    }
    buf_addc(line, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_addc(line, '"');
        buf_addc(line, s.p[i]);
    }
    buf_addc(line, '"');
}

/* A string's characters, a number as it stands, nothing where it is missing. */
static void add_value(struct buf *line, struct buf *text, struct val v)
{
    buf_reset(text);
    if (v.type == JSON_NUMBER)
        buf_add_str(text, v.raw);
    else
        text_of(text, v);
    add_cell(line, buf_str(text));
}

static const char columns[] =
    "id,ts,state,pipeline,run_id,stage,attempt,class,code,path,message,uri,"
    "line,offset,partition,raw";

static int add_row(struct buf *line, const struct envelope *v,
                   const char *state)
{
    struct buf text = { .max = DLQ_LINE_MAX };
    struct json_iter it = json_iter(v->errors.raw);
    struct val error = { 0 };
    char attempt[24];
    if (v->errors.type == JSON_ARRAY)
        json_next(&it, NULL, &error);
    add_value(line, &text, v->id_text);
    add_value(line, &text, v->ts);
    add_cell(line, str_of(state));
    add_value(line, &text, v->pipeline);
    add_value(line, &text, v->run_id);
    add_value(line, &text, v->stage);
    snprintf(attempt, sizeof(attempt), "%llu", (unsigned long long)v->attempt);
    add_cell(line, str_of(attempt));
    add_value(line, &text, v->class);
    add_value(line, &text, json_get(error, STR("code")));
    add_value(line, &text, json_get(error, STR("path")));
    add_value(line, &text, json_get(error, STR("message")));
    static const char *const source[] = { "uri", "line", "offset",
                                          "partition" };
    for (size_t i = 0; i < 4; i++)
        add_value(line, &text, json_get(v->source, str_of(source[i])));
    buf_reset(&text);
    int r = envelope_raw(&text, v);
    add_cell(line, buf_str(&text));
    line->failed |= text.failed;
    buf_free(&text);
    return r;
}

/* ---- all of them */

static int add_letter(struct buf *line, const struct envelope *v,
                      const char *state, const char *format)
{
    if (strcmp(format, "csv") == 0)
        return add_row(line, v, state);
    if (strcmp(format, "raw") == 0)
        return envelope_raw(line, v);
    return print_whole(line, v, state);
}

static int export_one(struct stage *st, struct output *out, struct pick *p,
                      size_t i, const char *format)
{
    struct buf line = { .max = DLQ_LINE_MAX };
    struct envelope v;
    char hex[33];
    if (stage_tick(st) || dlq_read_get(&p->read, p->v[i], &v, &st->err))
        return -1;
    int r = add_letter(&line, &v, pick_state(p, i), format);
    hash128_hex(v.id, hex);
    if (r == -2)
        err_set(&st->err, ERR_DATA, "raw of letter %s cannot be decoded", hex);
    else if (r || line.failed)
        r = err_nomem(&st->err);
    else
        r = output_write(out, buf_str(&line), &st->err) ||
            output_write(out, STR("\n"), &st->err);
    buf_free(&line);
    return r ? -1 : 0;
}

static int export_all(struct stage *st, struct output *out, struct pick *p,
                      const char *format)
{
    if (strcmp(format, "csv") == 0 &&
        (output_write(out, str_of(columns), &st->err) ||
         output_write(out, STR("\n"), &st->err)))
        return -1;
    for (size_t i = 0; i < p->n; i++)
        if (export_one(st, out, p, i, format))
            return -1;
    return 0;
}

int dlq_export(struct stage *st, const struct args *a)
{
    struct pick p;
    struct output file = { .fd = -1 };
    struct buf path = { .max = 65536 };
    const char *format = a->format ? a->format : "json";
    int r = pick_open(&p, st, a, "open", false);
    if (r == 0 && a->output) {
        r = stage_expand(st, &path, a->output);
        if (r == 0)
            r = buf_z(&path) ? output_file(&file, path.p, &st->err)
                             : err_nomem(&st->err);
    }
    if (r == 0)
        r = export_all(st, a->output ? &file : &st->out, &p, format);
    if (r == 0 && a->output)
        r = output_commit(&file, &st->err);
    output_close(&file);
    buf_free(&path);
    pick_close(&p);
    return r ? -1 : 0;
}
