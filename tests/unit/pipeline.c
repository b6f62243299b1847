/* Pipeline files: what is declared is read, what is wrong is named. */
#include "config/pipeline.h"

#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

static int parse(const char *text, struct pipeline_conf *c, struct err *e)
{
    *e = (struct err){ 0 };
    return pipeline_conf_parse(str_of(text), "x/orders.json", "orders", c, e);
}

TEST("every member is read")
{
    static const char text[] =
        "{\"pipeline\":\"orders\",\"owner\":\"a@b\",\"runbook\":\"https://r\","
        "\"schedule\":\"15 2 * * *\",\"tz\":\"Europe/Berlin\",\"sla\":\"4h\","
        "\"freshness\":\"26h\",\"expected\":{\"rows\":20000,\"tolerance\":"
        "\"30%\",\"duration\":\"10m\",\"dead_letters\":7},\"price\":{"
        "\"cpu_hour\":0.04,\"gib_hour\":0.005,\"gib_in\":0,\"gib_out\":9e-2,"
        "\"currency\":\"EUR\"},\"notify\":[{\"on\":[\"failed\",\"late\"],"
        "\"severity\":\"critical\",\"command\":\"cat\",\"repeat\":\"4h\"},"
        "{\"on\":[\"recovered\"],\"mail\":\"a@b\"},{\"on\":[\"ok\"],"
        "\"webhook\":\"https://h\"}],\"ping\":\"https://hc/1\",\"keep\":{"
        "\"runs\":\"90d\",\"dead_letters\":\"1d\",\"logs\":\"30d\"},\"env\":{"
        "\"prod\":{\"A\":\"1\",\"B_2\":\"env:X\"},\"staging\":{}},"
        "\"upstream\":[\"a\",\"b.c\"]}";
    struct pipeline_conf c;
    struct err e;
    CHECK(parse(text, &c, &e) == 0);
    CHECK_STR(c.pipeline, "orders");
    CHECK_STR(c.owner, "a@b");
    CHECK_STR(c.runbook, "https://r");
    CHECK_STR(c.tz, "Europe/Berlin");
    CHECK(c.schedule.minutes == 1 << 15 && c.schedule.hours == 1 << 2);
    CHECK(c.sla_ms == 4 * 3600000 && c.freshness_ms == 26 * 3600000);
    CHECK(c.expected.has_rows && c.expected.rows == 20000);
    CHECK(c.expected.tolerance > 0.2999 && c.expected.tolerance < 0.3001);
    CHECK(c.expected.duration_ms == 600000);
    CHECK(c.expected.has_dead_letters && c.expected.dead_letters == 7);
    CHECK(c.price.given && c.price.gib_out > 0.0899 && c.price.gib_in == 0);
    CHECK_STR(c.price.currency, "EUR");
    CHECK(c.n_notify == 3);
    CHECK(c.notify[0].on == (PIPELINE_FAILED | PIPELINE_LATE));
    CHECK(c.notify[0].severity == PIPELINE_CRITICAL);
    CHECK(c.notify[0].channel == PIPELINE_COMMAND);
    CHECK(c.notify[0].repeat_ms == 4 * 3600000);
    CHECK(c.notify[1].channel == PIPELINE_MAIL);
    CHECK(c.notify[1].severity == PIPELINE_WARNING);
    CHECK(c.notify[2].channel == PIPELINE_WEBHOOK);
    CHECK_STR(c.ping, "https://hc/1");
    CHECK(c.keep.runs_ms == 90ull * 86400000);
    CHECK(c.keep.dead_letters_ms == 86400000);
    CHECK(c.keep.logs_ms == 30ull * 86400000);
    CHECK(c.n_envs == 2 && pipeline_env_find(&c, "prod")->n_vars == 2);
    CHECK_STR(pipeline_env_find(&c, "prod")->vars[1].value, "env:X");
    CHECK(pipeline_env_find(&c, "staging")->n_vars == 0);
    CHECK(pipeline_env_find(&c, "dev") == NULL);
    CHECK(c.n_upstream == 2);
    CHECK_STR(c.upstream[1], "b.c");
    pipeline_conf_free(&c);
}

TEST("an empty object declares nothing, and has the name of its file")
{
    struct pipeline_conf c;
    struct err e;
    CHECK(parse(" {} \n", &c, &e) == 0);
    CHECK_STR(c.pipeline, "orders");
    CHECK(!c.schedule_text && !c.sla_ms && !c.n_notify && !c.price.given);
    pipeline_conf_free(&c);
}

TEST("what is wrong is an error that names the place")
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "", "not JSON" },
        { "{\"a\":", "not JSON" },
        { "[]", "not JSON" },
        { "{\"schedul\":\"@daily\"}", "at its root: member 'schedul'" },
        { "{\"sla\":\"4h\"}", "without a schedule" },
        { "{\"owner\":\"a\",\"owner\":\"b\"}", "there twice" },
        { "{\"owner\":\"\"}", "at /owner" },
        { "{\"owner\":\"a\\u0000b\"}", "at /owner" },
        { "{\"owner\":1}", "at /owner: a text" },
        { "{\"pipeline\":\"other\"}", "belongs into 'other.json'" },
        { "{\"schedule\":\"61 * * * *\"}", "at /schedule: '61' is no minute" },
        { "{\"tz\":\"Mars/Base\"}", "at /tz: time zone" },
        { "{\"freshness\":\"soon\"}", "at /freshness: 'soon' is no time" },
        { "{\"freshness\":\"0s\"}", "at /freshness" },
        { "{\"expected\":{\"rows\":1.5}}", "at /expected/rows: a whole" },
        { "{\"expected\":{\"rows\":-1}}", "at /expected/rows: a whole" },
        { "{\"expected\":{\"tolerance\":\"30\"}}", "at /expected/tolerance" },
        { "{\"expected\":{\"row\":1}}", "at /expected: member 'row'" },
        { "{\"expected\":[]}", "at /expected: an object" },
        { "{\"price\":{\"cpu_hour\":-1}}", "at /price/cpu_hour" },
        { "{\"notify\":{}}", "at /notify: an array" },
        { "{\"notify\":[{\"on\":[\"late\"]}]}", "at /notify/0: one of" },
        { "{\"notify\":[{\"command\":\"x\"}]}", "at /notify/0: member 'on'" },
        { "{\"notify\":[{\"on\":[\"l8\"],\"command\":\"x\"}]}",
          "at /notify/0/on: 'l8' is no event" },
        { "{\"notify\":[{\"on\":[],\"command\":\"x\"}]}", "at /notify/0/on" },
        { "{\"notify\":[{\"on\":[\"late\"],\"command\":\"x\",\"mail\":\"a@b\"}"
          "]}",
          "at /notify/0/mail: only one" },
        { "{\"notify\":[{\"on\":[\"late\"],\"webhook\":\"ftp://etc\"}]}",
          "no http or https URL" },
        { "{\"notify\":[{\"on\":[\"late\"],\"mail\":\"-oQ/tmp@x\"}]}",
          "no mail address" },
        { "{\"notify\":[{\"on\":[\"late\"],\"severity\":\"bad\",\"command\":"
          "\"x\"}]}",
          "at /notify/0/severity" },
        { "{\"ping\":\"hc\"}", "at /ping" },
        { "{\"env\":{\"pr od\":{}}}", "at /env/pr od" },
        { "{\"env\":{\"prod\":{\"1A\":\"x\"}}}", "at /env/prod/1A" },
        { "{\"env\":{\"prod\":{\"A=B\":\"x\"}}}", "at /env/prod/A=B" },
        { "{\"env\":{\"prod\":{\"A\":1}}}", "at /env/prod/A" },
        { "{\"upstream\":[\"../x\"]}", "at /upstream/0" },
        { "{\"owner\":\"\033[31m\"}", "not JSON" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct pipeline_conf c;
        struct err e;
        int r = parse(bad[i].text, &c, &e);
        if (r != -1 || e.code != ERR_CONFIG || !strstr(e.msg, bad[i].says) ||
            !strstr(e.msg, "x/orders.json")) {
            printf("# %s: %d %s\n", bad[i].text, r, e.msg);
            unit_failed = true;
        }
        pipeline_conf_free(&c);
    }
}

TEST("the files of a folder are listed by name, others left out")
{
    char dir[] = "/tmp/pipeline-unit-XXXXXX", path[64];
    static const char *const files[] = { "b.json", "a.json",   ".hid.json",
                                         "c.txt",  "d e.json", ".json" };
    struct pipeline_list l;
    struct err e = { 0 };
    CHECK(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        FILE *f = fopen(path, "w");
        CHECK(f && fputs("{}", f) >= 0 && fclose(f) == 0);
    }
    CHECK(pipeline_conf_list(dir, &l, &e) == 0);
    CHECK(l.n == 2);
    if (l.n == 2) {
        CHECK_STR(l.names[0], "a");
        CHECK_STR(l.names[1], "b");
    }
    pipeline_list_free(&l);
    struct pipeline_conf c;
    CHECK(pipeline_conf_read(dir, "a", &c, &e) == 1);
    pipeline_conf_free(&c);
    CHECK(pipeline_conf_read(dir, "nope", &c, &e) == 0);
    pipeline_conf_free(&c);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    CHECK(rmdir(dir) == 0);
    CHECK(pipeline_conf_list(dir, &l, &e) == 0 && l.n == 0);
    pipeline_list_free(&l);
}

TEST("the folder is the one given, systemd's first, or /etc/pipeutils")
{
    struct buf b = { 0 };
    struct err e = { 0 };
    unsetenv("CONFIGURATION_DIRECTORY");
    CHECK(config_dir(&b, NULL, &e) == 0);
    CHECK_STR(buf_z(&b), "/etc/pipeutils");
    buf_reset(&b);
    setenv("CONFIGURATION_DIRECTORY", "/etc/a:/etc/b", 1);
    CHECK(config_dir(&b, NULL, &e) == 0);
    CHECK_STR(buf_z(&b), "/etc/a");
    buf_reset(&b);
    CHECK(config_dir(&b, "conf", &e) == 0);
    CHECK_STR(buf_z(&b), "conf");
    unsetenv("CONFIGURATION_DIRECTORY");
    buf_free(&b);
}

UNIT_MAIN
