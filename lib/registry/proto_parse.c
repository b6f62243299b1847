/* .proto source, proto2, proto3 and editions, as far as it says how messages
 * are encoded: after the language specifications of Protocol Buffers. Services,
 * extensions and options of other purpose are stepped over. */
#include "registry/proto_lex.h"
#include "registry/proto_type.h"

struct parse {
    struct proto *p;
    struct proto_lex l;
    struct emit *m;
    struct str package;
    bool proto2;
    bool implicit; /* singular scalars have no presence */
    unsigned depth;
};

static bool message_body(struct parse *s, struct proto_message *t);

static bool bad(const struct parse *s, const char *what)
{
    struct str at = s->l.token == PROTO_TOKEN_END ? STR("the end") : s->l.text;
    if (at.n > 40)
        at.n = 40;
    return emit_fault(s->m, "bad_schema", ".proto line %u: %s, not '%.*s'",
                      s->l.line, what, STR_ARG(at));
}

static void next(struct parse *s)
{
    proto_lex_next(&s->l);
}

/* Steps over the token if it is this one. */
static bool accept(struct parse *s, const char *text)
{
    bool is = proto_lex_is(&s->l, text);
    if (is)
        next(s);
    return is;
}

static bool expect(struct parse *s, const char *text)
{
    char what[24] = "expected '";
    if (accept(s, text))
        return true;
    strncat(what, text, 8);
    strcat(what, "'");
    return bad(s, what);
}

static bool name(struct parse *s, struct str *v)
{
    if (s->l.token != PROTO_TOKEN_NAME)
        return bad(s, "expected a name");
    *v = s->l.text;
    next(s);
    return true;
}

/* [.]a.b.c; the parts may be spaced in theory, and then it is no slice. */
static bool type_name(struct parse *s, struct str *v)
{
    const char *start = s->l.text.p;
    struct str part = { start, 0 };
    accept(s, ".");
    do {
        if (!name(s, &part))
            return false;
    } while (accept(s, "."));
    *v = (struct str){ start, (size_t)(part.p + part.n - start) };
    for (size_t i = 0; i < v->n; i++)
        if (v->p[i] <= ' ' || v->p[i] == '/')
            return bad(s, "expected a name without spaces before");
    return true;
}

static bool number(struct parse *s, uint32_t *v)
{
    if (!proto_lex_u32(&s->l, v))
        return bad(s, "expected a number");
    next(s);
    return true;
}

/* Steps over all up to `end` outside of brackets, and over that. */
static bool skip_to(struct parse *s, const char *end)
{
    unsigned depth = 0;
    for (;; next(s)) {
        if (s->l.token == PROTO_TOKEN_END || s->l.token == PROTO_TOKEN_BAD)
            return bad(s, "something has no end");
        if (depth == 0 && accept(s, end))
            return true;
        if (s->l.token != PROTO_TOKEN_SIGN)
            continue;
        if (strchr("{[(", s->l.text.p[0]))
            depth++;
        else if (strchr("}])", s->l.text.p[0])) {
            if (depth == 0)
                return bad(s, "expected no bracket here");
            depth--;
        }
    }
}

/* Steps over a name and a block. */
static bool skip_block(struct parse *s)
{
    while (s->l.token == PROTO_TOKEN_NAME || proto_lex_is(&s->l, "."))
        next(s);
    return expect(s, "{") && skip_to(s, "}");
}

/* ---- options */

/* The value of features.field_presence, where the tokens say that. */
static void presence_feature(struct parse *s, bool *implicit)
{
    if (accept(s, "IMPLICIT"))
        *implicit = true;
    else if (accept(s, "EXPLICIT") || accept(s, "LEGACY_REQUIRED"))
        *implicit = false;
}

static bool is_presence(struct parse *s)
{
    return accept(s, "features") && accept(s, ".") &&
           accept(s, "field_presence") && accept(s, "=");
}

static bool file_option(struct parse *s)
{
    if (is_presence(s))
        presence_feature(s, &s->implicit);
    return skip_to(s, ";");
}

/* What is within the quotes of a string; escapes do not occur in names. */
static bool string(struct parse *s, struct str *v)
{
    if (s->l.token != PROTO_TOKEN_STRING)
        return bad(s, "expected a string");
    *v = (struct str){ s->l.text.p + 1, s->l.text.n - 2 };
    next(s);
    return true;
}

/* The options of a field, behind "[". */
static bool field_options(struct parse *s, struct proto_field *f,
                          bool *implicit)
{
    while (!accept(s, "]")) {
        if (accept(s, "json_name")) {
            if (!expect(s, "=") || !string(s, &f->json_name))
                return false;
        } else if (is_presence(s)) {
            presence_feature(s, implicit);
        }
        /* The rest of this option, of whatever form. */
        while (!proto_lex_is(&s->l, "]") && !accept(s, ",")) {
            bool opens =
                s->l.token == PROTO_TOKEN_SIGN && strchr("{[(", s->l.text.p[0]);
            if (s->l.token == PROTO_TOKEN_END || s->l.token == PROTO_TOKEN_BAD)
                return bad(s, "expected ']'");
            char open = s->l.text.p[0];
            next(s);
            if (opens && !skip_to(s, open == '{'   ? "}"
                                     : open == '[' ? "]"
                                                   : ")"))
                return false;
        }
    }
    return true;
}

/* ---- fields */

static enum proto_kind kind_of(struct str type)
{
    static const char *const kinds[] = {
        [PROTO_DOUBLE] = "double",     [PROTO_FLOAT] = "float",
        [PROTO_INT64] = "int64",       [PROTO_UINT64] = "uint64",
        [PROTO_INT32] = "int32",       [PROTO_FIXED64] = "fixed64",
        [PROTO_FIXED32] = "fixed32",   [PROTO_BOOL] = "bool",
        [PROTO_STRING] = "string",     [PROTO_BYTES] = "bytes",
        [PROTO_UINT32] = "uint32",     [PROTO_SFIXED32] = "sfixed32",
        [PROTO_SFIXED64] = "sfixed64", [PROTO_SINT32] = "sint32",
        [PROTO_SINT64] = "sint64",
    };
    for (int i = PROTO_DOUBLE; i <= PROTO_SINT64; i++)
        if (kinds[i] && str_eq(type, str_of(kinds[i])))
            return (enum proto_kind)i;
    return PROTO_UNRESOLVED;
}

static void set_type(struct proto_field *f, struct str type)
{
    f->kind = kind_of(type);
    f->type_name = f->kind == PROTO_UNRESOLVED ? type : (struct str){ "", 0 };
}

/* name = number [options] ; and then adds the field. */
static bool field_rest(struct parse *s, struct proto_message *t,
                       struct proto_field *f, bool explicit)
{
    bool implicit = s->implicit;
    if (!name(s, &f->name) || !expect(s, "=") || !number(s, &f->number))
        return false;
    if (accept(s, "[") && !field_options(s, f, &implicit))
        return false;
    if (!expect(s, ";"))
        return false;
    f->presence = !f->repeated && (explicit || f->oneof >= 0 || !implicit);
    return proto_add_field(s->p, t, f, s->m);
}

/* group Name = 1 { ... }: a type, and a field of its name in small letters. */
static bool group(struct parse *s, struct proto_message *t,
                  struct proto_field *f)
{
    char small[256];
    struct str type;
    if (!name(s, &type) || !expect(s, "=") || !number(s, &f->number))
        return false;
    bool ignored;
    if (type.n > sizeof(small) ||
        (accept(s, "[") && !field_options(s, f, &ignored)))
        return type.n <= sizeof(small) ? false : bad(s, "a name too long");
    for (size_t i = 0; i < type.n; i++)
        small[i] = type.p[i] >= 'A' && type.p[i] <= 'Z' ? (char)(type.p[i] + 32)
                                                        : type.p[i];
    f->name = (struct str){ small, type.n };
    f->kind = PROTO_GROUP;
    f->type_name = type;
    f->presence = !f->repeated;
    struct proto_message *of = proto_add_message(s->p, t, t->name, type, s->m);
    return of && proto_add_field(s->p, t, f, s->m) && expect(s, "{") &&
           message_body(s, of);
}

/* A field whose label, if it may have one, was read. */
static bool field(struct parse *s, struct proto_message *t, int oneof,
                  bool repeated, bool explicit)
{
    struct proto_field f = { .oneof = oneof, .repeated = repeated };
    struct str type;
    if (!type_name(s, &type))
        return false;
    if (str_eq(type, STR("group")))
        return group(s, t, &f);
    set_type(&f, type);
    return field_rest(s, t, &f, explicit);
}

/* map<K, V> name = 1; */
static bool map(struct parse *s, struct proto_message *t)
{
    struct proto_field key = { .name = STR("key"), .number = 1, .oneof = -1 };
    struct proto_field value = { .name = STR("value"),
                                 .number = 2,
                                 .oneof = -1 };
    struct proto_field f = { .oneof = -1, .repeated = true };
    struct str type;
    char entry[300];
    if (!expect(s, "<") || !type_name(s, &type))
        return false;
    set_type(&key, type);
    if (key.kind == PROTO_UNRESOLVED || key.kind == PROTO_DOUBLE ||
        key.kind == PROTO_FLOAT || key.kind == PROTO_BYTES)
        return bad(s, "expected a map whose keys are integers or strings");
    if (!expect(s, ",") || !type_name(s, &type) || !expect(s, ">"))
        return false;
    set_type(&value, type);
    /* A name that no source can have: it meets no other. */
    struct str field_name = s->l.text;
    if (field_name.n > 256)
        return bad(s, "expected a shorter name");
    memcpy(entry, "map:", 4);
    memcpy(entry + 4, field_name.p, field_name.n);
    f.type_name = (struct str){ entry, field_name.n + 4 };
    f.kind = PROTO_MESSAGE;
    return proto_add_entry(s->p, t, f.type_name, &key, &value, s->m) &&
           field_rest(s, t, &f, false);
}

static bool oneof(struct parse *s, struct proto_message *t)
{
    struct str ignored;
    int index = (int)t->n_oneofs++;
    if (!name(s, &ignored) || !expect(s, "{"))
        return false;
    while (!accept(s, "}")) {
        if (accept(s, ";"))
            continue;
        bool good = accept(s, "option") ? skip_to(s, ";")
                                        : field(s, t, index, false, true);
        if (!good)
            return false;
    }
    return true;
}

/* ---- messages and enums */

static bool enumeration(struct parse *s, struct str scope)
{
    struct str text;
    struct proto_enum *e = NULL;
    if (!name(s, &text) || !expect(s, "{") ||
        !(e = proto_add_enum(s->p, scope, text, s->m)))
        return false;
    while (!accept(s, "}")) {
        uint32_t v;
        if (accept(s, ";"))
            continue;
        if (accept(s, "option") || accept(s, "reserved")) {
            if (!skip_to(s, ";"))
                return false;
            continue;
        }
        if (!name(s, &text) || !expect(s, "="))
            return false;
        bool negative = accept(s, "-");
        if (!number(s, &v) || !skip_to(s, ";"))
            return false;
        int32_t number = (int32_t)(negative ? 0 - v : v);
        if (!proto_add_value(s->p, e, text, number, s->m))
            return false;
    }
    return true;
}

static bool message(struct parse *s, struct proto_message *parent,
                    struct str scope)
{
    struct str text;
    if (!name(s, &text) || !expect(s, "{"))
        return false;
    struct proto_message *t =
        proto_add_message(s->p, parent, scope, text, s->m);
    return t && message_body(s, t);
}

/* What may stand in a message but a field; *did says whether it was that. A
 * field may have a type of any of these names: what follows tells. */
static bool declaration(struct parse *s, struct proto_message *t, bool *did)
{
    struct proto_lex before = s->l;
    *did = true;
    if (accept(s, "map") && proto_lex_is(&s->l, "<"))
        return map(s, t);
    s->l = before;
    if (accept(s, ";"))
        return true;
    bool is_message = accept(s, "message"), is_enum = accept(s, "enum");
    bool is_oneof = accept(s, "oneof"), is_extend = accept(s, "extend");
    if ((is_message || is_enum || is_oneof || is_extend) &&
        s->l.token == PROTO_TOKEN_NAME) {
        return is_message ? message(s, t, t->name)
               : is_enum  ? enumeration(s, t->name)
               : is_oneof ? oneof(s, t)
                          : skip_block(s);
    }
    s->l = before;
    if (accept(s, "option") || accept(s, "extensions") || accept(s, "reserved"))
        return skip_to(s, ";");
    *did = false;
    return true;
}

static bool message_body(struct parse *s, struct proto_message *t)
{
    if (s->depth == PROTO_NESTING_MAX)
        return bad(s, "messages nested too deep");
    s->depth++;
    while (!accept(s, "}")) {
        bool did;
        if (!declaration(s, t, &did))
            return false;
        if (did)
            continue;
        bool repeated = accept(s, "repeated");
        bool explicit =
            !repeated && (accept(s, "optional") || accept(s, "required"));
        if (!field(s, t, -1, repeated, explicit))
            return false;
    }
    s->depth--;
    return true;
}

/* ---- files */

static bool syntax(struct parse *s, bool edition)
{
    struct str v = { "", 0 };
    if (!expect(s, "=") || !string(s, &v))
        return false;
    if (!edition && !str_eq(v, STR("proto2")) && !str_eq(v, STR("proto3")))
        return bad(s, "expected syntax proto2 or proto3");
    s->proto2 = !edition && str_eq(v, STR("proto2"));
    s->implicit = !edition && !s->proto2;
    return expect(s, ";");
}

static bool top_level(struct parse *s)
{
    if (accept(s, ";"))
        return true;
    if (accept(s, "syntax"))
        return syntax(s, false);
    if (accept(s, "edition"))
        return syntax(s, true);
    if (accept(s, "package"))
        return type_name(s, &s->package) && expect(s, ";");
    if (accept(s, "import"))
        return skip_to(s, ";");
    if (accept(s, "option"))
        return file_option(s);
    if (accept(s, "message"))
        return message(s, NULL, s->package);
    if (accept(s, "enum"))
        return enumeration(s, s->package);
    if (accept(s, "extend") || accept(s, "service"))
        return skip_block(s);
    return bad(s, "expected a message or another declaration");
}

bool proto_parse(struct proto *p, struct str text, struct emit *m)
{
    /* Without a syntax line it is proto2. */
    struct parse s = { .p = p,
                       .l = { .p = text.p, .end = text.p + text.n, .line = 1 },
                       .m = m,
                       .package = { "", 0 },
                       .proto2 = true };
    proto_begin_file(p);
    for (next(&s); s.l.token != PROTO_TOKEN_END;)
        if (!top_level(&s))
            return false;
    return true;
}
