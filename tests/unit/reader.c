#include "unit.h"

#include "record/reader.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING 3

static uint64_t seed = 88172645463325252u;

static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

/* What a stage sees of a line, as text. Of one that is too long, its flags
 * depend on how much of it was read at once, and nobody asks for them. */
static void tell(struct buf *out, const struct reader_line *l)
{
    const struct line *t = &l->line;
    buf_addf(out, "%llu@%llu+%llu%s%s%s%s flags %u",
             (unsigned long long)t->line, (unsigned long long)t->offset,
             (unsigned long long)t->length, t->too_long ? " long" : "",
             t->unterminated ? " open" : "", l->blank ? " blank" : "",
             l->feed ? " feed" : "", t->too_long ? 0 : l->flags);
    if (l->shaped)
        buf_addf(out, " depth %u of %u, %s", l->shaped->shape->depth,
                 l->tokens.n, reader_check(l) ? "good" : "bad");
    buf_addz(out, " [");
    buf_add_str(out, t->text);
    buf_addz(out, "]\n");
}

/* Tells how the lines end: in order, or in an error. */
static void tell_end(struct buf *out, int r, const struct err *e)
{
    buf_addz(out, r ? e->msg : "end");
}

/* A pipe out of which text comes in pieces of random size. */
static int in_pieces(struct str text, size_t most, pid_t *writer)
{
    int fd[2];
    if (pipe(fd))
        abort();
    *writer = fork();
    if (*writer == 0) {
        close(fd[0]);
        while (text.n) {
            size_t n = 1 + below(most < text.n ? most : text.n);
            ssize_t put = write(fd[1], text.p, n);
            if (put <= 0)
                _exit(1);
            text.p += put;
            text.n -= (size_t)put;
        }
        _exit(0);
    }
    close(fd[1]);
    return fd[0];
}

static void plainly(struct input *in, size_t max, struct buf *out)
{
    struct reader r;
    struct reader_line lines[7];
    struct err e;
    CHECK(reader_init(&r, in, max, 8, &e) == 0);
    int n;
    while ((n = reader_batch(&r, lines, 7, &e)) > 0)
        for (int i = 0; i < n; i++)
            tell(out, &lines[i]);
    tell_end(out, n, &e);
    reader_free(&r);
}

/* ---- the same by readers that a thread loads ---- */

struct relay {
    struct reader ring[RING];
    struct err err;
    bool failed;
    sem_t loaded, room;
};

static void *load_all(void *arg)
{
    struct relay *a = arg;
    struct str open = STR("");
    uint64_t offset = 0;
    for (size_t i = 0;; i++) {
        struct reader *r = &a->ring[i % RING];
        sem_wait(&a->room);
        a->failed = (i && reader_begin(r, open, offset, &a->err)) ||
                    reader_load(r, &a->err);
        bool last = a->failed || r->eof;
        if (!last)
            open = reader_open(r, &offset);
        sem_post(&a->loaded);
        if (last)
            return NULL;
    }
}

static int take_all(struct relay *a, struct buf *out)
{
    struct reader_line lines[7];
    struct reader *before = NULL;
    for (size_t i = 0;; i++) {
        struct reader *r = &a->ring[i % RING];
        int n;
        sem_wait(&a->loaded);
        if (a->failed)
            return -1;
        if (before)
            reader_follow(r, before);
        while ((n = reader_at_hand(r, lines, 7, &a->err)) > 0)
            for (int k = 0; k < n; k++)
                tell(out, &lines[k]);
        if (r->eof || n < 0)
            return n;
        before = r;
        sem_post(&a->room);
    }
}

static void by_thread(struct input *in, size_t max, struct buf *out)
{
    struct relay a = { .failed = false };
    pthread_t thread;
    sem_init(&a.loaded, 0, 0);
    sem_init(&a.room, 0, RING);
    for (size_t i = 0; i < RING; i++)
        CHECK(reader_init(&a.ring[i], in, max, 8, &a.err) == 0);
    CHECK(pthread_create(&thread, NULL, load_all, &a) == 0);
    tell_end(out, take_all(&a, out), &a.err);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < RING; i++)
        reader_free(&a.ring[i]);
    sem_destroy(&a.loaded);
    sem_destroy(&a.room);
}

/* What comes of text in pieces of at most so many bytes. */
static void read_pieces(void (*way)(struct input *, size_t, struct buf *),
                        struct str text, size_t pieces, size_t max,
                        struct buf *out)
{
    struct input in;
    pid_t writer;
    int fd = in_pieces(text, pieces, &writer), status;
    input_fd(&in, fd, "test");
    in.raw = true;
    buf_reset(out);
    way(&in, max, out);
    input_close(&in);
    close(fd);
    CHECK(waitpid(writer, &status, 0) == writer && status == 0);
}

static void show_difference(const struct buf *a, const struct buf *b)
{
    size_t at = 0;
    while (at < a->n && at < b->n && a->p[at] == b->p[at])
        at++;
    printf("# of %zu and %zu bytes, those from %zu on differ: %.*s | %.*s\n",
           a->n, b->n, at, (int)(a->n - at < 80 ? a->n - at : 80), a->p + at,
           (int)(b->n - at < 80 ? b->n - at : 80), b->p + at);
}

static bool same_lines(struct str text, size_t pieces, size_t max)
{
    struct buf plain = { 0 }, loaded = { 0 };
    read_pieces(plainly, text, pieces, max, &plain);
    read_pieces(by_thread, text, pieces, max, &loaded);
    bool same = !plain.failed && !loaded.failed &&
                str_eq(buf_str(&plain), buf_str(&loaded));
    if (!same)
        show_difference(&plain, &loaded);
    buf_free(&plain);
    buf_free(&loaded);
    return same;
}

/* Some lines, good and bad, of up to `most` bytes more than they need. */
static void add_lines(struct buf *b, size_t n, size_t most)
{
    static const char *const parts[] = {
        "{\"a\":1}",
        "{\"a\":[1,{\"b\":null}],\"c\":\"x\"}",
        "{\"k\":\"\\u00e9\\n\"}",
        "{\"k\":\"\xc3\xa9\"}",
        "{\"k\":\"\xc3\"}",
        "{\"a\":1.5e3}",
        "{\"a\":01}",
        "[1]",
        "",
        "  ",
        "{\"a\":",
        "{\"s\":\"no end",
        "{\"d\":[[[[[[[[[[1]]]]]]]]]]}",
        "true",
    };
    for (size_t i = 0; i < n; i++) {
        size_t pad = most && below(4) == 0 ? below(most) : 0;
        buf_addz(b, parts[below(sizeof(parts) / sizeof(*parts))]);
        for (size_t k = 0; k < pad; k++)
            buf_addc(b, ' ');
        buf_addz(b, below(5) ? "\n" : "\r\n");
    }
    if (below(2) && b->n)
        b->n--;
}

TEST("what a thread has loaded gives the lines that reading them gives")
{
    struct buf text = { 0 };
    for (int i = 0; i < 60; i++) {
        buf_reset(&text);
        if (i % 3 == 0)
            buf_addz(&text, "\xef\xbb\xbf");
        add_lines(&text, below(400), 100);
        CHECK(same_lines(buf_str(&text), 1 + below(300), 4096));
    }
    buf_free(&text);
}

TEST("lines beyond the limit are the same, and what stands behind them")
{
    struct buf text = { 0 };
    for (int i = 0; i < 40; i++) {
        buf_reset(&text);
        add_lines(&text, 1 + below(30), 400000);
        /* A line feed alone: whether a CR counts in a line that is too long
         * depends on how much of it is read at once. */
        for (size_t k = 0; k < text.n; k++)
            if (text.p[k] == '\r')
                text.p[k] = ' ';
        CHECK(same_lines(buf_str(&text), 200000, 1000 + below(200000)));
    }
    buf_free(&text);
}

TEST("records longer than a block come whole, and leave no large buffer")
{
    static const size_t sizes[] = { 250000, 262144, 1000000, 9000000, 10 };
    struct buf text = { 0 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        buf_addz(&text, "{\"a\":\"");
        for (size_t k = 0; k < sizes[i]; k++)
            buf_addc(&text, (char)('a' + k % 26));
        buf_addz(&text, "\"}\n{\"b\":2}\n");
    }
    CHECK(!text.failed);
    CHECK(same_lines(buf_str(&text), 65536, 16 << 20));

    struct reader r;
    struct err e;
    struct input in;
    pid_t writer;
    int fd = in_pieces(buf_str(&text), 65536, &writer), status;
    input_fd(&in, fd, "test");
    in.raw = true;
    CHECK(reader_init(&r, &in, 16 << 20, 8, &e) == 0);
    size_t most = 0;
    struct buf rest = { 0 };
    while (!r.eof && reader_load(&r, &e) == 0) {
        uint64_t offset;
        struct str open = reader_open(&r, &offset);
        most = r.cap > most ? r.cap : most;
        buf_reset(&rest);
        buf_add_str(&rest, open);
        CHECK(reader_begin(&r, buf_str(&rest), offset, &e) == 0 || r.eof);
        if (in.bytes == text.n)
            break;
    }
    CHECK(most >= 9000000);
    CHECK(r.cap < 1 << 20);
    reader_free(&r);
    buf_free(&rest);
    input_close(&in);
    close(fd);
    waitpid(writer, &status, 0);
    buf_free(&text);
}

TEST("an input that cannot be read is an error behind the lines before it")
{
    struct input in;
    struct buf plain = { 0 }, loaded = { 0 };
    int fd[2];
    CHECK(pipe(fd) == 0);
    input_fd(&in, fd[1], "test"); /* the end that cannot be read */
    in.raw = true;
    plainly(&in, 100, &plain);
    by_thread(&in, 100, &loaded);
    CHECK(buf_z(&plain) && buf_z(&loaded));
    CHECK_STR(loaded.p, plain.p);
    CHECK(strncmp(loaded.p, "cannot read 'test'", 18) == 0);
    buf_free(&plain);
    buf_free(&loaded);
    close(fd[0]);
    close(fd[1]);
}

UNIT_MAIN
