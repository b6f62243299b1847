/* Variance and standard deviation from exact sums. */
#include "aggregate/acc_ops.h"

/* num = count * squares - sum^2, which is at least 0 (Cauchy and Schwarz). */
static int numerator(struct decimal *num, const struct decimal *sum,
                     const struct decimal *squares, const struct decimal *count)
{
    struct decimal s = DECIMAL_ZERO;
    int r = decimal_mul(&s, sum, sum);
    if (r == 0)
        r = decimal_mul(num, count, squares);
    if (r == 0)
        r = decimal_sub(num, num, &s);
    decimal_free(&s);
    return r;
}

/* Compares (2 * root + step)^2 * den with 4 * num: is the middle between root
 * and its neighbour below or above the true root? */
static int cmp_middle(const struct decimal *root, const struct decimal *step,
                      const struct decimal *num, const struct decimal *den,
                      int *order)
{
    const struct decimal four = { .small = 4 };
    struct decimal x = DECIMAL_ZERO, y = DECIMAL_ZERO;
    int r = decimal_add(&x, root, root);
    if (r == 0)
        r = decimal_add(&x, &x, step);
    if (r == 0)
        r = decimal_mul(&x, &x, &x);
    if (r == 0)
        r = decimal_mul(&x, &x, den);
    if (r == 0)
        r = decimal_mul(&y, num, &four);
    if (r == 0)
        *order = decimal_cmp(&x, &y);
    decimal_free(&x);
    decimal_free(&y);
    return r;
}

/* The distance of numbers of 34 digits near root, which is not 0. */
static struct decimal last_place(const struct decimal *root)
{
    decimal_int v = root->small; /* a root has 34 digits at most */
    int32_t digits = 0;
    for (; v != 0; v /= 10)
        digits++;
    return (struct decimal){ .small = 1,
                             .scale = root->scale + DECIMAL_DIGITS - digits };
}

/* root is that of the rounded quotient, which may be off by one in the last
 * place from the rounded root of num / den: the two are told apart exactly. */
static int mend_root(struct decimal *root, const struct decimal *num,
                     const struct decimal *den)
{
    struct decimal up = last_place(root), down = up;
    int order = 0;
    down.small = -1;
    int r = cmp_middle(root, &up, num, den, &order);
    if (r == 0 && order < 0)
        return decimal_add(root, root, &up);
    if (r == 0)
        r = cmp_middle(root, &down, num, den, &order);
    if (r == 0 && order > 0)
        return decimal_add(root, root, &down);
    return r;
}

static int root_of_quotient(struct decimal *d, const struct decimal *num,
                            const struct decimal *den)
{
    struct decimal back = DECIMAL_ZERO, root = DECIMAL_ZERO;
    int r = decimal_mul(&back, d, den);
    bool exact = r == 0 && decimal_cmp(&back, num) == 0;
    if (r == 0)
        r = decimal_sqrt(&root, d);
    if (r == 0 && !exact && !decimal_is_zero(&root))
        r = mend_root(&root, num, den);
    if (r == 0)
        r = decimal_copy(d, &root);
    decimal_free(&back);
    decimal_free(&root);
    return r;
}

static int divide(const struct decimal *num, uint64_t count, bool sample,
                  bool root, struct buf *out)
{
    struct decimal d = DECIMAL_ZERO;
    struct decimal den = { .small = (decimal_int)count *
                                    (decimal_int)(count - sample) };
    int r = decimal_div(&d, num, &den);
    if (r == 0 && root)
        r = root_of_quotient(&d, num, &den);
    if (r == 0)
        r = decimal_format(out, &d);
    decimal_free(&d);
    return r;
}

int acc_print_variance(const struct acc *sum, const struct acc *squares,
                       const char *row, uint64_t count, bool sample, bool root,
                       struct buf *out)
{
    struct decimal num = DECIMAL_ZERO, n = { .small = (decimal_int)count };
    struct decimal sum_room, squares_room;
    if (count < 1 + (uint64_t)sample)
        return buf_addz(out, "null");
    int r =
        numerator(&num, acc_sum_of(sum, row + sum->at, &sum_room),
                  acc_sum_of(squares, row + squares->at, &squares_room), &n);
    if (r == 0)
        r = divide(&num, count, sample, root, out);
    decimal_free(&num);
    return r;
}
