/* inplace: schemas that apply to the same value, and what they leave over. */
#include "schema/run.h"

#include <stdio.h>

#define TOLD_BRANCHES 4 /* of anyOf and oneOf, in a message */
#define TOLD_BYTES 400

bool run_mark(struct schema_run *r, struct marks *m, size_t i)
{
    if (marks_set(m, i) == 0)
        return true;
    stop_nomem(r);
    return false;
}

/* The same as below where somebody asks what is evaluated. */
static __attribute__((noinline)) bool fits_marked(struct schema_run *r,
                                                  const struct node *n,
                                                  const char *p,
                                                  const struct where *at)
{
    struct marks *outer = r->marks, own = { 0 };
    r->marks = &own;
    bool fit = run_value(r, n, p, at) != NULL;
    r->marks = outer;
    if (fit && marks_merge(outer, &own)) {
        stop_nomem(r);
        fit = false;
    }
    marks_free(&own);
    return fit;
}

bool run_fits(struct schema_run *r, const struct node *n, const char *p,
              const struct where *at)
{
    bool collect = r->collect;
    r->collect = false;
    bool fit =
        r->marks ? fits_marked(r, n, p, at) : run_value(r, n, p, at) != NULL;
    r->collect = collect;
    return fit;
}

/* ---- anyOf and oneOf ---- */

/* Appends what is wrong with the value by schema i of l: its first error. */
static void tell_branch(struct schema_run *r, const struct node *n, size_t i,
                        const char *p, const struct where *at, struct buf *out)
{
    struct marks *marks = r->marks;
    const size_t errors = r->n_errors, lost = r->lost_errors;
    const uint64_t steps = r->steps;
    r->marks = NULL;
    run_value(r, n, p, at);
    r->marks = marks;
    r->steps = steps; /* it was judged before: that has been paid */
    if (!r->stop && r->n_errors > errors) {
        const struct schema_error *x = &r->errors[errors];
        struct buf here = { 0 };
        where_pointer(&here, at, false);
        size_t up = here.n < x->path.n ? here.n : x->path.n;
        struct str path = { x->path.p + up, x->path.n - up };
        buf_addf(out, "%s%zu: %.*s%s%.*s", out->n ? "; " : "", i, STR_ARG(path),
                 path.n ? " " : "", STR_ARG(x->message));
        if (r->n_errors > errors + 1)
            buf_addf(out, " and %zu more", r->n_errors - errors - 1);
        buf_free(&here);
        r->n_errors = errors;
        r->lost_errors = lost;
    }
}

/* None of l fits: notes it with what each of them misses. True to go on. */
static __attribute__((cold, noinline)) bool
note_none(struct schema_run *r, const struct node_list *l, const char *code,
          const char *keyword, const char *p, const struct where *at)
{
    struct buf why = { .max = TOLD_BYTES };
    if (!r->collect)
        return false;
    if (r->marks)
        r->marks->all = true; /* what is left over is anyone's guess */
    bool tell = !r->telling && r->n_errors < SCHEMA_MAX_ERRORS - 100;
    r->telling = true; /* branches of branches are not told */
    for (size_t i = 0; tell && i < l->n && i < TOLD_BRANCHES; i++) {
        tell_branch(r, l->v[i], i, p, at, &why);
        if (r->stop || why.failed)
            break;
    }
    r->telling = !tell;
    bool more = why.failed || l->n > TOLD_BRANCHES;
    bool go = false;
    if (!r->stop)
        go = why.n ? fail(r, at, code,
                          "fits none of the %zu schemas of %s (%.*s%s)", l->n,
                          keyword, (int)why.n, why.p, more ? "; ..." : "")
                   : fail(r, at, code, "fits none of the %zu schemas of %s",
                          l->n, keyword);
    buf_free(&why);
    return go;
}

static bool any_ok(struct schema_run *r, const struct node_list *l,
                   const char *p, const struct where *at)
{
    bool any = false;
    for (size_t i = 0; i < l->n; i++) {
        any |= run_fits(r, l->v[i], p, at);
        if (r->stop)
            return false;
        if (any && !r->marks) /* else each of them tells what it evaluates */
            return true;
    }
    return any || note_none(r, l, "any_of", "anyOf", p, at);
}

static bool one_ok(struct schema_run *r, const struct node_list *l,
                   const char *p, const struct where *at)
{
    size_t n = 0, first = 0;
    r->precise++;
    for (size_t i = 0; i < l->n && n < 2 && !r->stop; i++) {
        if (!run_fits(r, l->v[i], p, at))
            continue;
        if (n++ == 0)
            first = i;
        else
            fail(r, at, "one_of",
                 "fits schemas %zu and %zu of oneOf, wants one", first, i);
    }
    r->precise--;
    if (r->stop)
        return false;
    if (n == 0)
        return note_none(r, l, "one_of", "oneOf", p, at);
    return n == 1 || r->collect;
}

/* ---- not, if, then and else ---- */

static bool negated_ok(struct schema_run *r, const struct node *n,
                       const char *p, const struct where *at)
{
    struct marks *marks = r->marks;
    r->marks = NULL; /* what it looks at counts for nothing */
    r->precise++;
    bool fit = run_fits(r, n, p, at);
    r->precise--;
    r->marks = marks;
    return !r->stop &&
           (!fit || fail(r, at, "not", "fits the schema of \"not\""));
}

static bool condition_ok(struct schema_run *r, const struct in_place *in,
                         const char *p, const struct where *at)
{
    r->precise++;
    const struct node *n =
        run_fits(r, in->cond, p, at) ? in->then : in->otherwise;
    r->precise--;
    if (r->stop)
        return false;
    return !n || run_value(r, n, p, at);
}

/* ---- all of them ---- */

const char *run_in_place(struct schema_run *r, const struct node *n,
                         const char *p, const char *q, const struct where *at)
{
    const struct in_place *in = n->in_place;
    if ((in->ref && !run_value(r, in->ref, p, at)) ||
        (in->dynamic && !run_value(r, in->dynamic, p, at)))
        return NULL;
    for (size_t i = 0; i < in->all.n; i++)
        if (!run_value(r, in->all.v[i], p, at))
            return NULL;
    if ((in->any.n && !any_ok(r, &in->any, p, at)) ||
        (in->one.n && !one_ok(r, &in->one, p, at)) ||
        (in->negated && !negated_ok(r, in->negated, p, at)) ||
        (in->cond && !condition_ok(r, in, p, at)))
        return NULL;
    return q;
}

/* ---- what is left ---- */

/* Walks the members or elements of the container raw that are not marked. */
static bool rest_ok(struct schema_run *r, const struct node *n, struct str raw,
                    const struct marks *marks, const struct where *at)
{
    struct json_iter it = json_iter(raw);
    struct where here = { .up = at,
                          .kind = it.object ? WHERE_KEY : WHERE_INDEX };
    struct shadows shadows = { r->stack.n, 0 };
    struct val v;
    if (marks->all)
        return true;
    if (it.object && r->precise && shadows_push(r, raw.p, at, &shadows))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && json_next(&it, &here.key, &v); i++) {
        here.index = i;
        if (!marks_has(marks, i) && !shadows_has(r, &shadows, i))
            ok = run_value(r, n, v.raw.p, &here) != NULL;
    }
    r->stack.n = shadows.at;
    return ok;
}

const char *run_rest(struct schema_run *r, const struct node *n, const char *p,
                     const struct where *at)
{
    struct marks *outer = r->marks, own = { 0 };
    r->marks = &own;
    const char *q = run_own(r, n, p, at);
    if (q && n->in_place)
        q = run_in_place(r, n, p, q, at);
    r->marks = NULL;
    const struct node *rest = *p == '{'   ? n->unevaluated->properties
                              : *p == '[' ? n->unevaluated->items
                                          : NULL;
    if (q && rest) {
        if (!rest_ok(r, rest, (struct str){ p, (size_t)(q - p) }, &own, at))
            q = NULL;
        own.all = true;
    }
    r->marks = outer;
    if (q && outer && marks_merge(outer, &own))
        q = stop_nomem(r);
    marks_free(&own);
    return q;
}
