/* Values of an expression, by recursive descent: constants, paths, CASE, casts,
 * calls and what stands in parentheses. */
#include "expr/parser.h"

#include <stdio.h>

#define PATH_STEPS_MAX 64

/* ---- constants and paths */

static struct node *constant(struct parser *p, struct operand value)
{
    struct node *n = parser_node(p, NODE_CONST, 0, p->tok.text.p);
    if (n)
        n->value = value;
    parser_advance(p);
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
        return parser_fail(p, name.p,
                           "unknown variable (there are $date, $start "
                           "and $end)");
    if (!value.p) {
        char why[64];
        snprintf(why, sizeof(why), "%.*s needs --date", STR_ARG(name));
        return parser_fail(p, name.p, why);
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
        parser_unexpected(p, "a field name");
        return false;
    }
    parser_advance(p);
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
        parser_unexpected(p, "an index (0 or more)");
        return false;
    }
    parser_advance(p);
    return parser_need_sign(p, "]");
}

static struct node *parse_path(struct parser *p)
{
    struct path_step steps[PATH_STEPS_MAX];
    struct node *n = parser_node(p, NODE_PATH, 0, p->tok.text.p);
    size_t count = 1;
    if (!n || !path_key(p, &steps[0]))
        return NULL;
    while (parser_at_sign(p, ".") || parser_at_sign(p, "[")) {
        if (count == PATH_STEPS_MAX)
            return parser_fail(p, p->tok.text.p, "path too long");
        bool key = parser_at_sign(p, ".");
        parser_advance(p);
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
    struct node *n = parser_node(p, NODE_CASE, 0, p->tok.text.p);
    parser_advance(p);
    if (n && !parser_at_word(p, "when")) {
        n->has_operand = true;
        n = parser_hang(p, n, parse_or(p));
    }
    if (n && !parser_at_word(p, "when"))
        return parser_unexpected(p, "WHEN");
    while (n && parser_take_word(p, "when")) {
        n = parser_hang(p, n, parse_or(p));
        if (n && !parser_need_word(p, "then", "THEN"))
            return NULL;
        n = n ? parser_hang(p, n, parse_or(p)) : NULL;
    }
    if (n && parser_take_word(p, "else")) {
        n = parser_hang(p, n, parse_or(p));
    } else if (n) {
        struct node *none = parser_node(p, NODE_CONST, 0, p->tok.text.p);
        if (none)
            none->value = OPERAND(JSON_NULL);
        n = parser_hang(p, n, none);
    }
    if (n && !parser_need_word(p, "end", "WHEN, ELSE or END"))
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
        parser_advance(p);
        return true;
    }
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "a number of digits from %u to %u", least,
             most);
    parser_unexpected(p, wanted);
    return false;
}

/* (p[, s]) behind DECIMAL */
static bool parse_precision(struct parser *p, struct node *n)
{
    uint32_t digits, scale = 0;
    parser_advance(p);
    if (!parse_digits(p, 1, CAST_DIGITS_MAX, &digits) ||
        (parser_take_sign(p, ",") && !parse_digits(p, 0, digits, &scale)))
        return false;
    n->digits = digits << 16 | scale;
    n->op = CAST_DECIMAL;
    return parser_need_sign(p, ")");
}

struct node *parse_type(struct parser *p, struct node *n)
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
        if (!parser_take_word(p, types[i].name))
            continue;
        n->op = (int)types[i].to;
        if (n->op == CAST_NUMBER && i > 0 && parser_at_sign(p, "("))
            return parse_precision(p, n) ? n : NULL;
        return n;
    }
    return n ? parser_unexpected(
                   p, "NUMBER, INTEGER, DECIMAL, STRING, BOOLEAN, DATE "
                      "or TIMESTAMP")
             : NULL;
}

/* CAST(x AS type), TRY_CAST(x AS type) */
static struct node *parse_cast(struct parser *p, bool try)
{
    struct node *n = parser_node(p, NODE_CAST, 0, p->tok.text.p);
    parser_advance(p);
    if (!n || !parser_need_sign(p, "("))
        return NULL;
    n = parser_hang(p, n, parse_or(p));
    if (!n || !parser_need_word(p, "as", "AS") || !parse_type(p, n))
        return NULL;
    n->op |= try ? CAST_TRY : 0;
    return parser_need_sign(p, ")") ? n : NULL;
}

/* ---- functions */

/* EXTRACT(field FROM t): a call with the field as a string. */
static struct node *parse_extract(struct parser *p)
{
    struct node *n =
        parser_node(p, NODE_CALL, func_find(STR("extract")), p->tok.text.p);
    parser_advance(p);
    parser_advance(p); /* the parenthesis that made it a call */
    if (p->tok.kind != TOK_NAME)
        return parser_unexpected(p, "a field of a time");
    n = parser_hang(p, n, constant(p, operand_text_of(p->tok.text)));
    if (!n || !parser_need_word(p, "from", "FROM"))
        return NULL;
    n = parser_hang(p, n, parse_or(p));
    return n && parser_need_sign(p, ")") ? n : NULL;
}

/* POSITION(part IN text): instr, the other way round. */
static struct node *parse_position(struct parser *p)
{
    struct node *n =
        parser_node(p, NODE_CALL, func_find(STR("instr")), p->tok.text.p);
    parser_advance(p);
    parser_advance(p); /* the parenthesis that made it a call */
    struct node *part = n ? parse_concat(p) : NULL;
    if (!part || !parser_need_word(p, "in", "IN"))
        return NULL;
    n = parser_hang(p, parser_hang(p, n, parse_or(p)), part);
    return n && parser_need_sign(p, ")") ? n : NULL;
}

static struct node *parse_call(struct parser *p)
{
    struct str name = p->tok.text;
    bool coalesce = lex_is(name, "coalesce");
    int index = func_find(name);
    if (!coalesce && index < 0)
        return parser_fail(p, name.p, "unknown function");
    unsigned min = coalesce ? 1 : func_get(index)->min;
    unsigned max = coalesce ? FUNC_ANY : func_get(index)->max;
    struct node *n =
        parser_node(p, coalesce ? NODE_COALESCE : NODE_CALL, index, name.p);
    parser_advance(p);
    parser_advance(p); /* the parenthesis that made it a call */
    if (!parser_at_sign(p, ")"))
        do
            n = parser_hang(p, n, parse_or(p));
        while (n && parser_take_sign(p, ","));
    if (!n)
        return NULL;
    if (!parser_at_sign(p, ")"))
        return parser_unexpected(p, "',' or ')'");
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
        return parser_fail(p, name.p, why);
    }
    parser_advance(p);
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
        return parser_unexpected(p, "a value");
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

struct node *parse_primary(struct parser *p)
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
        if (parser_take_sign(p, "(")) {
            struct node *n = parse_or(p);
            return n && parser_need_sign(p, ")") ? n : NULL;
        }
        break;
    case TOK_END:
    case TOK_BAD: break;
    }
    return parser_unexpected(p, "a value");
}
