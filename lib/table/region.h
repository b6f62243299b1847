/* region: a growable run of bytes straight from the kernel, for tables.
 *
 * Unlike a buf, growing copies nothing (pages are remapped), memory that was
 * never touched costs nothing, a large region asks for huge pages, and what
 * all regions of a stage hold is charged to one budget. Bytes are zero before
 * their first use and p is aligned to a page. p moves when a region grows. Not
 * thread-safe. */
#ifndef TABLE_REGION_H
#define TABLE_REGION_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* What the tables of a stage may hold together, in bytes. */
struct budget {
    size_t max; /* 0 means no limit */
    size_t used;
    bool refused; /* something did not fit since the owner last cleared it */
};

/* What the first byte of a region costs. */
#define REGION_FIRST ((size_t)64 << 10)

struct region {
    char *p;               /* owned; NULL until the first reserve */
    size_t n;              /* bytes in use; the owner's to move */
    size_t cap;            /* bytes mapped, all charged to the budget */
    struct budget *budget; /* borrowed */
};

/* What a stage may use if nobody says: half of the machine's memory. */
size_t budget_default(void);

/* Makes room for more bytes behind the n in use. Returns 0, or -1 with
 * ERR_CONFIG where the budget does not allow it, or without memory; the region
 * is unchanged then. */
int region_reserve(struct region *r, size_t more, struct err *e);

/* Appends n bytes. Returns 0, or -1 as region_reserve does. */
int region_add(struct region *r, const void *p, size_t n, struct err *e);

/* Gives the memory back; r is then as new, with its budget. */
void region_free(struct region *r);

#endif
