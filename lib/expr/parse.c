/* Text to tree, by recursive descent: a function a level of precedence, from
 * OR, which binds loosest, to a primary. */
#include "expr/lex.h"
#include "expr/private.h"

#include <stdio.h>

#define PATH_STEPS_MAX 64

struct parser {
    struct arena *tree;
    const struct expr_env *env;
    const char *what;
    struct str text;
    struct token tok; /* the next one, not taken yet */
    unsigned depth;
    struct err *err;
};

static struct node *parse_or(struct parser *p);
static struct node *parse_concat(struct parser *p);

/* ---- errors */

static struct node *fail(struct parser *p, const char *at, const char *why)
{
    caret_error(p->err, p->what, p->text, (size_t)(at - p->text.p), "%s", why);
    return NULL;
}

static struct node *unexpected(struct parser *p, const char *wanted)
{
    struct token t = p->tok;
    if (t.kind == TOK_BAD)
        return fail(p, t.text.p, t.why);
    char why[160];
    if (t.kind == TOK_END)
        snprintf(why, sizeof(why), "%s expected, but the expression ends",
                 wanted);
    else
        snprintf(why, sizeof(why), "%s expected, not '%.*s'", wanted,
                 (int)(t.text.n < 40 ? t.text.n : 40), t.text.p);
    return fail(p, t.text.p, why);
}

/* ---- tokens */

static void advance(struct parser *p)
{
    p->tok = lex_next(p->tok.text.p + p->tok.text.n, p->text.p + p->text.n);
}

static bool at_sign(const struct parser *p, const char *sign)
{
    return p->tok.kind == TOK_SIGN && str_eq(p->tok.text, str_of(sign));
}

static bool take_sign(struct parser *p, const char *sign)
{
    if (!at_sign(p, sign))
        return false;
    advance(p);
    return true;
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->tok.kind == TOK_NAME && lex_is(p->tok.text, word);
}

static bool take_word(struct parser *p, const char *word)
{
    if (!at_word(p, word))
        return false;
    advance(p);
    return true;
}

static bool need_sign(struct parser *p, const char *sign)
{
    if (take_sign(p, sign))
        return true;
    char wanted[8];
    snprintf(wanted, sizeof(wanted), "'%s'", sign);
    unexpected(p, wanted);
    return false;
}

static bool need_word(struct parser *p, const char *word, const char *wanted)
{
    if (take_word(p, word))
        return true;
    unexpected(p, wanted);
    return false;
}

/* ---- nodes */

static struct node *make(struct parser *p, enum node_kind kind, int op,
                         const char *at)
{
    struct node *n = arena_alloc(p->tree, sizeof(*n));
    if (!n) {
        err_nomem(p->err);
        return NULL;
    }
    *n = (struct node){ .kind = kind,
                        .op = op,
                        .constant = true,
                        .depth = 1,
                        .at = (uint32_t)(at - p->text.p) };
    return n;
}

/* Hangs child behind n's other children; n NULL or child NULL: a failure that
 * was reported already. */
static struct node *hang(struct parser *p, struct node *n, struct node *child)
{
    if (!n || !child)
        return NULL;
    if (n->child)
        n->last->next = child;
    else
        n->child = child;
    n->last = child;
    n->n++;
    n->constant = n->constant && child->constant;
    if (child->depth >= n->depth)
        n->depth = child->depth + 1;
    if (n->depth > EXPR_DEPTH_MAX)
        return fail(p, p->text.p + n->at, "expression nested too deeply");
    return n;
}

static struct node *binary(struct parser *p, enum node_kind kind, int op,
                           const char *at, struct node *a, struct node *b)
{
    if (!a || !b)
        return NULL;
    return hang(p, hang(p, make(p, kind, op, at), a), b);
}

static bool descend(struct parser *p)
{
    if (++p->depth <= EXPR_DEPTH_MAX)
        return true;
    fail(p, p->tok.text.p, "expression nested too deeply");
    return false;
}

/* ---- primaries */

static struct node *constant(struct parser *p, struct operand value)
{
    struct node *n = make(p, NODE_CONST, 0, p->tok.text.p);
    if (n)
        n->value = value;
    advance(p);
    return n;
}

/* The characters of a quoted token, in the tree's memory. */
static bool unquote(struct parser *p, struct str *out)
{
    char *s = arena_alloc(p->tree, p->tok.text.n);
    if (!s) {
        err_nomem(p->err);
        return false;
    }
    *out = (struct str){ s, lex_unquote(s, p->tok.text) };
    return true;
}

static struct node *parse_variable(struct parser *p)
{
    const struct expr_env *env = p->env;
    struct str name = p->tok.text, value;
    if (str_eq(name, STR("$date")))
        value = env->date;
    else if (str_eq(name, STR("$start")))
        value = env->start;
    else if (str_eq(name, STR("$end")))
        value = env->end;
    else
        return fail(p, name.p,
                    "unknown variable (there are $date, $start "
                    "and $end)");
    if (!value.p) {
        char why[64];
        snprintf(why, sizeof(why), "%.*s needs --date", STR_ARG(name));
        return fail(p, name.p, why);
    }
    return constant(p, operand_text_of(value));
}

/* One step behind a '.' or at the start of a path. */
static bool path_key(struct parser *p, struct path_step *step)
{
    *step = (struct path_step){ .index = PATH_NO_INDEX };
    if (p->tok.kind == TOK_QUOTED) {
        if (!unquote(p, &step->key))
            return false;
    } else if (p->tok.kind == TOK_NAME) {
        step->key = p->tok.text;
    } else {
        unexpected(p, "a field name");
        return false;
    }
    advance(p);
    return true;
}

static bool path_index(struct parser *p, struct path_step *step)
{
    *step = (struct path_step){ .index = 0 };
    struct str t = p->tok.text;
    bool ok = p->tok.kind == TOK_NUMBER && t.n <= 9;
    for (size_t i = 0; ok && i < t.n; i++) {
        ok = t.p[i] >= '0' && t.p[i] <= '9';
        step->index = step->index * 10 + (size_t)(t.p[i] - '0');
    }
    if (!ok) {
        unexpected(p, "an index (0 or more)");
        return false;
    }
    advance(p);
    return need_sign(p, "]");
}

static struct node *parse_path(struct parser *p)
{
    struct path_step steps[PATH_STEPS_MAX];
    struct node *n = make(p, NODE_PATH, 0, p->tok.text.p);
    size_t count = 1;
    if (!n || !path_key(p, &steps[0]))
        return NULL;
    while (at_sign(p, ".") || at_sign(p, "[")) {
        if (count == PATH_STEPS_MAX)
            return fail(p, p->tok.text.p, "path too long");
        bool key = at_sign(p, ".");
        advance(p);
        if (!(key ? path_key : path_index)(p, &steps[count]))
            return NULL;
        count++;
    }
    n->constant = false;
    n->n = count;
    n->steps = arena_alloc(p->tree, count * sizeof(*steps));
    if (!n->steps) {
        err_nomem(p->err);
        return NULL;
    }
    memcpy(n->steps, steps, count * sizeof(*steps));
    return n;
}

/* CASE [x] WHEN v THEN r ... [ELSE r] END */
static struct node *parse_case(struct parser *p)
{
    struct node *n = make(p, NODE_CASE, 0, p->tok.text.p);
    advance(p);
    if (n && !at_word(p, "when")) {
        n->has_operand = true;
        n = hang(p, n, parse_or(p));
    }
    if (n && !at_word(p, "when"))
        return unexpected(p, "WHEN");
    while (n && take_word(p, "when")) {
        n = hang(p, n, parse_or(p));
        if (n && !need_word(p, "then", "THEN"))
            return NULL;
        n = n ? hang(p, n, parse_or(p)) : NULL;
    }
    if (n && take_word(p, "else")) {
        n = hang(p, n, parse_or(p));
    } else if (n) {
        struct node *none = make(p, NODE_CONST, 0, p->tok.text.p);
        if (none)
            none->value = OPERAND(JSON_NULL);
        n = hang(p, n, none);
    }
    if (n && !need_word(p, "end", "WHEN, ELSE or END"))
        return NULL;
    return n;
}

/* ---- types */

/* A number of digits from `least` to `most`. */
static bool parse_digits(struct parser *p, uint32_t least, uint32_t most,
                         uint32_t *v)
{
    struct str t = p->tok.text;
    bool ok = p->tok.kind == TOK_NUMBER && t.n <= 4;
    *v = 0;
    for (size_t i = 0; ok && i < t.n; i++) {
        ok = t.p[i] >= '0' && t.p[i] <= '9';
        *v = *v * 10 + (uint32_t)(t.p[i] - '0');
    }
    if (ok && *v >= least && *v <= most) {
        advance(p);
        return true;
    }
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "a number of digits from %u to %u", least,
             most);
    unexpected(p, wanted);
    return false;
}

/* (p[, s]) behind DECIMAL */
static bool parse_precision(struct parser *p, struct node *n)
{
    uint32_t digits, scale = 0;
    advance(p);
    if (!parse_digits(p, 1, CAST_DIGITS_MAX, &digits) ||
        (take_sign(p, ",") && !parse_digits(p, 0, digits, &scale)))
        return false;
    n->digits = digits << 16 | scale;
    n->op = CAST_DECIMAL;
    return need_sign(p, ")");
}

static struct node *parse_type(struct parser *p, struct node *n)
{
    static const struct {
        const char *name;
        enum cast_to to;
    } types[] = { { "number", CAST_NUMBER },      { "numeric", CAST_NUMBER },
                  { "decimal", CAST_NUMBER },     { "string", CAST_STRING },
                  { "text", CAST_STRING },        { "varchar", CAST_STRING },
                  { "boolean", CAST_BOOLEAN },    { "bool", CAST_BOOLEAN },
                  { "integer", CAST_INTEGER },    { "int", CAST_INTEGER },
                  { "bigint", CAST_INTEGER },     { "date", CAST_DATE },
                  { "timestamp", CAST_TIMESTAMP } };
    for (size_t i = 0; n && i < sizeof(types) / sizeof(*types); i++) {
        if (!take_word(p, types[i].name))
            continue;
        n->op = (int)types[i].to;
        if (n->op == CAST_NUMBER && i > 0 && at_sign(p, "("))
            return parse_precision(p, n) ? n : NULL;
        return n;
    }
    return n ? unexpected(p, "NUMBER, INTEGER, DECIMAL, STRING, BOOLEAN, DATE "
                             "or TIMESTAMP")
             : NULL;
}

/* CAST(x AS type), TRY_CAST(x AS type) */
static struct node *parse_cast(struct parser *p, bool try)
{
    struct node *n = make(p, NODE_CAST, 0, p->tok.text.p);
    advance(p);
    if (!n || !need_sign(p, "("))
        return NULL;
    n = hang(p, n, parse_or(p));
    if (!n || !need_word(p, "as", "AS") || !parse_type(p, n))
        return NULL;
    n->op |= try ? CAST_TRY : 0;
    return need_sign(p, ")") ? n : NULL;
}

/* ---- functions */

/* EXTRACT(field FROM t): a call with the field as a string. */
static struct node *parse_extract(struct parser *p)
{
    struct node *n =
        make(p, NODE_CALL, func_find(STR("extract")), p->tok.text.p);
    advance(p);
    advance(p); /* the parenthesis that made it a call */
    if (p->tok.kind != TOK_NAME)
        return unexpected(p, "a field of a time");
    n = hang(p, n, constant(p, operand_text_of(p->tok.text)));
    if (!n || !need_word(p, "from", "FROM"))
        return NULL;
    n = hang(p, n, parse_or(p));
    return n && need_sign(p, ")") ? n : NULL;
}

/* POSITION(part IN text): instr, the other way round. */
static struct node *parse_position(struct parser *p)
{
    struct node *n = make(p, NODE_CALL, func_find(STR("instr")), p->tok.text.p);
    advance(p);
    advance(p); /* the parenthesis that made it a call */
    struct node *part = n ? parse_concat(p) : NULL;
    if (!part || !need_word(p, "in", "IN"))
        return NULL;
    n = hang(p, hang(p, n, parse_or(p)), part);
    return n && need_sign(p, ")") ? n : NULL;
}

static struct node *parse_call(struct parser *p)
{
    struct str name = p->tok.text;
    bool coalesce = lex_is(name, "coalesce");
    int index = func_find(name);
    if (!coalesce && index < 0)
        return fail(p, name.p, "unknown function");
    unsigned min = coalesce ? 1 : func_get(index)->min;
    unsigned max = coalesce ? FUNC_ANY : func_get(index)->max;
    struct node *n =
        make(p, coalesce ? NODE_COALESCE : NODE_CALL, index, name.p);
    advance(p);
    advance(p); /* the parenthesis that made it a call */
    if (!at_sign(p, ")"))
        do
            n = hang(p, n, parse_or(p));
        while (n && take_sign(p, ","));
    if (!n)
        return NULL;
    if (!at_sign(p, ")"))
        return unexpected(p, "',' or ')'");
    if (n->n < min || n->n > max) {
        char why[80];
        if (max == FUNC_ANY)
            snprintf(why, sizeof(why),
                     "%.*s takes %u argument%s or more, "
                     "not %zu",
                     STR_ARG(name), min, min == 1 ? "" : "s", n->n);
        else if (min == max)
            snprintf(why, sizeof(why), "%.*s takes %u argument%s, not %zu",
                     STR_ARG(name), min, min == 1 ? "" : "s", n->n);
        else
            snprintf(why, sizeof(why), "%.*s takes %u to %u arguments, not %zu",
                     STR_ARG(name), min, max, n->n);
        return fail(p, name.p, why);
    }
    advance(p);
    return n;
}

static struct node *parse_name(struct parser *p)
{
    struct str name = p->tok.text;
    struct token after = lex_next(name.p + name.n, p->text.p + p->text.n);
    if (lex_is(name, "null"))
        return constant(p, OPERAND(JSON_NULL));
    if (lex_is(name, "missing"))
        return constant(p, OPERAND(JSON_MISSING));
    if (lex_is(name, "true") || lex_is(name, "false"))
        return constant(p, operand_bool(lex_is(name, "true")));
    if (lex_is(name, "case"))
        return parse_case(p);
    if (lex_is(name, "cast"))
        return parse_cast(p, false);
    if (lex_reserved(name))
        return unexpected(p, "a value");
    if (after.kind != TOK_SIGN || !str_eq(after.text, STR("(")))
        return parse_path(p);
    if (lex_is(name, "try_cast"))
        return parse_cast(p, true);
    if (lex_is(name, "extract"))
        return parse_extract(p);
    if (lex_is(name, "position"))
        return parse_position(p);
    return parse_call(p);
}

static struct node *parse_primary(struct parser *p)
{
    struct str text;
    struct operand number = OPERAND(JSON_NUMBER);
    switch (p->tok.kind) {
    case TOK_NUMBER: number.raw = p->tok.text; return constant(p, number);
    case TOK_STRING:
        return unquote(p, &text) ? constant(p, operand_text_of(text)) : NULL;
    case TOK_VARIABLE: return parse_variable(p);
    case TOK_NAME: return parse_name(p);
    case TOK_QUOTED: return parse_path(p);
    case TOK_SIGN:
        if (take_sign(p, "(")) {
            struct node *n = parse_or(p);
            return n && need_sign(p, ")") ? n : NULL;
        }
        break;
    case TOK_END:
    case TOK_BAD: break;
    }
    return unexpected(p, "a value");
}

/* ---- operators */

/* x::type */
static struct node *parse_postfix(struct parser *p)
{
    struct node *n = parse_primary(p);
    while (n && at_sign(p, "::")) {
        struct node *cast = make(p, NODE_CAST, 0, p->tok.text.p);
        advance(p);
        n = parse_type(p, hang(p, cast, n));
    }
    return n;
}

static struct node *parse_unary(struct parser *p)
{
    const char *at = p->tok.text.p;
    if (take_sign(p, "-")) {
        struct node *n = NULL;
        if (descend(p))
            n = hang(p, make(p, NODE_UNARY, OP_NEG, at), parse_unary(p));
        p->depth--;
        return n;
    }
    if (take_sign(p, "+"))
        return unexpected(p, "a value without '+' before it");
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
    while (n && (at_sign(p, "*") || at_sign(p, "/") || at_sign(p, "%"))) {
        const char *at = p->tok.text.p;
        advance(p);
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
    while (n && (at_sign(p, "+") || at_sign(p, "-"))) {
        const char *at = p->tok.text.p;
        advance(p);
        n = binary(p, NODE_BINARY, *at == '+' ? OP_ADD : OP_SUB, at, n,
                   parse_product(p));
    }
    return n;
}

static struct node *parse_concat(struct parser *p)
{
    struct node *n = parse_sum(p);
    while (n && at_sign(p, "||")) {
        const char *at = p->tok.text.p;
        advance(p);
        n = binary(p, NODE_BINARY, OP_CONCAT, at, n, parse_sum(p));
    }
    return n;
}

static struct node *parse_in(struct parser *p, struct node *n)
{
    if (!need_sign(p, "("))
        return NULL;
    do
        n = hang(p, n, parse_or(p));
    while (n && take_sign(p, ","));
    if (n && !at_sign(p, ")"))
        return unexpected(p, "',' or ')'");
    advance(p);
    return n;
}

/* x ~ pattern, !~, and with a star whatever the case of letters. */
static struct node *parse_match(struct parser *p, struct node *x)
{
    const char *at = p->tok.text.p;
    bool negated = *at == '!', nocase = at[p->tok.text.n - 1] == '*';
    advance(p);
    struct node *n =
        operator_call(p, STR("regexp_like"), at, x, parse_concat(p));
    if (n && nocase) {
        struct node *flags = make(p, NODE_CONST, 0, at);
        if (flags)
            flags->value = operand_text_of(STR("i"));
        n = hang(p, n, flags);
    }
    return n && negated ? hang(p, make(p, NODE_UNARY, OP_NOT, at), n) : n;
}

static bool at_match(const struct parser *p)
{
    return at_sign(p, "~") || at_sign(p, "~*") || at_sign(p, "!~") ||
           at_sign(p, "!~*");
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
    bool negated = take_word(p, "not");
    struct node *n;
    if (take_word(p, "in")) {
        n = parse_in(p, hang(p, make(p, NODE_IN, 0, at), x));
    } else if (take_word(p, "between")) {
        n = hang(p, make(p, NODE_BETWEEN, 0, at), x);
        n = n ? hang(p, n, parse_concat(p)) : NULL;
        if (!n || !need_word(p, "and", "AND"))
            return NULL;
        n = hang(p, n, parse_concat(p));
    } else if (take_word(p, "like")) {
        n = binary(p, NODE_LIKE, 0, at, x, parse_concat(p));
        if (n && take_word(p, "escape"))
            n = hang(p, n, parse_concat(p));
    } else {
        return negated ? unexpected(p, "IN, BETWEEN or LIKE") : x;
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
        if (at_sign(p, signs[i].sign))
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
    advance(p);
    n = binary(p, NODE_BINARY, op, at, n, parse_predicate(p));
    if (n && comparison(p) >= 0)
        return fail(p, p->tok.text.p,
                    "comparisons cannot be chained: use AND or parentheses");
    return n;
}

/* x IS [NOT] NULL, MISSING, TRUE, FALSE */
static struct node *parse_is(struct parser *p)
{
    struct node *n = parse_comparison(p);
    while (n && at_word(p, "is")) {
        static const char *const words[] = { [IS_NULL] = "null",
                                             [IS_MISSING] = "missing",
                                             [IS_TRUE] = "true",
                                             [IS_FALSE] = "false" };
        const char *at = p->tok.text.p;
        advance(p);
        bool negated = take_word(p, "not");
        int what = 0;
        while (what < 4 && !take_word(p, words[what]))
            what++;
        if (what == 4)
            return unexpected(p, "NULL, MISSING, TRUE or FALSE");
        n = hang(p, make(p, NODE_IS, what, at), n);
        if (n)
            n->negated = negated;
    }
    return n;
}

static struct node *parse_not(struct parser *p)
{
    const char *at = p->tok.text.p;
    if (!take_word(p, "not"))
        return parse_is(p);
    struct node *n = NULL;
    if (descend(p))
        n = hang(p, make(p, NODE_UNARY, OP_NOT, at), parse_not(p));
    p->depth--;
    return n;
}

static struct node *parse_and(struct parser *p);

/* Chains of AND and OR are one node: they may be long. */
static struct node *chain(struct parser *p, enum node_kind kind)
{
    const char *word = kind == NODE_AND ? "and" : "or";
    struct node *part = kind == NODE_AND ? parse_not(p) : parse_and(p);
    if (!part || !at_word(p, word))
        return part;
    struct node *n = hang(p, make(p, kind, 0, p->tok.text.p), part);
    while (n && take_word(p, word)) {
        part = kind == NODE_AND ? parse_not(p) : parse_and(p);
        n = hang(p, n, part);
    }
    return n;
}

static struct node *parse_and(struct parser *p)
{
    return chain(p, NODE_AND);
}

static struct node *parse_or(struct parser *p)
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
    advance(&p);
    struct node *n = parse_or(&p);
    if (n && p.tok.kind != TOK_END)
        return unexpected(&p, "an operator or the end");
    /* Nodes are the tree's and hold nothing of the parser. */
    /* cppcheck-suppress returnDanglingLifetime */
    return n;
}
