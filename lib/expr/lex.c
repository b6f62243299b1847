#include "expr/lex.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters of any script: bytes of 0x80 and above belong to names. */
static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c);
}

static struct token token(enum token_kind kind, const char *p, const char *q)
{
    return (struct token){ kind, { p, (size_t)(q - p) }, NULL };
}

static struct token bad(const char *p, const char *why)
{
    return (struct token){ TOK_BAD, { p, 0 }, why };
}

static struct token lex_quoted(const char *p, const char *end)
{
    char quote = *p;
    const char *q = p + 1;
    while (q < end) {
        if (*q == '\0')
            return bad(q, "NUL byte");
        if (*q++ != quote)
            continue;
        if (q == end || *q != quote)
            return token(quote == '"' ? TOK_QUOTED : TOK_STRING, p, q);
        q++;
    }
    return bad(p, quote == '"' ? "name without closing '\"'"
                               : "string without closing quote");
}

static struct token lex_number(const char *p, const char *end)
{
    const char *q = p;
    while (q < end && is_digit(*q))
        q++;
    if (*p == '0' && q - p > 1)
        return bad(p, "number with leading zero");
    if (q < end && *q == '.') {
        if (++q == end || !is_digit(*q))
            return bad(q, "digit expected behind the point");
        while (q < end && is_digit(*q))
            q++;
    }
    if (q < end && (*q == 'e' || *q == 'E')) {
        q++;
        if (q < end && (*q == '+' || *q == '-'))
            q++;
        if (q == end || !is_digit(*q))
            return bad(q, "digit of the exponent expected");
        while (q < end && is_digit(*q))
            q++;
    }
    if (q < end && is_name_start(*q))
        return bad(q, "letter in a number");
    return token(TOK_NUMBER, p, q);
}

static struct token lex_sign(const char *p, const char *end)
{
    /* One that another begins with stands behind it. */
    static const char *const signs[] = { "!~*", "!~", "~*", "<>", "!=",
                                         "<=",  ">=", "==", "||", "::" };
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        size_t n = strlen(signs[i]);
        if ((size_t)(end - p) >= n && memcmp(p, signs[i], n) == 0)
            return token(TOK_SIGN, p, p + n);
    }
    /* A comment in SQL: neither meaning would be what was meant. */
    if (end - p >= 2 && p[0] == '-' && p[1] == '-')
        return bad(p, "'--' (put a space between two minus signs)");
    if (*p && strchr("+-*/%<>=~(),.[]", *p))
        return token(TOK_SIGN, p, p + 1);
    if (is_digit(*p))
        return lex_number(p, end);
    return bad(p, *p ? "unexpected character" : "NUL byte");
}

struct token lex_next(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    if (p == end)
        return token(TOK_END, p, p);
    if (*p == '"' || *p == '\'')
        return lex_quoted(p, end);
    const char *q = p + (*p == '$');
    if (q < end && is_name_start(*q)) {
        while (q < end && is_name(*q))
            q++;
        return token(*p == '$' ? TOK_VARIABLE : TOK_NAME, p, q);
    }
    return lex_sign(p, end);
}

bool lex_is(struct str name, const char *lower)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (c != lower[i] || lower[i] == '\0')
            return false;
    }
    return lower[name.n] == '\0';
}

bool lex_reserved(struct str name)
{
    static const char *const words[] = {
        "and",   "or",   "not",     "is",   "null",   "missing", "true",
        "false", "in",   "between", "like", "escape", "case",    "when",
        "then",  "else", "end",     "cast", "as",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (lex_is(name, words[i]))
            return true;
    return false;
}

size_t lex_unquote(char *out, struct str quoted)
{
    size_t n = 0;
    for (size_t i = 1; i + 1 < quoted.n; i++) {
        out[n++] = quoted.p[i];
        if (quoted.p[i] == quoted.p[0])
            i++;
    }
    return n;
}
