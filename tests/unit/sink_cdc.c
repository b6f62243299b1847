/* Change events in SQLite: applied in order by key, against a plain array. */
#include "sink/sink.h"
#include "unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], uri[128];
static uint64_t refused;

static int refuse(void *context, const struct sink_record *r,
                  const struct sink_refusal *why, struct err *e)
{
    (void)context;
    (void)r;
    (void)why;
    (void)e;
    refused++;
    return 0;
}

static const struct str keys[] = { { "id", 2 }, { "part", 4 } };
static struct sink_spec spec;

/* A target in a new folder, with the table that sql makes. */
static struct sink *begin(const char *sql)
{
    struct err e = { 0 };
    sqlite3 *db = NULL;
    snprintf(folder, sizeof(folder), "%s/cdc-XXXXXX",
             getenv("TMPDIR")                ? getenv("TMPDIR")
             : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                             : "/tmp");
    if (!mkdtemp(folder))
        abort();
    snprintf(uri, sizeof(uri), "sqlite:%s/db", folder);
    CHECK(sqlite3_open(uri + 7, &db) == SQLITE_OK &&
          sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    spec = (struct sink_spec){ .uri = uri,
                               .target = uri + 7,
                               .table = "t",
                               .mode = SINK_CDC,
                               .mode_name = "cdc",
                               .keys = keys,
                               .n_keys = strstr(sql, "part") ? 2 : 1,
                               .now = "2026-01-01T00:00:00Z",
                               .create = true,
                               .lock_timeout_ms = 1000,
                               .refuse = refuse };
    struct sink *s = sink_open(&spec, &e);
    bool good = s && sink_begin(s, &e) == 0;
    CHECK(good);
    if (!good)
        printf("# %s\n", e.msg);
    refused = 0;
    return s;
}

static void feed(struct sink *s, enum sink_op op, const char *text,
                 const char *old_key)
{
    struct err e = { 0 };
    struct sink_record r = { .op = op,
                             .text = str_of(text),
                             .raw = str_of(text),
                             .old_key = str_of(old_key) };
    bool good = sink_write(s, &r, &e) == 0;
    CHECK(good);
    if (!good)
        printf("# %s\n", e.msg);
}

/* Commits; the rows as the query gives them, a line each. Static. */
static const char *end(struct sink *s, const char *query)
{
    static char out[65536];
    struct err e = { 0 };
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    CHECK(sink_apply(s, &e) == 0 && sink_commit(s, &e) == 0);
    sink_close(s);
    CHECK(sqlite3_open(uri + 7, &db) == SQLITE_OK &&
          sqlite3_prepare_v2(db, query, -1, &stmt, NULL) == SQLITE_OK);
    *out = '\0';
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s\n",
                              sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    (void)unlink(uri + 7);
    (void)rmdir(folder);
    return out;
}

#define TABLE "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w INTEGER)"
#define ROWS "SELECT printf('%d %s %s', id, v, w) FROM t ORDER BY id"

TEST("rows, deletes and rows again, in their order")
{
    struct sink *s = begin(TABLE);
    feed(s, SINK_ROW, "{\"id\":1,\"v\":\"a\",\"w\":1}", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":\"b\",\"w\":2}", "");
    feed(s, SINK_DELETE, "{\"id\":1}", "");
    feed(s, SINK_DELETE, "{\"id\":7}", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":null}", "");
    feed(s, SINK_ROW, "{\"id\":1,\"v\":\"again\"}", "");
    CHECK_STR(end(s, ROWS), "1 again \n2  2\n");
    CHECK(refused == 0);
}

TEST("a changed key moves its row with what the event does not tell")
{
    struct sink *s = begin(TABLE);
    feed(s, SINK_ROW, "{\"id\":1,\"v\":\"a\",\"w\":1}", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":\"b\",\"w\":2}", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":\"moved\"}", "{\"id\":1}");
    feed(s, SINK_ROW, "{\"id\":9,\"v\":\"new\"}", "{\"id\":8}");
    feed(s, SINK_ROW, "{\"id\":9,\"v\":\"same\"}", "{\"id\":9}");
    CHECK_STR(end(s, ROWS), "2 moved 1\n9 same \n");
}

TEST("a refused row leaves the row under its old key")
{
    struct sink *s = begin("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w "
                           "INTEGER CHECK(w < 5))");
    feed(s, SINK_ROW, "{\"id\":1,\"v\":\"a\",\"w\":1}", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":\"b\",\"w\":9}", "{\"id\":1}");
    feed(s, SINK_ROW, "{\"id\":2,\"w\":\"x\"}", "{\"id\":1}");
    feed(s, SINK_DELETE, "{\"id\":null}", "");
    feed(s, SINK_ROW, "{\"id\":3}", "{\"v\":1}");
    CHECK_STR(end(s, ROWS), "1 a 1\n");
    CHECK(refused == 4);
}

TEST("truncate empties the table, of a table that is not there too")
{
    struct sink *s = begin(TABLE);
    feed(s, SINK_ROW, "{\"id\":1,\"v\":\"a\",\"w\":1}", "");
    feed(s, SINK_TRUNCATE, "", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":\"b\",\"w\":2}", "");
    CHECK_STR(end(s, ROWS), "2 b 2\n");
    s = begin("SELECT 1");
    feed(s, SINK_TRUNCATE, "", "");
    feed(s, SINK_DELETE, "{\"id\":1}", "");
    feed(s, SINK_ROW, "{\"id\":2,\"v\":\"b\",\"w\":2}", "{\"id\":1}");
    CHECK_STR(end(s, ROWS), "2 b 2\n");
}

TEST("scd2 ends versions at the event's time, and all of them on truncate")
{
    static const struct {
        enum sink_op op;
        const char *text, *old_key, *at;
    } events[] = {
        { SINK_ROW, "{\"id\":1,\"v\":\"a\"}", "", "2026-01-01T00:00:00Z" },
        { SINK_DELETE, "{\"id\":1}", "", "2026-01-02T00:00:00Z" },
        { SINK_ROW, "{\"id\":1,\"v\":\"a\"}", "", "2026-01-03T00:00:00Z" },
        { SINK_ROW, "{\"id\":5,\"v\":\"m\"}", "{\"id\":1}",
          "2026-01-04T00:00:00Z" },
        { SINK_ROW, "{\"id\":6,\"v\":\"x\"}", "", "2026-01-05T00:00:00Z" },
        { SINK_TRUNCATE, "", "", "2026-01-05T00:00:00Z" },
        { SINK_ROW, "{\"id\":6,\"v\":\"y\"}", "", "2026-01-06T00:00:00Z" },
    };
    struct sink *s = begin("SELECT 1");
    sink_close(s);
    spec.mode = SINK_SCD2;
    spec.mode_name = "scd2";
    static const char *const names[] = { "valid_from", "valid_to", "is_current",
                                         "row_hash" };
    for (int i = 0; i < SINK_SCD2_COLUMNS; i++)
        spec.scd2_names[i] = str_of(names[i]);
    struct err e = { 0 };
    s = sink_open(&spec, &e);
    CHECK(s && sink_begin(s, &e) == 0);
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
        struct sink_record r = { .op = events[i].op,
                                 .text = str_of(events[i].text),
                                 .raw = str_of(events[i].text),
                                 .old_key = str_of(events[i].old_key),
                                 .at = str_of(events[i].at) };
        CHECK(sink_write(s, &r, &e) == 0);
    }
    CHECK_STR(end(s, "SELECT printf('%d %s %s %s %d', id, v, substr(valid_from,"
                     " 10, 1), ifnull(substr(valid_to, 10, 1), '-'), "
                     "is_current) FROM t ORDER BY id, valid_from"),
              "1 a 1 2 0\n1 a 3 4 0\n5 m 4 5 0\n6 y 6 - 1\n");
}

#define IDS 12

TEST("20,000 random events leave what an array has")
{
    static int model[IDS][2]; /* by id and part; 0: gone */
    char want[4096] = "", line[64], text[100], old[100];
    uint64_t x = 7;
    size_t n = 0;
    memset(model, 0, sizeof(model));
    struct sink *s = begin("CREATE TABLE t(id INTEGER, part TEXT, v INTEGER, "
                           "PRIMARY KEY(id, part))");
    for (int i = 1; i <= 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        int id = (int)(x >> 33) % IDS, part = (int)(x >> 40) & 1;
        int from = (int)(x >> 45) % IDS, side = (int)(x >> 50) & 1;
        snprintf(text, sizeof(text), "{\"v\":%d,\"id\":%d.0,\"part\":\"p%d\"}",
                 i, id, part);
        snprintf(old, sizeof(old), "{\"part\":\"\\u0070%d\",\"id\":%d}", side,
                 from);
        switch ((x >> 55) % 8) {
        case 0:
        case 1:
        case 2:
            feed(s, SINK_DELETE, old, "");
            model[from][side] = 0;
            break;
        case 3:
        case 4:
            feed(s, SINK_ROW, text, old);
            model[from][side] = 0;
            model[id][part] = i;
            break;
        default:
            feed(s, SINK_ROW, text, "");
            model[id][part] = i;
            break;
        }
        if (x >> 54 == 5) {
            feed(s, SINK_TRUNCATE, "", "");
            memset(model, 0, sizeof(model));
        }
    }
    for (int id = 0; id < IDS; id++)
        for (int part = 0; part < 2; part++)
            if (model[id][part]) {
                int len = snprintf(line, sizeof(line), "%d p%d %d\n", id, part,
                                   model[id][part]);
                memcpy(want + n, line, (size_t)len + 1);
                n += (size_t)len;
            }
    CHECK(n > 0);
    CHECK_STR(end(s, "SELECT printf('%d %s %d', id, part, v) FROM t ORDER BY "
                     "id, part"),
              want);
    CHECK(refused == 0);
}

UNIT_MAIN
