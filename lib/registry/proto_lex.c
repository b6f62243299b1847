#include "registry/proto_lex.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool begins(const struct proto_lex *l, const char *two)
{
    return l->end - l->p >= 2 && l->p[0] == two[0] && l->p[1] == two[1];
}

static bool skip_comment(struct proto_lex *l)
{
    bool block = l->p[1] == '*';
    for (l->p += 2; l->p < l->end; l->p++) {
        if (!block && *l->p == '\n')
            return true;
        if (block && begins(l, "*/")) {
            l->p += 2;
            return true;
        }
        l->line += *l->p == '\n';
    }
    return !block;
}

/* False in a comment without an end. */
static bool skip_space(struct proto_lex *l)
{
    while (l->p < l->end) {
        if (strchr(" \t\r\n\f\v", *l->p) && *l->p) {
            l->line += *l->p == '\n';
            l->p++;
        } else if (begins(l, "//") || begins(l, "/*")) {
            if (!skip_comment(l))
                return false;
        } else {
            break;
        }
    }
    return true;
}

static enum proto_token string(struct proto_lex *l)
{
    char quote = *l->p++;
    while (l->p < l->end && *l->p != quote && *l->p != '\n')
        l->p += *l->p == '\\' && l->end - l->p > 1 ? 2 : 1;
    if (l->p == l->end || *l->p != quote)
        return PROTO_TOKEN_BAD;
    l->p++;
    return PROTO_TOKEN_STRING;
}

static enum proto_token number(struct proto_lex *l)
{
    for (; l->p < l->end; l->p++) {
        bool sign = (*l->p == '+' || *l->p == '-') && (l->p[-1] | 32) == 'e';
        if (!is_name(*l->p) && *l->p != '.' && !sign)
            break;
    }
    return PROTO_TOKEN_NUMBER;
}

static enum proto_token token(struct proto_lex *l)
{
    if (l->p == l->end)
        return PROTO_TOKEN_END;
    char c = *l->p;
    if (c == '"' || c == '\'')
        return string(l);
    if (is_digit(c) || (c == '.' && l->end - l->p > 1 && is_digit(l->p[1]))) {
        l->p++;
        return number(l);
    }
    if (is_name(c)) {
        while (l->p < l->end && is_name(*l->p))
            l->p++;
        return PROTO_TOKEN_NAME;
    }
    l->p++;
    return PROTO_TOKEN_SIGN;
}

void proto_lex_next(struct proto_lex *l)
{
    bool good = skip_space(l);
    const char *start = l->p;
    l->token = good ? token(l) : PROTO_TOKEN_BAD;
    l->text = (struct str){ start, (size_t)(l->p - start) };
}

bool proto_lex_is(const struct proto_lex *l, const char *text)
{
    return (l->token == PROTO_TOKEN_NAME || l->token == PROTO_TOKEN_SIGN) &&
           str_eq(l->text, str_of(text));
}

bool proto_lex_u32(const struct proto_lex *l, uint32_t *v)
{
    struct str s = l->text;
    unsigned base = 10;
    uint64_t u = 0;
    if (l->token != PROTO_TOKEN_NUMBER)
        return false;
    if (s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x') {
        base = 16;
        s = (struct str){ s.p + 2, s.n - 2 };
    } else if (s.n > 1 && s.p[0] == '0') {
        base = 8;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned digit =
            is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
        if (digit >= base)
            return false;
        u = u * base + digit;
        if (u > UINT32_MAX)
            return false;
    }
    *v = (uint32_t)u;
    return true;
}
