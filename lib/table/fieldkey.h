/* fieldkey: the key of a record by some of its fields, or by all of it.
 *
 * Joins json/path.h, json/select.h and json/key.h for whoever keys records by
 * -k FIELD[,FIELD...]. Not thread-safe. */
#ifndef TABLE_FIELDKEY_H
#define TABLE_FIELDKEY_H

#include "base/buf.h"
#include "base/err.h"
#include "json/path.h"
#include "json/select.h"
#include "table/wordkey.h"

struct fieldkey {
    struct path *paths; /* owned; n of 0: the whole record is the key */
    size_t n;
    struct select *select;  /* owned */
    size_t *slots;          /* owned: of each path in select */
    struct val *vals;       /* owned: of the last record, by slot */
    struct wordkeys *words; /* owned; NULL: no key has a word */
    uint64_t word;          /* of the last record; 0: it has none */
    bool looks;             /* fieldkey_also was called */
    struct buf key;         /* what json/key.h makes of keys without one */
};

enum fieldkey_result {
    FIELDKEY_OK,
    FIELDKEY_NULL,   /* a part is null or missing; the key is there */
    FIELDKEY_RANGE,  /* a number outside the range where keys compare */
    FIELDKEY_DEEP,   /* a value nested too deep to be compared */
    FIELDKEY_NO_JSON /* possible only where the record was not checked */
};

/* Prepares k, zeroed, for the n field lists ("a,b.c" each) in a row. 0, or -1
 * with ERR_USAGE on bad text or a field given twice. */
int fieldkey_init(struct fieldkey *k, const char *const *lists, size_t n,
                  struct err *e);

/* From here on keys have words where they can (table/wordkey.h). 0, or -1
 * without memory. */
int fieldkey_use_words(struct fieldkey *k, struct err *e);

/* Looks up one more field with each key, no part of it: its value is that of
 * k->vals[*slot] after fieldkey_make. To be called behind fieldkey_init. 0, or
 * -1 with ERR_USAGE. */
int fieldkey_also(struct fieldkey *k, const char *field, size_t *slot,
                  struct err *e);

/* Makes the key of record, shaped being its shape, or NULL: sets k->word to
 * its word, or to 0 and appends its bytes to k->key. *result
 * says what came of it and *part which field it lies with (its number in
 * k->paths; 0 for the whole record). 0, or -1 without memory. */
int fieldkey_make(struct fieldkey *k, struct str record,
                  const struct shaped *shaped, enum fieldkey_result *result,
                  size_t *part, struct err *e);

/* The same, but as bytes whether it has a word or not: k->word is 0. */
int fieldkey_make_bytes(struct fieldkey *k, struct str record,
                        const struct shaped *shaped,
                        enum fieldkey_result *result, size_t *part,
                        struct err *e);

/* Type of the last record's value in field part. */
enum json_type fieldkey_type(const struct fieldkey *k, size_t part);

void fieldkey_free(struct fieldkey *k);

#endif
