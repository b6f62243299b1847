/* unit: the whole harness of the unit tests.
 *
 *     TEST("second record with the same key is dropped")
 *     {
 *         CHECK(keyset_size(&k) == 1);
 *         CHECK_STR(out, "...");
 *     }
 *     UNIT_MAIN
 *
 * Each TEST is titled by behaviour. Output is TAP, one line a test. */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit_test {
    const char *title;
    void (*run)(void);
    struct unit_test *next;
};

static struct unit_test *unit_first, **unit_last = &unit_first;
static bool unit_failed;

#define UNIT_CAT2(a, b) a##b
#define UNIT_CAT(a, b) UNIT_CAT2(a, b)

/* clang-format off */
#define TEST(name)                                                            \
    static void UNIT_CAT(test_, __LINE__)(void);                              \
    static struct unit_test UNIT_CAT(entry_, __LINE__) = {                    \
        name, UNIT_CAT(test_, __LINE__), NULL                                 \
    };                                                                        \
    __attribute__((constructor)) static void UNIT_CAT(add_, __LINE__)(void)   \
    {                                                                         \
        *unit_last = &UNIT_CAT(entry_, __LINE__);                             \
        unit_last = &UNIT_CAT(entry_, __LINE__).next;                         \
    }                                                                         \
    static void UNIT_CAT(test_, __LINE__)(void)
/* clang-format on */

#define CHECK(cond)                                             \
    do {                                                        \
        if (!(cond)) {                                          \
            printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
            unit_failed = true;                                 \
        }                                                       \
    } while (0)

#define CHECK_STR(have, want)                                                 \
    do {                                                                      \
        const char *have_ = (have), *want_ = (want);                          \
        if (!have_ || strcmp(have_, want_) != 0) {                            \
            printf("# %s:%d: have \"%s\", want \"%s\"\n", __FILE__, __LINE__, \
                   have_ ? have_ : "(null)", want_);                          \
            unit_failed = true;                                               \
        }                                                                     \
    } while (0)

#define UNIT_MAIN                                                        \
    int main(void)                                                       \
    {                                                                    \
        int n = 0, bad = 0;                                              \
        /* A line at a time, so that a crash shows behind which test. */ \
        setvbuf(stdout, NULL, _IOLBF, 0);                                \
        for (struct unit_test *t = unit_first; t; t = t->next) {         \
            unit_failed = false;                                         \
            t->run();                                                    \
            bad += unit_failed;                                          \
            printf("%s %d - %s\n", unit_failed ? "not ok" : "ok", ++n,   \
                   t->title);                                            \
        }                                                                \
        printf("1..%d\n", n);                                            \
        return bad != 0;                                                 \
    }

#endif
