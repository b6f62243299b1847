/* The file of a pipeline: its members by tables, the place of each kept for
 * messages. */
#include "base/date.h"
#include "base/plain.h"
#include "cli/opt.h"
#include "config/pipeline.h"
#include "json/check.h"
#include "json/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 8
#define LIST_MAX 1000
#define PATH_MAX_BYTES 4096

struct reader {
    struct pipeline_conf *c;
    const char *file;
    struct buf place;   /* JSON Pointer of the value that is read */
    struct buf scratch; /* characters of a string with escapes */
    struct err *e;
};

struct member {
    const char *name;
    /* Reads v into *to: 0, or -1 with the error set. */
    int (*read)(struct reader *r, struct val v, void *to);
    size_t at; /* offset of the destination */
};

static int wrong(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int wrong(struct reader *r, const char *fmt, ...)
{
    struct buf what = { .max = PATH_MAX_BYTES };
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&what, fmt, ap);
    va_end(ap);
    err_set(r->e, ERR_CONFIG, "'%s' at %.*s: %.*s", r->file,
            STR_ARG(r->place.n ? buf_str(&r->place) : STR("its root")),
            STR_ARG(buf_str(&what)));
    buf_free(&what);
    return -1;
}

/* The characters of a string; it is no text if it is empty or has a NUL. */
static int text_of(struct reader *r, struct val v, struct str *text)
{
    if (v.type != JSON_STRING)
        return wrong(r, "a text is wanted");
    if (json_string(v, &r->scratch, text))
        return err_nomem(r->e);
    if (text->n == 0 || memchr(text->p, 0, text->n))
        return wrong(r, "a text is wanted that is neither empty nor has a NUL");
    return 0;
}

static int keep(struct reader *r, struct str text, const char **to)
{
    *to = arena_dup(&r->c->text, text).p;
    return *to ? 0 : err_nomem(r->e);
}

static int read_text(struct reader *r, struct val v, void *to)
{
    struct str text;
    return text_of(r, v, &text) || keep(r, text, to) ? -1 : 0;
}

static int read_time(struct reader *r, struct val v, void *to)
{
    const char *z;
    uint64_t *ms = to;
    if (read_text(r, v, &z))
        return -1;
    if (opt_time(z, ms) || *ms == 0)
        return wrong(r, "'%s' is no time such as 30m, 4h or 90d", z);
    return 0;
}

/* So much: at least 0, finite. */
static int read_amount(struct reader *r, struct val v, void *to)
{
    char z[64];
    if (v.type == JSON_NUMBER && v.raw.n < sizeof(z)) {
        memcpy(z, v.raw.p, v.raw.n);
        z[v.raw.n] = 0;
        double d = strtod(z, NULL);
        if (d >= 0 && d < 1e15) {
            *(double *)to = d;
            return 0;
        }
    }
    return wrong(r, "a number of at least 0 is wanted");
}

static int read_count(struct reader *r, struct val v, uint64_t *to)
{
    if (v.type != JSON_NUMBER || v.raw.n > 18)
        return wrong(r, "a whole number is wanted");
    *to = 0;
    for (size_t i = 0; i < v.raw.n; i++) {
        if (v.raw.p[i] < '0' || v.raw.p[i] > '9')
            return wrong(r, "a whole number is wanted");
        *to = *to * 10 + (uint64_t)(v.raw.p[i] - '0');
    }
    return 0;
}

/* Reads the value under a step deeper, for its place in messages. */
static int below(struct reader *r, struct str key, const struct member *m,
                 struct val v, void *base)
{
    size_t n = r->place.n;
    buf_addc(&r->place, '/');
    buf_add_str(&r->place, key);
    int failed = m->read(r, v, (char *)base + m->at);
    r->place.n = n;
    return failed;
}

static int read_members(struct reader *r, struct val v, const struct member *m,
                        size_t n, void *base)
{
    uint64_t seen = 0;
    struct str key;
    struct val value;
    if (v.type != JSON_OBJECT)
        return wrong(r, "an object is wanted");
    struct json_iter it = json_iter(v.raw);
    while (json_next(&it, &key, &value)) {
        size_t i = 0;
        while (i < n && !json_raw_equals(key, str_of(m[i].name)))
            i++;
        if (i == n)
            return wrong(r, "member '%.*s' is not known", STR_ARG(key));
        if (seen >> i & 1)
            return wrong(r, "member '%.*s' is there twice", STR_ARG(key));
        seen |= (uint64_t)1 << i;
        if (below(r, key, &m[i], value, base))
            return -1;
    }
    return 0;
}

/* Counts the parts of a container and makes room for so many of `size`. */
static int make_list(struct reader *r, struct val v, size_t size, void *list,
                     size_t *n)
{
    struct json_iter it = json_iter(v.raw);
    struct val ignored;
    *n = 0;
    while (json_next(&it, NULL, &ignored))
        ++*n;
    if (*n > LIST_MAX)
        return wrong(r, "there are more than %d", LIST_MAX);
    void *p = arena_alloc(&r->c->text, (*n + !*n) * size);
    if (!p)
        return err_nomem(r->e);
    memset(p, 0, (*n + !*n) * size);
    *(void **)list = p;
    return 0;
}

/* ---- the members */

static int read_schedule(struct reader *r, struct val v, void *to)
{
    struct pipeline_conf *c = to;
    struct err e;
    if (read_text(r, v, &c->schedule_text))
        return -1;
    return schedule_parse(&c->schedule, str_of(c->schedule_text), &e)
               ? wrong(r, "%s", e.msg)
               : 0;
}

static int read_tz(struct reader *r, struct val v, void *to)
{
    const char **tz = to;
    if (read_text(r, v, tz))
        return -1;
    return tz_known(*tz) ? 0 : wrong(r, "time zone '%s' is not known", *tz);
}

static int read_rows(struct reader *r, struct val v, void *to)
{
    struct pipeline_conf *c = to;
    c->expected.has_rows = true;
    return read_count(r, v, &c->expected.rows);
}

static int read_dead_letters(struct reader *r, struct val v, void *to)
{
    struct pipeline_conf *c = to;
    c->expected.has_dead_letters = true;
    return read_count(r, v, &c->expected.dead_letters);
}

static int read_share(struct reader *r, struct val v, void *to)
{
    const char *z;
    char *end;
    if (read_text(r, v, &z))
        return -1;
    double d = strtod(z, &end);
    if (*z < '0' || *z > '9' || strcmp(end, "%") != 0 || !(d <= 1e6))
        return wrong(r, "'%s' is no share such as 30%%", z);
    *(double *)to = d / 100;
    return 0;
}

#define AT(m) offsetof(struct pipeline_conf, m)
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static int read_expected(struct reader *r, struct val v, void *to)
{
    static const struct member members[] = {
        { "rows", read_rows, 0 },
        { "tolerance", read_share, AT(expected.tolerance) },
        { "duration", read_time, AT(expected.duration_ms) },
        { "dead_letters", read_dead_letters, 0 },
    };
    return read_members(r, v, members, COUNT(members), to);
}

static int read_price(struct reader *r, struct val v, void *to)
{
    static const struct member members[] = {
        { "cpu_hour", read_amount, AT(price.cpu_hour) },
        { "gib_hour", read_amount, AT(price.gib_hour) },
        { "gib_in", read_amount, AT(price.gib_in) },
        { "gib_out", read_amount, AT(price.gib_out) },
        { "currency", read_text, AT(price.currency) },
    };
    ((struct pipeline_conf *)to)->price.given = true;
    return read_members(r, v, members, COUNT(members), to);
}

static int read_keep(struct reader *r, struct val v, void *to)
{
    static const struct member members[] = {
        { "runs", read_time, AT(keep.runs_ms) },
        { "dead_letters", read_time, AT(keep.dead_letters_ms) },
        { "logs", read_time, AT(keep.logs_ms) },
    };
    return read_members(r, v, members, COUNT(members), to);
}

static int read_on(struct reader *r, struct val v, void *to)
{
    struct pipeline_notify *n = to;
    struct val event;
    struct str name;
    if (v.type != JSON_ARRAY)
        return wrong(r, "an array of events is wanted");
    struct json_iter it = json_iter(v.raw);
    while (json_next(&it, NULL, &event)) {
        if (text_of(r, event, &name))
            return -1;
        unsigned bit = pipeline_event_of(name);
        if (!bit)
            return wrong(r,
                         "'%.*s' is no event: failed, late, stale, volume, "
                         "slow, dead_letters, recovered, ok",
                         STR_ARG(name));
        n->on |= bit;
    }
    return n->on ? 0 : wrong(r, "no event is named");
}

static int read_severity(struct reader *r, struct val v, void *to)
{
    struct pipeline_notify *n = to;
    struct str name;
    if (text_of(r, v, &name))
        return -1;
    for (int i = 0; i <= PIPELINE_CRITICAL; i++)
        if (str_eq(name,
                   str_of(pipeline_severity_name((enum pipeline_severity)i)))) {
            n->severity = (enum pipeline_severity)i;
            return 0;
        }
    return wrong(r, "'%.*s' is none of info, warning, critical", STR_ARG(name));
}

static int read_target(struct reader *r, struct val v,
                       struct pipeline_notify *n, enum pipeline_channel channel)
{
    if (n->target)
        return wrong(r, "only one of command, webhook and mail can be given");
    n->channel = channel;
    return read_text(r, v, &n->target);
}

static int read_command(struct reader *r, struct val v, void *to)
{
    return read_target(r, v, to, PIPELINE_COMMAND);
}

static int check_url(struct reader *r, const char *url)
{
    static const char *const starts[] = { "https://", "http://",
                                          "env:", "file:" };
    for (size_t i = 0; i < COUNT(starts); i++)
        if (strncmp(url, starts[i], strlen(starts[i])) == 0)
            return 0;
    return wrong(r, "'%s' is no http or https URL, nor env:NAME or file:PATH",
                 url);
}

static int read_webhook(struct reader *r, struct val v, void *to)
{
    struct pipeline_notify *n = to;
    return read_target(r, v, n, PIPELINE_WEBHOOK) || check_url(r, n->target)
               ? -1
               : 0;
}

static int read_mail(struct reader *r, struct val v, void *to)
{
    struct pipeline_notify *n = to;
    if (read_target(r, v, n, PIPELINE_MAIL))
        return -1;
    const char *at = strchr(n->target, '@');
    return at && at != n->target && at[1] && *n->target != '-' &&
                   !strpbrk(n->target, " \t\r\n,")
               ? 0
               : wrong(r, "'%s' is no mail address", n->target);
}

static int read_ping(struct reader *r, struct val v, void *to)
{
    const char **url = to;
    return read_text(r, v, url) || check_url(r, *url) ? -1 : 0;
}

#define NOTIFY(m) offsetof(struct pipeline_notify, m)

static int read_one_notify(struct reader *r, struct val v, void *to)
{
    static const struct member members[] = {
        { "on", read_on, 0 },
        { "severity", read_severity, 0 },
        { "command", read_command, 0 },
        { "webhook", read_webhook, 0 },
        { "mail", read_mail, 0 },
        { "repeat", read_time, NOTIFY(repeat_ms) },
    };
    struct pipeline_notify *n = to;
    n->severity = PIPELINE_WARNING;
    if (read_members(r, v, members, COUNT(members), n))
        return -1;
    if (!n->target)
        return wrong(r, "one of command, webhook and mail is wanted");
    return n->on ? 0 : wrong(r, "member 'on' is wanted");
}

/* An array, each element by one and the same function. */
static int read_array(struct reader *r, struct val v, size_t size, void *list,
                      size_t *n,
                      int (*read)(struct reader *r, struct val v, void *to))
{
    struct member m = { "", read, 0 };
    char index[24];
    struct val element;
    size_t i = 0;
    if (v.type != JSON_ARRAY)
        return wrong(r, "an array is wanted");
    if (make_list(r, v, size, list, n))
        return -1;
    struct json_iter it = json_iter(v.raw);
    for (; json_next(&it, NULL, &element); i++) {
        snprintf(index, sizeof(index), "%zu", i);
        if (below(r, str_of(index), &m, element, *(char **)list + i * size))
            return -1;
    }
    return 0;
}

static int read_notify(struct reader *r, struct val v, void *to)
{
    struct pipeline_conf *c = to;
    return read_array(r, v, sizeof(*c->notify), &c->notify, &c->n_notify,
                      read_one_notify);
}

static int read_name(struct reader *r, struct val v, void *to)
{
    const char **name = to;
    if (read_text(r, v, name))
        return -1;
    return plain_name(*name)
               ? 0
               : wrong(r,
                       "'%s' may hold only letters, digits, '-', '_' and '.'",
                       *name);
}

static int read_upstream(struct reader *r, struct val v, void *to)
{
    struct pipeline_conf *c = to;
    return read_array(r, v, sizeof(*c->upstream), &c->upstream, &c->n_upstream,
                      read_name);
}

/* An object of any names, each value by one and the same function. */
static int read_named(struct reader *r, struct val v, size_t size, void *list,
                      size_t *n,
                      int (*read)(struct reader *r, struct str key,
                                  struct val v, void *to))
{
    struct str key;
    struct val value;
    size_t i = 0;
    if (v.type != JSON_OBJECT)
        return wrong(r, "an object is wanted");
    if (make_list(r, v, size, list, n))
        return -1;
    struct json_iter it = json_iter(v.raw);
    for (; json_next(&it, &key, &value); i++) {
        size_t from = r->place.n;
        buf_addc(&r->place, '/');
        buf_add_str(&r->place, key);
        if (read(r, key, value, *(char **)list + i * size))
            return -1;
        r->place.n = from;
    }
    return 0;
}

/* The name of a variable, as shells have it. */
static int read_var(struct reader *r, struct str key, struct val v, void *to)
{
    struct pipeline_var *var = to;
    if (keep(r, key, &var->name) || read_text(r, v, &var->value))
        return -1;
    size_t n = strspn(var->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz_0123456789");
    return n == key.n && n && (*var->name < '0' || *var->name > '9')
               ? 0
               : wrong(r, "'%s' is no name of a variable", var->name);
}

static int read_one_env(struct reader *r, struct str key, struct val v,
                        void *to)
{
    struct pipeline_env *env = to;
    if (keep(r, key, &env->name))
        return -1;
    if (!plain_name(env->name))
        return wrong(r, "'%s' may hold only letters, digits, '-', '_' and '.'",
                     env->name);
    return read_named(r, v, sizeof(*env->vars), &env->vars, &env->n_vars,
                      read_var);
}

static int read_env(struct reader *r, struct val v, void *to)
{
    struct pipeline_conf *c = to;
    return read_named(r, v, sizeof(*c->envs), &c->envs, &c->n_envs,
                      read_one_env);
}

static const struct member root[] = {
    { "pipeline", read_name, AT(pipeline) },
    { "owner", read_text, AT(owner) },
    { "runbook", read_text, AT(runbook) },
    { "schedule", read_schedule, 0 },
    { "tz", read_tz, AT(tz) },
    { "sla", read_time, AT(sla_ms) },
    { "freshness", read_time, AT(freshness_ms) },
    { "expected", read_expected, 0 },
    { "price", read_price, 0 },
    { "notify", read_notify, 0 },
    { "ping", read_ping, AT(ping) },
    { "keep", read_keep, 0 },
    { "env", read_env, 0 },
    { "upstream", read_upstream, 0 },
};

/* What only makes sense together. */
static int check_whole(struct reader *r, const char *name)
{
    struct pipeline_conf *c = r->c;
    if (c->pipeline && strcmp(c->pipeline, name) != 0)
        return wrong(r, "pipeline '%s' belongs into '%s.json'", c->pipeline,
                     c->pipeline);
    if (c->sla_ms && !c->schedule_text)
        return wrong(r, "an sla without a schedule says nothing: name the "
                        "schedule, or a freshness instead");
    return c->pipeline ? 0 : keep(r, str_of(name), &c->pipeline);
}

int pipeline_conf_parse(struct str text, const char *file, const char *name,
                        struct pipeline_conf *c, struct err *e)
{
    struct reader r = { .c = c, .file = file, .e = e };
    struct json_fault fault;
    *c = (struct pipeline_conf){ .expected.tolerance = 0.5,
                                 .text.max = PIPELINE_CONF_MAX * 4 };
    if (json_check_object(text, DEPTH, &fault)) {
        size_t line = 1;
        for (size_t i = 0; i < fault.offset && i < text.n; i++)
            line += text.p[i] == '\n';
        return err_set(e, ERR_CONFIG, "'%s' is not JSON: %s at line %zu", file,
                       fault.why, line);
    }
    int failed = read_members(&r, json_val(text), root, COUNT(root), c) ||
                 check_whole(&r, name);
    buf_free(&r.place);
    buf_free(&r.scratch);
    return failed ? -1 : 0;
}
