/* pipe-wait: waits until files, servers, tables or other pipelines are as
 * wanted. */
#include "kafka/rd.h"
#include "stage/stage.h"
#include "wait/await.h"

#include <stdlib.h>

static struct sensor_opts args = { .stop = await_stopping };
static struct await_spec plan = { .timeout_ms = 3600000,
                                  .interval_ms = 5000,
                                  .max_interval_ms = 60000,
                                  .stop = stage_stopping };

#define ROW(kind, name, arg, dest, help)                                   \
    {                                                                      \
        kind, 0, name, arg, dest, help, NULL, 0, 0, 0, COMPLETE_NONE, NULL \
    }
#define GROUP(name, title) ROW(OPT_GROUP, name, NULL, NULL, title)

enum { WHEN = 1 };

static const struct opt rows[] = {
    ROW(OPT_FLAG, "any", NULL, &plan.any, "one of them is enough"),
    { OPT_FLAG, 0, "once", NULL, &plan.once,
      "do not wait: exit with 0 or 75; -q then does not say what is missing",
      NULL, 0, 0, WHEN, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "timeout", "TIME", &plan.timeout_ms,
      "give up after TIME, with 75; 0s never does; default 1h", NULL, 0, 0,
      WHEN, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "interval", "TIME", &plan.interval_ms,
      "look again after about TIME, the next time after twice that, and so on; "
      "default 5s",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    ROW(OPT_TIME, "max-interval", "TIME", &plan.max_interval_ms,
        "but look again after TIME at the latest; default 1m"),
    GROUP("files", "Files"),
    ROW(OPT_SIZE, "min-size", "SIZE", &args.min_size,
        "files (objects too) must have so many bytes"),
    ROW(OPT_TIME, "stable", "TIME", &args.stable_ms,
        "files must have stayed as they are (size, time of change, which they "
        "are) for TIME, as seen from here"),
    { OPT_STRING, 0, "newer-than", "FILE|TIME", &args.newer_than,
      "files must have changed after TIME (RFC 3339, or a date), or later than "
      "FILE; {date}, {start} and {end} expand",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    ROW(OPT_STRING, "marker", "NAME", &args.marker,
        "what is named is a folder, and the file NAME (_SUCCESS) must be in "
        "it"),
    ROW(OPT_STRING, "count", "'[>=]N'", &args.count,
        "so many files must match a pattern; also with =, >, < or <= before "
        "the number; default >=1"),
    GROUP("urls", "URLs"),
    { OPT_COUNT, 0, "expect", "STATUS", &args.expect,
      "the answer must have this status; default any 2xx", NULL, 200, 599, 0,
      COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "match", "REGEX", &args.match,
        "the body must have a match of REGEX"),
    ROW(OPT_STRING, "json", "POINTER=VALUE", &args.json,
        "the body must be JSON with VALUE at POINTER: a string's characters, "
        "anything else as it is written there"),
    ROW(OPT_LIST, "header", "'NAME: VALUE'", &args.headers,
        "send this header too, repeatable"),
    ROW(OPT_STRING, "token", "env:NAME|file:PATH", &args.token,
        "where the bearer token is"),
    { OPT_STRING, 0, "netrc", "FILE", &args.netrc,
      "show the name and password that this netrc file (mode 0600) has for the "
      "host",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_STRING, 0, "ca", "FILE", &args.ca_file,
      "trust the certificates in FILE instead of the system's", NULL, 0, 0, 0,
      COMPLETE_FILE, "CURL_CA_BUNDLE" },
    ROW(OPT_FLAG, "allow-private", NULL, &args.allow_private,
        "connect to loopback, link-local and private addresses too, and show "
        "credentials without TLS"),
    ROW(OPT_TIME, "http-timeout", "TIME", &args.patience_ms,
        "a look fails where nobody answers for TIME; default 10s to connect, "
        "60s for the answer"),
    GROUP("sql", "SQL"),
    ROW(OPT_STRING, "query", "SQL", &args.query,
        "the first column of the first row that it gives must be true: not "
        "null, not 0, not empty; {date}, {start} and {end} expand"),
    ROW(OPT_FLAG, "allow-missing", NULL, &args.allow_missing,
        "a table, a database file or a Kafka topic that is not there is waited "
        "for"),
    GROUP("kafka", "Kafka"),
    ROW(OPT_STRING, "group", "NAME", &args.group,
        "the consumer group that has to catch up"),
    ROW(OPT_COUNT, "max-lag", "N", &args.max_lag,
        "it may be N messages behind; default 0"),
    RD_OPTION,
    GROUP("s3", "Objects of S3"),
    S3_OPTIONS(args.s3),
    GROUP("runs", "Runs"),
    ROW(OPT_FLAG, "keep-waiting", NULL, &args.keep_waiting,
        "wait on where the pipeline has failed with what no try again mends: "
        "somebody may"),
    { 0 }
};

static const struct command command = {
    .name = "pipe-wait",
    .summary = "wait until files, servers, tables or other pipelines are ready",
    .usage = "[OPTION...] SENSOR...",
    .opts = rows,
    .flags = STAGE_OPERANDS,
    .operands = COMPLETE_FILE,
    .notes = "Sensors: FILE, 'PATTERN', file:PATH, https://..., sqlite:FILE, "
             "postgresql://...,\nkafka://HOST/TOPIC, s3://BUCKET/KEY, "
             "run:PIPELINE[@DATE]. All of them must hold.",
};

/* An option that none of the sensors takes is a mistake. */
static int check_kinds(struct stage *st)
{
    const struct {
        bool given;
        const char *option;
        unsigned kinds;
    } uses[] = {
        { args.min_size, "min-size", SENSOR_FILE | SENSOR_OBJECT },
        { args.stable_ms, "stable", SENSOR_FILE },
        { args.newer_than, "newer-than", SENSOR_FILE },
        { args.marker, "marker", SENSOR_FILE },
        { args.count, "count", SENSOR_FILE },
        { args.expect, "expect", SENSOR_URL },
        { args.match, "match", SENSOR_URL },
        { args.json, "json", SENSOR_URL },
        { args.headers.n, "header", SENSOR_URL },
        { args.token, "token", SENSOR_URL },
        { args.netrc, "netrc", SENSOR_URL },
        { args.allow_private, "allow-private", SENSOR_URL },
        { args.patience_ms, "http-timeout", SENSOR_URL },
        { args.query, "query", SENSOR_SQL },
        { args.allow_missing, "allow-missing", SENSOR_SQL | SENSOR_LAG },
        { args.group, "group", SENSOR_LAG },
        { args.max_lag, "max-lag", SENSOR_LAG },
        { args.keep_waiting, "keep-waiting", SENSOR_RUN },
    };
    unsigned there = 0;
    for (size_t i = 0; i < plan.n; i++)
        there |= plan.sensors[i]->kind->bit;
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
        if (uses[i].given && !(uses[i].kinds & there))
            return err_set(&st->err, ERR_USAGE,
                           "option --%s is for none of these sensors",
                           uses[i].option);
    return 0;
}

/* Fills in the date. *text keeps what *expanded owns. */
static int expand(struct stage *st, const char **text, struct buf *expanded)
{
    if (!*text)
        return 0;
    if (stage_expand(st, expanded, *text))
        return -1;
    *text = buf_z(expanded);
    return *text ? 0 : err_nomem(&st->err);
}

static int open_sensors(struct stage *st)
{
    struct buf uri = { .max = 65536 };
    int r = 0;
    if (st->argc == 0)
        return err_set(&st->err, ERR_USAGE, "what is to be waited for?");
    plan.sensors = calloc((size_t)st->argc, sizeof(struct sensor *));
    if (!plan.sensors)
        return err_nomem(&st->err);
    for (int i = 0; i < st->argc && r == 0; i++) {
        const char *text = st->argv[i];
        buf_reset(&uri);
        r = expand(st, &text, &uri) ||
                    sensor_open(&plan.sensors[plan.n], text, &args, &st->err)
                ? -1
                : 0;
        plan.n += r == 0;
    }
    buf_free(&uri);
    return r ? -1 : check_kinds(st);
}

/* What -v shows; what cannot be had any more is said in any case. */
static void tell(void *context, enum await_news news, const struct sensor *s,
                 uint64_t looks, const char *text)
{
    struct stage *st = context;
    if (news == AWAIT_FAILED)
        stage_warn(st, "%s", text);
    else if (!st->opts.verbose)
        return;
    else if (news == AWAIT_HOLDS)
        stage_note(st, "'%s' holds, looked at %llu time%s", s->name,
                   (unsigned long long)looks, looks == 1 ? "" : "s");
    else if (news == AWAIT_LACKS)
        stage_note(st, "waiting: %s", text);
    else
        stage_note(st,
                   "cannot watch folders, so they are looked at now and "
                   "then: %s",
                   text);
}

/* Only runs need a state directory. */
static bool names_run(const struct stage *st)
{
    for (int i = 0; i < st->argc; i++)
        if (strncmp(st->argv[i], "run:", 4) == 0)
            return true;
    return false;
}

static int wait_for_all(struct stage *st, struct buf texts[3])
{
    plan.tell = tell;
    plan.context = st;
    args.date = st->opts.date;
    args.tz = st->opts.tz;
    if (expand(st, &args.query, &texts[0]) ||
        expand(st, &args.newer_than, &texts[1]) ||
        (names_run(st) && stage_state_dir(st, &texts[2])))
        return -1;
    if (!(args.state = buf_z(&texts[2])))
        return err_nomem(&st->err);
    if (open_sensors(st) || await(&plan, &st->err) == 0)
        return st->err.code == ERR_NONE ? 0 : -1;
    /* Whoever only asks has the answer in the exit status. */
    if (plan.once && st->opts.quiet && st->err.code == ERR_TEMPFAIL)
        st->err.msg[0] = '\0';
    return -1;
}

int main(int argc, char **argv)
{
    struct stage st;
    struct buf texts[3] = { { .max = 1 << 20 }, { .max = 65536 }, { 0 } };
    if (stage_start(&st, &command, argc, argv) == 0)
        (void)wait_for_all(&st, texts);
    for (size_t i = 0; i < plan.n; i++)
        sensor_close(plan.sensors[i]);
    free(plan.sensors);
    for (size_t i = 0; i < 3; i++)
        buf_free(&texts[i]);
    return stage_finish(&st);
}
