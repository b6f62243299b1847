#include "unit.h"

#include "accbox.h"

#include <math.h>

#define N 20000

static int cmp_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sample(unsigned kind, uint64_t *seed)
{
    double u = (double)(box_random(seed) >> 11) / 9007199254740992.0;
    switch (kind) {
    case 0: return floor(u * 1000);
    case 1: return exp(u * 30 - 10);
    case 2: return u * 200 - 100;
    case 3: return -1 / (u + 1e-9);
    default: return u < 0.5 ? 0 : u;
    }
}

TEST("a sketch's percentiles are within its relative error of the number at "
     "that rank")
{
    static const double errors[] = { 0.01, 0.001, 0.05 };
    static double v[N];
    uint64_t seed = 1;
    for (unsigned kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < 3; i++) {
            struct acc_param param = { .error = errors[i] };
            struct box b;
            box_open(&b, ACC_SKETCH, &param, 0);
            for (size_t n = 0; n < N; n++) {
                char text[40];
                v[n] = sample(kind, &seed);
                snprintf(text, sizeof(text), "%.17g", v[n]);
                CHECK(box_take(&b, 0, text) == 1);
            }
            qsort(v, N, sizeof(*v), cmp_doubles);
            for (unsigned p = 0; p <= 100; p++) {
                char text[32];
                snprintf(text, sizeof(text), "%u.%02u", p / 100, p % 100);
                double want = v[p * (N - 1) / 100];
                double have =
                    strtod(box_ask(&b, 0, ASK_PERCENTILE, text, 0), NULL);
                CHECK(fabs(have - want) <= fabs(want) * errors[i] * 1.000001);
            }
            CHECK(box_close(&b));
        }
    }
}

TEST("a sketch stays small when numbers span all sizes, whatever their order, "
     "and keeps its bound at the upper ranks")
{
    static double v[N];
    size_t n = 0;
    struct box a, b;
    box_open(&a, ACC_SKETCH, NULL, 0);
    box_open(&b, ACC_SKETCH, NULL, 0);
    for (int i = -250; i < 250; i++) {
        for (int m = 1; m <= 40; m++) {
            char text[40];
            snprintf(text, sizeof(text), "%s%de%d", m % 4 ? "" : "-", m, i);
            v[n++] = strtod(text, NULL);
            CHECK(box_take(&a, 0, text) == 1);
            snprintf(text, sizeof(text), "%s%de%d", m % 4 ? "" : "-", m,
                     -i - 1);
            CHECK(box_take(&b, 0, text) == 1);
        }
    }
    CHECK(n == N);
    CHECK(a.budget.used <= (size_t)512 << 10);
    qsort(v, N, sizeof(*v), cmp_doubles);
    for (unsigned p = 98; p <= 100; p++) {
        char text[32];
        snprintf(text, sizeof(text), "%u.%02u", p / 100, p % 100);
        double have = strtod(box_ask(&a, 0, ASK_PERCENTILE, text, 0), NULL);
        double want = v[p * (N - 1) / 100];
        CHECK(fabs(have - want) <= want * 0.01000001);
    }
    char *state = strdup(box_write(&a, 0));
    CHECK_STR(box_write(&b, 0), state);
    free(state);
    CHECK(box_close(&a));
    CHECK(box_close(&b));
}

TEST("a HyperLogLog is within five standard errors from one value to a million")
{
    for (unsigned bits = 8; bits <= 16; bits += 4) {
        struct acc_param param = { .bits = bits };
        double error = 1.04 / sqrt((double)(1 << bits));
        struct box b;
        size_t n = 0;
        box_open(&b, ACC_HLL, &param, 0);
        CHECK_STR(box_print(&b, 0), "0");
        for (size_t at = 1; at <= 300000; at = at * 3 + 1) {
            for (; n < at; n++) {
                char text[40];
                snprintf(text, sizeof(text), "\"customer %zu\"", n);
                CHECK(box_take(&b, 0, text) == 1);
                CHECK(box_take(&b, 0, text) == 1);
            }
            double have = strtod(box_print(&b, 0), NULL), want = (double)n;
            CHECK(fabs(have - want) <= 5 * error * want + 0.5);
        }
        CHECK(box_close(&b));
    }
}

TEST("a HyperLogLog of 14 bits counts up to a hundred values exactly")
{
    struct box b;
    box_open(&b, ACC_HLL, NULL, 0);
    for (int n = 1; n <= 100; n++) {
        char text[16], want[16];
        snprintf(text, sizeof(text), "%d", n);
        snprintf(want, sizeof(want), "%d", n);
        CHECK(box_take(&b, 0, text) == 1);
        CHECK_STR(box_print(&b, 0), want);
    }
    CHECK(box_close(&b));
}

TEST("a HyperLogLog's state is the same in every process")
{
    struct box b;
    box_open(&b, ACC_HLL, NULL, 0);
    CHECK(box_take(&b, 0, "\"a\"") == 1);
    CHECK(box_take(&b, 0, "1.0") == 1);
    CHECK(box_take(&b, 0, "1") == 1);
    CHECK_STR(box_write(&b, 0), "[14,12668,4,15778,1]");
    CHECK(box_close(&b));
}

UNIT_MAIN
