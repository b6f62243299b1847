#include "quality/check.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 300 /* bytes of an expression in a message */

static int compile(struct checker *c, const struct rule *r, struct err *e)
{
    char what[140];
    if (r->named)
        snprintf(what, sizeof(what), "--check %.*s", STR_ARG(r->name));
    else
        snprintf(what, sizeof(what), "--check");
    return expr_add(c->exprs, what, r->body, e) < 0 ? -1 : 0;
}

static int make_message(struct buf *out, const struct rule *r)
{
    if (r->named)
        buf_addf(out, "check '%.*s' failed: ", STR_ARG(r->name));
    else
        buf_addz(out, "check failed: ");
    struct str body = r->body;
    if (body.n > SHOWN)
        for (body.n = SHOWN; ((unsigned char)body.p[body.n] & 0xc0) == 0x80;)
            body.n--;
    buf_add_str(out, body);
    return body.n < r->body.n ? buf_addz(out, "...") : out->failed ? -1 : 0;
}

int checker_init(struct checker *c, const struct rule *rules, size_t n,
                 const struct expr_env *env, struct err *e)
{
    *c = (struct checker){ .rules = rules, .n = n, .exprs = expr_new(env) };
    c->counts = calloc(n + 1, sizeof(*c->counts));
    c->messages = calloc(n + 1, sizeof(*c->messages));
    c->expr_faults = calloc(n + 1, sizeof(*c->expr_faults));
    c->faults = calloc(n + 1, sizeof(*c->faults));
    if (!c->exprs || !c->counts || !c->messages || !c->expr_faults ||
        !c->faults)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        if (compile(c, &rules[i], e))
            return -1;
        if (make_message(&c->messages[i], &rules[i]))
            return err_nomem(e);
    }
    return 0;
}

/* One check: sets *fault and returns 1 where there is one, else 0; -1. */
static int run(struct checker *c, size_t i, struct check_fault *fault)
{
    /* FALSE and NULL differ here, so that expr_test will not do. */
    struct expr_fault *f = &c->expr_faults[i];
    struct val v;
    int r = expr_eval(c->exprs, (int)i, &v, f);
    if (r == 0 && v.type > JSON_TRUE)
        r = expr_test(c->exprs, (int)i, f); /* says what it is instead */
    if (r == -2)
        return -1;
    if (r == 0 && v.type != JSON_FALSE)
        return 0;
    struct str name = c->rules[i].name;
    if (r == 0) {
        c->counts[i].failed++;
        *fault = (struct check_fault){ "check", STR(""),
                                       buf_str(&c->messages[i]), name };
    } else {
        c->counts[i].errors++;
        *fault = (struct check_fault){ f->code, f->path, str_of(f->msg), name };
    }
    return !c->rules[i].warn;
}

int checker_run(struct checker *c, struct str record,
                const struct shaped *shaped, const struct check_fault **faults)
{
    int n = 0;
    *faults = c->faults;
    expr_begin(c->exprs);
    if (expr_load(c->exprs, record, shaped)) {
        c->faults[0] = (struct check_fault){ "not_json", STR(""),
                                             STR("not JSON"), STR("") };
        return 1;
    }
    for (size_t i = 0; i < c->n; i++) {
        int r = run(c, i, &c->faults[n]);
        if (r < 0)
            return -1;
        n += r;
    }
    return n;
}

void checker_merge(struct checker *into, const struct checker *from)
{
    for (size_t i = 0; i < into->n; i++) {
        into->counts[i].failed += from->counts[i].failed;
        into->counts[i].errors += from->counts[i].errors;
    }
}

void checker_free(struct checker *c)
{
    for (size_t i = 0; c->messages && i < c->n; i++)
        buf_free(&c->messages[i]);
    free(c->messages);
    free(c->counts);
    free(c->expr_faults);
    free(c->faults);
    expr_free(c->exprs);
    *c = (struct checker){ 0 };
}
