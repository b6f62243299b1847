#include "schema/run.h"

#include "json/key.h"
#include "json/number.h"
#include "schema/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Out of line, with their arrays: the good path should not clear them. */
#define COLD __attribute__((cold, noinline))

static COLD bool note_type(struct schema_run *r, const struct node *n,
                           const char *p, const struct where *at)
{
    char types[80];
    if (!r->collect)
        return false;
    const char *q = json_skip_value(p, r->end);
    struct str raw = { p, q ? (size_t)(q - p) : 0 };
    return fail(r, at, "type", "is %s, wants %s", excerpt(r, raw),
                types_text(types, n->types));
}

/* True to go on. */
static inline bool type_ok(struct schema_run *r, const struct node *n,
                           unsigned bit, const char *p, const struct where *at)
{
    return (n->types & bit) || note_type(r, n, p, at);
}

const char *run_skip(struct schema_run *r, const char *p,
                     const struct where *at)
{
    const char *q = json_skip_value(p, r->end);
    if (!q)
        return stop(r, at, "not_json", "is not JSON");
    r->steps += (size_t)(q - p) / RUN_BYTES_PER_STEP;
    return q;
}

/* What cannot be decided is wrong, but no mere failure: judging, it ends the
 * walk, since a "not" around it would make it a success. True to go on. */
static bool unsure(struct schema_run *r, const struct where *at,
                   const char *code, const char *message)
{
    if (r->collect)
        return fail(r, at, code, "%s", message);
    stop(r, at, code, "%s", message);
    return false;
}

/* Names the choices as far as there is room. */
static COLD bool note_choices(struct schema_run *r, const struct values *s,
                              struct val v, const struct where *at)
{
    char list[160];
    size_t n = 0, i = 0;
    if (!r->collect)
        return false;
    list[0] = '\0';
    for (; i < s->n && n + s->v[i].raw.n + 8 < sizeof(list); i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%.*s",
                              i ? ", " : "", STR_ARG(s->v[i].raw));
    if (i < s->n)
        snprintf(list + n, sizeof(list) - n, "%s...", i ? ", " : "");
    return fail(r, at, "enum", "is %s, wants one of: %s", excerpt(r, v.raw),
                list);
}

/* enum and const. True to go on. */
static bool values_ok(struct schema_run *r, const struct node *n, struct val v,
                      struct str text, const struct where *at)
{
    for (int i = 0; i < 2; i++) {
        const struct values *s = i == 0 ? n->choices : n->constant;
        int m = s ? values_match(s, v, text, &r->keys) : 1;
        if (m == 1)
            continue;
        if (m == -1) {
            stop_nomem(r);
            return false;
        }
        bool go;
        if (m == -2)
            go = unsure(r, at, "number_range",
                        "holds a number that is out of range");
        else if (i == 1)
            go = fail(r, at, "const", "is %s, wants %s", excerpt(r, v.raw),
                      excerpt(r, s->v[0].raw));
        else
            go = note_choices(r, s, v, at);
        if (!go)
            return false;
    }
    return true;
}

/* ---- numbers ---- */

static bool number_ok(struct schema_run *r, const struct number_rules *u,
                      const struct numscan *s, const struct where *at)
{
#define BOUND(rule, wrong, code, what)                                \
    if (u->rule.text.p && limit_cmp(s, &u->rule) wrong 0 &&           \
        !fail(r, at, code, "is %s, " what " %s", excerpt(r, s->text), \
              excerpt(r, u->rule.text)))                              \
        return false;
    BOUND(min, <, "minimum", "minimum is")
    BOUND(max, >, "maximum", "maximum is")
    BOUND(above, <=, "exclusive_minimum", "must be greater than")
    BOUND(below, >=, "exclusive_maximum", "must be less than")
#undef BOUND
    return !u->multiple.text.p || multiple_divides(&u->multiple, s->text) ||
           fail(r, at, "multiple_of", "is %s, wants a multiple of %s",
                excerpt(r, s->text), excerpt(r, u->multiple.text));
}

static const char *run_number(struct schema_run *r, const struct node *n,
                              const char *p, const struct where *at)
{
    struct numscan s = number_scan(p, r->end);
    /* Whole or not only matters where just one of the two is allowed. */
    unsigned allowed = n->types & TYPE_NUMBER;
    unsigned bit = TYPE_NUMBER;
    if (allowed == TYPE_INTEGER || allowed == TYPE_FRACTION)
        bit = numscan_is_integer(&s) ? TYPE_INTEGER : TYPE_FRACTION;
    if (!type_ok(r, n, bit, p, at))
        return NULL;
    if (n->number && !number_ok(r, n->number, &s, at))
        return NULL;
    if ((n->choices || n->constant) &&
        !values_ok(r, n, (struct val){ JSON_NUMBER, s.text }, s.text, at))
        return NULL;
    return p + s.text.n;
}

/* ---- strings ---- */

static uint64_t code_points(struct str s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool length_ok(struct schema_run *r, const struct string_rules *u,
                      struct str text, struct str raw, const struct where *at)
{
    /* A character has 1 to 4 bytes: most lengths need no count. */
    if (text.n >= 4 * u->min && text.n <= u->max)
        return true;
    uint64_t n = code_points(text);
    if (n < u->min && !fail(r, at, "min_length",
                            "is %s, length %" PRIu64 ", minimum is %" PRIu64,
                            excerpt(r, raw), n, u->min))
        return false;
    return n <= u->max || fail(r, at, "max_length",
                               "is %s, length %" PRIu64 ", maximum is %" PRIu64,
                               excerpt(r, raw), n, u->max);
}

static bool pattern_ok(struct schema_run *r, const struct string_rules *u,
                       struct str text, struct str raw, const struct where *at)
{
    int m = pattern_match(u->pattern, r->pattern, text);
    if (m == 1)
        return true;
    if (m < 0 && ++r->gave_up > RUN_MAX_GIVE_UPS) {
        stop(r, at, "pattern_limit", "gave up matching too often");
        return false;
    }
    if (m < 0)
        return unsure(r, at, "pattern_limit", "gave up matching a pattern");
    return fail(r, at, "pattern", "is %s, wants to match %s", excerpt(r, raw),
                excerpt(r, u->pattern_text));
}

static bool string_ok(struct schema_run *r, const struct string_rules *u,
                      struct str text, struct str raw, const struct where *at)
{
    if ((u->min || u->max != NO_LIMIT) && !length_ok(r, u, text, raw, at))
        return false;
    if (u->pattern && !pattern_ok(r, u, text, raw, at))
        return false;
    return u->format == FORMAT_NONE || format_ok(u->format, text) ||
           fail(r, at, "format", "is %s, wants format %s", excerpt(r, raw),
                format_name(u->format));
}

static const char *run_string(struct schema_run *r, const struct node *n,
                              const char *p, const struct where *at)
{
    bool escaped = false;
    if (!type_ok(r, n, TYPE_BIT(JSON_STRING), p, at))
        return NULL;
    const char *q = scan_string(p + 1, r->end, &escaped);
    if (!q)
        return stop(r, at, "not_json", "is not JSON");
    if (!n->string && !n->choices && !n->constant)
        return q + 1;
    struct str text = { p + 1, (size_t)(q - p - 1) };
    struct str raw = { p, text.n + 2 };
    if (escaped) {
        buf_reset(&r->text);
        if (json_unescape(&r->text, text))
            return stop_nomem(r);
        text = buf_str(&r->text);
    }
    if (n->string && !string_ok(r, n->string, text, raw, at))
        return NULL;
    if ((n->choices || n->constant) &&
        !values_ok(r, n, (struct val){ JSON_STRING, raw }, text, at))
        return NULL;
    return q + 1;
}

/* ---- arrays ---- */

struct element {
    struct str key;
    size_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* The elements of the array at p, as keys, sorted. *list is owned by the
 * caller. False where the walk has stopped. */
static bool elements_sorted(struct schema_run *r, struct str raw, size_t n,
                            struct element **list, const struct where *at)
{
    struct element *e = malloc(n * sizeof(*e));
    struct json_iter it = json_iter(raw);
    struct val v;
    int bad = e ? 0 : -1;
    buf_reset(&r->keys);
    for (size_t i = 0; i < n && bad == 0 && json_next(&it, NULL, &v); i++) {
        e[i] = (struct element){ { NULL, r->keys.n }, i };
        bad = key_add(&r->keys, v);
    }
    if (bad == -1)
        stop_nomem(r);
    else if (bad || it.broken)
        stop(r, at, "number_range", "holds a number that is out of range");
    if (r->stop) {
        free(e);
        return false;
    }
    for (size_t i = 0; i < n; i++) { /* the keys have stopped moving */
        size_t from = e[i].key.n;
        size_t to = i + 1 < n ? e[i + 1].key.n : r->keys.n;
        e[i].key = (struct str){ r->keys.p + from, to - from };
    }
    qsort(e, n, sizeof(*e), by_key);
    *list = e;
    return true;
}

static bool unique_ok(struct schema_run *r, struct str raw, size_t n,
                      const struct where *at)
{
    struct element *e = NULL;
    bool ok = true;
    if (n < 2)
        return true;
    r->steps += 2 * n;
    if (!elements_sorted(r, raw, n, &e, at))
        return false;
    for (size_t i = 0; ok && i + 1 < n; i++)
        if (str_eq(e[i].key, e[i + 1].key))
            ok = fail(r, at, "unique_items", "items %zu and %zu are equal",
                      e[i].index, e[i + 1].index);
    free(e);
    return ok;
}

static bool counts_ok(struct schema_run *r, const struct array_rules *a,
                      uint64_t n, uint64_t found, const struct where *at)
{
    if (n < a->min &&
        !fail(r, at, "min_items", "has %" PRIu64 " items, minimum is %" PRIu64,
              n, a->min))
        return false;
    if (n > a->max &&
        !fail(r, at, "max_items", "has %" PRIu64 " items, maximum is %" PRIu64,
              n, a->max))
        return false;
    if (!a->contains)
        return true;
    if (found < a->min_contains &&
        !fail(r, at, a->min_contains > 1 ? "min_contains" : "contains",
              "has %" PRIu64
              " items that fit \"contains\", minimum is %" PRIu64,
              found, a->min_contains))
        return false;
    return found <= a->max_contains ||
           fail(r, at, "max_contains",
                "has %" PRIu64
                " items that fit \"contains\", maximum is %" PRIu64,
                found, a->max_contains);
}

/* One element: what it has to fit, and whether it counts for contains. */
static const char *run_element(struct schema_run *r,
                               const struct array_rules *a, const char *p,
                               const struct where *at, uint64_t *found,
                               struct marks *marks)
{
    const struct node *n =
        at->index < a->prefix.n ? a->prefix.v[at->index] : a->rest;
    bool evaluated = n != NULL;
    if (a->contains) {
        r->precise += a->max_contains != NO_LIMIT;
        bool fit = run_fits(r, a->contains, p, at);
        r->precise -= a->max_contains != NO_LIMIT;
        if (r->stop)
            return NULL;
        *found += fit;
        evaluated |= fit && a->contains_evaluates;
    }
    if (marks && evaluated && !run_mark(r, marks, at->index))
        return NULL;
    return n ? run_value(r, n, p, at) : run_skip(r, p, at);
}

static const char *run_array(struct schema_run *r, const struct node *n,
                             const char *p, const struct where *at)
{
    const struct array_rules *a = n->array;
    struct marks *marks = r->marks;
    const char *start = p, *end = r->end;
    struct where here = { .up = at, .kind = WHERE_INDEX };
    uint64_t found = 0;
    r->marks = NULL; /* the elements are other values */
    p = scan_space(p + 1, end);
    if (p < end && *p == ']') {
        p++;
    } else {
        for (;; here.index++) {
            if (p >= end)
                return stop(r, at, "not_json", "is not JSON");
            p = run_element(r, a, p, &here, &found, marks);
            if (!p)
                return NULL;
            p = scan_space(p, end);
            if (p >= end || (*p != ',' && *p != ']'))
                return stop(r, at, "not_json", "is not JSON");
            if (*p++ == ']')
                break;
            p = scan_space(p, end);
        }
        here.index++;
    }
    r->steps += here.index / RUN_MEMBERS_PER_STEP;
    r->marks = marks;
    if (!counts_ok(r, a, here.index, found, at))
        return NULL;
    if (a->unique && !unique_ok(r, (struct str){ start, (size_t)(p - start) },
                                here.index, at))
        return NULL;
    return p;
}

/* ---- any value ---- */

static const char *run_container(struct schema_run *r, const struct node *n,
                                 const char *p, const struct where *at)
{
    bool object = *p == '{';
    if (!type_ok(r, n, TYPE_BIT(object ? JSON_OBJECT : JSON_ARRAY), p, at))
        return NULL;
    const char *q = object && n->object   ? run_object(r, n, p, at)
                    : !object && n->array ? run_array(r, n, p, at)
                                          : run_skip(r, p, at);
    if (!q || (!n->choices && !n->constant))
        return q;
    struct val v = { object ? JSON_OBJECT : JSON_ARRAY,
                     { p, (size_t)(q - p) } };
    return values_ok(r, n, v, v.raw, at) ? q : NULL;
}

static const char *run_literal(struct schema_run *r, const struct node *n,
                               const char *p, const struct where *at)
{
    struct val v = { json_type_of(*p), { p, 0 } };
    const char *q = v.type ? json_skip_value(p, r->end) : NULL;
    if (!q)
        return stop(r, at, "not_json", "is not JSON");
    v.raw.n = (size_t)(q - p);
    if (!type_ok(r, n, TYPE_BIT(v.type), p, at))
        return NULL;
    if ((n->choices || n->constant) && !values_ok(r, n, v, v.raw, at))
        return NULL;
    return q;
}

static const char *run_rules(struct schema_run *r, const struct node *n,
                             const char *p, const struct where *at)
{
    switch (*p) {
    case '"': return run_string(r, n, p, at);
    case '{':
    case '[': return run_container(r, n, p, at);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return run_number(r, n, p, at);
    default: return run_literal(r, n, p, at);
    }
}

const char *run_value(struct schema_run *r, const struct node *n, const char *p,
                      const struct where *at)
{
    while (n->alias)
        n = n->alias;
    if (n->kind == NODE_TRUE)
        return run_skip(r, p, at);
    const struct node *before = r->node;
    r->node = n;
    const char *q;
    if (n->kind == NODE_FALSE) {
        q = fail(r, at, n->code, "%s", n->message) ? run_skip(r, p, at) : NULL;
        r->node = before;
        return q;
    }
    if (p >= r->end)
        return stop(r, at, "not_json", "is not JSON");
    if (r->depth >= RUN_MAX_DEPTH)
        return stop(r, at, "too_deep", "nests too deep for its schema");
    if (++r->steps > r->max_steps)
        return stop(r, at, "too_complex", "takes too many steps to check");
    r->depth++;
    if (n->unevaluated) {
        q = run_rest(r, n, p, at);
    } else {
        q = run_rules(r, n, p, at);
        if (q && n->in_place)
            q = run_in_place(r, n, p, q, at);
    }
    r->depth--;
    r->node = before;
    return q;
}

const char *run_own(struct schema_run *r, const struct node *n, const char *p,
                    const struct where *at)
{
    return run_rules(r, n, p, at);
}
