/* Random decimals of up to 60 digits, computed with by expressions and by GMP's
 * rationals: values, scales and rounding as base/decimal.h promises them, once
 * with the numbers from a record and once folded. UNIT_CASES and UNIT_SEED: see
 * tests/lib/cases.h. */
#include "unit.h"

#include "../lib/cases.h"
#include "../lib/exact.h"
#include "base/decimal.h"
#include "expr/expr.h"

enum { CASES = 20000, DIGITS = 60, TEXT_MAX = 1 << 17, WRONG_MAX = 5 };

enum refused { NEVER, BY_ZERO, POWER_OF_ZERO, ROOT_BELOW_ZERO };

static const struct operation {
    const char *text; /* ?a and ?b are the numbers, ?n is how many digits */
    void (*apply)(struct exact *r, const struct exact *a, const struct exact *b,
                  long n);
    enum refused refused;
    const char *probe; /* NULL, or an expression that not every version has */
} operations[] = {
    { "?a + ?b", do_add, NEVER, NULL },
    { "?a - ?b", do_sub, NEVER, NULL },
    { "?a * ?b", do_mul, NEVER, NULL },
    { "?a / ?b", do_div, BY_ZERO, NULL },
    { "?a % ?b", do_mod, BY_ZERO, "1 % 1" },
    { "(?b + ?a) * ?b - ?a / ?b", do_chain, BY_ZERO, NULL },
    { "- ?a", do_neg, NEVER, NULL },
    { "abs(?a)", do_abs, NEVER, NULL },
    { "round(?a, ?n)", do_round, NEVER, NULL },
    { "floor(?a)", do_floor, NEVER, NULL },
    { "ceil(?a)", do_ceil, NEVER, NULL },
    { "CAST(CAST(- - ?a AS STRING) AS NUMBER)", do_same, NEVER, NULL },
    { "mod(?a, ?b)", do_mod, BY_ZERO, "mod(1, 1)" },
    { "trunc(?a, ?n)", do_trunc, NEVER, "trunc(0, 0)" },
    { "sign(?a)", do_sign, NEVER, "sign(0)" },
    { "power(?a, ?n)", do_power, POWER_OF_ZERO, "power(0, 1)" },
    { "sqrt(?a)", do_sqrt, ROOT_BELOW_ZERO, "sqrt(0)" },
    { "sqrt(?a * ?a)", do_root_of_square, NEVER, "sqrt(0)" },
};
#define OPERATIONS (sizeof(operations) / sizeof(*operations))

/* ---- numbers */

struct number {
    char text[TEXT_MAX]; /* JSON */
    struct exact x;
};

static struct number a, b, got;
static struct buf text, record, value; /* of the expression evaluated last */

static void cases_init(void)
{
    exact_init(&a.x);
    exact_init(&b.x);
    exact_init(&got.x);
}

static void cases_free(void)
{
    mpq_clear(a.x.v);
    mpq_clear(b.x.v);
    mpq_clear(got.x.v);
    buf_free(&text);
    buf_free(&record);
    buf_free(&value);
}

static void number_parse(struct number *n)
{
    static char digits[TEXT_MAX];
    size_t len = 0;
    const char *p = n->text, *point = strchr(n->text, '.');
    n->x.scale = 0;
    n->x.range = false;
    for (; *p && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.')
            continue;
        digits[len++] = *p;
        n->x.scale += point && p > point;
    }
    digits[len] = '\0';
    if (*p)
        n->x.scale -= strtol(p + 1, NULL, 10);
    mpq_set_ui(n->x.v, 0, 1);
    mpz_set_str(mpq_numref(n->x.v), digits, 10);
    if (mpq_sgn(n->x.v))
        shift_q(n->x.v, n->x.v, -n->x.scale);
    exact_finish(&n->x);
}

/* Up to DIGITS digits, a point anywhere, an exponent of up to most; carries and
 * ties are in runs of 0, 9 and 5. */
static void random_number(struct number *n, int most)
{
    char digits[DIGITS + 1], *out = n->text;
    unsigned len = 1 + random_below(chance(2) ? DIGITS : 6), zeros = 0;
    bool runs = chance(2);
    for (unsigned i = 0; i < len; i++)
        digits[i] =
            runs ? "0009995"[random_below(7)] : (char)('0' + random_below(10));
    digits[len] = '\0';
    unsigned whole = chance(3) ? len : random_below(len + 1);
    while (zeros + 1 < whole && digits[zeros] == '0')
        zeros++; /* JSON has none in front */
    out +=
        sprintf(out, "%s%.*s", chance(3) ? "-" : "",
                whole ? (int)(whole - zeros) : 1, whole ? digits + zeros : "0");
    if (whole < len)
        out += sprintf(out, ".%s", digits + whole);
    if (chance(3))
        sprintf(out, "%c%d", chance(2) ? 'e' : 'E',
                (int)random_below(2 * (unsigned)most + 1) - most);
    number_parse(n);
}

/* Makes a a multiple of b by a number of 35 digits that ends in 5: the quotient
 * is a tie at 34 digits. */
static void make_tie(void)
{
    char digits[36] = "";
    mpz_t q;
    for (int i = 0; i < 34; i++)
        digits[i] = (char)('1' + random_below(9));
    digits[34] = '5';
    snprintf(b.text, sizeof(b.text), "%u", 1 + random_below(1000000000));
    number_parse(&b);
    mpz_init_set_str(q, digits, 10);
    mpz_mul(q, q, mpq_numref(b.x.v));
    gmp_snprintf(a.text, sizeof(a.text), "%s%Zde-%u", chance(2) ? "-" : "", q,
                 random_below(50));
    number_parse(&a);
    mpz_clear(q);
}

/* The same value with more digits behind the point. */
static void respell(struct number *n, const struct number *from)
{
    char exponent[16] = "";
    strcpy(n->text, from->text);
    char *e = strpbrk(n->text, "eE");
    if (e) {
        snprintf(exponent, sizeof(exponent), "%s", e);
        *e = '\0';
    }
    strcat(n->text, strchr(n->text, '.') ? "0" : ".00");
    strcat(n->text, exponent);
    number_parse(n);
}

/* ---- ours */

/* Writes an operation, with the names of fields or with the numbers. */
static void write_expression(const char *template, long n, bool literal)
{
    buf_reset(&text);
    for (const char *p = template; *p; p++) {
        const char *number = p[1] == 'a' ? a.text : b.text;
        if (*p != '?')
            buf_addc(&text, *p);
        else if (*++p == 'n')
            buf_addf(&text, "%ld", n);
        else if (literal)
            buf_addf(&text, "(%s)", number);
        else
            buf_addc(&text, *p);
    }
}

/* Its value as JSON, or the fault's code. */
static const char *evaluate(const char *template, long n, bool literal)
{
    static const struct expr_env env = { 0 };
    static struct err e;
    struct expr_fault f;
    struct val v;
    write_expression(template, n, literal);
    buf_reset(&record);
    buf_reset(&value);
    if (literal)
        buf_addz(&record, "{}");
    else
        buf_addf(&record, "{\"a\":%s,\"b\":%s}", a.text, b.text);
    struct expr_set *x = expr_new(&env);
    if (!x || expr_add(x, "test", buf_str(&text), &e)) {
        buf_addf(&value, "refused: %s", x ? e.msg : "no memory");
    } else {
        expr_begin(x);
        CHECK(expr_load(x, buf_str(&record), NULL) == 0);
        int rc = expr_eval(x, 0, &v, &f);
        CHECK(rc != -2);
        buf_add_str(&value, rc == 0 ? v.raw : str_of(rc == -1 ? f.code : "?"));
    }
    expr_free(x);
    return buf_z(&value);
}

/* ---- held against each other */

/* With a scale below zero the digits are a matter of the format. */
static bool is_number(const char *have, const struct exact *want)
{
    if (!strchr("-0123456789", have[0]) || strlen(have) >= TEXT_MAX)
        return false;
    strcpy(got.text, have);
    number_parse(&got);
    if (mpq_sgn(want->v) == 0 && have[0] == '-')
        return false;
    return mpq_equal(got.x.v, want->v) &&
           (want->scale < 0 ||
            (got.x.scale == want->scale && (!strpbrk(have, "eE"))));
}

/* The fault that the operands alone make, or NULL. */
static const char *refused(const struct operation *o, long n)
{
    if (a.x.range || (strstr(o->text, "?b") && b.x.range))
        return "number_range";
    switch (o->refused) {
    case BY_ZERO: return mpq_sgn(b.x.v) == 0 ? "division_by_zero" : NULL;
    case POWER_OF_ZERO:
        return n < 0 && mpq_sgn(a.x.v) == 0 ? "division_by_zero" : NULL;
    case ROOT_BELOW_ZERO: return mpq_sgn(a.x.v) < 0 ? "number_range" : NULL;
    default: return NULL;
    }
}

static bool check(const struct operation *o, uint64_t seed)
{
    struct exact want;
    bool good = true;
    long n = (long)random_below(48) - 8;
    const char *fault = refused(o, n);
    exact_init(&want);
    if (!fault)
        o->apply(&want, &a.x, &b.x, n);
    exact_finish(&want);
    if (want.range)
        fault = "number_range";
    for (int literal = 0; literal < 2 && good; literal++) {
        const char *have = evaluate(o->text, n, literal);
        good = fault ? strcmp(have, fault) == 0 : is_number(have, &want);
        if (!good && !fault)
            printf("# want about %g with %ld digits behind the point\n",
                   mpq_get_d(want.v), want.scale);
        if (!good)
            printf("# %.400s\n#   over %s\n#   have %.400s, want %s\n"
                   "#   UNIT_SEED=%llu UNIT_CASES=1\n",
                   buf_z(&text), buf_z(&record), have,
                   fault ? fault : "as above", (unsigned long long)seed);
    }
    mpq_clear(want.v);
    return good;
}

static bool check_order(uint64_t seed)
{
    static const char *const signs[] = { "<", "<=", "=", "<>", ">=", ">" };
    int c = mpq_cmp(a.x.v, b.x.v);
    const bool want[] = { c<0, c <= 0, c == 0, c != 0, c >= 0, c> 0 };
    char template[16];
    for (int i = 0; i < 12; i++) {
        snprintf(template, sizeof(template), "?a %s ?b", signs[i / 2]);
        const char *have = evaluate(template, 0, i % 2);
        if (strcmp(have, want[i / 2] ? "true" : "false") == 0)
            continue;
        printf("# %s\n#   over %s\n#   have %s\n#   UNIT_SEED=%llu\n",
               buf_z(&text), buf_z(&record), have, (unsigned long long)seed);
        return false;
    }
    return true;
}

static bool known(const struct operation *o)
{
    return !o->probe || strcmp(evaluate(o->probe, 0, true), "0") == 0;
}

/* Cases with exponents of up to most. */
static void run(uint64_t cases, int most)
{
    uint64_t seed = cases_env("UNIT_SEED", 20260131);
    bool have[OPERATIONS];
    int wrong = 0;
    cases_init();
    for (size_t i = 0; i < OPERATIONS; i++) {
        have[i] = known(&operations[i]);
        if (!have[i])
            printf("# left out: %s\n", operations[i].text);
    }
    for (uint64_t i = 0; i < cases && wrong < WRONG_MAX; i++) {
        cases_state = seed + i;
        random_number(&a, most);
        random_number(&b, most);
        if (chance(8))
            make_tie();
        unsigned k = random_below(OPERATIONS);
        if (have[k])
            wrong += !check(&operations[k], seed + i);
        if (chance(2))
            respell(&b, &a);
        if (!a.x.range && !b.x.range && chance(3))
            wrong += !check_order(seed + i);
    }
    CHECK(wrong == 0);
    printf("# seed %llu, %llu operations\n", (unsigned long long)seed,
           (unsigned long long)cases);
    cases_free();
}

TEST("random decimals are computed with as with rationals")
{
    run(cases_env("UNIT_CASES", CASES), 30);
}

TEST("numbers at the edge of the range are as exact, and beyond it a fault")
{
    run(cases_env("UNIT_CASES", CASES) / 20, DECIMAL_EXPONENT_MAX + 30);
}

TEST("a number that was folded has the scale that it was computed with")
{
    cases_init();
    strcpy(a.text, "1.000");
    strcpy(b.text, "5540.1");
    CHECK_STR(evaluate("?a * round(?b, -2)", 0, false), "5500.0");
    CHECK_STR(evaluate("?a * round(?b, -2)", 0, true), "5500.0");
    cases_free();
}

UNIT_MAIN
