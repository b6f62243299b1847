/* formats: the options that say how the bytes of a source are read. */
#ifndef EXTRACT_FORMATS_H
#define EXTRACT_FORMATS_H

#include "base/arena.h"
#include "cli/opt.h"
#include "json/path.h"
#include "source/source.h"
#include "source/types.h"

extern const struct opt formats_options[];

/* What source_opts borrows. */
struct formats {
    struct types types;
    struct arena names; /* of --columns and --widths */
    struct path records;
};

/* Fills in o from the options. 0 or -1 with ERR_USAGE. */
int formats_parse(struct formats *f, struct source_opts *o, struct err *e);

void formats_free(struct formats *f);

#endif
