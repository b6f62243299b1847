/* lex: the words of an expression. */
#ifndef EXPR_LEX_H
#define EXPR_LEX_H

#include "base/str.h"

enum token_kind {
    TOK_END,
    TOK_NAME,     /* a field or function, or a keyword */
    TOK_QUOTED,   /* "odd name", quotes included, "" for a quote */
    TOK_STRING,   /* 'text', quotes included, '' for a quote */
    TOK_NUMBER,   /* as JSON spells numbers, without a sign */
    TOK_VARIABLE, /* $name, with the dollar */
    TOK_SIGN,     /* an operator or punctuation */
    TOK_BAD       /* text is where it goes wrong, `why` says how */
};

struct token {
    enum token_kind kind;
    struct str text; /* borrowed from the expression */
    const char *why;
};

/* The token at p and behind it the rest: call with p = token end. */
struct token lex_next(const char *p, const char *end);

/* Compares a name with a keyword or function name in lower case. */
bool lex_is(struct str name, const char *lower);

/* True if an unquoted name may not be a field. */
bool lex_reserved(struct str name);

/* Copies the characters of a quoted token to out (as long as the token at
 * most) and returns how many. */
size_t lex_unquote(char *out, struct str quoted);

#endif
