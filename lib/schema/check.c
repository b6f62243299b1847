#include "schema/run.h"

#include "json/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXTS_MAX ((size_t)16 << 20) /* bytes of messages of one record */

const char *excerpt(struct schema_run *r, struct str raw)
{
    char *text = r->excerpts[r->excerpt ^= 1];
    size_t n = raw.n;
    bool cut = n > EXCERPT_BYTES;
    if (cut) {
        n = EXCERPT_BYTES;
        while (n && ((unsigned char)raw.p[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(text, raw.p, n);
    memcpy(text + n, cut ? "..." : "", cut ? 4 : 1);
    return text;
}

const char *types_text(char out[80], unsigned types)
{
    static const struct {
        unsigned bits;
        const char *name;
    } names[] = {
        { TYPE_NUMBER, "number" },         { TYPE_INTEGER, "integer" },
        { TYPE_FRACTION, "fraction" },     { TYPE_BIT(JSON_STRING), "string" },
        { TYPE_BOOLEAN, "boolean" },       { TYPE_BIT(JSON_OBJECT), "object" },
        { TYPE_BIT(JSON_ARRAY), "array" }, { TYPE_BIT(JSON_NULL), "null" },
    };
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (!names[i].bits || (types & names[i].bits) != names[i].bits)
            continue;
        types &= ~names[i].bits;
        n += (size_t)snprintf(out + n, 80 - n, "%s%s", n ? " or " : "",
                              names[i].name);
    }
    return n ? out : "nothing";
}

/* ---- errors ---- */

/* The keyword that an error's code is named after, in camelCase, or another
 * that says the same. Codes that are no keyword's stand for the schema
 * itself. */
static void add_keyword(struct buf *out, const struct node *n, const char *code,
                        const char *keyword)
{
    static const char *const others[] = { "number_range", "pattern_limit",
                                          "too_deep",     "too_complex",
                                          "not_json",     "more_errors" };
    if (n->kind == NODE_FALSE)
        return;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strcmp(code, others[i]) == 0)
            return;
    buf_addc(out, '/');
    if (keyword) {
        buf_addz(out, keyword);
        return;
    }
    for (; *code; code++) {
        bool up = *code == '_' && code[1];
        code += up;
        buf_addc(out, up ? (char)(*code - 0x20) : *code);
    }
}

/* Where in the schema the rule stands that was broken. */
static struct str schema_place(struct schema_run *r, const char *code)
{
    const struct node *n = r->node ? r->node : r->schema->root;
    buf_reset(&r->message);
    buf_add_str(&r->message, n->prefix);
    buf_add_str(&r->message, n->where);
    add_keyword(&r->message, n, code, r->keyword);
    const struct schema *s = r->schema;
    if (!s->place || n->prefix.n)
        return arena_dup(&r->arena, buf_str(&r->message));
    struct buf place = { 0 };
    struct str text = { NULL, 0 };
    if (s->place(s->place_of, buf_str(&r->message), &place) == 0)
        text = arena_dup(&r->arena, buf_str(&place));
    buf_free(&place);
    return text;
}

/* False: no memory. */
__attribute__((format(printf, 4, 0))) static bool
error_add(struct schema_run *r, const struct where *at, const char *code,
          const char *fmt, va_list ap)
{
    if (r->n_errors == SCHEMA_MAX_ERRORS) {
        r->lost_errors++;
        return true;
    }
    if (r->n_errors == r->cap_errors) {
        size_t cap = r->cap_errors ? r->cap_errors * 2 : 16;
        struct schema_error *p = realloc(r->errors, cap * sizeof(*p));
        if (!p)
            return false;
        r->errors = p;
        r->cap_errors = cap;
    }
    struct schema_error x = { .code = code };
    buf_reset(&r->message);
    if (at->kind == WHERE_NAME)
        buf_addz(&r->message, "name ");
    buf_vaddf(&r->message, fmt, ap);
    x.message = arena_dup(&r->arena, buf_str(&r->message));
    buf_reset(&r->message);
    where_pointer(&r->message, at, false);
    x.path = arena_dup(&r->arena, buf_str(&r->message));
    buf_reset(&r->message);
    where_pointer(&r->message, at, true);
    x.rule = arena_dup(&r->arena, buf_str(&r->message));
    x.schema = schema_place(r, code);
    if (!x.message.p || !x.path.p || !x.rule.p || !x.schema.p ||
        r->message.failed) {
        r->lost_errors++; /* too much text: the number is told at least */
        return r->n_errors > 0;
    }
    r->errors[r->n_errors++] = x;
    return true;
}

bool fail(struct schema_run *r, const struct where *at, const char *code,
          const char *fmt, ...)
{
    if (!r->collect)
        return false;
    va_list ap;
    va_start(ap, fmt);
    bool ok = error_add(r, at, code, fmt, ap);
    va_end(ap);
    if (!ok)
        stop_nomem(r);
    return ok;
}

const char *stop(struct schema_run *r, const struct where *at, const char *code,
                 const char *fmt, ...)
{
    if (r->keep && !r->stop) {
        va_list ap;
        va_start(ap, fmt);
        if (!error_add(r, at, code, fmt, ap))
            r->nomem = true;
        va_end(ap);
    }
    r->stop = true;
    return NULL;
}

const char *stop_nomem(struct schema_run *r)
{
    r->nomem = r->stop = true;
    return NULL;
}

/* ---- runner ---- */

struct schema_run *schema_run_new(const struct schema *s)
{
    struct schema_run *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->schema = s;
    r->arena.max = TEXTS_MAX;
    r->pattern = pattern_run_new();
    r->guesses = malloc((s->n_guesses + 1) * sizeof(*r->guesses));
    if (!r->pattern || !r->guesses) {
        schema_run_free(r);
        return NULL;
    }
    /* At first the schema's own order is as good a guess as any; NO_PROP + 1
     * being 0, slot 0 of each object is "at the start". */
    for (const struct node *n = s->nodes; n; n = n->next)
        for (uint32_t i = 0; n->object && i <= n->object->n; i++)
            r->guesses[n->object->guess + i] = i;
    return r;
}

void schema_run_free(struct schema_run *r)
{
    if (!r)
        return;
    coerce_free(r->coerce);
    plans_free(r->plans);
    pattern_run_free(r->pattern);
    free(r->guesses);
    free(r->errors);
    buf_free(&r->text);
    buf_free(&r->keys);
    buf_free(&r->stack);
    buf_free(&r->message);
    arena_free(&r->arena);
    free(r);
}

void run_start(struct schema_run *r, struct str text)
{
    r->end = text.p + text.n;
    r->stop = r->nomem = false;
    r->depth = r->gave_up = 0;
    r->marks = NULL;
    r->node = NULL;
    r->keyword = NULL;
    r->telling = false;
    r->steps = 0;
    r->max_steps = RUN_MAX_STEPS + RUN_STEPS_PER_BYTE * (uint64_t)text.n;
    pattern_run_allow(r->pattern,
                      RUN_LONG_MATCHES + text.n / RUN_BYTES_PER_LONG_MATCH);
    if (r->any_clean)
        memset(r->clean, 0, sizeof(r->clean));
    r->any_clean = false;
    buf_reset(&r->stack);
}

/* Walks text once, in the mode that is set. True if it fits. */
static bool walk(struct schema_run *r, struct str text)
{
    const struct where root = { .kind = WHERE_ROOT };
    struct val v = json_val(text);
    run_start(r, v.raw);
    const char *q = v.raw.n ? run_value(r, r->schema->root, v.raw.p, &root)
                            : stop(r, &root, "not_json", "is not JSON");
    if (q && q != r->end)
        q = stop(r, &root, "not_json", "is not JSON");
    return q != NULL;
}

int schema_check(struct schema_run *r, struct str text,
                 const struct schema_error **errors, size_t *n, struct err *e)
{
    r->collect = r->keep = false;
    r->precise = 0;
    /* A schema without a rule need not walk what json_check accepted. */
    if (r->schema->root->kind == NODE_TRUE || walk(r, text))
        return 1;
    if (r->nomem)
        return err_nomem(e);
    arena_reset(&r->arena);
    r->n_errors = r->lost_errors = 0;
    r->collect = r->keep = true;
    r->precise = 1;
    walk(r, text);
    if (r->nomem)
        return err_nomem(e);
    if (r->lost_errors) {
        const struct where root = { .kind = WHERE_ROOT };
        r->n_errors--; /* the last place tells how many more there were */
        fail(r, &root, "more_errors", "%zu more errors", r->lost_errors + 1);
    }
    *errors = r->errors;
    *n = r->n_errors;
    return r->n_errors == 0;
}
