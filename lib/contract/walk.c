/* What reading any part of a contract needs: messages, members, fields, rules.
 */
#include "contract/odcs.h"

#include "json/path.h"
#include "quality/rule.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- messages */

static const char *shown_path(struct odcs *o)
{
    const char *path = buf_z(&o->path);
    return path && *path ? path : "its root";
}

int odcs_fail(struct odcs *o, const struct yaml *at, const char *fmt, ...)
{
    char text[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    o->e->line = at->line;
    return err_set(o->e, ERR_CONFIG,
                   "contract %s, line %u, column %u at %.300s: %s", o->file,
                   at->line, at->column, shown_path(o), text);
}

int odcs_note(struct odcs *o, const struct yaml *at, const char *fmt, ...)
{
    struct buf *b = &o->c->notes;
    va_list ap;
    buf_addf(b, "line %u at %.300s: ", at->line, shown_path(o));
    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
    return buf_addc(b, '\n') ? err_nomem(o->e) : 0;
}

static const struct {
    const char *name;
    unsigned kind;
} kinds[] = {
    { "sql", CONTRACT_SQL },       { "custom", CONTRACT_CUSTOM },
    { "metric", CONTRACT_METRIC }, { "relationships", CONTRACT_RELATIONSHIPS },
    { "sla", CONTRACT_SLA },       { "format", CONTRACT_FORMAT },
    { "range", CONTRACT_RANGE },   { "items", CONTRACT_ITEMS },
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

int contract_kinds(unsigned *set, const char *text, struct err *e)
{
    *set = 0;
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ","), i = 0;
        while (i < N_KINDS &&
               !str_eq((struct str){ p, n }, str_of(kinds[i].name)))
            i++;
        if (i == N_KINDS)
            return err_set(
                e, ERR_USAGE,
                "--unchecked: '%.*s' is none of sql, custom, metric, "
                "relationships, sla, format, range, items",
                (int)(n < 100 ? n : 100), p);
        *set |= kinds[i].kind;
        p += n;
        if (!*p)
            return 0;
    }
}

int odcs_beyond(struct odcs *o, unsigned kind, const struct yaml *at,
                const char *fmt, ...)
{
    char text[300];
    size_t i = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (o->o->unchecked & kind)
        return odcs_note(o, at, "%s: not checked", text) ? -1 : 1;
    while (kinds[i].kind != kind)
        i++;
    return odcs_fail(o, at, "%s (--unchecked %s passes over it)", text,
                     kinds[i].name);
}

size_t odcs_key(struct odcs *o, const char *key)
{
    size_t mark = o->path.n;
    path_pointer(&o->path, str_of(key));
    return mark;
}

size_t odcs_index(struct odcs *o, size_t i)
{
    size_t mark = o->path.n;
    buf_addf(&o->path, "/%zu", i);
    return mark;
}

void odcs_back(struct odcs *o, size_t mark)
{
    o->path.n = mark;
}

/* ---- members */

static const char *type_names(unsigned types, char *out, size_t n)
{
    static const struct {
        unsigned type;
        const char *name;
    } names[] = { { T_BOOLEAN, "a boolean" },
                  { T_NUMBER, "a number" },
                  { T_STRING, "a string" },
                  { T_ARRAY, "a list" },
                  { T_OBJECT, "a mapping" } };
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (types & names[i].type)
            at += (size_t)snprintf(out + at, n - at, "%s%s", at ? " or " : "",
                                   names[i].name);
    return out;
}

const char *odcs_type(const struct yaml *y)
{
    static const char *const is[] = {
        [JSON_NULL] = "empty",      [JSON_FALSE] = "a boolean",
        [JSON_TRUE] = "a boolean",  [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "a list",
        [JSON_OBJECT] = "a mapping"
    };
    return is[y->type];
}

int odcs_check_type(struct odcs *o, const struct yaml *y, const char *key,
                    unsigned types)
{
    char wants[100];
    if (types & T_OF(y->type))
        return 0;
    size_t mark = odcs_key(o, key);
    int r = odcs_fail(o, y, "is %s, wants %s", odcs_type(y),
                      type_names(types, wants, sizeof(wants)));
    odcs_back(o, mark);
    return r;
}

int odcs_members(struct odcs *o, const struct yaml *y, const char *what,
                 const struct odcs_key *known, size_t n, const struct yaml **v)
{
    memset(v, 0, n * sizeof(*v));
    if (y->type != JSON_OBJECT)
        return odcs_fail(o, y, "%s is no mapping", what);
    for (uint32_t i = 0; i < y->n; i++) {
        const struct yaml_member *m = &y->v[i];
        const struct yaml at = { .line = m->line, .column = m->column };
        size_t k = 0;
        while (k < n && !str_eq(m->key, str_of(known[k].name)))
            k++;
        if (k == n)
            return odcs_fail(o, &at,
                             "key '%.*s' is not known to the standard in %s",
                             ODCS_SHOWN(m->key), what);
        if (odcs_check_type(o, m->value, known[k].name, known[k].types))
            return -1;
        v[k] = m->value->type == JSON_NULL ? NULL : m->value;
    }
    return 0;
}

bool odcs_true(const struct yaml *y)
{
    return y && y->type == JSON_TRUE;
}

/* ---- fields */

int odcs_field(struct odcs *o, const struct yaml *property, struct str *name)
{
    const struct yaml *y = yaml_get(property, "physicalName");
    if (o->logical_names || !y || y->type != JSON_STRING)
        y = yaml_get(property, "name");
    if (!y || y->type != JSON_STRING)
        return odcs_fail(o, property, "property has no name");
    if (!y->text.n || memchr(y->text.p, '\0', y->text.n))
        return odcs_fail(o, y, "name is empty or has a NUL in it");
    *name = y->text;
    return 0;
}

static bool is_bare(struct str s)
{
    if (isdigit((unsigned char)s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80 ||
            (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_'))
            return false;
    return true;
}

static void add_quoted(struct buf *out, struct str s, char quote)
{
    buf_addc(out, quote);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == quote)
            buf_addc(out, quote);
        buf_addc(out, s.p[i]);
    }
    buf_addc(out, quote);
}

int odcs_literal(struct buf *out, struct str text)
{
    add_quoted(out, text, '\'');
    return out->failed ? -1 : 0;
}

struct odcs_fields odcs_enter_field(struct odcs *o, struct str name)
{
    struct odcs_fields mark = { o->field.n, o->quoted.n };
    if (o->field.n) {
        buf_addc(&o->field, '.');
        buf_addc(&o->quoted, '.');
    }
    if (is_bare(name))
        buf_add_str(&o->field, name);
    else
        add_quoted(&o->field, name, '"');
    add_quoted(&o->quoted, name, '"');
    return mark;
}

void odcs_leave_field(struct odcs *o, struct odcs_fields mark)
{
    o->field.n = mark.field;
    o->quoted.n = mark.quoted;
}

/* ---- rules */

/* A name that --check and --expect could have. */
static bool is_rule_name(struct str s)
{
    if (!s.n || s.n > 100 ||
        !(isalpha((unsigned char)s.p[0]) || s.p[0] == '_') ||
        (s.n == 4 && strncasecmp(s.p, "warn", 4) == 0))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !strchr("_-.", s.p[i]))
            return false;
    return !memchr(s.p, '\0', s.n);
}

static bool is_taken(const struct odcs *o, struct str name)
{
    for (size_t i = 0; i < o->n_rules; i++)
        if (str_eq(o->rules[i].name, name))
            return true;
    return false;
}

static struct odcs_rule *find_rule(struct odcs *o, bool gate, struct str body)
{
    for (size_t i = 0; i < o->n_rules; i++)
        if (o->rules[i].gate == gate && str_eq(o->rules[i].body, body))
            return &o->rules[i];
    return NULL;
}

static struct str origin_of(struct odcs *o, const struct yaml *at)
{
    struct buf b = { 0 };
    struct str s = { NULL, 0 };
    buf_addf(&b, "contract %s, line %u at %.300s", o->file, at->line,
             shown_path(o));
    if (!b.failed)
        s = arena_dup(&o->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

int odcs_rule(struct odcs *o, bool gate, bool warn, const struct yaml *name,
              const struct yaml *at, struct str body)
{
    struct odcs_rule *same = find_rule(o, gate, body);
    if (same) { /* said twice: it fails if one of them does */
        same->warn &= warn;
        return 0;
    }
    if (o->n_rules == RULES_MAX)
        return odcs_fail(o, at, "more than %d rules", RULES_MAX);
    if (o->n_rules == o->cap_rules) {
        size_t cap = o->cap_rules ? o->cap_rules * 2 : 16;
        struct odcs_rule *v = realloc(o->rules, cap * sizeof(*v));
        if (!v)
            return err_nomem(o->e);
        o->rules = v;
        o->cap_rules = cap;
    }
    struct odcs_rule r = { .gate = gate, .warn = warn, .name = STR("") };
    if (name && name->type == JSON_STRING && is_rule_name(name->text) &&
        !is_taken(o, name->text))
        r.name = name->text;
    r.body = arena_dup(&o->arena, body);
    r.origin = origin_of(o, at);
    if (!r.body.p || !r.origin.p)
        return err_nomem(o->e);
    o->rules[o->n_rules++] = r;
    return 0;
}

/* Gives the rules to the contract, written out. */
int odcs_write_rules(struct odcs *o)
{
    struct contract *c = o->c;
    struct buf b = { 0 };
    c->checks = calloc(o->n_rules + 1, sizeof(*c->checks));
    c->gates = calloc(o->n_rules + 1, sizeof(*c->gates));
    if (!c->checks || !c->gates)
        return err_nomem(o->e);
    for (size_t i = 0; i < o->n_rules; i++) {
        const struct odcs_rule *r = &o->rules[i];
        buf_reset(&b);
        buf_addf(&b, "%s%.*s%s", r->warn ? "warn: " : "", STR_ARG(r->name),
                 r->name.n ? ": " : "");
        buf_add_str(&b, r->body);
        struct str text = { NULL, 0 };
        if (!b.failed)
            text = arena_dup(&o->arena, buf_str(&b));
        if (!text.p)
            break;
        struct contract_rule rule = { text.p, r->origin.p };
        if (r->gate)
            c->gates[c->n_gates++] = rule;
        else
            c->checks[c->n_checks++] = rule;
    }
    buf_free(&b);
    return c->n_gates + c->n_checks == o->n_rules ? 0 : err_nomem(o->e);
}
