#include "aggregate/ranks.h"

#include <string.h>

#define SORT_BELOW 40 /* at least the smaller sample */
#define SAMPLE_MOST 127
#define ROUNDS 40 /* by samples, before the range of the values is halved */

void ranks_start(struct ranks *r, int64_t *v, size_t n)
{
    r->v = v;
    r->n = n;
    r->cuts = 0;
}

static void sort_few(int64_t *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        int64_t x = v[i];
        size_t at = i;
        for (; at > 0 && v[at - 1] > x; at--)
            v[at] = v[at - 1];
        v[at] = x;
    }
}

/* Moves what is less than pivot to the front and returns how many those are:
 * without a branch, which nobody could foretell. */
static size_t split_less(int64_t *v, size_t n, int64_t pivot)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t x = v[i];
        v[i] = v[m];
        v[m] = x;
        m += x < pivot;
    }
    return m;
}

static size_t split_equal(int64_t *v, size_t n, int64_t pivot)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t x = v[i];
        v[i] = v[m];
        v[m] = x;
        m += x == pivot;
    }
    return m;
}

/* From the sample the number a little beyond place k, on its farther side. */
static int64_t choose_pivot(const int64_t *v, size_t n, size_t k)
{
    int64_t sample[SAMPLE_MOST] = { 0 };
    size_t s = n < 16384 ? 31 : SAMPLE_MOST, beyond = s / 16 + 1;
    for (size_t i = 0; i < s; i++)
        sample[i] = v[n / s * i + (i * 7919) % (n / s + 1) % (n / s)];
    sort_few(sample, s);
    size_t at = (size_t)((double)k / (double)n * (double)s);
    if (k < n / 2)
        at = at + beyond < s ? at + beyond : s - 1;
    else
        at = at > beyond ? at - beyond : 0;
    return sample[at];
}

/* Not the least number, if there are two. */
static int64_t middle_of_values(const int64_t *v, size_t n)
{
    int64_t low = v[0], high = v[0];
    for (size_t i = 1; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    return high - (int64_t)(((uint64_t)high - (uint64_t)low) / 2);
}

/* Once there are very many cuts, more of them are not worth while. */
static void add_cut(struct ranks *r, size_t cut)
{
    size_t i = r->cuts;
    while (i > 0 && r->cut[i - 1] > cut)
        i--;
    if (r->cuts == RANKS_CUTS || (i > 0 && r->cut[i - 1] == cut))
        return;
    memmove(&r->cut[i + 1], &r->cut[i], (r->cuts - i) * sizeof(r->cut[0]));
    r->cut[i] = cut;
    r->cuts++;
}

int64_t ranks_get(struct ranks *r, size_t k)
{
    size_t from = 0, to = r->n;
    for (size_t i = 0; i < r->cuts && to == r->n; i++)
        *(r->cut[i] <= k ? &from : &to) = r->cut[i];
    for (unsigned round = 0; to - from > SORT_BELOW; round++) {
        int64_t *v = r->v + from;
        size_t n = to - from;
        int64_t pivot = round < ROUNDS ? choose_pivot(v, n, k - from)
                                       : middle_of_values(v, n);
        size_t less = split_less(v, n, pivot);
        /* Few are less: maybe many are equal. */
        if (k - from >= less && less <= n / 8) {
            size_t equal = split_equal(v + less, n - less, pivot);
            add_cut(r, from + less);
            add_cut(r, from + less + equal);
            if (k - from < less + equal)
                return pivot;
            from += less + equal;
            continue;
        }
        add_cut(r, from + less);
        *(k - from < less ? &to : &from) = from + less;
    }
    sort_few(r->v + from, to - from);
    add_cut(r, from);
    add_cut(r, to);
    return r->v[k];
}
