/* edit: what the two ways to mend records share. */
#ifndef DLQ_CMD_EDIT_H
#define DLQ_CMD_EDIT_H

#include "dlq_cmd.h"

struct edit {
    struct stage *st;
    const struct args *a;
    struct dlq *q;  /* NULL: nothing is written (yet) */
    struct buf by;  /* who edits */
    struct buf how; /* raw JSON */
    bool show;      /* print what changes */
    uint64_t changed, same;
};

/* Gives letter v other bytes, or finds that they are the same. -1 with ERR_DATA
 * where its stage could not read them. */
int edit_letter(struct edit *ed, const struct envelope *v, struct str was,
                struct str raw);

/* Has the letters of p edited by $VISUAL or $EDITOR. */
int editor_run(struct edit *ed, struct pick *p);

/* Locks the queue; nobody else replays, edits or purges. 1 with *fd, 0 where
 * there is no queue, -1. */
int edit_lock(struct edit *ed, int *fd);

#endif
