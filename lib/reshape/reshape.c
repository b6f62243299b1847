#include "reshape/reshape.h"

#include "json/pointer.h"
#include "reshape/reshape_steps.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes of all that comes of one record. */
#define LIMIT (BUF_MAX_DEFAULT - 4096)

struct reshape *reshape_new(const struct expr_env *env)
{
    struct reshape *r = calloc(1, sizeof(*r));
    if (r)
        r->env = env;
    return r;
}

static void free_step(struct step *s)
{
    switch (s->kind) {
    case STEP_DERIVE: derive_free(&s->derive); break;
    case STEP_PRUNE: prune_free(&s->prune); break;
    case STEP_RENAME: rename_free(&s->rename); break;
    case STEP_FLATTEN: flatten_free(&s->flatten); break;
    case STEP_UNNEST: unnest_free(&s->unnest); break;
    case STEP_TIDY: tidy_free(&s->tidy); break;
    }
    buf_free(&s->out);
    free(s);
}

void reshape_free(struct reshape *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        free_step(r->steps[i]);
    for (size_t i = 0; i < r->n_targets; i++)
        free(r->targets[i]);
    free(r->steps);
    free(r->targets);
    free(r->outs);
    buf_free(&r->staged);
    buf_free(&r->pointer);
    free(r);
}

/* ---- what comes of a record ---- */

static void *grow(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    size_t more = *cap ? *cap * 2 : 16;
    void *grown = realloc(v, more * size);
    if (grown)
        *cap = more;
    return grown;
}

int reshape_put(struct reshape *r, size_t to, struct str text, bool stays)
{
    struct reshape_out *outs =
        grow(r->outs, r->n_outs, &r->cap_outs, sizeof(*outs));
    if (!outs)
        return -2;
    r->outs = outs;
    r->outs[r->n_outs++] =
        (struct reshape_out){ to, stays ? text : (struct str){ NULL, text.n } };
    if (stays || r->staged.n + text.n > LIMIT) {
        r->staged.failed |= !stays;
        return 0;
    }
    return buf_add_str(&r->staged, text) ? -2 : 0;
}

size_t reshape_targets(const struct reshape *r)
{
    return r->n_targets;
}

const char *reshape_target(const struct reshape *r, size_t i)
{
    return r->targets[i];
}

bool reshape_branches(const struct reshape *r)
{
    return r->branches;
}

/* ---- records ---- */

static int fault(struct expr_fault *f, const char *code, struct str path,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int fault(struct expr_fault *f, const char *code, struct str path,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->msg, sizeof(f->msg), fmt, ap);
    va_end(ap);
    f->code = code;
    f->path = path;
    return -1;
}

/* A fault of the field at a path. */
static int fault_at(struct reshape *r, struct expr_fault *f, const char *code,
                    const struct path *at, const char *what)
{
    buf_reset(&r->pointer);
    if (pointer_add(&r->pointer, at))
        return -2;
    return fault(f, code, buf_str(&r->pointer), "%s", what);
}

static int fault_large(struct expr_fault *f)
{
    return fault(f, "too_large", STR(""), "more than %zu bytes come of it",
                 LIMIT);
}

static int run_flatten(struct step *s, struct str *record, struct expr_fault *f)
{
    struct str name;
    int rc = flatten_run(&s->flatten, *record, &s->out, &name);
    if (rc == -3) {
        size_t n = name.n < 100 ? name.n : 100;
        while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80)
            n--; /* not within a character */
        return fault(f, "name_taken", STR(""),
                     "flattened, two fields have the name '%.*s'", (int)n,
                     name.p);
    }
    if (rc)
        return rc == -4 ? fault_large(f) : -2;
    *record = buf_str(&s->out);
    return 0;
}

static int run_rename(struct reshape *r, struct step *s, struct str *record,
                      struct expr_fault *f)
{
    int rc = rename_run(&s->rename, *record, &s->out);
    if (rc == -3)
        return fault_at(r, f, "name_taken", &s->rename.to,
                        "there is a field of the new name already");
    if (rc > 0)
        *record = buf_str(&s->out);
    return rc < 0 ? -2 : 0;
}

static int run_tidy(struct step *s, struct str *record, struct expr_fault *f)
{
    int rc = tidy_run(&s->tidy, *record, &s->out);
    if (rc == -3)
        return fault(f, "expr_locale", STR(""),
                     "the system has no locale C.UTF-8");
    if (rc > 0)
        *record = buf_str(&s->out);
    return rc < 0 ? -2 : 0;
}

static int run_from(struct reshape *r, size_t at, struct str record,
                    const struct shaped *shaped, bool stays,
                    struct expr_fault *f);

static size_t place_of(const struct step *s)
{
    size_t i = 0;
    while (s->r->steps[i] != s)
        i++;
    return i;
}

static int run_rest(void *context, struct str text)
{
    const struct step *s = context;
    if (s->r->staged.failed)
        return fault_large(s->f);
    return run_from(s->r, place_of(s) + 1, text, NULL, false, s->f);
}

static int run_unnest(struct reshape *r, struct step *s, struct str record,
                      struct expr_fault *f)
{
    s->f = f;
    int rc = unnest_run(&s->unnest, record, run_rest, s);
    if (rc == UNNEST_NOT_ARRAY)
        return fault_at(r, f, "not_array", &s->unnest.field,
                        "cannot be unnested: it is no array");
    if (rc == UNNEST_TAKEN)
        return fault_at(r, f, "name_taken", &s->unnest.index,
                        "cannot be set to the element's number: it is there, "
                        "or its parent is no object");
    return rc;
}

/* Takes record through the steps from `at` on. It stays until the end unless
 * it is one of several. */
static int run_from(struct reshape *r, size_t at, struct str record,
                    const struct shaped *shaped, bool stays,
                    struct expr_fault *f)
{
    struct str start = record;
    for (int rc = 0; at < r->n; at++) {
        struct step *s = r->steps[at];
        size_t to;
        buf_reset(&s->out);
        switch (s->kind) {
        case STEP_DERIVE:
            rc = derive_run(&s->derive, record,
                            record.p == start.p ? shaped : NULL, &record, &to,
                            f);
            if (rc == DERIVE_FILTERED)
                return 0;
            if (rc == DERIVE_ROUTED)
                return reshape_put(r, to, record, stays);
            break;
        case STEP_PRUNE:
            rc = prune_run(&s->prune, record, &s->out) ? -2 : 0;
            record = buf_str(&s->out);
            break;
        case STEP_RENAME: rc = run_rename(r, s, &record, f); break;
        case STEP_FLATTEN: rc = run_flatten(s, &record, f); break;
        case STEP_TIDY: rc = run_tidy(s, &record, f); break;
        case STEP_UNNEST: return run_unnest(r, s, record, f);
        }
        if (rc)
            return rc;
    }
    return reshape_put(r, RESHAPE_MAIN, record, stays);
}

int reshape_run(struct reshape *r, struct str record,
                const struct shaped *shaped, const struct reshape_out **out,
                size_t *n, struct expr_fault *f)
{
    r->n_outs = 0;
    buf_reset(&r->staged);
    int rc = run_from(r, 0, record, shaped, true, f);
    if (rc == 0 && r->staged.failed)
        rc = fault_large(f);
    if (rc)
        return rc;
    const char *p = r->staged.p;
    for (size_t i = 0; i < r->n_outs; i++) {
        struct str *text = &r->outs[i].text;
        if (text->p)
            continue;
        text->p = p;
        p += text->n;
    }
    *out = r->outs;
    *n = r->n_outs;
    return 0;
}

/* ---- what expressions never met ---- */

static bool is_unseen(const struct expr_set *x, struct str field)
{
    struct str pointer;
    size_t at = 0;
    while (expr_unseen(x, &at, &pointer))
        if (str_eq(pointer, field))
            return true;
    return false;
}

bool reshape_unseen(const struct reshape *const *all, size_t n, size_t *step,
                    size_t *at, struct str *pointer)
{
    for (; *step < all[0]->n; ++*step, *at = 0) {
        const struct step *s = all[0]->steps[*step];
        while (s->kind == STEP_DERIVE &&
               expr_unseen(s->derive.exprs, at, pointer)) {
            size_t i = 1;
            while (i < n &&
                   is_unseen(all[i]->steps[*step]->derive.exprs, *pointer))
                i++;
            if (i == n)
                return true;
        }
    }
    return false;
}
