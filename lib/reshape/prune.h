/* prune: records without some of their fields, or with some of them alone.
 *
 * What stays keeps its bytes and its place; of duplicate keys all go or all
 * stay. What stands between two members that stay is what stood before the
 * second. An element of an array that goes becomes null, so that those behind
 * it keep their places. Not thread-safe. */
#ifndef RESHAPE_PRUNE_H
#define RESHAPE_PRUNE_H

#include "base/buf.h"
#include "base/err.h"
#include "json/path.h"

enum prune_kind {
    PRUNE_DROP, /* the fields named go */
    PRUNE_KEEP  /* all others go; what contains a named field stays around it */
};

struct prune {
    enum prune_kind kind;
    struct prune_node *root; /* owned */
};

/* fields are borrowed for the call. 0, or -1 with e (also ERR_USAGE: one step
 * written in two ways, such as /a/0 and a[0]); prune_free is due either way. */
int prune_init(struct prune *p, enum prune_kind kind, const struct path *fields,
               size_t n, struct err *e);
void prune_free(struct prune *p);

/* Gives each the paths that were named, without text, borrowed for the call, in
 * no order. One of more than PRUNE_STEPS_MAX steps is cut there. */
#define PRUNE_STEPS_MAX 256
typedef void prune_each(void *context, const struct path *p);
void prune_walk(const struct prune *p, prune_each *each, void *context);

/* Appends what is left of record. 0, or -1 if out failed. Cost: one walk. */
int prune_run(const struct prune *p, struct str record, struct buf *out);

#endif
