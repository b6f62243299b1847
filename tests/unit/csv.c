/* Unit tests of CSV: tokenizer, rows with their bytes and places, records. */
#include "source/csvrow.h"
#include "source/source.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct source_opts opts;

static void open_bytes(struct input *in, const char *p, size_t n)
{
    int fd = memfd_create("bytes", MFD_CLOEXEC);
    CHECK(write(fd, p, n) == (ssize_t)n);
    lseek(fd, 0, SEEK_SET);
    input_fd(in, fd, "t");
    in->owned = true;
}

/* Reads CSV by opts and writes down what came: a record as its text, a reject
 * as "!LINE@OFFSET CODE [RAW]", an error as "=CODE", each with a LF. */
static const char *read_bytes(const char *p, size_t n)
{
    static struct buf out;
    struct source *s = NULL;
    struct source_item item;
    struct input in;
    struct err e = { 0 };
    int r;

    buf_reset(&out);
    if (!opts.format)
        opts.format = "csv";
    if (!opts.max_record)
        opts.max_record = 1000;
    opts.max_depth = 10;
    open_bytes(&in, p, n);
    r = source_open(&s, &in, &opts, &e) == 0 ? 1 : -1;
    while (r > 0 && (r = source_next(s, &item, &e)) > 0) {
        if (item.kind == SOURCE_RECORD || item.kind == SOURCE_RECORDS) {
            buf_add_str(&out, item.text);
            buf_addz(&out, item.kind == SOURCE_RECORD ? "\n" : "");
            continue;
        }
        buf_addf(&out, "!%llu@%llu %s [", (unsigned long long)item.line,
                 (unsigned long long)item.offset, item.faults[0].code);
        buf_add_str(&out, item.raw);
        buf_addz(&out, "]\n");
    }
    if (r < 0)
        buf_addf(&out, "=%d\n", (int)e.code);
    source_close(s);
    input_close(&in);
    opts = (struct source_opts){ 0 };
    return buf_z(&out);
}

static const char *read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

TEST("cells become strings, digits and zeros kept")
{
    CHECK_STR(read_text("a,b\n00123,1.10\n"),
              "{\"a\":\"00123\",\"b\":\"1.10\"}\n");
}

TEST("LF, CRLF and a last row without an end are alike")
{
    const char *want = "{\"a\":\"1\",\"b\":\"2\"}\n{\"a\":\"3\",\"b\":\"4\"}\n";
    CHECK_STR(read_text("a,b\n1,2\n3,4\n"), want);
    CHECK_STR(read_text("a,b\r\n1,2\r\n3,4\r\n"), want);
    CHECK_STR(read_text("a,b\r\n1,2\n3,4"), want);
    CHECK_STR(read_text("a,b\r1,2\r3,4\r"), want);
    CHECK_STR(read_text("a,b\r1,2\r3,4"), want);
    CHECK_STR(read_text("\xef\xbb\xbf"
                        "a,b\n1,2\n3,4\n"),
              want);
}

TEST("quotes protect delimiters, line ends and themselves")
{
    CHECK_STR(read_text("a,b\n\"1,\"\"x\"\"\",\"2\r\n3\"\n4,\"\"\n"),
              "{\"a\":\"1,\\\"x\\\"\",\"b\":\"2\\r\\n3\"}\n"
              "{\"a\":\"4\",\"b\":\"\"}\n");
}

TEST("blanks belong to the cell")
{
    CHECK_STR(read_text("a, b\n 1 ,\t2\n"),
              "{\"a\":\" 1 \",\" b\":\"\\t2\"}\n");
}

TEST("a quote inside an unquoted cell is a character")
{
    CHECK_STR(read_text("a,b\n5\" pipe,\" x\"\n6\",7\"\"8\n"),
              "{\"a\":\"5\\\" pipe\",\"b\":\" x\"}\n"
              "{\"a\":\"6\\\"\",\"b\":\"7\\\"\\\"8\"}\n");
}

TEST("text behind a closing quote rejects one row, the next one is read")
{
    CHECK_STR(read_text("a,b\n\"1\" x,2\n3,4\n\"5\"6,\"7\n8,9\n"),
              "!2@4 bad_quote [\"1\" x,2]\n{\"a\":\"3\",\"b\":\"4\"}\n"
              "!4@16 bad_quote [\"5\"6,\"7]\n{\"a\":\"8\",\"b\":\"9\"}\n");
}

TEST("ragged rows are rejected with their line, offset and exact bytes")
{
    CHECK_STR(read_text("a,b\r\n1\r\n\"2\n3\",4,5\r\n6,7\r\n,,\n"),
              "!2@5 ragged_row [1]\n!3@8 ragged_row [\"2\n3\",4,5]\n"
              "{\"a\":\"6\",\"b\":\"7\"}\n!6@24 ragged_row [,,]\n");
}

TEST("blank lines are skipped, but are empty cells of a single column")
{
    CHECK_STR(read_text("\n\na,b\n\n1,2\n\r\n\n3\n"),
              "{\"a\":\"1\",\"b\":\"2\"}\n!8@14 ragged_row [3]\n");
    CHECK_STR(read_text("a\n\nx\n"), "{\"a\":\"\"}\n{\"a\":\"x\"}\n");
}

TEST("a quote that is never closed is a truncated input, never a record")
{
    const char *whole = "a,b\n1,\"2\n3\"\"4\"\n";
    size_t n = strlen(whole);
    for (size_t cut = 7; cut < n - 1; cut++) {
        const char *got = read_bytes(whole, cut);
        /* Behind the first of two doubled quotes the cell looks closed. */
        bool closed = whole[cut - 1] == '"' && cut == 11;
        CHECK_STR(got, closed ? "{\"a\":\"1\",\"b\":\"2\\n3\"}\n" : "=65\n");
    }
    CHECK_STR(read_bytes(whole, n), "{\"a\":\"1\",\"b\":\"2\\n3\\\"4\"}\n");
}

TEST("a last row without an end and with too few cells is truncated")
{
    CHECK_STR(read_text("a,b,c\n1,2,3\n1,2"),
              "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}\n=65\n");
}

TEST("a carriage return outside quotes rejects its row in a file of LF")
{
    CHECK_STR(read_text("a,b\n1,2\r3,4\n5,6\n7\r\"8,9\n0,1\n"),
              "!2@4 line_end [1,2\r3,4]\n{\"a\":\"5\",\"b\":\"6\"}\n"
              "!4@16 line_end [7\r\"8,9]\n{\"a\":\"0\",\"b\":\"1\"}\n");
    CHECK_STR(read_text("a\n\r2\n"), "!2@2 line_end [\r2]\n");
    CHECK_STR(read_text("a\n1\r2"), "!2@2 line_end [1\r2]\n");
}

TEST("a carriage return in quotes counts as no line")
{
    CHECK_STR(read_text("a,b\n\"x\ry\",\"p\nq\"\nragged\n"),
              "{\"a\":\"x\\ry\",\"b\":\"p\\nq\"}\n!4@16 ragged_row [ragged]\n");
}

TEST("NUL and invalid UTF-8 reject their row")
{
    static const char text[] = "a,b\n1,x\0y\n\xff,2\n3,4\n";
    CHECK(strncmp(read_bytes(text, sizeof(text) - 1), "!2@4 nul_byte [1,x",
                  18) == 0);
    CHECK_STR(read_text("a,b\n\xff,2\n\"\xc3\xa9\",4\n"),
              "!2@4 invalid_utf8 [\xff,2]\n{\"a\":\"\xc3\xa9\",\"b\":\"4\"}\n");
}

TEST("other delimiters and quotes, or none")
{
    opts.csv.delimiter = ';';
    opts.csv.quote = '\'';
    CHECK_STR(read_text("a;b\n'1;\"';2,3\n"),
              "{\"a\":\"1;\\\"\",\"b\":\"2,3\"}\n");
    opts.format = "tsv";
    CHECK_STR(read_text("a\tb\n\"1\t\"\t2\n"),
              "{\"a\":\"1\\t\",\"b\":\"2\"}\n");
    opts.format = "tsv";
    opts.csv.no_quote = true;
    CHECK_STR(read_text("a\tb\n\"1\t2\"\n"),
              "{\"a\":\"\\\"1\",\"b\":\"2\\\"\"}\n");
    opts.csv.no_quote = true;
    static const char nul[] = "a,b\n\0x\0,2\n3,4\n";
    const char *got = read_bytes(nul, sizeof(nul) - 1);
    CHECK(strncmp(got, "!2@4 nul_byte [", 15) == 0);
    CHECK_STR(got + 15, "");
}

TEST("null tokens become null; the empty one only without quotes")
{
    static const char *const tokens[] = { "NULL", "" };
    opts.csv.nulls = tokens;
    opts.csv.n_nulls = 2;
    CHECK_STR(read_text("a,b,c\nNULL,,\"\"\nnull,\"NULL\",x\n"),
              "{\"a\":null,\"b\":null,\"c\":\"\"}\n"
              "{\"a\":\"null\",\"b\":null,\"c\":\"x\"}\n");
}

TEST("equal names are numbered, empty ones placed, given names kept")
{
    CHECK_STR(read_text("a,a,,a_2,a,,column3\n1,2,3,4,5,6,7\n"),
              "{\"a\":\"1\",\"a_3\":\"2\",\"column3_2\":\"3\",\"a_2\":\"4\","
              "\"a_4\":\"5\",\"column6\":\"6\",\"column3\":\"7\"}\n");
}

TEST("names are given where there is no header")
{
    static const struct str names[] = { { "x\"", 2 }, { "y", 1 } };
    opts.csv.no_header = true;
    CHECK_STR(read_text("1,2\n3,4\n"),
              "{\"column1\":\"1\",\"column2\":\"2\"}\n"
              "{\"column1\":\"3\",\"column2\":\"4\"}\n");
    opts.csv.no_header = true;
    opts.csv.columns = names;
    opts.csv.n_columns = 2;
    CHECK_STR(read_text("1,2\n3\n"), "{\"x\\\"\":\"1\",\"y\":\"2\"}\n"
                                     "!2@4 ragged_row [3]\n");
    opts.csv.columns = names;
    opts.csv.n_columns = 2;
    CHECK_STR(read_text("p,q\n1,2\n"), "{\"x\\\"\":\"1\",\"y\":\"2\"}\n");
    opts.csv.columns = names;
    opts.csv.n_columns = 2;
    CHECK_STR(read_text("p,q,r\n1,2,3\n"), "=65\n");
}

TEST("a header that is no text ends the source")
{
    CHECK_STR(read_text("a,\xff\n1,2\n"), "=65\n");
    CHECK_STR(read_text("\"a\"b,c\n1,2\n"), "=65\n");
    CHECK_STR(read_text("\"a,b\n1,2\n"), "=65\n");
    CHECK_STR(read_text("\xff\xfe"
                        "a"),
              "=65\n");
    CHECK_STR(read_text("a,b\n"), "");
}

TEST("without a header there is nothing to read, unless none is wanted")
{
    CHECK_STR(read_text(""), "=65\n");
    CHECK_STR(read_text("\n\r\n\n"), "=65\n");
    CHECK_STR(read_text("\xef\xbb\xbf"), "=65\n");
    opts.csv.no_header = true;
    CHECK_STR(read_text(""), "");
    opts.csv.columns = (const struct str[]){ { "a", 1 } };
    opts.csv.n_columns = 1;
    CHECK_STR(read_text("\n"), "");
}

TEST("a row beyond the limit is read over, quotes and lines respected")
{
    struct buf b = { 0 };
    buf_addz(&b, "a,b\n1,\"");
    for (int i = 0; i < 300000; i++)
        buf_addz(&b, i % 1000 ? "x\"\"," : "\n");
    buf_addz(&b, "\"\n2,3\n4\n");
    const char *got = read_bytes(b.p, b.n);
    CHECK(strncmp(got, "!2@4 too_long [1,\"\nx\"\"", 20) == 0);
    /* The limit of 1000 bytes bounds what is shown of it. */
    const char *rest = got + strlen("!2@4 too_long [") + 1000;
    CHECK(strncmp(rest, "]\n{\"a\":\"2\",\"b\":\"3\"}\n!304@", 25) == 0);
    b.n -= 8;
    CHECK_STR(read_bytes(b.p, b.n), "=65\n");
    buf_free(&b);
}

TEST("a row just within the limit passes, one byte more does not")
{
    opts.max_record = 12;
    opts.csv.no_header = true;
    opts.csv.columns = (const struct str[]){ { "a", 1 } };
    opts.csv.n_columns = 1;
    CHECK_STR(read_text("1234\n12345\n123456789012\r\n1234567890123\n1\n"),
              "{\"a\":\"1234\"}\n!2@5 too_long [12345]\n"
              "!3@11 too_long [123456789012]\n"
              "!4@25 too_long [123456789012]\n{\"a\":\"1\"}\n");
}

TEST("types cast cells digit for digit, or reject with the column's path")
{
    struct types types = { 0 };
    struct err e = { 0 };
    CHECK(types_parse(&types, "n=number,i=integer,b=boolean", &e) == 0);
    opts.types = &types;
    CHECK_STR(read_text("n,i,b,s\n"
                        "1.10,0012,TRUE,007\n"
                        "-00.5e3,-7,f,\n"
                        "+5,+0,No,x\n"
                        ".5,12345678901234567890123,1,x\n"
                        ",,,\n"
                        " 1 , 2 , y ,x\n"),
              "{\"n\":1.10,\"i\":12,\"b\":true,\"s\":\"007\"}\n"
              "{\"n\":-0.5e3,\"i\":-7,\"b\":false,\"s\":\"\"}\n"
              "{\"n\":5,\"i\":0,\"b\":false,\"s\":\"x\"}\n"
              "{\"n\":0.5,\"i\":12345678901234567890123,\"b\":true,"
              "\"s\":\"x\"}\n"
              "{\"n\":null,\"i\":null,\"b\":null,\"s\":\"\"}\n"
              "{\"n\":1,\"i\":2,\"b\":true,\"s\":\"x\"}\n");
    static const char *const wrong[] = {
        "1.,1,1,s", "-,1,1,s",   "--1,1,1,s",     "+-1,1,1,s", "NaN,1,1,s",
        "1e,1,1,s", "0x1,1,1,s", "1,1.0,1,s",     "1,1e3,1,s", "1,-,1,s",
        "1,1,2,s",  "1 2,1,1,s", "\"1,0\",1,1,s", "1,1,tru,s", ".,1,1,s"
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[64], want[64];
        snprintf(text, sizeof(text), "n,i,b,s\n%s\n", wrong[i]);
        snprintf(want, sizeof(want), "!2@8 cast [%s]\n", wrong[i]);
        opts.types = &types;
        CHECK_STR(read_text(text), want);
    }
    opts.types = &types;
    CHECK_STR(read_text("n,i\n1,2\n"), "=65\n"); /* no column b */
    types_free(&types);
}

TEST("types are a list: quotes around names with commas, the last one counts")
{
    struct types t = { 0 };
    struct err e = { 0 };
    CHECK(types_parse(&t, "\"a,b=integer\",x=y=number,c=boolean", &e) == 0);
    CHECK(types_parse(&t, "c=string", &e) == 0);
    CHECK(t.n == 3);
    CHECK(types_find(&t, STR("a,b"))->type == TYPE_INTEGER);
    CHECK(types_find(&t, STR("x=y"))->type == TYPE_NUMBER);
    CHECK(types_find(&t, STR("c"))->type == TYPE_STRING);
    CHECK(types_find(&t, STR("d")) == NULL);
    static const char *const wrong[] = { "", "a", "a=", "a=int", "\"a=string" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        e.code = ERR_NONE;
        CHECK(types_parse(&t, wrong[i], &e) == -1);
        CHECK(e.code == ERR_USAGE);
    }
    types_free(&t);
}

TEST("what a replay needs is the header, the dialect and the types")
{
    static const char text[] = "\"x,y\";n\n1;2\n";
    struct types types = { 0 };
    struct input in;
    struct source *s = NULL;
    struct buf json = { 0 }, args = { 0 };
    struct err e = { 0 };
    CHECK(types_parse(&types, "\"x,y=integer\",n=number", &e) == 0);
    opts = (struct source_opts){ .format = "csv",
                                 .csv = { .delimiter = ';' },
                                 .types = &types,
                                 .max_record = 1000 };
    open_bytes(&in, text, sizeof(text) - 1);
    CHECK(source_open(&s, &in, &opts, &e) == 0);
    CHECK(source_context(s, &json, &e) == 0);
    CHECK_STR(buf_z(&json), "{\"format\":\"csv\",\"delimiter\":\";\","
                            "\"quote\":\"\\\"\",\"header\":[\"x,y\",\"n\"],"
                            "\"null\":[]}");
    CHECK(source_args(s, &args, &e) == 0);
    static const char want[] = "--format=csv\0--no-header\0--delimiter=;\0"
                               "--columns=\"x,y\",n\0"
                               "--types=\"x,y=integer\",n=number";
    CHECK(args.n == sizeof(want) && memcmp(args.p, want, args.n) == 0);
    source_close(s);
    input_close(&in);
    types_free(&types);
    buf_free(&json);
    buf_free(&args);
}

/* Cuts text as a tokenizer that is right by inspection would: RFC 4180's
 * grammar, a byte at a time. Returns the number of cells of the first row, or
 * -1 where it is no CSV or not whole. */
static int model(const char *p, const char *end)
{
    int cells = 1;
    for (;;) {
        if (p < end && *p == '"') {
            for (p++;; p++) {
                if (p == end)
                    return -1;
                if (*p == '"' && (p + 1 == end || p[1] != '"'))
                    break;
                p += *p == '"';
            }
            p++;
            if (p < end && *p != ',' && *p != '\n')
                return -1;
        } else {
            while (p < end && *p != ',' && *p != '\n')
                p++;
        }
        if (p == end || *p == '\n')
            return cells;
        p++;
        cells++;
    }
}

TEST("every short text is cut as the grammar says")
{
    static const char letters[] = "a\",\n";
    struct csvtok *t;
    struct err e = { 0 };
    struct csvtok_dialect d = { .delimiter = ',', .quote = '"' };
    CHECK(csvtok_new(&t, d, 100, &e) == 0);
    for (unsigned code = 0; code < 4 * 4 * 4 * 4 * 4 * 4 * 4; code++) {
        char text[8];
        unsigned c = code;
        for (size_t i = 0; i < 7; i++, c /= 4)
            text[i] = letters[c % 4];
        text[7] = '\n';
        if (text[0] == '\n')
            continue; /* a blank line is never fed */
        enum csvtok_state state = CSVTOK_MORE;
        size_t from = 0, total = 0;
        while (state == CSVTOK_MORE && from < 8) {
            size_t n = (size_t)((char *)memchr(text + from, '\n', 8 - from) -
                                (text + from)) +
                       1;
            CHECK(csvtok_feed(t, (struct str){ text + from, n }, false, &state,
                              &e) == 0);
            from += n;
        }
        (void)csvtok_cells(t, &total);
        int want = model(text, text + 8);
        CHECK(want == (state == CSVTOK_ROW ? (int)total : -1));
        CHECK(csvtok_reset(t, &e) == 0);
    }
    csvtok_free(t);
}

UNIT_MAIN
