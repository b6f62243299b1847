/* proto_type: message types as they are read, named and then linked. Internal
 * to lib/registry's Protobuf. */
#ifndef REGISTRY_PROTO_TYPE_H
#define REGISTRY_PROTO_TYPE_H

#include "base/arena.h"
#include "registry/proto.h"

#include <stddef.h>

#define PROTO_FIELDS_MAX 60000 /* of a message, and values of an enum */
#define PROTO_TYPES_MAX 100000
#define PROTO_NESTING_MAX 64 /* messages within messages */
#define PROTO_LOW 64         /* numbers below are found in one step */

/* As FieldDescriptorProto.Type numbers them. */
enum proto_kind {
    PROTO_UNRESOLVED, /* a message or an enum: known once it is linked */
    PROTO_DOUBLE,
    PROTO_FLOAT,
    PROTO_INT64,
    PROTO_UINT64,
    PROTO_INT32,
    PROTO_FIXED64,
    PROTO_FIXED32,
    PROTO_BOOL,
    PROTO_STRING,
    PROTO_GROUP,
    PROTO_MESSAGE,
    PROTO_BYTES,
    PROTO_UINT32,
    PROTO_ENUM,
    PROTO_SFIXED32,
    PROTO_SFIXED64,
    PROTO_SINT32,
    PROTO_SINT64
};

/* How a message is written if not field by field. */
enum proto_form {
    PROTO_PLAIN,
    PROTO_BARE, /* the field that is set, or the first one, without its key */
    PROTO_TIMESTAMP,
    PROTO_DURATION,
    PROTO_FIELD_MASK,
    PROTO_DECIMAL
};

struct proto_enum {
    struct str name; /* in full */
    bool null;       /* google.protobuf.NullValue */
    size_t n;
    struct proto_value {
        int32_t number;
        size_t index;    /* as declared */
        struct str json; /* the quoted name */
        struct proto_value *next;
    } * first, **last, **by_number; /* the first of several with one number */
};

struct proto_field {
    struct str name, json_name;
    struct str lead, json_lead; /* "name": */
    uint32_t number;
    enum proto_kind kind;
    bool repeated;
    bool presence; /* set or not set is told apart */
    int oneof;     /* index in its message; -1: in none */
    struct str type_name;
    const struct proto_message *message; /* MESSAGE, GROUP */
    const struct proto_enum *enumeration;
    size_t index; /* in its message */
    struct proto_field *next;
};

struct proto_message {
    struct str name; /* in full */
    enum proto_form form;
    bool map_entry; /* key is field 1 and value field 2 */
    size_t n, n_oneofs, n_children;
    struct proto_field *first, **last;
    struct proto_field **fields;    /* as declared */
    struct proto_field **by_number; /* sorted */
    struct proto_field *low[PROTO_LOW];
    struct proto_message *child, **last_child, *sibling;
    struct proto_message *next; /* of all */
};

struct proto_symbol {
    struct str name;
    struct proto_message *message; /* or */
    struct proto_enum *enumeration;
};

struct proto {
    struct arena arena;
    struct proto_message *first, **last; /* all, as they were declared */
    struct proto_message file;    /* its children are those of the last file */
    struct proto_symbol *symbols; /* open addressing, a power of two */
    size_t n_symbols, cap_symbols;
};

/* Building. All that return a pointer return NULL, and all that return bool
 * false, where m->why is filled, or its code NULL without memory. */

struct proto *proto_start(struct registry_fault *why);

/* A file begins: the messages of the one before are no longer those at the
 * top. */
void proto_begin_file(struct proto *p);

/* scope is the package or the full name of the message around; parent NULL at
 * the top of a file. */
struct proto_message *proto_add_message(struct proto *p,
                                        struct proto_message *parent,
                                        struct str scope, struct str name,
                                        struct emit *m);
struct proto_enum *proto_add_enum(struct proto *p, struct str scope,
                                  struct str name, struct emit *m);
bool proto_add_value(struct proto *p, struct proto_enum *e, struct str name,
                     int32_t number, struct emit *m);

/* Copies *f, whose name, number, kind, type_name (scalars: empty), repeated,
 * presence, oneof and json_name (empty: from the name) are set. */
bool proto_add_field(struct proto *p, struct proto_message *to,
                     const struct proto_field *f, struct emit *m);

/* The fields of a map's entries. */
struct proto_message *
proto_add_entry(struct proto *p, struct proto_message *parent, struct str name,
                const struct proto_field *key, const struct proto_field *value,
                struct emit *m);

/* Resolves names of types, once all files are there. */
bool proto_link(struct proto *p, struct emit *m);

/* True if a type of this full name is there. */
bool proto_has(const struct proto *p, struct str name);

/* A file in .proto source, or serialized as FileDescriptorProto. */
bool proto_parse(struct proto *p, struct str text, struct emit *m);
bool proto_read_file(struct proto *p, struct str descriptor, struct emit *m);

/* The files that need not be registered: name and source, NULL behind the
 * last. */
struct proto_builtin {
    const char *name, *text;
};
extern const struct proto_builtin proto_builtins[];

#endif
