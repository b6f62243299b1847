#include "gate/message.h"

#include "gate/text.h"
#include "json/check.h"
#include "json/value.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARGV_MAX ((size_t)4 << 10) /* six times that with all escaped */
#define ERROR_MAX ((size_t)2 << 10)

static const char *const kinds[] = { "start", "ready", "end" };

static void add_text(struct buf *b, const char *name, const char *text,
                     size_t max)
{
    struct str s = str_of(text);
    if (s.n > max)
        s.n = max;
    buf_addf(b, ",\"%s\":", name);
    text_quote(b, s);
}

/* Arguments may hold anything; those beyond the limit become "...". */
static void add_argv(struct buf *b, char *const *argv)
{
    size_t from = b->n;
    buf_addz(b, ",\"argv\":[");
    for (size_t i = 0; argv[i]; i++) {
        bool fits = b->n - from + strlen(argv[i]) < ARGV_MAX;
        if (i)
            buf_addc(b, ',');
        text_quote(b, fits ? str_of(argv[i]) : STR("..."));
        if (!fits)
            break;
    }
    buf_addc(b, ']');
}

static void add_end(struct buf *b, const struct gate_message *m)
{
    const struct gate_counts *c = &m->counts;
    buf_addf(b, ",\"exit\":%d,\"seconds\":%.3f", m->exit, m->seconds);
    buf_addf(b,
             ",\"read\":%" PRIu64 ",\"out\":%" PRIu64 ",\"rejected\":%" PRIu64
             ",\"filtered\":%" PRIu64 ",\"duplicates\":%" PRIu64,
             c->in, c->out, c->rejected, c->filtered, c->duplicates);
    buf_addf(b,
             ",\"cpu_seconds\":%.3f,\"peak_memory\":%" PRIu64
             ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
             m->usage.cpu_seconds, m->usage.peak_memory, m->usage.bytes_in,
             m->usage.bytes_out);
    if (m->after)
        buf_addz(b, ",\"after\":true");
    if (m->error)
        add_text(b, "error", m->error, ERROR_MAX);
}

int gate_encode(struct buf *b, const struct gate_message *m)
{
    buf_addf(b, "{\"v\":%d,\"say\":\"%s\",\"id\":\"%016" PRIx64 "\"",
             GATE_VERSION, kinds[m->kind], m->id);
    add_text(b, "stage", m->stage, 64);
    switch (m->kind) {
    case GATE_START:
        if (m->loads)
            buf_addz(b, ",\"loads\":true");
        for (int i = 0; i < 2; i++)
            if (m->pipe[i])
                buf_addf(b, ",\"%s\":%" PRIu64, i ? "stdout" : "stdin",
                         m->pipe[i]);
        add_argv(b, m->argv);
        break;
    case GATE_READY:
        if (m->doubt)
            add_text(b, "doubt", m->doubt, ERROR_MAX);
        buf_addz(b, ",\"load\":");
        buf_add_str(b, m->load.n ? m->load : STR("{}"));
        break;
    case GATE_END: add_end(b, m); break;
    }
    return buf_addc(b, '}');
}

/* A string value without escapes, such as all that is looked at here. */
static struct str plain(struct val v)
{
    return v.type == JSON_STRING && v.raw.n >= 2
               ? (struct str){ v.raw.p + 1, v.raw.n - 2 }
               : STR("");
}

static bool read_number(struct val v, int base, uint64_t *out)
{
    char digits[24];
    struct str s = v.type == JSON_STRING ? plain(v) : v.raw;
    if (s.n == 0 || s.n >= sizeof(digits))
        return false;
    memcpy(digits, s.p, s.n);
    digits[s.n] = '\0';
    char *end;
    *out = strtoull(digits, &end, base);
    return *end == '\0';
}

int gate_decode(struct gate_heard *h, struct str text, struct err *e)
{
    struct json_fault fault;
    uint64_t v, n;
    *h = (struct gate_heard){ 0 };
    if (json_check_object(text, 32, &fault))
        return err_set(e, ERR_DATA, "message to the gate is not JSON: %s",
                       fault.why);
    struct val m = json_val(text);
    if (!read_number(json_get(m, STR("v")), 10, &v) || v != GATE_VERSION)
        return err_set(e, ERR_DATA,
                       "message to the gate is not of version %d: stages and "
                       "pipe-run are of different releases",
                       GATE_VERSION);
    struct str say = plain(json_get(m, STR("say")));
    size_t kind = 0;
    while (kind < 3 && !str_eq(say, str_of(kinds[kind])))
        kind++;
    if (kind == 3 || !read_number(json_get(m, STR("id")), 16, &h->id))
        return err_set(e, ERR_DATA, "message to the gate makes no sense");
    h->kind = (enum gate_kind)kind;
    h->loads = json_get(m, STR("loads")).type == JSON_TRUE;
    h->doubtful = json_get(m, STR("doubt")).type == JSON_STRING;
    h->after = json_get(m, STR("after")).type == JSON_TRUE;
    if (h->kind != GATE_END)
        return 0;
    if (!read_number(json_get(m, STR("exit")), 10, &n) || n > 255)
        return err_set(e, ERR_DATA, "message to the gate makes no sense");
    h->exit = (int)n;
    return 0;
}
