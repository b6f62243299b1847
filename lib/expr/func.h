/* func: what the functions of the language have in common.
 *
 * Each func_TOPIC.c has a table with a row a function; func.c knows them all.
 * Errors are those of operands: 0, -1 with the set's fault, or -2. */
#ifndef EXPR_FUNC_H
#define EXPR_FUNC_H

#include "expr/private.h"
#include "regex/regex.h"

struct func_table {
    const struct func *row;
    size_t n;
};

#define FUNC_TABLE(rows)                       \
    {                                          \
        (rows), sizeof(rows) / sizeof(*(rows)) \
    }

extern const struct func_table func_edit, func_hash, func_json, func_list,
    func_mask, func_number, func_pattern, func_text, func_time;

/* ---- arguments: i is 0-based; what is no such value is a fault */

int call_string(struct call *c, uint32_t i, struct str *s);
int call_number(struct call *c, uint32_t i, const struct decimal **d);

/* A whole number from least to most. */
int call_whole(struct call *c, uint32_t i, int64_t least, int64_t most,
               int64_t *v);

/* The characters of a string, or a number or boolean as it is written. */
int call_spelled(struct call *c, uint32_t i, struct str *s);

/* The fault "NAME needs WHAT [for argument i + 1], not ...". */
int call_needs(struct call *c, uint32_t i, const char *what);

/* A fault about the whole call; "NAME: " stands before the message. */
int call_faultf(struct call *c, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- results */

int call_null(struct call *c);
int call_bool(struct call *c, bool b);
int call_i64(struct call *c, int64_t v);
int call_text(struct call *c, struct str s); /* borrowed, of this record */

/* Takes d, whose memory is then the result's. */
int call_decimal(struct call *c, struct decimal *d);

/* The set's text buffer, emptied, for a result; then that as a string, or as
 * JSON. A text past the limit is a fault (expr_size). */
struct buf *call_buf(struct call *c);
int call_buf_text(struct call *c);
int call_buf_json(struct call *c, enum json_type type);

/* ---- kinds of constants (func_check): 0, -1 with why, -2 */

int func_check_pattern(struct expr_set *x, struct str s, struct func_why *why);
int func_check_key(struct expr_set *x, struct str s, struct func_why *why);
int func_check_time(char kind, struct str s, struct func_why *why);

/* ---- characters (func_text.c); a byte of no character counts as one */

size_t text_chars(struct str s);

/* The byte at which character i begins, or s.n behind the last. */
size_t text_offset(struct str s, size_t i);

/* Bytes of the character at p, 1 at least. */
size_t text_step(const char *p, const char *end);

#endif
