#include "schema/compile.h"
#include "schema/uri.h"

#include <stdlib.h>

#define VOCAB_ALL 0xffffu

static const struct {
    const char *uri; /* behind http:// or https:// */
    enum schema_draft draft;
} drafts[] = {
    { "json-schema.org/draft/2020-12/schema", DRAFT_2020_12 },
    { "json-schema.org/draft/2019-09/schema", DRAFT_2019_09 },
    { "json-schema.org/draft-07/schema", DRAFT_07 },
};

static const struct {
    const char *uri;
    enum schema_draft draft;
    unsigned bits;
} vocabularies[] = {
#define D20 "https://json-schema.org/draft/2020-12/vocab/"
    { D20 "core", DRAFT_2020_12, VOCAB_CORE },
    { D20 "applicator", DRAFT_2020_12, VOCAB_APPLICATOR },
    { D20 "unevaluated", DRAFT_2020_12, VOCAB_UNEVALUATED },
    { D20 "validation", DRAFT_2020_12, VOCAB_VALIDATION },
    { D20 "meta-data", DRAFT_2020_12, VOCAB_META_DATA },
    { D20 "format-annotation", DRAFT_2020_12, VOCAB_FORMAT },
    { D20 "format-assertion", DRAFT_2020_12, VOCAB_FORMAT },
    { D20 "content", DRAFT_2020_12, VOCAB_CONTENT },
#undef D20
#define D19 "https://json-schema.org/draft/2019-09/vocab/"
    { D19 "core", DRAFT_2019_09, VOCAB_CORE },
    { D19 "applicator", DRAFT_2019_09, VOCAB_APPLICATOR | VOCAB_UNEVALUATED },
    { D19 "validation", DRAFT_2019_09, VOCAB_VALIDATION },
    { D19 "meta-data", DRAFT_2019_09, VOCAB_META_DATA },
    { D19 "format", DRAFT_2019_09, VOCAB_FORMAT },
    { D19 "content", DRAFT_2019_09, VOCAB_CONTENT },
#undef D19
};

static bool draft_find(struct str uri, enum schema_draft *draft)
{
    size_t http = uri.n > 8 && memcmp(uri.p, "https://", 8) == 0  ? 8
                  : uri.n > 7 && memcmp(uri.p, "http://", 7) == 0 ? 7
                                                                  : 0;
    if (!http)
        return false;
    uri = (struct str){ uri.p + http, uri.n - http };
    for (size_t i = 0; i < sizeof(drafts) / sizeof(*drafts); i++)
        if (str_eq(uri, str_of(drafts[i].uri))) {
            *draft = drafts[i].draft;
            return true;
        }
    return false;
}

/* The draft's own dialect has one URI, however it is spelled. */
static struct dialect *dialect_new(struct compiler *c, struct str uri)
{
    struct dialect *d = compile_scratch(c, sizeof(*d));
    if (!d)
        return NULL;
    *d = (struct dialect){ .next = c->dialects,
                           .uri = arena_dup(&c->scratch, uri),
                           .vocabularies = VOCAB_ALL };
    if (!d->uri.p) {
        compile_nomem(c);
        return NULL;
    }
    return c->dialects = d;
}

static struct dialect *dialect_of_draft(struct compiler *c,
                                        enum schema_draft draft)
{
    struct buf uri = { 0 };
    for (struct dialect *d = c->dialects; d; d = d->next)
        if (d->draft == draft && d->vocabularies == VOCAB_ALL && !d->open &&
            draft_find(d->uri, &draft))
            return d;
    buf_addz(&uri, draft == DRAFT_07 ? "http://" : "https://");
    for (size_t i = 0; i < sizeof(drafts) / sizeof(*drafts); i++)
        if (drafts[i].draft == draft)
            buf_addz(&uri, drafts[i].uri);
    struct dialect *d = dialect_new(c, buf_str(&uri));
    buf_free(&uri);
    if (d)
        d->draft = draft;
    return d;
}

struct dialect *dialect_default(struct compiler *c)
{
    return dialect_of_draft(c, c->draft);
}

/* ---- metaschemas of others ---- */

static int vocabulary_add(struct compiler *c, struct dialect *d, struct str uri,
                          bool required, const struct where *at)
{
    for (size_t i = 0; i < sizeof(vocabularies) / sizeof(*vocabularies); i++) {
        if (vocabularies[i].draft != d->draft ||
            !str_eq(uri, str_of(vocabularies[i].uri)))
            continue;
        d->vocabularies |= vocabularies[i].bits;
        if (vocabularies[i].bits == VOCAB_FORMAT)
            d->asserts_formats |=
                d->draft == DRAFT_2019_09
                    ? required
                    : strstr(vocabularies[i].uri, "assertion") != NULL;
        return 0;
    }
    return required ? compile_fail(c, at,
                                   "the metaschema \"%.*s\" requires the "
                                   "vocabulary \"%.*s\", which is not known",
                                   STR_ARG(d->uri), STR_ARG(uri))
                    : 0;
}

/* $vocabulary of d's metaschema, v. */
static int vocabularies_read(struct compiler *c, struct dialect *d,
                             struct val v, const struct where *at)
{
    struct json_iter it = json_iter(v.raw);
    struct str key, uri;
    struct val on;
    if (v.type != JSON_OBJECT || d->draft == DRAFT_07)
        return 0;
    d->vocabularies = VOCAB_CORE;
    while (json_next(&it, &key, &on))
        if (compile_text(c, key, &uri) ||
            vocabulary_add(c, d, uri, on.type == JSON_TRUE, at))
            return -1;
    return 0;
}

static int dialect_read(struct compiler *c, struct dialect *d,
                        const struct where *at)
{
    struct resource *meta;
    int r = scan_find(c, d->uri, &meta);
    if (r < 0)
        return -1;
    if (r == 0 || meta->root.type != JSON_OBJECT)
        return compile_fail(c, at,
                            "unknown dialect \"%.*s\"; known are draft-07, "
                            "2019-09 and 2020-12, and metaschemas in files",
                            STR_ARG(d->uri));
    d->draft = meta->dialect->draft;
    d->vocabularies = meta->dialect->vocabularies;
    d->asserts_formats = meta->dialect->asserts_formats;
    return vocabularies_read(c, d, json_get(meta->root, STR("$vocabulary")),
                             at);
}

struct dialect *dialect_find(struct compiler *c, struct str uri,
                             const struct where *at)
{
    struct buf full = { 0 };
    enum schema_draft draft;
    struct dialect *d;
    if (uri.n && uri.p[uri.n - 1] == '#')
        uri.n--;
    if (draft_find(uri, &draft))
        return dialect_of_draft(c, draft);
    uri_resolve(&full, c->doc->uri, uri);
    for (d = c->dialects; d; d = d->next)
        if (str_eq(d->uri, buf_str(&full)))
            break;
    if (d && d->open) {
        compile_fail(c, at,
                     "the metaschema \"%.*s\" is described by itself, not by "
                     "one of a known draft",
                     STR_ARG(d->uri));
        d = NULL;
    } else if (!d) {
        d = dialect_new(c, buf_str(&full));
        if (d) {
            d->open = true;
            int r = dialect_read(c, d, at);
            d->open = false;
            d = r ? NULL : d;
        }
    }
    buf_free(&full);
    return d;
}

/* ---- schemas against their metaschemas ---- */

static struct schema *dialect_program(struct compiler *c, struct dialect *d)
{
    struct buf text = { 0 }, name = { 0 };
    struct resource *known = lookup_get(&c->by_uri, NULL, d->uri);
    struct schema_options o = { .no_format_assertion = true };
    store_options(c->store, &o.dirs, &o.n_dirs);
    if (d->meta)
        return d->meta;
    /* One that is part of another document has no file of its own. */
    int r = store_get(c->store, d->uri, &text, &name, c->e);
    if (r == 0 && known)
        r = buf_add_str(&text, known->root.raw) || buf_add_str(&name, d->uri)
                ? err_nomem(c->e)
                : 1;
    const char *z = r > 0 ? buf_z(&name) : NULL;
    if (z)
        d->meta = schema_compile_meta(buf_str(&text), z, d->uri, &o, c->e);
    else if (r >= 0)
        err_nomem(c->e);
    buf_free(&text);
    buf_free(&name);
    return d->meta;
}

static bool begins_with(struct str s, struct str with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0 &&
           (s.n == with.n || s.p[with.n] == '/');
}

/* Is this place in part of another dialect, which has a check of its own? Or
 * could what is said of it come from there? */
static bool is_elsewhere(const struct compiler *c, const struct resource *res,
                         struct str place)
{
    for (const struct resource *r = c->resources; r; r = r->next)
        if (r != res && r->doc == res->doc && r->within &&
            r->dialect != r->within->dialect &&
            begins_with(r->where, res->where) &&
            (begins_with(place, r->where) || begins_with(r->where, place)))
            return true;
    return false;
}

static int refuse(struct compiler *c, const struct resource *res,
                  const struct schema_error *x, size_t n)
{
    struct buf place = { 0 };
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        buf_reset(&place);
        buf_add_str(&place, res->where);
        buf_add_str(&place, x[i].path);
        if (is_elsewhere(c, res, buf_str(&place)))
            continue;
        struct where at = { .kind = WHERE_ROOT, .key = buf_str(&place) };
        r = compile_fail(c, &at, "breaks the metaschema: %.*s",
                         STR_ARG(x[i].message));
    }
    buf_free(&place);
    return r;
}

static int resource_check(struct compiler *c, const struct resource *res)
{
    const struct schema_error *x;
    size_t n = 0;
    const struct schema *meta = dialect_program(c, res->dialect);
    struct schema_run *run = meta ? schema_run_new(meta) : NULL;
    if (!meta)
        return -1;
    if (!run)
        return compile_nomem(c);
    c->doc = res->doc;
    int fit = schema_check(run, res->root.raw, &x, &n, c->e);
    int r = fit < 0 ? -1 : fit == 0 ? refuse(c, res, x, n) : 0;
    schema_run_free(run);
    return r;
}

int dialect_check_all(struct compiler *c)
{
    for (const struct resource *r = c->resources; r; r = r->next)
        if (!r->doc->builtin &&
            (!r->within || r->within->dialect != r->dialect) &&
            resource_check(c, r))
            return -1;
    return 0;
}

void dialect_free_all(struct compiler *c)
{
    for (struct dialect *d = c->dialects; d; d = d->next)
        schema_free(d->meta);
}
