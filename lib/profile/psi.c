#include "profile/psi.h"

#include <math.h>

#define Z_UPPER 3.0902 /* 99.9% of a normal distribution are below it */
#define Z_BOTH 3.2905  /* 99.9% are within it */

static uint64_t total(const uint64_t *v, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += v[i];
    return all;
}

static double share(uint64_t part, uint64_t all)
{
    double s = (double)part / (double)all;
    return s < PSI_SHARE_LEAST ? PSI_SHARE_LEAST : s;
}

double psi_of(const uint64_t *expected, const uint64_t *actual, size_t n)
{
    uint64_t all_expected = total(expected, n), all_actual = total(actual, n);
    double psi = 0;
    if (!all_expected || !all_actual)
        return 0;
    for (size_t i = 0; i < n; i++) {
        double e = share(expected[i], all_expected);
        double a = share(actual[i], all_actual);
        psi += (a - e) * log(a / e);
    }
    return psi;
}

double psi_chance(size_t bins, uint64_t expected, uint64_t actual)
{
    double k = bins > 1 ? (double)(bins - 1) : 1;
    double root = 1 - 2 / (9 * k) + Z_UPPER * sqrt(2 / (9 * k));
    return (1 / (double)expected + 1 / (double)actual) * k * root * root * root;
}

bool psi_shares_differ(uint64_t a, uint64_t n, uint64_t b, uint64_t m)
{
    if (!n || !m)
        return false;
    double x = (double)n, y = (double)m;
    double p = ((double)a + (double)b) / (x + y);
    double error = sqrt(p * (1 - p) * (1 / x + 1 / y));
    return fabs((double)a / x - (double)b / y) > Z_BOTH * error;
}
