/* Schemas and values at random: the walk says what a naive checker says, and
 * the quick way accepts nothing else. */
#include "unit.h"

#include "naive.h"

TEST("random schemas mean what a naive reading of the drafts makes of them")
{
    struct naive_counts n = { 0 };
    unsigned wrong = 0;
    for (uint32_t seed = 1; seed <= 6000 && wrong < 3; seed++) {
        struct dice d = { NULL, 0, seed * 2654435761u, DRAFT_2020_12 };
        wrong += !naive_round(&d, &n);
    }
    CHECK(wrong == 0);
    /* The comparison was one: most schemas compile, many values fit. */
    CHECK(n.refused < n.schemas / 2);
    CHECK(n.good > n.values / 20 && n.good < n.values * 9 / 10);
    CHECK(n.quick > 1000 && n.lost < n.values / 20);
    printf("# %u schemas, %u refused, %u values, %u good, %u quick, %u lost\n",
           n.schemas, n.refused, n.values, n.good, n.quick, n.lost);
}

UNIT_MAIN
