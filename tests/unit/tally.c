/* What records are rejected for, counted by rule. */
#include "stage/stage.h"
#include "unit.h"

#define AT(line_) (&(struct record){ .line = line_ })

TEST("a rule counts each record once, the most frequent first, with its first")
{
    const struct reason a[] = {
        { .code = "type", .path = STR("/i/0"), .rule = STR("/i/*") },
        { .code = "minimum", .path = STR("/q"), .message = STR("is 0") },
        { .code = "type", .path = STR("/i/1"), .rule = STR("/i/*") },
    };
    struct tally t = { 0 };
    CHECK(tally_add(&t, AT(7), a + 1, 2) == 0);
    CHECK(tally_add(&t, AT(9), a, 3) == 0);
    CHECK(tally_add(&t, AT(12), a + 2, 1) == 0);
    tally_sort(&t);
    CHECK(t.records == 3 && t.others == 0 && t.n == 2);
    CHECK(t.rows[0].records == 3 && t.rows[0].line == 7);
    CHECK(str_eq(t.rows[0].rule, STR("/i/*")));
    CHECK(str_eq(t.rows[0].path, STR("/i/1")));
    CHECK(t.rows[1].records == 2 && str_eq(t.rows[1].rule, STR("/q")));
    CHECK(str_eq(t.rows[1].message, STR("is 0")));
    tally_free(&t);
}

TEST("code, place, place in the schema and check tell rules apart")
{
    const struct reason all[] = {
        { .code = "a" },
        { .code = "b" },
        { .code = "a", .path = STR("/x") },
        { .code = "a", .schema = STR("/x") },
        { .code = "a", .check = STR("/x") },
        { .code = "a", .check = STR("/y") },
    };
    struct tally t = { 0 };
    CHECK(tally_add(&t, AT(1), all, 6) == 0 && t.n == 6);
    CHECK(tally_add(&t, AT(2), all, 6) == 0 && t.n == 6);
    for (size_t i = 0; i < t.n; i++)
        CHECK(t.rows[i].records == 2);
    tally_free(&t);
}

TEST("rules without end are counted as others in bounded memory")
{
    struct tally t = { 0 };
    char name[32];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "/p%d", i);
        struct reason x = { .code = "x", .path = str_of(name) };
        CHECK(tally_add(&t, AT(1), &x, 1) == 0);
    }
    CHECK(t.n == TALLY_RULES_MAX && t.others == 10000 - TALLY_RULES_MAX);
    tally_free(&t);
}

TEST("long names of rules are counted as others in bounded memory")
{
    static char name[1 << 20];
    struct tally t = { 0 };
    memset(name, 'x', sizeof(name));
    for (int i = 0; i < 64; i++) {
        snprintf(name, 10, "/%08d", i);
        name[9] = 'x';
        struct reason x = { .code = "x", .path = { name, sizeof(name) } };
        CHECK(tally_add(&t, AT(1), &x, 1) == 0);
        CHECK(t.arena.total <= TALLY_BYTES_MAX);
    }
    CHECK(t.n > 4 && t.n + t.others == 64);
    CHECK(t.rows[0].path.n == TALLY_EXAMPLE_BYTES);
    tally_free(&t);
}

TEST("an example is cut between characters")
{
    struct tally t = { 0 };
    char text[TALLY_EXAMPLE_BYTES + 2];
    memset(text, 'x', sizeof(text));
    memcpy(text + TALLY_EXAMPLE_BYTES - 1, "\xe2\x82\xac", 3);
    struct reason x = { .code = "x", .message = { text, sizeof(text) } };
    CHECK(tally_add(&t, AT(0), &x, 1) == 0);
    CHECK(t.rows[0].message.n == TALLY_EXAMPLE_BYTES - 1);
    CHECK(t.rows[0].line == 0);
    tally_free(&t);
}

UNIT_MAIN
