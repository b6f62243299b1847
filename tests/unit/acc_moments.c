/* Mean and standard deviation, held against the Statistical Reference Datasets
 * of NIST in $PIPE_TEST_DATA/nist-strd: univariate summary statistics. */
#include "unit.h"

#include "accbox.h"

#include <math.h>

struct moments {
    struct box sum, squares;
    uint64_t n;
    struct buf text;
};

static void open_moments(struct moments *m)
{
    *m = (struct moments){ .n = 0 };
    box_open(&m->sum, ACC_SUM, NULL, 0);
    box_open(&m->squares, ACC_SQUARES, NULL, 0);
}

static void take_moments(struct moments *m, const char *v)
{
    CHECK(box_take(&m->sum, 0, v) == 1);
    CHECK(box_take(&m->squares, 0, v) == 1);
    m->n++;
}

static const char *mean(struct moments *m)
{
    buf_reset(&m->text);
    CHECK(acc_print_average(&m->sum.acc, m->sum.rows, m->n, &m->text) == 0);
    return buf_z(&m->text);
}

/* Both sums are at the start of rows of their own: one row has room for both
 * here as anywhere else. */
static const char *variance(struct moments *m, bool is_sample, bool root)
{
    size_t size = m->sum.row;
    char *row = calloc(1, 2 * size + ACC_PADDING);
    memcpy(row, m->sum.rows, size);
    memcpy(row + size, m->squares.rows, size);
    m->squares.acc.at = size;
    buf_reset(&m->text);
    CHECK(acc_print_variance(&m->sum.acc, &m->squares.acc, row, m->n, is_sample,
                             root, &m->text) == 0);
    m->squares.acc.at = 0;
    free(row);
    return buf_z(&m->text);
}

static void close_moments(struct moments *m)
{
    CHECK(box_close(&m->sum));
    CHECK(box_close(&m->squares));
    buf_free(&m->text);
}

TEST("variance and standard deviation are exact where they end")
{
    struct moments m;
    open_moments(&m);
    take_moments(&m, "2");
    CHECK_STR(variance(&m, true, false), "null");
    CHECK_STR(variance(&m, false, false), "0");
    CHECK_STR(variance(&m, false, true), "0");
    for (const char *v = "4445579"; *v; v++)
        take_moments(&m, (char[]){ *v, '\0' });
    CHECK_STR(variance(&m, false, false), "4");
    CHECK_STR(variance(&m, false, true), "2");
    CHECK_STR(variance(&m, true, false), "4.571428571428571428571428571428571");
    CHECK_STR(variance(&m, true, true), "2.138089935299395077476427847038028");
    close_moments(&m);
}

TEST("numbers that differ in their last digit alone keep their variance")
{
    struct moments m;
    open_moments(&m);
    take_moments(&m, "1000000000000000000000000000000.1");
    take_moments(&m, "1000000000000000000000000000000.2");
    take_moments(&m, "1000000000000000000000000000000.3");
    CHECK_STR(variance(&m, true, false), "0.01");
    CHECK_STR(variance(&m, true, true), "0.1");
    close_moments(&m);
}

TEST("a root is rounded once: that of the exact quotient")
{
    uint64_t seed = 4;
    for (int round = 0; round < 300; round++) {
        struct moments m;
        struct decimal r = DECIMAL_ZERO, half = DECIMAL_ZERO;
        int64_t n = 0, s1 = 0, s2 = 0;
        open_moments(&m);
        for (n = 0; n < 3 + round % 5; n++) {
            char v[24];
            int64_t x = (int64_t)(box_random(&seed) % 100000);
            snprintf(v, sizeof(v), "%lld", (long long)x);
            take_moments(&m, v);
            s1 += x;
            s2 += x * x;
        }
        const char *text = variance(&m, true, true);
        size_t digits =
            strlen(text) - (strchr(text, '.') != NULL) - (text[0] == '0');
        CHECK(digits <= 34);
        if (digits == 34) {
            /* (r - half)^2 * n * (n - 1) < n * s2 - s1^2 < (r + half)^2 * ...
             */
            struct decimal x = { .small = (decimal_int)n * s2 -
                                          (decimal_int)s1 * s1 };
            struct decimal den = { .small = n * (n - 1) };
            struct decimal low = DECIMAL_ZERO, high = DECIMAL_ZERO;
            CHECK(decimal_parse(&r, str_of(text)) == 0);
            half = (struct decimal){ .small = 5, .scale = r.scale + 1 };
            CHECK(decimal_sub(&low, &r, &half) == 0);
            CHECK(decimal_add(&high, &r, &half) == 0);
            CHECK(decimal_mul(&low, &low, &low) == 0);
            CHECK(decimal_mul(&high, &high, &high) == 0);
            CHECK(decimal_mul(&low, &low, &den) == 0);
            CHECK(decimal_mul(&high, &high, &den) == 0);
            CHECK(decimal_cmp(&low, &x) <= 0 && decimal_cmp(&x, &high) <= 0);
            decimal_free(&low);
            decimal_free(&high);
        }
        decimal_free(&r);
        close_moments(&m);
    }
}

TEST("a variance outside the range of decimals is said to be")
{
    struct moments m;
    open_moments(&m);
    take_moments(&m, "1e3072");
    take_moments(&m, "2e3072");
    take_moments(&m, "2e3072");
    CHECK(acc_print_variance(&m.sum.acc, &m.squares.acc, m.sum.rows, 3, true,
                             false, &m.text) != 0);
    close_moments(&m);
}

/* ---- NIST ---- */

/* The certified value on a line like "name ... separator value". */
static bool certified(const char *line, const char *name, char sep, double *v)
{
    const char *at = strstr(line, name);
    at = at ? strrchr(line, sep) : NULL;
    if (!at)
        return false;
    *v = strtod(at + 1, NULL);
    return true;
}

/* A line that is a number and nothing else: without what JSON has not. */
static char *data(char *line)
{
    char *end, *p = line + strspn(line, " \t");
    strtod(p, &end);
    if (end == p || end[strspn(end, " \t\r\n")])
        return NULL;
    *end = '\0';
    return p;
}

static void read_set(FILE *f, struct moments *m, double *want_mean,
                     double *want_stddev)
{
    char line[256], *v;
    while (fgets(line, sizeof(line), f)) {
        if ((v = data(line)))
            take_moments(m, v);
        else if (!certified(line, "ybar:", ':', want_mean) &&
                 !certified(line, "mean  ", '=', want_mean) &&
                 !certified(line, " s: ", ':', want_stddev))
            certified(line, "standardDeviation", '=', want_stddev);
    }
}

TEST("mean and standard deviation of the data sets of NIST, to 14 digits")
{
    static const char *const sets[] = { "Lew", "Lottery", "Mavro", "Michelso",
                                        "NumAcc1" };
    static const uint64_t sizes[] = { 200, 218, 50, 100, 3 };
    const char *folder = getenv("PIPE_TEST_DATA");
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct moments m;
        double want_mean = NAN, want_stddev = NAN;
        char path[4096];
        snprintf(path, sizeof(path), "%s/nist-strd/%s.txt",
                 folder ? folder : "../shared/data", sets[i]);
        FILE *f = fopen(path, "r");
        if (!f) {
            printf("# skip: %s.txt of nist-strd is not in PIPE_TEST_DATA\n",
                   sets[i]);
            continue;
        }
        open_moments(&m);
        read_set(f, &m, &want_mean, &want_stddev);
        fclose(f);
        CHECK(m.n == sizes[i]);
        double have = strtod(mean(&m), NULL);
        CHECK(fabs(have - want_mean) <= fabs(want_mean) * 1e-14);
        have = strtod(variance(&m, true, true), NULL);
        CHECK(fabs(have - want_stddev) <= fabs(want_stddev) * 1e-14);
        close_moments(&m);
    }
}

UNIT_MAIN
