/* Text to tree, by recursive descent: a function a level of precedence, from
 * OR, which binds loosest, to casts. */
#include "expr/parser.h"

static bool descend(struct parser *p)
{
    if (++p->depth <= EXPR_DEPTH_MAX)
        return true;
    parser_fail(p, p->tok.text.p, "expression nested too deeply");
    return false;
}

static struct node *binary(struct parser *p, enum node_kind kind, int op,
                           const char *at, struct node *a, struct node *b)
{
    if (!a || !b)
        return NULL;
    return parser_hang(p, parser_hang(p, parser_node(p, kind, op, at), a), b);
}

/* x::type */
static struct node *parse_postfix(struct parser *p)
{
    struct node *n = parse_primary(p);
    while (n && parser_at_sign(p, "::")) {
        struct node *cast = parser_node(p, NODE_CAST, 0, p->tok.text.p);
        parser_advance(p);
        n = parse_type(p, parser_hang(p, cast, n));
    }
    return n;
}

static struct node *parse_unary(struct parser *p)
{
    const char *at = p->tok.text.p;
    if (parser_take_sign(p, "-")) {
        struct node *n = NULL;
        if (descend(p))
            n = parser_hang(p, parser_node(p, NODE_UNARY, OP_NEG, at),
                            parse_unary(p));
        p->depth--;
        return n;
    }
    if (parser_take_sign(p, "+"))
        return parser_unexpected(p, "a value without '+' before it");
    return parse_postfix(p);
}

/* A call of a function of two arguments that an operator stands for. */
static struct node *operator_call(struct parser *p, struct str name,
                                  const char *at, struct node *a,
                                  struct node *b)
{
    return binary(p, NODE_CALL, func_find(name), at, a, b);
}

static struct node *parse_product(struct parser *p)
{
    struct node *n = parse_unary(p);
    while (n && (parser_at_sign(p, "*") || parser_at_sign(p, "/") ||
                 parser_at_sign(p, "%"))) {
        const char *at = p->tok.text.p;
        parser_advance(p);
        if (*at == '%')
            n = operator_call(p, STR("mod"), at, n, parse_unary(p));
        else
            n = binary(p, NODE_BINARY, *at == '*' ? OP_MUL : OP_DIV, at, n,
                       parse_unary(p));
    }
    return n;
}

static struct node *parse_sum(struct parser *p)
{
    struct node *n = parse_product(p);
    while (n && (parser_at_sign(p, "+") || parser_at_sign(p, "-"))) {
        const char *at = p->tok.text.p;
        parser_advance(p);
        n = binary(p, NODE_BINARY, *at == '+' ? OP_ADD : OP_SUB, at, n,
                   parse_product(p));
    }
    return n;
}

struct node *parse_concat(struct parser *p)
{
    struct node *n = parse_sum(p);
    while (n && parser_at_sign(p, "||")) {
        const char *at = p->tok.text.p;
        parser_advance(p);
        n = binary(p, NODE_BINARY, OP_CONCAT, at, n, parse_sum(p));
    }
    return n;
}

static struct node *parse_in(struct parser *p, struct node *n)
{
    if (!parser_need_sign(p, "("))
        return NULL;
    do
        n = parser_hang(p, n, parse_or(p));
    while (n && parser_take_sign(p, ","));
    if (n && !parser_at_sign(p, ")"))
        return parser_unexpected(p, "',' or ')'");
    parser_advance(p);
    return n;
}

/* x ~ pattern, !~, and with a star whatever the case of letters. */
static struct node *parse_match(struct parser *p, struct node *x)
{
    const char *at = p->tok.text.p;
    bool negated = *at == '!', nocase = at[p->tok.text.n - 1] == '*';
    parser_advance(p);
    struct node *n =
        operator_call(p, STR("regexp_like"), at, x, parse_concat(p));
    if (n && nocase) {
        struct node *flags = parser_node(p, NODE_CONST, 0, at);
        if (flags)
            flags->value = operand_text_of(STR("i"));
        n = parser_hang(p, n, flags);
    }
    return n && negated
               ? parser_hang(p, parser_node(p, NODE_UNARY, OP_NOT, at), n)
               : n;
}

static bool at_match(const struct parser *p)
{
    return parser_at_sign(p, "~") || parser_at_sign(p, "~*") ||
           parser_at_sign(p, "!~") || parser_at_sign(p, "!~*");
}

/* x [NOT] IN (...), x [NOT] BETWEEN a AND b, x [NOT] LIKE p [ESCAPE c] */
static struct node *parse_predicate(struct parser *p)
{
    struct node *x = parse_concat(p);
    if (!x)
        return NULL;
    if (at_match(p))
        return parse_match(p, x);
    const char *at = p->tok.text.p;
    bool negated = parser_take_word(p, "not");
    struct node *n;
    if (parser_take_word(p, "in")) {
        n = parse_in(p, parser_hang(p, parser_node(p, NODE_IN, 0, at), x));
    } else if (parser_take_word(p, "between")) {
        n = parser_hang(p, parser_node(p, NODE_BETWEEN, 0, at), x);
        n = n ? parser_hang(p, n, parse_concat(p)) : NULL;
        if (!n || !parser_need_word(p, "and", "AND"))
            return NULL;
        n = parser_hang(p, n, parse_concat(p));
    } else if (parser_take_word(p, "like")) {
        n = binary(p, NODE_LIKE, 0, at, x, parse_concat(p));
        if (n && parser_take_word(p, "escape"))
            n = parser_hang(p, n, parse_concat(p));
    } else {
        return negated ? parser_unexpected(p, "IN, BETWEEN or LIKE") : x;
    }
    if (n)
        n->negated = negated;
    return n;
}

static int comparison(const struct parser *p)
{
    static const struct {
        const char *sign;
        enum op op;
    } signs[] = { { "=", OP_EQ },  { "==", OP_EQ }, { "<>", OP_NE },
                  { "!=", OP_NE }, { "<", OP_LT },  { "<=", OP_LE },
                  { ">", OP_GT },  { ">=", OP_GE } };
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
        if (parser_at_sign(p, signs[i].sign))
            return (int)signs[i].op;
    return -1;
}

static struct node *parse_comparison(struct parser *p)
{
    struct node *n = parse_predicate(p);
    int op = comparison(p);
    if (!n || op < 0)
        return n;
    const char *at = p->tok.text.p;
    parser_advance(p);
    n = binary(p, NODE_BINARY, op, at, n, parse_predicate(p));
    if (n && comparison(p) >= 0)
        return parser_fail(
            p, p->tok.text.p,
            "comparisons cannot be chained: use AND or parentheses");
    return n;
}

/* x IS [NOT] NULL, MISSING, TRUE, FALSE */
static struct node *parse_is(struct parser *p)
{
    struct node *n = parse_comparison(p);
    while (n && parser_at_word(p, "is")) {
        static const char *const words[] = { [IS_NULL] = "null",
                                             [IS_MISSING] = "missing",
                                             [IS_TRUE] = "true",
                                             [IS_FALSE] = "false" };
        const char *at = p->tok.text.p;
        parser_advance(p);
        bool negated = parser_take_word(p, "not");
        int what = 0;
        while (what < 4 && !parser_take_word(p, words[what]))
            what++;
        if (what == 4)
            return parser_unexpected(p, "NULL, MISSING, TRUE or FALSE");
        n = parser_hang(p, parser_node(p, NODE_IS, what, at), n);
        if (n)
            n->negated = negated;
    }
    return n;
}

static struct node *parse_not(struct parser *p)
{
    const char *at = p->tok.text.p;
    if (!parser_take_word(p, "not"))
        return parse_is(p);
    struct node *n = NULL;
    if (descend(p))
        n = parser_hang(p, parser_node(p, NODE_UNARY, OP_NOT, at),
                        parse_not(p));
    p->depth--;
    return n;
}

static struct node *parse_and(struct parser *p);

/* Chains of AND and OR are one node: they may be long. */
static struct node *chain(struct parser *p, enum node_kind kind)
{
    const char *word = kind == NODE_AND ? "and" : "or";
    struct node *part = kind == NODE_AND ? parse_not(p) : parse_and(p);
    if (!part || !parser_at_word(p, word))
        return part;
    struct node *n =
        parser_hang(p, parser_node(p, kind, 0, p->tok.text.p), part);
    while (n && parser_take_word(p, word)) {
        part = kind == NODE_AND ? parse_not(p) : parse_and(p);
        n = parser_hang(p, n, part);
    }
    return n;
}

static struct node *parse_and(struct parser *p)
{
    return chain(p, NODE_AND);
}

struct node *parse_or(struct parser *p)
{
    struct node *n = NULL;
    if (descend(p))
        n = chain(p, NODE_OR);
    p->depth--;
    return n;
}

struct node *parse_expr(struct arena *tree, const struct expr_env *env,
                        const char *what, struct str text, struct err *e)
{
    struct parser p = { .tree = tree,
                        .env = env,
                        .what = what,
                        .text = text,
                        .tok = { TOK_END, { text.p, 0 }, NULL },
                        .err = e };
    parser_advance(&p);
    struct node *n = parse_or(&p);
    if (n && p.tok.kind != TOK_END)
        return parser_unexpected(&p, "an operator or the end");
    /* Nodes are the tree's and hold nothing of the parser. */
    /* cppcheck-suppress returnDanglingLifetime */
    return n;
}
