#include "unit.h"

#include "aggregate/aggregate.h"
#include "aggregate/aggspec.h"
#include "aggregate/cell.h"

#include <limits.h>
#include <stdlib.h>

static struct err err;

/* An aggregate by group (NULL: none) of specs over records (NULL-terminated).
 * What it prints goes to `out`, faults as "code path" to `faults`. */
static char out[8192], faults[2048];

static void put(char *to, size_t cap, struct str s, const char *end)
{
    size_t n = strlen(to);
    snprintf(to + n, cap - n, "%.*s%s", STR_ARG(s), end);
}

static int feed(struct aggregate *a, const char *const *records)
{
    struct select_record recs[SELECT_BATCH];
    struct aggregate_fault f;
    size_t n = 0, at = 0;
    int r;
    for (; records[n]; n++)
        recs[n] = (struct select_record){ str_of(records[n]), NULL };
    while ((r = aggregate_take(a, recs, n, &at, &f, &err)) == 0) {
        put(faults, sizeof(faults), str_of(f.code), " ");
        put(faults, sizeof(faults), f.path, "\n");
    }
    return r == 1 ? 0 : -1;
}

static int run(const char *group, const char *specs, bool sorted,
               const char *const *records)
{
    struct budget b = { 0 };
    struct buf line = { 0 };
    err = (struct err){ 0 };
    out[0] = faults[0] = '\0';
    struct aggregate *a = aggregate_new(&b, &(struct expr_env){ 0 }, &err);
    int r = group ? aggregate_group_by(a, str_of(group), &err) : 0;
    if (r == 0 && specs)
        r = aggregate_compute(a, str_of(specs), &err);
    if (r == 0)
        r = aggregate_begin(a, &err);
    if (r == 0)
        r = feed(a, records);
    if (r == 0)
        r = aggregate_end(a, sorted, &err);
    while (r == 0 && (r = aggregate_next(a, &line, &err)) == 1) {
        put(out, sizeof(out), buf_str(&line), "\n");
        r = 0;
    }
    buf_free(&line);
    aggregate_free(a);
    CHECK(b.used == 0);
    return r;
}

#define RECORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define GIVES(group, specs, records, want)             \
    do {                                               \
        CHECK(run(group, specs, false, records) == 0); \
        CHECK_STR(out, want);                          \
    } while (0)

TEST("ten times 0.1 is exactly 1.0")
{
    const char *r[11] = { 0 };
    for (int i = 0; i < 10; i++)
        r[i] = "{\"x\":0.1}";
    GIVES(NULL, "sum(x), avg(x)", r, "{\"sum_x\":1.0,\"avg_x\":0.1}\n");
}

TEST("a sum keeps the largest scale and every digit")
{
    GIVES(NULL, "sum(x)", RECORDS("{\"x\":1.10}", "{\"x\":2}"),
          "{\"sum_x\":3.10}\n");
    GIVES(NULL, "sum(x)",
          RECORDS("{\"x\":99999999999999999999999999999999999999999}",
                  "{\"x\":1}", "{\"x\":0.000000000000000000000000000000001}"),
          "{\"sum_x\":100000000000000000000000000000000000000000"
          ".000000000000000000000000000000001}\n");
    GIVES(NULL, "sum(x)",
          RECORDS("{\"x\":9223372036854775807}", "{\"x\":9223372036854775807}"),
          "{\"sum_x\":18446744073709551614}\n");
}

TEST("an average is exact where it ends, else rounded half-even to 34 digits")
{
    GIVES(NULL, "a=avg(x)", RECORDS("{\"x\":1}", "{\"x\":2}"), "{\"a\":1.5}\n");
    GIVES(NULL, "a=avg(x)", RECORDS("{\"x\":1}", "{\"x\":0}", "{\"x\":0}"),
          "{\"a\":0.3333333333333333333333333333333333}\n");
    GIVES(NULL, "a=avg(x)", RECORDS("{\"x\":2}", "{\"x\":0}", "{\"x\":0}"),
          "{\"a\":0.6666666666666666666666666666666667}\n");
    GIVES(NULL, "a=avg(x)",
          RECORDS("{\"x\":0.1234567890123456789012345678901234567}"),
          "{\"a\":0.1234567890123456789012345678901235}\n");
}

TEST("null and missing are skipped by every aggregate but count()")
{
    GIVES(NULL,
          "count(),count(x),sum(x),avg(x),min(x),max(x),first(x),last(x),"
          "distinct(x)",
          RECORDS("{\"x\":null}", "{}", "{\"x\":3}", "{\"x\":null}"),
          "{\"count\":4,\"count_x\":1,\"sum_x\":3,\"avg_x\":3,\"min_x\":3,"
          "\"max_x\":3,\"first_x\":3,\"last_x\":3,\"distinct_x\":1}\n");
}

TEST("over nothing counts are 0 and all else null")
{
    GIVES("g",
          "count(),count(x),sum(x),avg(x),min(x),max(x),first(x),last(x),"
          "distinct(x)",
          RECORDS("{\"g\":1,\"x\":null}"),
          "{\"g\":1,\"count\":1,\"count_x\":0,\"sum_x\":null,\"avg_x\":null,"
          "\"min_x\":null,\"max_x\":null,\"first_x\":null,\"last_x\":null,"
          "\"distinct_x\":0}\n");
}

TEST("without records there is one row without -g and none with it")
{
    const char *none[] = { NULL };
    GIVES(NULL, "count(),sum(x)", none, "{\"count\":0,\"sum_x\":null}\n");
    GIVES("g", "count(),sum(x)", none, "");
}

TEST("groups are equal by value, come in first appearance and first spelling")
{
    GIVES("k", "n=count()",
          RECORDS("{\"k\":\"b\"}", "{\"k\":1.10}", "{\"k\":\"\\u0062\"}",
                  "{\"k\":1.1}", "{\"k\":\"1.1\"}", "{\"k\":11e-1}"),
          "{\"k\":\"b\",\"n\":2}\n{\"k\":1.10,\"n\":3}\n"
          "{\"k\":\"1.1\",\"n\":1}\n");
}

TEST("short keys that could look alike are groups of their own")
{
    GIVES("k", "n=count()",
          RECORDS("{\"k\":\"a\"}", "{\"k\":\"a\\u0000\"}", "{\"k\":\"\"}",
                  "{\"k\":0}", "{\"k\":\"\\u0000\"}", "{\"k\":\"0\"}",
                  "{\"k\":-0.0}", "{\"k\":\"\\u0061\"}", "{\"k\":48}",
                  "{\"k\":4.8e1}"),
          "{\"k\":\"a\",\"n\":2}\n{\"k\":\"a\\u0000\",\"n\":1}\n"
          "{\"k\":\"\",\"n\":1}\n{\"k\":0,\"n\":2}\n"
          "{\"k\":\"\\u0000\",\"n\":1}\n{\"k\":\"0\",\"n\":1}\n"
          "{\"k\":48,\"n\":2}\n");
    GIVES("k", "n=count()",
          RECORDS("{\"k\":\"12345678\"}", "{\"k\":\"123456789\"}",
                  "{\"k\":9223372036854775807}", "{\"k\":9223372036854775808}",
                  "{\"k\":\"1234567\\u0038\"}", "{\"k\":\"12345678\\u0039\"}",
                  "{\"k\":9223372036854775808.0}", "{\"k\":-1}"),
          "{\"k\":\"12345678\",\"n\":2}\n{\"k\":\"123456789\",\"n\":2}\n"
          "{\"k\":9223372036854775807,\"n\":1}\n"
          "{\"k\":9223372036854775808,\"n\":2}\n{\"k\":-1,\"n\":1}\n");
}

TEST("null and missing are two groups, and missing stays absent")
{
    GIVES("a,b", "n=count()",
          RECORDS("{\"a\":null,\"b\":1}", "{\"b\":1}", "{\"a\":null}",
                  "{\"b\":1,\"x\":0}", "{}"),
          "{\"a\":null,\"b\":1,\"n\":1}\n{\"b\":1,\"n\":2}\n"
          "{\"a\":null,\"n\":1}\n{\"n\":1}\n");
}

TEST("objects and arrays are keys by value too")
{
    GIVES("k", "n=count()",
          RECORDS("{\"k\":{\"a\":1,\"b\":2}}", "{\"k\":{ \"b\":2.0,\"a\":1 }}",
                  "{\"k\":[1,2]}", "{\"k\":[2,1]}"),
          "{\"k\":{\"a\":1,\"b\":2},\"n\":2}\n{\"k\":[1,2],\"n\":1}\n"
          "{\"k\":[2,1],\"n\":1}\n");
}

TEST("nested keys are named by their last key")
{
    GIVES("c.id,tags[0]", "sum(o.total)",
          RECORDS("{\"c\":{\"id\":7},\"tags\":[\"x\"],\"o\":{\"total\":2}}"),
          "{\"id\":7,\"tags[0]\":\"x\",\"sum_total\":2}\n");
}

TEST("sorted groups go by key: missing, null, numbers by value, strings")
{
    CHECK(run("k", "n=count()", true,
              RECORDS("{\"k\":\"a\"}", "{\"k\":10}", "{\"k\":9}", "{}",
                      "{\"k\":null}", "{\"k\":\"B\"}", "{\"k\":9.5}")) == 0);
    CHECK_STR(out, "{\"n\":1}\n{\"k\":null,\"n\":1}\n{\"k\":9,\"n\":1}\n"
                   "{\"k\":9.5,\"n\":1}\n{\"k\":10,\"n\":1}\n"
                   "{\"k\":\"B\",\"n\":1}\n{\"k\":\"a\",\"n\":1}\n");
    CHECK(run("a,b", NULL, true,
              RECORDS("{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":2}",
                      "{\"a\":1,\"b\":1}")) == 0);
    CHECK_STR(out, "{\"a\":1,\"b\":1}\n{\"a\":1,\"b\":2}\n{\"a\":2,\"b\":1}\n");
}

TEST("min and max compare numbers exactly and keep the first spelling")
{
    GIVES(NULL, "min(x),max(x)",
          RECORDS("{\"x\":9007199254740993}", "{\"x\":9007199254740992}",
                  "{\"x\":9007199254740993.0}", "{\"x\":9007199254740992.00}"),
          "{\"min_x\":9007199254740992,\"max_x\":9007199254740993}\n");
}

TEST("min and max order mixed types as jq does")
{
    GIVES(NULL, "min(x),max(x)",
          RECORDS("{\"x\":\"a\"}", "{\"x\":5}", "{\"x\":true}", "{\"x\":false}",
                  "{\"x\":null}", "{\"x\":[1]}", "{\"x\":{}}"),
          "{\"min_x\":false,\"max_x\":{}}\n");
    GIVES(NULL, "min(x),max(x)",
          RECORDS("{\"x\":\"2026-01-10\"}", "{\"x\":\"2026-01-09\"}",
                  "{\"x\":\"2026-01-1\"}"),
          "{\"min_x\":\"2026-01-09\",\"max_x\":\"2026-01-10\"}\n");
}

TEST("first and last are the first and last value, byte for byte")
{
    GIVES("g", "first(x),last(x)",
          RECORDS("{\"g\":1,\"x\":null}", "{\"g\":1,\"x\":1e400}",
                  "{\"g\":1,\"x\":[ 1.10, -0 ]}", "{\"g\":1}"),
          "{\"g\":1,\"first_x\":1e400,\"last_x\":[ 1.10, -0 ]}\n");
}

TEST("distinct counts values by value, in every group for itself")
{
    GIVES("g", "distinct(x), d2=count(distinct x), count(x)",
          RECORDS("{\"g\":1,\"x\":1}", "{\"g\":1,\"x\":1.0}",
                  "{\"g\":1,\"x\":\"1\"}", "{\"g\":2,\"x\":1}",
                  "{\"g\":1,\"x\":null}", "{\"g\":1,\"x\":\"\\u0031\"}"),
          "{\"g\":1,\"distinct_x\":2,\"d2\":2,\"count_x\":4}\n"
          "{\"g\":2,\"distinct_x\":1,\"d2\":1,\"count_x\":1}\n");
}

TEST("a record that a sum rejects leaves no trace in any aggregate or group")
{
    GIVES("g", "count(),first(n),max(n),distinct(n),sum(x),avg(y)",
          RECORDS("{\"g\":1,\"n\":1,\"x\":1,\"y\":1}",
                  "{\"g\":1,\"n\":2,\"x\":2,\"y\":\"3\"}",
                  "{\"g\":2,\"n\":2,\"x\":true,\"y\":3}",
                  "{\"g\":1,\"n\":3,\"x\":[],\"y\":1}"),
          "{\"g\":1,\"count\":1,\"first_n\":1,\"max_n\":1,\"distinct_n\":1,"
          "\"sum_x\":1,\"avg_y\":1}\n");
    CHECK_STR(faults, "type /y\ntype /x\ntype /x\n");
}

TEST("a number out of range is rejected where it is computed with only")
{
    GIVES(NULL, "count(),sum(x)",
          RECORDS("{\"x\":1}", "{\"x\":1e6145}", "{\"x\":-1e-6145}"),
          "{\"count\":1,\"sum_x\":1}\n");
    CHECK_STR(faults, "number_range /x\nnumber_range /x\n");
    GIVES("x", "count()", RECORDS("{\"x\":1}", "{\"x\":1e6145}"),
          "{\"x\":1,\"count\":1}\n");
    CHECK_STR(faults, "number_range /x\n");
    GIVES(NULL, "distinct(x),max(y)",
          RECORDS("{\"x\":1e9999}", "{\"y\":-1e9999}", "{\"x\":1,\"y\":1}"),
          "{\"distinct_x\":1,\"max_y\":1}\n");
    CHECK_STR(faults, "number_range /x\nnumber_range /y\n");
    GIVES(NULL, "count(x),last(x)", RECORDS("{\"x\":1e9999}"),
          "{\"count_x\":1,\"last_x\":1e9999}\n");
    CHECK_STR(faults, "");
}

TEST("a record that would drive a sum out of range leaves no trace either")
{
    GIVES("g", "count(),sum(x),sum(y)",
          RECORDS("{\"g\":1,\"x\":9e6144,\"y\":9e6144}",
                  "{\"g\":1,\"x\":-1e6144,\"y\":9e6144}",
                  "{\"g\":1,\"x\":-9e6144,\"y\":-9e6144}"),
          "{\"g\":1,\"count\":2,\"sum_x\":0,\"sum_y\":0}\n");
    CHECK_STR(faults, "number_range /y\n");
}

TEST("a duplicate key counts with its last value")
{
    GIVES("g", "sum(x)", RECORDS("{\"g\":1,\"g\":2,\"x\":1,\"x\":5}"),
          "{\"g\":2,\"sum_x\":5}\n");
}

/* ---- the language ---- */

static const char *spec_error(const char *text)
{
    struct aggspecs list = { 0 };
    err = (struct err){ 0 };
    if (aggspec_parse(&list, str_of(text), &err) == 0)
        err.msg[0] = '\0';
    aggspec_free(&list);
    return err.msg;
}

TEST("names are given, or made of function and field")
{
    static const char *const cases[][2] = {
        { "count()", "count" },
        { "count(*)", "count" },
        { "COUNT( * )", "count" },
        { "sum(a.b)", "sum_b" },
        { " n = Max( /a/b~1c ) ", "n" },
        { "max(/a/b~1c)", "max_b/c" },
        { "count(distinct x)", "distinct_x" },
        { "count( DISTINCT  x )", "distinct_x" },
        { "distinct(x)", "distinct_x" },
        { "count(distinct)", "count_distinct" },
        { "first(a[2])", "first_a[2]" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aggspecs list = { 0 };
        CHECK(aggspec_parse(&list, str_of(cases[i][0]), &err) == 0);
        CHECK(list.n == 1);
        CHECK(list.n && str_eq(list.v[0].name, str_of(cases[i][1])));
        aggspec_free(&list);
    }
}

TEST("bad aggregates are refused with the byte where they go wrong")
{
    CHECK_STR(spec_error("sum"),
              "cannot read aggregate 'sum': '(' expected at byte 4");
    CHECK_STR(spec_error("sum(x"),
              "cannot read aggregate 'sum(x': ')' expected at byte 6");
    CHECK_STR(spec_error("sum()"), "cannot read aggregate 'sum()': field or "
                                   "expression expected at byte 5");
    CHECK_STR(spec_error("a=sum(x) b=sum(y)"),
              "cannot read aggregate 'a=sum(x) b=sum(y)': ',' expected at "
              "byte 10");
    CHECK_STR(spec_error("sum(x),"),
              "cannot read aggregate 'sum(x),': name=function(field) expected "
              "at byte 8");
    CHECK(strstr(spec_error("n=meridian(x)"), "no such function"));
    CHECK(strstr(spec_error("n=meridian(x)"), "at byte 3"));
    CHECK(strstr(spec_error("sum(a..b)"), "field path 'a..b'"));
    CHECK(strstr(spec_error(""), "expected at byte 1"));
}

TEST("two output fields of one name are refused")
{
    const char *none[] = { NULL };
    CHECK(run("a.id,b.id", "count()", false, none) == -1);
    CHECK(err.code == ERR_USAGE);
    CHECK_STR(err.msg, "two output fields are called 'id': give one another "
                       "name");
    CHECK(run("n", "n=count()", false, none) == -1);
    CHECK(run(NULL, "sum(x),sum(x)", false, none) == -1);
    CHECK(run(NULL, NULL, false, none) == -1);
    CHECK(err.code == ERR_USAGE);
}

/* ---- cells ---- */

/* Of each size, three cells in a row as in a table, with what is read past the
 * end. */
TEST("a cell takes longer and shorter values in turn, in bounded room")
{
    for (size_t size = CELL_LEAST; size <= CELL_MOST; size += CELL_ALIGN) {
        struct budget b = { 0 };
        struct region side = { .budget = &b };
        char *cells = calloc(1, 3 * size + CELL_PADDING);
        char text[300 + CELL_PADDING];
        for (int i = 0; i < 30000 && !unit_failed; i++) {
            size_t n = i < 5000 ? (size_t)(i * 37 % 50 + 2)
                                : (size_t)(i * 37 % 250 + 2);
            memset(text, 'a' + i % 26, n);
            text[0] = text[n - 1] = '"';
            struct cell *c =
                (struct cell *)(void *)(cells + size * ((size_t)(i % 3)));
            struct str raw = { text, n };
            CHECK((i % 7 ? cell_set(c, size, &side, raw, &err)
                         : cell_set_keyed(c, size, &side, raw, &err)) == 0);
            struct val v = cell_get(c, &side);
            CHECK(v.type == JSON_STRING && v.raw.n == n);
            CHECK(memcmp(v.raw.p, text, n) == 0);
            struct order_key k = cell_key(c, &side), want;
            want = order_key_of((struct val){ JSON_STRING, raw });
            int order = 1;
            CHECK(k.kind == (i % 7 ? ORDER_OTHER : ORDER_STRING));
            if (i % 7 == 0)
                CHECK(order_keys_cmp(k, want, &order) == (n <= 18) &&
                      order == 0);
        }
        CHECK(side.n < 4096);
        region_free(&side);
        free(cells);
    }
}

TEST("past the budget the aggregate fails with a clear error")
{
    struct budget b = { .max = 1 << 20 };
    struct aggregate *a = aggregate_new(&b, &(struct expr_env){ 0 }, &err);
    err = (struct err){ 0 };
    CHECK(aggregate_group_by(a, STR("k"), &err) == 0);
    CHECK(aggregate_compute(a, STR("sum(k)"), &err) == 0);
    CHECK(aggregate_begin(a, &err) == 0);
    int r = 1;
    for (unsigned i = 0; i < 1000000 && r == 1; i++) {
        char record[40];
        struct aggregate_fault f;
        size_t at = 0;
        snprintf(record, sizeof(record), "{\"k\":%u}", i);
        struct select_record rec = { str_of(record), NULL };
        r = aggregate_take(a, &rec, 1, &at, &f, &err);
    }
    CHECK(r == -1 && err.code == ERR_CONFIG);
    CHECK(strstr(err.msg, "--memory") && b.used <= b.max);
    aggregate_free(a);
    CHECK(b.used == 0);
}

struct patience {
    unsigned ticks, last; /* the last that is let pass */
};

static int tick(void *ctx)
{
    struct patience *p = ctx;
    return p->ticks++ < p->last ? 0 : -1;
}

/* Takes 60000 groups past a memory of 1 MiB and counts the results. */
static int run_watched(struct patience *p, unsigned *results)
{
    struct budget b = { 0 };
    struct buf line = { 0 };
    struct aggregate *a = aggregate_new(&b, &(struct expr_env){ 0 }, &err);
    err = (struct err){ 0 };
    *results = 0;
    CHECK(aggregate_group_by(a, STR("k"), &err) == 0);
    CHECK(aggregate_compute(a, STR("sum(k)"), &err) == 0);
    aggregate_spill_to(a, "/tmp", 1 << 20);
    aggregate_watch(a, tick, p);
    CHECK(aggregate_begin(a, &err) == 0);
    int r = 1;
    for (unsigned i = 0; i < 60000 && r == 1; i++) {
        char record[40];
        struct aggregate_fault f;
        size_t at = 0;
        snprintf(record, sizeof(record), "{\"k\":%u}", i);
        struct select_record rec = { str_of(record), NULL };
        r = aggregate_take(a, &rec, 1, &at, &f, &err);
    }
    if (r == 1)
        r = aggregate_end(a, false, &err) ? -1 : 1;
    while (r == 1 && (r = aggregate_next(a, &line, &err)) == 1)
        ++*results;
    buf_free(&line);
    aggregate_free(a);
    CHECK(b.used == 0);
    return r;
}

TEST("who watches can end it wherever groups go to disk or come back")
{
    struct patience all = { .last = UINT_MAX };
    unsigned results;
    CHECK(run_watched(&all, &results) == 0 && results == 60000);
    CHECK(all.ticks > 100);
    for (unsigned last = 0; last < all.ticks; last += all.ticks / 7) {
        struct patience p = { .last = last };
        CHECK(run_watched(&p, &results) == -1 && results == 0);
        CHECK(p.ticks == last + 1 && err.code == ERR_NONE);
    }
}

UNIT_MAIN
