/* What the parts of the parser share: errors, tokens, nodes. */
#include "expr/parser.h"

#include <stdio.h>

/* ---- errors */

struct node *parser_fail(struct parser *p, const char *at, const char *why)
{
    caret_error(p->err, p->what, p->text, (size_t)(at - p->text.p), "%s", why);
    return NULL;
}

struct node *parser_unexpected(struct parser *p, const char *wanted)
{
    struct token t = p->tok;
    if (t.kind == TOK_BAD)
        return parser_fail(p, t.text.p, t.why);
    char why[160];
    if (t.kind == TOK_END)
        snprintf(why, sizeof(why), "%s expected, but the expression ends",
                 wanted);
    else
        snprintf(why, sizeof(why), "%s expected, not '%.*s'", wanted,
                 (int)(t.text.n < 40 ? t.text.n : 40), t.text.p);
    return parser_fail(p, t.text.p, why);
}

/* ---- tokens */

void parser_advance(struct parser *p)
{
    p->tok = lex_next(p->tok.text.p + p->tok.text.n, p->text.p + p->text.n);
}

bool parser_at_sign(const struct parser *p, const char *sign)
{
    return p->tok.kind == TOK_SIGN && str_eq(p->tok.text, str_of(sign));
}

bool parser_take_sign(struct parser *p, const char *sign)
{
    if (!parser_at_sign(p, sign))
        return false;
    parser_advance(p);
    return true;
}

bool parser_at_word(const struct parser *p, const char *word)
{
    return p->tok.kind == TOK_NAME && lex_is(p->tok.text, word);
}

bool parser_take_word(struct parser *p, const char *word)
{
    if (!parser_at_word(p, word))
        return false;
    parser_advance(p);
    return true;
}

bool parser_need_sign(struct parser *p, const char *sign)
{
    if (parser_take_sign(p, sign))
        return true;
    char wanted[8];
    snprintf(wanted, sizeof(wanted), "'%s'", sign);
    parser_unexpected(p, wanted);
    return false;
}

bool parser_need_word(struct parser *p, const char *word, const char *wanted)
{
    if (parser_take_word(p, word))
        return true;
    parser_unexpected(p, wanted);
    return false;
}

/* ---- nodes */

struct node *parser_node(struct parser *p, enum node_kind kind, int op,
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
struct node *parser_hang(struct parser *p, struct node *n, struct node *child)
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
        return parser_fail(p, p->text.p + n->at,
                           "expression nested too deeply");
    return n;
}
