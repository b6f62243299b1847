#include "aggregate/hll.h"

#include <math.h>

/* x + x^2 * 1 + x^4 * 2 + x^8 * 4 + ...; x is below 1. */
static double sigma(double x)
{
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z > before);
    return z;
}

/* (1 - x - (1 - x^(1/2))^2 / 2 - (1 - x^(1/4))^2 / 4 - ...) / 3 */
static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x <= 0 || x >= 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z < before);
    return z / 3;
}

uint64_t hll_estimate(const uint32_t *histogram, unsigned bits)
{
    const double ln2 = 0.69314718055994530942;
    unsigned most = hll_rank_most(bits);
    double m = (double)((uint64_t)1 << bits);
    if (histogram[0] == (uint64_t)1 << bits)
        return 0;
    double z = m * tau(1 - histogram[most] / m);
    for (unsigned k = most - 1; k >= 1; k--)
        z = 0.5 * (z + histogram[k]);
    z += m * sigma(histogram[0] / m);
    return (uint64_t)llround(m * m / (2 * ln2 * z));
}
