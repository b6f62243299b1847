#include "unit.h"

#include "base/buf.h"
#include "json/check.h"
#include "json/value.h"
#include "observe/eventlog.h"
#include "observe/lineage.h"
#include "observe/naming.h"
#include "observe/uuid.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- names */

static void check_uri(const char *uri, const char *table,
                      const char *want_namespace, const char *want_name)
{
    struct buf namespace = { 0 }, name = { 0 };
    CHECK(naming_uri(&namespace, &name, uri, table) == 0);
    CHECK_STR(buf_z(&namespace), want_namespace);
    CHECK_STR(buf_z(&name), want_name);
    buf_free(&namespace);
    buf_free(&name);
}

TEST("datasets have the names of their places")
{
    char cwd[PATH_MAX], here[PATH_MAX + 20], db[PATH_MAX + 20];
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    snprintf(here, sizeof(here), "%s/no-such.csv", cwd);
    snprintf(db, sizeof(db), "sqlite://%s/no-such.db", cwd);
    check_uri("no-such.csv", NULL, "file", here);
    check_uri("./no-such.csv", NULL, "file", here);
    check_uri("file:no-such.csv", NULL, "file", here);
    check_uri("file:///etc/passwd", NULL, "file", "/etc/passwd");
    check_uri("/usr/../etc/./passwd", NULL, "file", "/etc/passwd");
    check_uri("/no/such/folder/x", NULL, "file", "/no/such/folder/x");
    check_uri("/no-such", NULL, "file", "/no-such");
    check_uri("sqlite:no-such.db", "orders", db, "orders");
    check_uri("postgres://db.example:5432/shop", "public.orders",
              "postgres://db.example:5432", "shop.public.orders");
    check_uri("kafka://broker:9092/orders", NULL, "kafka://broker:9092",
              "orders");
    check_uri("s3://bucket/a/b.csv", NULL, "s3://bucket", "a/b.csv");
    check_uri("postgres://db.example", "t", "postgres://db.example", "t");
}

TEST("users, passwords and queries are in no name")
{
    check_uri("postgres://ann:secret@db/shop?password=secret", "t",
              "postgres://db", "shop.t");
    check_uri("https://a:secret@b:secret@host/x?key=secret#secret", NULL,
              "https://host", "x");
    check_uri("https://secret@host", NULL, "https://host", "");
    check_uri("https://host?key=secret@x", NULL, "https://host", "");
}

TEST("messages keep all of a URI but its secrets")
{
    struct buf out = { 0 };
    CHECK(naming_hide(&out, STR("cannot open 'pg://a:s3cret@h/db?pw=s3cret' "
                                "(http://s3cret@h#s3cret): no '://'")) == 0);
    CHECK_STR(buf_z(&out), "cannot open 'pg://h/db' (http://h no '://'");
    buf_reset(&out);
    CHECK(naming_hide(&out, STR("a@b /x?y a:b")) == 0);
    CHECK_STR(buf_z(&out), "a@b /x?y a:b");
    buf_reset(&out);
    CHECK(naming_hide(&out, STR("")) == 0 && out.n == 0);
    buf_free(&out);
}

TEST("both ends of a pipe have one name, and two pipes have two")
{
    int p[2], q[2];
    struct buf a = { 0 }, b = { 0 }, c = { 0 }, namespace = { 0 };
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    CHECK(naming_fd(&namespace, &a, p[0]) == 1);
    CHECK(strncmp(buf_z(&namespace), "pipe://", 7) == 0 && namespace.n > 7);
    CHECK(naming_fd(&namespace, &b, p[1]) == 1);
    CHECK(naming_fd(&namespace, &c, q[0]) == 1);
    CHECK(str_eq(buf_str(&a), buf_str(&b)));
    CHECK(!str_eq(buf_str(&a), buf_str(&c)));
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
    CHECK(naming_fd(&namespace, &a, p[0]) == 0); /* is closed */
    buf_free(&a);
    buf_free(&b);
    buf_free(&c);
    buf_free(&namespace);
}

TEST("the same parts give the same UUID, others another")
{
    const struct str ab[] = { STR("a"), STR("b") };
    const struct str both[] = { STR("ab"), STR("") };
    char one[UUID_CHARS + 1], two[UUID_CHARS + 1], same[UUID_CHARS + 1];
    uuid_of(ab, 2, one);
    uuid_of(ab, 2, same);
    uuid_of(both, 2, two);
    CHECK_STR(one, same);
    CHECK(strcmp(one, two) != 0);
    CHECK(uuid_parse(str_of(one), two));
    CHECK(one[14] == '8' && strchr("89ab", one[19]));
    CHECK(uuid_parse(STR("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"), one));
    CHECK_STR(one, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    CHECK(!uuid_parse(STR("6ba7b810-9dad-11d1-80b4-00c04fd430c"), one));
    CHECK(!uuid_parse(STR("6ba7b810-9dad-11d1-80b4-00c04fd430cg"), one));
    CHECK(!uuid_parse(STR("6ba7b8100-dad-11d1-80b4-00c04fd430c8"), one));
}

/* ---- events */

static struct val event_of(struct buf *out, const struct facts *f)
{
    struct json_fault fault;
    CHECK(lineage_event(out, f, "space", 1800000000000000) == 0);
    CHECK(out->n && out->p[out->n - 1] == '\n');
    CHECK(memchr(out->p, '\n', out->n) == out->p + out->n - 1);
    struct str line = { out->p, out->n - 1 };
    CHECK(json_check_object(line, 64, &fault) == 0);
    return json_val(line);
}

static struct val at(struct val v, const char *path)
{
    while (*path) {
        size_t n = strcspn(path, ".");
        v = json_get(v, (struct str){ path, n });
        path += n + (path[n] == '.');
    }
    return v;
}

#define CHECK_AT(v, path, want) CHECK(str_eq(at(v, path).raw, str_of(want)))

TEST("an event is JSON whatever bytes its texts have")
{
    static char word[] = "pipe-test";
    static char *const argv[] = { word, NULL };
    struct facts f;
    struct buf out = { 0 };
    facts_init(&f);
    f.stage = "pipe-test";
    f.run_id = "a\xff\"\\\x01z";
    f.argv = argv;
    f.how = FACTS_FAILED;
    f.exit_code = 65;
    f.error = "cut \xe2\x82";
    (void)facts_input(&f, STR("file"), STR("/x\xff\n\"y"));
    facts_assertion(&f, &(struct assertion){ .name = STR("\x80"),
                                             .kind = STR("check"),
                                             .content = STR("a\tb") });
    facts_measure(&f, STR("c\"\xff"), "nullCount", STR("1"));
    (void)facts_output(&f, STR("file"), STR("/z"));
    struct val v = event_of(&out, &f);
    CHECK_AT(v, "eventType", "\"FAIL\"");
    CHECK_AT(v, "eventTime", "\"2027-01-15T08:00:00Z\"");
    CHECK_AT(v, "run.facets.pipeutils_run.exit", "65");
    CHECK_AT(v, "run.facets.errorMessage.message",
             "\"cut \xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(at(v, "run.facets.parent").type == JSON_MISSING);
    buf_free(&out);
    facts_free(&f);
}

TEST("the measures of a column stand together, each once")
{
    struct facts f;
    struct buf out = { 0 };
    facts_init(&f);
    f.stage = "pipe-test";
    f.run_id = "r";
    (void)facts_output(&f, STR("file"), STR("/z"));
    facts_measure(&f, STR("a"), "nullCount", STR("1"));
    facts_measure(&f, STR("b"), "sum", STR("12345678901234567890.10"));
    facts_measure(&f, STR("a"), "min", STR("2"));
    facts_measure(&f, STR("a"), "nullCount", STR("1"));
    CHECK(lineage_event(&out, &f, "space", 0) == 0);
    CHECK(strstr(buf_z(&out), "\"columnMetrics\":{\"a\":{\"nullCount\":1,"
                              "\"min\":2},\"b\":{\"sum\":"
                              "12345678901234567890.10}}"));
    buf_free(&out);
    facts_free(&f);
}

TEST("a run id that is a UUID is the parent's; else its hash")
{
    struct facts f;
    struct buf out = { 0 };
    facts_init(&f);
    f.stage = "pipe-test";
    f.pipeline = "orders";
    f.run_is_shared = true;
    f.run_id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    struct val v = event_of(&out, &f);
    CHECK_AT(v, "run.facets.parent.run.runId",
             "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"");
    CHECK(!str_eq(at(v, "run.runId").raw,
                  at(v, "run.facets.parent.run.runId").raw));
    CHECK_AT(v, "run.facets.parent.job.name", "\"orders\"");
    CHECK_AT(v, "job.name", "\"orders.pipe-test\"");
    buf_reset(&out);
    f.run_id = "tonight";
    v = event_of(&out, &f);
    CHECK(at(v, "run.facets.parent.run.runId").raw.n == UUID_CHARS + 2);
    buf_free(&out);
    facts_free(&f);
}

TEST("more than fits is left out and counted")
{
    struct facts f;
    char name[24];
    facts_init(&f);
    for (int i = 0; i < FACTS_LIST_MAX + 3; i++) {
        snprintf(name, sizeof(name), "/%d", i);
        struct dataset *d = facts_input(&f, STR("file"), str_of(name));
        CHECK((d != NULL) == (i < FACTS_LIST_MAX));
    }
    CHECK(f.n_inputs == FACTS_LIST_MAX && f.left_out == 3);
    CHECK(str_eq(f.inputs[4711].name, STR("/4711")));
    facts_free(&f);
}

/* ---- the file */

TEST("appending cuts off half a line, and many append at once")
{
    char path[300], cmd[400];
    const char *tmp = getenv("TMPDIR");
    struct err e = { 0 };
    enum { WRITERS = 8, EACH = 50 };
    snprintf(path, sizeof(path), "%.200s/events.XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "whole\nhal", 9) == 9);
    CHECK(eventlog_append(path, STR("next\n"), &e) == 0);
    char text[64] = "";
    CHECK(pread(fd, text, sizeof(text) - 1, 0) == 11);
    CHECK_STR(text, "whole\nnext\n");
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) {
            for (int k = 0; k < EACH; k++)
                if (eventlog_append(path, STR("0123456789\n"), &e))
                    _exit(1);
            _exit(0);
        }
    for (int i = 0, status; i < WRITERS; i++)
        CHECK(wait(&status) > 0 && status == 0);
    snprintf(cmd, sizeof(cmd), "test $(grep -cx 0123456789 '%s') = %d", path,
             WRITERS * EACH);
    CHECK(system(cmd) == 0);
    close(fd);
    unlink(path);
}

UNIT_MAIN
