#include "contract/yaml.h"

#include "contract/build.h"
#include "json/utf8.h"

#include <yaml.h>

#define CORE "tag:yaml.org,2002:"

static struct build_at at_mark(yaml_mark_t m)
{
    return (struct build_at){ (uint32_t)m.line + 1, (uint32_t)m.column + 1 };
}

/* ---- tags */

/* "str" of the core schema's tags, "" of the one that says nothing; NULL of
 * one that is beyond JSON. */
static const char *core_tag(const yaml_char_t *tag)
{
    static const char *const names[] = { "str",  "int", "float", "bool",
                                         "null", "seq", "map",   NULL };
    const char *z = (const char *)tag;
    if (!z || strcmp(z, "!") == 0)
        return "";
    for (size_t i = 0; names[i]; i++)
        if (strncmp(z, CORE, strlen(CORE)) == 0 &&
            strcmp(z + strlen(CORE), names[i]) == 0)
            return names[i];
    return NULL;
}

/* A container's tag has to be that of its kind. */
static int check_tag(struct build *b, const yaml_char_t *tag, const char *kind,
                     struct build_at at)
{
    const char *name = core_tag(tag);
    return name && (!*name || strcmp(name, kind) == 0)
               ? 0
               : build_fail(b, at, "tag '%.100s' is not read", (char *)tag);
}

/* A scalar's tag has to be what the scalar is. */
static int check_type(struct build *b, struct str text, const char *tag,
                      struct build_at at)
{
    struct yaml y = { .text = text };
    const char *why;
    if (yaml_resolve(&y, b->arena, &why))
        return why ? build_fail(b, at, "%s", why) : err_nomem(b->e);
    bool boolean = y.type == JSON_TRUE || y.type == JSON_FALSE;
    bool fits = strcmp(tag, "null") == 0   ? y.type == JSON_NULL
                : strcmp(tag, "bool") == 0 ? boolean
                : strcmp(tag, "int") == 0
                    ? y.type == JSON_NUMBER && !strpbrk(y.text.p, ".eE")
                    : strcmp(tag, "float") == 0 && y.type == JSON_NUMBER;
    return fits ? 0 : build_fail(b, at, "value is no %s as its tag says", tag);
}

/* ---- events */

static int take_scalar(struct build *b, const yaml_event_t *event)
{
    struct build_at at = at_mark(event->start_mark);
    const char *tag = core_tag(event->data.scalar.tag);
    struct str text = { (const char *)event->data.scalar.value,
                        event->data.scalar.length };
    const char *anchor = (const char *)event->data.scalar.anchor;
    bool tagged = event->data.scalar.tag != NULL;
    bool bare = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tagged;
    if (!tag)
        return build_fail(b, at, "tag '%.100s' is not read",
                          (char *)event->data.scalar.tag);
    bool typed = *tag && strcmp(tag, "str") != 0;
    if (typed && check_type(b, text, tag, at))
        return -1;
    if (!build_wants_key(b))
        return build_scalar(b, text, bare || typed, anchor, at);
    struct yaml key = { .text = text };
    const char *why;
    if ((bare || typed) && yaml_resolve(&key, b->arena, &why))
        return why ? build_fail(b, at, "%s", why) : err_nomem(b->e);
    if ((bare || typed) && key.type != JSON_STRING)
        return build_fail(
            b, at, "key '%.*s' is no string but a %s: write it in quotes",
            (int)(text.n < 100 ? text.n : 100), text.p,
            json_type_name(key.type));
    if (anchor)
        return build_fail(b, at, "anchor at a key is not read");
    return build_key(b, text, bare && str_eq(text, STR("<<")), at);
}

static int take_alias(struct build *b, const yaml_event_t *event)
{
    struct build_at at = at_mark(event->start_mark);
    if (build_wants_key(b))
        return build_fail(b, at, "alias for a key is not read");
    return build_alias(b, (const char *)event->data.alias.anchor, at);
}

static int open_container(struct build *b, const yaml_event_t *event)
{
    struct build_at at = at_mark(event->start_mark);
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag =
        map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const yaml_char_t *anchor = map ? event->data.mapping_start.anchor
                                    : event->data.sequence_start.anchor;
    if (build_wants_key(b))
        return build_fail(b, at, "key is a %s: only strings are keys in JSON",
                          map ? "mapping" : "sequence");
    return check_tag(b, tag, map ? "map" : "seq", at) ||
                   build_open(b, map ? JSON_OBJECT : JSON_ARRAY,
                              (const char *)anchor, at)
               ? -1
               : 0;
}

static int take(struct build *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->root
                   ? build_fail(b, at_mark(event->start_mark),
                                "a second document begins: there may be one")
                   : 0;
    case YAML_ALIAS_EVENT: return take_alias(b, event);
    case YAML_SCALAR_EVENT: return take_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return open_container(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return build_close(b);
    default: return 0;
    }
}

/* ---- documents */

static int fail_syntax(struct build *b, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return err_nomem(b->e);
    struct build_at at =
        at_mark(p->error == YAML_READER_ERROR ? p->mark : p->problem_mark);
    return build_fail(b, at, "%s%s%s", p->context ? p->context : "",
                      p->context ? ": " : "",
                      p->problem ? p->problem : "malformed");
}

static int parse(struct build *b, yaml_parser_t *p)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(p, &event))
            return fail_syntax(b, p);
        more = event.type != YAML_STREAM_END_EVENT;
        int r = take(b, &event);
        yaml_event_delete(&event);
        if (r)
            return -1;
    }
    return b->root ? 0
                   : build_fail(b, (struct build_at){ 1, 1 },
                                "there is no document");
}

/* The first byte that is not UTF-8. */
static int fail_encoding(struct build *b, struct str text)
{
    struct build_at at = { 1, 1 };
    const char *p = text.p, *end = p + text.n;
    for (size_t n; p < end && (n = utf8_char(p, end)); p += n) {
        at.line += *p == '\n';
        at.column = *p == '\n' ? 1 : at.column + 1;
    }
    return build_fail(b, at, "not UTF-8");
}

const struct yaml *yaml_parse(struct arena *a, struct str text,
                              const char *name, struct err *e)
{
    struct build b = { .arena = a, .name = name, .e = e };
    yaml_parser_t parser;
    int r = -1;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = (struct str){ text.p + 3, text.n - 3 };
    if (text.n > YAML_MAX_BYTES) {
        err_set(e, ERR_CONFIG, "YAML %s is larger than 16 MiB", name);
    } else if (!utf8_valid(text)) {
        fail_encoding(&b, text);
    } else if (!yaml_parser_initialize(&parser)) {
        err_nomem(e);
    } else {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const yaml_char_t *)text.p,
                                     text.n);
        r = parse(&b, &parser);
        yaml_parser_delete(&parser);
    }
    build_free(&b);
    return r ? NULL : b.root;
}

/* ---- trees */

const struct yaml *yaml_get(const struct yaml *y, const char *key)
{
    for (uint32_t i = 0; y->type == JSON_OBJECT && i < y->n; i++)
        if (str_eq(y->v[i].key, str_of(key)))
            return y->v[i].value;
    return NULL;
}

int yaml_write(struct buf *out, const struct yaml *y)
{
    bool object = y->type == JSON_OBJECT;
    if (y->type == JSON_STRING)
        return json_quote(out, y->text);
    if (!object && y->type != JSON_ARRAY)
        return buf_add_str(out, y->text);
    buf_addc(out, object ? '{' : '[');
    for (uint32_t i = 0; i < y->n && !out->failed; i++) {
        if (i)
            buf_addc(out, ',');
        if (object) {
            json_quote(out, y->v[i].key);
            buf_addc(out, ':');
        }
        yaml_write(out, y->v[i].value);
    }
    return buf_addc(out, object ? '}' : ']');
}
