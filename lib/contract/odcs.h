/* odcs: reading a contract of the Open Data Contract Standard. Internal to
 * lib/contract. */
#ifndef CONTRACT_ODCS_H
#define CONTRACT_ODCS_H

#include "contract/contract.h"
#include "contract/yaml.h"

/* Types of values as bits. */
#define T_OF(type) (1u << (type))
#define T_NULL T_OF(JSON_NULL)
#define T_BOOLEAN (T_OF(JSON_FALSE) | T_OF(JSON_TRUE))
#define T_NUMBER T_OF(JSON_NUMBER)
#define T_STRING T_OF(JSON_STRING)
#define T_ARRAY T_OF(JSON_ARRAY)
#define T_OBJECT T_OF(JSON_OBJECT)
#define T_ANY 255u
/* What says nothing about the data may be left empty. */
#define T_PROSE (T_STRING | T_NULL)
#define T_LIST (T_ARRAY | T_NULL)

/* A key that the standard knows, and what it takes. */
struct odcs_key {
    const char *name;
    unsigned types;
};

/* A check or gate before it is written out. */
struct odcs_rule {
    struct str name; /* empty: none */
    struct str body;
    struct str origin;
    bool gate, warn;
};

struct odcs {
    struct arena arena;
    struct contract *c; /* borrowed */
    const char *file;   /* in the arena */
    const struct contract_options *o;
    struct err *e;
    const struct yaml *root;
    const struct yaml *object; /* that the records are of */
    size_t n_objects, index;   /* in the contract; which one it is */
    bool logical_names;
    unsigned minor;    /* 3.minor */
    struct buf path;   /* of what is being read: a JSON Pointer */
    struct buf field;  /* of a record, as gates spell it */
    struct buf quoted; /* the same with each name in quotes, for expressions */
    size_t in_items;   /* arrays around it */
    struct buf keys;   /* fields of the primary key */
    const struct yaml *key_at;
    struct odcs_rule *rules; /* owned */
    size_t n_rules, cap_rules;
};

/* ---- odcs.c */

/* Reads a contract whose tree is o->root into o->c. 0 or -1 with o->e. */
int odcs_read(struct odcs *o);
void odcs_free(struct odcs *o);

/* Keys into other objects (NULL: none) cannot be judged. 0 or -1. */
int odcs_relationships(struct odcs *o, const struct yaml *list);

/* ---- walk.c */

/* Fails: ERR_CONFIG, "contract FILE, line N, column N at /path: message".
 * Returns -1. */
int odcs_fail(struct odcs *o, const struct yaml *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What says something about the data and cannot be judged: fails, or, where
 * that kind may go unchecked, notes it and returns 1. */
int odcs_beyond(struct odcs *o, unsigned kind, const struct yaml *at,
                const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Notes what is not judged and need not be. 0 or -1 (memory). */
int odcs_note(struct odcs *o, const struct yaml *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Go on to a member or an element, for messages; both return what to give to
 * odcs_back. */
size_t odcs_key(struct odcs *o, const char *key);
size_t odcs_index(struct odcs *o, size_t i);
void odcs_back(struct odcs *o, size_t mark);

/* Sets v[i] to y's member of the i-th of n known keys; NULL: missing or null.
 * Other keys and other types are errors. what names y in messages. 0 or -1. */
int odcs_members(struct odcs *o, const struct yaml *y, const char *what,
                 const struct odcs_key *known, size_t n, const struct yaml **v);

/* Fails unless y, the value of key, is of the types. 0 or -1. */
int odcs_check_type(struct odcs *o, const struct yaml *y, const char *key,
                    unsigned types);

/* "a number" and the like. */
const char *odcs_type(const struct yaml *y);

/* True if y is there and is true. */
bool odcs_true(const struct yaml *y);

/* Text in messages: cut, with its end. */
#define ODCS_SHOWN(s) (int)((s).n < 100 ? (s).n : 100), (s).p

/* Adds a check or a gate; body is copied. name may be NULL. 0 or -1. */
int odcs_rule(struct odcs *o, bool gate, bool warn, const struct yaml *name,
              const struct yaml *at, struct str body);

/* Gives the rules to the contract, written out. 0 or -1. */
int odcs_write_rules(struct odcs *o);

/* The name that the field of a property has in records. 0 or -1. */
int odcs_field(struct odcs *o, const struct yaml *property, struct str *name);

/* Goes into a field, whose parent o->field is. */
struct odcs_fields {
    size_t field, quoted;
};
struct odcs_fields odcs_enter_field(struct odcs *o, struct str name);
void odcs_leave_field(struct odcs *o, struct odcs_fields mark);

/* Appends text in single quotes, those within doubled. */
int odcs_literal(struct buf *out, struct str text);

/* ---- property.c */

/* What a property says of values in general. */
enum logical {
    LOGICAL_NONE,
    LOGICAL_STRING,
    LOGICAL_DATE,
    LOGICAL_TIMESTAMP,
    LOGICAL_TIME,
    LOGICAL_NUMBER,
    LOGICAL_INTEGER,
    LOGICAL_OBJECT,
    LOGICAL_ARRAY,
    LOGICAL_BOOLEAN
};

/* Its logicalType; LOGICAL_NONE where it has none that is known. */
enum logical odcs_logical(const struct yaml *property);

/* Writes the members of a schema for an object that has the properties (NULL:
 * none), its opening brace and type being written. required: names that have to
 * be there besides, or NULL. 0 or -1. */
int odcs_write_properties(struct odcs *o, const struct yaml *properties,
                          const struct yaml *required);

/* ---- option.c */

/* Writes a member of the schema; a text becomes a JSON string. */
void odcs_member(struct odcs *o, const char *key, struct str json);
void odcs_text(struct odcs *o, const char *key, struct str text);

/* The same for options that are lengths or counts, where they are there. 0 or
 * -1. */
int odcs_counts(struct odcs *o, const struct yaml *const *v,
                const struct odcs_key *keys, size_t n);

/* Writes what logicalTypeOptions say of a string, a number or an integer. 0 or
 * -1. */
int odcs_write_string(struct odcs *o, const struct yaml *options);
int odcs_write_number(struct odcs *o, enum logical type,
                      const struct yaml *options);

/* ---- times.c */

/* Writes what logicalTypeOptions say of a date, timestamp or time behind the
 * type. 0 or -1. */
int odcs_write_times(struct odcs *o, enum logical type,
                     const struct yaml *options);

/* Whether a gate can read the values of a property that was written as points
 * in time: sets *why where it cannot, else NULL. 0; -1 with o->e, also where
 * --tz is not the zone that the contract says. */
int odcs_check_instant(struct odcs *o, const struct yaml *property,
                       const struct yaml *at, const char **why);

/* ---- metric.c */

/* Reads a list of quality rules: of the field at hand, or, where property is
 * NULL, of the object. 0 or -1. */
int odcs_quality(struct odcs *o, const struct yaml *list,
                 const struct yaml *property);

/* ---- sla.c */

int odcs_sla(struct odcs *o, const struct yaml *list,
             const struct yaml *fallback);

#endif
