#include "mq/journal.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[200];

static void make_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/journal.XXXXXX", tmp ? tmp : "/tmp");
    CHECK(mkdtemp(dir) != NULL);
}

static void remove_dir(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        (void)unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
    CHECK(rmdir(dir) == 0);
}

/* The name of the last segment. */
static const char *last_segment(void)
{
    static char path[500];
    char best[256] = "";
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        if (strstr(f->d_name, ".journal") && strcmp(f->d_name, best) > 0)
            snprintf(best, sizeof(best), "%s", f->d_name);
    if (d)
        closedir(d);
    snprintf(path, sizeof(path), "%s/%s", dir, best);
    return path;
}

static struct journal *open_it(void)
{
    struct journal *j = NULL;
    struct err e = { 0 };
    CHECK(journal_open(&j, dir, "test", &e) == 0);
    if (!j)
        printf("# %s\n", e.msg);
    return j;
}

/* Entry i: its number, many times. */
static int add(struct journal *j, uint64_t i)
{
    char text[64];
    struct err e = { 0 };
    uint64_t number;
    int n = snprintf(text, sizeof(text), "entry %" PRIu64 " ", i);
    struct str parts[3] = { { text, (size_t)n }, STR(""), { text, (size_t)n } };
    return journal_add(j, parts, 3, &number, &e) || number != i;
}

static void add_synced(struct journal *j, uint64_t from, uint64_t to)
{
    struct err e = { 0 };
    for (uint64_t i = from; i <= to; i++)
        CHECK(add(j, i) == 0);
    CHECK(journal_sync(j, &e) == 0);
}

/* Reads behind `after` to the end: the last number; 0 where an entry is not
 * what was added, or reading failed. */
static uint64_t read_all(struct journal *j, uint64_t after)
{
    struct err e = { 0 };
    struct str entry;
    uint64_t number = 0, last = after;
    int r;
    while ((r = journal_next(j, last, &number, &entry, &e)) > 0) {
        char text[140];
        int n =
            snprintf(text, sizeof(text), "entry %" PRIu64 " entry %" PRIu64 " ",
                     number, number);
        if (!str_eq(entry, (struct str){ text, (size_t)n }) ||
            number != last + 1)
            return 0;
        last = number;
    }
    return r < 0 ? 0 : last;
}

TEST("what was synced is there when it is opened again; what was not is not")
{
    make_dir();
    struct journal *j = open_it();
    char id[JOURNAL_ID];
    memcpy(id, journal_id(j), JOURNAL_ID);
    add_synced(j, 1, 10);
    add_synced(j, 11, 11);
    CHECK(add(j, 12) == 0);
    CHECK(journal_last(j) == 11);
    journal_close(j);
    j = open_it();
    CHECK_STR(journal_id(j), id);
    CHECK(journal_last(j) == 11 && journal_torn(j) == 0);
    CHECK(read_all(j, 0) == 11);
    CHECK(read_all(j, 10) == 11);
    add_synced(j, 12, 12);
    CHECK(read_all(j, 11) == 12);
    CHECK(read_all(j, 3) == 12);
    journal_close(j);
    remove_dir();
}

TEST("every prefix of the last frame is cut off as torn")
{
    make_dir();
    struct journal *j = open_it();
    struct stat before, after;
    add_synced(j, 1, 3);
    CHECK(stat(last_segment(), &before) == 0);
    add_synced(j, 4, 6);
    CHECK(stat(last_segment(), &after) == 0);
    journal_close(j);
    for (off_t n = after.st_size - 1; n >= before.st_size; n--) {
        CHECK(truncate(last_segment(), n) == 0);
        j = open_it();
        CHECK(journal_last(j) == 3);
        CHECK(journal_torn(j) == (uint64_t)(n - before.st_size));
        CHECK(read_all(j, 0) == 3);
        add_synced(j, 4, 6);
        CHECK(read_all(j, 0) == 6);
        journal_close(j);
    }
    remove_dir();
}

TEST("every flipped byte is found: torn in the last frame, damage before it")
{
    make_dir();
    struct journal *j = open_it();
    struct stat first, both;
    add_synced(j, 1, 3);
    CHECK(stat(last_segment(), &first) == 0);
    add_synced(j, 4, 5);
    CHECK(stat(last_segment(), &both) == 0);
    journal_close(j);
    char kept[4096], bad[4096];
    int fd = open(last_segment(), O_RDWR);
    CHECK(pread(fd, kept, sizeof(kept), 0) == both.st_size);
    for (off_t i = 0; i < both.st_size; i++) {
        struct err e = { 0 };
        memcpy(bad, kept, sizeof(bad));
        bad[i] = (char)(bad[i] ^ 0x10);
        CHECK(pwrite(fd, bad, (size_t)both.st_size, 0) == both.st_size);
        int r = journal_open(&j, dir, "test", &e);
        if (i < first.st_size)
            CHECK(r == -1 && e.code == ERR_DATA);
        else {
            CHECK(r == 0 && journal_last(j) == 3 && read_all(j, 0) == 3);
            journal_close(r == 0 ? j : NULL);
        }
    }
    close(fd);
    remove_dir();
}

TEST("segments that are committed go, and numbers stay")
{
    make_dir();
    struct journal *j = open_it();
    struct err e = { 0 };
    static char big[1 << 20];
    uint64_t number = 0;
    memset(big, 'x', sizeof(big));
    struct str part = { big, sizeof(big) };
    for (int i = 0; i < 40; i++)
        CHECK(journal_add(j, &part, 1, &number, &e) == 0 &&
              journal_sync(j, &e) == 0);
    struct str entry;
    CHECK(journal_next(j, 0, &number, &entry, &e) == 1 && number == 1);
    CHECK(journal_forget(j, 20, &e) == 0);
    /* Those of a segment that is still wanted are there. */
    CHECK(journal_next(j, 20, &number, &entry, &e) == 1 && number == 21 &&
          entry.n == sizeof(big));
    CHECK(journal_forget(j, 40, &e) == 0);
    CHECK(journal_next(j, 40, &number, &entry, &e) == 0);
    struct stat st;
    CHECK(stat(last_segment(), &st) == 0 && st.st_size == 0);
    journal_close(j);
    j = open_it();
    CHECK(journal_last(j) == 40);
    add_synced(j, 41, 42);
    CHECK(read_all(j, 40) == 42);
    journal_close(j);
    remove_dir();
}

TEST("numbers that are taken elsewhere are passed over")
{
    make_dir();
    struct journal *j = open_it();
    struct err e = { 0 };
    CHECK(journal_skip(j, 100, &e) == 0);
    CHECK(journal_skip(j, 50, &e) == 0);
    add_synced(j, 101, 103);
    CHECK(read_all(j, 100) == 103);
    journal_close(j);
    j = open_it();
    CHECK(journal_last(j) == 103 && read_all(j, 100) == 103);
    journal_close(j);
    remove_dir();
}

TEST("a journal is of one name and open once")
{
    make_dir();
    struct journal *j = open_it(), *other = NULL;
    struct err e = { 0 };
    CHECK(journal_open(&other, dir, "test", &e) == -1 &&
          e.code == ERR_TEMPFAIL);
    journal_close(j);
    CHECK(journal_open(&other, dir, "another", &e) == -1 &&
          e.code == ERR_CONFIG);
    remove_dir();
}

/* Adds and syncs until it is killed, and says how far it was synced. */
static void add_forever(int out)
{
    struct journal *j = open_it();
    struct err e = { 0 };
    for (uint64_t i = journal_last(j); i < 1000000; i++) {
        if (add(j, i + 1) || (i % 7 == 0 && journal_sync(j, &e)))
            break;
        uint64_t last = journal_last(j);
        if (write(out, &last, sizeof(last)) != sizeof(last))
            break;
    }
    _exit(1);
}

TEST("a writer that is killed 50 times loses nothing that it had synced")
{
    make_dir();
    uint64_t told = 0;
    for (int i = 0; i < 50; i++) {
        int p[2];
        CHECK(pipe(p) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(p[0]);
            add_forever(p[1]);
        }
        close(p[1]);
        uint64_t last;
        for (int k = 0; k < 20 + i * 3; k++)
            if (read(p[0], &last, sizeof(last)) == sizeof(last))
                told = last;
        kill(pid, SIGKILL);
        while (read(p[0], &last, sizeof(last)) == sizeof(last))
            told = last;
        close(p[0]);
        CHECK(waitpid(pid, NULL, 0) == pid);
        struct journal *j = open_it();
        CHECK(journal_last(j) >= told);
        CHECK(read_all(j, 0) == journal_last(j));
        journal_close(j);
    }
    CHECK(told > 50);
    remove_dir();
}

UNIT_MAIN
