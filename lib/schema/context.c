#include "schema/compile.h"

const struct resource *context_get(const struct context *x, struct str name)
{
    for (size_t i = 0; i < x->n; i++)
        if (str_eq(x->v[i].name, name))
            return x->v[i].res;
    return NULL;
}

static bool same(const struct context *a, const struct context *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].res != b->v[i].res || !str_eq(a->v[i].name, b->v[i].name))
            return false;
    return true;
}

/* Adds the binding where there is none of that name. */
static void bind(struct context *x, struct str name, const struct resource *res)
{
    size_t i = x->n;
    if (context_get(x, name))
        return;
    while (i && str_cmp(x->v[i - 1].name, name) > 0)
        i--;
    memmove(x->v + i + 1, x->v + i, (x->n - i) * sizeof(*x->v));
    x->v[i] = (struct binding){ name, res };
    x->n++;
}

static const struct context *context_keep(struct compiler *c,
                                          const struct context *x)
{
    for (size_t i = 0; i < c->n_contexts; i++)
        if (same(c->contexts[i], x))
            return c->contexts[i];
    if (c->n_contexts + 1 == CONTEXTS_MAX) {
        const struct where root = { .kind = WHERE_ROOT };
        compile_fail(c, &root,
                     "dynamic references lead to more than %d contexts",
                     CONTEXTS_MAX - 2);
        return NULL;
    }
    struct context *keep = compile_scratch(c, sizeof(*keep));
    struct binding *v = compile_scratch(c, x->n * sizeof(*v));
    if (!keep || !v)
        return NULL;
    memcpy(v, x->v, x->n * sizeof(*v));
    *keep = (struct context){ c->n_contexts + 1, x->n, v };
    c->contexts[c->n_contexts++] = keep;
    return keep;
}

const struct context *context_enter(struct compiler *c,
                                    const struct context *from,
                                    const struct resource *res)
{
    size_t more = res->recursive && !context_get(from, STR(""));
    for (const struct anchor *a = res->dynamic; a; a = a->next)
        more += !context_get(from, a->name);
    if (!more)
        return from;
    struct context x = { 0, from->n, NULL };
    x.v = compile_scratch(c, (from->n + more) * sizeof(*x.v));
    if (!x.v)
        return NULL;
    if (from->n)
        memcpy(x.v, from->v, from->n * sizeof(*x.v));
    if (res->recursive)
        bind(&x, STR(""), res);
    for (const struct anchor *a = res->dynamic; a; a = a->next)
        bind(&x, a->name, res);
    return context_keep(c, &x);
}
