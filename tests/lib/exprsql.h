/* exprsql: the trees of exprtree as SQLite's text, with parentheses everywhere.
 *
 * Field k is parameter k + 1, whether it is missing parameter FIELDS + k + 1.
 * A number is its integer at the node's scale. */
#ifndef TESTS_EXPRSQL_H
#define TESTS_EXPRSQL_H

#include "exprprint.h"

static inline void sql(struct buf *out, const struct node *n);

/* n at this scale: a number times a power of ten. */
static inline void sql_at(struct buf *out, const struct node *n, int scale)
{
    bool number = n->type == 'n' && scale > n->scale;
    if (number)
        buf_addc(out, '(');
    sql(out, n);
    if (number)
        buf_addf(out, "*%.0f)", tree_pow10(scale - n->scale));
}

/* Kids from .. on at one scale, with sign between them. */
static inline void sql_list(struct buf *out, const struct node *n, int from,
                            const char *sign, int scale)
{
    for (int i = from; i < n->n; i++) {
        if (i > from)
            buf_addz(out, sign);
        sql_at(out, n->kid[i], scale);
    }
}

/* The scale at which all kids can be compared. */
static inline int common_scale(const struct node *n, int step)
{
    int scale = n->kid[0]->scale;
    for (int i = 1; i < n->n; i += step)
        if (n->kid[i]->scale > scale)
            scale = n->kid[i]->scale;
    return scale;
}

static inline void sql_call(struct buf *out, const char *name,
                            const struct node *n, int scale)
{
    buf_addz(out, name);
    buf_addc(out, '(');
    sql_list(out, n, 0, ",", scale);
    buf_addc(out, ')');
}

/* Rounds by adding up to the next multiple: half away from zero, or to the
 * side of floor or ceil. Multiples of `unit` become 1. */
static inline void sql_round(struct buf *out, const struct node *n)
{
    int digits = n->kind == ROUND ? n->param : 0;
    const struct node *a = n->kid[0];
    if (digits >= a->scale) {
        sql(out, a);
        return;
    }
    long long unit = (long long)tree_pow10(a->scale - digits);
    long long up = n->kind == ROUND ? unit / 2 : n->kind == CEIL ? unit - 1 : 0;
    long long down = n->kind == ROUND   ? unit / 2
                     : n->kind == FLOOR ? unit - 1
                                        : 0;
    buf_addz(out, "((");
    sql(out, a);
    buf_addf(out, "+%lld*(", up);
    sql(out, a);
    buf_addf(out, ">0)-%lld*(", down);
    sql(out, a);
    buf_addf(out, "<0))/%lld", unit);
    if (digits < 0)
        buf_addf(out, "*%.0f", tree_pow10(-digits));
    buf_addc(out, ')');
}

static inline void sql_case(struct buf *out, const struct node *n)
{
    int i = n->kind == CASE_OF, scale = n->kid[0]->scale;
    for (int k = 1; i && k + 1 < n->n; k += 2)
        if (n->kid[k]->scale > scale)
            scale = n->kid[k]->scale;
    buf_addz(out, "CASE ");
    if (i)
        sql_at(out, n->kid[0], scale);
    for (; i + 1 < n->n; i += 2) {
        buf_addz(out, " WHEN ");
        sql_at(out, n->kid[i], scale);
        buf_addz(out, " THEN ");
        sql_at(out, n->kid[i + 1], n->scale);
    }
    if (i < n->n) {
        buf_addz(out, " ELSE ");
        sql_at(out, n->kid[i], n->scale);
    }
    buf_addz(out, " END");
}

static inline void sql_literal(struct buf *out, const struct node *n)
{
    if (n->type == 's')
        add_quoted(out, n->text);
    else
        buf_addf(out, "%lld", (long long)n->num);
}

/* Functions that SQLite does not have, by those that it has: $0 and $1 stand
 * for the arguments. */
static inline void sql_template(struct buf *out, const struct node *n,
                                const char *template)
{
    for (; *template; template ++)
        if (*template == '$')
            sql(out, n->kid[*++template - '0']);
        else
            buf_addc(out, *template);
}

static inline void sql_divided(struct buf *out, const struct node *n)
{
    int scale = common_scale(n, 1);
    bool mod = n->kind == MOD;
    buf_addz(out, mod ? "" : "abs(");
    sql_at(out, n->kid[0], scale);
    buf_addz(out, mod ? "%nullif(" : ")/abs(nullif(");
    sql_at(out, n->kid[1], scale);
    buf_addz(out, mod ? ",0)" : ",0))");
}

static inline void sql_test(struct buf *out, const struct node *n)
{
    static const char *const is[] = { "NULL", "TRUE", "FALSE" };
    const char *no = n->negated ? "NOT " : "";
    if (n->kind == IS_MISSING) {
        buf_addf(out, "%s?%zu", no, FIELDS + 1 + (size_t)n->field);
        return;
    }
    int scale = common_scale(n, 1);
    sql_at(out, n->kid[0], scale);
    switch (n->kind) {
    case IN:
        buf_addf(out, " %sIN (", no);
        sql_list(out, n, 1, ",", scale);
        buf_addc(out, ')');
        break;
    case BETWEEN:
        buf_addf(out, " %sBETWEEN ", no);
        sql_list(out, n, 1, " AND ", scale);
        break;
    case LIKE:
        buf_addf(out, " %sLIKE ", no);
        sql(out, n->kid[1]);
        if (n->param)
            buf_addf(out, " ESCAPE '%c'", n->param);
        break;
    default: buf_addf(out, " IS %s%s", no, is[n->kind - IS_NULL]);
    }
}

static inline void sql_kind(struct buf *out, const struct node *n)
{
    const struct node *a = n->n ? n->kid[0] : NULL;
    switch (n->kind) {
    case LITERAL: sql_literal(out, n); break;
    case FIELD: buf_addf(out, "?%d", n->field + 1); break;
    case NOTHING: buf_addz(out, "NULL"); break;
    case NEG:
        buf_addz(out, "- ");
        sql(out, a);
        break;
    case ADD: sql_list(out, n, 0, "+", n->scale); break;
    case SUB: sql_list(out, n, 0, "-", n->scale); break;
    case MUL: sql_list(out, n, 0, "*", 0); break;
    case MOD:
    case QUOTIENT: sql_divided(out, n); break;
    case ABS: sql_call(out, "abs", n, 0); break;
    case SIGN: sql_call(out, "sign", n, 0); break;
    case FLOOR:
    case CEIL:
    case ROUND: sql_round(out, n); break;
    case LENGTH: sql_call(out, "length", n, 0); break;
    case INSTR: sql_call(out, "instr", n, 0); break;
    case CONCAT: sql_list(out, n, 0, "||", 0); break;
    case LOWER: sql_call(out, "lower", n, 0); break;
    case UPPER: sql_call(out, "upper", n, 0); break;
    case TRIM: sql_call(out, "trim", n, 0); break;
    case LTRIM: sql_call(out, "ltrim", n, 0); break;
    case RTRIM: sql_call(out, "rtrim", n, 0); break;
    case SUBSTR: sql_call(out, "substr", n, 0); break;
    case REPLACE: /* SQLite looks for an empty $1 before it looks for NULL */
        sql_template(out, n,
                     "CASE WHEN $2 IS NOT NULL THEN replace($0,$1,$2) END");
        break;
    case NUMBER_TEXT:
        buf_addz(out, "CAST(");
        sql(out, a);
        buf_addz(out, " AS TEXT)");
        break;
    case BOOLEAN_TEXT:
        buf_addz(out, "CASE ");
        sql(out, a);
        buf_addz(out, " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END");
        break;
    case AND: sql_list(out, n, 0, " AND ", 0); break;
    case OR: sql_list(out, n, 0, " OR ", 0); break;
    case NOT:
        buf_addz(out, "NOT ");
        sql(out, a);
        break;
    case COMPARE:
        sql_list(out, n, 0, compare_signs[n->param], common_scale(n, 1));
        break;
    case CONTAINS: sql_template(out, n, "instr($0,$1)>0"); break;
    case STARTS_WITH: sql_template(out, n, "substr($0,1,length($1))=$1"); break;
    case ENDS_WITH:
        sql_template(out, n,
                     "length($0)>=length($1) AND "
                     "substr($0,length($0)-length($1)+1)=$1");
        break;
    case COALESCE: sql_call(out, "coalesce", n, n->scale); break;
    case NULLIF: sql_call(out, "nullif", n, n->scale); break;
    case CASE:
    case CASE_OF: sql_case(out, n); break;
    case RESPELL:
    case REREAD:
    case SPARED: sql(out, a); break;
    default: sql_test(out, n);
    }
}

static inline void sql(struct buf *out, const struct node *n)
{
    buf_addc(out, '(');
    sql_kind(out, n);
    buf_addc(out, ')');
}

#endif
