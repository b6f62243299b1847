/* subject: what --schema names: a JSON Schema or a contract. */
#ifndef VALIDATE_SUBJECT_H
#define VALIDATE_SUBJECT_H

#include "contract/contract.h"
#include "stage/stage.h"

/* The command line. */
struct subject_args {
    const char *schema;
    const char *object, *names, *unchecked; /* of contracts */
};

/* For OPT_CHOICE. */
extern const char *const subject_names[];

/* Reads the file at path; with -v tells what is not judged. Owned, freed with
 * contract_free; NULL with st->err. */
struct contract *subject_load(struct stage *st, const struct subject_args *a,
                              const char *path);

/* Tells each line of notes about the file. */
void subject_notes(struct stage *st, const char *what, const char *file,
                   struct str notes);

#endif
