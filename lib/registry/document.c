#include "registry/document.h"

#include "registry/emit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct get {
    struct document *d;
    const struct registry_fetch *fetch;
    struct emit m; /* for its fault alone */
    struct err *e;
};

static enum registry_result with_references(struct get *g, const json_t *answer,
                                            unsigned depth);

static enum registry_result no_memory(struct get *g)
{
    err_nomem(g->e);
    return REGISTRY_FAILED;
}

/* The answer to GET path: *answer is NULL where there is none. */
static enum registry_result ask(struct get *g, const char *path,
                                json_t **answer)
{
    struct buf body = { .max = DOCUMENT_MAX_BYTES };
    json_error_t why;
    enum registry_result r = REGISTRY_REJECTED;

    *answer = NULL;
    int got = g->fetch->get(g->fetch->context, path, &body, g->e);
    if (got < 0) {
        r = REGISTRY_FAILED;
    } else if (got == 0) {
        (void)emit_fault(&g->m, "unknown_schema", "the registry has no '%s'",
                         path);
    } else if (body.failed) {
        (void)emit_fault(&g->m, "bad_schema",
                         "'%s' has more than %zu bytes, or no memory is left",
                         path, DOCUMENT_MAX_BYTES);
    } else {
        *answer = json_loadb(body.p, body.n, 0, &why);
        if (json_is_string(json_object_get(*answer, "schema"))) {
            r = REGISTRY_DECODED;
        } else {
            /* Something else answers there: no verdict about the message. */
            err_set(g->e, ERR_CONFIG,
                    "what answers GET '%s' is no schema registry", path);
            r = REGISTRY_FAILED;
        }
    }
    buf_free(&body);
    return r;
}

static struct str text_member(struct get *g, const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return arena_dup(&g->d->arena, (struct str){ json_string_value(v),
                                                 json_string_length(v) });
}

/* A segment of a URL: what is not plain is escaped. */
static void add_segment(struct buf *path, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
            strchr("-._~", c))
            buf_addc(path, (char)c);
        else
            buf_addf(path, "%%%02X", c);
    }
}

static bool known(const struct document *d, struct str name)
{
    for (size_t i = 0; i < d->n; i++)
        if (str_eq(d->names[i], name))
            return true;
    return false;
}

static enum registry_result add_reference(struct get *g, const json_t *ref,
                                          unsigned depth)
{
    struct document *d = g->d;
    const char *subject = json_string_value(json_object_get(ref, "subject"));
    json_int_t version = json_integer_value(json_object_get(ref, "version"));
    struct buf path = { .max = 1 << 16 };
    json_t *answer = NULL;
    enum registry_result r = REGISTRY_REJECTED;

    struct str name = text_member(g, ref, "name");
    if (!name.p)
        return no_memory(g);
    if (known(d, name))
        return REGISTRY_DECODED;
    if (depth == DOCUMENT_DEPTH_MAX || d->n == DOCUMENT_REFERENCES_MAX ||
        !subject) {
        (void)emit_fault(&g->m, "bad_schema",
                         "reference '%.*s' leads too far or nowhere",
                         STR_ARG(name));
        return r;
    }
    buf_addz(&path, "/subjects/");
    add_segment(&path, subject);
    buf_addf(&path, "/versions/%lld", (long long)version);
    const char *z = buf_z(&path);
    r = z ? ask(g, z, &answer) : no_memory(g);
    buf_free(&path);
    if (r == REGISTRY_DECODED)
        r = with_references(g, answer, depth + 1);
    if (r == REGISTRY_DECODED && d->n == DOCUMENT_REFERENCES_MAX) {
        (void)emit_fault(&g->m, "bad_schema", "more than %d references",
                         DOCUMENT_REFERENCES_MAX);
        r = REGISTRY_REJECTED;
    }
    if (r == REGISTRY_DECODED) {
        d->texts[d->n] = text_member(g, answer, "schema");
        d->names[d->n] = name;
        r = d->texts[d->n++].p ? r : no_memory(g);
    }
    json_decref(answer);
    return r;
}

static enum registry_result with_references(struct get *g, const json_t *answer,
                                            unsigned depth)
{
    const json_t *refs = json_object_get(answer, "references");
    for (size_t i = 0; i < json_array_size(refs); i++) {
        enum registry_result r =
            add_reference(g, json_array_get(refs, i), depth);
        if (r != REGISTRY_DECODED)
            return r;
    }
    return REGISTRY_DECODED;
}

static enum registry_result type_of(struct get *g, const json_t *answer)
{
    static const char *const types[] = { "AVRO", "PROTOBUF", "JSON" };
    const char *type = json_string_value(json_object_get(answer, "schemaType"));
    for (int i = 0; i < 3; i++) {
        if (strcmp(type ? type : "AVRO", types[i]) == 0) {
            g->d->type = (enum document_type)i;
            return REGISTRY_DECODED;
        }
    }
    (void)emit_fault(&g->m, "bad_schema", "a schema of type '%s'", type);
    return REGISTRY_REJECTED;
}

enum registry_result document_get(struct document *d,
                                  const struct registry_fetch *fetch,
                                  uint32_t id, struct registry_fault *why,
                                  struct err *e)
{
    struct get g = { d, fetch, { .why = why }, e };
    char path[40];
    json_t *answer;

    d->names =
        arena_alloc(&d->arena, DOCUMENT_REFERENCES_MAX * sizeof(*d->names));
    d->texts =
        arena_alloc(&d->arena, DOCUMENT_REFERENCES_MAX * sizeof(*d->texts));
    if (!d->names || !d->texts)
        return no_memory(&g);
    snprintf(path, sizeof(path), "/schemas/ids/%u", (unsigned)id);
    enum registry_result r = ask(&g, path, &answer);
    if (r == REGISTRY_DECODED)
        r = type_of(&g, answer);
    if (r == REGISTRY_DECODED)
        r = with_references(&g, answer, 0);
    if (r == REGISTRY_DECODED) {
        d->text = text_member(&g, answer, "schema");
        r = d->text.p ? r : no_memory(&g);
    }
    json_decref(answer);
    return r;
}

void document_free(struct document *d)
{
    arena_free(&d->arena);
}

/* Puts what is referred to into the schema's definitions. */
static bool embed(const struct document *d, json_t *schema)
{
    const char *draft = json_string_value(json_object_get(schema, "$schema"));
    const char *key =
        draft && strstr(draft, "draft-07") ? "definitions" : "$defs";
    json_t *defs = json_object_get(schema, key);
    if (!json_is_object(defs)) {
        defs = json_object();
        if (json_object_set_new(schema, key, defs))
            return false;
    }
    for (size_t i = 0; i < d->n; i++) {
        json_t *part = json_loadb(d->texts[i].p, d->texts[i].n, 0, NULL);
        bool good =
            json_is_object(part) &&
            json_object_set_new(
                part, "$id", json_stringn(d->names[i].p, d->names[i].n)) == 0 &&
            json_object_set(defs, d->names[i].p, part) == 0;
        json_decref(part);
        if (!good)
            return false;
    }
    return true;
}

int document_bundle(const struct document *d, struct buf *out)
{
    if (!d->n)
        return buf_add_str(out, d->text);
    json_t *schema = json_loadb(d->text.p, d->text.n, JSON_DECODE_ANY, NULL);
    char *text = json_is_object(schema) && embed(d, schema)
                     ? json_dumps(schema, JSON_COMPACT)
                     : NULL;
    int r = text ? buf_addz(out, text) : -1;
    free(text);
    json_decref(schema);
    return r;
}
