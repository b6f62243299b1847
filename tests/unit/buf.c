#include "unit.h"

#include "base/buf.h"

TEST("formatted text of any length is added whole")
{
    for (int n = 0; n < 300; n++) {
        struct buf b = { 0 };
        char want[512];
        CHECK(buf_addf(&b, "%s%*s", "", n, "") == 0);
        CHECK(b.n == (size_t)n);
        CHECK(buf_addf(&b, "<%d %s>", n, "x") == 0);
        snprintf(want, sizeof(want), "%*s<%d x>", n, "", n);
        CHECK_STR(buf_z(&b), want);
        buf_free(&b);
    }
}

TEST("text that does not fit under the maximum leaves the contents alone")
{
    struct buf b = { .max = 64 };
    CHECK(buf_addf(&b, "%s", "kept") == 0);
    CHECK(buf_addf(&b, "%*s", 61, "") == -1 && b.failed);
    CHECK(b.n == 4 && memcmp(b.p, "kept", 4) == 0);
    CHECK(buf_addf(&b, "x") == -1 && buf_addc(&b, 'x') == -1 && b.n == 4);
    buf_reset(&b);
    CHECK(buf_addf(&b, "%*s", 63, "") == 0 && b.n == 63);
    buf_free(&b);
}

UNIT_MAIN
