/* A schema and values made of the input's bytes: the checker says what a naive
 * one says. */
#include "fuzz.h"
#include "../unit/naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct naive_counts counts = { 0 };
    struct dice d = { data, n, 1, DRAFT_2020_12 };
    MUST(naive_round(&d, &counts));
    return 0;
}
