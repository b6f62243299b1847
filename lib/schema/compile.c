#include "schema/compile.h"

#include "schema/uri.h"

#include <stdarg.h>
#include <stdlib.h>

#define PROGRAM_MAX ((size_t)1 << 30)
#define NOTES_MAX 65536

const struct node node_true = { .kind = NODE_TRUE, .wants = TYPE_ANY };

/* ---- errors and memory ---- */

/* What at is called, of the main document and of others. */
static void show_place(const struct compiler *c, struct buf *out,
                       const struct where *at)
{
    struct buf pointer = { .max = 4096 };
    if (!c->s->place || !c->doc || !c->doc->main) {
        where_pointer(out, at, false);
        return;
    }
    if (where_pointer(&pointer, at, false) ||
        c->s->place(c->s->place_of, buf_str(&pointer), out))
        out->failed = true;
    buf_free(&pointer);
}

int compile_fail(struct compiler *c, const struct where *at, const char *fmt,
                 ...)
{
    struct buf where = { .max = 4096 }, text = { .max = 4096 };
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    show_place(c, &where, at);
    const char *w = buf_z(&where), *t = buf_z(&text);
    err_set(c->e, ERR_CONFIG, "schema %s at %s: %s",
            c->doc && c->doc->name.p ? c->doc->name.p : c->source,
            !w   ? "a place too long to tell"
            : *w ? w
                 : "its root",
            t ? t : "malformed");
    buf_free(&where);
    buf_free(&text);
    return -1;
}

int compile_nomem(struct compiler *c)
{
    return err_nomem(c->e);
}

void compile_note(struct compiler *c, const struct where *at, const char *fmt,
                  ...)
{
    struct buf *b = &c->s->notes;
    size_t n = b->n;
    if (!c->doc->main)
        return;
    va_list ap;
    va_start(ap, fmt);
    show_place(c, b, at);
    buf_addz(b, ": ");
    buf_vaddf(b, fmt, ap);
    buf_addc(b, '\n');
    va_end(ap);
    if (b->failed) /* full: whole lines only */
        b->n = n;
}

void *compile_alloc(struct compiler *c, size_t n)
{
    void *p = arena_alloc(&c->s->arena, n);
    if (!p) {
        compile_nomem(c);
        return NULL;
    }
    return memset(p, 0, n);
}

void *compile_scratch(struct compiler *c, size_t n)
{
    void *p = arena_alloc(&c->scratch, n);
    if (!p) {
        compile_nomem(c);
        return NULL;
    }
    return memset(p, 0, n);
}

int compile_text(struct compiler *c, struct str raw, struct str *text)
{
    struct buf b = { 0 };
    int r = json_unescape(&b, raw);
    if (r == 0)
        *text = arena_dup(&c->s->arena, buf_str(&b));
    buf_free(&b);
    return r || !text->p ? compile_nomem(c) : 0;
}

/* ---- schemas ---- */

/* Within a resource a $schema may only agree. */
static int check_dialect(const struct frame *f, struct val v)
{
    struct val uri = json_get(v, STR("$schema"));
    struct where here = { .up = f->at,
                          .kind = WHERE_KEY,
                          .key = STR("$schema") };
    struct str text;
    if (uri.type == JSON_MISSING || f->res->root.raw.p == v.raw.p)
        return 0;
    if (uri.type != JSON_STRING)
        return compile_fail(f->c, &here, "wants a string");
    if (compile_text(f->c, (struct str){ uri.raw.p + 1, uri.raw.n - 2 }, &text))
        return -1;
    const struct dialect *d = dialect_find(f->c, text, &here);
    if (!d)
        return -1;
    return d == f->dialect
               ? 0
               : compile_fail(f->c, &here,
                              "another dialect than that of the schema around "
                              "it, and no $id beside it");
}

/* Sorts the members of a schema into f->v. Of duplicates the last wins. */
static int read_keywords(struct frame *f, struct val v)
{
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val m;
    while (json_next(&it, &key, &m)) {
        enum keyword k;
        struct where here = { .up = f->at, .kind = WHERE_KEY, .key = key };
        struct str name;
        if (compile_text(f->c, key, &name))
            return -1;
        switch (keyword_find(f->dialect, name, &k)) {
        case 1: f->v[k] = m; break;
        case 0: compile_note(f->c, &here, "unknown keyword"); break;
        default: break;
        }
    }
    if (f->dialect->draft == DRAFT_07 && f->v[KW_REF].type) {
        /* Up to draft-07 a $ref hides what stands beside it. */
        for (enum keyword k = 0; k < KW_N; k++)
            if (k != KW_REF && k != KW_DEFS && k != KW_DEFINITIONS)
                f->v[k].type = JSON_MISSING;
    }
    return 0;
}

static struct node *node_new(struct compiler *c, const struct where *at)
{
    struct node *n = compile_alloc(c, sizeof(*n));
    struct buf where = { 0 };
    if (!n)
        return NULL;
    n->types = TYPE_ANY;
    n->prefix = c->doc->prefix;
    if (where_pointer(&where, at, false) == 0)
        n->where = arena_dup(&c->s->arena, buf_str(&where));
    buf_free(&where);
    if (!n->where.p) {
        compile_nomem(c);
        return NULL;
    }
    n->next = c->s->nodes;
    c->s->nodes = n;
    return n;
}

const struct node *compile_false(struct compiler *c, const struct where *at,
                                 const char *code, const char *message)
{
    struct node *n = node_new(c, at);
    if (n) {
        n->kind = NODE_FALSE;
        n->types = 0;
        n->code = code;
        n->message = message;
    }
    return n;
}

/* Any context's number is smaller. */
#define SOME_CONTEXT lookup_number(CONTEXTS_MAX)

bool compile_is_done(const struct compiler *c, struct val v)
{
    return lookup_get(&c->memo, v.raw.p, SOME_CONTEXT) != NULL;
}

static const struct node *compile_rules(struct compiler *c, struct val v,
                                        const struct where *at,
                                        const struct resource *res,
                                        const struct context *context)
{
    struct node *n = node_new(c, at);
    if (!n)
        return NULL;
    if (lookup_put(&c->memo, v.raw.p, lookup_number(context->number), n) ||
        lookup_put(&c->memo, v.raw.p, SOME_CONTEXT, n)) {
        compile_nomem(c);
        return NULL;
    }
    struct frame f = { .c = c,
                       .n = n,
                       .res = res,
                       .dialect = res->dialect,
                       .context = context,
                       .at = at };
    if (check_dialect(&f, v) || read_keywords(&f, v))
        return NULL;
    for (enum keyword k = 0; k < KW_N; k++)
        if (f.v[k].type != JSON_MISSING && keyword_compile(&f, k))
            return NULL;
    return n->object && prop_finish(&f) ? NULL : n;
}

const struct node *compile_schema(struct compiler *c, struct val v,
                                  const struct where *at,
                                  const struct context *context)
{
    if (v.type == JSON_TRUE)
        return &node_true;
    if (v.type == JSON_FALSE)
        return compile_false(c, at, "false_schema", "is not allowed");
    if (v.type != JSON_OBJECT) {
        compile_fail(c, at, "is %s %s, wants a schema",
                     v.type == JSON_ARRAY ? "an" : "a", json_type_name(v.type));
        return NULL;
    }
    const struct resource *res =
        lookup_get(&c->places, v.raw.p, lookup_number(0));
    if (!res) {
        compile_fail(c, at, "is no place for a schema");
        return NULL;
    }
    context = context_enter(c, context, res);
    if (!context)
        return NULL;
    const struct node *n =
        lookup_get(&c->memo, v.raw.p, lookup_number(context->number));
    return n ? n : compile_rules(c, v, at, res, context);
}

/* ---- documents ---- */

static int compile_document(struct compiler *c, struct str text, struct str uri)
{
    struct buf copy = { .max = SCHEMA_MAX_BYTES + 1 }, name = { 0 };
    const struct where root = { .kind = WHERE_ROOT };
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = (struct str){ text.p + 3, text.n - 3 };
    if (text.n > SCHEMA_MAX_BYTES)
        return err_set(c->e, ERR_CONFIG, "schema %s is larger than %zu bytes",
                       c->source, SCHEMA_MAX_BYTES);
    buf_add_str(&copy, text);
    buf_addz(&name, c->source);
    const struct document *doc = scan_document(c, copy, name, uri, c->meta);
    if (!doc)
        return -1;
    static const struct context nothing = { 0 };
    c->doc = doc;
    c->s->root = compile_schema(c, doc->root->root, &root, &nothing);
    if (!c->s->root || compile_pending(c))
        return -1;
    if (schema_link(c->s, c->source, c->e))
        return -1;
    return c->meta ? 0 : dialect_check_all(c);
}

static void compiler_free(struct compiler *c)
{
    pattern_run_free(c->pattern);
    store_free(c->store);
    dialect_free_all(c);
    for (struct document *d = c->documents; d; d = d->next) {
        buf_free(&d->text);
        buf_free(&d->name);
    }
    lookup_free(&c->memo);
    lookup_free(&c->places);
    lookup_free(&c->by_uri);
    lookup_free(&c->anchors);
    lookup_free(&c->members);
    free(c->pending);
    arena_free(&c->scratch);
}

static struct schema *compile(struct str text, const char *source,
                              struct str uri, bool meta,
                              const struct schema_options *options,
                              struct err *e)
{
    const struct schema_options none = { 0 };
    const struct schema_options *o = options ? options : &none;
    struct schema *s = calloc(1, sizeof(*s));
    struct compiler *c = calloc(1, sizeof(*c));
    int r = -1;
    if (s && c) {
        *c = (struct compiler){ .s = s, .source = source, .e = e };
        s->arena.max = c->scratch.max = PROGRAM_MAX;
        s->notes.max = NOTES_MAX;
        s->place = o->place;
        s->place_of = o->place_of;
        c->pattern = pattern_run_new();
        c->store = store_new(o->dirs, o->n_dirs);
        c->draft = o->draft;
        c->format_assertion = !o->no_format_assertion;
        c->meta = meta;
        r = c->pattern && c->store ? compile_document(c, text, uri)
                                   : err_nomem(e);
        compiler_free(c);
    } else {
        err_nomem(e);
    }
    free(c);
    if (r == 0)
        return s;
    schema_free(s);
    return NULL;
}

struct schema *schema_compile(struct str text, const char *source,
                              const struct schema_options *options,
                              struct err *e)
{
    struct str uri = { "", 0 };
    if (options && options->base)
        uri = str_of(options->base);
    return compile(text, source, uri, false, options, e);
}

struct schema *schema_compile_meta(struct str text, const char *source,
                                   struct str uri,
                                   const struct schema_options *options,
                                   struct err *e)
{
    return compile(text, source, uri, true, options, e);
}

int schema_read(const char *path, struct buf *text, struct buf *base,
                struct err *e)
{
    if (store_read(text, path, e))
        return -1;
    char *real = realpath(path, NULL); /* none for a pipe */
    int r = real && uri_of_path(base, str_of(real)) ? err_nomem(e) : 0;
    free(real);
    return r;
}

void schema_free(struct schema *s)
{
    if (!s)
        return;
    pattern_free(s->patterns);
    buf_free(&s->notes);
    arena_free(&s->arena);
    free(s);
}

struct str schema_notes(const struct schema *s)
{
    return buf_str(&s->notes);
}
