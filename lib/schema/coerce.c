#include "json/check.h"
#include "json/number.h"
#include "json/splice.h"
#include "schema/run.h"

#include <stdlib.h>

/* The schemas that apply to a value are a range of c->set: those of the value
 * itself with all that they reach by $ref and allOf. Ranges of members are
 * pushed behind and popped. */
struct coerce {
    const struct node **set;
    size_t n, cap;
    struct splice *splices;
    size_t n_splices, cap_splices;
    struct buf out;
    struct buf key;
    bool failed; /* no memory */
};

struct range {
    size_t from, to;
};

void coerce_free(struct coerce *c)
{
    if (!c)
        return;
    free(c->set);
    free(c->splices);
    buf_free(&c->out);
    buf_free(&c->key);
    free(c);
}

static void set_push(struct coerce *c, const struct node *n, size_t from)
{
    for (size_t i = from; i < c->n; i++)
        if (c->set[i] == n)
            return;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 32;
        const struct node **p = realloc(c->set, cap * sizeof(*p));
        if (!p) {
            c->failed = true;
            return;
        }
        c->set = p;
        c->cap = cap;
    }
    c->set[c->n++] = n;
}

static void set_push_parts(struct coerce *c, const struct node *n, size_t from)
{
    if (n->kind == NODE_FALSE)
        set_push(c, n, from); /* wants nothing */
    for (size_t i = 0; i < n->parts.n; i++)
        set_push(c, n->parts.v[i], from);
}

static unsigned wanted(const struct coerce *c, struct range s)
{
    unsigned wants = TYPE_ANY;
    for (size_t i = s.from; i < s.to; i++)
        wants &= c->set[i]->wants;
    return wants;
}

static void splice_add(struct coerce *c, struct str at, struct str with)
{
    if (c->n_splices == c->cap_splices) {
        size_t cap = c->cap_splices ? c->cap_splices * 2 : 32;
        struct splice *p = realloc(c->splices, cap * sizeof(*p));
        if (!p) {
            c->failed = true;
            return;
        }
        c->splices = p;
        c->cap_splices = cap;
    }
    c->splices[c->n_splices++] = (struct splice){ at, with };
}

/* ---- values ---- */

enum cast { CAST_NONE, CAST_VALUE, CAST_DROP };

/* What becomes of a string where a value of the types wants is wanted. *with
 * borrows from it. */
static enum cast cast_string(unsigned wants, struct str raw, struct str *with)
{
    struct str text = { raw.p + 1, raw.n >= 2 ? raw.n - 2 : 0 };
    if (wants == 0 || wants & TYPE_BIT(JSON_STRING))
        return CAST_NONE;
    *with = text;
    if (text.n == 0) {
        *with = STR("null");
        return wants & TYPE_BIT(JSON_NULL) ? CAST_VALUE : CAST_DROP;
    }
    if ((wants & TYPE_NUMBER) && json_number_valid(text) &&
        wants & (number_is_integer(text) ? TYPE_INTEGER : TYPE_FRACTION))
        return CAST_VALUE;
    if ((wants & TYPE_BOOLEAN) &&
        (str_eq(text, STR("true")) || str_eq(text, STR("false"))))
        return CAST_VALUE;
    return CAST_NONE;
}

static bool cast_value(struct coerce *c, struct schema_run *r, struct val v,
                       struct range s, unsigned depth);

/* ---- objects ---- */

/* Pushes what applies to the member named key (characters); true if it must
 * be there. */
static bool set_push_member(struct coerce *c, struct schema_run *r,
                            const struct object_rules *u, struct str key,
                            size_t from)
{
    uint32_t i = prop_find(u, key);
    bool matched = false;
    if (i != NO_PROP) {
        for (size_t j = 0; j < u->props[i].nodes.n; j++)
            set_push_parts(c, u->props[i].nodes.v[j], from);
        return u->props[i].required;
    }
    for (size_t j = 0; j < u->n_patterns; j++)
        if (pattern_match(u->patterns[j].pattern, r->pattern, key) == 1) {
            set_push_parts(c, u->patterns[j].schema, from);
            matched = true;
        }
    if (!matched && u->additional)
        set_push_parts(c, u->additional, from);
    return false;
}

/* Members that go away, in runs: a run takes the commas with it. */
struct drops {
    const char *kept; /* behind the last member that stays; NULL: none yet */
    const char *run;  /* first byte of the run that is open; NULL: none */
    const char *end;  /* behind the last member of the run */
};

static void drops_keep(struct coerce *c, struct drops *d, const char *from,
                       const char *to)
{
    if (d->run)
        splice_add(c, (struct str){ d->run, (size_t)(from - d->run) },
                   (struct str){ "", 0 });
    d->run = NULL;
    d->kept = to;
}

static void drops_end(struct coerce *c, struct drops *d)
{
    const char *from = d->kept ? d->kept : d->run;
    if (d->run)
        splice_add(c, (struct str){ from, (size_t)(d->end - from) },
                   (struct str){ "", 0 });
}

static bool cast_member(struct coerce *c, struct schema_run *r, struct val v,
                        struct range s, struct str raw, unsigned depth)
{
    struct range m = { c->n, c->n };
    bool required = false;
    struct str key = raw;
    if (raw.n && memchr(raw.p, '\\', raw.n)) {
        buf_reset(&c->key);
        c->failed |= json_unescape(&c->key, raw) != 0;
        key = buf_str(&c->key);
    }
    for (size_t i = s.from; i < s.to; i++)
        if (c->set[i]->object)
            required |= set_push_member(c, r, c->set[i]->object, key, m.from);
    m.to = c->n;
    bool drop = cast_value(c, r, v, m, depth) && !required;
    c->n = m.from;
    return drop;
}

static void cast_object(struct coerce *c, struct schema_run *r, struct val v,
                        struct range s, unsigned depth)
{
    struct json_iter it = json_iter(v.raw);
    struct drops d = { 0 };
    struct str key;
    struct val m;
    while (!c->failed && json_next(&it, &key, &m)) {
        const char *from = key.p - 1, *to = m.raw.p + m.raw.n;
        if (cast_member(c, r, m, s, key, depth)) {
            if (!d.run)
                d.run = from;
            d.end = to;
        } else {
            drops_keep(c, &d, from, to);
        }
    }
    drops_end(c, &d);
}

static void cast_array(struct coerce *c, struct schema_run *r, struct val v,
                       struct range s, unsigned depth)
{
    struct json_iter it = json_iter(v.raw);
    struct val e;
    for (size_t i = 0; !c->failed && json_next(&it, NULL, &e); i++) {
        struct range m = { c->n, c->n };
        for (size_t j = s.from; j < s.to; j++) {
            const struct array_rules *a = c->set[j]->array;
            const struct node *n = !a                ? NULL
                                   : i < a->prefix.n ? a->prefix.v[i]
                                                     : a->rest;
            if (n)
                set_push_parts(c, n, m.from);
        }
        m.to = c->n;
        cast_value(c, r, e, m, depth);
        c->n = m.from;
    }
}

/* Casts v and what it holds. True if it is an empty string that should go. */
static bool cast_value(struct coerce *c, struct schema_run *r, struct val v,
                       struct range s, unsigned depth)
{
    struct str with;
    if (s.from == s.to || depth == RUN_MAX_DEPTH)
        return false;
    switch (v.type) {
    case JSON_STRING: {
        enum cast cast = cast_string(wanted(c, s), v.raw, &with);
        if (cast == CAST_VALUE)
            splice_add(c, v.raw, with);
        return cast == CAST_DROP;
    }
    case JSON_OBJECT: cast_object(c, r, v, s, depth + 1); return false;
    case JSON_ARRAY: cast_array(c, r, v, s, depth + 1); return false;
    default: return false;
    }
}

int schema_coerce(struct schema_run *r, struct str text, struct str *out,
                  struct err *e)
{
    struct coerce *c = r->coerce;
    if (!c)
        c = r->coerce = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    c->n = c->n_splices = 0;
    c->failed = false;
    set_push_parts(c, r->schema->root, 0);
    cast_value(c, r, json_val(text), (struct range){ 0, c->n }, 0);
    *out = text;
    if (!c->failed && c->n_splices == 0)
        return 0;
    buf_reset(&c->out);
    if (c->failed || json_splice(&c->out, text, c->splices, c->n_splices))
        return err_nomem(e);
    *out = buf_str(&c->out);
    return 0;
}
