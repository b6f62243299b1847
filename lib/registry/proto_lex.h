/* proto_lex: the tokens of .proto source. */
#ifndef REGISTRY_PROTO_LEX_H
#define REGISTRY_PROTO_LEX_H

#include "base/str.h"

#include <stdint.h>

enum proto_token {
    PROTO_TOKEN_END,
    PROTO_TOKEN_NAME,   /* an identifier */
    PROTO_TOKEN_NUMBER, /* an integer or a float, as written */
    PROTO_TOKEN_STRING, /* with its quotes and escapes */
    PROTO_TOKEN_SIGN,   /* one character */
    PROTO_TOKEN_BAD     /* a string or comment without an end */
};

struct proto_lex {
    const char *p, *end;
    enum proto_token token;
    struct str text; /* of the token */
    unsigned line;   /* 1-based */
};

/* Goes on to the next token; start with p and end set, and line 1. */
void proto_lex_next(struct proto_lex *l);

/* True if the token is this name or sign. */
bool proto_lex_is(const struct proto_lex *l, const char *text);

/* The value of a NUMBER that is an integer (decimal, octal or hexadecimal);
 * false if it is none, or above UINT32_MAX. */
bool proto_lex_u32(const struct proto_lex *l, uint32_t *v);

#endif
