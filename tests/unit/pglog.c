/* Change streams of PostgreSQL: messages of pgoutput, the events made of them,
 * values, places in the log, lines of COPY. */
#include "unit.h"

#include "base/buf.h"
#include "json/check.h"
#include "pglog/lsn.h"
#include "pglog/pgevent.h"
#include "pglog/pgforms.h"
#include "pglog/pgoutput.h"
#include "pglog/slot.h"
#include "pglog/snapshot.h"
#include "source/pgvalue.h"

#include <stdlib.h>

/* ---- messages by hand ---- */

static struct buf wire;

static void num(uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buf_addc(&wire, (char)(v >> (8 * i) & 0xff));
}

static void name(const char *z)
{
    buf_add(&wire, z, strlen(z) + 1);
}

static void start(char type)
{
    buf_reset(&wire);
    buf_addc(&wire, type);
}

/* Values of a row: "n" null, "u" unchanged, "t..." text. */
static void row(char part, int n, const char *const *v)
{
    buf_addc(&wire, part);
    num((uint64_t)n, 2);
    for (int i = 0; i < n; i++) {
        buf_addc(&wire, v[i][0]);
        if (v[i][0] == 't') {
            num(strlen(v[i]) - 1, 4);
            buf_addz(&wire, v[i] + 1);
        }
    }
}

#define ROW(part, ...)                                                  \
    row(part, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
        (const char *[]){ __VA_ARGS__ })

static struct pgoutput *d;
static struct pgoutput_message m;
static struct err err;

static int read_wire(void)
{
    err = (struct err){ 0 };
    return pgoutput_read(d, buf_str(&wire), &m, &err);
}

/* A table public.t(id int4 key, v text, big text, n numeric). */
static int describe(char identity)
{
    static const struct {
        const char *name;
        uint32_t type;
    } columns[] = { { "id", 23 }, { "v", 25 }, { "big", 25 }, { "n", 1700 } };
    start('R');
    num(7, 4);
    name("public");
    name("t");
    buf_addc(&wire, identity);
    num(4, 2);
    for (int i = 0; i < 4; i++) {
        num(i == 0 || identity == 'f', 1);
        name(columns[i].name);
        num(columns[i].type, 4);
        num(UINT32_MAX, 4);
    }
    return read_wire();
}

static int begin(void)
{
    start('B');
    num(0x100000200, 8);
    num(1000000, 8);
    num(42, 4);
    return read_wire();
}

static int commit(void)
{
    start('C');
    num(0, 1);
    num(0x100000200, 8);
    num(0x100000230, 8);
    num(1000000, 8);
    return read_wire();
}

static void change(char type)
{
    start(type);
    num(7, 4);
}

static void setup(char identity)
{
    d = pgoutput_new();
    CHECK(describe(identity) == 0 && begin() == 0);
}

static void teardown(void)
{
    pgoutput_free(d);
    buf_free(&wire);
}

/* The event of the message that was read. */
static const char *event(void)
{
    static char out[4096];
    static struct pgvalue room;
    static const struct pgevent_source source = { .db = { "\"shop\"", 6 },
                                                  .lsn = 99,
                                                  .at_us = 1500,
                                                  .xid = 42,
                                                  .room = &room };
    struct json_fault f;
    struct buf b = { 0 };
    const struct relation *rel =
        m.n_truncated ? m.truncated[m.n_truncated - 1] : m.relation;
    CHECK(pgevent_add(&b, m.kind, rel, &m.before, &m.after, &source) == 0);
    CHECK(json_check_object(buf_str(&b), 10, &f) == 0);
    snprintf(out, sizeof(out), "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return out;
}

#define SOURCE                                                      \
    "\"source\":{\"connector\":\"postgresql\",\"db\":\"shop\","     \
    "\"schema\":\"public\",\"table\":\"t\",\"txId\":42,\"lsn\":99," \
    "\"ts_ms\":1,\"ts_us\":1500,\"snapshot\":\"false\"}"

TEST("a transaction: place, time and number of its commit")
{
    setup('d');
    CHECK(m.kind == PGOUTPUT_BEGIN && m.lsn == 0x100000200 && m.xid == 42);
    CHECK(m.at_us == INT64_C(946684801000000));
    CHECK(commit() == 0);
    CHECK(m.kind == PGOUTPUT_COMMIT && m.end_lsn == 0x100000230);
    teardown();
}

TEST("an insert has its row, numbers as numbers")
{
    setup('d');
    change('I');
    ROW('N', "t1", "ta\"b", "n", "t1.50");
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_INSERT);
    CHECK_STR(event(), "{\"before\":null,\"after\":{\"id\":1,\"v\":\"a\\\"b\","
                       "\"big\":null,\"n\":1.50}," SOURCE ",\"op\":\"c\"}");
    teardown();
}

TEST("an update leaves out a large value that was not sent")
{
    setup('d');
    change('U');
    ROW('N', "t1", "tb", "u", "tNaN");
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_UPDATE);
    CHECK_STR(event(), "{\"before\":null,\"after\":{\"id\":1,\"v\":\"b\","
                       "\"n\":\"NaN\"}," SOURCE ",\"op\":\"u\"}");
    teardown();
}

TEST("an update of the key tells the key that was, and nothing of the rest")
{
    setup('d');
    change('U');
    ROW('K', "t1", "n", "n", "n");
    ROW('N', "t2", "tb", "u", "n");
    CHECK(read_wire() == 0);
    CHECK_STR(event(), "{\"before\":{\"id\":1},\"after\":{\"id\":2,\"v\":\"b\","
                       "\"n\":null}," SOURCE ",\"op\":\"u\"}");
    teardown();
}

TEST("under a full identity the large value is taken from the row before")
{
    setup('f');
    change('U');
    ROW('O', "t1", "n", "tBIG", "t3");
    ROW('N', "t1", "tb", "u", "t4");
    CHECK(read_wire() == 0);
    CHECK_STR(event(),
              "{\"before\":{\"id\":1,\"v\":null,\"big\":\"BIG\",\"n\":3},"
              "\"after\":{\"id\":1,\"v\":\"b\",\"big\":\"BIG\",\"n\":4}," SOURCE
              ",\"op\":\"u\"}");
    teardown();
}

TEST("a type that is not the server's own is text, until its form is known")
{
    struct pgform list = { 1007, { PGTYPE_NUMBER, true, ',' } };
    struct pgforms forms = { &list, 1, 1 };
    d = pgoutput_new();
    start('R');
    num(7, 4);
    name("public");
    name("t");
    buf_addc(&wire, 'd');
    num(2, 2);
    for (int i = 0; i < 2; i++) {
        num(i == 0, 1);
        name(i ? "a" : "id");
        num(i ? 1007 : 23, 4);
        num(UINT32_MAX, 4);
    }
    CHECK(read_wire() == 0 && m.described);
    struct relation *r = m.described;
    CHECK(begin() == 0 && !m.described);
    change('I');
    ROW('N', "t1", "t{1,NULL}");
    CHECK(read_wire() == 0);
    CHECK(strstr(event(), "\"a\":\"{1,NULL}\""));
    CHECK(!pgforms_fill(&(struct pgforms){ 0 }, r) && pgforms_fill(&forms, r));
    CHECK(strstr(event(), "\"after\":{\"id\":1,\"a\":[1,null]}"));
    teardown();
}

TEST("a delete has the key; a truncation names its tables")
{
    setup('d');
    change('D');
    ROW('K', "t5", "n", "n", "n");
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_DELETE);
    CHECK_STR(event(),
              "{\"before\":{\"id\":5},\"after\":null," SOURCE ",\"op\":\"d\"}");
    start('T');
    num(2, 4);
    num(0, 1);
    num(7, 4);
    num(7, 4);
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_TRUNCATE);
    CHECK(m.n_truncated == 2);
    CHECK_STR(event(),
              "{\"before\":null,\"after\":null," SOURCE ",\"op\":\"t\"}");
    teardown();
}

TEST("a table that is described again has its new columns")
{
    setup('d');
    start('R');
    num(7, 4);
    name("public");
    name("t");
    buf_addc(&wire, 'd');
    num(2, 2);
    for (int i = 0; i < 2; i++) {
        num(i == 0, 1);
        name(i ? "added" : "id");
        num(16 + 7 * (i == 0), 4);
        num(0, 4);
    }
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_NOTICE);
    change('I');
    ROW('N', "t1", "tt");
    CHECK(read_wire() == 0);
    CHECK_STR(event(),
              "{\"before\":null,\"after\":{\"id\":1,\"added\":true}," SOURCE
              ",\"op\":\"c\"}");
    change('I');
    ROW('N', "t1", "ta", "n", "n");
    CHECK(read_wire() == -1 && err.code == ERR_DATA);
    teardown();
}

TEST("types, origins and messages are no changes")
{
    setup('d');
    start('Y');
    num(77, 4);
    name("public");
    name("mood");
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_NOTICE);
    start('O');
    num(1, 8);
    name("elsewhere");
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_NOTICE);
    start('M');
    num(1, 1);
    num(1, 8);
    name("prefix");
    num(3, 4);
    buf_addz(&wire, "abc");
    CHECK(read_wire() == 0 && m.kind == PGOUTPUT_NOTICE);
    teardown();
}

TEST("what is out of its place is refused: changes, begins, commits, tables")
{
    d = pgoutput_new();
    CHECK(describe('d') == 0);
    change('I');
    ROW('N', "t1", "n", "n", "n");
    CHECK(read_wire() == -1 && err.code == ERR_DATA);
    CHECK(commit() == -1);
    CHECK(begin() == 0);
    CHECK(begin() == -1);
    start('I');
    num(8, 4);
    ROW('N', "t1");
    CHECK(read_wire() == -1);
    CHECK(strstr(err.msg, "was not described"));
    start('?');
    CHECK(read_wire() == -1);
    start('S'); /* a streamed transaction, which was not asked for */
    num(1, 4);
    num(1, 1);
    CHECK(read_wire() == -1);
    teardown();
}

TEST("every message that is cut, or has a byte too many, is refused")
{
    setup('d');
    for (int kind = 0; kind < 4; kind++) {
        change("IUDT"[kind]);
        if (kind == 3) {
            buf_reset(&wire);
            buf_addc(&wire, 'T');
            num(1, 4);
            num(1, 1);
            num(7, 4);
        } else {
            if (kind)
                ROW('K', "t1", "n", "n", "n");
            if (kind < 2)
                ROW('N', "t1", "tlonger", "u", "t1.5");
        }
        size_t whole = wire.n;
        CHECK(read_wire() == 0);
        for (size_t n = 0; n < whole; n++) {
            wire.n = n;
            CHECK(read_wire() == -1 && err.code == ERR_DATA);
        }
        wire.n = whole;
        buf_addc(&wire, 'x');
        CHECK(read_wire() == -1);
    }
    teardown();
}

TEST("a table without key columns, or of identity nothing, has no key")
{
    struct relation *r = relation_new(1, 'd', STR("s"), STR("t"), 1);
    CHECK(r && relation_name_column(r, 0, STR("a"), STR("")) == 0);
    CHECK(!relation_has_key(r));
    r->columns[0].key = true;
    CHECK(relation_has_key(r));
    r->identity = 'n';
    CHECK(!relation_has_key(r));
    relation_free(r);
}

TEST("a thousand tables are found by their numbers, the last description each")
{
    struct relations rs = { 0 };
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t oid = (i * 7919) % 1000;
        struct relation *r =
            relation_new(oid, i < 1000 ? 'd' : 'f', STR("s"), STR("t"), 0);
        CHECK(r && relations_put(&rs, r, &err) == 0);
    }
    CHECK(rs.n == 1000);
    for (uint32_t oid = 0; oid < 1000; oid++) {
        const struct relation *r = relations_find(&rs, oid);
        CHECK(r && r->oid == oid && r->identity == 'f');
    }
    CHECK(!relations_find(&rs, 1000));
    relations_free(&rs);
}

TEST("wal2json's form of a snapshot's rows")
{
    struct pgoutput_value v[] = { { PGOUTPUT_TEXT, STR("1") },
                                  { PGOUTPUT_TEXT, STR("NaN") },
                                  { PGOUTPUT_TEXT, STR("\\x0aFF") },
                                  { PGOUTPUT_NULL, STR("") } };
    static const uint32_t types[] = { 23, 701, 17, 16 };
    static const char *const names[] = { "id", "f", "b", "o" };
    struct relation *r = relation_new(1, 'd', STR("s\""), STR("t"), 4);
    struct pgoutput_row of = { v, 4, false };
    struct buf b = { 0 };
    CHECK(r != NULL);
    if (!r)
        return;
    for (size_t i = 0; i < 4; i++) {
        r->columns[i].type = types[i];
        CHECK(relation_name_column(r, i, str_of(names[i]), STR("x")) == 0);
    }
    CHECK(pgevent_add_wal2json(&b, r, &of, 0x1600000010) == 0);
    CHECK_STR(buf_z(&b),
              "{\"action\":\"I\",\"lsn\":\"16/10\",\"schema\":\"s\\\"\","
              "\"table\":\"t\",\"columns\":["
              "{\"name\":\"id\",\"type\":\"x\",\"value\":1},"
              "{\"name\":\"f\",\"type\":\"x\",\"value\":null},"
              "{\"name\":\"b\",\"type\":\"x\",\"value\":\"0aFF\"},"
              "{\"name\":\"o\",\"type\":\"x\",\"value\":null}]}");
    of = (struct pgoutput_row){ 0 };
    buf_reset(&b);
    CHECK(pgevent_add_wal2json(&b, r, &of, 1) == 0);
    CHECK_STR(buf_z(&b), "{\"action\":\"T\",\"lsn\":\"0/1\","
                         "\"schema\":\"s\\\"\",\"table\":\"t\"}");
    buf_free(&b);
    relation_free(r);
}

TEST("places in the log: both halves in hex, nothing else")
{
    uint64_t lsn;
    char text[LSN_TEXT];
    CHECK(lsn_parse(STR("16/B374D848"), &lsn) && lsn == 0x16B374D848);
    CHECK_STR(lsn_format(text, lsn), "16/B374D848");
    CHECK(lsn_parse(STR("FFFFFFFF/FFFFFFFF"), &lsn) && lsn == UINT64_MAX);
    CHECK_STR(lsn_format(text, lsn), "FFFFFFFF/FFFFFFFF");
    CHECK(lsn_parse(STR("0/0"), &lsn) && lsn == 0);
    static const char *const bad[] = {
        "",    "/",    "1",           "1/",          "/1",  "1/2/3",
        "1/g", "1/2 ", "123456789/0", "0/123456789", "-1/2"
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(!lsn_parse(str_of(bad[i]), &lsn));
}

static const char *split(const char *text, size_t n)
{
    static char out[256];
    char line[128];
    struct pgoutput_value v[8];
    size_t used = 0;
    snprintf(line, sizeof(line), "%s", text);
    if (snapshot_split(line, strlen(line), v, n))
        return "refused";
    *out = '\0';
    for (size_t i = 0; i < n; i++)
        used +=
            (size_t)snprintf(out + used, sizeof(out) - used, "[%.*s]",
                             v[i].kind == PGOUTPUT_NULL ? 4 : (int)v[i].text.n,
                             v[i].kind == PGOUTPUT_NULL ? "NULL" : v[i].text.p);
    return out;
}

TEST("a line of COPY is its values, null and the empty string apart")
{
    CHECK_STR(split("1\ta\n", 2), "[1][a]");
    CHECK_STR(split("\\N\t\t\\\\N\tN\n", 4), "[NULL][][\\N][N]");
    CHECK_STR(split("a\\tb\\nc\\\\d\\r\n", 1), "[a\tb\nc\\d\r]");
    CHECK_STR(split("\\N", 1), "[NULL]");
    CHECK_STR(split("\n", 1), "[]");
    CHECK_STR(split("1\t2\n", 1), "refused");
    CHECK_STR(split("1\t2\n", 3), "refused");
    CHECK_STR(split("\n", 0), "");
    CHECK_STR(split("1\n", 0), "refused");
}

TEST("names of slots are what the server takes")
{
    char longest[65];
    memset(longest, 'a', 64);
    longest[64] = '\0';
    CHECK(!slot_name_valid(longest));
    CHECK(slot_name_valid(longest + 1));
    CHECK(slot_name_valid("a_1"));
    CHECK(!slot_name_valid("") && !slot_name_valid("A") &&
          !slot_name_valid("a b") && !slot_name_valid("a;b"));
}

UNIT_MAIN
