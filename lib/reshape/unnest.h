/* unnest: a record for each element of an array. */
#ifndef RESHAPE_UNNEST_H
#define RESHAPE_UNNEST_H

#include "base/buf.h"
#include "base/err.h"
#include "json/path.h"

struct unnest {
    struct path field; /* owned */
    struct path index; /* owned: gets the element's 0-based number; of no
                          steps: none does */
    bool keep_empty;   /* a record without elements stays one, with null for
                          the element and its number */
    struct buf rec[2]; /* the record in hand */
};

/* 0, or -1 with e (ERR_USAGE); unnest_free is due either way. unnest_index
 * asks for the numbers. */
int unnest_init(struct unnest *u, struct str field, struct err *e);
int unnest_index(struct unnest *u, struct str field, struct err *e);
void unnest_free(struct unnest *u);

/* Takes a record; text is borrowed for the call. Anything but 0 ends it all. */
typedef int unnest_each(void *context, struct str text);

/* Why a record cannot be unnested. */
enum unnest_fault {
    UNNEST_NOT_ARRAY = -11, /* the field is something else */
    UNNEST_TAKEN = -12      /* the number's field is there, or cannot be made */
};

/* Gives each a record for every element of the array in record, in which the
 * element stands in the array's place; none where the array is empty, null or
 * missing (or one, see keep_empty). Returns 0, or what each returned; -2
 * without memory, or an enum unnest_fault. */
int unnest_run(struct unnest *u, struct str record, unnest_each *each,
               void *context);

#endif
