/* backlog: records come back as they were, in order and out of it, from its
 * own file and from the input's. */
#include "sink/backlog.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N 3000

static uint64_t state = 88172645463325252u;

static uint64_t any(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static char text[N][700];
static struct sink_record all[N];

/* Records with parts in raw and elsewhere, of all lengths, with gaps between
 * them. Returns the input with their raw texts. */
static int make(bool one_in_line)
{
    char name[] = "/tmp/backlog-XXXXXX";
    int fd = mkstemp(name);
    uint64_t offset = any(1000), line = any(10);
    unlink(name);
    for (int i = 0; i < N; i++) {
        size_t n = i % 97 == 0 ? 0 : any(300);
        for (size_t k = 0; k < sizeof(text[i]); k++)
            text[i][k] = (char)('a' + any(26));
        struct sink_record *r = &all[i];
        *r = (struct sink_record){ .op = (enum sink_op)any(3),
                                   .raw = { text[i], n },
                                   .text = { text[i], n },
                                   .line = line,
                                   .offset = offset };
        uint64_t shape = any(6);
        if (shape == 1)
            r->text = (struct str){ text[i] + n / 3, n / 2 };
        if (shape == 2)
            r->text = (struct str){ text[i] + 400, any(200) };
        if (shape == 3)
            r->old_key = (struct str){ text[i] + n / 2, n / 4 };
        if (shape == 4)
            r->old_key = (struct str){ text[i] + 600, 1 + any(60) };
        if (any(4) == 0)
            r->at = (struct str){ text[i] + 660, 1 + any(30) };
        if (pwrite(fd, text[i], n, (off_t)(offset + 5)) != (ssize_t)n)
            abort();
        if (one_in_line || any(5)) {
            line += 1 + any(3) * any(1000);
            offset += n + 1 + any(2) * any(100000);
        } else {
            offset += n;
        }
    }
    return fd;
}

static bool same(const struct sink_record *a, const struct sink_record *b)
{
    return a->op == b->op && str_eq(a->raw, b->raw) &&
           str_eq(a->text, b->text) && str_eq(a->old_key, b->old_key) &&
           str_eq(a->at, b->at) && a->line == b->line && a->offset == b->offset;
}

static struct sink_spec spec_for(int input)
{
    return (
        struct sink_spec){ .tmpdir = "/tmp", .input = input, .input_from = 5 };
}

/* Writes all records from `from` on, reads them in turn and at random. Returns
 * how many were wrong. */
static int round_trip(struct backlog *b, int from)
{
    struct err e = { 0 };
    struct sink_record r;
    int wrong = 0;
    for (int i = from; i < N; i++) {
        wrong += backlog_add(b, &all[i], &e) != 0;
        uint64_t k = any(b->n);
        if (any(500) == 0)
            wrong += backlog_get(b, k, &r, &e) != 0 ||
                     !same(&r, &all[from + (int)k]);
    }
    for (int i = from; i < N; i++)
        wrong += backlog_get(b, (uint64_t)(i - from), &r, &e) != 0 ||
                 !same(&r, &all[i]);
    for (int i = 0; i < 500; i++) {
        uint64_t k = any(b->n);
        wrong +=
            backlog_get(b, k, &r, &e) != 0 || !same(&r, &all[from + (int)k]);
    }
    return wrong + (backlog_reset(b, &e) != 0);
}

static void check(int input)
{
    const struct sink_spec spec = spec_for(input);
    struct backlog b;
    struct err e = { 0 };
    CHECK(backlog_open(&b, &spec, &e) == 0);
    CHECK(round_trip(&b, 0) == 0);
    CHECK(round_trip(&b, N / 2) == 0);
    backlog_close(&b);
}

TEST("records come back from the backlog's own file as they were")
{
    close(make(true));
    check(-1);
}

TEST("records come back from the input, one in a line or several")
{
    int input = make(true);
    check(input);
    close(input);
    input = make(false);
    check(input);
    close(input);
}

TEST("a record that has changed in the input, or is gone, is told")
{
    int input = make(true);
    const struct sink_spec spec = spec_for(input);
    struct backlog b;
    struct err e = { 0 };
    struct sink_record r;
    CHECK(backlog_open(&b, &spec, &e) == 0);
    CHECK(backlog_add(&b, &all[1], &e) == 0);
    CHECK(pwrite(input, "#", 1, (off_t)(all[1].offset + 5)) == 1);
    CHECK(backlog_get(&b, 0, &r, &e) == -1 && e.code == ERR_IO);
    CHECK(strstr(e.msg, "the input has changed") != NULL);
    backlog_close(&b);
    CHECK(backlog_open(&b, &spec, &e) == 0);
    CHECK(backlog_add(&b, &all[2], &e) == 0);
    CHECK(ftruncate(input, 3) == 0);
    CHECK(backlog_get(&b, 0, &r, &e) == -1 && e.code == ERR_IO);
    backlog_close(&b);
    close(input);
}

UNIT_MAIN
