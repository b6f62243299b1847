#include "unit.h"

#include "json/select.h"
#include "json/splice.h"

#include <stdlib.h>

/* Looks paths up in a record; returns their raw values joined by '|'. */
static const char *lookup(const char *paths, const char *record)
{
    static char out[1024];
    struct err e = { 0 };
    struct path *list;
    size_t n, used = 0;
    struct val vals[16];
    int slots[16];
    if (path_list_parse(&list, &n, str_of(paths), &e))
        return e.msg[0] ? "error" : "?";
    struct select *s = select_new();
    for (size_t i = 0; i < n; i++)
        slots[i] = select_add(s, &list[i]);
    int r = select_run(s, str_of(record), vals);
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(
            out + used, sizeof(out) - used, "%s%.*s", i ? "|" : "",
            STR_ARG(vals[slots[i]].type == JSON_MISSING ? STR("-")
                                                        : vals[slots[i]].raw));
    select_free(s);
    path_list_free(list, n);
    return r ? "broken" : out;
}

TEST("fields are found as they stand in the record")
{
    CHECK_STR(lookup("a,b,c", "{\"a\":1.10,\"b\" : \"x\" , \"c\":[1, 2]}"),
              "1.10|\"x\"|[1, 2]");
    CHECK_STR(lookup("c,a", "{\"a\":1,\"b\":2}"), "-|1");
    CHECK_STR(lookup("a", "{}"), "-");
}

TEST("nested paths, indexes and pointers")
{
    const char *r = "{\"a\":{\"b\":[10,{\"c\":\"z\"}]},\"x.y\":1,\"p/q\":2,"
                    "\"n\":{\"0\":\"zero\"}}";
    CHECK_STR(lookup("a.b[0],a.b[1].c", r), "10|\"z\"");
    CHECK_STR(lookup("/a/b/1/c,/x.y,/p~1q,/n/0", r), "\"z\"|1|2|\"zero\"");
    CHECK_STR(lookup("a.b,a.b[1]", r), "[10,{\"c\":\"z\"}]|{\"c\":\"z\"}");
    CHECK_STR(lookup("a.b[2],a.c.d,a[0]", r), "-|-|-");
}

TEST("of duplicate keys the last wins, also over what was nested")
{
    CHECK_STR(lookup("a", "{\"a\":1,\"b\":0,\"a\":2}"), "2");
    CHECK_STR(lookup("a.b", "{\"a\":{\"b\":1},\"a\":{\"c\":1}}"), "-");
    CHECK_STR(lookup("a.b", "{\"a\":{\"b\":1},\"a\":5}"), "-");
}

TEST("escaped keys are compared by their characters")
{
    CHECK_STR(lookup("ab,c", "{\"a\\u0062\":1,\"\\u0063\":2}"), "1|2");
    CHECK_STR(lookup("a", "{\"a\\u0062\":1}"), "-");
}

TEST("keys inside strings and nested containers are not taken for fields")
{
    CHECK_STR(lookup("b", "{\"a\":\"{\\\"b\\\":1}\",\"c\":[{\"b\":2}]}"), "-");
}

TEST("the empty path is the record")
{
    struct err e;
    struct path p;
    struct val v;
    CHECK(path_parse(&p, STR(""), &e) == 0);
    struct select *s = select_new();
    CHECK(select_add(s, &p) == 0);
    CHECK(select_run(s, STR(" {\"a\":1} "), &v) == 0);
    CHECK(str_eq(v.raw, STR("{\"a\":1}")));
    select_free(s);
    path_free(&p);
}

TEST("text that is not JSON ends the walk, not the process")
{
    static const char *const bad[] = { "",
                                       "{",
                                       "{\"a",
                                       "{\"a\"",
                                       "{\"a\":",
                                       "{\"a\":\"",
                                       "{\"a\":{\"b\":1}",
                                       "{\"a\":[1",
                                       "{\"a\\",
                                       "{\"b\":1 \"a\":2}" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        (void)lookup("a,a.b,a[1],b", bad[i]);
    CHECK_STR(lookup("a", "{\"a\":[1"), "broken");
}

TEST("malformed paths are refused")
{
    static const char *const bad[] = { "",     "a,", "a..b",  ".a",  "a[",
                                       "a[x]", "a]", "a[01]", "/a~3" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_STR(lookup(bad[i], "{}"), "error");
}

/* Sets path to value; NULL where json_put says -2. */
static const char *put(const char *record, const char *path, const char *value)
{
    static struct buf out;
    struct err e;
    struct path p;
    buf_reset(&out);
    CHECK(path_parse(&p, str_of(path), &e) == 0);
    int r = json_put(&out, str_of(record), &p, str_of(value));
    path_free(&p);
    return r ? NULL : buf_z(&out);
}

TEST("a changed field leaves every other byte as it was")
{
    CHECK_STR(put("{ \"a\" : 1.10 ,\"b\":2e0}", "a", "7"),
              "{ \"a\" : 7 ,\"b\":2e0}");
    CHECK_STR(put("{\"a\":{\"x\":1, \"y\":2}}", "a.y", "null"),
              "{\"a\":{\"x\":1, \"y\":null}}");
    CHECK_STR(put("{\"a\":[1,2,3]}", "a[1]", "\"z\""), "{\"a\":[1,\"z\",3]}");
    CHECK_STR(put("{\"a\":1,\"a\":2}", "a", "3"), "{\"a\":1,\"a\":3}");
}

TEST("a new field goes behind the last member, parents are made")
{
    CHECK_STR(put("{\"a\":1}", "b", "2"), "{\"a\":1,\"b\":2}");
    CHECK_STR(put("{}", "b", "2"), "{\"b\":2}");
    CHECK_STR(put("{ }", "b", "2"), "{\"b\":2 }");
    CHECK_STR(put("{\"a\":1}", "b.c.d", "2"),
              "{\"a\":1,\"b\":{\"c\":{\"d\":2}}}");
    CHECK_STR(put("{\"a\":{}}", "a.b", "1"), "{\"a\":{\"b\":1}}");
    CHECK(put("{\"a\":5}", "a.b", "1") == NULL);
    CHECK(put("{\"a\":[1]}", "a[3]", "1") == NULL);
}

UNIT_MAIN
