/* Unit tests of query and pgvalue: statements, literals, rows of PostgreSQL. */
#include "json/check.h"
#include "source/pgrow.h"
#include "source/pgvalue.h"
#include "source/query.h"
#include "unit.h"

#include <stdlib.h>

/* ---- statements ---- */

static struct source_query query;
static struct source_cursor cursor;
static bool placed;

/* The statement of these, or "=CODE". */
static const char *statement(const char *sql, const char *from,
                             enum query_dialect d)
{
    static struct buf out;
    struct source_opts o = { .query = &query };
    struct err e = { 0 };
    buf_reset(&out);
    query = (struct source_query){ .sql = sql };
    cursor = (struct source_cursor){ "c", str_of(from ? from : "") };
    o.cursor = from ? &cursor : NULL;
    if (query_sql(&o, d, &out, &placed, &e)) {
        buf_reset(&out);
        buf_addf(&out, "=%d", (int)e.code);
    }
    return buf_z(&out);
}

TEST("{cursor} becomes a literal that cannot end its quotes")
{
    const char *q = "c >= {cursor}, {cursor}";
    CHECK_STR(statement(q, "\"o'x\"", QUERY_POSTGRESQL), "c >= 'o''x', 'o''x'");
    CHECK(placed);
    CHECK_STR(statement(q, "\"\\u0027; DROP\\\\\"", QUERY_SQLITE),
              "c >= '''; DROP\\', '''; DROP\\'");
    CHECK_STR(statement(q, "1.50", QUERY_SQLITE), "c >= 1.50, 1.50");
    CHECK_STR(statement(q, "1.50", QUERY_POSTGRESQL), "c >= '1.50', '1.50'");
    CHECK_STR(statement(q, "", QUERY_POSTGRESQL), "c >= NULL, NULL");
    CHECK_STR(statement(q, "\"a\\u0000b\"", QUERY_POSTGRESQL), "=65");
    CHECK_STR(statement(q, NULL, QUERY_SQLITE), "=64");
}

TEST("what ends a statement is taken off, and nothing inside")
{
    CHECK_STR(statement("SELECT ';' ; \n;", "1", QUERY_SQLITE), "SELECT ';'");
    CHECK(!placed);
    CHECK_STR(statement("SELECT {cursors}", "1", QUERY_SQLITE),
              "SELECT {cursors}");
}

TEST("names are quoted in their parts")
{
    struct source_opts o = { .query = &query };
    struct buf out = { 0 };
    struct err e = { 0 };
    query = (struct source_query){ .table = "a.b\"; DROP" };
    CHECK(query_sql(&o, QUERY_SQLITE, &out, &placed, &e) == 0);
    CHECK_STR(buf_z(&out), "SELECT * FROM \"a\".\"b\"\"; DROP\"");
    buf_reset(&out);
    query_select(&query, STR(""), &out);
    cursor = (struct source_cursor){ "x\"y", STR("7") };
    CHECK(query_since(&cursor, QUERY_POSTGRESQL, " COLLATE \"C\"", &out, &e) ==
          0);
    CHECK_STR(buf_z(&out),
              "SELECT * FROM \"a\".\"b\"\"; DROP\" AS q WHERE q.\"x\"\"y\" "
              "COLLATE \"C\" >= '7' ORDER BY q.\"x\"\"y\" COLLATE \"C\"");
    buf_reset(&out);
    query = (struct source_query){ .sql = "x" };
    query_select(&query, STR("SELECT 1 -- one"), &out);
    CHECK_STR(buf_z(&out), "SELECT * FROM (\nSELECT 1 -- one\n) AS q");
    buf_free(&out);
}

/* ---- values ---- */

static const char *value(enum pgtype_kind kind, bool array, const char *text,
                         unsigned room)
{
    static struct buf out;
    static struct pgvalue v;
    struct pgtype t = { kind, array, ',' };
    const char *why = "";
    buf_reset(&out);
    const char *bad = pgvalue_add(&v, &out, &t, str_of(text), room, &why);
    pgvalue_free(&v);
    return bad ? bad : buf_z(&out);
}

TEST("numbers keep their digits, and are strings where JSON has none")
{
    CHECK_STR(value(PGTYPE_NUMBER, false, "-0.10", 9), "-0.10");
    CHECK_STR(value(PGTYPE_NUMBER, false, "1e+20", 9), "1e+20");
    CHECK_STR(value(PGTYPE_NUMBER, false, "NaN", 9), "\"NaN\"");
    CHECK_STR(value(PGTYPE_NUMBER, false, "-Infinity", 9), "\"-Infinity\"");
    CHECK_STR(value(PGTYPE_NUMBER, false, "", 9), "\"\"");
}

TEST("times have the form of RFC 3339 or stay as they are")
{
    CHECK_STR(value(PGTYPE_TIME, false, "2026-01-31 08:00:00.5+00", 9),
              "\"2026-01-31T08:00:00.5Z\"");
    CHECK_STR(value(PGTYPE_TIME, false, "2026-01-31 08:00:00", 9),
              "\"2026-01-31T08:00:00\"");
    CHECK_STR(value(PGTYPE_TIME, false, "infinity", 9), "\"infinity\"");
    CHECK_STR(value(PGTYPE_TIME, false, "0044-03-15 12:00:00+00 BC", 9),
              "\"0044-03-15 12:00:00+00 BC\"");
    CHECK_STR(value(PGTYPE_TIME, false, "", 9), "\"\"");
}

TEST("arrays nest as deep as they may")
{
    CHECK_STR(value(PGTYPE_NUMBER, true, "{{1,2},{NULL,4}}", 2),
              "[[1,2],[null,4]]");
    CHECK_STR(value(PGTYPE_NUMBER, true, "{{1,2},{NULL,4}}", 1), "too_deep");
    CHECK_STR(value(PGTYPE_NUMBER, true, "[0:1]={1,2}", 1), "[1,2]");
    CHECK_STR(
        value(PGTYPE_TEXT, true, "{\"a\\\"b\\\\\",NULL,\"NULL\",\"\"}", 1),
        "[\"a\\\"b\\\\\",null,\"NULL\",\"\"]");
    CHECK_STR(value(PGTYPE_JSON, true, "{\"{\\\"a\\\":[1]}\"}", 3),
              "[{\"a\":[1]}]");
    CHECK_STR(value(PGTYPE_JSON, true, "{\"{\\\"a\\\":[1]}\"}", 2), "too_deep");
    CHECK_STR(value(PGTYPE_BYTES, true, "{\"\\\\x00ff\"}", 1), "[\"AP8=\"]");
}

TEST("every beginning of an array's text ends within its bytes, as JSON or not")
{
    const char *whole = "[0:1]={{\"a\\\"\",NULL},{b,\"\\\\\"}}";
    for (size_t n = 0; n <= strlen(whole); n++) {
        struct pgvalue v = { 0 };
        struct buf out = { 0 };
        struct pgtype t = { PGTYPE_TEXT, true, ',' };
        const char *why = "";
        char *copy = malloc(n + 1); /* for the sanitizer */
        memcpy(copy, whole, n);
        pgvalue_add(&v, &out, &t, (struct str){ copy, n }, 9, &why);
        size_t open = 0, closed = 0;
        for (size_t i = 0; i < out.n; i++) {
            open += out.p[i] == '[';
            closed += out.p[i] == ']';
        }
        CHECK(n < 7 || open == closed);
        free(copy);
        buf_free(&out);
        pgvalue_free(&v);
    }
}

/* ---- lines of COPY ---- */

/* Reads a line as one of two columns, "a" a number and "b" of a kind. */
static const char *copied(enum pgtype_kind kind, const char *line, size_t max)
{
    static struct buf out;
    struct pgtype types[2] = { { PGTYPE_NUMBER, false, ',' },
                               { kind, false, ',' } };
    struct pgrow r = { .max_record = max, .max_depth = 3 };
    struct query_rows rows = { 0 };
    struct err e = { 0 };
    CHECK(query_column(&r.columns, "a", &e) == 0);
    CHECK(query_column(&r.columns, "b/c", &e) == 0);
    r.types = types;
    buf_reset(&out);
    if (pgrow_copy(&r, str_of(line), &rows, &e))
        buf_addf(&out, "=%d", (int)e.code);
    else if (rows.rejected)
        buf_addf(&out, "!%s %.*s", rows.fault.code, STR_ARG(rows.fault.path));
    else
        buf_add_str(&out, buf_str(&rows.text));
    r.types = NULL;
    pgrow_free(&r);
    query_rows_free(&rows);
    return buf_z(&out);
}

TEST("a line of COPY is a record")
{
    CHECK_STR(copied(PGTYPE_TEXT, "1\tx", 99), "{\"a\":1,\"b/c\":\"x\"}\n");
    CHECK_STR(copied(PGTYPE_TEXT, "\\N\t", 99), "{\"a\":null,\"b/c\":\"\"}\n");
    CHECK_STR(copied(PGTYPE_TEXT, "1\t\\\\N\\t\\n\\v\"", 99),
              "{\"a\":1,\"b/c\":\"\\\\N\\t\\n\\u000b\\\"\"}\n");
    CHECK_STR(copied(PGTYPE_BYTES, "1\t\\\\x6869", 99),
              "{\"a\":1,\"b/c\":\"aGk=\"}\n");
    CHECK_STR(copied(PGTYPE_JSON, "1\t{\"x\":\\n[1]}", 99),
              "{\"a\":1,\"b/c\":{\"x\": [1]}}\n");
}

TEST("a row that may be no record is rejected, by name")
{
    CHECK_STR(copied(PGTYPE_TEXT, "1\txxxxxxxxxxxxxxxxxxx", 20), "!too_long ");
    CHECK_STR(copied(PGTYPE_TEXT, "1\t\xff", 99), "!invalid_utf8 /b~1c");
    CHECK_STR(copied(PGTYPE_JSON, "1\t[[[1]]]", 99), "!too_deep /b~1c");
}

TEST("a line with other columns is no row")
{
    CHECK_STR(copied(PGTYPE_TEXT, "1", 99), "=65");
    CHECK_STR(copied(PGTYPE_TEXT, "1\t2\t3", 99), "=65");
    CHECK_STR(copied(PGTYPE_TEXT, "", 99), "=65");
}

/* ---- blocks ---- */

TEST("a rejected row comes behind the records before it")
{
    struct source_opts o = { .max_record = 9 };
    struct query_rows r = { 0 };
    struct source_item item;
    struct err e = { 0 };
    buf_addz(&r.text, "{}");
    CHECK(query_row(&r, 0, 9, &e) == 0 && !query_full(&r, &o));
    buf_addz(&r.text, "{}");
    CHECK(query_row(&r, 3, 9, &e) == 0);
    buf_addz(&r.text, "{\"a\":\"0123\"}");
    CHECK(query_row(&r, 6, 9, &e) == 0 && query_full(&r, &o));
    CHECK(query_item(&r, &item) == 1 && item.kind == SOURCE_RECORDS);
    CHECK(item.count == 2 && str_eq(item.text, STR("{}\n{}\n")));
    query_begin(&r);
    CHECK(query_full(&r, &o));
    CHECK(query_item(&r, &item) == 1 && item.kind == SOURCE_REJECT);
    query_begin(&r);
    CHECK(!query_full(&r, &o) && query_item(&r, &item) == 0);
    buf_addz(&r.text, "{}");
    o.each = true;
    CHECK(query_row(&r, 0, 9, &e) == 0 && query_full(&r, &o));
    CHECK(query_item(&r, &item) == 1 && item.kind == SOURCE_RECORD);
    CHECK(str_eq(item.text, STR("{}")));
    query_rows_free(&r);
}

UNIT_MAIN
