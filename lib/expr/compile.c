/* Tree to program. What depends on no field is computed here, once; if that
 * fails it is left to the records, since it may stand in a branch that is never
 * taken. */
#include "expr/private.h"

#include <stdlib.h>

struct compiler {
    struct expr_set *x;
    struct program *p;
    size_t depth; /* values on the stack at this point of the program */
    struct str text;
    struct err *err;
    unsigned use; /* of the fields that are named: enum expr_use */
};

static int compile(struct compiler *c, const struct node *n);

/* ---- code */

/* Appends an instruction that changes the stack's depth by `effect`; returns
 * its index, or -1. */
static int emit(struct compiler *c, enum op op, uint32_t n, int32_t arg,
                uint32_t at, int effect)
{
    struct program *p = c->p;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct insn *code = realloc(p->code, cap * sizeof(*code));
        if (!code)
            return err_nomem(c->err);
        p->code = code;
        p->cap = cap;
    }
    p->code[p->n] = (struct insn){ (uint8_t)op, n, arg, at };
    c->depth += (size_t)effect;
    if (c->depth > p->stack)
        p->stack = c->depth;
    return (int)p->n++;
}

/* Lets the jump at index `jump` lead to the next instruction. */
static void land(struct compiler *c, int jump)
{
    c->p->code[jump].arg = (int32_t)c->p->n;
}

/* Takes o, which must be kept, as a constant; returns its index, or -1. */
static int add_const(struct compiler *c, struct operand o)
{
    struct expr_set *x = c->x;
    if (x->n_consts == x->cap_consts) {
        size_t cap = x->cap_consts ? x->cap_consts * 2 : 16;
        struct operand *grown = realloc(x->consts, cap * sizeof(*grown));
        if (!grown) {
            operand_free(&o);
            return err_nomem(c->err);
        }
        x->consts = grown;
        x->cap_consts = cap;
    }
    o.slot = -1;
    x->consts[x->n_consts] = o;
    return (int)x->n_consts++;
}

static int emit_const(struct compiler *c, struct operand o, uint32_t at)
{
    if (operand_keep(c->x, &o)) {
        operand_free(&o);
        return err_nomem(c->err);
    }
    int index = add_const(c, o);
    return index < 0 || emit(c, OP_CONST, 0, index, at, 1) < 0 ? -1 : 0;
}

/* Replaces the code from `start` on, which computes one value from constants,
 * by that value. */
static int fold(struct compiler *c, size_t start, uint32_t at)
{
    struct expr_set *x = c->x;
    struct expr_fault fault;
    struct operand v;
    if (expr_stack(x, c->p->stack))
        return err_nomem(c->err);
    x->fault = &fault;
    int rc = eval_run(x, c->p, start, c->p->n, &v);
    if (rc)
        return rc == -1 ? 0 : err_nomem(c->err);
    c->p->n = start;
    c->depth--;
    return emit_const(c, v, at);
}

/* ---- fields */

static int compile_path(struct compiler *c, const struct node *n)
{
    struct program *p = c->p;
    const struct path path = { .steps = n->steps, .n = n->n };
    int slot = expr_field(c->x, &path);
    if (slot < 0)
        return err_nomem(c->err);
    int *slots = realloc(p->slots, (p->n_slots + 1) * sizeof(*slots));
    if (!slots)
        return err_nomem(c->err);
    p->slots = slots;
    unsigned char *uses = realloc(p->uses, p->n_slots + 1);
    if (!uses)
        return err_nomem(c->err);
    p->uses = uses;
    p->uses[p->n_slots] = (unsigned char)c->use;
    p->slots[p->n_slots++] = slot;
    c->x->fields[slot].read = true;
    return emit(c, OP_SLOT, 0, slot, n->at, 1);
}

/* ---- operators */

static int negate(struct compiler *c, const struct node *n)
{
    return n->negated ? emit(c, OP_NOT, 0, 0, n->at, 0) : 0;
}

/* AND, OR: the first FALSE (TRUE) decides, and what is behind it is not
 * looked at. */
static int compile_chain(struct compiler *c, const struct node *n)
{
    bool both = n->kind == NODE_AND;
    int last = -1; /* the jumps of a chain lead to the next test: a list */
    if (compile(c, n->child))
        return -1;
    for (const struct node *a = n->child->next; a; a = a->next) {
        if (last >= 0)
            land(c, last);
        last = emit(c, both ? OP_AND_TEST : OP_OR_TEST, 0, 0, a->at, 0);
        if (last < 0 || compile(c, a) ||
            emit(c, both ? OP_AND : OP_OR, 0, 0, n->at, -1) < 0)
            return -1;
    }
    land(c, last);
    return 0;
}

/* The list as consecutive constants, if it is constant throughout. */
static int constant_list(struct compiler *c, size_t start, size_t n)
{
    struct program *p = c->p;
    if (p->n - start != n)
        return -1;
    for (size_t i = start; i < p->n; i++)
        if (p->code[i].op != OP_CONST)
            return -1;
    int first = (int)c->x->n_consts;
    for (size_t i = start; i < p->n; i++) {
        struct operand o = c->x->consts[p->code[i].arg];
        o.owns_num = false; /* the original stays */
        if (add_const(c, o) < 0)
            return -2;
    }
    return first;
}

static int compile_in(struct compiler *c, const struct node *n)
{
    size_t list = n->n - 1;
    if (compile(c, n->child))
        return -1;
    size_t start = c->p->n, depth = c->depth, stack = c->p->stack;
    for (const struct node *a = n->child->next; a; a = a->next)
        if (compile(c, a))
            return -1;
    int first = constant_list(c, start, list);
    if (first == -2)
        return -1;
    if (first >= 0) {
        c->p->n = start;
        c->depth = depth;
        c->p->stack = stack;
    }
    int rc = first >= 0 ? emit(c, OP_IN_CONST, (uint32_t)list, first, n->at, 0)
                        : emit(c, OP_IN, (uint32_t)list, 0, n->at, -(int)list);
    return rc < 0 ? -1 : negate(c, n);
}

/* x >= low AND x <= high, with x computed once. */
static int compile_between(struct compiler *c, const struct node *n)
{
    const struct node *x = n->child, *low = x->next, *high = low->next;
    if (compile(c, x) || emit(c, OP_PICK, 0, 0, n->at, 1) < 0 ||
        compile(c, low) || emit(c, OP_GE, 0, 0, n->at, -1) < 0 ||
        emit(c, OP_PICK, 0, 1, n->at, 1) < 0 || compile(c, high) ||
        emit(c, OP_LE, 0, 0, n->at, -1) < 0 ||
        emit(c, OP_AND, 0, 0, n->at, -1) < 0 ||
        emit(c, OP_NIP, 0, 0, n->at, -1) < 0)
        return -1;
    return negate(c, n);
}

/* The jumps to the end are chained through their arguments until it is
 * known where that is. */
static void land_all(struct compiler *c, int jump)
{
    while (jump >= 0) {
        int before = c->p->code[jump].arg;
        land(c, jump);
        jump = before;
    }
}

/* What only decides which value is taken. */
static int compile_condition(struct compiler *c, const struct node *n)
{
    unsigned use = c->use;
    c->use |= EXPR_DECIDES;
    int r = compile(c, n);
    c->use = use;
    return r;
}

static int compile_case(struct compiler *c, const struct node *n)
{
    const struct node *a = n->child;
    int ends = -1;
    if (n->has_operand) {
        if (compile_condition(c, a))
            return -1;
        a = a->next;
    }
    for (; a->next; a = a->next->next) {
        if (n->has_operand && emit(c, OP_PICK, 0, 0, a->at, 1) < 0)
            return -1;
        if (compile_condition(c, a))
            return -1;
        if (n->has_operand && emit(c, OP_EQ, 0, 0, a->at, -1) < 0)
            return -1;
        int unless = emit(c, OP_UNLESS, 0, 0, a->at, -1);
        if (unless < 0 || compile(c, a->next))
            return -1;
        int end = emit(c, OP_JUMP, 0, ends, a->at, -1);
        if (end < 0)
            return -1;
        ends = end;
        land(c, unless);
    }
    if (compile(c, a))
        return -1;
    land_all(c, ends);
    return n->has_operand ? emit(c, OP_NIP, 0, 0, n->at, -1) : 0;
}

static int compile_coalesce(struct compiler *c, const struct node *n)
{
    int ends = -1;
    for (const struct node *a = n->child; a; a = a->next) {
        if (compile(c, a))
            return -1;
        if (!a->next)
            break;
        ends = emit(c, OP_IF_PRESENT, 0, ends, a->at, -1);
        if (ends < 0)
            return -1;
    }
    land_all(c, ends);
    return 0;
}

/* Arguments, then one instruction that takes them all. */
static int compile_plain(struct compiler *c, const struct node *n, enum op op,
                         int32_t arg)
{
    for (const struct node *a = n->child; a; a = a->next)
        if (compile(c, a))
            return -1;
    return emit(c, op, (uint32_t)n->n, arg, n->at, 1 - (int)n->n) < 0 ? -1 : 0;
}

/* ---- functions */

/* The byte of the expression at which byte `at` of a constant's characters
 * stands: exact for a literal, where quotes may be doubled. */
static size_t byte_in(const struct compiler *c, const struct node *n, size_t at)
{
    const char *p = c->text.p + n->at, *end = c->text.p + c->text.n;
    if (n->kind != NODE_CONST || *p != '\'')
        return n->at;
    for (p++; at && p + 1 < end; at--)
        p += p[0] == '\'' && p[1] == '\'' ? 2 : 1;
    return (size_t)(p - c->text.p);
}

/* Holds the argument that was compiled last against its kind. */
static int check_argument(struct compiler *c, const struct node *n, char kind,
                          size_t start)
{
    const struct insn *last = &c->p->code[c->p->n - 1];
    bool constant = c->p->n == start + 1 && last->op == OP_CONST;
    struct func_why why = { .err = { 0 } };
    if (kind == 'k' && !constant)
        return caret_error(c->err, c->p->what, c->text, n->at,
                           "the source of the key must be a constant");
    if (kind == ' ' || !constant)
        return 0;
    int rc = func_check(c->x, kind, &c->x->consts[last->arg], &why);
    if (rc == 0)
        return 0;
    if (rc == -2)
        return err_nomem(c->err);
    if (why.err.code)
        return err_set(c->err, why.err.code, "%.100s: %.400s", c->p->what,
                       why.err.msg);
    size_t at = byte_in(c, n, why.at);
    if (kind == 'k') /* in place of its source it may be the key: not shown */
        return err_set(c->err, ERR_USAGE, "%.100s: %s at byte %zu", c->p->what,
                       why.text, at + 1);
    return caret_error(c->err, c->p->what, c->text, at, "%s", why.text);
}

static int compile_arguments(struct compiler *c, const struct node *n)
{
    const char *kind = func_get(n->op)->kinds;
    for (const struct node *a = n->child; a; a = a->next) {
        size_t start = c->p->n;
        if (compile(c, a) || (*kind && check_argument(c, a, *kind, start)))
            return -1;
        kind += *kind != '\0';
    }
    return 0;
}

static int compile_call(struct compiler *c, const struct node *n)
{
    unsigned use = c->use;
    c->use |= func_hides(n->op) ? EXPR_HIDES : 0;
    int r = compile_arguments(c, n);
    c->use = use;
    if (r)
        return -1;
    return emit(c, OP_CALL, (uint32_t)n->n, n->op, n->at, 1 - (int)n->n);
}

static int compile_cast(struct compiler *c, const struct node *n)
{
    return compile(c, n->child) ? -1
                                : emit(c, OP_CAST, n->digits, n->op, n->at, 0);
}

static int compile_kind(struct compiler *c, const struct node *n)
{
    switch (n->kind) {
    case NODE_CONST: return emit_const(c, n->value, n->at);
    case NODE_PATH: return compile_path(c, n);
    case NODE_UNARY:
    case NODE_BINARY: return compile_plain(c, n, (enum op)n->op, 0);
    case NODE_AND:
    case NODE_OR: return compile_chain(c, n);
    case NODE_IS: return compile_plain(c, n, OP_IS, n->op) ? -1 : negate(c, n);
    case NODE_IN: return compile_in(c, n);
    case NODE_BETWEEN: return compile_between(c, n);
    case NODE_LIKE: return compile_plain(c, n, OP_LIKE, 0) ? -1 : negate(c, n);
    case NODE_CASE: return compile_case(c, n);
    case NODE_COALESCE: return compile_coalesce(c, n);
    case NODE_CALL: return compile_call(c, n);
    case NODE_CAST: return compile_cast(c, n);
    }
    return -1;
}

static int compile(struct compiler *c, const struct node *n)
{
    size_t start = c->p->n;
    if (compile_kind(c, n) < 0)
        return -1;
    if (n->constant && n->kind != NODE_CONST)
        return fold(c, start, n->at);
    return 0;
}

int compile_expr(struct expr_set *x, struct program *p, const struct node *n,
                 struct str text, struct err *e)
{
    struct compiler c = { .x = x, .p = p, .text = text, .err = e };
    if (compile(&c, n))
        return -1;
    return expr_stack(x, p->stack) ? err_nomem(e) : 0;
}
