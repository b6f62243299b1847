#include "unit.h"

#include "position/frontier.h"
#include "position/srcmark.h"

#include <stdlib.h>

static struct err e;

#define CHECK_BYTES(have, want) CHECK(str_eq(have, want))

static int cmp(enum position_kind kind, const char *a, const char *b)
{
    bool order;
    int c = position_cmp(kind, str_of(a), str_of(b), &order);
    return order ? (c > 0) - (c < 0) : 9;
}

TEST("values compare by their kind")
{
    CHECK(cmp(POSITION_NUMBER, "9", "10") == -1);
    CHECK(cmp(POSITION_NUMBER, "1.0", "1") == 0);
    CHECK(cmp(POSITION_NUMBER, "9007199254740993", "9007199254740992") == 1);
    CHECK(cmp(POSITION_TEXT, "\"9\"", "\"10\"") == 1);
    CHECK(cmp(POSITION_TIME, "\"2026-01-01T01:00:00+01:00\"",
              "\"2026-01-01T00:00:00Z\"") == 0);
    CHECK(cmp(POSITION_TIME, "\"2026-01-01\"", "\"x\"") == 9);
    CHECK(cmp(POSITION_LSN, "\"A/0\"", "\"9/FFFFFFFF\"") == 1);
    CHECK(cmp(POSITION_LSN, "\"0/FF\"", "\"0/100\"") == -1);
    CHECK(cmp(POSITION_LSN, "\"0/FG\"", "\"0/100\"") == 9);
    CHECK(cmp(POSITION_ID, "\"9-10\"", "\"10-2\"") == -1);
    CHECK(cmp(POSITION_ID, "\"10-10\"", "\"10-2\"") == 1);
    CHECK(cmp(POSITION_MARK, "\"a\"", "\"b\"") == 9);
    CHECK(cmp(POSITION_NUMBER, "\"1\"", "2") == 9);
}

TEST("a scalar tells its kind")
{
    CHECK(position_kind_of(STR("1.5")) == POSITION_NUMBER);
    CHECK(position_kind_of(STR("\"16/B374D848\"")) == POSITION_LSN);
    CHECK(position_kind_of(STR("\"2026-01-01 10:00:00\"")) == POSITION_TIME);
    CHECK(position_kind_of(STR("\"2026-01\"")) == POSITION_TEXT);
    CHECK(position_kind_of(STR("\"\"")) == POSITION_TEXT);
}

static void written(const struct positions *ps, struct buf *b)
{
    buf_reset(b);
    CHECK(positions_write(ps, b) == 0);
}

TEST("what is written is read again, and garbage changes nothing")
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"positions\":1}",
        "{\"positions\":[1]}",
        "{\"positions\":[{\"partition\":\"\",\"kind\":\"x\",\"value\":1}]}",
        "{\"positions\":[{\"partition\":1,\"kind\":\"text\",\"value\":1}]}",
        "{\"positions\":[{\"partition\":\"\",\"kind\":\"text\",\"value\":[]}]}",
        "{\"positions\":[{\"partition\":\"\",\"kind\":\"text\"}]}",
        "{\"positions\":[{\"partition\":\"\",\"kind\":\"text\",\"value\":\"\","
        "\"ties\":[\"12\"]}]}",
    };
    struct positions a, b;
    struct buf text = { 0 }, again = { 0 };
    CHECK(positions_init(&a, STR("a\"b"), &e) == 0);
    CHECK(positions_init(&b, STR("a\"b"), &e) == 0);
    struct position *p = positions_at(&a, STR("3"), &e);
    CHECK(position_set(p, POSITION_NUMBER, STR("12"), &e) == 0);
    CHECK(position_tie(p, (struct hash128){ 1, 2 }, 0, &e) == 1);
    CHECK(position_tie(p, (struct hash128){ 1, 2 }, 0, &e) == 0);
    CHECK(position_tie(p, (struct hash128){ 3, 4 }, -7, &e) == 1);
    CHECK(position_start(p, STR("5"), &e) == 0);
    p->rewind = true;
    p->lag = 60;
    p = positions_at(&a, STR("t\n"), &e);
    CHECK(position_set(p, POSITION_TEXT, STR("\"x\""), &e) == 0);
    written(&a, &text);
    CHECK(positions_read(&b, buf_str(&text), &e) == 0);
    written(&b, &again);
    CHECK_BYTES(buf_str(&again), buf_str(&text));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(positions_read(&b, str_of(bad[i]), &e) == -1);
    written(&b, &again);
    CHECK_BYTES(buf_str(&again), buf_str(&text));
    positions_free(&a);
    positions_free(&b);
    buf_free(&text);
    buf_free(&again);
}

TEST("thousands of ties are found, and no others")
{
    struct position p = { 0 };
    for (uint64_t i = 1; i <= 5000; i++)
        CHECK(position_tie(&p, (struct hash128){ i * 77, i }, 0, &e) == 1);
    for (uint64_t i = 1; i <= 5000; i++) {
        CHECK(position_is_tie(&p, (struct hash128){ i * 77, i }));
        CHECK(!position_is_tie(&p, (struct hash128){ i * 77, i + 1 }));
    }
    CHECK(position_set(&p, POSITION_NUMBER, STR("1"), &e) == 0);
    CHECK(!position_is_tie(&p, (struct hash128){ 77, 1 }));
    struct positions own = { .v = &p, .n = 1 };
    positions_clear(&own);
}

TEST("a load goes on where the target is, or is refused")
{
    struct positions ps;
    CHECK(positions_init(&ps, STR("s"), &e) == 0);
    struct position *stored = positions_at(&ps, STR("a"), &e);
    CHECK(position_set(stored, POSITION_NUMBER, STR("10"), &e) == 0);
    struct position next = { .kind = POSITION_NUMBER, .value = STR("12") };
    CHECK(position_judge(NULL, &next, STR("s"), &e) == 1);
    CHECK(position_judge(stored, &next, STR("s"), &e) == -1);
    CHECK(e.code == ERR_CONFIG);
    next.from = STR("10.0");
    CHECK(position_judge(stored, &next, STR("s"), &e) == 1);
    next.from = STR("9");
    CHECK(position_judge(stored, &next, STR("s"), &e) == -1);
    CHECK(e.code == ERR_TEMPFAIL);
    next.rewind = true;
    CHECK(position_judge(stored, &next, STR("s"), &e) == 1);
    positions_free(&ps);
}

/* Adds the field to record and takes it off again. */
static void round_trip(const char *record, const struct srcmark *m)
{
    struct buf out = { 0 }, scratch = { 0 };
    struct srcmark got;
    struct str rest;
    size_t n = 0;
    CHECK(srcmark_add(&out, str_of(record), m) == 0);
    CHECK(srcmark_find(buf_str(&out), false, &got, &n, &rest, &scratch, &e) ==
          1);
    CHECK_BYTES(((struct str){ out.p, n }),
                ((struct str){ record, strlen(record) - 1 }));
    CHECK_BYTES(rest, STR("}"));
    CHECK_BYTES(got.source, m->source);
    CHECK_BYTES(got.partition, m->partition);
    CHECK_BYTES(got.value, m->value);
    CHECK_BYTES(got.from, m->from);
    CHECK(got.kind == m->kind && got.rewind == m->rewind);
    CHECK(got.cursor == m->cursor && got.lag == m->lag);
    CHECK(!m->cursor || (got.tie.lo == m->tie.lo && got.tie.hi == m->tie.hi));
    buf_free(&out);
    buf_free(&scratch);
}

TEST("the field _src comes off as it was put on")
{
    struct srcmark m = { .source = STR("k\"://{date}"),
                         .partition = STR("t/3"),
                         .kind = POSITION_NUMBER,
                         .value = STR("12"),
                         .from = STR("") };
    round_trip("{}", &m);
    round_trip("{\"a\":{\"_src\":{}}}", &m);
    m.from = STR("7");
    m.rewind = m.cursor = true;
    m.lag = 300;
    m.tie = (struct hash128){ 0x1234567890abcdef, 5 };
    round_trip("{\"a\":[1,{}],\"b\":\"}{\"}", &m);
    m.kind = POSITION_TEXT;
    m.value = STR("\"plain\"");
    round_trip("{\"a\":1}", &m);
    m.value = STR("");
    m.cursor = false;
    round_trip("{\"a\":1}", &m);
}

/* The record, with the field in the place of @. */
static void check_within(const char *record, bool everywhere, const char *want)
{
    static const char field[] =
        "\"_src\":{\"source\":\"s}\",\"partition\":\"\",\"kind\":\"number\","
        "\"value\":1}";
    struct buf in = { 0 }, have = { 0 }, scratch = { 0 };
    struct srcmark m;
    struct str rest;
    size_t n;
    const char *at = strchr(record, '@');
    buf_add(&in, record, (size_t)(at - record));
    buf_addz(&in, field);
    buf_addz(&in, at + 1);
    int r = srcmark_find(buf_str(&in), everywhere, &m, &n, &rest, &scratch, &e);
    CHECK(r == (want != NULL));
    if (r > 0 && want) {
        buf_add(&have, in.p, n);
        buf_add_str(&have, rest);
        CHECK_BYTES(buf_str(&have), str_of(want));
        CHECK_BYTES(m.source, STR("s}"));
    }
    buf_free(&in);
    buf_free(&have);
    buf_free(&scratch);
}

TEST("fields behind _src stay, and one deeper in a record is not it")
{
    check_within("{\"a\":1,@,\"b\":2}", true, "{\"a\":1,\"b\":2}");
    check_within("{@,\"b\":{\"c\":{}}}", true, "{\"b\":{\"c\":{}}}");
    check_within("{ @ , \"b\":\"}}\"}", true, "{ \"b\":\"}}\"}");
    check_within("{\"a\":1 , @ }", true, "{\"a\":1}");
    check_within("{@}", true, "{}");
    check_within("{\"a\":1,@,\"b\":2}", false, NULL);
    check_within("{\"x\":{\"a\":1,@}}", true, NULL);
    check_within("{\"x\":{\"a\":1,@}}", false, NULL);
    check_within("{\"x\":[{@}]}", true, NULL);
}

TEST("a record without it is left alone")
{
    static const char *const records[] = {
        "{}",
        "{\"_src\":1}",
        "{\"_src\":{}}",
        "{\"a\":{\"_src\":{}}}",
        "{\"_src\":{\"source\":\"s\",\"kind\":\"text\",\"value\":1}}",
        "{\"a\":\"_src\",\"b\":{}}",
    };
    struct buf scratch = { 0 };
    struct srcmark m;
    struct str rest;
    size_t n;
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++)
        CHECK(srcmark_find(str_of(records[i]), true, &m, &n, &rest, &scratch,
                           &e) == 0);
    buf_free(&scratch);
}

TEST("what a stage has written anew is found too")
{
    struct str r = STR("{\"a\": 1, \"_src\": {\"source\": \"s{\", "
                       "\"partition\": \"\", \"kind\": \"text\", "
                       "\"value\": \"{\"}}");
    struct buf scratch = { 0 };
    struct srcmark m;
    struct str rest;
    size_t n;
    CHECK(srcmark_find(r, true, &m, &n, &rest, &scratch, &e) == 1);
    CHECK_BYTES(m.source, STR("s{"));
    CHECK_BYTES(((struct str){ r.p, n }), STR("{\"a\": 1"));
    CHECK_BYTES(rest, STR("}"));
    buf_free(&scratch);
}

static void take(struct frontier *f, struct position *p, const char *v,
                 uint64_t id)
{
    CHECK(frontier_take(f, p, POSITION_NUMBER, str_of(v),
                        (struct hash128){ id, 1 }, &e) == 0);
}

TEST("the frontier is the greatest value and the records about it")
{
    for (int lag = 0; lag <= 5; lag += 5) {
        struct positions ps;
        CHECK(positions_init(&ps, STR("s"), &e) == 0);
        struct position *p = positions_at(&ps, STR(""), &e);
        struct frontier f = { .lag = (uint64_t)lag };
        take(&f, p, "3", 1);
        take(&f, p, "9", 2);
        take(&f, p, "4", 3);
        take(&f, p, "5", 4);
        take(&f, p, "9.0", 5);
        CHECK(frontier_settle(&f, p, &e) == 0);
        CHECK_BYTES(p->value, STR("9"));
        CHECK(position_is_tie(p, (struct hash128){ 2, 1 }));
        CHECK(position_is_tie(p, (struct hash128){ 5, 1 }));
        CHECK(position_is_tie(p, (struct hash128){ 3, 1 }) == (lag > 0));
        CHECK(!position_is_tie(p, (struct hash128){ 1, 1 }));
        struct position next = { .kind = POSITION_NUMBER,
                                 .value = STR("10"),
                                 .lag = (uint64_t)lag };
        CHECK(frontier_merge(&next, p, &e) == 0);
        CHECK(next.n_ties == (lag ? 3 : 0));
        free(next.ties);
        frontier_free(&f);
        positions_free(&ps);
    }
}

TEST("a frontier keeps what is within its lag, not all that it has seen")
{
    struct positions ps;
    struct frontier f = { .lag = 5 };
    char text[24];
    CHECK(positions_init(&ps, STR("s"), &e) == 0);
    struct position *p = positions_at(&ps, STR(""), &e);
    for (uint64_t i = 1; i <= 100000; i++) {
        snprintf(text, sizeof(text), "%u", (unsigned)i);
        take(&f, p, text, i);
    }
    CHECK(f.cap <= 64);
    for (uint64_t i = 1; i <= 400000; i++)
        take(&f, p, "100001", i + 500000);
    CHECK(f.overflow && f.cap < 4 * (size_t)POSITION_TIES_MAX);
    frontier_free(&f);
    positions_free(&ps);
}

TEST("a lag that is new does not reach behind what is known")
{
    struct position old = { .kind = POSITION_NUMBER, .value = STR("20") };
    struct position p = { .kind = POSITION_NUMBER,
                          .value = STR("20"),
                          .lag = 10 };
    CHECK(frontier_merge(&p, &old, &e) == 0);
    CHECK(p.lag == 0);
    p.value = STR("26");
    p.lag = 10;
    CHECK(frontier_merge(&p, &old, &e) == 0);
    CHECK(p.lag == 6);
    old.lag = 7;
    p.lag = 10;
    CHECK(frontier_merge(&p, &old, &e) == 0);
    CHECK(p.lag == 10);
}

UNIT_MAIN
