#include "expr/expr.h"

#include "expr/private.h"
#include "json/pointer.h"
#include "json/utf8.h"
#include "regex/regex.h"

#include <stdlib.h>

struct expr_set *expr_new(const struct expr_env *env)
{
    struct expr_set *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->env = *env;
    x->scratch.max = EXPR_MEMORY;
    x->text.max = EXPR_MEMORY;
    x->select = select_new();
    if (!x->select) {
        free(x);
        return NULL;
    }
    return x;
}

static void program_free(struct program *p)
{
    free(p->code);
    free(p->slots);
    free(p->uses);
    free(p->what);
}

void expr_free(struct expr_set *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->n_progs; i++)
        program_free(&x->progs[i]);
    for (size_t i = 0; i < x->n_consts; i++)
        operand_free(&x->consts[i]);
    free(x->progs);
    free(x->consts);
    free(x->fields);
    free(x->vals);
    free(x->stack);
    select_free(x->select);
    arena_free(&x->fixed);
    arena_free(&x->scratch);
    buf_free(&x->text);
    if (x->letters)
        freelocale(x->letters);
    regex_set_free(x->patterns);
    key_free(x->keys);
    free(x);
}

struct regex_set *expr_patterns(struct expr_set *x)
{
    if (!x->patterns)
        x->patterns = regex_set_new();
    return x->patterns;
}

int expr_stack(struct expr_set *x, size_t n)
{
    if (n <= x->cap_stack)
        return 0;
    struct operand *grown = realloc(x->stack, n * sizeof(*grown));
    if (!grown)
        return -1;
    x->stack = grown;
    x->cap_stack = n;
    return 0;
}

/* ---- fields */

static int field_fill(struct expr_set *x, struct field *f, const struct path *p)
{
    buf_reset(&x->text);
    *f = (struct field){ .n = p->n };
    f->steps = arena_alloc(&x->fixed, (p->n + 1) * sizeof(*f->steps));
    if (!f->steps)
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        f->steps[i] = p->steps[i];
        if (f->steps[i].key.p) {
            f->steps[i].key = arena_dup(&x->fixed, f->steps[i].key);
            if (!f->steps[i].key.p)
                return -1;
        }
    }
    if (pointer_add(&x->text, p))
        return -1;
    f->pointer = arena_dup(&x->fixed, buf_str(&x->text));
    return f->pointer.p ? 0 : -1;
}

int expr_field(struct expr_set *x, const struct path *p)
{
    int slot = select_add(x->select, p);
    if (slot < 0 || (size_t)slot < x->n_fields)
        return slot;
    size_t n = x->n_fields + 1;
    struct field *fields = realloc(x->fields, n * sizeof(*fields));
    if (fields)
        x->fields = fields;
    struct val *vals = realloc(x->vals, n * sizeof(*vals));
    if (vals)
        x->vals = vals;
    if (!fields || !vals || field_fill(x, &fields[n - 1], p))
        return -1;
    vals[n - 1] = (struct val){ JSON_MISSING, { "", 0 } };
    x->n_fields = n;
    return slot;
}

struct str expr_root(const struct expr_set *x, size_t slot)
{
    if (slot >= x->n_fields || x->fields[slot].n == 0)
        return (struct str){ NULL, 0 };
    return x->fields[slot].steps[0].key;
}

bool expr_overlaps(const struct expr_set *x, int i, const struct path *p)
{
    const struct program *prog = &x->progs[i];
    for (size_t k = 0; k < prog->n_slots; k++) {
        const struct field *f = &x->fields[prog->slots[k]];
        const struct path field = { .steps = f->steps, .n = f->n };
        if (path_relate(&field, p) == PATH_WITHIN)
            return true;
    }
    return false;
}

bool expr_reads(const struct expr_set *x, int i, size_t *at, struct path *p,
                unsigned *use)
{
    const struct program *prog = &x->progs[i];
    if (*at >= prog->n_slots)
        return false;
    const struct field *f = &x->fields[prog->slots[*at]];
    *use = prog->uses[(*at)++];
    *p = (struct path){ .steps = f->steps, .n = f->n };
    return true;
}

bool expr_is_field(const struct expr_set *x, int i)
{
    return x->progs[i].n == 1 && x->progs[i].code[0].op == OP_SLOT;
}

/* ---- expressions */

static int add_program(struct expr_set *x, const char *what, struct str text,
                       struct arena *tree, struct err *e)
{
    struct node *n = parse_expr(tree, &x->env, what, text, e);
    if (!n)
        return -1;
    struct program *progs =
        realloc(x->progs, (x->n_progs + 1) * sizeof(*progs));
    if (!progs)
        return err_nomem(e);
    x->progs = progs;
    struct program p = { .what = strdup(what) };
    if (!p.what || compile_expr(x, &p, n, text, e)) {
        if (!p.what)
            err_nomem(e);
        program_free(&p);
        return -1;
    }
    progs[x->n_progs] = p;
    return (int)x->n_progs++;
}

int expr_add(struct expr_set *x, const char *what, struct str text,
             struct err *e)
{
    if (text.n > EXPR_TEXT_MAX)
        return err_set(e, ERR_USAGE,
                       "%.100s: expression of %zu bytes, limit is %d", what,
                       text.n, EXPR_TEXT_MAX);
    const char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        size_t n = utf8_char(p, end);
        if (n == 0)
            return err_set(e, ERR_USAGE, "%.100s: invalid UTF-8 at byte %zu",
                           what, (size_t)(p - text.p) + 1);
        p += n;
    }
    struct arena tree = { .max = (size_t)64 << 20 };
    int index = add_program(x, what, text, &tree, e);
    arena_free(&tree);
    arena_reset(&x->scratch);
    return index;
}

/* ---- records */

void expr_begin(struct expr_set *x)
{
    arena_reset(&x->scratch);
}

int expr_load(struct expr_set *x, struct str record,
              const struct shaped *shaped)
{
    int r = select_pick(x->select, record, shaped, x->vals);
    for (size_t i = 0; i < x->n_fields; i++)
        x->fields[i].seen |= x->vals[i].type != JSON_MISSING;
    return r;
}

bool expr_unseen(const struct expr_set *x, size_t *at, struct str *pointer)
{
    while (*at < x->n_fields) {
        const struct field *f = &x->fields[(*at)++];
        if (f->read && !f->seen) {
            *pointer = f->pointer;
            return true;
        }
    }
    return false;
}

struct val expr_slot(const struct expr_set *x, int slot)
{
    return x->vals[slot];
}

void expr_bind(struct expr_set *x, int slot, struct val v)
{
    x->vals[slot] = v;
    x->fields[slot].seen |= v.type != JSON_MISSING;
}

int expr_eval(struct expr_set *x, int i, struct val *v, struct expr_fault *f)
{
    const struct program *p = &x->progs[i];
    struct operand o;
    x->fault = f;
    int rc = eval_run(x, p, 0, p->n, &o);
    if (rc)
        return rc;
    rc = operand_write(x, &o);
    operand_free(&o);
    *v = (struct val){ o.type, o.raw };
    return rc;
}

int expr_test(struct expr_set *x, int i, struct expr_fault *f)
{
    const struct program *p = &x->progs[i];
    struct operand o;
    x->fault = f;
    int rc = eval_run(x, p, 0, p->n, &o);
    if (rc)
        return rc;
    operand_free(&o);
    if (o.type > JSON_TRUE)
        return operand_mistyped(x, 0, &o, "a condition must be a boolean");
    return o.type == JSON_TRUE;
}
