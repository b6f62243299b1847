#include "aggregate/argument.h"

#include <stdlib.h>

static bool is_field(struct str t)
{
    bool digits = true;
    if (t.n && t.p[0] == '/')
        return true;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            (unsigned char)c < 0x80 && !strchr("_.[]", c))
            return false;
        digits = digits && (digit || c == '.');
    }
    return !digits;
}

int argument_take_expr(struct argument *a, struct str text, struct err *e)
{
    *a = (struct argument){ 0 };
    char *copy = strndup(text.p, text.n);
    if (!copy)
        return err_nomem(e);
    a->expr = (struct str){ copy, text.n };
    return 0;
}

int argument_parse_field(struct argument *a, struct str text, struct err *e)
{
    *a = (struct argument){ 0 };
    return path_parse(&a->path, text, e);
}

int argument_parse(struct argument *a, struct str text, struct err *e)
{
    return is_field(text) ? argument_parse_field(a, text, e)
                          : argument_take_expr(a, text, e);
}

bool argument_same(const struct argument *a, const struct argument *b)
{
    if (argument_is_expr(a) != argument_is_expr(b))
        return false;
    if (argument_is_expr(a))
        return str_eq(a->expr, b->expr);
    return path_relate(&a->path, &b->path) == PATH_SAME;
}

void argument_free(struct argument *a)
{
    path_free(&a->path);
    free((void *)(size_t)a->expr.p);
    *a = (struct argument){ 0 };
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

bool argument_next(struct str text, size_t *at, struct str *item, size_t *start)
{
    size_t depth = 0, i = *at;
    char quote = 0;
    if (i > text.n)
        return false;
    for (; i < text.n; i++) {
        char c = text.p[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == '(' || c == '[')
            depth++;
        else if (depth && (c == ')' || c == ']'))
            depth--;
        else if (c == ',' && depth == 0)
            break;
    }
    size_t from = *at, to = i;
    while (from < to && is_space(text.p[from]))
        from++;
    while (to > from && is_space(text.p[to - 1]))
        to--;
    *item = (struct str){ text.p + from, to - from };
    *start = from;
    *at = i + 1;
    return true;
}
