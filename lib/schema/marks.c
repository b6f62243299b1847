#include "schema/marks.h"

#include <stdlib.h>
#include <string.h>

static uint64_t *words(struct marks *m)
{
    return m->heap ? m->heap : m->local;
}

static int grow(struct marks *m, size_t word)
{
    size_t have = m->heap ? m->n : MARKS_LOCAL, n = have;
    if (word < have)
        return 0;
    while (n <= word)
        n *= 2;
    uint64_t *p = calloc(n, sizeof(*p));
    if (!p)
        return -1;
    memcpy(p, words(m), have * sizeof(*p));
    free(m->heap);
    m->heap = p;
    m->n = n;
    return 0;
}

int marks_set(struct marks *m, size_t i)
{
    if (m->all)
        return 0;
    if (grow(m, i / 64))
        return -1;
    words(m)[i / 64] |= (uint64_t)1 << (i % 64);
    return 0;
}

bool marks_has(const struct marks *m, size_t i)
{
    size_t n = m->heap ? m->n : MARKS_LOCAL;
    const uint64_t *w = m->heap ? m->heap : m->local;
    return m->all || (i / 64 < n && w[i / 64] >> (i % 64) & 1);
}

int marks_merge(struct marks *m, const struct marks *from)
{
    size_t n = from->heap ? from->n : MARKS_LOCAL;
    const uint64_t *w = from->heap ? from->heap : from->local;
    m->all |= from->all;
    if (m->all)
        return 0;
    if (grow(m, n - 1))
        return -1;
    for (size_t i = 0; i < n; i++)
        words(m)[i] |= w[i];
    return 0;
}

void marks_free(struct marks *m)
{
    free(m->heap);
    m->heap = NULL;
}
