/* Unit tests of which files are read: walk, files, newfile. */
#include "source/files.h"
#include "source/newfile.h"
#include "source/walk.h"
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

TEST("a pattern matches part by part, ** any number of parts")
{
    static const struct {
        const char *pattern, *path;
        bool match;
    } cases[] = {
        { "a", "a", true },
        { "a", "a/b", false },
        { "*", "a", true },
        { "*", "a/b", false },
        { "*", ".a", false },
        { ".*", ".a", true },
        { "**", "a/b/c", true },
        { "**", "a/.b", false },
        { "**/c", "c", true },
        { "**/c", "a/b/c", true },
        { "**/c", ".a/c", false },
        { "a/**/c", "a/c", true },
        { "a/**/c", "a/b/b/c", true },
        { "a/**/c", "b/c", false },
        { "a/**", "a", false },
        { "**/b/**/d", "a/b/c/c/d", true },
        { "**/b/**/d", "a/c/d", false },
        { "[!x]?c", "abc", true },
        { "a//b", "a/b", true },
        { "", "", true },
        { "", "a", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (walk_match(cases[i].pattern, cases[i].path) != cases[i].match) {
            printf("# %s against %s\n", cases[i].pattern, cases[i].path);
            CHECK(false);
        }
    char longest[600];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CHECK(!walk_match("*", longest));
}

TEST("names of what is not data, or not yet, are hidden")
{
    static const char *const hidden[] = { ".a",        "_SUCCESS",   "a~",
                                          "a.tmp",     "a.csv.PART", "a.crc",
                                          "a.partial", "x.swp" };
    static const char *const shown[] = { "a",   "a.csv",   "a_",
                                         "tmp", "a.parts", "crc" };
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        CHECK(walk_is_hidden(hidden[i]));
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        CHECK(!walk_is_hidden(shown[i]));
}

TEST("include and exclude: by name without a slash, by path with one")
{
    const char *in[] = { "*.csv", "sub/*" }, *out[] = { "old.*" };
    const struct opt_list include = { in, 2 }, exclude = { out, 1 };
    const struct files_rules none = { 0 }, both = { .include = &include,
                                                    .exclude = &exclude };
    CHECK(files_chosen(&none, "any/thing"));
    CHECK(files_chosen(&both, "a.csv"));
    CHECK(files_chosen(&both, "deep/er/a.csv"));
    CHECK(files_chosen(&both, "sub/a.txt"));
    CHECK(!files_chosen(&both, "sub/er/a.txt"));
    CHECK(!files_chosen(&both, "a.txt"));
    CHECK(!files_chosen(&both, "sub/old.csv"));
}

static struct stat stat_of(long size, long s, long ns)
{
    return (struct stat){ .st_size = size,
                          .st_mtim = { .tv_sec = s, .tv_nsec = ns } };
}

TEST("a file is judged by size and time, then by its checksum")
{
    struct positions at;
    struct newfile known;
    struct err e = { 0 };
    const struct stat noted = stat_of(5, 100, 7);
    const struct hash128 hash = { 1, 2 }, other = { 1, 3 };
    CHECK(positions_init(&at, STR("in"), &e) == 0);
    CHECK(newfile_note(&at, "b", &noted, &hash, &e) == 0);
    CHECK(newfile_note(&at, "a", &noted, NULL, &e) == 0);
    CHECK(newfile_note(&at, "c\"d", &noted, &hash, &e) == 0);
    CHECK(newfile_init(&known, &at, &e) == 0);
    const struct stat later = stat_of(5, 100, 8), longer = stat_of(6, 100, 7),
                      shorter = stat_of(4, 100, 7);
    CHECK(newfile_judge(&known, "nosuch", &noted) == NEWFILE_NEW);
    CHECK(newfile_judge(&known, "b", &noted) == NEWFILE_SAME);
    CHECK(newfile_judge(&known, "c\"d", &noted) == NEWFILE_SAME);
    CHECK(newfile_judge(&known, "b", &later) == NEWFILE_TOUCHED);
    CHECK(newfile_judge(&known, "b", &longer) == NEWFILE_GREW);
    CHECK(newfile_judge(&known, "b", &shorter) == NEWFILE_CHANGED);
    CHECK(newfile_is_hash(&known, "b", hash));
    CHECK(!newfile_is_hash(&known, "b", other));
    /* One that changed while it was read has no checksum. */
    CHECK(newfile_judge(&known, "a", &noted) == NEWFILE_SAME);
    CHECK(newfile_judge(&known, "a", &later) == NEWFILE_CHANGED);
    newfile_free(&known);
    positions_free(&at);
}

TEST("a position that is none of ours says that the file changed")
{
    static const char *const odd[] = { "\"\"",     "\"5\"", "\"5:x:\"",
                                       "\"x:1:\"", "12",    "\"5:1\"",
                                       "null" };
    const struct stat st = stat_of(5, 0, 1);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct positions at;
        struct newfile known;
        struct err e = { 0 };
        CHECK(positions_init(&at, STR("in"), &e) == 0);
        struct position *p = positions_at(&at, STR("a"), &e);
        CHECK(p && position_set(p, POSITION_MARK, str_of(odd[i]), &e) == 0);
        CHECK(newfile_init(&known, &at, &e) == 0);
        CHECK(newfile_judge(&known, "a", &st) == NEWFILE_CHANGED);
        newfile_free(&known);
        positions_free(&at);
    }
}

TEST("the checksum is that of all bytes, whatever the offset")
{
    static char bytes[700000];
    struct hash128 hash;
    struct err e = { 0 };
    int fd = memfd_create("file", MFD_CLOEXEC);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 1000);
    CHECK(write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
    CHECK(newfile_hash(fd, "t", &hash, &e) == 0);
    struct hash128 want = hash128((struct str){ bytes, sizeof(bytes) });
    CHECK(hash.lo == want.lo && hash.hi == want.hi);
    close(fd);
}

UNIT_MAIN
