/* colmap: which fields of the inputs the fields of an output come from.
 *
 * Records are open: a stage knows the fields that it makes, renames or drops,
 * and passes others on without knowing them. So a map has columns that are
 * known, fields that are known to be absent, and says of all others that they
 * are the same as in the input, that there are none, or that nothing is known.
 * A field is named by its path as "a.b[0]"; what lies within a column belongs
 * to it. The terms are those of the columnLineage facet of OpenLineage.
 *
 *     colmap_init(&m, COLMAP_SAME);
 *     colmap_rename(&m, STR("a"), STR("b"));
 *     colmap_use(&m, &from, STR("b"), COLMAP_TRANSFORMATION, false);
 *     colmap_put(&m, STR("c"), &from);      // c comes from a of the input
 *
 * Texts are copied. What finds no room (memory, COLMAP_COLUMNS_MAX) leaves the
 * others unknown: a map that is too small never says that something does not
 * depend on something. Not thread-safe. */
#ifndef LINEAGE_COLMAP_H
#define LINEAGE_COLMAP_H

#include "base/arena.h"
#include "base/str.h"
#include "json/path.h"

#include <stdbool.h>
#include <stdint.h>

#define COLMAP_COLUMNS_MAX 10000
#define COLMAP_SOURCES_MAX 1000 /* of a column */

/* Inputs by number, or by what they are for. */
#define COLMAP_MAIN UINT32_MAX       /* those whose records go on */
#define COLMAP_SIDE (UINT32_MAX - 1) /* those that are looked things up in */

/* How a source is used; of direct kinds the stronger comes later. */
enum colmap_kind {
    COLMAP_IDENTITY,
    COLMAP_TRANSFORMATION,
    COLMAP_AGGREGATION,
    COLMAP_CONDITIONAL, /* from here on: not for its value */
    COLMAP_FILTER,
    COLMAP_JOIN,
    COLMAP_GROUP_BY,
    COLMAP_SORT,
    COLMAP_WINDOW
};

static inline bool colmap_indirect(enum colmap_kind kind)
{
    return kind >= COLMAP_CONDITIONAL;
}

/* "IDENTITY" ... */
const char *colmap_kind_name(enum colmap_kind kind);

/* The kind of that name; one that is unknown is TRANSFORMATION where it is
 * direct, else CONDITIONAL. */
enum colmap_kind colmap_kind_of(struct str name, bool indirect);

struct colmap_source {
    struct str field; /* empty: some field, which is not known */
    uint32_t input;
    enum colmap_kind kind;
    bool masks; /* the value cannot be told from what comes of it */
};

/* A list in the making; zeroed to begin with. Its texts are borrowed. */
struct colmap_sources {
    struct colmap_source *v; /* owned */
    size_t n, cap;
    bool failed; /* one was left out */
};

struct colmap_column {
    struct str name;
    struct colmap_sources from; /* texts of the map's own */
};

enum colmap_others { COLMAP_SAME, COLMAP_NONE, COLMAP_UNKNOWN };

struct colmap {
    enum colmap_others others;
    struct colmap_column *columns; /* owned */
    size_t n, cap;
    struct str *absent; /* owned; matter where others are the same */
    size_t n_absent, cap_absent;
    struct colmap_sources whole; /* what decides about whole records */
    uint32_t *from;              /* owned: the inputs that others are the same
                                    as */
    size_t n_from;
    bool numbered; /* by whoever fills in from; else it is COLMAP_MAIN */
    struct arena text;
};

void colmap_init(struct colmap *m, enum colmap_others others);
void colmap_free(struct colmap *m);

/* Adds a source unless it is there. */
void colmap_source_add(struct colmap_sources *list,
                       const struct colmap_source *s);
void colmap_sources_free(struct colmap_sources *list);

/* Appends to out where the field of the output, as it is by now, comes from, if
 * it is then used as kind. Borrowed from m and field. */
void colmap_use(const struct colmap *m, struct colmap_sources *out,
                struct str field, enum colmap_kind kind, bool masks);

/* True if the field is known to be as it was in m->from. */
bool colmap_passes(const struct colmap *m, struct str field);

/* The field is now made of from, whatever it was; it may borrow from m. */
void colmap_put(struct colmap *m, struct str field,
                const struct colmap_sources *from);

/* The field decides about whole records. */
void colmap_decide(struct colmap *m, struct str field, enum colmap_kind kind);

void colmap_drop(struct colmap *m, struct str field);
void colmap_rename(struct colmap *m, struct str from, struct str to);

/* Only these n fields, and what lies within or around them, are left. */
void colmap_keep(struct colmap *m, const struct str *fields, size_t n);

/* Fields that were seen in the input, where others are the same, become
 * columns; the others remain what they are. */
void colmap_see(struct colmap *m, struct str field);

/* The columns and others of m are now those of next, which was made from m and
 * is freed; what decided about records decides still. */
void colmap_become(struct colmap *m, struct colmap *next);

/* Nothing is known of others. */
void colmap_doubt(struct colmap *m);

/* Puts `up` before m: where a source of m is in input, it is replaced by what
 * `up`, which makes that input, makes it of. Inputs of both are numbered
 * alike. */
void colmap_behind(struct colmap *m, uint32_t input, const struct colmap *up);

/* Appends a path as fields are named here: a.b[0]. 0 or -1. */
int colmap_spell(struct buf *out, const struct path *p);

/* True if a lies within b: a.b within a. */
bool colmap_within(struct str a, struct str b);

#endif
