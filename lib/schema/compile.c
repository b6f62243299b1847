#include "schema/compile.h"

#include "base/hash.h"
#include "json/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRAM_MAX ((size_t)1 << 30)
#define NOTES_MAX 65536

const struct node node_true = { .kind = NODE_TRUE, .wants = TYPE_ANY };
const struct node node_false = { .kind = NODE_FALSE,
                                 .code = "false_schema",
                                 .message = "is not allowed" };
const struct node node_no_property = { .kind = NODE_FALSE,
                                       .code = "additional_property",
                                       .message = "is not in the schema" };
const struct node node_no_item = { .kind = NODE_FALSE,
                                   .code = "additional_item",
                                   .message = "is one item too many" };

struct memo {
    const char *text; /* first byte of the schema */
    struct node *node;
};

/* ---- errors and memory ---- */

int compile_fail(struct compiler *c, const struct where *at, const char *fmt,
                 ...)
{
    struct buf where = { .max = 4096 }, text = { .max = 4096 };
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    where_pointer(&where, at, false);
    const char *w = buf_z(&where), *t = buf_z(&text);
    err_set(c->e, ERR_CONFIG, "schema %s at %s: %s", c->source,
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
    va_list ap;
    va_start(ap, fmt);
    where_pointer(b, at, false);
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

int compile_text(struct compiler *c, struct str raw, struct str *text)
{
    struct buf b = { 0 };
    int r = json_unescape(&b, raw);
    if (r == 0)
        *text = arena_dup(&c->s->arena, buf_str(&b));
    buf_free(&b);
    return r || !text->p ? compile_nomem(c) : 0;
}

/* ---- nodes by text: each schema is compiled once ---- */

static size_t memo_slot(const struct compiler *c, const char *text)
{
    size_t mask = c->cap_memo - 1;
    size_t i = (size_t)((uintptr_t)text * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (c->memo[i].text && c->memo[i].text != text)
        i = (i + 1) & mask;
    return i;
}

static struct node *memo_get(const struct compiler *c, const char *text)
{
    return c->cap_memo ? c->memo[memo_slot(c, text)].node : NULL;
}

static int memo_grow(struct compiler *c)
{
    size_t cap = c->cap_memo ? c->cap_memo * 2 : 64, old = c->cap_memo;
    struct memo *from = c->memo, *to = calloc(cap, sizeof(*to));
    if (!to)
        return compile_nomem(c);
    c->memo = to;
    c->cap_memo = cap;
    for (size_t i = 0; i < old; i++)
        if (from[i].text)
            to[memo_slot(c, from[i].text)] = from[i];
    free(from);
    return 0;
}

static int memo_put(struct compiler *c, const char *text, struct node *n)
{
    if (c->n_memo * 2 >= c->cap_memo && memo_grow(c))
        return -1;
    c->memo[memo_slot(c, text)] = (struct memo){ text, n };
    c->n_memo++;
    return 0;
}

/* ---- schemas ---- */

static bool draft_find(struct str uri, enum schema_draft *draft)
{
    static const struct {
        const char *uri;
        enum schema_draft draft;
    } drafts[] = {
        { "json-schema.org/draft/2020-12/schema", DRAFT_2020_12 },
        { "json-schema.org/draft/2019-09/schema", DRAFT_2019_09 },
        { "json-schema.org/draft-07/schema", DRAFT_07 },
    };
    size_t http = uri.n > 8 && memcmp(uri.p, "https://", 8) == 0  ? 8
                  : uri.n > 7 && memcmp(uri.p, "http://", 7) == 0 ? 7
                                                                  : 0;
    if (!http)
        return false;
    uri = (struct str){ uri.p + http, uri.n - http };
    if (uri.n && uri.p[uri.n - 1] == '#')
        uri.n--;
    for (size_t i = 0; i < sizeof(drafts) / sizeof(*drafts); i++)
        if (str_eq(uri, str_of(drafts[i].uri))) {
            *draft = drafts[i].draft;
            return true;
        }
    return false;
}

/* $schema: at the root it sets the draft, elsewhere it may only agree. */
static int check_dialect(struct compiler *c, struct val v,
                         const struct where *at, bool root)
{
    struct val uri = json_get(v, STR("$schema"));
    enum schema_draft draft;
    struct str text;
    if (uri.type == JSON_MISSING)
        return 0;
    struct where here = { .up = at, .kind = WHERE_KEY, .key = STR("$schema") };
    if (uri.type != JSON_STRING)
        return compile_fail(c, &here, "wants a string");
    if (compile_text(c, (struct str){ uri.raw.p + 1, uri.raw.n - 2 }, &text))
        return -1;
    if (!draft_find(text, &draft))
        return compile_fail(c, &here,
                            "unknown dialect \"%.*s\"; known are draft-07, "
                            "2019-09 and 2020-12",
                            STR_ARG(text));
    if (root)
        c->draft = draft;
    else if (draft != c->draft)
        return compile_fail(c, &here, "one document, two dialects");
    return 0;
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
        switch (keyword_find(f->c->draft, name, &k)) {
        case 1: f->v[k] = m; break;
        case 0: compile_note(f->c, &here, "unknown keyword"); break;
        case -1: return compile_fail(f->c, &here, "keyword is not supported");
        default: break;
        }
    }
    if (f->c->draft == DRAFT_07 && f->v[KW_REF].type) {
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

const struct node *compile_schema(struct compiler *c, struct val v,
                                  const struct where *at,
                                  const struct resource *res)
{
    if (v.type == JSON_TRUE)
        return &node_true;
    if (v.type == JSON_FALSE)
        return &node_false;
    if (v.type != JSON_OBJECT) {
        compile_fail(c, at, "is %s %s, wants a schema",
                     v.type == JSON_ARRAY ? "an" : "a", json_type_name(v.type));
        return NULL;
    }
    struct node *n = memo_get(c, v.raw.p);
    if (n)
        return n;
    n = node_new(c, at);
    if (!n || memo_put(c, v.raw.p, n))
        return NULL;
    res = resource_of(c, v, n->where, res);
    if (!res) {
        compile_nomem(c);
        return NULL;
    }
    struct frame f = { .c = c, .n = n, .res = res, .at = at };
    if (check_dialect(c, v, at, false) || read_keywords(&f, v))
        return NULL;
    for (enum keyword k = 0; k < KW_N; k++)
        if (f.v[k].type != JSON_MISSING && keyword_compile(&f, k))
            return NULL;
    return n->object && prop_finish(&f) ? NULL : n;
}

static int compile_document(struct compiler *c, struct str text)
{
    struct json_fault fault;
    const struct where root = { .kind = WHERE_ROOT };
    size_t line = 1;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = (struct str){ text.p + 3, text.n - 3 };
    if (json_check_value(text, SCHEMA_MAX_DEPTH, &fault)) {
        for (size_t i = 0; i < fault.offset && i < text.n; i++)
            line += text.p[i] == '\n';
        return err_set(c->e, ERR_CONFIG, "schema %s line %zu: %s", c->source,
                       line, fault.why);
    }
    struct val v = json_val(text);
    struct resource *res = compile_alloc(c, sizeof(*res));
    if (!res || check_dialect(c, v, &root, true))
        return -1;
    *res = (struct resource){ v.raw, resource_id(c, v), { "", 0 } };
    c->s->root = compile_schema(c, v, &root, res);
    if (!c->s->root || compile_pending(c))
        return -1;
    return schema_link(c->s, c->source, c->e);
}

struct schema *schema_compile(struct str text, const char *source,
                              const struct schema_options *options,
                              struct err *e)
{
    struct schema *s = calloc(1, sizeof(*s));
    struct compiler c = { .s = s, .source = source, .e = e };
    if (s)
        c.pattern = pattern_run_new();
    if (!s || !c.pattern) {
        free(s);
        err_nomem(e);
        return NULL;
    }
    s->arena.max = PROGRAM_MAX;
    s->notes.max = NOTES_MAX;
    c.draft = options ? options->draft : DRAFT_2020_12;
    c.format_assertion = !options || !options->no_format_assertion;
    int r = compile_document(&c, text);
    pattern_run_free(c.pattern);
    free(c.memo);
    free(c.pending);
    free(c.steps);
    if (r) {
        schema_free(s);
        return NULL;
    }
    return s;
}

/* Reads all of fd, SCHEMA_MAX_BYTES at most. 0 or -1. */
static int read_all(int fd, const char *path, struct buf *b, struct err *e)
{
    for (;;) {
        if (buf_reserve(b, 65536))
            return b->n > SCHEMA_MAX_BYTES - 65536
                       ? err_set(e, ERR_CONFIG,
                                 "schema %s is larger than %zu"
                                 " bytes",
                                 path, SCHEMA_MAX_BYTES)
                       : err_nomem(e);
        ssize_t n = read(fd, b->p + b->n, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "cannot read schema %s", path);
        if (n == 0)
            return 0;
        b->n += (size_t)n;
    }
}

struct schema *schema_load(const char *path,
                           const struct schema_options *options, struct err *e)
{
    struct buf b = { .max = SCHEMA_MAX_BYTES };
    struct schema *s = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_sys(e, ERR_IO, errno, "cannot open schema %s", path);
        return NULL;
    }
    if (read_all(fd, path, &b, e) == 0)
        s = schema_compile(buf_str(&b), path, options, e);
    close(fd);
    buf_free(&b);
    return s;
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
