/* exprtree: random typed expressions as trees, of what SQLite has in common
 * with us.
 *
 * SQLite has no decimals: a number here is an integer of 64 bits and a scale
 * that the tree knows beforehand, so that SQLite can compute with the integers.
 * The tree also knows how large a number and how long a string can become, and
 * does not grow past what 64 bits hold. */
#ifndef TESTS_EXPRTREE_H
#define TESTS_EXPRTREE_H

#include "cases.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define TREE_NODES 4096
#define TREE_KIDS 7
#define TREE_TEXT 32     /* bytes of a literal string */
#define TREE_SCALE_MAX 9 /* digits behind the point */
#define TREE_NUMBER_MAX 9e18
#define TREE_STRING_MAX 4096.0

enum kind {
    LITERAL,
    FIELD,
    NOTHING, /* NULL */
    /* numbers */
    NEG,
    ADD,
    SUB,
    MUL,
    MOD,
    ABS,
    SIGN,
    FLOOR,
    CEIL,
    ROUND,    /* to param digits */
    QUOTIENT, /* of the magnitudes, whole */
    LENGTH,
    INSTR,
    RESPELL, /* cast to a string and back */
    /* strings */
    CONCAT,
    LOWER,
    UPPER,
    TRIM,
    LTRIM,
    RTRIM,
    SUBSTR,
    REPLACE,
    NUMBER_TEXT,
    BOOLEAN_TEXT,
    /* booleans */
    AND,
    OR,
    NOT,
    COMPARE, /* by sign param */
    IN,
    BETWEEN,
    LIKE, /* param: escape character, or 0 */
    IS_NULL,
    IS_TRUE,
    IS_FALSE,
    IS_MISSING,
    CONTAINS,
    STARTS_WITH,
    ENDS_WITH,
    REREAD, /* cast to a string and back */
    /* any type */
    COALESCE,
    NULLIF,
    CASE,    /* condition, value, ... [, else] */
    CASE_OF, /* x, candidate, value, ... [, else] */
    SPARED   /* x, beside something that must not be evaluated: param how */
};

struct node {
    enum kind kind;
    char type; /* 'n', 's' or 'b' */
    bool negated;
    int param;
    int field;            /* FIELD, IS_MISSING */
    int64_t num;          /* LITERAL: number times 10^scale, or boolean */
    char text[TREE_TEXT]; /* LITERAL: string */
    int literal;          /* LITERAL: its number among them */
    int n;
    struct node *kid[TREE_KIDS];
    /* by tree_measure: */
    int scale;
    double bound; /* of the number times 10^scale; of a string's bytes */
};

/* What a kind makes of what. Arguments: n, s, b; '=' as the result; 'x' any
 * type, but one for all of them. A '+' repeats the last one up to twice more.
 */
static const struct production {
    enum kind kind;
    char result; /* '=': any */
    const char *args;
    const char *probe; /* NULL, or an expression that not every version has */
} productions[] = {
    { NEG, 'n', "n", NULL },
    { ADD, 'n', "nn", NULL },
    { ADD, 'n', "nn", NULL },
    { SUB, 'n', "nn", NULL },
    { MUL, 'n', "nn", NULL },
    { MOD, 'n', "nn", "1 % 1" },
    { ABS, 'n', "n", NULL },
    { SIGN, 'n', "n", "sign(1)" },
    { FLOOR, 'n', "n", NULL },
    { CEIL, 'n', "n", NULL },
    { ROUND, 'n', "n", NULL },
    { QUOTIENT, 'n', "nn", NULL },
    { LENGTH, 'n', "s", NULL },
    { INSTR, 'n', "ss", "instr('', '')" },
    { RESPELL, 'n', "n", NULL },
    { CONCAT, 's', "ss", NULL },
    { CONCAT, 's', "ss", NULL },
    { LOWER, 's', "s", NULL },
    { UPPER, 's', "s", NULL },
    { TRIM, 's', "s", NULL },
    { TRIM, 's', "ss", "trim('', '')" },
    { LTRIM, 's', "s", "ltrim('')" },
    { LTRIM, 's', "ss", "ltrim('', '')" },
    { RTRIM, 's', "s", "rtrim('')" },
    { RTRIM, 's', "ss", "rtrim('', '')" },
    { SUBSTR, 's', "sn", "substr('', 1)" },
    { SUBSTR, 's', "snn", "substr('', 1, 1)" },
    { REPLACE, 's', "sss", "replace('', '', '')" },
    { NUMBER_TEXT, 's', "n", NULL },
    { BOOLEAN_TEXT, 's', "b", NULL },
    { AND, 'b', "bb+", NULL },
    { OR, 'b', "bb+", NULL },
    { NOT, 'b', "b", NULL },
    { COMPARE, 'b', "xx", NULL },
    { COMPARE, 'b', "nn", NULL },
    { IN, 'b', "xx+", NULL },
    { BETWEEN, 'b', "xxx", NULL },
    { LIKE, 'b', "ss", NULL },
    { LIKE, 'b', "ss", NULL },
    { IS_NULL, 'b', "x", NULL },
    { IS_TRUE, 'b', "b", NULL },
    { IS_FALSE, 'b', "b", NULL },
    { IS_MISSING, 'b', "", NULL },
    { CONTAINS, 'b', "ss", "contains('', '')" },
    { STARTS_WITH, 'b', "ss", "starts_with('', '')" },
    { ENDS_WITH, 'b', "ss", "ends_with('', '')" },
    { REREAD, 'b', "b", NULL },
    { COALESCE, '=', "==+", NULL },
    { NULLIF, '=', "==", NULL },
    { CASE, '=', "b=", NULL },
    { CASE, '=', "b==", NULL },
    { CASE, '=', "b=b==", NULL },
    { CASE_OF, '=', "xx=", NULL },
    { CASE_OF, '=', "xx=x==", NULL },
    { SPARED, '=', "=", NULL },
};
#define PRODUCTIONS (sizeof(productions) / sizeof(*productions))

static bool production_known[PRODUCTIONS];

/* ---- fields of the records */

struct field {
    const char *path; /* tokens with a space between */
    char type;
    int scale;
    double bound;   /* of the number times 10^scale */
    bool in_quotes; /* a number in a string, cast where it is read */
};

static const struct field fields[] = {
    { "i", 'n', 0, 20, false },
    { "o . j", 'n', 0, 1e6, false },
    { "a [ 1 ]", 'n', 0, 3, false },
    { "big", 'n', 0, 4e18, false },
    { "\"odd \"\"name\" . d", 'n', 2, 1e5, false },
    { "d", 'n', 3, 1e9, false },
    { "quoted", 'n', 0, 1e4, true },
    { "s", 's', 0, TREE_TEXT, false },
    { "t", 's', 0, TREE_TEXT, false },
    { "o . s", 's', 0, TREE_TEXT, false },
    { "a [ 0 ]", 's', 0, TREE_TEXT, false },
    { "p", 'b', 0, 1, false },
    { "q", 'b', 0, 1, false },
    { "o . p", 'b', 0, 1, false },
};
#define FIELDS (sizeof(fields) / sizeof(*fields))

/* ---- sizes */

static inline double tree_pow10(int n)
{
    return pow(10, n);
}

/* The bound of number k if it is written with this scale. */
static inline double aligned(const struct node *k, int scale)
{
    return k->bound * tree_pow10(scale - k->scale);
}

/* Takes the largest scale and bound of kids from .. to, in steps. */
static inline void cover(struct node *n, int from, int to, int step)
{
    for (int i = from; i < to; i += step)
        if (n->kid[i]->scale > n->scale)
            n->scale = n->kid[i]->scale;
    for (int i = from; i < to; i += step)
        n->bound = fmax(n->bound, aligned(n->kid[i], n->scale));
}

/* True if all numbers among kids from .. to can be written with one scale. */
static inline bool alike(const struct node *n, int from, int to, int step)
{
    struct node all = { .n = n->n };
    memcpy(all.kid, n->kid, sizeof(all.kid));
    cover(&all, from, to, step);
    return all.bound <= TREE_NUMBER_MAX;
}

static inline bool measure_number(struct node *n)
{
    struct node *a = n->kid[0], *b = n->n > 1 ? n->kid[1] : NULL;
    switch (n->kind) {
    case ADD:
    case SUB:
        cover(n, 0, 2, 1);
        n->bound = aligned(a, n->scale) + aligned(b, n->scale);
        break;
    case MUL:
        n->scale = a->scale + b->scale;
        n->bound = a->bound * b->bound;
        break;
    case FLOOR:
    case CEIL:
    case ROUND:
        n->scale = n->kind != ROUND || n->param < 0 ? 0
                   : n->param < a->scale            ? n->param
                                                    : a->scale;
        n->bound = a->bound + tree_pow10(a->scale + 2);
        break;
    case MOD: cover(n, 0, 2, 1); break;
    case QUOTIENT:
        cover(n, 0, 2, 1);
        n->scale = 0;
        break;
    case SIGN: n->bound = 1; break;
    case LENGTH:
    case INSTR: n->bound = TREE_STRING_MAX; break;
    default: cover(n, 0, 1, 1);
    }
    return n->bound <= TREE_NUMBER_MAX && n->scale <= TREE_SCALE_MAX;
}

static inline bool measure_string(struct node *n)
{
    struct node *const *k = n->kid;
    n->bound = n->n ? k[0]->bound : 0;
    switch (n->kind) {
    case CONCAT: n->bound += k[1]->bound; break;
    case REPLACE: n->bound *= 1 + k[2]->bound; break;
    case NUMBER_TEXT: n->bound = 20; return k[0]->scale == 0;
    case BOOLEAN_TEXT: n->bound = 5; break;
    case SUBSTR: /* places are whole */
        for (int i = 1; i < n->n; i++)
            if (k[i]->scale || k[i]->bound > 1e9)
                return false;
        break;
    default: break;
    }
    return n->bound <= TREE_STRING_MAX;
}

static inline bool measure_any(struct node *n)
{
    int n_kids = n->n;
    switch (n->kind) {
    case CASE:
        cover(n, 1, n_kids, 2);
        if (n_kids % 2)
            cover(n, n_kids - 1, n_kids, 1);
        if (n_kids % 2) /* the scale may have grown */
            cover(n, 1, n_kids, 2);
        break;
    case CASE_OF:
        cover(n, 2, n_kids, 2);
        if (n_kids % 2 == 0)
            cover(n, n_kids - 1, n_kids, 1);
        if (n_kids % 2 == 0)
            cover(n, 2, n_kids, 2);
        break;
    case NULLIF: cover(n, 0, 2, 1); break;
    default: cover(n, 0, n_kids, 1);
    }
    if (n->type == 's')
        return n->bound <= TREE_STRING_MAX;
    return n->bound <= TREE_NUMBER_MAX && n->scale <= TREE_SCALE_MAX;
}

/* The operands that a CASE x compares have to meet at one scale as well. */
static inline bool candidates_alike(const struct node *n)
{
    struct node all = { .n = 0 };
    if (n->kid[0]->type != 'n')
        return true;
    all.kid[all.n++] = n->kid[0];
    for (int i = 1; i + 1 < n->n; i += 2)
        all.kid[all.n++] = n->kid[i];
    cover(&all, 0, all.n, 1);
    return all.bound <= TREE_NUMBER_MAX;
}

/* Sets scale and bound of n and of all below it; false if it is too large. */
static inline bool tree_measure(struct node *n)
{
    for (int i = 0; i < n->n; i++)
        if (!tree_measure(n->kid[i]))
            return false;
    if (n->kind == LITERAL)
        return true;
    n->scale = 0;
    n->bound = 0;
    if (n->kind == FIELD) {
        n->scale = fields[n->field].scale;
        n->bound = fields[n->field].bound;
        return true;
    }
    if (n->kind >= COALESCE)
        return measure_any(n) && (n->kind != CASE_OF || candidates_alike(n));
    if (n->type == 'n' && n->n)
        return measure_number(n);
    if (n->type == 's')
        return measure_string(n);
    if (n->kind == COMPARE || n->kind == IN || n->kind == BETWEEN)
        return n->kid[0]->type != 'n' || alike(n, 0, n->n, 1);
    return true;
}

/* ---- growing */

static struct node tree_pool[TREE_NODES];
static int tree_used, tree_literals;

static inline struct node *tree_node(enum kind kind, char type)
{
    struct node *n = &tree_pool[tree_used++];
    *n = (struct node){ .kind = kind, .type = type };
    return n;
}

static inline int random_field(char type)
{
    unsigned k;
    do
        k = random_below(FIELDS);
    while (type && fields[k].type != type);
    return (int)k;
}

/* Characters that mean something somewhere, and some of two to four bytes that
 * have no capitals: those differ in SQLite. */
static inline void random_text(char *out, unsigned most)
{
    static const char *const parts[] = {
        "a",
        "b",
        "B",
        "c",
        "ab",
        " ",
        " ",
        "%",
        "_",
        "!",
        "'",
        "",
        "\\",
        "\"",
        "1",
        "\xe2\x82\xac",
        "\xe6\x97\xa5",
        "\xf0\x9f\x98\x80",
        "\xc2\xbd",
    };
    out[0] = '\0';
    for (unsigned n = random_below(most + 1); n > 0; n--)
        strcat(out, PICK(parts));
}

static inline struct node *tree_leaf(char type)
{
    struct node *n = tree_node(chance(12) ? NOTHING : LITERAL, type);
    if (!chance(3)) {
        n->kind = FIELD;
        n->field = random_field(type);
    }
    if (n->kind == LITERAL) {
        n->literal = tree_literals++;
        n->scale = chance(3) ? (int)random_below(4) : 0;
        n->num = type == 'b'  ? chance(2)
                 : chance(20) ? (int64_t)(random_bits() >> 8)
                 : chance(4)  ? (int64_t)random_below(100000)
                              : (int64_t)random_below(12);
        n->bound = (double)n->num;
        if (type == 's') {
            n->scale = 0;
            n->bound = TREE_TEXT;
            random_text(n->text, 4);
        }
    }
    tree_measure(n);
    return n;
}

static struct node *tree_grow(char type, int depth);

static inline void choose_params(struct node *n)
{
    static const char escapes[] = { 0, 0, '!', '!', '%', '_', 'a', '\\' };
    n->negated = chance(3);
    switch (n->kind) {
    case ROUND: n->param = (int)random_below(6) - 2; break;
    case COMPARE: n->param = (int)random_below(8); break;
    case LIKE: n->param = PICK(escapes); break;
    case IS_MISSING: n->field = random_field(0); break;
    case SPARED: n->param = (int)random_below(n->type == 'b' ? 4 : 2); break;
    default: break;
    }
}

/* Places in strings are small mostly, else nothing is found there. */
static inline struct node *small_place(int depth)
{
    struct node *n = tree_leaf('n');
    if (chance(4))
        return tree_grow('n', depth);
    n->kind = LITERAL;
    n->literal = tree_literals++;
    n->num = random_below(6);
    n->scale = 0;
    n->bound = 6;
    if (!chance(3))
        return n;
    struct node *neg = tree_node(NEG, 'n');
    neg->kid[neg->n++] = n;
    tree_measure(neg);
    return neg;
}

static inline void grow_kids(struct node *n, const char *args, int depth)
{
    char any = "nsb"[random_below(3)];
    for (const char *a = args; *a; a++) {
        if (*a == '+')
            continue;
        char kid = *a == '=' ? n->type : *a == 'x' ? any : *a;
        int less = 1 + (int)random_below(2);
        int left = depth > less ? depth - less : 0;
        unsigned times = a[1] == '+' ? 1 + random_below(3) : 1;
        for (; times > 0; times--)
            n->kid[n->n++] = n->kind == SUBSTR && kid == 'n'
                                 ? small_place(left)
                                 : tree_grow(kid, left);
    }
}

/* A tree of this type; a leaf where the one tried became too large. */
static struct node *tree_grow(char type, int depth)
{
    if (depth <= 0 || tree_used > TREE_NODES / 2)
        return tree_leaf(type);
    unsigned k;
    do
        k = random_below(PRODUCTIONS);
    while (!production_known[k] ||
           (productions[k].result != '=' && productions[k].result != type));
    struct node *n = tree_node(productions[k].kind, type);
    choose_params(n);
    grow_kids(n, productions[k].args, depth);
    return tree_measure(n) ? n : tree_leaf(type);
}

#endif
