#include "unit.h"

#include "shaped.h"

#include <stdint.h>

/* A line of an array of numbers and strings, by the bits of i. */
static const char *line_of(unsigned i, unsigned elements)
{
    static char text[256];
    size_t n = (size_t)snprintf(text, sizeof(text), "{\"a\":[0");
    for (unsigned bit = 0; bit < elements; bit++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              i >> bit & 1 ? ",1" : ",\"x\"");
    snprintf(text + n, sizeof(text) - n, "]}");
    return text;
}

/* Who looks at a batch of lines holds their shapes all at once. */
TEST("a shape stays what it was while as many as a batch has are asked for")
{
    struct shaper s = { 0 };
    const struct shape *held[SHAPE_KEEP / 2];
    uint64_t serial[SHAPE_KEEP / 2];
    size_t n = sizeof(held) / sizeof(*held), wrong = 0;
    uint32_t random = 1;
    for (unsigned round = 0; round < 400; round++) {
        for (size_t i = 0; i < n; i++) {
            random = random * 1664525 + 1013904223;
            /* One comes now and then, and is the last of so many tokens; the
             * others push it out meanwhile. */
            bool rare = random >> 25 == 0;
            const struct shaped *r = shaper_guess(
                &s,
                str_of(line_of(rare ? 0 : random >> 8 & 65535, rare ? 5 : 16)),
                0);
            CHECK(r != NULL);
            if (!r)
                return;
            held[i] = r->shape;
            serial[i] = r->shape->serial;
        }
        for (size_t i = 0; i < n; i++)
            wrong += held[i]->serial != serial[i];
    }
    CHECK(wrong == 0);
    shaper_free(&s);
}

UNIT_MAIN
