#include "unit.h"

#include "io/lines.h"

#include <stdlib.h>
#include <unistd.h>

/* Lines of text given in pieces through a pipe, joined by '|'; too long ones
 * as "<length>", an unterminated one with a '~' behind. */
static const char *lines_of(struct str text, size_t max)
{
    static char out[4096];
    struct input in;
    struct lines l;
    struct line line;
    struct err e;
    char name[] = "/tmp/unit-lines.XXXXXX";
    size_t used = 0;
    int fd = mkstemp(name), r;
    unlink(name);
    CHECK(write(fd, text.p, text.n) == (ssize_t)text.n);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    input_fd(&in, fd, "test");
    CHECK(lines_init(&l, &in, max, &e) == 0);
    out[0] = '\0';
    while ((r = lines_next(&l, &line, &e)) > 0) {
        if (line.too_long)
            used += (size_t)snprintf(out + used, sizeof(out) - used, "<%d>",
                                     (int)line.length);
        else
            used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s",
                                     STR_ARG(line.text));
        used +=
            (size_t)snprintf(out + used, sizeof(out) - used, "@%d%s|",
                             (int)line.offset, line.unterminated ? "~" : "");
    }
    CHECK(r == 0);
    lines_free(&l);
    input_close(&in);
    close(fd);
    return out;
}

TEST("LF and CRLF end lines, a byte order mark is dropped")
{
    CHECK_STR(lines_of(STR("a\nb\r\n\nc"), 100), "a@0|b@2|@5|c@6~|");
    CHECK_STR(lines_of(STR("\xef\xbb\xbf"
                           "a\n\xef\xbb\xbf"
                           "b\n"),
                       100),
              "a@3|\xef\xbb\xbf"
              "b@5|");
    CHECK_STR(lines_of(STR(""), 100), "");
    CHECK_STR(lines_of(STR("a\rb\n"), 100), "a\rb@0|");
}

TEST("a line at the limit passes, one byte more does not")
{
    CHECK_STR(lines_of(STR("1234\n12345\n123456\nx\n"), 5),
              "1234@0|12345@5|<6>@11|x@18|");
    CHECK_STR(lines_of(STR("12345\r\nx\n"), 5), "12345@0|x@7|");
}

TEST("a line far beyond the limit is skipped in bounded memory")
{
    size_t n = 3000000;
    char *text = malloc(n + 4);
    memset(text, 'x', n);
    memcpy(text + n, "\ny\n", 3);
    CHECK_STR(lines_of((struct str){ text, n + 3 }, 1000),
              "<3000000>@0|y@3000001|");
    CHECK_STR(lines_of((struct str){ text, n }, 1000), "<3000000>@0~|");
    free(text);
}

TEST("lines longer than a block come whole")
{
    size_t n = 1000000;
    char *text = malloc(n + 4);
    memset(text, 'x', n);
    memcpy(text + n, "\ny\n", 3);
    struct input in;
    struct lines l;
    struct line line;
    struct err e;
    char name[] = "/tmp/unit-lines.XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    CHECK(write(fd, text, n + 3) == (ssize_t)n + 3);
    lseek(fd, 0, SEEK_SET);
    input_fd(&in, fd, "test");
    CHECK(lines_init(&l, &in, 16u << 20, &e) == 0);
    CHECK(lines_next(&l, &line, &e) == 1 && line.text.n == n);
    CHECK(lines_next(&l, &line, &e) == 1 && line.text.n == 1);
    CHECK(lines_next(&l, &line, &e) == 0);
    lines_free(&l);
    input_close(&in);
    close(fd);
    free(text);
}

UNIT_MAIN
