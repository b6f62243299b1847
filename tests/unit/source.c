/* Unit tests of source: JSON documents, NDJSON, how the format is found, and
 * what operands name. */
#include "io/lines.h"
#include "json/check.h"
#include "source/files.h"
#include "source/source.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *format_given, *name = "t";
static size_t max_record = 1000;

/* Reads bytes; a record or unchecked text as it stands (a '?' before the
 * latter), a reject as "!LINE@OFFSET CODE [RAW]", an error as "=CODE". */
static const char *read_bytes(const char *p, size_t n, const char **format)
{
    static struct buf out;
    struct source_opts opts = { .format = format_given,
                                .max_record = max_record,
                                .max_depth = 4 };
    struct source *s = NULL;
    struct source_item item;
    struct input in;
    struct err e = { 0 };
    int fd = memfd_create("bytes", MFD_CLOEXEC), r;

    buf_reset(&out);
    CHECK(write(fd, p, n) == (ssize_t)n);
    lseek(fd, 0, SEEK_SET);
    input_fd(&in, fd, name);
    in.owned = true;
    r = source_open(&s, &in, &opts, &e) == 0 ? 1 : -1;
    if (format)
        *format = r > 0 ? source_format(s) : NULL;
    while (r > 0 && (r = source_next(s, &item, &e)) > 0) {
        if (item.kind == SOURCE_RECORDS) {
            buf_add_str(&out, item.text);
            continue;
        }
        if (item.kind != SOURCE_REJECT) {
            buf_addz(&out, item.kind == SOURCE_UNCHECKED ? "?" : "");
            buf_add_str(&out, item.text);
        } else {
            buf_addf(&out, "!%llu@%llu %s [", (unsigned long long)item.line,
                     (unsigned long long)item.offset, item.faults[0].code);
            buf_add_str(&out, item.raw);
            buf_addc(&out, ']');
        }
        buf_addc(&out, '\n');
    }
    if (r < 0)
        buf_addf(&out, "=%d\n", (int)e.code);
    source_close(s);
    input_close(&in);
    return buf_z(&out);
}

static const char *read_json(const char *text)
{
    format_given = "json";
    const char *got = read_bytes(text, strlen(text), NULL);
    format_given = NULL;
    return got;
}

static const char *format_of(const char *uri, const char *text)
{
    const char *format;
    name = uri;
    read_bytes(text, strlen(text), &format);
    name = "t";
    return format ? format : "none";
}

TEST("an array's elements are records, whatever stands between them")
{
    CHECK_STR(read_json("[{\"a\":1},{\"a\": 2}]"), "?{\"a\":1}\n?{\"a\": 2}\n");
    CHECK_STR(read_json(" \n[ {\"a\":1}\n,\r\n\t{\"a\":2} ]\n "),
              "?{\"a\":1}\n?{\"a\":2}\n");
    CHECK_STR(read_json("[]"), "");
    CHECK_STR(read_json(""), "");
    CHECK_STR(read_json("\xef\xbb\xbf[{}]"), "?{}\n");
}

TEST("line ends inside an element become spaces, all else is kept")
{
    CHECK_STR(read_json("[{\n  \"a\" : [1,\r\n 2],\t\"b\":\"x\\n]}\"}]"),
              "{   \"a\" : [1,   2],\t\"b\":\"x\\n]}\"}\n");
}

TEST("objects and arrays in a row are read as they come")
{
    CHECK_STR(read_json("{\"a\":1}{\"a\":2}\n{\n\"a\":3}[{}][]{\"b\":\"}\"}"),
              "?{\"a\":1}\n?{\"a\":2}\n{ \"a\":3}\n?{}\n?{\"b\":\"}\"}\n");
}

TEST("an element that is no object is handed out as it stands")
{
    CHECK_STR(read_json("[1,\"x,]\",null,[1,[2]],-1.5e3,{}]"),
              "?1\n?\"x,]\"\n?null\n?[1,[2]]\n?-1.5e3\n?{}\n");
    CHECK_STR(read_json("[[1,\n2],{}]"), "!1@1 not_object [[1,\n2]]\n?{}\n");
    CHECK_STR(read_json("1 {} true"), "?1\n?{}\n?true\n");
}

TEST("an element that is no JSON is rejected if its end is beyond doubt")
{
    CHECK_STR(read_json("[{\"a\":tru\n},{\"b\":1}]"),
              "!1@1 not_json [{\"a\":tru\n}]\n?{\"b\":1}\n");
    CHECK_STR(read_json("{\n[[[[1]]]]}{}"), "!1@0 not_json [{\n[[[[1]]]]}]\n"
                                            "?{}\n");
}

TEST("lines and offsets are those of the element")
{
    CHECK_STR(read_json("[\n{\"a\":\"\n\"},\n\n [\n],{\n]"),
              "?{\"a\":\"\n\"}\n!5@15 not_object [[\n]]\n=65\n");
}

TEST("garbage between elements ends the source")
{
    static const char *const bad[] = {
        "[{},]",   "[,{}]",       "[{} {}]", "[{}{}]", "{}x",      "{},{}",
        "]",       "}",           "[{}]]",   "[{}}",   "[{]]",     "[tru]",
        "[{}:{}]", "{\"a\":[1}]", "[01x]",   "nulll",  "[{}\x01]", "[1 2]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *got = read_json(bad[i]);
        size_t n = strlen(got);
        CHECK(n >= 4 && strcmp(got + n - 4, "=65\n") == 0);
    }
    static const char nul[] = "{}\0{}";
    format_given = "json";
    CHECK_STR(read_bytes(nul, 5, NULL), "?{}\n=65\n");
    format_given = NULL;
}

TEST("every truncated prefix of an array is an error")
{
    static const char text[] =
        " [{\"a\":\"x\\\"]\",\"b\":[1,{}]},\n12, true ,{\"c\":null}]";
    for (size_t n = 2; n < sizeof(text) - 1; n++) {
        format_given = "json";
        const char *got = read_bytes(text, n, NULL);
        format_given = NULL;
        size_t end = strlen(got);
        CHECK(end >= 4 && strcmp(got + end - 4, "=65\n") == 0);
    }
    CHECK_STR(read_json(text), "?{\"a\":\"x\\\"]\",\"b\":[1,{}]}\n?12\n?true\n"
                               "?{\"c\":null}\n");
}

TEST("an element beyond the limit is read over")
{
    struct buf b = { 0 };
    buf_addz(&b, "[{\"a\":\"");
    for (int i = 0; i < 400000; i++)
        buf_addz(&b, "\\\"]");
    buf_addz(&b, "\"},{\"b\":1}]");
    format_given = "json";
    max_record = 10;
    CHECK_STR(read_bytes(b.p, b.n, NULL),
              "!1@1 too_long [{\"a\":\"\\\"]\\]\n?{\"b\":1}\n");
    CHECK_STR(read_bytes("[{\"a\":12345},{\"a\":123}]", 23, NULL),
              "!1@1 too_long [{\"a\":12345]\n?{\"a\":123}\n");
    max_record = 1000;
    format_given = NULL;
    buf_free(&b);
}

TEST("NDJSON lines are handed out as they stand, blank ones skipped")
{
    format_given = "ndjson";
    static const char text[] = "\xef\xbb\xbf{\"a\":1}\r\n\n \t\nx\n{}";
    CHECK_STR(read_bytes(text, sizeof(text) - 1, NULL), "{\"a\":1}\n?x\n{}\n");
    CHECK_STR(read_bytes("{}\n{\"a\"", 7, NULL), "{}\n=65\n");
    max_record = 4;
    CHECK_STR(read_bytes("{}\n{\"a\":1}\n{}\n", 14, NULL),
              "{}\n!2@3 too_long [{\"a\"]\n{}\n");
    CHECK_STR(read_bytes("{}\n{\"a\":1}", 10, NULL), "{}\n=65\n");
    max_record = 1000;
    format_given = NULL;
}

/* What a reader of NDJSON that is right by inspection would say of the line
 * that item begins with; -1 where they differ. Returns its length. */
static long check_line(const struct source_item *item, struct str text,
                       const struct line *l)
{
    struct json_fault f;
    bool good = !l->too_long && json_check_object(l->text, 4, &f) == 0;
    bool same =
        l->too_long
            ? item->kind == SOURCE_REJECT && item->length == l->length &&
                  strcmp(item->faults[0].code, "too_long") == 0
        : good ? item->kind == SOURCE_RECORD || item->kind == SOURCE_RECORDS
               : item->kind == SOURCE_UNCHECKED;
    same = same && (l->too_long || (text.n >= l->text.n &&
                                    memcmp(text.p, l->text.p, l->text.n) == 0));
    return same ? (long)l->text.n : -1;
}

/* Does the source of NDJSON say of p[0 .. n) what lines and json_check say? */
static bool agrees_with_lines(const char *p, size_t n)
{
    struct source_opts opts = { .format = "ndjson",
                                .max_record = 60,
                                .max_depth = 4 };
    struct source_item item = { .kind = SOURCE_REJECT };
    struct source *s = NULL;
    struct input in[2];
    struct lines lines;
    struct line l;
    struct err e = { 0 }, e2;
    struct str left = { NULL, 0 }; /* of a batch */
    uint64_t line = 0, offset = 0;
    bool same = true;
    for (int i = 0; i < 2; i++) {
        int fd = memfd_create("bytes", MFD_CLOEXEC);
        CHECK(write(fd, p, n) == (ssize_t)n);
        lseek(fd, 0, SEEK_SET);
        input_fd(&in[i], fd, "t");
        in[i].owned = true;
    }
    CHECK(source_open(&s, &in[0], &opts, &e) == 0);
    CHECK(lines_init(&lines, &in[1], opts.max_record, &e) == 0);
    while (same && lines_next(&lines, &l, &e2) > 0) {
        size_t spaces = 0;
        while (spaces < l.text.n && strchr(" \t\r", l.text.p[spaces]))
            spaces++;
        if (!l.too_long && spaces == l.text.n)
            continue;
        bool next = left.n == 0;
        int r = next ? source_next(s, &item, &e) : 1;
        if (r < 0) {
            same = l.unterminated && e.code == ERR_DATA && e.line == l.line;
            break;
        }
        if (next) {
            left = item.kind == SOURCE_RECORDS ? item.text : item.raw;
            line = item.line;
            offset = item.offset;
        }
        long length = r > 0 ? check_line(&item, left, &l) : -1;
        same = length >= 0 && line == l.line && offset == l.offset;
        size_t used = item.kind == SOURCE_RECORDS ? (size_t)length + 1 : left.n;
        left.p += used;
        left.n -= used;
        line++;
        offset += used;
    }
    same = same && left.n == 0 && (e.code || source_next(s, &item, &e) == 0);
    source_close(s);
    lines_free(&lines);
    input_close(&in[0]);
    input_close(&in[1]);
    return same;
}

TEST("NDJSON is read as lines are, each checked by itself")
{
    static const char *const texts[] = {
        "{\"a\":1}",
        "{\"b\":\"x\"}",
        "{\"a\":{\"b\":[1,2.5]}}",
        "{}",
        "{\"a\":1}",
        "{\"a\":01}",
        "{\"a\":\"\xff\"}",
        "[1]",
        " ",
        "",
        "{\"a\":[[[[1]]]]}",
        "x",
        "{\"long\":\"0123456789012345678901234567890123456789012345678\"}"
    };
    struct buf b = { 0 };
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        buf_reset(&b);
        for (int i = 0; i < round % 12 + 1; i++) {
            seed = seed * 1103515245u + 12345u;
            unsigned odd = seed >> 16 & 3; /* most lines are good */
            buf_addz(&b, texts[(seed >> 20) % (odd ? 5 : 13)]);
            buf_addz(&b, seed >> 26 & 15 ? "\n" : "\r\n");
        }
        if (round % 5 == 0)
            b.n -= (seed >> 18) % b.n;
        bool same = agrees_with_lines(buf_str(&b).p, b.n);
        if (!same)
            printf("# round %d:\n# %.*s\n", round, STR_ARG(buf_str(&b)));
        CHECK(same);
    }
    buf_free(&b);
}

TEST("the name tells the format, .json also looks inside")
{
    CHECK_STR(format_of("x.csv", "{\"a\":1}\n"), "csv");
    CHECK_STR(format_of("x.CSV", "a\n"), "csv");
    CHECK_STR(format_of("x.tsv", "a\n"), "tsv");
    CHECK_STR(format_of("x.ndjson", "a,b\n"), "ndjson");
    CHECK_STR(format_of("x.jsonl", "a,b\n"), "ndjson");
    CHECK_STR(format_of("x.json", "[{\"a\":1}]"), "json");
    CHECK_STR(format_of("x.json", "{\n\"a\":1}"), "json");
    CHECK_STR(format_of("x.json", "{\"a\":1}\n{\"a\":2}\n"), "ndjson");
    CHECK_STR(format_of("x.json", "{\"a\":1}"), "ndjson");
    CHECK_STR(format_of("x.json", ""), "json");
}

TEST("without a name the first line tells the format")
{
    CHECK_STR(format_of("-", "{\"a\":1,\"b\":2}\n"), "ndjson");
    CHECK_STR(format_of("-", "\xef\xbb\xbf\n \n{\"a\":1,\"b\":2}\n{"),
              "ndjson");
    CHECK_STR(format_of("-", "{\"a\":\n  1}\n"), "json");
    CHECK_STR(format_of("-", "{\"a\":1}{\"a\":2}"), "json");
    CHECK_STR(format_of("-", "{\"a\":1} {\"a\":2}\n{\"a\":3}\n"), "json");
    CHECK_STR(format_of("-", "{\"a\":\n{\"a\":1}\n"), "ndjson");
    CHECK_STR(format_of("-", "broken\n{\"a\":1}\n"), "ndjson");
    CHECK_STR(format_of("-", "[1,2"), "json");
    CHECK_STR(format_of("-", "a,b\n1,2\n"), "csv");
    CHECK_STR(format_of("-", "a\tb\n1\t2\n"), "tsv");
    CHECK_STR(format_of("-", "\"a\",b"), "csv");
    CHECK_STR(format_of("-", "some words\nmore, words\n"), "none");
}

TEST("a name that promises compression is held to it")
{
    CHECK_STR(format_of("x.csv.gz", "a,b\n"), "none");
    CHECK_STR(format_of("x.csv.gz", ""), "none");
    CHECK_STR(format_of("x.csv.zst", "("), "none");
}

static const char *add(const char *operand)
{
    static char out[300];
    struct files f = { 0 };
    struct err e = { 0 };
    size_t n = 0;
    if (files_add(&f, operand, NULL, &e) != 0)
        snprintf(out, sizeof(out), "=%d", (int)e.code);
    for (size_t i = 0; i < f.n && !e.code; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", i ? " " : "",
                              f.v[i].path);
    files_free(&f);
    return out;
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (f)
        fclose(f);
}

TEST("operands are paths, file URIs, globs or stdin")
{
    char dir[] = "/tmp/unit-source-XXXXXX", old[4096], uri[100];
    CHECK(mkdtemp(dir) != NULL && getcwd(old, sizeof(old)) != NULL);
    CHECK(chdir(dir) == 0);
    static const char *const files[] = { "b.csv", "a.csv", "[1].csv", "x y" };
    for (size_t i = 0; i < 4; i++)
        touch(files[i]);
    CHECK(mkdir("d", 0700) == 0);
    CHECK_STR(add("a.csv"), "a.csv");
    CHECK_STR(add("-"), "-");
    CHECK_STR(add("?.csv"), "a.csv b.csv");
    CHECK_STR(add("*.csv"), "[1].csv a.csv b.csv");
    CHECK_STR(add("[1].csv"), "[1].csv");
    CHECK_STR(add("file:x%20y"), "x y");
    snprintf(uri, sizeof(uri), "file://%s/a.csv", dir);
    CHECK_STR(add(uri), uri + 7);
    snprintf(uri, sizeof(uri), "file://localhost%s/a.csv", dir);
    CHECK_STR(add(uri), uri + 16);
    CHECK_STR(add("nosuch"), "=66");
    CHECK_STR(add("*.nosuch"), "=66");
    CHECK_STR(add("d"), "=66");
    CHECK_STR(add("file:nosuch"), "=66");
    CHECK_STR(add("file:a%2"), "=64");
    CHECK_STR(add("file:a%00b"), "=64");
    CHECK_STR(add("file://host/a"), "=64");
    CHECK_STR(add("file:"), "=64");
    CHECK_STR(add("gopher://x/y"), "=64");
    CHECK_STR(add(""), "=66");
    for (size_t i = 0; i < 4; i++)
        unlink(files[i]);
    rmdir("d");
    CHECK(chdir(old) == 0 && rmdir(dir) == 0);
}

UNIT_MAIN
