/* parser: what the parts of the parser share (parse.c, parse_value.c).
 *
 * Functions that return a node return NULL, and those of the kind need_ false,
 * once p->err is filled. Nodes live in the tree's memory. */
#ifndef EXPR_PARSER_H
#define EXPR_PARSER_H

#include "expr/lex.h"
#include "expr/private.h"

struct parser {
    struct arena *tree;
    const struct expr_env *env;
    const char *what; /* the option, for messages */
    struct str text;
    struct token tok; /* the next one, not taken yet */
    unsigned depth;
    struct err *err;
};

/* ---- errors: both return NULL */

/* What is wrong with the byte at `at`. */
struct node *parser_fail(struct parser *p, const char *at, const char *why);

/* "X expected, not 'token'". */
struct node *parser_unexpected(struct parser *p, const char *wanted);

/* ---- tokens: words are given in lower case */

void parser_advance(struct parser *p);
bool parser_at_sign(const struct parser *p, const char *sign);
bool parser_at_word(const struct parser *p, const char *word);

/* True where it was there; it is then taken. */
bool parser_take_sign(struct parser *p, const char *sign);
bool parser_take_word(struct parser *p, const char *word);

/* The same where nothing else may stand; wanted is how the error names it. */
bool parser_need_sign(struct parser *p, const char *sign);
bool parser_need_word(struct parser *p, const char *word, const char *wanted);

/* ---- nodes */

struct node *parser_node(struct parser *p, enum node_kind kind, int op,
                         const char *at);

/* Hangs child behind n's other children. Either may be NULL: a failure that was
 * reported already. */
struct node *parser_hang(struct parser *p, struct node *n, struct node *child);

/* ---- levels (parse.c) */

struct node *parse_or(struct parser *p);     /* any expression */
struct node *parse_concat(struct parser *p); /* one without comparisons */

/* ---- values (parse_value.c) */

struct node *parse_primary(struct parser *p);

/* The type at hand into n, a cast; n may be NULL. */
struct node *parse_type(struct parser *p, struct node *n);

#endif
