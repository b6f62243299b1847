/* Change events: forms, keys, what is refused, and real streams that must end
 * in the tables that their source had. */
#include "unit.h"

#include "cdc/cdc.h"
#include "json/value.h"

#include <stdio.h>
#include <stdlib.h>

static const struct str keys[] = { { "id", 2 } };

static struct cdc_event event;
static struct cdc_fault fault;

static enum cdc_result decode(struct cdc *c, const char *text)
{
    return cdc_decode(c, str_of(text), &event, &fault);
}

/* One record of any table, in a form of its own: "ROW {...} was {...}; ..." */
static const char *read_as(const char *text, const char *table)
{
    static char out[4096];
    static const char *const kinds[] = { "ROW", "DELETE", "TRUNCATE" };
    struct cdc *c = cdc_new(keys, 1, str_of(table));
    size_t n = 0;
    switch (decode(c, text)) {
    case CDC_NOMEM: strcpy(out, "no memory"); break;
    case CDC_NOTHING: strcpy(out, "nothing"); break;
    case CDC_REFUSED:
        snprintf(out, sizeof(out), "%s %.*s", fault.code,
                 STR_ARG(fault.column));
        break;
    case CDC_OPS:
        for (size_t i = 0; i < event.n; i++) {
            const struct cdc_op *op = &event.ops[i];
            n += (size_t)snprintf(
                out + n, sizeof(out) - n, "%s%s%s%.*s%s%.*s", i ? "; " : "",
                kinds[op->kind], op->row.n ? " " : "", STR_ARG(op->row),
                op->old_key.n ? " was " : "", STR_ARG(op->old_key));
        }
    }
    cdc_free(c);
    return out;
}

#define READS(text, want) CHECK_STR(read_as(text, "*"), want)

TEST("Debezium: rows are slices of the record, spacing and numbers as they are")
{
    READS("{\"op\":\"c\",\"before\":null,\"after\":{\"id\": 1.0, \"v\":1e400}}",
          "ROW {\"id\": 1.0, \"v\":1e400}");
    READS("{\"op\":\"r\",\"after\":{\"id\":1}}", "ROW {\"id\":1}");
    READS("{\"op\":\"u\",\"before\":{\"id\":1,\"v\":1},\"after\":{\"id\":1,"
          "\"v\":2}}",
          "ROW {\"id\":1,\"v\":2}");
    READS("{\"op\":\"d\",\"before\":{\"id\":1},\"after\":null}",
          "DELETE {\"id\":1}");
    READS("{\"op\":\"t\",\"source\":{}}", "TRUNCATE");
    READS("{\"op\":\"m\",\"source\":{},\"message\":{}}", "nothing");
    READS("{\"op\":\"x\",\"source\":{}}", "unknown_op ");
    READS("{\"op\":\"u\",\"before\":{\"id\":1},\"after\":null}", "no_row ");
    READS("{\"op\":\"d\",\"before\":null}", "no_row ");
}

TEST("Debezium: the wrapper with schema is taken off, a tombstone is nothing")
{
    READS("{\"schema\":{\"type\":\"struct\"},\"payload\":{\"op\":\"c\","
          "\"after\":{\"id\":7}}}",
          "ROW {\"id\":7}");
    READS("{\"payload\":{\"op\":\"d\",\"before\":{\"id\":7}}}",
          "DELETE {\"id\":7}");
    READS("{\"schema\":null,\"payload\":null}", "nothing");
    READS("{\"payload\":null}", "nothing");
    READS("{\"payload\":{\"op\":\"c\",\"after\":{\"id\":7}},\"x\":1}",
          "not_an_event ");
}

TEST("a key that changed is told by value, not by spelling")
{
    READS("{\"op\":\"u\",\"before\":{\"id\":1,\"v\":1},\"after\":{\"id\":2}}",
          "ROW {\"id\":2} was {\"id\":1,\"v\":1}");
    READS("{\"op\":\"u\",\"before\":{\"id\":1.0},\"after\":{\"id\":1}}",
          "ROW {\"id\":1}");
    READS("{\"op\":\"u\",\"before\":{\"id\":\"1\"},\"after\":{\"id\":1}}",
          "ROW {\"id\":1} was {\"id\":\"1\"}");
    READS("{\"op\":\"u\",\"before\":{\"v\":1},\"after\":{\"id\":1}}",
          "ROW {\"id\":1}");
}

TEST("Debezium, flattened: what the extraction added is left out")
{
    READS("{\"id\":1, \"v\": 1.50,\"__op\":\"u\",\"__deleted\":\"false\","
          "\"__ts_ms\":1}",
          "ROW {\"id\":1,\"v\":1.50}");
    READS("{\"id\":1,\"v\":null,\"__deleted\":\"true\"}",
          "DELETE {\"id\":1,\"v\":null}");
    READS("{\"id\":1,\"__deleted\":false}", "ROW {\"id\":1}");
    READS("{\"id\":1,\"__op\":\"d\"}", "DELETE {\"id\":1}");
    READS("{\"__op\":\"t\"}", "TRUNCATE");
    READS("{\"id\":1,\"__op\":\"z\"}", "unknown_op ");
    READS("{\"id\":1,\"__deleted\":\"maybe\"}", "unknown_op ");
    READS("{\"__op\":\"c\"}", "ROW {}");
}

TEST("what is no change of a row is nothing, what is no event is refused")
{
    READS("{\"ts_ms\":1589355606100}", "nothing");
    READS("{\"status\":\"BEGIN\",\"id\":\"571:53195829\",\"event_count\":null,"
          "\"data_collections\":null,\"ts_ms\":1}",
          "nothing");
    READS("{\"source\":{},\"ts_ms\":1,\"databaseName\":\"i\",\"ddl\":\"ALTER\","
          "\"tableChanges\":[]}",
          "nothing");
    READS("{\"id\":1,\"status\":\"END\",\"ts_ms\":5}", "not_an_event ");
    READS("{\"id\":1}", "not_an_event ");
    READS("{}", "not_an_event ");
    READS("{\"op\":\"c\",\"id\":1}", "not_an_event ");
    READS("{\"data\":[{\"id\":\"1\"}],\"type\":\"INSERT\",\"table\":\"t\"}",
          "not_an_event ");
}

#define AFTER(value) \
    "{\"op\":\"u\",\"after\":{\"id\":1,\"v\":" value ",\"w\":2}}"

TEST("a value that was not sent refuses the row, in each of its forms")
{
    static const char *const values[] = {
        AFTER("\"__debezium_unavailable_value\""),
        AFTER("\"\\u005f_debezium_unavailable_value\""),
        AFTER("\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\""),
        AFTER("\"5f5f646562657a69756d5f756e617661696c61626c655f76616c7565\""),
        AFTER("[\"__debezium_unavailable_value\"]"),
        AFTER("[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]"),
        AFTER("[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,"
              "108,97,98,108,101,95,118,97,108,117,101]"),
        AFTER("{\"__debezium_unavailable_value\":"
              "\"__debezium_unavailable_value\"}"),
        AFTER("{\"wkb\":\"AQEAACDmEAAAAAAA/IPXl8EAAAD8g9eXwQ==\","
              "\"srid\":4326}"),
        AFTER("{\"x\":-99999999.0,\"y\":-99999999.0,\"wkb\":\"\"}"),
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        READS(values[i], "unavailable_value v");
    READS("{\"v\":\"__debezium_unavailable_value\",\"id\":1,\"__op\":\"u\"}",
          "unavailable_value v");
    READS("{\"op\":\"d\",\"before\":{\"id\":1,\"v\":"
          "\"__debezium_unavailable_value\"}}",
          "DELETE {\"id\":1,\"v\":\"__debezium_unavailable_value\"}");
    READS("{\"op\":\"d\",\"before\":{\"id\":\"__debezium_unavailable_value\"}}",
          "unavailable_value id");
}

TEST("what only looks like a value that was not sent passes")
{
    READS(AFTER("\"__debezium_unavailable_value!\""),
          "ROW {\"id\":1,\"v\":\"__debezium_unavailable_value!\",\"w\":2}");
    READS(AFTER("[\"__debezium_unavailable_value\",1]"),
          "ROW {\"id\":1,\"v\":[\"__debezium_unavailable_value\",1],\"w\":2}");
    READS(AFTER("[95,95]"), "ROW {\"id\":1,\"v\":[95,95],\"w\":2}");
    READS(AFTER("[]"), "ROW {\"id\":1,\"v\":[],\"w\":2}");
    READS(AFTER("{\"x\":1}"), "ROW {\"id\":1,\"v\":{\"x\":1},\"w\":2}");
}

TEST("wal2json, format 2")
{
    READS("{\"action\":\"I\",\"schema\":\"public\",\"table\":\"t\",\"columns\":"
          "[{\"name\":\"id\",\"type\":\"integer\",\"value\":1},{\"name\":\"v\","
          "\"type\":\"numeric\",\"value\":1.10}]}",
          "ROW {\"id\":1,\"v\":1.10}");
    READS("{\"action\":\"U\",\"schema\":\"public\",\"table\":\"t\",\"columns\":"
          "[{\"name\":\"id\",\"value\":2}],\"identity\":[{\"name\":\"id\","
          "\"value\":1}]}",
          "ROW {\"id\":2} was {\"id\":1}");
    READS("{\"action\":\"U\",\"table\":\"t\",\"columns\":[{\"name\":\"id\","
          "\"value\":2}],\"identity\":[{\"name\":\"id\",\"value\":2}]}",
          "ROW {\"id\":2}");
    READS("{\"action\":\"D\",\"table\":\"t\",\"identity\":[{\"name\":\"id\","
          "\"value\":2}]}",
          "DELETE {\"id\":2}");
    READS("{\"action\":\"T\",\"schema\":\"public\",\"table\":\"t\"}",
          "TRUNCATE");
    READS("{\"action\":\"B\",\"xid\":1}", "nothing");
    READS("{\"action\":\"C\"}", "nothing");
    READS("{\"action\":\"M\",\"prefix\":\"p\",\"content\":\"c\"}", "nothing");
    READS("{\"action\":\"D\",\"table\":\"t\"}", "no_key ");
    READS("{\"action\":\"X\",\"table\":\"t\"}", "unknown_op ");
    READS("{\"action\":\"I\",\"table\":\"t\",\"columns\":[]}", "not_an_event ");
    READS("{\"action\":\"I\",\"table\":\"t\",\"columns\":[{\"name\":\"id\"}]}",
          "not_an_event ");
}

TEST("wal2json, format 1: the changes of a transaction in their order")
{
    READS("{\"xid\":1,\"change\":["
          "{\"kind\":\"insert\",\"schema\":\"public\",\"table\":\"t\","
          "\"columnnames\":[\"id\",\"v\"],\"columntypes\":[\"int\",\"text\"],"
          "\"columnvalues\":[1,\"a\\\"b\"]},"
          "{\"kind\":\"update\",\"schema\":\"public\",\"table\":\"t\","
          "\"columnnames\":[\"id\"],\"columnvalues\":[2],"
          "\"oldkeys\":{\"keynames\":[\"id\"],\"keyvalues\":[1]}},"
          "{\"kind\":\"message\",\"transactional\":true},"
          "{\"kind\":\"delete\",\"schema\":\"public\",\"table\":\"t\","
          "\"oldkeys\":{\"keynames\":[\"id\"],\"keytypes\":[\"int\"],"
          "\"keyvalues\":[2]}},"
          "{\"kind\":\"truncate\",\"schema\":\"public\",\"table\":\"t\"}]}",
          "ROW {\"id\":1,\"v\":\"a\\\"b\"}; ROW {\"id\":2} was {\"id\":1}; "
          "DELETE {\"id\":2}; TRUNCATE");
    READS("{\"change\":[]}", "nothing");
    READS("{\"change\":[{\"kind\":\"insert\",\"columnnames\":[\"id\",\"v\"],"
          "\"columnvalues\":[1]}]}",
          "not_an_event ");
    READS("{\"change\":[{\"kind\":\"insert\",\"columnnames\":[\"id\"],"
          "\"columnvalues\":[1,2]}]}",
          "not_an_event ");
    READS("{\"change\":[{\"kind\":\"delete\",\"table\":\"t\"}]}", "no_key ");
    READS("{\"change\":[{\"kind\":\"vacuum\"}]}", "unknown_op ");
    READS("{\"change\":[1]}", "unknown_op ");
}

#define INSERT(schema, table)                                           \
    "{\"kind\":\"insert\",\"schema\":\"" schema "\",\"table\":\"" table \
    "\",\"columnnames\":[\"id\"],\"columnvalues\":[1]}"

TEST("changes of other tables are left out where one was named")
{
    static const char text[] = "{\"change\":[" INSERT("a", "t") "," INSERT(
        "b", "t") "," INSERT("a", "u") "]}";
    CHECK_STR(read_as(text, "t"), "ROW {\"id\":1}; ROW {\"id\":1}");
    CHECK_STR(read_as(text, "b.t"), "ROW {\"id\":1}");
    CHECK_STR(read_as(text, "none"), "nothing");
    CHECK_STR(read_as(text, "*"),
              "ROW {\"id\":1}; ROW {\"id\":1}; ROW {\"id\":1}");
}

TEST("without one named, the first event's table is the only one")
{
    struct cdc *c = cdc_new(keys, 1, STR(""));
    CHECK(decode(c, "{\"change\":[" INSERT("a", "t") "]}") == CDC_OPS);
    CHECK(decode(c, "{\"change\":[" INSERT("a", "t") "]}") == CDC_OPS);
    CHECK(decode(c, "{\"change\":[" INSERT("a", "u") "]}") == CDC_REFUSED);
    CHECK_STR(fault.code, "other_table");
    CHECK_STR(fault.message,
              "is of table 'a.u', the events before are of 'a.t' "
              "(--source-table chooses)");
    CHECK(decode(c, "{\"change\":[" INSERT("b", "t") "]}") == CDC_REFUSED);
    cdc_free(c);
}

/* Position as JSON, and time. */
static const char *place_of(const char *text)
{
    static char out[256];
    struct buf b = { 0 };
    struct cdc *c = cdc_new(keys, 1, STR("*"));
    CHECK(decode(c, text) == CDC_OPS);
    cdc_position_json(&b, &event.position);
    snprintf(out, sizeof(out), "%s %.*s", buf_z(&b), STR_ARG(event.at));
    buf_free(&b);
    cdc_free(c);
    return out;
}

#define FROM(source)                                                        \
    "{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{" source "},\"ts_ms\":" \
    "5000}"

TEST("place and time of each source")
{
    CHECK_STR(place_of(FROM("\"lsn\":24023128,\"ts_ms\":1559033904863")),
              "{\"lsn\":24023128} 2019-05-28T08:58:24.863Z");
    CHECK_STR(place_of(FROM("\"file\":\"mysql-bin.000003\",\"pos\":484,"
                            "\"row\":1,\"ts_ms\":0")),
              "{\"file\":3,\"pos\":484,\"row\":1} 1970-01-01T00:00:05Z");
    CHECK_STR(place_of(FROM("\"commit_lsn\":\"00000027:00000ac0:0002\","
                            "\"event_serial_no\":3,\"ts_us\":1")),
              "{\"commit_lsn\":\"00000027:00000ac0:0002\","
              "\"event_serial_no\":3} 1970-01-01T00:00:00.000001Z");
    CHECK_STR(place_of(FROM("\"scn\":\"2122184\"")),
              "{\"scn\":2122184} 1970-01-01T00:00:05Z");
    CHECK_STR(place_of(FROM("\"file\":\"x\",\"pos\":-1")),
              "null 1970-01-01T00:00:05Z");
    CHECK_STR(place_of("{\"action\":\"T\",\"lsn\":\"16/B374D848\","
                       "\"timestamp\":\"2019-12-29 04:58:34.806671+00\"}"),
              "{\"lsn\":97500059720} 2019-12-29T04:58:34.806671Z");
    CHECK_STR(place_of("{\"id\":1,\"__op\":\"c\",\"__lsn\":7,"
                       "\"__source_ts_ms\":1000}"),
              "{\"lsn\":7} 1970-01-01T00:00:01Z");
}

TEST("places are ordered within one log")
{
    struct cdc_position a = { CDC_LOG_BINLOG, { 3, 484, 0 } };
    struct cdc_position b = { CDC_LOG_BINLOG, { 3, 484, 1 } };
    struct cdc_position c = { CDC_LOG_BINLOG, { 12, 4, 0 } };
    struct cdc_position d = { CDC_LOG_LSN, { 1 } };
    CHECK(cdc_position_cmp(&a, &b) < 0 && cdc_position_cmp(&b, &a) > 0);
    CHECK(cdc_position_cmp(&b, &c) < 0 && cdc_position_cmp(&a, &a) == 0);
    CHECK(cdc_position_cmp(&a, &d) == 0);
}

/* ---- real streams */

/* A table of few rows by the text of their id. */
static struct buf rows[64];
static size_t n_rows;

static struct str id_of(struct str row)
{
    return json_get(json_val(row), STR("id")).raw;
}

static void drop_row(struct str id)
{
    for (size_t i = 0; i < n_rows; i++)
        if (str_eq(id_of(buf_str(&rows[i])), id)) {
            buf_free(&rows[i]);
            rows[i] = rows[--n_rows];
            rows[n_rows] = (struct buf){ 0 };
            return;
        }
}

static void apply(const struct cdc_op *op)
{
    if (op->kind == CDC_TRUNCATE) {
        while (n_rows)
            buf_free(&rows[--n_rows]);
        return;
    }
    drop_row(id_of(op->old_key.n ? op->old_key : op->row));
    if (op->kind == CDC_DELETE)
        return;
    drop_row(id_of(op->row));
    buf_add_str(&rows[n_rows++], op->row);
}

static void clear_rows(void)
{
    while (n_rows)
        buf_free(&rows[--n_rows]);
}

static int by_id(const void *a, const void *b)
{
    return str_cmp(id_of(buf_str(a)), id_of(buf_str(b)));
}

static char *data(const char *name, size_t *n)
{
    const char *folder = getenv("PIPE_TEST_DATA");
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/data",
             name);
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    char *text = calloc(1, 1 << 20);
    *n = text ? fread(text, 1, (1 << 20) - 1, f) : 0;
    fclose(f);
    return text;
}

/* The products of the Debezium tutorial after its changes, as the expected
 * tables of the connectors that use this stream have them. */
static const char products[] =
    "{\"id\":101,\"name\":\"scooter\",\"description\":\"Small 2-wheel scooter\""
    ",\"weight\":3.140000104904175}\n"
    "{\"id\":102,\"name\":\"car battery\",\"description\":\"12V car battery\","
    "\"weight\":8.100000381469727}\n"
    "{\"id\":103,\"name\":\"12-pack drill bits\",\"description\":\"12-pack of "
    "drill bits with sizes ranging from #40 to #3\","
    "\"weight\":0.800000011920929}\n"
    "{\"id\":104,\"name\":\"hammer\",\"description\":\"12oz carpenter's "
    "hammer\",\"weight\":0.75}\n"
    "{\"id\":105,\"name\":\"hammer\",\"description\":\"14oz carpenter's "
    "hammer\",\"weight\":0.875}\n"
    "{\"id\":106,\"name\":\"hammer\",\"description\":\"18oz carpenter "
    "hammer\",\"weight\":1}\n"
    "{\"id\":107,\"name\":\"rocks\",\"description\":\"box of assorted rocks\","
    "\"weight\":5.099999904632568}\n"
    "{\"id\":108,\"name\":\"jacket\",\"description\":\"water resistent black "
    "wind breaker\",\"weight\":0.10000000149011612}\n"
    "{\"id\":109,\"name\":\"spare tire\",\"description\":\"24 inch spare "
    "tire\",\"weight\":22.200000762939453}\n"
    "{\"id\":110,\"name\":\"jacket\",\"description\":\"new water resistent "
    "white wind breaker\",\"weight\":0.5}\n";

/* Applies each line of text from the one with this number on. */
static void apply_lines(struct cdc *c, const char *text, size_t from)
{
    size_t line = 0;
    for (const char *p = text; *p; line++) {
        size_t n = strcspn(p, "\n");
        if (n && line >= from) {
            CHECK(cdc_decode(c, (struct str){ p, n }, &event, &fault) ==
                  CDC_OPS);
            for (size_t i = 0; i < event.n; i++)
                apply(&event.ops[i]);
        }
        p += n + (p[n] == '\n');
    }
}

static void check_products(void)
{
    struct buf all = { 0 };
    qsort(rows, n_rows, sizeof(*rows), by_id);
    for (size_t i = 0; i < n_rows; i++) {
        buf_add_str(&all, buf_str(&rows[i]));
        buf_addc(&all, '\n');
    }
    CHECK_STR(buf_z(&all), products);
    buf_free(&all);
}

TEST("a stream of Debezium ends in its table, also where its end comes twice")
{
    size_t n;
    char *text = data("cdc-debezium/debezium-data.txt", &n);
    struct cdc *c = cdc_new(keys, 1, STR("inventory.products"));
    if (!text) {
        printf("# skip: data set cdc-debezium is not in PIPE_TEST_DATA\n");
        cdc_free(c);
        return;
    }
    apply_lines(c, text, 0);
    check_products();
    CHECK(event.position.log == CDC_LOG_BINLOG);
    for (size_t from = 0; from < 16; from++) {
        apply_lines(c, text, from);
        check_products();
    }
    clear_rows();
    cdc_free(c);
    free(text);
}

/* The event under this name in a file of expected events. */
static void check_event(struct val file, const char *name, const char *payload)
{
    struct cdc *c = cdc_new(keys, 1, STR(""));
    struct val ev = json_get(file, str_of(name));
    struct val within = *payload ? json_get(ev, str_of(payload)) : ev;
    CHECK(cdc_decode(c, ev.raw, &event, &fault) == CDC_OPS);
    CHECK(event.n == 1 && event.ops[0].kind == CDC_ROW);
    CHECK(str_eq(event.ops[0].row, json_get(within, STR("after")).raw));
    CHECK(event.ops[0].old_key.n == 0);
    cdc_free(c);
}

TEST("events of each MySQL type, with and without schema, keep their bytes")
{
    static const struct {
        const char *file, *payload;
    } files[] = {
        { "cdc-debezium-schema/debezium-data-schema-exclude.json", "" },
        { "cdc-debezium-schema/"
          "debezium-data-schema-exclude-with-numeric-decimal.json",
          "" },
        { "cdc-debezium-schema/debezium-data-schema-include.json", "payload" },
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        size_t n;
        char *text = data(files[i].file, &n);
        if (!text) {
            printf("# skip: %s is not in PIPE_TEST_DATA\n", files[i].file);
            continue;
        }
        struct val file = json_val((struct str){ text, n });
        check_event(file, "expected_snapshot", files[i].payload);
        check_event(file, "expected_binlog", files[i].payload);
        free(text);
    }
}

TEST("events of other tools are refused, each")
{
    static const char *const files[] = { "canal", "maxwell", "ogg" };
    for (size_t i = 0; i < 3; i++) {
        char name[100];
        size_t n;
        snprintf(name, sizeof(name), "cdc-debezium/%s-data-filter-table.txt",
                 files[i]);
        char *text = data(name, &n);
        struct cdc *c = cdc_new(keys, 1, STR("*"));
        for (char *p = text; p && *p;) {
            size_t len = strcspn(p, "\n");
            CHECK(!len || cdc_decode(c, (struct str){ p, len }, &event,
                                     &fault) == CDC_REFUSED);
            p += len + (p[len] == '\n');
        }
        cdc_free(c);
        free(text);
    }
}

/* ---- unwrapped ---- */

static const char *unwrapped(const char *text)
{
    static char out[4096];
    struct cdc *c = cdc_new(keys, 1, STR("*"));
    struct buf b = { 0 };
    size_t n, lines = 0;
    switch (cdc_unwrap(c, str_of(text), &b, &n, &fault)) {
    case CDC_NOMEM: strcpy(out, "no memory"); break;
    case CDC_NOTHING: strcpy(out, "nothing"); break;
    case CDC_REFUSED: strcpy(out, fault.code); break;
    case CDC_OPS:
        snprintf(out, sizeof(out), "%.*s", STR_ARG(buf_str(&b)));
        for (const char *p = out; *p; p++)
            lines += *p == '\n';
        CHECK(lines == n);
    }
    CHECK(b.n == 0 || fault.code || *out == '{');
    buf_free(&b);
    cdc_free(c);
    return out;
}

TEST("unwrapped, an event is its row with what happened behind it")
{
    CHECK_STR(unwrapped("{\"payload\":{\"op\":\"c\",\"before\":null,\"after\":"
                        "{\"id\": 1.0},\"source\":{\"schema\":\"s\",\"table\":"
                        "\"t\",\"lsn\":7,\"ts_ms\":1500}}}"),
              "{\"id\": 1.0,\"__op\":\"c\",\"__deleted\":false,\"__schema\":"
              "\"s\",\"__table\":\"t\",\"__lsn\":7,\"__source_ts_ms\":1500}\n");
    CHECK_STR(unwrapped("{\"op\":\"d\",\"before\":{\"id\":1},\"after\":null}"),
              "{\"id\":1,\"__op\":\"d\",\"__deleted\":true}\n");
    CHECK_STR(unwrapped("{\"op\":\"t\",\"source\":{\"table\":\"t\"}}"),
              "{\"__op\":\"t\",\"__deleted\":true,\"__table\":\"t\"}\n");
    CHECK_STR(unwrapped("{\"op\":\"c\",\"after\":{}}"),
              "{\"__op\":\"c\",\"__deleted\":false}\n");
    CHECK_STR(unwrapped("{\"schema\":null,\"payload\":null}"), "nothing");
    CHECK_STR(unwrapped("{\"ts_ms\":1}"), "nothing");
    CHECK_STR(unwrapped("{\"id\":1}"), "not_an_event");
}

TEST("unwrapped, a change of key is a delete and the row")
{
    CHECK_STR(unwrapped("{\"op\":\"u\",\"before\":{\"id\":1},\"after\":"
                        "{\"id\":2,\"v\":3}}"),
              "{\"id\":1,\"__op\":\"d\",\"__deleted\":true}\n"
              "{\"id\":2,\"v\":3,\"__op\":\"u\",\"__deleted\":false}\n");
}

TEST("unwrapped, a transaction of wal2json is a row for each change")
{
    CHECK_STR(
        unwrapped("{\"change\":[{\"kind\":\"insert\",\"schema\":\"s\","
                  "\"table\":\"a\",\"columnnames\":[\"id\"],\"columnvalues\":"
                  "[1]},{\"kind\":\"delete\",\"schema\":\"s\",\"table\":\"b\","
                  "\"oldkeys\":{\"keynames\":[\"id\"],\"keyvalues\":[2]}}]}"),
        "{\"id\":1,\"__op\":\"c\",\"__deleted\":false,\"__schema\":\"s\","
        "\"__table\":\"a\"}\n"
        "{\"id\":2,\"__op\":\"d\",\"__deleted\":true,\"__schema\":\"s\","
        "\"__table\":\"b\"}\n");
    CHECK_STR(unwrapped("{\"action\":\"U\",\"lsn\":\"0/10\",\"schema\":\"s\","
                        "\"table\":\"t\",\"columns\":[{\"name\":\"id\","
                        "\"value\":1}],\"identity\":[{\"name\":\"id\","
                        "\"value\":1}]}"),
              "{\"id\":1,\"__op\":\"u\",\"__deleted\":false,\"__schema\":\"s\","
              "\"__table\":\"t\",\"__lsn\":16}\n");
}

TEST("unwrapped, a stream of Debezium still ends in its table")
{
    size_t n, lines;
    char *text = data("cdc-debezium/debezium-data.txt", &n);
    struct cdc *c = cdc_new(keys, 1, STR("*"));
    struct buf b = { 0 };
    if (!text) {
        printf("# skip: data set cdc-debezium is not in PIPE_TEST_DATA\n");
        cdc_free(c);
        return;
    }
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        CHECK(len == 0 || cdc_unwrap(c, (struct str){ p, len }, &b, &lines,
                                     &fault) == CDC_OPS);
        p += len + (p[len] == '\n');
    }
    CHECK(buf_z(&b) != NULL && b.n > 0);
    apply_lines(c, b.p, 0);
    check_products();
    clear_rows();
    buf_free(&b);
    cdc_free(c);
    free(text);
}

UNIT_MAIN
