/* Every allocation that accumulators ask for fails in turn: an error and no
 * leak. Sanitizers bring an allocator of their own, so there is nothing to test
 * under them. */
#include "unit.h"

#ifdef __SANITIZE_ADDRESS__
int main(void)
{
    puts("ok 1 - allocations that fail # skip the sanitizer has the allocator\n"
         "1..1");
    return 0;
}
#else
#include "starve.h"

#include "accbox.h"

static const struct {
    enum acc_kind kind;
    enum acc_ask ask;
    const char *values[6];
} cases[] = {
    { ACC_SUM, ASK_PLAIN, { "1.5", "1e30", "9e60" } },
    { ACC_SQUARES, ASK_PLAIN, { "1.5", "1e30", "123456789012345678" } },
    { ACC_MIN, ASK_PLAIN, { "\"b\"", "{\"a\":[1]}", "\"a\"", "{\"a\":[0]}" } },
    { ACC_ARG_MAX, ASK_PLAIN, { "[2]", "{\"a\":[1]}", "{\"a\":[2]}" } },
    { ACC_DISTINCT, ASK_PLAIN, { "1", "\"\\u00e9\"", "{\"b\":1,\"a\":2}" } },
    { ACC_HLL, ASK_PLAIN, { "1", "\"\\u00e9\"", "[true]" } },
    { ACC_VALUES, ASK_PERCENTILE, { "1", "2e60", "123456789012345678" } },
    { ACC_VALUES, ASK_PERCENTILE_DISC, { "3", "2", "1" } },
    { ACC_SKETCH, ASK_PERCENTILE, { "1", "-2e60", "1e-9" } },
    { ACC_TALLY, ASK_TOP, { "1", "\"a\"", "1.0", "[1]" } },
    { ACC_LIST, ASK_PLAIN, { "1", "\"a\"", "1.0", "[1]" } },
    { ACC_BUCKETS, ASK_PLAIN, { "1", "2e60", "-3.25" } },
};

#define CASES (sizeof(cases) / sizeof(*cases))

/* All that can be done with a state, into a second box too. True if nothing
 * failed. */
static bool use(struct box *a, struct box *b, size_t i)
{
    struct buf state = { 0 };
    bool good = true;
    for (size_t v = 0; good && v < 6 && cases[i].values[v]; v++)
        good = box_take(a, 0, cases[i].values[v]) == 1;
    good = good && box_ask(a, 0, cases[i].ask, "0.5", 2) && !box_err.code;
    if (good) {
        const char *text = box_write(a, 0);
        good = text && !box_err.code && buf_addz(&state, text) == 0;
    }
    good = good && box_absorb(b, 0, buf_str(&state)) == 0;
    buf_free(&state);
    return good;
}

TEST("without memory an accumulator fails, and keeps nothing")
{
    struct acc_param p = { .width = { .small = 1 }, .n = 5 };
    for (size_t i = 0; i < CASES; i++) {
        bool good = false;
        long failed = 0;
        for (long at = 0; !good && at < 500; at++) {
            struct box a, b;
            long before = live;
            box_open(&a, cases[i].kind, &p, 0);
            box_open(&b, cases[i].kind, &p, 0);
            box_err = (struct err){ 0 };
            countdown = at;
            use(&a, &b, i);
            good = countdown >= 0; /* none was left to fail */
            countdown = -1;
            if (!good) {
                failed++;
                CHECK(box_err.code == ERR_NONE || box_err.code == ERR_TEMPFAIL);
            } else {
                char *state = strdup(box_write(&a, 0));
                CHECK(box_err.code == ERR_NONE);
                CHECK_STR(box_write(&b, 0), state);
                free(state);
            }
            CHECK(box_close(&a));
            CHECK(box_close(&b));
            CHECK(live == before);
        }
        CHECK(good);
        CHECK(failed > 0);
    }
}

UNIT_MAIN
#endif
