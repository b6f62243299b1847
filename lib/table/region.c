#include "table/region.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE ((size_t)2 << 20)
/* From here on a region lies on huge pages: below it, what they round up would
 * weigh more than the page faults that they save. */
#define HUGE_FROM (2 * HUGE)

size_t budget_default(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || size <= 0)
        return (size_t)1 << 30;
    return (size_t)pages / 2 * (size_t)size;
}

/* Reserves cap bytes of address space, aligned to a huge page. */
static char *reserve_aligned(size_t cap)
{
    size_t all = cap + HUGE;
    char *p = mmap(NULL, all, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t head = (HUGE - (uintptr_t)p % HUGE) % HUGE;
    if (head)
        munmap(p, head);
    munmap(p + head + cap, all - head - cap);
    return p + head;
}

static char *map_small(const struct region *r, size_t cap)
{
    char *p = r->p ? mremap(r->p, r->cap, cap, MREMAP_MAYMOVE)
                   : mmap(NULL, cap, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Moves the region to an aligned place: huge pages then move as a whole,
 * where mremap's own choice of address would split them. */
static char *map_huge(const struct region *r, size_t cap)
{
    char *at = reserve_aligned(cap);
    if (!at)
        return NULL;
    char *p = r->p
                  ? mremap(r->p, r->cap, cap, MREMAP_MAYMOVE | MREMAP_FIXED, at)
                  : mmap(at, cap, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) {
        munmap(at, cap);
        return NULL;
    }
    madvise(p, cap, MADV_HUGEPAGE); /* a wish: small pages do as well */
    return p;
}

/* Grows by a quarter, so that what is charged stays near what is used. */
static size_t next_cap(const struct region *r, size_t need)
{
    size_t cap = r->cap < SIZE_MAX / 2 ? r->cap + r->cap / 4 : r->cap;
    if (cap < need)
        cap = need;
    if (cap < REGION_FIRST)
        cap = REGION_FIRST;
    size_t unit = cap >= HUGE_FROM ? HUGE : REGION_FIRST;
    return (cap + unit - 1) / unit * unit;
}

static bool fits(const struct budget *b, size_t more)
{
    return !b->max || (b->used <= b->max && more <= b->max - b->used);
}

static int over_budget(struct budget *b, struct err *e)
{
    b->refused = true;
    bool small = b->max < (size_t)10 << 20 && b->max % (1 << 20);
    return err_set(e, ERR_CONFIG,
                   "tables need more than the %zu %s that --memory allows",
                   b->max >> (small ? 10 : 20), small ? "KiB" : "MiB");
}

int region_reserve(struct region *r, size_t more, struct err *e)
{
    if (r->cap - r->n >= more)
        return 0;
    if (more > SIZE_MAX / 4 || r->n > SIZE_MAX / 4)
        return err_nomem(e);
    struct budget *b = r->budget;
    size_t cap = next_cap(r, r->n + more);
    if (!fits(b, cap - r->cap)) {
        cap = (r->n + more + REGION_FIRST - 1) / REGION_FIRST * REGION_FIRST;
        if (!fits(b, cap - r->cap))
            return over_budget(b, e);
    }
    char *p = cap >= HUGE_FROM ? map_huge(r, cap) : map_small(r, cap);
    if (!p)
        return err_nomem(e);
    b->used += cap - r->cap;
    r->p = p;
    r->cap = cap;
    return 0;
}

int region_add(struct region *r, const void *p, size_t n, struct err *e)
{
    if (region_reserve(r, n, e))
        return -1;
    if (n)
        memcpy(r->p + r->n, p, n);
    r->n += n;
    return 0;
}

void region_free(struct region *r)
{
    if (r->p)
        munmap(r->p, r->cap);
    if (r->budget)
        r->budget->used -= r->cap;
    *r = (struct region){ .budget = r->budget };
}
