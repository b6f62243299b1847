/* queue: batches that wait; each system call and each allocation that fails. */
#include "run/queue.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- system calls that fail: those which make a batch durable */

static long calls = -1; /* until one fails; -1: none does */
static int fault;       /* the errno of that */

static bool fails(void)
{
    if (calls < 0 || calls-- > 0)
        return false;
    errno = fault;
    return true;
}

int fsync(int fd)
{
    return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    return fails()
               ? -1
               : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return fails() ? -1
                   : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

/* ---- a folder of each test's own */

static char top[100], folder[140];

static void start(void)
{
    static int n;
    snprintf(folder, sizeof(folder), "%s/%d", top, n++);
}

static const char *in_folder(const char *name)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static bool is_there(const char *name)
{
    return access(in_folder(name), F_OK) == 0;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Adds a batch; its number, or 0. */
static uint64_t add(const char *records, const char *about, struct err *e)
{
    struct queue q;
    uint64_t number = 0;
    size_t n = strlen(records);
    int r = queue_open(&q, folder, true, e) || queue_incoming(&q, e) ||
                    write(q.fd, records, n) != (ssize_t)n ||
                    queue_lock(&q, e) ||
                    queue_add(&q, str_of(about), &number, e)
                ? -1
                : 0;
    queue_close(&q);
    return r ? 0 : number;
}

/* The numbers that wait, as "1 2 3". */
static const char *waiting(void)
{
    static char text[200];
    struct queue q;
    struct err e = { 0 };
    uint64_t *numbers;
    size_t n, at = 0;
    text[0] = '\0';
    CHECK(queue_open(&q, folder, false, &e) == 0);
    CHECK(queue_list(&q, &numbers, &n, &e) == 0);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRIu64,
                               i ? " " : "", numbers[i]);
    free(numbers);
    queue_close(&q);
    return text;
}

static struct queue opened(void)
{
    struct queue q;
    struct err e = { 0 };
    CHECK(queue_open(&q, folder, true, &e) == 0);
    return q;
}

TEST("batches wait in the order in which they came, until they are removed")
{
    struct err e = { 0 };
    start();
    CHECK(add("a\n", "{}\n", &e) == 1);
    CHECK(add("b\n", "{\"x\":2}\n", &e) == 2);
    CHECK(add("", "{}\n", &e) == 3);
    CHECK_STR(waiting(), "1 2 3");
    struct queue q = opened();
    struct buf about = { 0 };
    CHECK(queue_about(&q, 2, &about, &e) == 1);
    CHECK_STR(buf_z(&about), "{\"x\":2}\n");
    CHECK(queue_remove(&q, 1, &e) == 0);
    CHECK_STR(waiting(), "2 3");
    CHECK(queue_about(&q, 1, &about, &e) == 0);
    CHECK(!is_there("000000000001.json"));
    queue_close(&q);
    CHECK(add("c\n", "{}\n", &e) == 4);
    buf_free(&about);
}

TEST("the folder and its files are the owner's alone")
{
    struct err e = { 0 };
    struct stat st;
    start();
    CHECK(add("a\n", "{}\n", &e) == 1);
    CHECK(stat(folder, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(stat(in_folder("000000000001.ndjson"), &st) == 0 &&
          (st.st_mode & 0777) == 0600);
}

TEST("a batch that is set aside waits no more; its number is not given again")
{
    struct err e = { 0 };
    start();
    CHECK(add("a\n", "{}\n", &e) == 1);
    CHECK(add("b\n", "{}\n", &e) == 2);
    struct queue q = opened();
    CHECK(queue_set_aside(&q, 2, &e) == 0);
    CHECK(unlink(in_folder("000000000001.json")) == 0);
    CHECK(queue_set_aside(&q, 1, &e) == 0);
    queue_close(&q);
    CHECK_STR(waiting(), "");
    CHECK(is_there("damaged-000000000002.json"));
    CHECK(is_there("damaged-000000000002.ndjson"));
    CHECK(is_there("damaged-000000000001.ndjson"));
    CHECK(add("c\n", "{}\n", &e) == 3);
}

TEST("a .json that is no object is ERR_DATA")
{
    static const char *const texts[] = { "", "{", "[1]", "{\"a\":1}x",
                                         "\xff{}" };
    struct err e = { 0 };
    struct buf about = { 0 };
    start();
    CHECK(add("a\n", "{}\n", &e) == 1);
    struct queue q = opened();
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        e.code = ERR_NONE;
        buf_reset(&about);
        put("000000000001.json", texts[i]);
        CHECK(queue_about(&q, 1, &about, &e) == -1 && e.code == ERR_DATA);
    }
    queue_close(&q);
    buf_free(&about);
}

TEST("no number behind the last one")
{
    struct err e = { 0 };
    start();
    CHECK(add("a\n", "{}\n", &e) == 1);
    put("999999999999.ndjson", "");
    put("999999999999.json", "{}");
    CHECK(add("b\n", "{}\n", &e) == 0 && e.code == ERR_CANTCREAT);
    CHECK_STR(waiting(), "1 999999999999");
}

TEST("only what killed processes left is swept")
{
    static const char *const kept[] = { ".incoming-longer-name",
                                        "notes",
                                        "00000000001.json",
                                        "000000000000.json",
                                        "x.ndjson",
                                        "00000000000a.json",
                                        "000000000002.ndjson",
                                        ".00000000000x.json.abcdef",
                                        "damaged-000000000003.json" };
    static const char *const gone[] = { ".incoming-abcdef", "000000000005.json",
                                        ".000000000006.json.abcdef" };
    start();
    struct queue q = opened();
    queue_close(&q);
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
        put(kept[i], "");
    for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
        put(gone[i], "");
    put(".incoming-ghijkl", "");
    int writer = open(in_folder(".incoming-ghijkl"), O_RDWR);
    CHECK(flock(writer, LOCK_EX) == 0);
    CHECK_STR(waiting(), "2");
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
        CHECK(is_there(kept[i]));
    for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
        CHECK(!is_there(gone[i]));
    CHECK(is_there(".incoming-ghijkl"));
    close(writer);
}

TEST("a folder that is not there is made, or ERR_NOINPUT")
{
    struct queue q;
    struct err e = { 0 };
    start();
    CHECK(queue_open(&q, folder, false, &e) == -1 && e.code == ERR_NOINPUT);
    CHECK(queue_open(&q, folder, true, &e) == 0);
    queue_close(&q);
}

TEST("a path that is too long is an error")
{
    static char dir[QUEUE_PATH + 10];
    struct queue q = { .dir = dir, .lock = -1, .fd = -1 };
    struct err e = { 0 };
    char path[QUEUE_PATH];
    memset(dir, 'x', sizeof(dir) - 1);
    CHECK(queue_path(&q, path, &e, "lock") == -1 && e.code == ERR_CANTCREAT);
}

/* ---- faults */

static size_t count_files(void)
{
    DIR *d = opendir(folder);
    size_t n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

/* Is batch 2 whole, or none? There are `lock` and batch 1 beside it. */
static void check_added(bool added)
{
    CHECK_STR(waiting(), added ? "1 2" : "1"); /* sweeps */
    CHECK(is_there("000000000002.json") == added);
    CHECK(count_files() == (added ? 5 : 3));
}

TEST("fsync, rename or link that fails: the batch is whole or not there")
{
    static const int faults[] = { EIO, ENOSPC };
    for (size_t f = 0; f < 2; f++) {
        long n = 0;
        bool reached = true;
        for (; reached && n < 100; n++) {
            struct err e = { 0 };
            start();
            CHECK(add("a\n", "{}\n", &e) == 1);
            fault = faults[f];
            calls = n;
            bool added = add("b\n", "{}\n", &e) == 2;
            reached = calls < 0;
            calls = -1;
            CHECK(added == !reached);
            CHECK(added || e.code != ERR_NONE);
            check_added(added);
        }
        CHECK(n > 5);
    }
}

TEST("fsync or rename that fails in the end of a batch: all of it or nothing")
{
    for (int aside = 0; aside < 2; aside++) {
        bool reached = true;
        for (long n = 0; reached && n < 100; n++) {
            struct err e = { 0 };
            start();
            CHECK(add("a\n", "{}\n", &e) == 1);
            CHECK(add("b\n", "{}\n", &e) == 2);
            struct queue q = opened();
            fault = EIO;
            calls = n;
            int r =
                aside ? queue_set_aside(&q, 2, &e) : queue_remove(&q, 2, &e);
            reached = calls < 0;
            calls = -1;
            queue_close(&q);
            CHECK((r == 0) == !reached);
            const char *now = waiting();
            CHECK(strcmp(now, "1") == 0 || (r && strcmp(now, "1 2") == 0));
            CHECK(aside || is_there("000000000002.json") ==
                               is_there("000000000002.ndjson"));
        }
    }
}

#ifndef __SANITIZE_ADDRESS__

#include "starve.h"

/* All that a queue can do. */
static int whole_job(struct err *e)
{
    struct queue q;
    struct buf about = { 0 };
    uint64_t *numbers = NULL;
    size_t n;
    int r = add("b\n", "{}\n", e) == 2 ? 0 : -1;
    if (r == 0)
        r = queue_open(&q, folder, false, e);
    if (r == 0) {
        r = queue_list(&q, &numbers, &n, e) ||
                    queue_about(&q, 2, &about, e) != 1 ||
                    queue_remove(&q, 1, e) || queue_set_aside(&q, 2, e)
                ? -1
                : 0;
        queue_close(&q);
    }
    free(numbers);
    buf_free(&about);
    return r;
}

TEST("each allocation that fails is an error, and nothing leaks")
{
    printf("# counting\n"); /* takes a buffer for good */
    bool reached = true;
    long n = 0;
    for (; reached && n < 500; n++) {
        struct err e = { 0 };
        start();
        CHECK(add("a\n", "{}\n", &e) == 1);
        long before = live;
        countdown = n;
        int r = whole_job(&e);
        reached = countdown < 0;
        countdown = -1;
        CHECK(live == before);
        CHECK((r == 0) == !reached);
        CHECK(r == 0 || e.code != ERR_NONE);
        (void)waiting(); /* sweeps */
        CHECK(is_there("000000000002.json") == is_there("000000000002.ndjson"));
    }
    CHECK(n > 10 && n < 500);
}

#endif

__attribute__((constructor)) static void make_top(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(top, sizeof(top), "%.80s/unit-queue.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(top))
        abort();
}

__attribute__((destructor)) static void remove_top(void)
{
    char command[120];
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    if (system(command) != 0)
        perror("rm");
}

UNIT_MAIN
