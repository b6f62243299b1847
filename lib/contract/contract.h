/* contract: what records are held against, from a file: a JSON Schema, as JSON
 * or as YAML, or a contract of the Open Data Contract Standard (ODCS) 3.0 or
 * 3.1, as YAML or as JSON.
 *
 * A contract becomes the text of a JSON Schema (2020-12) for what it says of
 * single records, and checks and gates (quality/quality.h) for the rest, so
 * that there is one checker and one judge. What says something about the data
 * and cannot be judged here is an error; kinds of it may be left unchecked by
 * name. pipe-validate(1), CONTRACTS, has the mapping.
 *
 * The standard: github.com/bitol-io/open-data-contract-standard, v3.0.0 to
 * v3.1.0. Where its text and its JSON Schema differ, the text counts. */
#ifndef CONTRACT_CONTRACT_H
#define CONTRACT_CONTRACT_H

#include "base/buf.h"
#include "base/err.h"

/* Kinds of rules that cannot be judged, as bits. */
enum {
    CONTRACT_SQL = 1,           /* quality of type sql */
    CONTRACT_CUSTOM = 2,        /* quality of type custom */
    CONTRACT_METRIC = 4,        /* quality metrics that are not known */
    CONTRACT_RELATIONSHIPS = 8, /* keys of other objects */
    CONTRACT_SLA = 16,          /* service levels that are not known */
    CONTRACT_FORMAT = 32,       /* formats that are not known */
    CONTRACT_RANGE = 64,        /* bounds of times that do not compare */
    CONTRACT_ITEMS = 128        /* rules of all records within arrays */
};
#define CONTRACT_ALL 255u

struct contract_options {
    const char *object; /* which one of several; NULL: there is but one */
    bool logical_names; /* fields have the names, not the physical names */
    unsigned unchecked; /* CONTRACT_ bits */
    const char *tz;     /* of times without a zone in gates; NULL: UTC */
};

/* A check or a gate. */
struct contract_rule {
    const char *text;   /* for quality_add_check or quality_add_gate */
    const char *origin; /* "contract FILE, line 7 at /slaProperties/0" */
};

struct contract {
    struct buf schema; /* JSON */
    const char *base;  /* URI that its references are relative to, or NULL */
    bool odcs;         /* a contract, no JSON Schema */
    struct contract_rule *checks, *gates;
    size_t n_checks, n_gates;
    struct buf notes; /* what is not judged: lines ended by LF */
    struct odcs *own;
};

/* Parses "sql,custom" into bits. 0, or -1 with ERR_USAGE. */
int contract_kinds(unsigned *kinds, const char *text, struct err *e);

/* Reads the file at path. Returns what is in it, owned, freed with
 * contract_free; NULL with ERR_CONFIG naming line, column and place, ERR_USAGE
 * where options do not fit it, ERR_NOINPUT, ERR_NOPERM, ERR_IO or
 * ERR_TEMPFAIL. */
struct contract *contract_load(const char *path,
                               const struct contract_options *options,
                               struct err *e);

/* The same for text (borrowed for the call) that is called name in messages and
 * has the kind of file that the name says. */
struct contract *contract_parse(struct str text, const char *name,
                                const struct contract_options *options,
                                struct err *e);

/* For schema_options: the place in the contract (struct contract) that a place
 * in its schema was made from. 0 or -1 (memory). */
int contract_place(const void *contract, struct str pointer, struct buf *out);

void contract_free(struct contract *c);

#endif
