/* avro_type: a compiled schema. Internal to lib/registry's Avro. */
#ifndef REGISTRY_AVRO_TYPE_H
#define REGISTRY_AVRO_TYPE_H

#include "base/arena.h"
#include "registry/avro.h"

enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING, /* so far the order of their names in avro_schema.c */
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_FIXED,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION
};

enum avro_logical {
    AVRO_PLAIN,
    AVRO_DECIMAL,
    AVRO_UUID,
    AVRO_DATE,
    AVRO_CLOCK,      /* per_second units since midnight */
    AVRO_TIME,       /* per_second units since 1970, UTC */
    AVRO_LOCAL_TIME, /* the same on a clock without zone */
    AVRO_DURATION
};

struct avro_type;

struct avro_field {
    struct str name;
    struct str lead; /* what stands before the value: [,]"name": */
    const struct avro_type *type;
};

struct avro_type {
    enum avro_kind kind;
    enum avro_logical logical;
    int32_t scale;      /* DECIMAL */
    int64_t per_second; /* CLOCK, TIME, LOCAL_TIME */
    size_t size;        /* FIXED: bytes */
    struct str name;    /* in full; of unnamed types what the schema calls it */
    struct str tag;     /* "name": before a tagged value of this type */
    size_t n;           /* fields, symbols, branches */
    struct avro_field *fields;   /* RECORD */
    struct str *symbols;         /* ENUM: as JSON */
    const struct avro_type **of; /* UNION: branches; ARRAY and MAP: one */
};

struct avro {
    struct arena arena;
    const struct avro_type *top;
};

#endif
