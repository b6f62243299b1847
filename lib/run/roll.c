#include "run/roll.h"

#include "json/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STAGES_MAX 1000

static struct roll_stage *find(struct roll *r, uint64_t id)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].id == id)
            return &r->v[i];
    return NULL;
}

static struct roll_stage *add(struct roll *r, uint64_t id, struct err *e)
{
    if (r->n == STAGES_MAX) {
        err_set(e, ERR_CONFIG, "more than %d stages in one run", STAGES_MAX);
        return NULL;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct roll_stage *v = realloc(r->v, cap * sizeof(*v));
        if (v)
            r->v = v;
        size_t *ends = v ? realloc(r->ends, cap * sizeof(*ends)) : NULL;
        if (!ends) {
            err_nomem(e);
            return NULL;
        }
        r->ends = ends;
        r->cap = cap;
    }
    struct roll_stage *s = &r->v[r->n++];
    *s = (struct roll_stage){ .id = id, .line = -1 };
    return s;
}

static int keep(char **text, struct str s, struct err *e)
{
    *text = strndup(s.p, s.n);
    return *text ? 0 : err_nomem(e);
}

static int out_of_turn(struct err *e)
{
    return err_set(e, ERR_DATA, "message to the gate came out of turn");
}

static int on_start(struct roll *r, const struct gate_heard *h, struct str text,
                    pid_t pid, struct err *e)
{
    struct roll_stage *s = find(r, h->id) ? NULL : add(r, h->id, e);
    if (!s)
        return e->code ? -1 : out_of_turn(e);
    s->pid = pid;
    s->loads = h->loads;
    return keep(&s->start, text, e);
}

static int on_ready(struct roll_stage *s, const struct gate_heard *h,
                    struct str text, pid_t pid, int *line, struct err *e)
{
    if (!s->loads || s->ready || s->ended || *line < 0)
        return out_of_turn(e);
    s->ready = true;
    s->doubtful = h->doubtful;
    s->adopted = pid;
    s->line = *line;
    *line = -1;
    return keep(&s->ready_text, text, e);
}

static int on_end(struct roll *r, struct roll_stage *s,
                  const struct gate_heard *h, struct str text, struct err *e)
{
    if (s->ended)
        return out_of_turn(e);
    s->ended = true;
    s->exit = h->exit;
    s->after = h->after;
    r->ends[r->n_ends++] = (size_t)(s - r->v);
    return keep(&s->end, text, e);
}

int roll_take(struct roll *r, struct str text, pid_t pid, int line,
              struct err *e)
{
    struct gate_heard h;
    struct roll_stage *s;
    struct err why = { 0 };
    int got = gate_decode(&h, text, &why);
    if (got == 0 && h.kind == GATE_START)
        got = on_start(r, &h, text, pid, &why);
    else if (got == 0 && !(s = find(r, h.id)))
        got = out_of_turn(&why);
    else if (got == 0)
        got = h.kind == GATE_READY ? on_ready(s, &h, text, pid, &line, &why)
                                   : on_end(r, s, &h, text, &why);
    if (line >= 0)
        close(line);
    if (got)
        *e = why;
    return got;
}

size_t roll_at_work(const struct roll *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += !r->v[i].ended && !r->v[i].ready;
    return n;
}

size_t roll_ready(const struct roll *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->v[i].ready && !r->v[i].ended;
    return n;
}

void roll_lost(struct roll *r, struct roll_stage *s)
{
    s->ended = true;
    s->exit = ERR_TEMPFAIL;
    r->ends[r->n_ends++] = (size_t)(s - r->v);
}

void roll_hang_up(struct roll_stage *s)
{
    if (s->line >= 0)
        close(s->line);
    s->line = -1;
}

/* ---- the verdict */

static struct val member(const char *text, struct str key)
{
    return text ? json_get(json_val(str_of(text)), key)
                : (struct val){ JSON_MISSING, { NULL, 0 } };
}

static void text_member(char *out, size_t cap, const char *text, struct str key)
{
    struct buf scratch = { .max = 65536 };
    struct val v = member(text, key);
    struct str s = STR("");
    if (v.type == JSON_STRING)
        (void)json_string(v, &scratch, &s);
    snprintf(out, cap, "%.*s", STR_ARG(s));
    buf_free(&scratch);
}

#define SIGPIPE_EXIT 141

static bool is_well(const struct roll_stage *s, bool early_close)
{
    return s->exit == 0 || (early_close && s->exit == SIGPIPE_EXIT);
}

/* The stage whose failure came before the others'. One that died said nothing,
 * so what others say of it comes later; of those that spoke, the first one that
 * does not blame its upstream, nor its reader. */
static const struct roll_stage *culprit(const struct roll *r, bool early_close)
{
    const struct roll_stage *after = NULL, *left = NULL;
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].gone && !r->v[i].ended && !r->v[i].ready)
            return &r->v[i];
    for (size_t i = 0; i < r->n_ends; i++) {
        const struct roll_stage *s = &r->v[r->ends[i]];
        if (is_well(s, early_close))
            continue;
        if (s->exit > 128 && s->exit != SIGPIPE_EXIT)
            return s; /* killed */
        if (!s->after && s->exit != SIGPIPE_EXIT)
            return s;
        if (s->after && !after)
            after = s;
        if (!s->after && !left)
            left = s;
    }
    return after ? after : left;
}

void roll_judge(const struct roll *r, bool early_close, struct roll_cause *c)
{
    const struct roll_stage *s = culprit(r, early_close);
    char why[700];
    *c = (struct roll_cause){ 0 };
    if (!s)
        return;
    text_member(c->stage, sizeof(c->stage), s->start, STR("stage"));
    text_member(why, sizeof(why), s->end, STR("error"));
    c->exit = s->exit;
    c->by_reader = s->exit == SIGPIPE_EXIT;
    if (!s->end) {
        c->exit = ERR_TEMPFAIL;
        snprintf(c->message, sizeof(c->message), "%s died%s", c->stage,
                 s->ready ? " while it waited to commit" : "");
    } else if (s->exit == SIGPIPE_EXIT) {
        c->exit = ERR_CONFIG;
        snprintf(c->message, sizeof(c->message),
                 "%s was cut short by its reader, such as head "
                 "(--early-close-ok allows it)",
                 c->stage);
    } else if (s->exit > 128) {
        c->exit = ERR_TEMPFAIL;
        snprintf(c->message, sizeof(c->message), "%s was killed by signal %d",
                 c->stage, s->exit - 128);
    } else {
        snprintf(c->message, sizeof(c->message), "%s failed with exit %d%s%s",
                 c->stage, s->exit, *why ? ": " : "", why);
    }
}

void roll_doubt(const struct roll *r, struct roll_cause *c)
{
    char why[700];
    *c = (struct roll_cause){ 0 };
    for (size_t i = 0; i < r->n && c->exit == 0; i++) {
        const struct roll_stage *s = &r->v[i];
        if (!s->ready || !s->doubtful)
            continue;
        text_member(c->stage, sizeof(c->stage), s->start, STR("stage"));
        text_member(why, sizeof(why), s->ready_text, STR("doubt"));
        c->exit = ERR_TEMPFAIL;
        snprintf(c->message, sizeof(c->message), "%s: %s", c->stage, why);
    }
}

uint64_t roll_rows(const struct roll *r)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct val v =
            json_get(member(r->v[i].ready_text, STR("load")), STR("rows"));
        if (r->v[i].committed && v.type == JSON_NUMBER)
            rows += strtoull(v.raw.p, NULL, 10);
    }
    return rows;
}

/* ---- what was used */

static double number_member(const char *text, struct str key)
{
    struct val v = member(text, key);
    return v.type == JSON_NUMBER ? strtod(v.raw.p, NULL) : 0;
}

enum joint { OPEN_END, FOREIGN, OURS };

/* What is at this end of a stage: no pipe, a foreign command's, or another
 * stage of ours. */
static enum joint joint(const struct roll *r, const struct roll_stage *s,
                        struct str end, struct str other)
{
    struct val pipe = member(s->start, end);
    if (pipe.type != JSON_NUMBER)
        return OPEN_END;
    for (size_t i = 0; i < r->n; i++)
        if (&r->v[i] != s && str_eq(member(r->v[i].start, other).raw, pipe.raw))
            return OURS;
    return FOREIGN;
}

void roll_use(const struct roll *r, struct roll_use *u)
{
    uint64_t in[3] = { 0 }, out[3] = { 0 };
    *u = (struct roll_use){ 0 };
    for (size_t i = 0; i < r->n; i++) {
        const struct roll_stage *s = &r->v[i];
        enum joint from = joint(r, s, STR("stdin"), STR("stdout"));
        enum joint to =
            s->loads ? OPEN_END : joint(r, s, STR("stdout"), STR("stdin"));
        in[from] += (uint64_t)number_member(s->end, STR("bytes_in"));
        out[to] += (uint64_t)number_member(s->end, STR("bytes_out"));
        u->unchanged |= s->loads && s->ended && !s->ready && s->exit == 0;
        u->byte_seconds += number_member(s->end, STR("peak_memory")) *
                           number_member(s->end, STR("seconds"));
    }
    /* A foreign command between stages must not count twice. */
    u->bytes_in = in[OPEN_END] ? in[OPEN_END] : in[FOREIGN];
    u->bytes_out = out[OPEN_END] ? out[OPEN_END] : out[FOREIGN];
}

/* ---- the record */

/* Members of a message, but for those that only the gate needs, and for the
 * name of the stage where something stands before them. */
static void add_members(struct buf *out, const char *text, bool first)
{
    static const char *const hidden[] = { "v",     "say",   "id",   "load",
                                          "loads", "after", "stage" };
    size_t n_hidden = sizeof(hidden) / sizeof(*hidden) - first;
    struct str key;
    struct val v;
    struct json_iter it = json_iter(str_of(text));
    while (json_next(&it, &key, &v)) {
        size_t i = 0;
        while (i < n_hidden && !str_eq(key, str_of(hidden[i])))
            i++;
        if (i < n_hidden)
            continue;
        buf_addf(out, "%s\"%.*s\":", first ? "" : ",", STR_ARG(key));
        buf_add_str(out, v.raw);
        first = false;
    }
}

static void add_load(struct buf *out, const struct roll_stage *s, struct val v)
{
    struct buf load = { .max = GATE_MESSAGE_MAX };
    buf_addf(out, "{\"committed\":%s", s->committed ? "true" : "false");
    buf_add_str(&load, v.raw);
    if (buf_z(&load))
        add_members(out, load.p, false);
    buf_free(&load);
    buf_addc(out, '}');
}

int roll_format(const struct roll *r, struct buf *out)
{
    buf_addz(out, "\"stages\":[");
    for (size_t i = 0; i < r->n; i++) {
        if (i)
            buf_addc(out, ',');
        buf_addc(out, '{');
        add_members(out, r->v[i].start, true);
        if (r->v[i].end)
            add_members(out, r->v[i].end, false);
        else
            buf_addz(out, ",\"exit\":null");
        buf_addc(out, '}');
    }
    buf_addz(out, "],\"loads\":[");
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct val v = member(r->v[i].ready_text, STR("load"));
        if (v.type != JSON_OBJECT)
            continue;
        if (n++)
            buf_addc(out, ',');
        add_load(out, &r->v[i], v);
    }
    return buf_addc(out, ']');
}

void roll_free(struct roll *r)
{
    for (size_t i = 0; i < r->n; i++) {
        roll_hang_up(&r->v[i]);
        free(r->v[i].start);
        free(r->v[i].ready_text);
        free(r->v[i].end);
    }
    free(r->v);
    free(r->ends);
    *r = (struct roll){ 0 };
}
