#include "subject.h"

const char *const subject_names[] = { "physical", "logical", NULL };

void subject_notes(struct stage *st, const char *what, const char *file,
                   struct str notes)
{
    while (notes.n) {
        const char *lf = memchr(notes.p, '\n', notes.n);
        size_t n = lf ? (size_t)(lf - notes.p) : notes.n;
        stage_note(st, "%s %s: %.*s", what, file, (int)n, notes.p);
        n += lf != NULL;
        notes = (struct str){ notes.p + n, notes.n - n };
    }
}

struct contract *subject_load(struct stage *st, const struct subject_args *a,
                              const char *path)
{
    struct contract_options options = {
        .object = a->object,
        .logical_names = a->names && strcmp(a->names, "logical") == 0,
        .tz = st->opts.tz,
    };
    bool compares = !a->schema;
    if (compares) /* only what is said of single records is compared */
        options.unchecked = CONTRACT_ALL;
    else if (a->unchecked &&
             contract_kinds(&options.unchecked, a->unchecked, &st->err))
        return NULL;
    struct contract *c = contract_load(path, &options, &st->err);
    if (c && !compares && st->opts.verbose)
        subject_notes(st, "contract", path, buf_str(&c->notes));
    return c;
}
