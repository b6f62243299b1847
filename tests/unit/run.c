/* run: backoff, breaker, the roll of stages, records. */
#include "run/backoff.h"
#include "run/breaker.h"
#include "run/roll.h"
#include "run/runlog.h"
#include "run/state.h"
#include "unit.h"

#include "json/check.h"
#include "json/value.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[100]; /* of this test alone */

static const char *in_folder(const char *name)
{
    static char path[4][200];
    static unsigned n;
    char *p = path[n++ % 4];
    snprintf(p, 200, "%s/%s", folder, name);
    return p;
}

/* ---- backoff */

TEST("a wait is within base times two to the n, and within the cap")
{
    for (unsigned n = 0; n < 70; n++)
        for (uint64_t random = 0; random < 2000; random += 7)
            CHECK(backoff_ms(n, 100, 1500, random) <=
                  (n < 4 ? (uint64_t)100 << n : 1500));
}

TEST("both ends of the wait are reached")
{
    CHECK(backoff_ms(0, 100, 1000, 0) == 0);
    CHECK(backoff_ms(0, 100, 1000, 100) == 100);
    CHECK(backoff_ms(3, 100, 1000, 800) == 800);
    CHECK(backoff_ms(4, 100, 1000, 1000) == 1000);
    CHECK(backoff_ms(4, 100, 1000, 1001) == 0);
}

TEST("a base that overflows is cut to the cap")
{
    CHECK(backoff_ms(63, UINT64_MAX / 2, UINT64_MAX, 5) == 5);
    CHECK(backoff_ms(1000, UINT64_MAX - 1, UINT64_MAX, UINT64_MAX) ==
          UINT64_MAX);
    CHECK(backoff_ms(2, 5000, 1000, 1000) == 1000);
}

TEST("only 69 and 75 are worth another try")
{
    for (int code = 0; code < 256; code++)
        CHECK(backoff_transient(code) == (code == 69 || code == 75));
}

/* ---- breaker */

static struct clock_boot clock_fake = { "boot-1", 1000000 };

static struct clock_boot fake(void)
{
    return clock_fake;
}

static struct breaker breaker(void)
{
    return (struct breaker){ .path = in_folder("b.json"),
                             .name = "b",
                             .failures = 3,
                             .reset_ms = 60000,
                             .lease_ms = 10000,
                             .now = fake };
}

static void forget(void)
{
    unlink(in_folder("b.json"));
    clock_fake = (struct clock_boot){ "boot-1", 1000000 };
}

static bool opens(struct breaker *b, enum breaker_result result)
{
    struct err e;
    bool opened = false;
    CHECK(breaker_leave(b, result, &opened, &e) == 0);
    return opened;
}

static bool enters(struct breaker *b)
{
    struct err e = { 0 };
    int r = breaker_enter(b, &e);
    CHECK(r == 0 || e.code == ERR_UNAVAILABLE);
    return r == 0;
}

/* Three failures on end. */
static void trip(struct breaker *b)
{
    forget();
    for (int i = 0; i < 3; i++) {
        CHECK(enters(b));
        CHECK(opens(b, BREAKER_BAD) == (i == 2));
    }
}

TEST("a breaker opens after so many failures on end")
{
    struct breaker b = breaker();
    trip(&b);
    CHECK(!enters(&b));
    forget();
    CHECK(!opens(&b, BREAKER_BAD));
    CHECK(!opens(&b, BREAKER_BAD));
    CHECK(!opens(&b, BREAKER_GOOD)); /* not on end */
    CHECK(!opens(&b, BREAKER_BAD));
    CHECK(!opens(&b, BREAKER_BAD));
    CHECK(!opens(&b, BREAKER_UNKNOWN)); /* says nothing */
    CHECK(opens(&b, BREAKER_BAD));
}

TEST("it refuses until its time is over, and names when")
{
    struct breaker b = breaker();
    struct err e = { 0 };
    trip(&b);
    clock_fake.ms += 59999;
    CHECK(breaker_enter(&b, &e) == -1);
    CHECK_STR(e.msg,
              "breaker 'b' is open after 3 failures: the next try is in 1s");
    clock_fake.ms += 1;
    CHECK(enters(&b));
}

TEST("half open, one of many gets the lease")
{
    struct breaker b = breaker();
    trip(&b);
    clock_fake.ms += 60000;
    int n = 0;
    for (int i = 0; i < 30; i++) {
        struct breaker other = breaker();
        n += enters(&other);
    }
    CHECK(n == 1);
}

TEST("a lease that is not renewed goes to one other")
{
    struct breaker first = breaker(), second = breaker(), third = breaker();
    struct err e;
    trip(&first);
    clock_fake.ms += 60000;
    CHECK(enters(&first));
    clock_fake.ms += 9000;
    CHECK(breaker_renew(&first, &e) == 0);
    clock_fake.ms += 9999;
    CHECK(!enters(&second));
    clock_fake.ms += 1;
    CHECK(enters(&second));
    CHECK(!enters(&third));
    /* Who lost its lease does not prolong it, nor open it for the other. */
    CHECK(breaker_renew(&first, &e) == 0);
    CHECK(opens(&first, BREAKER_BAD));
    clock_fake.ms += 9999;
    CHECK(!enters(&third));
    CHECK(!opens(&second, BREAKER_GOOD));
    CHECK(enters(&third));
}

TEST("the probe's success closes it, its failure opens it for as long again")
{
    struct breaker b = breaker();
    trip(&b);
    clock_fake.ms += 60000;
    CHECK(enters(&b));
    CHECK(opens(&b, BREAKER_BAD));
    clock_fake.ms += 59999;
    CHECK(!enters(&b));
    clock_fake.ms += 1;
    CHECK(enters(&b));
    CHECK(!opens(&b, BREAKER_GOOD));
    CHECK(enters(&b));
    CHECK(!opens(&b, BREAKER_BAD));
}

TEST("a probe that learnt nothing lets the next one try at once")
{
    struct breaker b = breaker();
    trip(&b);
    clock_fake.ms += 60000;
    CHECK(enters(&b));
    CHECK(opens(&b, BREAKER_UNKNOWN));
    CHECK(enters(&b));
}

TEST("times of another boot are over")
{
    struct breaker b = breaker(), other = breaker();
    trip(&b);
    clock_fake = (struct clock_boot){ "boot-2", 5 };
    CHECK(enters(&b));
    CHECK(!enters(&other));
    clock_fake = (struct clock_boot){ "boot-3", 5 };
    CHECK(enters(&other));
}

TEST("a state that makes no sense is refused, never taken for closed")
{
    static const char *const texts[] = {
        "",
        "garbage",
        "{}",
        "{\"boot\":\"x\",\"open\":1,\"failures\":0,\"until_ms\":0,\"token\":0}",
        "{\"boot\":\"x\",\"open\":true,\"failures\":-1,\"until_ms\":0,"
        "\"token\":0}",
        "{\"boot\":\"x\",\"open\":true,\"failures\":0,"
        "\"until_ms\":99999999999999999999,\"token\":0}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct breaker b = breaker();
        struct err e = { 0 };
        forget();
        CHECK(state_write(b.path, str_of(texts[i]), &e) == 0);
        CHECK(breaker_enter(&b, &e) == -1);
        CHECK(e.code == ERR_CONFIG && strstr(e.msg, "b.json"));
    }
    forget();
}

/* ---- roll */

static uint64_t next_id = 1;

static int say(struct roll *r, struct gate_message m, int line)
{
    struct buf b = { 0 };
    struct err e = { 0 };
    char *argv[] = { (char[]){ "x" }, NULL };
    m.argv = argv;
    CHECK(gate_encode(&b, &m) == 0);
    int n = roll_take(r, buf_str(&b), 4711, line, &e);
    buf_free(&b);
    return n;
}

static uint64_t start(struct roll *r, const char *stage, bool loads)
{
    uint64_t id = next_id++;
    CHECK(
        say(r,
            (struct gate_message){
                .kind = GATE_START, .id = id, .stage = stage, .loads = loads },
            -1) == 0);
    return id;
}

static void end(struct roll *r, uint64_t id, int exit, bool after,
                const char *error)
{
    CHECK(say(r,
              (struct gate_message){ .kind = GATE_END,
                                     .id = id,
                                     .stage = "x",
                                     .exit = exit,
                                     .after = after,
                                     .error = error },
              -1) == 0);
}

static int ready(struct roll *r, uint64_t id, const char *doubt)
{
    return say(r,
               (struct gate_message){ .kind = GATE_READY,
                                      .id = id,
                                      .stage = "x",
                                      .doubt = doubt,
                                      .load = STR("{\"table\":\"t\"}") },
               open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static struct roll_cause judge(struct roll *r, bool early_close)
{
    struct roll_cause c;
    for (size_t i = 0; i < r->n; i++)
        r->v[i].gone = true;
    roll_judge(r, early_close, &c);
    return c;
}

TEST("stages that ended well and loaders that are ready may commit")
{
    struct roll r = { 0 };
    uint64_t a = start(&r, "pipe-extract", false);
    uint64_t b = start(&r, "pipe-load", true);
    CHECK(roll_at_work(&r) == 2);
    end(&r, a, 0, false, NULL);
    CHECK(ready(&r, b, NULL) == 0);
    CHECK(roll_at_work(&r) == 0 && roll_ready(&r) == 1);
    CHECK(judge(&r, false).exit == 0);
    roll_free(&r);
}

TEST("a stage that announced no end has died, whatever others say")
{
    struct roll r = { 0 };
    start(&r, "pipe-extract", false);
    end(&r, start(&r, "pipe-validate", false), 65, false, "too few");
    struct roll_cause c = judge(&r, true);
    CHECK(c.exit == 75);
    CHECK_STR(c.message, "pipe-extract died");
    roll_free(&r);
}

TEST("the first that blames nobody else is to blame")
{
    struct roll r = { 0 };
    uint64_t a = start(&r, "pipe-extract", false);
    uint64_t b = start(&r, "pipe-validate", false);
    uint64_t c = start(&r, "pipe-load", true);
    end(&r, a, 141, false, NULL); /* its reader went first */
    end(&r, c, 65, true, "upstream failed with exit 65");
    end(&r, b, 65, false, "3 of 9 records rejected");
    struct roll_cause cause = judge(&r, false);
    CHECK(cause.exit == 65 && !cause.by_reader);
    CHECK_STR(cause.message, "pipe-validate failed with exit 65: 3 of 9 "
                             "records rejected");
    roll_free(&r);
}

TEST("an end by SIGPIPE is refused unless an early close is allowed")
{
    struct roll r = { 0 };
    end(&r, start(&r, "pipe-extract", false), 141, false, NULL);
    struct roll_cause c = judge(&r, false);
    CHECK(c.exit == 78 && c.by_reader);
    CHECK(judge(&r, true).exit == 0);
    roll_free(&r);
}

TEST("a loader that is lost while it waits fails the run")
{
    struct roll r = { 0 };
    CHECK(ready(&r, start(&r, "pipe-load", true), NULL) == 0);
    roll_lost(&r, &r.v[0]);
    struct roll_cause c = judge(&r, false);
    CHECK(c.exit == 75);
    CHECK_STR(c.message, "pipe-load died while it waited to commit");
    roll_free(&r);
}

TEST("a loader's own doubt is heard")
{
    struct roll r = { 0 };
    struct roll_cause c;
    CHECK(ready(&r, start(&r, "pipe-load", true), NULL) == 0);
    roll_doubt(&r, &c);
    CHECK(c.exit == 0);
    CHECK(ready(&r, start(&r, "pipe-load", true), "no \"record\"") == 0);
    roll_doubt(&r, &c);
    CHECK(c.exit == 75);
    CHECK_STR(c.message, "pipe-load: no \"record\"");
    roll_free(&r);
}

TEST("what makes no sense at the gate is refused")
{
    static const char *const texts[] = {
        "",
        "hello",
        "{}",
        "{\"v\":2,\"say\":\"start\",\"id\":\"1\",\"stage\":\"x\"}",
        "{\"v\":1,\"say\":\"begin\",\"id\":\"1\",\"stage\":\"x\"}",
        "{\"v\":1,\"say\":\"start\",\"id\":\"zz\",\"stage\":\"x\"}",
        "{\"v\":1,\"say\":\"end\",\"id\":\"1\",\"exit\":0}",
        "{\"v\":1,\"say\":\"ready\",\"id\":\"1\"}",
    };
    struct roll r = { 0 };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err e = { 0 };
        CHECK(roll_take(&r, str_of(texts[i]), 1, -1, &e) == -1);
        CHECK(e.code == ERR_DATA);
    }
    uint64_t id = start(&r, "pipe-extract", false);
    CHECK(ready(&r, id, NULL) == -1); /* is no loader */
    end(&r, id, 0, false, NULL);
    CHECK(say(&r,
              (struct gate_message){ .kind = GATE_END, .id = id, .stage = "x" },
              -1) == -1); /* twice */
    CHECK(r.n == 1);
    roll_free(&r);
}

TEST("stages and loads are valid JSON for the record")
{
    struct roll r = { 0 };
    struct buf b = { 0 }, whole = { 0 };
    struct json_fault f;
    end(&r, start(&r, "a\"\n", false), 65, false, "bad \"\x01\" \\ thing");
    CHECK(ready(&r, start(&r, "pipe-load", true), NULL) == 0);
    CHECK(roll_format(&r, &b) == 0);
    buf_addf(&whole, "{%.*s}", STR_ARG(buf_str(&b)));
    CHECK(json_check_object(buf_str(&whole), 16, &f) == 0);
    CHECK(strstr(buf_z(&whole), "\"loads\":[{\"committed\":false,"
                                "\"table\":\"t\"}]"));
    buf_free(&b);
    buf_free(&whole);
    roll_free(&r);
}

/* A stage between these pipes that has ended. */
static void used(struct roll *r, bool loads, uint64_t from, uint64_t to,
                 uint64_t in, uint64_t out)
{
    struct gate_message m = { .kind = GATE_START,
                              .id = next_id++,
                              .stage = "x",
                              .loads = loads,
                              .pipe = { from, to } };
    CHECK(say(r, m, -1) == 0);
    m.kind = GATE_END;
    m.seconds = 2;
    m.usage =
        (struct usage){ .peak_memory = 1000, .bytes_in = in, .bytes_out = out };
    CHECK(say(r, m, -1) == 0);
}

TEST("bytes come in at the stages that read from outside, and out at the last")
{
    struct roll r = { 0 };
    struct roll_use u;
    used(&r, false, 0, 11, 500, 400);
    used(&r, false, 11, 12, 400, 300);
    used(&r, true, 12, 0, 300, 300);
    roll_use(&r, &u);
    CHECK(u.bytes_in == 500 && u.bytes_out == 300);
    CHECK(u.byte_seconds > 5999 && u.byte_seconds < 6001);
    roll_free(&r);
}

TEST("a foreign command between stages makes no bytes count twice")
{
    struct roll r = { 0 };
    struct roll_use u;
    used(&r, false, 0, 11, 500, 400); /* 11 to 12: jq */
    used(&r, true, 12, 99, 350, 350); /* 99: who reads pipe-run */
    roll_use(&r, &u);
    CHECK(u.bytes_in == 500 && u.bytes_out == 350);
    roll_free(&r);
    used(&r, false, 21, 22, 70, 60); /* curl | stage | psql */
    roll_use(&r, &u);
    CHECK(u.bytes_in == 70 && u.bytes_out == 60);
    roll_free(&r);
}

TEST("arguments and messages that are no UTF-8 get through")
{
    struct roll r = { 0 };
    struct buf b = { 0 }, whole = { 0 };
    struct json_fault f;
    struct err e = { 0 };
    char bad[20000];
    memset(bad, '\x01', sizeof(bad) - 1);
    bad[sizeof(bad) - 1] = '\0';
    char *argv[] = { (char[]){ "a\xff\xc3" }, bad, NULL };
    struct gate_message m = {
        .kind = GATE_START, .id = next_id++, .stage = "x", .argv = argv
    };
    b.max = GATE_MESSAGE_MAX;
    CHECK(gate_encode(&b, &m) == 0);
    CHECK(roll_take(&r, buf_str(&b), 1, -1, &e) == 0);
    end(&r, m.id, 65, false, bad);
    buf_reset(&b);
    CHECK(roll_format(&r, &b) == 0);
    buf_addf(&whole, "{%.*s}", STR_ARG(buf_str(&b)));
    CHECK(json_check_object(buf_str(&whole), 16, &f) == 0);
    CHECK(strstr(buf_z(&whole), "[\"a\xef\xbf\xbd\xef\xbf\xbd\",\"...\"]"));
    buf_free(&b);
    buf_free(&whole);
    roll_free(&r);
}

/* ---- records */

static struct runlog a_record(void)
{
    return (struct runlog){ .run_id = "r1",
                            .pipeline = "p",
                            .command = "a | \"b\"",
                            .outcome = "running",
                            .hook = -1,
                            .started_us = 1700000000000000 };
}

static void open_dir(struct runlog_dir *d, const struct runlog *r)
{
    struct err e = { 0 };
    *d = (struct runlog_dir){ .live = -1 };
    buf_addz(&d->state, folder);
    CHECK(runlog_open(d, r, &e) == 0);
}

/* How many lines of the index hold the text. */
static int indexed(const char *text)
{
    struct buf b = { 0 };
    struct err e;
    int n = 0;
    CHECK(state_read(in_folder("runs.ndjson"), 1 << 20, &b, &e) >= 0);
    for (const char *p = buf_z(&b); p && (p = strstr(p, text)); p++)
        n++;
    buf_free(&b);
    return n;
}

TEST("a run id that comes again gets a folder of its own")
{
    struct runlog r = a_record();
    struct runlog_dir one, two;
    open_dir(&one, &r);
    open_dir(&two, &r);
    CHECK(strcmp(buf_z(&one.path), in_folder("runs/p/r1")) == 0);
    CHECK(strcmp(buf_z(&two.path), in_folder("runs/p/r1.2")) == 0);
    runlog_close(&one);
    runlog_close(&two);
}

TEST("a run that was killed is found by the next, once")
{
    struct runlog r = a_record();
    struct runlog_dir d, alive;
    struct buf state = { 0 };
    struct err e = { 0 };
    buf_addz(&state, folder);
    open_dir(&d, &r);
    open_dir(&alive, &r);
    close(d.live); /* as the kernel does */
    d.live = -1;
    CHECK(runlog_sweep(&state, "p", 0, &e) == 0);
    CHECK(indexed("\"outcome\":\"died\"") == 1);
    CHECK(runlog_sweep(&state, "p", 0, &e) == 0);
    CHECK(indexed("\"outcome\":\"died\"") == 1);
    runlog_close(&alive);
    runlog_close(&d);
    buf_free(&state);
}

TEST("old folders go, those of runs that live stay")
{
    struct runlog r = a_record();
    struct runlog_dir done, alive;
    struct buf state = { 0 };
    struct err e = { 0 };
    struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
    r.run_id = "old";
    buf_addz(&state, folder);
    open_dir(&done, &r);
    open_dir(&alive, &r);
    CHECK(utimensat(AT_FDCWD, buf_z(&alive.path), old, 0) == 0);
    runlog_close(&done);
    CHECK(utimensat(AT_FDCWD, in_folder("runs/p/old"), old, 0) == 0);
    CHECK(runlog_sweep(&state, "p", 86400000, &e) == 0);
    CHECK(access(in_folder("runs/p/old"), F_OK) != 0);
    CHECK(access(in_folder("runs/p/old.2"), F_OK) == 0);
    CHECK(access(in_folder("runs/p/r1"), F_OK) == 0); /* is new */
    runlog_close(&alive);
    buf_free(&state);
}

TEST("a torn line of the index is closed before the next")
{
    struct err e = { 0 };
    struct buf b = { 0 };
    const char *path = in_folder("torn");
    CHECK(state_write(path, STR("{\"a\":1}\n{\"b\""), &e) == 0);
    CHECK(state_append(path, STR("{\"c\":3}"), &e) == 0);
    CHECK(state_read(path, 1000, &b, &e) == 1);
    CHECK_STR(buf_z(&b), "{\"a\":1}\n{\"b\"\n{\"c\":3}\n");
    buf_free(&b);
}

TEST("a lock is held by one, who is named")
{
    struct err e = { 0 };
    struct buf who = { 0 };
    int fd = state_lock(in_folder("lock"), 0, NULL, NULL, &e);
    CHECK(fd >= 0);
    state_lock_sign(fd, "me");
    CHECK(state_lock(in_folder("lock"), 0, NULL, &who, &e) == -2);
    CHECK_STR(buf_z(&who), "me");
    close(fd);
    fd = state_lock(in_folder("lock"), 0, NULL, NULL, &e);
    CHECK(fd >= 0);
    close(fd);
    buf_free(&who);
}

__attribute__((constructor)) static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.80s/unit-run.XXXXXX",
             tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        abort();
}

__attribute__((destructor)) static void remove_folder(void)
{
    char command[120];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        perror("rm");
}

UNIT_MAIN
