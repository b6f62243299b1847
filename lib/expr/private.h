/* private: what the parts of expr share: operands, programs, the set.
 *
 *   lex -> parse (tree) -> compile (program, constants folded) -> eval
 */
#ifndef EXPR_PRIVATE_H
#define EXPR_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/decimal.h"
#include "expr/caret.h"
#include "expr/expr.h"
#include "json/select.h"

#include <locale.h>
#include <stdint.h>

struct key;
struct regex_set;

#define EXPR_TEXT_MAX 65536             /* bytes of an expression */
#define EXPR_DEPTH_MAX 500              /* levels of its tree */
#define EXPR_MEMORY ((size_t)256 << 20) /* for one record's strings */

/* A value on its way: from the record, constant or computed. Of raw, text and
 * num at least the one is there that its type needs; the others are made on
 * demand. */
struct operand {
    enum json_type type;
    bool has_text, has_num;
    bool owns_num;      /* num.big is this operand's to free */
    int slot;           /* the field it is, or -1 */
    struct str raw;     /* as JSON; .p NULL while not written */
    struct str text;    /* characters of a string, if has_text */
    struct decimal num; /* value of a number, if has_num */
};

enum op {
    OP_CONST, /* push constant arg */
    OP_SLOT,  /* push slot arg */
    OP_PICK,  /* push a copy of the value arg below the top */
    OP_NIP,   /* drop the value below the top */
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_CONCAT,
    OP_NEG,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_AND_TEST, /* top FALSE: keep it and jump to arg */
    OP_OR_TEST,  /* top TRUE: keep it and jump to arg */
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_IS,         /* top is of class arg: enum is_what */
    OP_IN,         /* x, v1 .. vn: is x among them? */
    OP_IN_CONST,   /* x: is it among constants arg .. arg + n - 1? */
    OP_LIKE,       /* text, pattern, with n = 3 escape */
    OP_JUMP,       /* to arg */
    OP_UNLESS,     /* pop; not TRUE: jump to arg */
    OP_IF_PRESENT, /* top neither null nor missing: jump to arg; else pop */
    OP_CALL,       /* function arg with n arguments */
    OP_CAST        /* to enum cast_to arg; n is p << 16 | s of DECIMAL(p, s) */
};

enum is_what { IS_NULL, IS_MISSING, IS_TRUE, IS_FALSE };
enum cast_to {
    CAST_NUMBER,
    CAST_STRING,
    CAST_BOOLEAN,
    CAST_INTEGER,
    CAST_DECIMAL, /* of a number of digits: cast_digits */
    CAST_DATE,
    CAST_TIMESTAMP,
    CAST_KIND = 15, /* the bits that tell these apart */
    CAST_TRY = 16   /* NULL where there is no such value */
};

#define CAST_DIGITS_MAX 1000 /* of DECIMAL(p, s) */

struct insn {
    uint8_t op;
    uint32_t n;
    int32_t arg;
    uint32_t at; /* byte of the expression, for messages */
};

struct program {
    struct insn *code; /* owned */
    size_t n, cap;
    size_t stack;        /* values at most */
    char *what;          /* owned */
    int *slots;          /* owned: fields that it reads */
    unsigned char *uses; /* owned: how, of each: enum expr_use */
    size_t n_slots;
};

/* A field that some expression names. */
struct field {
    struct path_step *steps; /* in the set's arena */
    size_t n;
    struct str pointer; /* the same as a JSON Pointer */
    bool read, seen;    /* by an expression; in a record */
};

struct expr_set {
    struct expr_env env;
    struct select *select; /* owned */
    struct field *fields;  /* owned: by slot */
    struct val *vals;      /* owned: by slot, of the record loaded */
    size_t n_fields;
    struct operand *consts; /* owned; their memory is in `fixed` */
    size_t n_consts, cap_consts;
    struct program *progs; /* owned */
    size_t n_progs;
    struct operand *stack; /* owned */
    size_t cap_stack;
    struct arena fixed;         /* lives as long as the set */
    struct arena scratch;       /* lives as long as a record */
    struct buf text;            /* for what is being written */
    locale_t letters;           /* owned: made by the first lower or upper */
    struct regex_set *patterns; /* owned */
    struct key *keys;           /* owned: of pseudonymise */
    const struct program *running;
    struct expr_fault *fault;
};

/* ---- functions (func.c) */

/* A call that is being computed: *out from args[0 .. n). */
struct call {
    struct expr_set *x;
    const struct func *f;
    struct operand *args, *out;
    uint32_t n, at;
};

#define FUNC_ANY EXPR_TEXT_MAX /* arguments: as many as there are */

struct func {
    const char *name; /* lower case */
    unsigned min, max;
    bool sees_null; /* else null or missing arguments give NULL */
    /* What constants among the arguments are held against, a letter for each
     * argument (func_check); "" and beyond its end: nothing. */
    const char *kinds;
    int (*call)(struct call *c); /* 0, -1 with the set's fault, -2 */
};

/* The index of a function, or -1. */
int func_find(struct str name);
const struct func *func_get(int index);

/* True if its arguments cannot be told from its result: a hash or a mask. */
bool func_hides(int index);

/* What is wrong with a constant argument. */
struct func_why {
    char text[160];
    size_t at;      /* 0-based byte of its characters */
    struct err err; /* in place of text, where code is set */
};

/* Holds a constant, kept (operand_keep), against its kind: p a regular
 * expression, k the source of a key, z a time zone, u a unit of time, f a field
 * of a time, r and w a format to read and to write times. What is no string is
 * left to the call. 0, -1 with why, -2. */
int func_check(struct expr_set *x, char kind, const struct operand *o,
               struct func_why *why);

/* The patterns of a set, made by the first who asks; NULL: no memory. */
struct regex_set *expr_patterns(struct expr_set *x);

/* Frees the keys of a set (func_hash.c). */
void key_free(struct key *k);

/* ---- operands (operand.c): all return 0, -1 with the set's fault, or -2 */

#define OPERAND(t) ((struct operand){ .type = (t), .slot = -1 })

static inline bool operand_absent(const struct operand *o)
{
    return o->type <= JSON_NULL;
}

static inline void operand_free(struct operand *o)
{
    if (o->owns_num)
        decimal_free(&o->num);
    o->owns_num = false;
}

struct operand operand_bool(bool b);
struct operand operand_text_of(struct str text);

/* Makes o->num and o->has_num; o is a number. */
int operand_number(struct expr_set *x, uint32_t at, struct operand *o);

/* Makes o->text and o->has_text; o is a string. */
int operand_string(struct expr_set *x, struct operand *o);

/* Makes o->raw. */
int operand_write(struct expr_set *x, struct operand *o);

/* Appends text as a JSON string, lone surrogates as escapes. 0 or -1. */
int operand_quote(struct buf *out, struct str text);

/* Copies o into the set's own memory, complete in all its forms. */
int operand_keep(struct expr_set *x, struct operand *o);

/* <0, 0, >0 in *c; both are present. */
int operand_compare(struct expr_set *x, uint32_t at, struct operand *a,
                    struct operand *b, int *c);

/* Faults with "... needs a number, not string \"x\"". */
int operand_mistyped(struct expr_set *x, uint32_t at, const struct operand *o,
                     const char *what);

/* Sets the set's fault, naming expression and byte; o (may be NULL) is the
 * value at fault. Returns -1. */
int expr_faultf(struct expr_set *x, uint32_t at, const struct operand *o,
                const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The fault for what a decimal function returned, or -2. */
int expr_decimal_fault(struct expr_set *x, uint32_t at, int rc);

/* "number 12", "string \"abc...\"": what messages call a value. */
const char *operand_describe(const struct operand *o, char out[80]);

/* SQL's LIKE; escape is a character of 1 to 4 bytes or empty. A pattern that
 * ends in it matches nothing, as in SQLite. Cost: at worst the product of the
 * lengths. */
bool like_match(struct str text, struct str pattern, struct str escape);

/* ---- expr.c */

/* Makes room for n values. 0 or -1. */
int expr_stack(struct expr_set *x, size_t n);

/* ---- cast.c */

/* Replaces o by what it is as the type, enum cast_to; digits as in OP_CAST. */
int cast_run(struct expr_set *x, uint32_t at, int to, uint32_t digits,
             struct operand *o);

/* ---- eval.c */

/* Runs code[from .. to) of p; the result is in *out, to be freed. */
int eval_run(struct expr_set *x, const struct program *p, size_t from,
             size_t to, struct operand *out);

/* ---- parse.c, compile.c */

enum node_kind {
    NODE_CONST,
    NODE_PATH,
    NODE_UNARY,  /* op: NEG, NOT */
    NODE_BINARY, /* op: ADD .. CONCAT, EQ .. GE */
    NODE_AND,    /* two or more */
    NODE_OR,
    NODE_IS,      /* op: enum is_what */
    NODE_IN,      /* x, then the list */
    NODE_BETWEEN, /* x, low, high */
    NODE_LIKE,    /* x, pattern [, escape] */
    NODE_CASE,    /* [x,] then pairs, then the else: see has_operand */
    NODE_COALESCE,
    NODE_CALL, /* op: function */
    NODE_CAST  /* op: enum cast_to; digits: as in OP_CAST */
};

struct node {
    enum node_kind kind;
    int op;
    bool negated;     /* IS NOT, NOT IN ... */
    bool has_operand; /* CASE x WHEN ... */
    bool constant;    /* no field below */
    unsigned depth;
    uint32_t at, digits;
    struct node *child, *last; /* arguments */
    struct node *next;         /* the parent's next argument */
    struct operand value;      /* CONST */
    struct path_step *steps;   /* PATH */
    size_t n;                  /* steps, or children */
};

/* Parses text into a tree in tree's memory. NULL with e. */
struct node *parse_expr(struct arena *tree, const struct expr_env *env,
                        const char *what, struct str text, struct err *e);

/* Compiles the tree of text into p. -1 with e. */
int compile_expr(struct expr_set *x, struct program *p, const struct node *n,
                 struct str text, struct err *e);

#endif
