/* drift: how the records of a run differ from what the schema describes.
 *
 * add: a field that the schema does not name, in an object of which it names
 * others. remove: a property that the schema names and no record of the run
 * has, though there were objects to have it. type: a value of a type that the
 * schema does not allow (such records are rejected as well).
 *
 * Maps (additionalProperties with a schema) and objects of which the schema
 * says nothing have no unknown fields. Of properties that only alternatives
 * (anyOf, oneOf, if) name, none is missed.
 *
 * A record is looked at once for its shape and keys; others like it are only
 * counted. Bounded: DRIFT_PLACES fields are told apart, what comes behind them
 * is counted as one. A drift_run belongs to one thread, all else is read. */
#ifndef EVOLVE_DRIFT_H
#define EVOLVE_DRIFT_H

#include "evolve/rule.h"
#include "json/select.h"

#define DRIFT_PLACES 10000
#define DRIFT_APPROVALS_BYTES ((size_t)16 << 20)

enum drift_kind { DRIFT_ADD, DRIFT_REMOVE, DRIFT_TYPE, DRIFT_KINDS };

/* "add", "remove", "type". */
const char *drift_kind_name(enum drift_kind k);

enum drift_rule { DRIFT_ALLOW, DRIFT_APPROVE, DRIFT_BLOCK };

/* What is to be done about drift, by kind. */
struct drift_policy {
    enum drift_rule rule[DRIFT_KINDS];
};

/* add=allow, remove=approve, type=block. */
extern const struct drift_policy drift_policy_default;

/* Reads "add=allow,type=approve" over *p, which has the values of kinds that
 * text does not name. 0, or -1 with ERR_USAGE. */
int drift_policy_parse(struct drift_policy *p, const char *text, struct err *e);

/* The signed-off list. */
struct approvals;

/* Reads a file: a JSON array of objects, or lines, each an object or
 * "KIND POINTER", with "#" comments. Of an object "kind" and "pointer" count.
 * Owned, freed with approvals_free. NULL with ERR_CONFIG (file and line),
 * ERR_NOINPUT, ERR_NOPERM, ERR_IO or ERR_TEMPFAIL. */
struct approvals *approvals_load(const char *path, struct err *e);
void approvals_free(struct approvals *a);

/* a may be NULL: nothing is approved. */
bool approvals_have(const struct approvals *a, enum drift_kind kind,
                    struct str pointer);

struct drift_run;

/* What one thread sees; borrows set and doc. Owned, freed with drift_run_free.
 * NULL with ERR_TEMPFAIL. */
struct drift_run *drift_run_new(const struct rules *set,
                                const struct document *doc, struct err *e);
void drift_run_free(struct drift_run *r);

/* Looks at a record: any JSON object that was checked. shaped is record's, or
 * NULL. 0, or -1 with ERR_TEMPFAIL. */
int drift_look(struct drift_run *r, struct str record,
               const struct shaped *shaped, struct err *e);

/* Notes that the record looked at last was rejected for the type of the value
 * at pointer ("*" for array indexes). 0, or -1 with ERR_TEMPFAIL. */
int drift_type(struct drift_run *r, struct str pointer, struct err *e);

/* Where to write the line (1-based) of the record looked at last, once it is
 * known: one place for each drift that the record is the first to show. The
 * list is valid until the next look, the places until r is freed; they are
 * read by drift_merge and drift_report, and by nothing before. */
uint64_t *const *drift_lines(const struct drift_run *r, size_t *n);

/* Adds what `from` has seen to r; `from` is then only to be freed. 0, or -1
 * with ERR_TEMPFAIL. */
int drift_merge(struct drift_run *r, struct drift_run *from, struct err *e);

enum drift_verdict {
    DRIFT_ALLOWED,
    DRIFT_APPROVED,
    DRIFT_UNAPPROVED,
    DRIFT_BLOCKED
};

struct drift_item {
    enum drift_kind kind;
    struct str pointer; /* "*" for array indexes; NUL-terminated */
    uint64_t records;   /* that have the field, or the wrong type; of remove,
                           those that might have had it */
    uint64_t line;      /* of the first of them, 0: unknown, or remove */
    enum drift_verdict verdict;
};

struct drift_report {
    const struct drift_item *v; /* by kind, most records first */
    size_t n, failed;           /* failed: unapproved and blocked */
    uint64_t others;            /* unknown fields of records, not told apart */
};

/* Sums up, once, at the end of the run. The report is r's own. 0, or -1 with
 * ERR_TEMPFAIL. */
int drift_report(struct drift_run *r, const struct drift_policy *policy,
                 const struct approvals *approved, struct drift_report *out,
                 struct err *e);

/* ERR_DATA with what drifted first, if anything may not; else 0. */
int drift_judge(const struct drift_report *report, struct err *e);

/* Appends item as a line for people: "field /nickname is unknown to the
 * schema, in 12 records, first in line 3", with " (add, allowed)" where the
 * verdict matters. 0 or -1. */
int drift_text(struct buf *out, const struct drift_item *item, bool verdict);

#endif
