/* Operations become steps. */
#include "reshape/reshape_steps.h"
#include "reshape/shorthand.h"

#include <stdio.h>
#include <stdlib.h>

static int put_tee(void *context, size_t to, struct str text)
{
    return reshape_put(context, to, text, false);
}

/* ---- steps ---- */

static struct step *last_step(struct reshape *r)
{
    return r->n ? r->steps[r->n - 1] : NULL;
}

static struct step *add_step(struct reshape *r, enum step_kind kind,
                             struct err *e)
{
    struct step **v = realloc(r->steps, (r->n + 1) * sizeof(*v));
    struct step *s = calloc(1, sizeof(*s));
    if (v)
        r->steps = v;
    if (!v || !s) {
        free(s);
        err_nomem(e);
        return NULL;
    }
    s->kind = kind;
    s->r = r;
    r->steps[r->n++] = s;
    return s;
}

/* Where expressions are added: the last step, or a new one. */
static struct derive *last_derive(struct reshape *r, struct err *e)
{
    struct step *s = last_step(r);
    if (s && s->kind == STEP_DERIVE)
        return &s->derive;
    s = add_step(r, STEP_DERIVE, e);
    if (!s)
        return NULL;
    if (derive_init(&s->derive, r->env)) {
        err_nomem(e);
        return NULL;
    }
    s->derive.tee = put_tee;
    s->derive.tee_context = r;
    return &s->derive;
}

static int add_where(struct reshape *r, struct str text, struct err *e)
{
    struct derive *d = last_derive(r, e);
    return d ? derive_test(d, DERIVE_WHERE, "--where", text, 0, e) : -1;
}

static int add_set(struct reshape *r, struct str text, struct err *e)
{
    struct derive *d = last_derive(r, e);
    const char *equals = text.n ? memchr(text.p, '=', text.n) : NULL;
    char what[80];
    if (!d)
        return -1;
    if (!equals)
        return err_set(e, ERR_USAGE, "--set '%.*s': no '=' behind the field",
                       STR_ARG(text));
    struct str field =
        str_trim((struct str){ text.p, (size_t)(equals - text.p) });
    struct str expr = { equals + 1, text.n - (size_t)(equals + 1 - text.p) };
    if (field.n == 0)
        return err_set(e, ERR_USAGE, "--set '%.*s': no field before the '='",
                       STR_ARG(text));
    if (field.p[0] == '"')
        return err_set(e, ERR_USAGE,
                       "--set '%.*s': a field is written without quotes",
                       STR_ARG(field));
    snprintf(what, sizeof(what), "--set %.*s",
             (int)(field.n < 60 ? field.n : 60), field.p);
    return derive_set(d, what, field, expr, 0, e);
}

static int add_cast(struct reshape *r, struct str text, struct err *e)
{
    struct derive *d = last_derive(r, e);
    return d ? shorthand_cast(d, text, e) : -1;
}

static int add_mask(struct reshape *r, struct str text, struct err *e)
{
    struct derive *d = last_derive(r, e);
    return d ? shorthand_mask(d, text, e) : -1;
}

/* The number of the target of this text, which is new or known. */
static int add_target(struct reshape *r, struct str text, size_t *to,
                      struct err *e)
{
    for (*to = 0; *to < r->n_targets; ++*to)
        if (str_eq(str_of(r->targets[*to]), text))
            return 0;
    char **v = realloc(r->targets, (r->n_targets + 1) * sizeof(*v));
    if (!v)
        return err_nomem(e);
    r->targets = v;
    v[*to] = strndup(text.p, text.n);
    if (!v[*to])
        return err_nomem(e);
    r->n_targets++;
    return 0;
}

/* "EXPR => TARGET", at the last arrow: an expression has none but in quotes. */
static int add_branch(struct reshape *r, enum derive_kind kind,
                      const char *what, struct str text, struct err *e)
{
    struct derive *d = last_derive(r, e);
    const char *arrow = text.n ? memrchr(text.p, '>', text.n) : NULL;
    while (arrow && (arrow == text.p || arrow[-1] != '='))
        arrow = memrchr(text.p, '>', (size_t)(arrow - text.p));
    if (!d)
        return -1;
    if (!arrow)
        return err_set(e, ERR_USAGE,
                       "%s '%.*s': no '=>' between condition and output", what,
                       STR_ARG(text));
    const char *end = text.p + text.n;
    struct str target =
        str_trim((struct str){ arrow + 1, (size_t)(end - arrow - 1) });
    size_t to;
    if (target.n == 0)
        return err_set(e, ERR_USAGE, "%s '%.*s': no output behind the '=>'",
                       what, STR_ARG(text));
    if (add_target(r, target, &to, e))
        return -1;
    r->branches = true;
    struct str expr = { text.p, (size_t)(arrow - 1 - text.p) };
    return derive_test(d, kind, what, expr, to, e);
}

static int add_route(struct reshape *r, struct str text, struct err *e)
{
    return add_branch(r, DERIVE_ROUTE, "--route", text, e);
}

static int add_tee(struct reshape *r, struct str text, struct err *e)
{
    return add_branch(r, DERIVE_TEE, "--tee", text, e);
}

static int add_prune(struct reshape *r, enum prune_kind kind, struct str text,
                     struct err *e)
{
    struct path *list;
    size_t n;
    struct step *s = add_step(r, STEP_PRUNE, e);
    if (!s || path_list_parse(&list, &n, text, e))
        return -1;
    int rc = prune_init(&s->prune, kind, list, n, e);
    path_list_free(list, n);
    return rc;
}

static int add_drop(struct reshape *r, struct str text, struct err *e)
{
    return add_prune(r, PRUNE_DROP, text, e);
}

static int add_keep(struct reshape *r, struct str text, struct err *e)
{
    return add_prune(r, PRUNE_KEEP, text, e);
}

static int add_rename(struct reshape *r, struct str text, struct err *e)
{
    for (size_t i = 0, n; i <= text.n; i += n + 1) {
        const char *comma = memchr(text.p + i, ',', text.n - i);
        n = comma ? (size_t)(comma - text.p) - i : text.n - i;
        struct step *s = add_step(r, STEP_RENAME, e);
        if (!s || rename_init(&s->rename, (struct str){ text.p + i, n }, e))
            return -1;
    }
    return 0;
}

static int add_flatten(struct reshape *r, struct str text, struct err *e)
{
    struct step *s = add_step(r, STEP_FLATTEN, e);
    return s ? flatten_init(&s->flatten, text.p ? text : STR(""), e) : -1;
}

static int add_unnest(struct reshape *r, struct str text, struct err *e)
{
    struct step *s = add_step(r, STEP_UNNEST, e);
    r->branches = true;
    return s ? unnest_init(&s->unnest, text, e) : -1;
}

static int add_tidy(struct reshape *r, enum tidy_kind kind, struct str text,
                    struct err *e)
{
    struct step *s = add_step(r, STEP_TIDY, e);
    return s ? tidy_init(&s->tidy, kind, text, e) : -1;
}

static int add_trim(struct reshape *r, struct str text, struct err *e)
{
    return add_tidy(r, TIDY_TRIM, text, e);
}

static int add_squeeze(struct reshape *r, struct str text, struct err *e)
{
    return add_tidy(r, TIDY_SQUEEZE, text, e);
}

static int add_lower(struct reshape *r, struct str text, struct err *e)
{
    return add_tidy(r, TIDY_LOWER, text, e);
}

static int add_upper(struct reshape *r, struct str text, struct err *e)
{
    return add_tidy(r, TIDY_UPPER, text, e);
}

static int add_empty_null(struct reshape *r, struct str text, struct err *e)
{
    return add_tidy(r, TIDY_EMPTY_NULL, text, e);
}

/* The step that a detail belongs to: the last, which is of this kind. */
static struct step *detailed(struct reshape *r, enum step_kind kind,
                             const char *name, struct err *e)
{
    struct step *s = last_step(r);
    if (s && s->kind == kind)
        return s;
    err_set(e, ERR_USAGE, "stands directly behind no --%s", name);
    return NULL;
}

static int is_second(struct str text, const char *first, const char *second,
                     bool *is, struct err *e)
{
    *is = str_eq(text, str_of(second));
    return *is || str_eq(text, str_of(first))
               ? 0
               : err_set(e, ERR_USAGE, "'%.*s' is neither %s nor %s",
                         STR_ARG(text), first, second);
}

static int set_separator(struct reshape *r, struct str text, struct err *e)
{
    struct step *s = detailed(r, STEP_FLATTEN, "flatten", e);
    return s ? flatten_separator(&s->flatten, text, e) : -1;
}

static int set_arrays(struct reshape *r, struct str text, struct err *e)
{
    struct step *s = detailed(r, STEP_FLATTEN, "flatten", e);
    return s ? is_second(text, "keep", "index", &s->flatten.arrays, e) : -1;
}

static int set_empty(struct reshape *r, struct str text, struct err *e)
{
    struct step *s = detailed(r, STEP_UNNEST, "unnest", e);
    return s ? is_second(text, "drop", "keep", &s->unnest.keep_empty, e) : -1;
}

static int set_index(struct reshape *r, struct str text, struct err *e)
{
    struct step *s = detailed(r, STEP_UNNEST, "unnest", e);
    return s ? unnest_index(&s->unnest, text, e) : -1;
}

static const struct operation {
    const char *name;
    int (*add)(struct reshape *r, struct str text, struct err *e);
    bool expression; /* messages name the option themselves */
} operations[] = {
    { "where", add_where, true },
    { "set", add_set, true },
    { "route", add_route, true },
    { "tee", add_tee, true },
    { "cast", add_cast, false },
    { "mask", add_mask, false },
    { "drop", add_drop, false },
    { "keep", add_keep, false },
    { "rename", add_rename, false },
    { "flatten", add_flatten, false },
    { "flatten-sep", set_separator, false },
    { "flatten-arrays", set_arrays, false },
    { "unnest", add_unnest, false },
    { "unnest-empty", set_empty, false },
    { "unnest-index", set_index, false },
    { "trim", add_trim, false },
    { "squeeze", add_squeeze, false },
    { "lower", add_lower, false },
    { "upper", add_upper, false },
    { "empty-null", add_empty_null, false },
};

int reshape_add(struct reshape *r, const char *name, const char *value,
                struct err *e)
{
    struct str text = value ? str_of(value) : (struct str){ NULL, 0 };
    struct err cause = { 0 };
    const struct operation *op = operations;
    for (size_t i = 1; i < sizeof(operations) / sizeof(*operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            op = &operations[i];
    if (op->add(r, text, op->expression ? e : &cause) == 0)
        return 0;
    if (op->expression)
        return -1;
    return strncmp(cause.msg, "--", 2) == 0
               ? err_set(e, cause.code, "%s", cause.msg)
               : err_set(e, cause.code, "--%s: %s", name, cause.msg);
}
