#include "registry/proto_type.h"

#include "base/hash.h"

#include <stdlib.h>

static void *no_memory(struct emit *m)
{
    m->why->code = NULL;
    return NULL;
}

#define BAD(m, ...) ((void)emit_fault(m, "bad_schema", __VA_ARGS__), NULL)

static void *zeroed(struct proto *p, size_t n, struct emit *m)
{
    void *v = arena_alloc(&p->arena, n);
    return v ? memset(v, 0, n) : no_memory(m);
}

/* ---- symbols */

static struct proto_symbol *place_of(const struct proto *p, struct str name)
{
    size_t i = (size_t)hash64(name) & (p->cap_symbols - 1);
    while (p->symbols[i].name.p && !str_eq(p->symbols[i].name, name))
        i = (i + 1) & (p->cap_symbols - 1);
    return &p->symbols[i];
}

static bool grow_symbols(struct proto *p)
{
    struct proto old = *p;
    p->cap_symbols = old.cap_symbols ? old.cap_symbols * 2 : 64;
    p->symbols = calloc(p->cap_symbols, sizeof(*p->symbols));
    if (!p->symbols) {
        *p = old;
        return false;
    }
    for (size_t i = 0; i < old.cap_symbols; i++)
        if (old.symbols[i].name.p)
            *place_of(p, old.symbols[i].name) = old.symbols[i];
    free(old.symbols);
    return true;
}

bool proto_has(const struct proto *p, struct str name)
{
    return p->cap_symbols && place_of(p, name)->name.p;
}

static bool add_symbol(struct proto *p, struct proto_symbol s, struct emit *m)
{
    if (p->n_symbols == PROTO_TYPES_MAX)
        return BAD(m, "more than %d types", PROTO_TYPES_MAX);
    if (2 * p->n_symbols >= p->cap_symbols && !grow_symbols(p))
        return no_memory(m);
    struct proto_symbol *place = place_of(p, s.name);
    if (place->name.p)
        return BAD(m, "'%.*s' is defined twice", STR_ARG(s.name));
    *place = s;
    p->n_symbols++;
    return true;
}

static struct str join(struct proto *p, struct str scope, struct str name,
                       struct emit *m)
{
    size_t n = scope.n ? scope.n + 1 : 0;
    char *text = arena_alloc(&p->arena, n + name.n + 1);
    if (!text)
        return (struct str){ no_memory(m), 0 };
    if (scope.n) {
        memcpy(text, scope.p, scope.n);
        text[scope.n] = '.';
    }
    memcpy(text + n, name.p, name.n);
    return (struct str){ text, n + name.n };
}

/* ---- adding */

struct proto *proto_start(struct registry_fault *why)
{
    struct proto *p = calloc(1, sizeof(*p));
    why->code = NULL;
    if (p) {
        p->last = &p->first;
        proto_begin_file(p);
    }
    return p;
}

void proto_begin_file(struct proto *p)
{
    p->file = (struct proto_message){ 0 };
    p->file.last_child = &p->file.child;
}

void proto_free(struct proto *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    free(p->symbols);
    free(p);
}

struct proto_message *proto_add_message(struct proto *p,
                                        struct proto_message *parent,
                                        struct str scope, struct str name,
                                        struct emit *m)
{
    struct proto_message *t = zeroed(p, sizeof(*t), m);
    if (!t)
        return NULL;
    t->name = join(p, scope, name, m);
    t->last = &t->first;
    t->last_child = &t->child;
    if (!t->name.p ||
        !add_symbol(p, (struct proto_symbol){ t->name, t, NULL }, m))
        return NULL;
    if (!parent)
        parent = &p->file;
    *parent->last_child = t;
    parent->last_child = &t->sibling;
    *p->last = t;
    p->last = &t->next;
    return t;
}

struct proto_enum *proto_add_enum(struct proto *p, struct str scope,
                                  struct str name, struct emit *m)
{
    struct proto_enum *e = zeroed(p, sizeof(*e), m);
    if (!e)
        return NULL;
    e->name = join(p, scope, name, m);
    e->last = &e->first;
    e->null = str_eq(e->name, STR("google.protobuf.NullValue"));
    if (!e->name.p ||
        !add_symbol(p, (struct proto_symbol){ e->name, NULL, e }, m))
        return NULL;
    return e;
}

/* "name" and what stands behind it, in the arena. */
static struct str quoted(struct proto *p, struct str name, const char *behind,
                         struct emit *m)
{
    struct buf text = { 0 };
    struct emit into = { .out = &text, .max = SIZE_MAX, .why = m->why };
    struct str s = { NULL, 0 };
    if (emit_text(&into, name) && emit_raw(&into, str_of(behind))) {
        s = arena_dup(&p->arena, buf_str(&text));
        if (!s.p)
            no_memory(m);
    }
    buf_free(&text);
    return s;
}

bool proto_add_value(struct proto *p, struct proto_enum *e, struct str name,
                     int32_t number, struct emit *m)
{
    struct proto_value *v = zeroed(p, sizeof(*v), m);
    if (!v)
        return false;
    if (e->n == PROTO_FIELDS_MAX)
        return BAD(m, "'%.*s' has too many values", STR_ARG(e->name));
    v->number = number;
    v->json = quoted(p, name, "", m);
    *e->last = v;
    e->last = &v->next;
    v->index = e->n++;
    return v->json.p != NULL;
}

/* foo_bar as fooBar. */
static struct str camel(struct proto *p, struct str name, struct emit *m)
{
    char *text = arena_alloc(&p->arena, name.n + 1);
    size_t n = 0;
    if (!text)
        return (struct str){ no_memory(m), 0 };
    for (size_t i = 0; i < name.n; i++) {
        bool up = i && name.p[i - 1] == '_';
        char c = name.p[i];
        if (c != '_')
            text[n++] = up && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    return (struct str){ text, n };
}

bool proto_add_field(struct proto *p, struct proto_message *to,
                     const struct proto_field *f, struct emit *m)
{
    struct proto_field *new = zeroed(p, sizeof(*new), m);
    if (!new)
        return false;
    if (to->n == PROTO_FIELDS_MAX)
        return BAD(m, "'%.*s' has too many fields", STR_ARG(to->name));
    if (f->number == 0 || f->number >= 1U << 29)
        return BAD(m, "field '%.*s' of '%.*s' has no valid number",
                   STR_ARG(f->name), STR_ARG(to->name));
    *new = *f;
    new->index = to->n++;
    new->name = arena_dup(&p->arena, f->name);
    new->type_name = arena_dup(&p->arena, f->type_name);
    new->json_name = f->json_name.n ? arena_dup(&p->arena, f->json_name)
                                    : camel(p, f->name, m);
    if (!new->name.p || !new->type_name.p || !new->json_name.p)
        return no_memory(m);
    new->lead = quoted(p, new->name, ":", m);
    if (!new->lead.p)
        return false;
    new->json_lead = quoted(p, new->json_name, ":", m);
    *to->last = new;
    to->last = &new->next;
    return new->json_lead.p != NULL;
}

struct proto_message *
proto_add_entry(struct proto *p, struct proto_message *parent, struct str name,
                const struct proto_field *key, const struct proto_field *value,
                struct emit *m)
{
    struct proto_message *t =
        proto_add_message(p, parent, parent->name, name, m);
    if (!t || !proto_add_field(p, t, key, m) ||
        !proto_add_field(p, t, value, m))
        return NULL;
    t->map_entry = true;
    return t;
}

/* ---- linking */

static int by_number(const void *a, const void *b)
{
    const struct proto_field *x = *(struct proto_field *const *)a;
    const struct proto_field *y = *(struct proto_field *const *)b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* What name means within scope: the innermost that fits. */
static const struct proto_symbol *resolve(const struct proto *p,
                                          struct str scope, struct str name,
                                          struct buf *full)
{
    if (name.n && name.p[0] == '.') {
        scope.n = 0;
        name = (struct str){ name.p + 1, name.n - 1 };
    }
    for (;;) {
        buf_reset(full);
        if (scope.n) {
            buf_add_str(full, scope);
            buf_addc(full, '.');
        }
        buf_add_str(full, name);
        const struct proto_symbol *s = place_of(p, buf_str(full));
        if (s->name.p || !scope.n || full->failed)
            return s;
        while (scope.n && scope.p[scope.n - 1] != '.')
            scope.n--;
        scope.n -= scope.n > 0;
    }
}

static bool link_field(const struct proto *p, const struct proto_message *t,
                       struct proto_field *f, struct buf *full, struct emit *m)
{
    if (f->kind != PROTO_UNRESOLVED && f->kind != PROTO_MESSAGE &&
        f->kind != PROTO_GROUP && f->kind != PROTO_ENUM)
        return true;
    const struct proto_symbol *s = resolve(p, t->name, f->type_name, full);
    if (full->failed)
        return no_memory(m);
    if (!s->name.p)
        return BAD(m, "type '%.*s' of '%.*s.%.*s' is not defined",
                   STR_ARG(f->type_name), STR_ARG(t->name), STR_ARG(f->name));
    f->message = s->message;
    f->enumeration = s->enumeration;
    if (s->enumeration)
        f->kind = PROTO_ENUM;
    else if (f->kind != PROTO_GROUP)
        f->kind = PROTO_MESSAGE;
    /* A message is set or not, always. */
    f->presence |= f->kind != PROTO_ENUM && !f->repeated;
    return true;
}

/* A descriptor may claim anything. */
static bool link_entry(const struct proto_message *t, struct emit *m)
{
    const struct proto_field *key = t->low[1], *value = t->low[2];
    if (!key || !value || key->repeated || value->repeated || key->message)
        return BAD(m, "'%.*s' is no entry of a map", STR_ARG(t->name));
    return true;
}

static bool link_message(struct proto *p, struct proto_message *t,
                         struct buf *full, struct emit *m)
{
    size_t i = 0;
    t->fields = zeroed(p, t->n * sizeof(*t->fields), m);
    t->by_number = zeroed(p, t->n * sizeof(*t->by_number), m);
    if (!t->fields || !t->by_number)
        return false;
    for (struct proto_field *f = t->first; f; f = f->next, i++) {
        t->fields[i] = t->by_number[i] = f;
        if (!link_field(p, t, f, full, m))
            return false;
    }
    if (t->n)
        qsort(t->by_number, t->n, sizeof(*t->by_number), by_number);
    for (i = 0; i < t->n; i++) {
        struct proto_field *f = t->by_number[i];
        if (i && f->number == t->by_number[i - 1]->number)
            return BAD(m, "'%.*s' has two fields with number %u",
                       STR_ARG(t->name), (unsigned)f->number);
        if (f->number < PROTO_LOW)
            t->low[f->number] = f;
    }
    return !t->map_entry || link_entry(t, m);
}

static int value_by_number(const void *a, const void *b)
{
    const struct proto_value *x = *(struct proto_value *const *)a;
    const struct proto_value *y = *(struct proto_value *const *)b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool link_enum(struct proto *p, struct proto_enum *e, struct emit *m)
{
    size_t n = 0;
    if (!e->n)
        return BAD(m, "enum '%.*s' has no values", STR_ARG(e->name));
    e->by_number = zeroed(p, e->n * sizeof(*e->by_number), m);
    if (!e->by_number)
        return false;
    for (struct proto_value *v = e->first; v; v = v->next)
        e->by_number[n++] = v;
    qsort(e->by_number, n, sizeof(*e->by_number), value_by_number);
    e->n = 0;
    for (size_t i = 0; i < n; i++)
        if (!i || e->by_number[i]->number != e->by_number[e->n - 1]->number)
            e->by_number[e->n++] = e->by_number[i];
    return true;
}

/* ---- types with a form of their own */

static const struct {
    const char *name;
    enum proto_form form;
} forms[] = {
    { "google.protobuf.Timestamp", PROTO_TIMESTAMP },
    { "google.protobuf.Duration", PROTO_DURATION },
    { "google.protobuf.FieldMask", PROTO_FIELD_MASK },
    { "google.protobuf.Struct", PROTO_BARE },
    { "google.protobuf.Value", PROTO_BARE },
    { "google.protobuf.ListValue", PROTO_BARE },
    { "google.protobuf.DoubleValue", PROTO_BARE },
    { "google.protobuf.FloatValue", PROTO_BARE },
    { "google.protobuf.Int64Value", PROTO_BARE },
    { "google.protobuf.UInt64Value", PROTO_BARE },
    { "google.protobuf.Int32Value", PROTO_BARE },
    { "google.protobuf.UInt32Value", PROTO_BARE },
    { "google.protobuf.BoolValue", PROTO_BARE },
    { "google.protobuf.StringValue", PROTO_BARE },
    { "google.protobuf.BytesValue", PROTO_BARE },
    { "confluent.type.Decimal", PROTO_DECIMAL },
};

static void set_forms(const struct proto *p)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct proto_symbol *s = place_of(p, str_of(forms[i].name));
        if (s->message && s->message->n)
            s->message->form = forms[i].form;
    }
}

bool proto_link(struct proto *p, struct emit *m)
{
    struct buf full = { .max = 1 << 20 };
    bool good = p->cap_symbols != 0;
    if (!good)
        (void)BAD(m, "the schema has no messages");
    for (struct proto_message *t = p->first; good && t; t = t->next)
        good = link_message(p, t, &full, m);
    for (size_t i = 0; good && i < p->cap_symbols; i++)
        if (p->symbols[i].enumeration)
            good = link_enum(p, p->symbols[i].enumeration, m);
    if (good)
        set_forms(p);
    buf_free(&full);
    return good;
}

/* ---- looking up */

/* The types of maps' entries are not in the source, so they do not count. */
static const struct proto_message *after_entries(const struct proto_message *t)
{
    while (t && t->map_entry)
        t = t->sibling;
    return t;
}

const struct proto_message *proto_message_at(const struct proto *p,
                                             const uint32_t *path, size_t n)
{
    const struct proto_message *t = &p->file;
    for (size_t i = 0; t && i < n; i++) {
        t = after_entries(t->child);
        for (uint32_t k = path[i]; t && k; k--)
            t = after_entries(t->sibling);
    }
    return n ? t : NULL;
}

const struct proto_message *proto_message_named(const struct proto *p,
                                                struct str name)
{
    return place_of(p, name)->message;
}
