/* evolve: schemas that change: comparing versions, inferring one, drift of the
 * records from theirs, defaults for what is missing. */
#ifndef VALIDATE_EVOLVE_H
#define VALIDATE_EVOLVE_H

#include "schema/schema.h"
#include "stage/lane.h"
#include "stage/stage.h"
#include "subject.h"

/* The command line. */
struct evolve_args {
    const char *compat, *error_format; /* --compat */
    bool infer, strict_infer, pretty;  /* --infer */
    const char *policy, *approved;     /* --evolve, --approve */
    bool fill_defaults;
    struct subject_args subject;
    struct opt_list schema_dirs;
    bool no_format_assertion;
};

/* For OPT_CHOICE. */
extern const char *const evolve_compat_kinds[];
extern const char *const evolve_error_formats[];

/* ---- modes that read no records, or pass none */

/* Compares the versions of a schema that st's operands name. 0, or -1 with
 * st->err: ERR_DATA where they are not compatible. */
int evolve_compat(struct stage *st, const struct evolve_args *a);

/* Writes a schema of the records. 0, or -1 with st->err. */
int evolve_infer(struct stage *st, const struct evolve_args *a);

/* ---- beside validation */

struct evolve;

/* Prepares for so many threads; contract may be NULL. Owned, freed with
 * evolve_free; NULL with st->err. */
struct evolve *evolve_open(struct stage *st, const struct evolve_args *a,
                           const struct contract *contract, size_t workers);

/* Fills in what is missing from text, in the thread of that number: sets *text
 * to the result, borrowed until that thread's next call. shaped: text's, or
 * NULL. 0, or -1 with e. */
int evolve_fill(struct evolve *v, size_t number, struct str *text,
                const struct shaped *shaped, struct err *e);

/* Looks at a record that was read, and at what the schema found wrong with it.
 * 0, or -1 with the lane's err. */
int evolve_look(struct evolve *v, size_t number, struct lane *l,
                const struct record *rec, const struct schema_error *errors,
                size_t n);

/* Tells what has drifted, and fails where it may not. 0, or -1 with st->err. */
int evolve_close(struct evolve *v, struct stage *st);

void evolve_free(struct evolve *v);

#endif
