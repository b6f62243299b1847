/* records: what pipe-validate does with records. */
#ifndef VALIDATE_RECORDS_H
#define VALIDATE_RECORDS_H

#include "evolve.h"
#include "gates.h"

/* The command line. */
struct records_args {
    bool coerce;
    const struct evolve_args *evolve; /* with the schema */
    const struct gates_args *gates;
};

/* Passes the records that satisfy schema and checks, rejects the others and
 * judges the batch; st->err says whether it went well. */
void records_validate(struct stage *st, const struct records_args *a);

#endif
