/* exprprint: the trees of exprtree as text, ours and SQLite's.
 *
 * Ours has parentheses only where an operand binds looser than what stands
 * around it, so that the precedence of operators is tested; SQLite's has them
 * everywhere. */
#ifndef TESTS_EXPRPRINT_H
#define TESTS_EXPRPRINT_H

#include "base/buf.h"
#include "exprtree.h"

#include <ctype.h>

/* How our text is written. */
struct style {
    bool messy;     /* needless parentheses and spaces, letters of any case */
    bool as_fields; /* literal k is read from the field "lit" [k] */
    const struct value *values; /* of fields, put in their place; or NULL */
};

/* What a field has in a record. */
struct value {
    bool present, null;
    int64_t num; /* number times 10^scale, or boolean */
    char text[TREE_TEXT];
};

struct printer {
    struct buf *out;
    struct style style;
    char last; /* byte written */
};

/* ---- tokens */

static inline bool is_wordy(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '"' || c == '\'' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* Writes a token; letters change their case in a messy style if words says so.
 */
static inline void token(struct printer *p, const char *text, bool words)
{
    static const char *const spaces[] = { " ", "  ", "\t", "\n", " \r\n ", "" };
    bool needed = (is_wordy(p->last) && is_wordy(text[0])) ||
                  (p->last == '-' && text[0] == '-');
    const char *space = p->style.messy ? PICK(spaces) : " ";
    if (!p->style.messy &&
        (p->last == '(' || text[0] == ')' || text[0] == ',' || p->last == '\0'))
        space = "";
    if (needed && !*space)
        space = " ";
    if (p->last)
        buf_addz(p->out, space);
    for (const char *c = text; *c; c++)
        buf_addc(p->out,
                 words && p->style.messy && chance(2)
                     ? (char)(*c ^ (isalpha((unsigned char)*c) ? 32 : 0))
                     : *c);
    p->last = text[0] ? text[strlen(text) - 1] : p->last;
}

/* The length of the first token of a list: up to a space, or a quoted name. */
static inline size_t first_token(const char *list)
{
    if (*list != '"')
        return strcspn(list, " ");
    size_t n = 1;
    while (list[n] != '"' || list[n + 1] == '"')
        n += list[n] == '"' ? 2 : 1;
    return n + 1;
}

/* Tokens with a space between them. */
static inline void tokens(struct printer *p, const char *list, bool words)
{
    char word[64];
    while (*list) {
        size_t n = first_token(list);
        memcpy(word, list, n);
        word[n] = '\0';
        token(p, word, words);
        list += n + (list[n] == ' ');
    }
}

static inline void words(struct printer *p, const char *list)
{
    tokens(p, list, true);
}

/* ---- values */

/* num * 10^-scale, num not negative. */
static inline void add_decimal(struct buf *out, int64_t num, int scale)
{
    int64_t ten = (int64_t)llround(tree_pow10(scale));
    buf_addf(out, "%lld", (long long)(num / ten));
    if (scale)
        buf_addf(out, ".%0*lld", scale, (long long)(num % ten));
}

static inline void add_quoted(struct buf *out, const char *s)
{
    buf_addc(out, '\'');
    for (; *s; s++) {
        buf_addc(out, *s);
        if (*s == '\'')
            buf_addc(out, '\'');
    }
    buf_addc(out, '\'');
}

/* A literal of ours; negative numbers bind as a minus does. */
static inline void print_value(struct printer *p, char type, int64_t num,
                               int scale, const char *text)
{
    struct buf b = { 0 };
    if (type == 'b') {
        words(p, num ? "TRUE" : "FALSE");
        return;
    }
    if (type == 's') {
        add_quoted(&b, text);
    } else {
        if (num < 0)
            token(p, "-", false);
        add_decimal(&b, num < 0 ? -num : num, scale);
    }
    token(p, buf_z(&b), false);
    buf_free(&b);
}

/* ---- ours */

/* From what binds loosest. */
enum level {
    L_OR,
    L_AND,
    L_NOT,
    L_IS,
    L_COMPARE,
    L_PREDICATE,
    L_CONCAT,
    L_SUM,
    L_PRODUCT,
    L_UNARY,
    L_PRIMARY
};

static const char *const compare_signs[] = { "=", "==", "<>", "!=",
                                             "<", "<=", ">",  ">=" };

static inline enum level level_of(const struct printer *p, const struct node *n)
{
    const struct value *v = p->style.values;
    switch (n->kind) {
    case OR: return L_OR;
    case AND: return L_AND;
    case NOT: return L_NOT;
    case IS_NULL:
    case IS_TRUE:
    case IS_FALSE:
    case IS_MISSING: return L_IS;
    case COMPARE: return L_COMPARE;
    case IN:
    case BETWEEN:
    case LIKE: return L_PREDICATE;
    case CONCAT: return L_CONCAT;
    case ADD:
    case SUB: return L_SUM;
    case MUL:
    case MOD: return L_PRODUCT;
    case NEG: return L_UNARY;
    case FIELD:
        return v && n->type == 'n' && !fields[n->field].in_quotes &&
                       v[n->field].num < 0
                   ? L_UNARY
                   : L_PRIMARY;
    case SPARED: return n->param < 2 ? L_PRIMARY : n->param == 2 ? L_OR : L_AND;
    default: return L_PRIMARY;
    }
}

static inline void print(struct printer *p, const struct node *n, int level);

static inline void print_list(struct printer *p, const struct node *n, int from,
                              const char *sign, int level)
{
    for (int i = from; i < n->n; i++) {
        if (i > from)
            words(p, sign);
        print(p, n->kid[i], level);
    }
}

static inline void print_call(struct printer *p, const char *name,
                              const struct node *n)
{
    words(p, name);
    token(p, "(", false);
    print_list(p, n, 0, ",", L_OR);
    token(p, ")", false);
}

static inline void print_field(struct printer *p, int field)
{
    const struct value *v = p->style.values;
    const struct field *f = &fields[field];
    if (f->in_quotes)
        words(p, "CAST (");
    if (!v) {
        tokens(p, f->path, false);
    } else if (!v[field].present || v[field].null) {
        words(p, v[field].present ? "NULL" : "MISSING");
    } else if (f->in_quotes) {
        char digits[32];
        snprintf(digits, sizeof(digits), "%lld", (long long)v[field].num);
        print_value(p, 's', 0, 0, digits);
    } else {
        print_value(p, f->type, v[field].num, f->scale, v[field].text);
    }
    if (f->in_quotes)
        words(p, "AS NUMBER )");
}

static inline void print_literal(struct printer *p, const struct node *n)
{
    char path[32];
    snprintf(path, sizeof(path), "lit [ %d ]", n->literal);
    if (p->style.as_fields)
        tokens(p, path, false);
    else
        print_value(p, n->type, n->num, n->scale, n->text);
}

static inline void print_case(struct printer *p, const struct node *n)
{
    int i = n->kind == CASE_OF;
    words(p, "CASE");
    if (i)
        print(p, n->kid[0], L_OR);
    for (; i + 1 < n->n; i += 2) {
        words(p, "WHEN");
        print(p, n->kid[i], L_OR);
        words(p, "THEN");
        print(p, n->kid[i + 1], L_OR);
    }
    if (i < n->n) {
        words(p, "ELSE");
        print(p, n->kid[i], L_OR);
    }
    words(p, "END");
}

/* CAST(... AS type) in which ... is CAST(x AS inner) if that is given. */
static inline void print_cast(struct printer *p, const struct node *n,
                              const char *inner, const char *type)
{
    words(p, inner ? "CAST ( CAST (" : "CAST (");
    print(p, n->kid[0], L_OR);
    words(p, "AS");
    if (inner) {
        words(p, inner);
        words(p, ") AS");
    }
    words(p, type);
    token(p, ")", false);
}

/* The same as x, if what need not be evaluated is not. */
static inline void print_spared(struct printer *p, const struct node *n)
{
    static const char *const before[] = {
        "CASE WHEN", "CASE WHEN none IS NOT MISSING THEN 1 / 0 ELSE",
        "none IS NOT MISSING AND 1 / ( 2 - 2 ) > 1 OR",
        "( none IS MISSING OR 1 / 0 = 1 ) AND"
    };
    bool seen = n->param == 0;
    tokens(p, seen ? "CASE WHEN none IS NULL THEN" : before[n->param], false);
    print(p, n->kid[0], n->param == 2 ? L_AND : n->param == 3 ? L_NOT : L_OR);
    if (n->param < 2)
        words(p, seen ? "ELSE 1 / 0 END" : "END");
}

/* What stands behind x, and is a kind of IS or a predicate. */
static inline void print_test(struct printer *p, const struct node *n)
{
    char escape[8];
    const struct value *v = p->style.values;
    if (n->kind == IS_MISSING && v)
        words(p, v[n->field].present ? "0" : "MISSING");
    else if (n->kind == IS_MISSING)
        tokens(p, fields[n->field].path, false);
    else
        print(p, n->kid[0], n->kind >= IS_NULL ? L_IS : L_CONCAT);
    if (n->kind >= IS_NULL)
        words(p, "IS");
    if (n->negated)
        words(p, "NOT");
    switch (n->kind) {
    case IN:
        words(p, "IN (");
        print_list(p, n, 1, ",", L_OR);
        token(p, ")", false);
        break;
    case BETWEEN:
        words(p, "BETWEEN");
        print_list(p, n, 1, "AND", L_CONCAT);
        break;
    case LIKE:
        words(p, "LIKE");
        print(p, n->kid[1], L_CONCAT);
        snprintf(escape, sizeof(escape), "'%c'", n->param);
        if (n->param) {
            words(p, "ESCAPE");
            token(p, escape, false);
        }
        break;
    case IS_NULL: words(p, "NULL"); break;
    case IS_TRUE: words(p, "TRUE"); break;
    case IS_FALSE: words(p, "FALSE"); break;
    default: words(p, "MISSING");
    }
}

static inline void print_infix(struct printer *p, const struct node *n,
                               const char *sign, int left, int right)
{
    print(p, n->kid[0], left);
    token(p, sign, false);
    print(p, n->kid[1], right);
}

static inline void print_prefix(struct printer *p, const struct node *n,
                                const char *sign, int level)
{
    words(p, sign);
    print(p, n->kid[0], level);
}

/* x % y, and how often y goes into x: a NULL in place of a zero. */
static inline void print_divided(struct printer *p, const struct node *n)
{
    bool mod = n->kind == MOD;
    if (!mod)
        words(p, "floor ( abs (");
    print(p, n->kid[0], mod ? L_PRODUCT : L_OR);
    words(p, mod ? "% nullif (" : ") / abs ( nullif (");
    print(p, n->kid[1], L_OR);
    words(p, mod ? ", 0 )" : ", 0 ) ) )");
}

static inline void print_round(struct printer *p, const struct node *n)
{
    char digits[16];
    words(p, "round (");
    print(p, n->kid[0], L_OR);
    snprintf(digits, sizeof(digits), "%d", abs(n->param));
    if (n->param || chance(2)) {
        words(p, n->param < 0 ? ", -" : ",");
        token(p, digits, false);
    }
    token(p, ")", false);
}

static inline void print_kind(struct printer *p, const struct node *n)
{
    switch (n->kind) {
    case LITERAL: print_literal(p, n); break;
    case FIELD: print_field(p, n->field); break;
    case NOTHING: words(p, "NULL"); break;
    case NEG: print_prefix(p, n, "-", L_UNARY); break;
    case ADD: print_infix(p, n, "+", L_SUM, L_PRODUCT); break;
    case SUB: print_infix(p, n, "-", L_SUM, L_PRODUCT); break;
    case MUL: print_infix(p, n, "*", L_PRODUCT, L_UNARY); break;
    case MOD:
    case QUOTIENT: print_divided(p, n); break;
    case ABS: print_call(p, "abs", n); break;
    case SIGN: print_call(p, "sign", n); break;
    case FLOOR: print_call(p, "floor", n); break;
    case CEIL: print_call(p, "ceil", n); break;
    case ROUND: print_round(p, n); break;
    case LENGTH: print_call(p, "length", n); break;
    case INSTR: print_call(p, "instr", n); break;
    case RESPELL: print_cast(p, n, "STRING", "NUMBER"); break;
    case CONCAT: print_infix(p, n, "||", L_CONCAT, L_SUM); break;
    case LOWER: print_call(p, "lower", n); break;
    case UPPER: print_call(p, "upper", n); break;
    case TRIM: print_call(p, "trim", n); break;
    case LTRIM: print_call(p, "ltrim", n); break;
    case RTRIM: print_call(p, "rtrim", n); break;
    case SUBSTR: print_call(p, "substr", n); break;
    case REPLACE: print_call(p, "replace", n); break;
    case NUMBER_TEXT: print_cast(p, n, NULL, "TEXT"); break;
    case BOOLEAN_TEXT: print_cast(p, n, NULL, "STRING"); break;
    case AND: print_list(p, n, 0, "AND", L_NOT); break;
    case OR: print_list(p, n, 0, "OR", L_AND); break;
    case NOT: print_prefix(p, n, "NOT", L_NOT); break;
    case COMPARE:
        print_infix(p, n, compare_signs[n->param], L_PREDICATE, L_PREDICATE);
        break;
    case CONTAINS: print_call(p, "contains", n); break;
    case STARTS_WITH: print_call(p, "starts_with", n); break;
    case ENDS_WITH: print_call(p, "ends_with", n); break;
    case REREAD: print_cast(p, n, "VARCHAR", "BOOLEAN"); break;
    case COALESCE: print_call(p, "coalesce", n); break;
    case NULLIF: print_call(p, "nullif", n); break;
    case CASE:
    case CASE_OF: print_case(p, n); break;
    case SPARED: print_spared(p, n); break;
    default: print_test(p, n);
    }
}

static inline void print(struct printer *p, const struct node *n, int level)
{
    bool paren = (int)level_of(p, n) < level;
    int more = p->style.messy && chance(6) ? 1 + (int)random_below(2) : 0;
    for (int i = 0; i < paren + more; i++)
        token(p, "(", false);
    print_kind(p, n);
    for (int i = 0; i < paren + more; i++)
        token(p, ")", false);
}

/* Writes n as our text in this style. */
static inline void print_ours(struct buf *out, const struct node *n,
                              struct style style)
{
    struct printer p = { .out = out, .style = style };
    buf_reset(out);
    print(&p, n, L_OR);
}

#endif
