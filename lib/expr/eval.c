/* The machine: a stack of operands, an instruction at a time. */
#include "expr/private.h"
#include "json/utf8.h"

/* TRUE, FALSE or NULL (also for missing) in *t as JSON_TRUE ...; a fault for
 * anything else. */
static int truth(struct expr_set *x, uint32_t at, const struct operand *o,
                 enum json_type *t)
{
    if (o->type > JSON_TRUE)
        return operand_mistyped(x, at, o, "a condition must be a boolean");
    *t = o->type == JSON_MISSING ? JSON_NULL : o->type;
    return 0;
}

static void put(struct operand *o, struct operand v)
{
    operand_free(o);
    *o = v;
}

static void put_truth(struct operand *o, enum json_type t)
{
    put(o, t == JSON_NULL ? OPERAND(JSON_NULL) : operand_bool(t == JSON_TRUE));
}

/* ---- operators; a is where the result goes */

static int arithmetic(struct expr_set *x, const struct insn *in,
                      struct operand *a, struct operand *b)
{
    static const char *const needs[] = { [OP_ADD] = "'+' needs numbers",
                                         [OP_SUB] = "'-' needs numbers",
                                         [OP_MUL] = "'*' needs numbers",
                                         [OP_DIV] = "'/' needs numbers" };
    const struct operand *odd = !operand_absent(a) && a->type != JSON_NUMBER ? a
                                : !operand_absent(b) && b->type != JSON_NUMBER
                                    ? b
                                    : NULL;
    if (odd)
        return operand_mistyped(x, in->at, odd, needs[in->op]);
    if (operand_absent(a) || operand_absent(b)) {
        put(a, OPERAND(JSON_NULL));
        return 0;
    }
    int rc = operand_number(x, in->at, a);
    if (rc == 0)
        rc = operand_number(x, in->at, b);
    if (rc)
        return rc;
    struct operand r = OPERAND(JSON_NUMBER);
    switch (in->op) {
    case OP_ADD: rc = decimal_add(&r.num, &a->num, &b->num); break;
    case OP_SUB: rc = decimal_sub(&r.num, &a->num, &b->num); break;
    case OP_MUL: rc = decimal_mul(&r.num, &a->num, &b->num); break;
    default: rc = decimal_div(&r.num, &a->num, &b->num); break;
    }
    if (rc)
        return expr_decimal_fault(x, in->at, rc);
    r.has_num = true;
    r.owns_num = r.num.big != NULL;
    put(a, r);
    return 0;
}

static int minus(struct expr_set *x, const struct insn *in, struct operand *a)
{
    if (operand_absent(a)) {
        put(a, OPERAND(JSON_NULL));
        return 0;
    }
    if (a->type != JSON_NUMBER)
        return operand_mistyped(x, in->at, a, "'-' needs a number");
    int rc = operand_number(x, in->at, a);
    if (rc)
        return rc;
    struct operand r = OPERAND(JSON_NUMBER);
    rc = decimal_neg(&r.num, &a->num);
    if (rc)
        return expr_decimal_fault(x, in->at, rc);
    r.has_num = true;
    r.owns_num = r.num.big != NULL;
    put(a, r);
    return 0;
}

static int comparison(struct expr_set *x, const struct insn *in,
                      struct operand *a, struct operand *b)
{
    int c = 0;
    bool r = false;
    if (operand_absent(a) || operand_absent(b)) {
        put(a, OPERAND(JSON_NULL));
        return 0;
    }
    int rc = operand_compare(x, in->at, a, b, &c);
    if (rc)
        return rc;
    switch (in->op) {
    case OP_EQ: r = c == 0; break;
    case OP_NE: r = c != 0; break;
    case OP_LT: r = c < 0; break;
    case OP_LE: r = c <= 0; break;
    case OP_GT: r = c > 0; break;
    default: r = c >= 0; break;
    }
    put(a, operand_bool(r));
    return 0;
}

/* Three-valued: the deciding value wins over NULL, and NULL over the other. */
static int logic(struct expr_set *x, const struct insn *in, struct operand *a,
                 struct operand *b)
{
    enum json_type s = JSON_NULL, t = JSON_NULL;
    enum json_type deciding = in->op == OP_AND ? JSON_FALSE : JSON_TRUE;
    int rc = truth(x, in->at, a, &s);
    if (rc == 0)
        rc = truth(x, in->at, b, &t);
    if (rc)
        return rc;
    if (s == deciding || t == deciding)
        put_truth(a, deciding);
    else
        put_truth(a, s == JSON_NULL || t == JSON_NULL ? JSON_NULL : s);
    return 0;
}

static int concat(struct expr_set *x, const struct insn *in, struct operand *a,
                  struct operand *b)
{
    if (operand_absent(a) || operand_absent(b)) {
        put(a, OPERAND(JSON_NULL));
        return 0;
    }
    if (a->type != JSON_STRING || b->type != JSON_STRING)
        return operand_mistyped(x, in->at, a->type != JSON_STRING ? a : b,
                                "'||' needs strings");
    int rc = operand_string(x, a);
    if (rc == 0)
        rc = operand_string(x, b);
    if (rc)
        return rc;
    if (a->text.n + b->text.n > EXPR_MEMORY / 4)
        return expr_faultf(x, in->at, NULL, "expr_size",
                           "'||' gives a string of more than %zu bytes",
                           EXPR_MEMORY / 4);
    char *p = arena_alloc(&x->scratch, a->text.n + b->text.n + 1);
    if (!p)
        return -2;
    memcpy(p, a->text.p, a->text.n);
    memcpy(p + a->text.n, b->text.p, b->text.n);
    put(a, operand_text_of((struct str){ p, a->text.n + b->text.n }));
    return 0;
}

static bool is_class(const struct operand *o, int what)
{
    switch (what) {
    case IS_NULL: return operand_absent(o);
    case IS_MISSING: return o->type == JSON_MISSING;
    case IS_TRUE: return o->type == JSON_TRUE;
    default: return o->type == JSON_FALSE;
    }
}

/* Is a among the n operands of list? */
static int among(struct expr_set *x, const struct insn *in, struct operand *a,
                 struct operand *list, uint32_t n)
{
    bool null = operand_absent(a);
    for (uint32_t i = 0; i < n && !operand_absent(a); i++) {
        int c;
        if (operand_absent(&list[i])) {
            null = true;
            continue;
        }
        int rc = operand_compare(x, in->at, a, &list[i], &c);
        if (rc)
            return rc;
        if (c == 0) {
            put(a, operand_bool(true));
            return 0;
        }
    }
    put_truth(a, null ? JSON_NULL : JSON_FALSE);
    return 0;
}

static int like(struct expr_set *x, const struct insn *in, struct operand *a)
{
    for (uint32_t i = 0; i < in->n; i++)
        if (operand_absent(&a[i])) {
            put(a, OPERAND(JSON_NULL));
            return 0;
        }
    for (uint32_t i = 0; i < in->n; i++) {
        if (a[i].type != JSON_STRING)
            return operand_mistyped(x, in->at, &a[i], "LIKE needs strings");
        int rc = operand_string(x, &a[i]);
        if (rc)
            return rc;
    }
    struct str escape = in->n > 2 ? a[2].text : STR("");
    if (in->n > 2 &&
        (escape.n == 0 || utf8_char(escape.p, escape.p + escape.n) != escape.n))
        return operand_mistyped(x, in->at, &a[2],
                                "ESCAPE needs a string of one character");
    put(a, operand_bool(like_match(a[0].text, a[1].text, escape)));
    return 0;
}

/* ---- functions */

static int call(struct expr_set *x, const struct insn *in, struct operand *a)
{
    const struct func *f = func_get(in->arg);
    for (uint32_t i = 0; i < in->n && !f->sees_null; i++)
        if (operand_absent(&a[i])) {
            put(a, OPERAND(JSON_NULL));
            return 0;
        }
    struct operand r;
    struct call c = { x, f, a, &r, in->n, in->at };
    if (in->n == 0) /* a is the place above the top: nothing is there yet */
        *a = OPERAND(JSON_NULL);
    int rc = f->call(&c);
    if (rc == 0)
        put(a, r);
    return rc;
}

/* ---- the loop */

/* A value pushed from where it stays: never this operand's to free. */
static struct operand borrowed(const struct operand *o)
{
    struct operand v = *o;
    v.owns_num = false;
    return v;
}

static struct operand from_slot(const struct expr_set *x, int slot)
{
    struct operand v = OPERAND(x->vals[slot].type);
    v.raw = x->vals[slot].raw;
    v.slot = slot;
    return v;
}

/* Drops the values of stack above the first n. */
static void drop(struct operand *stack, size_t *top, size_t n)
{
    while (*top > n)
        operand_free(&stack[--*top]);
}

/* Operators that take their operands from the top of the stack and leave one
 * value: does it, and sets *left to how many values stay. */
static int operate(struct expr_set *x, const struct insn *in, size_t top,
                   size_t *left)
{
    struct operand *s = x->stack;
    switch ((enum op)in->op) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
        *left = top - 1;
        return arithmetic(x, in, &s[top - 2], &s[top - 1]);
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        *left = top - 1;
        return comparison(x, in, &s[top - 2], &s[top - 1]);
    case OP_AND:
    case OP_OR: *left = top - 1; return logic(x, in, &s[top - 2], &s[top - 1]);
    case OP_CONCAT:
        *left = top - 1;
        return concat(x, in, &s[top - 2], &s[top - 1]);
    case OP_NEG: return minus(x, in, &s[top - 1]);
    case OP_IS:
        put(&s[top - 1], operand_bool(is_class(&s[top - 1], in->arg)));
        return 0;
    case OP_IN:
        *left = top - in->n;
        return among(x, in, &s[*left - 1], &s[*left], in->n);
    case OP_IN_CONST:
        return among(x, in, &s[top - 1], &x->consts[in->arg], in->n);
    case OP_LIKE: *left = top - in->n + 1; return like(x, in, &s[*left - 1]);
    case OP_CALL: *left = top - in->n + 1; return call(x, in, &s[*left - 1]);
    default: return cast_run(x, in->at, in->arg, in->n, &s[top - 1]);
    }
}

/* Conditions: may jump by setting *pc. */
static int decide(struct expr_set *x, const struct insn *in, size_t *top,
                  size_t *pc)
{
    struct operand *o = &x->stack[*top - 1];
    enum json_type t = JSON_NULL;
    if (in->op == OP_IF_PRESENT) {
        if (!operand_absent(o))
            *pc = (size_t)in->arg;
        else
            drop(x->stack, top, *top - 1);
        return 0;
    }
    int rc = truth(x, in->at, o, &t);
    if (rc)
        return rc;
    switch ((enum op)in->op) {
    case OP_NOT:
        put_truth(o, t == JSON_NULL ? t : JSON_TRUE + JSON_FALSE - t);
        break;
    case OP_UNLESS:
        if (t != JSON_TRUE)
            *pc = (size_t)in->arg;
        drop(x->stack, top, *top - 1);
        break;
    default: /* AND_TEST, OR_TEST */
        if (t == (in->op == OP_AND_TEST ? JSON_FALSE : JSON_TRUE))
            *pc = (size_t)in->arg;
    }
    return 0;
}

int eval_run(struct expr_set *x, const struct program *p, size_t from,
             size_t to, struct operand *out)
{
    struct operand *stack = x->stack;
    size_t top = 0, left;
    x->running = p;
    for (size_t pc = from; pc < to;) {
        const struct insn *in = &p->code[pc++];
        int rc = 0;
        switch ((enum op)in->op) {
        case OP_CONST: stack[top++] = borrowed(&x->consts[in->arg]); break;
        case OP_SLOT: stack[top++] = from_slot(x, in->arg); break;
        case OP_PICK:
            stack[top] = borrowed(&stack[top - 1 - (size_t)in->arg]);
            top++;
            break;
        case OP_NIP:
            put(&stack[top - 2], stack[top - 1]);
            top--;
            break;
        case OP_JUMP: pc = (size_t)in->arg; break;
        case OP_AND_TEST:
        case OP_OR_TEST:
        case OP_UNLESS:
        case OP_IF_PRESENT:
        case OP_NOT: rc = decide(x, in, &top, &pc); break;
        default:
            left = top;
            rc = operate(x, in, top, &left);
            if (rc == 0) {
                drop(stack, &top, left);
                top = left; /* one more behind a call without arguments */
            }
        }
        if (rc) {
            drop(stack, &top, 0);
            return rc;
        }
    }
    *out = stack[0];
    return 0;
}
