#include "unit.h"

#include "base/base64.h"
#include "dlq/dlq.h"
#include "dlq/envelope.h"
#include "dlq/read.h"
#include "dlq/replays.h"
#include "dlq/segment.h"
#include "json/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[256];
static int rooms;

/* A new folder name for each test, all under one that is removed at exit. */
static void clean(void)
{
    char cmd[300];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
    if (system(cmd) != 0)
        printf("# cannot remove %s\n", root);
}

static const char *room(const char *tail)
{
    static char paths[8][400];
    char *path = paths[rooms % 8];
    if (!root[0]) {
        const char *tmp = getenv("BATS_TEST_TMPDIR");
        tmp = tmp ? tmp : getenv("TMPDIR");
        snprintf(root, sizeof(root), "%.200s/dlq.XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(root))
            exit(1);
        atexit(clean);
    }
    snprintf(path, sizeof(paths[0]), "%s/%d%s", root, ++rooms, tail);
    return path;
}

static const char *const argv[] = { "pipe-test", "--flag", NULL };

static struct dlq_letter letter(const char *raw)
{
    static const struct dlq_error error = {
        .code = "type",
        .path = { "/a", 2 },
        .message = { "expected number", 15 },
        .schema = { "/properties/a/type", 18 },
    };
    return (struct dlq_letter){
        .pipeline = STR("shop"),
        .run_id = STR("r1"),
        .stage = STR("pipe-test"),
        .argv = argv,
        .uri = STR("in.csv"),
        .line = 7,
        .offset = 123,
        .errors = &error,
        .n_errors = 1,
        .raw = str_of(raw),
        .length = strlen(raw),
    };
}

/* Adds letters with these raws in one run; returns how many were new. */
static int add_all(const char *uri, const char *const *raws)
{
    struct err e = { 0 };
    struct dlq *q = dlq_open(uri, &e);
    int n = 0;
    CHECK(q != NULL);
    for (; q && *raws; raws++) {
        struct dlq_letter l = letter(*raws);
        bool added = false;
        CHECK(dlq_add(q, &l, &added, &e) == 0);
        n += added;
    }
    if (q)
        CHECK(dlq_sync(q, &e) == 0);
    dlq_close(q);
    if (e.code)
        printf("# %s\n", e.msg);
    return n;
}

static size_t count(const char *uri, enum dlq_state state)
{
    struct dlq_read r;
    struct err e = { 0 };
    size_t n = 0;
    if (dlq_read_open(&r, uri, false, &e)) {
        printf("# %s\n", e.msg);
        return (size_t)-1;
    }
    for (size_t i = 0; i < r.n_entries; i++)
        n += dlq_read_place(&r, i)->state == state;
    dlq_read_close(&r);
    return n;
}

/* Marks all that is open. */
static void mark_all(const char *uri, enum dlq_marks mark)
{
    struct err e = { 0 };
    struct dlq_read r;
    struct dlq *q = dlq_open(uri, &e);
    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    for (size_t i = 0; i < r.n_entries; i++) {
        int64_t us[8];
        size_t n = dlq_read_open_lines(&r, i, us, 8);
        if (n)
            CHECK(dlq_mark(q, dlq_read_place(&r, i)->id, us, n, &e) == 0);
    }
    CHECK(dlq_mark_write(q, mark, STR("replay"), &e) == 0);
    CHECK(dlq_sync(q, &e) == 0);
    dlq_read_close(&r);
    dlq_close(q);
}

static int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

TEST("base64 encodes and decodes every remainder, and refuses what is none")
{
    static const char *const text[] = {
        "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"
    };
    for (size_t n = 0; n <= 6; n++) {
        struct buf b = { 0 }, back = { 0 };
        CHECK(base64_encode(&b, (struct str){ "foobar", n }) == 0);
        CHECK(str_eq(buf_str(&b), str_of(text[n])));
        CHECK(base64_decode(&back, buf_str(&b)) == 0);
        CHECK(str_eq(buf_str(&back), (struct str){ "foobar", n }));
        buf_free(&b);
        buf_free(&back);
    }
    static const char *const bad[] = { "Z",    "Zg=",  "Zh==", "Zm9=",
                                       "====", "Zm=v", "Zm\n8" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct buf b = { 0 };
        CHECK(base64_decode(&b, str_of(bad[i])) == -2);
        CHECK(b.n == 0);
        buf_free(&b);
    }
}

TEST("a letter is one JSON line and gives back the exact bytes")
{
    static const struct str raws[] = {
        { "{\"a\":\"x\"}", 9 },      { "", 0 },
        { "a\tb\n\"\\\x01\x7f", 8 }, { "\xff\xfe", 2 },
        { "nul\0inside", 10 },       { "gr\xc3\xbc\xc3\x9f", 6 },
    };
    for (size_t i = 0; i < sizeof(raws) / sizeof(*raws); i++) {
        struct buf b = { 0 }, back = { 0 };
        struct dlq_letter l = letter("");
        struct envelope v;
        l.raw = raws[i];
        l.length = raws[i].n;
        l.context = STR("{\"header\":[\"a\",\n \"b\"]}");
        struct hash128 id = envelope_id(&l, 1);
        CHECK(envelope_write(&b, &l,
                             &(struct envelope_facts){ .id = id,
                                                       .us = 1767225600000001,
                                                       .cwd = "/home",
                                                       .attempt = 3 }) == 0);
        CHECK(b.n && b.p[b.n - 1] == '\n' && !memchr(b.p, '\n', b.n - 1));
        CHECK(envelope_parse(&v, (struct str){ b.p, b.n - 1 }) == 0);
        CHECK(v.id.lo == id.lo && v.id.hi == id.hi && v.attempt == 3);
        CHECK(v.us == 1767225600000001);
        CHECK(envelope_raw(&back, &v) == 0);
        CHECK(str_eq(buf_str(&back), raws[i]));
        CHECK((v.raw.type == JSON_MISSING) == (i == 3 || i == 4));
        buf_free(&b);
        buf_free(&back);
    }
}

TEST("the envelope has its members in the documented order")
{
    struct buf b = { 0 };
    struct dlq_letter l = letter("{\"a\":1}");
    l.partition = STR("2026-01-31");
    l.context = STR("{\"header\":[]}");
    l.length = 99;
    unsetenv("PIPE_TZ");
    setenv("PIPE_DATE", "2026-01-31", 1);
    envelope_write(&b, &l,
                   &(struct envelope_facts){ .id = { 1, 2 },
                                             .us = 1767225600000000,
                                             .cwd = "/srv",
                                             .attempt = 1 });
    unsetenv("PIPE_DATE");
    CHECK_STR(
        buf_z(&b),
        "{\"v\":1,\"id\":\"00000000000000020000000000000001\","
        "\"ts\":\"2026-01-01T00:00:00.000000Z\",\"pipeline\":\"shop\","
        "\"run_id\":\"r1\",\"stage\":\"pipe-test\","
        "\"argv\":[\"pipe-test\",\"--flag\"],\"cwd\":\"/srv\","
        "\"env\":{\"PIPE_DATE\":\"2026-01-31\"},\"attempt\":1,"
        "\"class\":\"permanent\",\"source\":{\"uri\":\"in.csv\",\"line\":7,"
        "\"offset\":123,\"partition\":\"2026-01-31\"},"
        "\"context\":{\"header\":[]},\"errors\":[{\"code\":\"type\","
        "\"path\":\"/a\",\"message\":\"expected number\","
        "\"schema\":\"/properties/a/type\"}],"
        "\"raw\":\"{\\\"a\\\":1}\",\"raw_length\":99}\n");
    buf_free(&b);
}

TEST("bytes that are not UTF-8 never spoil an envelope")
{
    static const char *const odd[] = { "pipe-test", "caf\xe9", NULL };
    static const struct dlq_error error = { .code = "x",
                                            .path = { "/\xff", 2 },
                                            .message = { "\xc3", 1 },
                                            .schema = { "\xff#", 2 } };
    struct buf b = { 0 };
    struct envelope v;
    struct dlq_letter l = letter("caf\xc3\xa9 cut in a letter: \xc3");
    l.argv = odd;
    l.errors = &error;
    l.uri = STR("\xfe.csv");
    l.length++;
    CHECK(envelope_write(&b, &l,
                         &(struct envelope_facts){ .id = { 1, 2 },
                                                   .cwd = "/\xff",
                                                   .attempt = 1 }) == 0);
    CHECK(utf8_valid(buf_str(&b)));
    CHECK(envelope_parse(&v, (struct str){ b.p, b.n - 1 }) == 0);
    CHECK(v.argv_b64.type == JSON_ARRAY && v.argv.type == JSON_MISSING);
    CHECK(v.cwd_b64.type == JSON_STRING && v.cwd.type == JSON_MISSING);
    CHECK(str_eq(v.raw.raw, STR("\"caf\xc3\xa9 cut in a letter: \"")));
    buf_free(&b);
}

TEST("lines that are no letter of a known version are told apart")
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"v\":1}",
        "not json",
        "{\"v\":3,\"id\":\"00000000000000020000000000000001\",\"ts\":"
        "\"2026-01-01T00:00:00Z\",\"stage\":\"s\",\"attempt\":1,\"raw\":\"\"}",
        "{\"v\":1,\"id\":\"0000000000000002000000000000000g\",\"ts\":"
        "\"2026-01-01T00:00:00Z\",\"stage\":\"s\",\"attempt\":1,\"raw\":\"\"}",
        "{\"v\":1,\"id\":\"00000000000000020000000000000001\",\"ts\":"
        "\"yesterday\",\"stage\":\"s\",\"attempt\":1,\"raw\":\"\"}",
        "{\"v\":1,\"id\":\"00000000000000020000000000000001\",\"ts\":"
        "\"2026-01-01T00:00:00Z\",\"stage\":\"s\",\"attempt\":1}",
    };
    struct envelope v;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(envelope_parse(&v, str_of(bad[i])) == -1);
}

TEST("an id depends on each of its parts and on where one ends")
{
    struct dlq_letter a = letter("x"), b = letter("x");
    CHECK(envelope_id(&a, 1).lo == envelope_id(&b, 1).lo);
    CHECK(envelope_id(&a, 1).lo != envelope_id(&a, 2).lo);
    b.run_id = STR("other");
    b.line = 9;
    CHECK(envelope_id(&a, 1).lo == envelope_id(&b, 1).lo);
    a.pipeline = STR("ab");
    a.partition = STR("c");
    b.pipeline = STR("a");
    b.partition = STR("bc");
    CHECK(envelope_id(&a, 1).lo != envelope_id(&b, 1).lo);
    b = a;
    b.length = 1000;
    CHECK(envelope_id(&a, 1).lo != envelope_id(&b, 1).lo);
}

TEST("a queue without letters leaves nothing behind")
{
    const char *uri = room("/a/b/");
    CHECK(add_all(uri, (const char *const[]){ NULL }) == 0);
    CHECK(access(uri, F_OK) != 0);
    uri = room(".ndjson");
    CHECK(add_all(uri, (const char *const[]){ NULL }) == 0);
    CHECK(access(uri, F_OK) != 0);
}

TEST("a second run with the same rejects adds no second letter")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    for (size_t i = 0; i < 2; i++) {
        const char *uri = room(tails[i]);
        /* The same bytes twice in a run are two letters. */
        CHECK(add_all(uri, (const char *const[]){ "x", "y", "x", NULL }) == 3);
        CHECK(add_all(uri, (const char *const[]){ "x", "x", "y", NULL }) == 0);
        CHECK(add_all(uri, (const char *const[]){ "x", "x", "x", NULL }) == 1);
        CHECK(count(uri, DLQ_OPEN) == 4);
    }
}

TEST("a letter that was replayed or purged may come again")
{
    const char *uri = room("/dlq/");
    static const enum dlq_marks marks[] = { DLQ_MARK_REPLAYED,
                                            DLQ_MARK_PURGED };
    for (int i = 0; i < 2; i++) {
        CHECK(add_all(uri, (const char *const[]){ "x", NULL }) == 1);
        CHECK(count(uri, DLQ_OPEN) == 1);
        mark_all(uri, marks[i]);
        CHECK(count(uri, DLQ_OPEN) == 0);
    }
    CHECK(count(uri, DLQ_REPLAYED) == 1);
    CHECK(add_all(uri, (const char *const[]){ "x", NULL }) == 1);
    CHECK(count(uri, DLQ_OPEN) == 1);
}

TEST("a mark that is cut anywhere closes nothing")
{
    const char *uri = room(".ndjson");
    add_all(uri, (const char *const[]){ "x", "y", "z", NULL });
    int64_t before = file_size(uri);
    mark_all(uri, DLQ_MARK_REPLAYED);
    CHECK(count(uri, DLQ_OPEN) == 0);
    for (int64_t n = file_size(uri) - 1; n >= before; n--) {
        CHECK(truncate(uri, n) == 0);
        CHECK(count(uri, DLQ_OPEN) == 3);
    }
}

TEST("a record rejected again in a replay keeps its id with attempt + 1")
{
    const char *uri = room("/dlq/");
    struct err e = { 0 };
    struct dlq_read r;
    add_all(uri, (const char *const[]){ "x", "y", "x", NULL });
    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    CHECK(r.n_entries == 3);
    struct hash128 second = dlq_read_place(&r, 2)->id;
    dlq_read_close(&r);

    /* Only the second "x" is replayed; its stage was told another queue. */
    char file[500];
    struct buf b = { 0 };
    snprintf(file, sizeof(file), "%s.replay", room(""));
    replays_write_target(&b, uri);
    replays_write(&b, second, 4, hash128(STR("x")), STR("{\"line\":7777}"),
                  STR("[{\"how\":\"editor\"}]"));
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    CHECK(write(fd, b.p, b.n) == (ssize_t)b.n);
    close(fd);
    buf_free(&b);
    setenv(REPLAYS_ENV, file, 1);
    CHECK(dlq_replaying());
    CHECK(add_all(room("/elsewhere/"), (const char *const[]){ "x", NULL }) ==
          1);
    unsetenv(REPLAYS_ENV);
    CHECK(!dlq_replaying());

    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    CHECK(r.n_entries == 3);
    CHECK(r.n_places == 4);
    CHECK(dlq_read_place(&r, 2)->id.lo == second.lo);
    CHECK(dlq_read_place(&r, 2)->attempt == 5);
    int64_t us[4];
    CHECK(dlq_read_open_lines(&r, 2, us, 4) == 2);
    struct envelope v;
    CHECK(dlq_read_get(&r, 2, &v, &e) == 0);
    CHECK(str_eq(v.source.raw, STR("{\"line\":7777}")));
    dlq_read_close(&r);
    mark_all(uri, DLQ_MARK_REPLAYED);
    CHECK(count(uri, DLQ_OPEN) == 0);
}

TEST("a damaged replay file is refused")
{
    char file[500];
    struct err e = { 0 };
    snprintf(file, sizeof(file), "%s", room(".replay"));
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    CHECK(write(fd, "{\"target\":\"x/\"}\n{\"id\":1}\n", 26) == 26);
    close(fd);
    setenv(REPLAYS_ENV, file, 1);
    CHECK(dlq_open("y/", &e) == NULL);
    CHECK(e.code == ERR_CONFIG);
    unsetenv(REPLAYS_ENV);
}

static void append_bytes(const char *path, const char *bytes)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    CHECK(write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes));
    close(fd);
}

TEST("a torn tail is skipped by readers and cut by the next writer")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    for (size_t i = 0; i < 2; i++) {
        struct dlq_read r;
        struct err e = { 0 };
        const char *uri = room(tails[i]);
        add_all(uri, (const char *const[]){ "x", NULL });
        CHECK(dlq_read_open(&r, uri, false, &e) == 0);
        char path[500];
        snprintf(path, sizeof(path), "%s", r.segments[0]);
        dlq_read_close(&r);
        int64_t whole = file_size(path);
        append_bytes(path, "{\"v\":1,\"id\":\"0123");

        CHECK(dlq_read_open(&r, uri, false, &e) == 0);
        CHECK(r.n_entries == 1 && r.torn == 1 && r.damaged == 0);
        dlq_read_close(&r);
        CHECK(file_size(path) > whole);

        CHECK(add_all(uri, (const char *const[]){ "y", NULL }) == 1);
        CHECK(dlq_read_open(&r, uri, false, &e) == 0);
        CHECK(r.n_entries == 2 && r.torn == 0 && r.damaged == 0);
        dlq_read_close(&r);
        if (i == 0)
            CHECK(file_size(path) == whole);
    }
}

TEST("a damaged line is counted and hides no other")
{
    const char *uri = room(".ndjson");
    struct dlq_read r;
    struct err e = { 0 };
    add_all(uri, (const char *const[]){ "x", NULL });
    append_bytes(uri, "{\"v\":1,\"id\":\n\n{}\n");
    add_all(uri, (const char *const[]){ "y", NULL });
    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    CHECK(r.n_entries == 2 && r.damaged == 2 && r.torn == 0);
    dlq_read_close(&r);
}

TEST("the tail of a segment that is being written is left alone")
{
    const char *uri = room("/dlq/");
    struct target t;
    struct segment s;
    struct dlq_read r;
    struct err e = { 0 };
    CHECK(target_parse(&t, uri, &e) == 0);
    CHECK(segment_open(&s, &t, &e) == 0);
    CHECK(write(s.fd, "{\"v\":1", 6) == 6);
    CHECK(dlq_read_open(&r, uri, true, &e) == 0);
    CHECK(r.torn == 0);
    dlq_read_close(&r);
    CHECK(file_size(s.path) == 6);
    segment_close(&s);
    CHECK(dlq_read_open(&r, uri, true, &e) == 0);
    CHECK(r.torn == 1);
    CHECK(file_size(r.segments[0]) == 0);
    dlq_read_close(&r);
    target_free(&t);
}

TEST("a line that does not fit on the disk leaves nothing of itself")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    static char big[20000];
    memset(big, 'x', sizeof(big) - 1);
    for (size_t i = 0; i < 2; i++) {
        const char *uri = room(tails[i]);
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit limit = { 8192, 8192 };
            struct err e = { 0 };
            struct dlq_letter small = letter("x"), large = letter(big);
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &limit);
            struct dlq *q = dlq_open(uri, &e);
            if (!q || dlq_add(q, &small, NULL, &e) || dlq_flush(q, &e))
                _exit(1);
            if (dlq_add(q, &large, NULL, &e) || dlq_flush(q, &e) == 0 ||
                e.code != ERR_IO)
                _exit(2);
            small = letter("y");
            _exit(dlq_add(q, &small, NULL, &e) || dlq_flush(q, &e) ? 3 : 0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        struct dlq_read r;
        struct err e = { 0 };
        CHECK(dlq_read_open(&r, uri, false, &e) == 0);
        CHECK(r.n_entries == 2 && r.torn == 0 && r.damaged == 0);
        dlq_read_close(&r);
    }
}

/* Adds letters until it is killed, and tells of each once it is added. */
static void write_forever(const char *uri, int round, int ack)
{
    static char raw[300000];
    struct err e = { 0 };
    struct dlq *q = dlq_open(uri, &e);
    for (uint32_t n = 0; q; n++) {
        size_t size = (n + (uint32_t)round) % 3 ? 200 : sizeof(raw) - 1;
        memset(raw, 'a', size);
        raw[size] = '\0';
        int len = snprintf(raw, 64, "%d-%u-", round, n);
        raw[len] = 'a';
        struct dlq_letter l = letter(raw);
        if (dlq_add(q, &l, NULL, &e) || dlq_flush(q, &e) ||
            write(ack, &n, sizeof(n)) < 0)
            break;
    }
    _exit(1);
}

static uint32_t kill_one(const char *uri, int round)
{
    int fds[2];
    uint32_t n, acknowledged = 0;
    CHECK(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        write_forever(uri, round, fds[1]);
    }
    close(fds[1]);
    /* At a random moment, after none or some letters. */
    usleep((useconds_t)(rand() % 4000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    while (read(fds[0], &n, sizeof(n)) == sizeof(n))
        acknowledged++;
    close(fds[0]);
    return acknowledged;
}

TEST("500 kills in mid append: every acknowledged letter is there, whole")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    uint64_t acknowledged = 0, torn = 0;
    srand(42);
    for (int round = 0; round < 500; round++) {
        static char uri[400];
        if (round % 20 == 0)
            snprintf(uri, sizeof(uri), "%s", room(tails[round / 20 % 2]));
        struct dlq_read r;
        struct err e = { 0 };
        size_t before = count(uri, DLQ_OPEN);
        uint32_t acks = kill_one(uri, round);
        acknowledged += acks;
        if (dlq_read_open(&r, uri, true, &e)) {
            printf("# %s\n", e.msg);
            unit_failed = true;
            return;
        }
        torn += r.torn;
        /* One more may be whole without its acknowledgement. */
        CHECK(r.n_entries - before - acks <= 1);
        CHECK(r.damaged == 0);
        dlq_read_close(&r);
        if (round % 20 == 19)
            clean();
        if (round % 20 == 19)
            CHECK(mkdir(root, 0700) == 0);
    }
    printf("# %llu letters acknowledged, %llu torn tails cut\n",
           (unsigned long long)acknowledged, (unsigned long long)torn);
    CHECK(acknowledged > 200);
}

TEST("letters are there once they are flushed, or enough to be written")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    for (size_t i = 0; i < 2; i++) {
        const char *uri = room(tails[i]);
        struct err e = { 0 };
        struct dlq *q = dlq_open(uri, &e);
        struct dlq_letter l = letter("one");
        CHECK(q && dlq_add(q, &l, NULL, &e) == 0);
        CHECK(count(uri, DLQ_OPEN) == 0);
        CHECK(dlq_flush(q, &e) == 0 && count(uri, DLQ_OPEN) == 1);
        CHECK(dlq_flush(q, &e) == 0 && count(uri, DLQ_OPEN) == 1);
        /* A letter names the folder it came from, so how many are written at
         * a time depends on that; of a prime number some are left over. */
        for (int n = 0; n < 997; n++) {
            char raw[200];
            snprintf(raw, sizeof(raw), "%0150d", n);
            l = letter(raw);
            CHECK(dlq_add(q, &l, NULL, &e) == 0);
        }
        size_t some = count(uri, DLQ_OPEN);
        CHECK(some > 500 && some < 998);
        CHECK(dlq_sync(q, &e) == 0 && count(uri, DLQ_OPEN) == 998);
        dlq_close(q);
    }
}

TEST("two writers at once lose nothing of each other")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    for (size_t i = 0; i < 2; i++) {
        const char *uri = room(tails[i]);
        pid_t pid[4];
        for (int w = 0; w < 4; w++) {
            pid[w] = fork();
            if (pid[w] != 0)
                continue;
            struct err e = { 0 };
            struct dlq *q = dlq_open(uri, &e);
            for (int n = 0; q && n < 250; n++) {
                char raw[64];
                snprintf(raw, sizeof(raw), "%d %d", w, n);
                struct dlq_letter l = letter(raw);
                if (dlq_add(q, &l, NULL, &e))
                    _exit(1);
            }
            _exit(q && dlq_sync(q, &e) == 0 ? 0 : 1);
        }
        for (int w = 0; w < 4; w++) {
            int status;
            CHECK(waitpid(pid[w], &status, 0) == pid[w] && status == 0);
        }
        struct dlq_read r;
        struct err e = { 0 };
        CHECK(dlq_read_open(&r, uri, false, &e) == 0);
        CHECK(r.n_entries == 1000 && r.damaged == 0 && r.torn == 0);
        CHECK(r.n_segments == (i == 0 ? 4u : 1u));
        for (size_t n = 1; n < r.n_entries; n++)
            CHECK(dlq_read_place(&r, n - 1)->us <= dlq_read_place(&r, n)->us);
        dlq_read_close(&r);
    }
}

/* Writes each open letter again, with "!" behind its bytes; confirmed or as if
 * the process had died before. Returns how many. */
static size_t edit_all(const char *uri, bool confirm)
{
    struct err e = { 0 };
    struct dlq_read r;
    struct dlq *q = dlq_open(uri, &e);
    size_t n = 0;
    CHECK(q && dlq_read_open(&r, uri, false, &e) == 0);
    for (size_t i = 0; i < r.n_entries; i++) {
        struct envelope v;
        struct buf raw = { 0 };
        CHECK(dlq_read_get(&r, i, &v, &e) == 0 && envelope_raw(&raw, &v) == 0);
        buf_addc(&raw, '!');
        struct dlq_edit d = { buf_str(&raw), STR("me"), STR("\"editor\"") };
        CHECK(dlq_add_edit(q, &v, &d, &e) == 0);
        buf_free(&raw);
        n++;
    }
    CHECK((confirm ? dlq_edit_done(q, &e) : dlq_flush(q, &e)) == 0);
    dlq_read_close(&r);
    dlq_close(q);
    return n;
}

/* The raws of what is open, each behind a space. */
static const char *raws(const char *uri)
{
    static char text[400];
    struct err e = { 0 };
    struct dlq_read r;
    struct buf b = { 0 };
    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    for (size_t i = 0; i < r.n_entries; i++) {
        struct envelope v;
        if (dlq_read_place(&r, i)->state != DLQ_OPEN)
            continue;
        CHECK(dlq_read_get(&r, i, &v, &e) == 0);
        buf_addc(&b, ' ');
        CHECK(envelope_raw(&b, &v) == 0);
    }
    snprintf(text, sizeof(text), "%s", b.n && buf_z(&b) ? b.p : "");
    buf_free(&b);
    dlq_read_close(&r);
    return text;
}

TEST("an edit counts once it is confirmed, keeps its id, and may be edited")
{
    static const char *const tails[] = { "/dlq/", ".ndjson" };
    for (size_t i = 0; i < 2; i++) {
        const char *uri = room(tails[i]);
        add_all(uri, (const char *const[]){ "x", "y", NULL });
        CHECK(edit_all(uri, false) == 2);
        CHECK_STR(raws(uri), " x y");
        CHECK(edit_all(uri, true) == 2);
        CHECK_STR(raws(uri), " x! y!");
        CHECK(edit_all(uri, true) == 2);
        CHECK_STR(raws(uri), " x!! y!!");
        /* The letter itself is there, so it is not added again. */
        CHECK(add_all(uri, (const char *const[]){ "x", "y", NULL }) == 0);
        mark_all(uri, DLQ_MARK_REPLAYED);
        CHECK_STR(raws(uri), "");
        CHECK(count(uri, DLQ_REPLAYED) == 2);
    }
}

TEST("the original bytes and all edits are in the letter, in order")
{
    const char *uri = room(".ndjson");
    struct err e = { 0 };
    struct dlq_read r;
    struct envelope v;
    struct val edit;
    add_all(uri, (const char *const[]){ "\xff", NULL });
    edit_all(uri, true);
    edit_all(uri, true);
    CHECK(dlq_read_open(&r, uri, false, &e) == 0 && r.n_entries == 1);
    CHECK(dlq_read_get(&r, 0, &v, &e) == 0);
    struct json_iter it = json_iter(v.edits.raw);
    CHECK(json_next(&it, NULL, &edit));
    CHECK(str_eq(json_get(edit, STR("was_b64")).raw, STR("\"/w==\"")));
    CHECK(str_eq(json_get(edit, STR("by")).raw, STR("\"me\"")));
    CHECK(json_next(&it, NULL, &edit) && !json_next(&it, NULL, &edit));
    CHECK(dlq_read_since(&r, 0) < dlq_read_place(&r, 0)->us);
    CHECK(!dlq_is_poison(dlq_read_place(&r, 0), 1));
    dlq_read_close(&r);
}

TEST("an edit goes with the letter that it was made from")
{
    const char *uri = room(".ndjson");
    struct err e = { 0 };
    char kept[2000];
    add_all(uri, (const char *const[]){ "x", NULL });
    int64_t first = file_size(uri);
    edit_all(uri, true);
    int64_t all = file_size(uri);
    int fd = open(uri, O_RDWR);
    CHECK(all < (int64_t)sizeof(kept) && read(fd, kept, (size_t)all) == all);
    /* As a purge would that had read the queue before the edit. */
    CHECK(ftruncate(fd, 0) == 0 &&
          pwrite(fd, kept + first, (size_t)(all - first), 0) == all - first);
    close(fd);
    struct dlq_read r;
    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    CHECK(r.n_places == 1 && r.n_entries == 0);
    dlq_read_close(&r);
}

TEST("an edit that is cut anywhere changes nothing")
{
    const char *uri = room(".ndjson");
    add_all(uri, (const char *const[]){ "x", "y", NULL });
    int64_t before = file_size(uri);
    edit_all(uri, true);
    CHECK_STR(raws(uri), " x! y!");
    for (int64_t n = file_size(uri) - 1; n >= before; n--) {
        CHECK(truncate(uri, n) == 0);
        CHECK(strcmp(raws(uri), " x y") == 0);
    }
}

static size_t open_journals(const char *uri)
{
    struct err e = { 0 };
    struct dlq_read r;
    size_t n = 0;
    CHECK(dlq_read_open(&r, uri, false, &e) == 0);
    for (size_t i = 0; i < r.n_journals; i++) {
        struct envelope v;
        n += !r.journals[i].closed;
        CHECK(dlq_read_journal(&r, i, &v, &e) == 0 && v.run.raw.n);
    }
    dlq_read_close(&r);
    return n;
}

TEST("a journal closes no letter, and is open until a mark names it")
{
    static const enum dlq_marks ends[] = { DLQ_MARK_REPLAYED,
                                           DLQ_MARK_RELEASED };
    for (size_t i = 0; i < 2; i++) {
        const char *uri = room("/dlq/");
        struct str run = STR("/state/runs/p.replay/r");
        struct err e = { 0 };
        struct dlq_read r;
        int64_t us, at;
        add_all(uri, (const char *const[]){ "x", NULL });
        CHECK(dlq_read_open(&r, uri, false, &e) == 0);
        CHECK(dlq_read_open_lines(&r, 0, &us, 1) == 1);
        struct hash128 id = dlq_read_place(&r, 0)->id;
        dlq_read_close(&r);
        struct dlq *q = dlq_open(uri, &e);
        CHECK(dlq_mark(q, id, &us, 1, &e) == 0);
        CHECK(dlq_journal(q, STR("replay-1"), run, &at, &e) == 0);
        CHECK(open_journals(uri) == 1 && count(uri, DLQ_OPEN) == 1);
        if (ends[i] == DLQ_MARK_REPLAYED)
            CHECK(dlq_mark(q, id, &us, 1, &e) == 0);
        CHECK(dlq_mark(q, dlq_journal_id(run), &at, 1, &e) == 0);
        CHECK(dlq_mark_write(q, ends[i], STR("replay-1"), &e) == 0);
        dlq_close(q);
        CHECK(open_journals(uri) == 0);
        CHECK(count(uri, DLQ_OPEN) == i);
    }
}

TEST("targets that could never take a letter are found at open")
{
    static const struct {
        const char *uri;
        enum err_code code;
    } bad[] = {
        { "amqp://broker/topic", ERR_USAGE },
        { "kafka://broker/", ERR_USAGE },
        { "", ERR_USAGE },
        { "file:", ERR_USAGE },
        { "/dev/null", ERR_CANTCREAT },
        { "/dev/null/", ERR_CANTCREAT },
        { "/dev/null/x/", ERR_CANTCREAT },
        { "/no/such/folder/file", ERR_CANTCREAT },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err e = { 0 };
        struct dlq *q = dlq_open(bad[i].uri, &e);
        CHECK(q == NULL);
        CHECK(e.code == bad[i].code);
        if (e.code != bad[i].code)
            printf("# %s: %d %s\n", bad[i].uri, e.code, e.msg);
        dlq_close(q);
    }
}

UNIT_MAIN
