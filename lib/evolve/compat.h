/* compat: how versions of a JSON Schema differ, and what that breaks.
 *
 * Backward compatible: who reads by the new schema accepts all that the old
 * one accepted. Forward: who reads by the old one accepts all that the new one
 * accepts. Compatible is only what can be shown to be (evolve/prove.h); two
 * different regular expressions or formats, for one, are not. */
#ifndef EVOLVE_COMPAT_H
#define EVOLVE_COMPAT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* Bits. */
enum { COMPAT_BACKWARD = 1, COMPAT_FORWARD = 2, COMPAT_FULL = 3 };

#define COMPAT_VERSIONS_MAX 1000

struct difference {
    const char *from, *to; /* names of the two versions */
    struct str pointer;    /* of what asks for more than the other version
                              promises: what breaks backward is in the newer
                              one, what breaks forward in the older one */
    struct str kind;       /* "min_length_narrowed" */
    struct str was, is;    /* JSON without spaces; .p NULL: nothing there */
    unsigned breaks;       /* COMPAT_ bits; 0: nothing */
    bool compatible;       /* with what was asked */
    struct str message;
};

struct compat_options {
    unsigned direction;       /* COMPAT_ bits: what is asked for */
    bool transitive;          /* the last with all before it, not with one */
    bool no_format_assertion; /* format says nothing */
    const char *const *dirs;  /* as schema_options has them; borrowed */
    size_t n_dirs;
};

struct compat;

/* Returns an empty comparison, owned, freed with compat_free. NULL with e. */
struct compat *compat_new(const struct compat_options *options, struct err *e);
void compat_free(struct compat *c);

/* Adds the next version: text (copied) with a name (borrowed) and the URI that
 * its references are relative to (NULL: none). 0, or -1
 * with ERR_CONFIG (file, JSON Pointer and reason), ERR_NOINPUT, ERR_NOPERM,
 * ERR_IO or ERR_TEMPFAIL. */
int compat_add_text(struct compat *c, struct str text, const char *name,
                    const char *base, struct err *e);

/* Called for each difference, by version and pointer; it and its texts are
 * borrowed for the call. Returns 0 to go on. */
typedef int compat_sink(void *context, const struct difference *d,
                        struct err *e);

struct compat_result {
    uint64_t differences, incompatible;
};

/* Compares the last version with those before it. Returns 1 compatible, 0 not,
 * -1 with e (ERR_TEMPFAIL, ERR_USAGE: fewer than two versions, or what sink
 * returned). */
int compat_run(struct compat *c, compat_sink *sink, void *context,
               struct compat_result *result, struct err *e);

/* Appends d as a JSON object, or as lines for people. 0 or -1. */
int compat_json(struct buf *out, const struct difference *d);
int compat_text(struct buf *out, const struct difference *d);

#endif
