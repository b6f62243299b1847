/* bench-libcsv: what libcsv costs before a byte is written.
 *
 *     bench-libcsv [--print] <FILE
 *
 * Parses CSV with libcsv and counts cells and rows. With --print writes every
 * row behind the header as a JSON array instead, to show that it reads the file
 * right. */
#include <csv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct tally {
    unsigned long cells, rows;
    unsigned long cells_before; /* in the rows before this one */
    bool print;
};

static void print_cell(const char *text, size_t n, bool first)
{
    putchar(first ? '[' : ',');
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\')
            putchar('\\');
        putchar(text[i]);
    }
    putchar('"');
}

static void cell(void *text, size_t n, void *context)
{
    struct tally *t = context;

    if (t->print && t->rows > 0)
        print_cell(text, n, t->cells == t->cells_before);
    t->cells++;
}

static void row(int end, void *context)
{
    struct tally *t = context;

    (void)end;
    if (t->print && t->rows > 0)
        puts("]");
    t->rows++;
    t->cells_before = t->cells;
}

int main(int argc, char **argv)
{
    static char block[256 * 1024];
    struct tally t = { .print = argc > 1 && strcmp(argv[1], "--print") == 0 };
    struct csv_parser parser;
    size_t n;

    if (csv_init(&parser, 0) != 0)
        return 70;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0) {
        if (csv_parse(&parser, block, n, cell, row, &t) != n) {
            fprintf(stderr, "bench-libcsv: %s\n",
                    csv_strerror(csv_error(&parser)));
            return 65;
        }
    }
    csv_fini(&parser, cell, row, &t);
    csv_free(&parser);
    if (!t.print)
        printf("%lu cells, %lu rows\n", t.cells, t.rows);
    return ferror(stdin) || fflush(stdout) != 0 ? 74 : 0;
}
