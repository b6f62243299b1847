#include "unit.h"

#include "json/splice.h"

static const char *dropped(const char *record, const char *path)
{
    static struct buf out;
    struct path p;
    struct err e;
    buf_reset(&out);
    if (path_parse(&p, str_of(path), &e))
        return "no path";
    CHECK(json_drop(&out, str_of(record), &p) == 0);
    path_free(&p);
    return buf_z(&out);
}

static enum path_relation relation(const char *a, const char *b)
{
    struct path p, q;
    struct err e;
    CHECK(path_parse(&p, str_of(a), &e) == 0);
    CHECK(path_parse(&q, str_of(b), &e) == 0);
    enum path_relation r = path_relate(&p, &q);
    CHECK(path_relate(&q, &p) == r);
    path_free(&p);
    path_free(&q);
    return r;
}

TEST("a member goes with its comma, the rest keeps its bytes")
{
    const char *r = "{ \"a\" : 1.10 , \"b\":[1, 2],\"c\" : {\"x\":null} }";
    CHECK_STR(dropped(r, "a"), "{ \"b\":[1, 2],\"c\" : {\"x\":null} }");
    CHECK_STR(dropped(r, "b"), "{ \"a\" : 1.10,\"c\" : {\"x\":null} }");
    CHECK_STR(dropped(r, "c"), "{ \"a\" : 1.10 , \"b\":[1, 2] }");
    CHECK_STR(dropped(r, "c.x"), "{ \"a\" : 1.10 , \"b\":[1, 2],\"c\" : {} }");
    CHECK_STR(dropped("{\"a\":1}", "a"), "{}");
}

TEST("what is not there leaves the record as it is")
{
    CHECK_STR(dropped("{\"a\":1}", "b"), "{\"a\":1}");
    CHECK_STR(dropped("{\"a\":1}", "a.b"), "{\"a\":1}");
    CHECK_STR(dropped("{}", "a"), "{}");
    CHECK_STR(dropped("{\"a\":1}", ""), "{\"a\":1}");
}

TEST("all members of the name go, however they are escaped")
{
    CHECK_STR(dropped("{\"a\":1,\"b\":2,\"a\":3}", "a"), "{\"b\":2}");
    CHECK_STR(dropped("{\"a\":1,\"\\u0061\":2}", "a"), "{}");
    CHECK_STR(dropped("{\"b\":1,\"a\":2,\"\\u0061\":3,\"c\":4}", "a"),
              "{\"b\":1,\"c\":4}");
}

TEST("an array element becomes null and the others keep their places")
{
    CHECK_STR(dropped("{\"a\":[1, 2, 3]}", "a[1]"), "{\"a\":[1, null, 3]}");
    CHECK_STR(dropped("{\"a\":[{\"b\":1,\"c\":2}]}", "/a/0/b"),
              "{\"a\":[{\"c\":2}]}");
    CHECK_STR(dropped("{\"a\":[1]}", "a[1]"), "{\"a\":[1]}");
}

TEST("paths are the same, within each other, or apart")
{
    CHECK(relation("a", "a") == PATH_SAME);
    CHECK(relation("a.b[0]", "a.b[0]") == PATH_SAME);
    CHECK(relation("a.b", "/a/b") == PATH_SAME);
    CHECK(relation("a", "a.b") == PATH_WITHIN);
    CHECK(relation("a.b", "a.b[0].c") == PATH_WITHIN);
    CHECK(relation("", "a") == PATH_WITHIN);
    CHECK(relation("a[0]", "/a/0") == PATH_WITHIN);
    CHECK(relation("a.b", "a.c") == PATH_APART);
    CHECK(relation("a[0]", "a[1]") == PATH_APART);
    CHECK(relation("ab", "a") == PATH_APART);
    CHECK(relation("a[0]", "a.b") == PATH_APART);
}

UNIT_MAIN
