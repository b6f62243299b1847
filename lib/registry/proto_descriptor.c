/* Serialized descriptors: the fields of descriptor.proto that say how messages
 * are encoded; and files put together to a schema. */
#include "base/base64.h"
#include "registry/proto_type.h"
#include "registry/wire.h"

struct file {
    struct proto *p;
    struct emit *m;
    struct str package;
    bool implicit;
    unsigned depth;
};

static bool bad(const struct file *f)
{
    return emit_fault(f->m, "bad_schema", "a descriptor cannot be read");
}

/* Walks fields: while (r = each(...)) == 1. */
static bool is_bytes(const struct wire_field *w, uint32_t number)
{
    return w->number == number && w->type == WIRE_BYTES;
}

static bool is_number(const struct wire_field *w, uint32_t number)
{
    return w->number == number && w->type == WIRE_VARINT;
}

/* Finds a number within a message: the last of that field number; absent as
 * fallback. */
static uint64_t number_in(struct str message, uint32_t number, uint64_t absent)
{
    struct wire_field w;
    while (wire_next(&message, &w) == 1)
        if (is_number(&w, number))
            absent = w.value;
    return absent;
}

static struct str bytes_in(struct str message, uint32_t number)
{
    struct str found = { "", 0 };
    struct wire_field w;
    while (wire_next(&message, &w) == 1)
        if (is_bytes(&w, number))
            found = w.bytes;
    return found;
}

/* features.field_presence (EXPLICIT 1, IMPLICIT 2, LEGACY_REQUIRED 3) within
 * options. */
static bool implicit_in(struct str options, uint32_t features, bool inherited)
{
    uint64_t v = number_in(bytes_in(options, features), 1, 0);
    return v ? v == 2 : inherited;
}

/* FieldDescriptorProto */
static bool read_field(struct file *f, struct proto_message *t, struct str d)
{
    struct proto_field new = { .oneof = -1 };
    uint64_t oneof = number_in(d, 9, UINT64_MAX);
    uint64_t kind = number_in(d, 5, 0);
    new.name = bytes_in(d, 1);
    new.type_name = bytes_in(d, 6);
    new.json_name = bytes_in(d, 10);
    new.number = (uint32_t)number_in(d, 3, 0);
    new.repeated = number_in(d, 4, 1) == 3;
    if (kind > PROTO_SINT64)
        return bad(f);
    new.kind = (enum proto_kind)kind;
    if (oneof != UINT64_MAX) {
        if (oneof >= PROTO_FIELDS_MAX)
            return bad(f);
        new.oneof = (int)oneof;
        if (oneof >= t->n_oneofs)
            t->n_oneofs = (size_t)oneof + 1;
    }
    /* Each optional field of proto3 is in a oneof of its own. */
    bool implicit = implicit_in(bytes_in(d, 8), 21, f->implicit);
    new.presence = !new.repeated && (new.oneof >= 0 || !implicit);
    return proto_add_field(f->p, t, &new, f->m);
}

/* EnumDescriptorProto */
static bool read_enum(struct file *f, struct str scope, struct str d)
{
    struct wire_field w;
    struct proto_enum *e = proto_add_enum(f->p, scope, bytes_in(d, 1), f->m);
    int r;
    if (!e)
        return false;
    while ((r = wire_next(&d, &w)) == 1)
        if (is_bytes(&w, 2) &&
            !proto_add_value(f->p, e, bytes_in(w.bytes, 1),
                             (int32_t)number_in(w.bytes, 2, 0), f->m))
            return false;
    return r == 0 || bad(f);
}

/* DescriptorProto */
static bool read_message(struct file *f, struct proto_message *parent,
                         struct str scope, struct str d)
{
    struct wire_field w;
    int r;
    struct proto_message *t =
        proto_add_message(f->p, parent, scope, bytes_in(d, 1), f->m);
    if (!t || f->depth == PROTO_NESTING_MAX)
        return t ? bad(f) : false;
    f->depth++;
    while ((r = wire_next(&d, &w)) == 1) {
        bool good = true;
        if (is_bytes(&w, 2))
            good = read_field(f, t, w.bytes);
        else if (is_bytes(&w, 3))
            good = read_message(f, t, t->name, w.bytes);
        else if (is_bytes(&w, 4))
            good = read_enum(f, t->name, w.bytes);
        else if (is_bytes(&w, 7))
            t->map_entry = number_in(w.bytes, 7, 0) != 0;
        if (!good)
            return false;
    }
    f->depth--;
    return r == 0 || bad(f);
}

/* FileDescriptorProto */
bool proto_read_file(struct proto *p, struct str d, struct emit *m)
{
    struct file f = { .p = p, .m = m, .package = bytes_in(d, 2) };
    struct wire_field w;
    int r;
    f.implicit =
        implicit_in(bytes_in(d, 8), 50, str_eq(bytes_in(d, 12), STR("proto3")));
    proto_begin_file(p);
    while ((r = wire_next(&d, &w)) == 1) {
        bool good = true;
        if (is_bytes(&w, 4))
            good = read_message(&f, NULL, f.package, w.bytes);
        else if (is_bytes(&w, 5))
            good = read_enum(&f, f.package, w.bytes);
        if (!good)
            return false;
    }
    return r == 0 || bad(&f);
}

/* ---- files put together */

static bool is_source(struct str text)
{
    /* Base64 has neither. */
    return memchr(text.p, ';', text.n) || memchr(text.p, '{', text.n);
}

static bool add_file(struct proto *p, struct str text, struct emit *m)
{
    struct buf bytes = { 0 };
    if (is_source(text))
        return proto_parse(p, text, m);
    int r = base64_decode(&bytes, str_trim(text));
    bool good = r == 0 && proto_read_file(p, buf_str(&bytes), m);
    if (r == -2)
        (void)emit_fault(m, "bad_schema",
                         "the schema is neither .proto source nor a "
                         "descriptor in base64");
    else if (r)
        m->why->code = NULL;
    buf_free(&bytes);
    return good;
}

static bool is_given(const char *name, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(str_of(name), names[i]))
            return true;
    return false;
}

static bool add_builtins(struct proto *p, const struct str *names, size_t n,
                         struct emit *m)
{
    for (const struct proto_builtin *b = proto_builtins; b->name; b++)
        if (!is_given(b->name, names, n) && !proto_parse(p, str_of(b->text), m))
            return false;
    return true;
}

static int made(struct proto **out, struct proto *p, bool good,
                const struct registry_fault *why)
{
    if (good) {
        *out = p;
        return 1;
    }
    proto_free(p);
    return why->code ? 0 : -1;
}

int proto_new(struct proto **out, struct str text, const struct str *names,
              const struct str *texts, size_t n, struct registry_fault *why)
{
    struct emit m = { .why = why };
    struct proto *p = proto_start(why);
    bool good = p && add_builtins(p, names, n, &m);
    for (size_t i = 0; good && i < n; i++)
        good = add_file(p, texts[i], &m);
    good = good && add_file(p, text, &m) && proto_link(p, &m);
    return made(out, p, good, why);
}

/* FileDescriptorSet: protoc puts what a file needs in front of it. */
int proto_new_set(struct proto **out, struct str set,
                  struct registry_fault *why)
{
    struct emit m = { .why = why };
    struct proto *p = proto_start(why);
    struct str rest = set, names[64];
    struct wire_field w;
    size_t n = 0;
    int r;
    while ((r = wire_next(&rest, &w)) == 1 && n < 64)
        if (is_bytes(&w, 1))
            names[n++] = bytes_in(w.bytes, 1);
    bool good = p && add_builtins(p, names, n, &m);
    while (good && (r = wire_next(&set, &w)) == 1)
        if (is_bytes(&w, 1))
            good = proto_read_file(p, w.bytes, &m);
    if (good && r < 0)
        good = emit_fault(&m, "bad_schema", "the set cannot be read");
    return made(out, p, good && proto_link(p, &m), why);
}
