/* Unit tests of lib/io/inflate and of input on top of it. */
#include "io/input.h"
#include "io/inflate.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static const char text[] = "one line\nanother line\none line more\n";

static size_t gzip(const void *p, size_t n, unsigned char *out, size_t cap)
{
    z_stream z = { 0 };
    deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static size_t zstd(const void *p, size_t n, unsigned char *out, size_t cap)
{
    return ZSTD_compress(out, cap, p, n, 3);
}

typedef size_t compress_fn(const void *, size_t, unsigned char *, size_t);

/* What is tested: gzip by either library (where the build has both), zstd. */
static const struct kind {
    compress_fn *compress;
    const char *library;
} kinds[] = { { gzip, "isa-l" }, { gzip, "zlib" }, { zstd, "zlib" } };

#define GZIPS 2
#define KINDS 3

/* Compresses as kind k does, and has inputs inflated by its library. */
static size_t pack(size_t k, const void *p, size_t n, unsigned char *out,
                   size_t cap)
{
    (void)inflate_use(kinds[k].library);
    return kinds[k].compress(p, n, out, cap);
}

/* An input over bytes, from memory; closed by close_bytes. */
static void open_bytes(struct input *in, const void *p, size_t n)
{
    int fd = memfd_create("bytes", MFD_CLOEXEC);
    CHECK(write(fd, p, n) == (ssize_t)n);
    lseek(fd, 0, SEEK_SET);
    input_fd(in, fd, "bytes");
    in->owned = true;
}

/* Reads all, `step` bytes at a time: bytes read, or -1. Keeps the first 4096
 * in out. */
static long drain(struct input *in, size_t step, char *out, struct err *e)
{
    char buf[8192];
    long total = 0;
    for (;;) {
        ssize_t r = input_read(in, buf, step, e);
        if (r <= 0)
            return r < 0 ? -1 : total;
        for (ssize_t i = 0; i < r && total + i < 4096; i++)
            out[total + i] = buf[i];
        total += r;
    }
}

static long read_all(const void *p, size_t n, size_t step, char *out,
                     struct err *e)
{
    struct input in;
    open_bytes(&in, p, n);
    long total = drain(&in, step, out, e);
    input_close(&in);
    return total;
}

TEST("gzip and zstd come out as they went in, at any step")
{
    static const size_t steps[] = { 1, 2, 7, 4096 };
    for (size_t k = 0; k < KINDS; k++) {
        unsigned char z[512];
        size_t n = pack(k, text, strlen(text), z, sizeof(z));
        for (size_t i = 0; i < 4; i++) {
            char out[4096];
            struct err e = { 0 };
            CHECK(read_all(z, n, steps[i], out, &e) == (long)strlen(text));
            CHECK(memcmp(out, text, strlen(text)) == 0);
        }
    }
}

TEST("several members or frames in a row are one stream")
{
    for (size_t k = 0; k < KINDS; k++) {
        unsigned char z[1024];
        char out[4096];
        struct err e = { 0 };
        size_t n = pack(k, text, 9, z, sizeof(z));
        n += pack(k, text, 0, z + n, sizeof(z) - n);
        n += pack(k, text + 9, strlen(text) - 9, z + n, sizeof(z) - n);
        CHECK(read_all(z, n, 4096, out, &e) == (long)strlen(text));
        CHECK(memcmp(out, text, strlen(text)) == 0);
    }
}

TEST("every truncated prefix is an error, except between members")
{
    for (size_t k = 0; k < KINDS; k++) {
        unsigned char z[1024];
        char out[4096];
        size_t first = pack(k, text, strlen(text), z, sizeof(z));
        size_t n = first + pack(k, text, 9, z + first, sizeof(z) - first);
        /* Fewer bytes than the magic are plain bytes to the eye. */
        for (size_t cut = 4; cut < n; cut++) {
            struct err e = { 0 };
            long got = read_all(z, cut, 4096, out, &e);
            if (cut == first) {
                CHECK(got == (long)strlen(text));
                continue;
            }
            CHECK(got == -1);
            CHECK(e.code == ERR_DATA);
            CHECK(strstr(e.msg, "truncated") != NULL);
        }
    }
}

TEST("trailing garbage is an error")
{
    for (size_t k = 0; k < KINDS; k++) {
        unsigned char z[512];
        char out[4096];
        struct err e = { 0 };
        size_t n = pack(k, text, strlen(text), z, sizeof(z));
        z[n++] = '\n';
        CHECK(read_all(z, n, 4096, out, &e) == -1);
        CHECK(e.code == ERR_DATA);
        CHECK(strstr(e.msg, "trailing garbage") != NULL);
    }
}

TEST("a flipped bit is an error, or did not matter")
{
    for (size_t k = 0; k < GZIPS; k++) {
        unsigned char z[512];
        size_t n = pack(k, text, strlen(text), z, sizeof(z));
        int unnoticed = 0;
        for (size_t i = 10 * 8; i < n * 8; i++) { /* behind the header */
            char out[4096];
            struct err e = { 0 };
            z[i / 8] ^= (unsigned char)(1 << (i & 7));
            if (read_all(z, n, 4096, out, &e) == -1) {
                CHECK(e.code == ERR_DATA);
            } else {
                CHECK(memcmp(out, text, strlen(text)) == 0);
                unnoticed++;
            }
            z[i / 8] ^= (unsigned char)(1 << (i & 7));
        }
        /* The bits that fill the last byte of the compressed data. */
        CHECK(unnoticed < 8);
    }
}

/* The same bytes, offered `piece` at a time. */
static long feed(const unsigned char *p, size_t n, size_t piece,
                 enum inflate_kind kind, char *out, struct err *e)
{
    static const struct input_limits none = { 0 };
    struct inflater *z;
    long total = 0;
    ssize_t got = inflater_new(&z, kind, &none, "pieces", e);
    CHECK(got == 0);
    while (got >= 0 && !inflater_done(z)) {
        size_t space;
        void *room = inflater_room(z, &space);
        if (room) {
            size_t m = n < piece ? n : piece;
            memcpy(room, p, m);
            inflater_feed(z, m);
            p += m;
            n -= m;
        }
        got = inflater_read(z, out + total, 4096 - (size_t)total, e);
        total += got;
    }
    inflater_free(z);
    return got < 0 ? -1 : total;
}

/* A member whose header has all that RFC 1952 knows. */
static size_t gzip_all_fields(unsigned char *out, size_t cap)
{
    unsigned char extra[] = { 'p', 'u', 3, 0, 1, 2, 3 }, name[] = "name",
                  comment[] = "comment";
    gz_header head = { .text = 1,
                       .extra = extra,
                       .extra_len = sizeof(extra),
                       .name = name,
                       .comment = comment,
                       .hcrc = 1 };
    z_stream z = { 0 };
    deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
    deflateSetHeader(&z, &head);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = sizeof(text) - 1;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return cap - z.avail_out;
}

TEST("what comes out does not depend on how it is fed")
{
    for (size_t k = 0; k < KINDS; k++) {
        unsigned char z[2048];
        char out[4096];
        struct err e = { 0 };
        size_t n = pack(k, text, strlen(text), z, sizeof(z));
        if (k < GZIPS)
            n += gzip_all_fields(z + n, sizeof(z) - n);
        n += pack(k, text, strlen(text), z + n, sizeof(z) - n);
        long want = (long)strlen(text) * (k < GZIPS ? 3 : 2);
        for (size_t piece = 1; piece <= n; piece++) {
            enum inflate_kind kind = inflate_sniff(z, n);
            CHECK(feed(z, n, piece, kind, out, &e) == want);
            for (long i = 0; i < want; i += (long)strlen(text))
                CHECK(memcmp(out + i, text, strlen(text)) == 0);
            CHECK(feed(z, n - 1, piece, kind, out, &e) == -1);
            CHECK(strstr(e.msg, "truncated") != NULL);
        }
    }
}

TEST("a damaged gzip header is an error")
{
    for (size_t k = 0; k < GZIPS; k++) {
        unsigned char z[512], good[512];
        char out[4096];
        size_t n = gzip_all_fields(good, sizeof(good));
        (void)inflate_use(kinds[k].library);
        /* Method, flags that RFC 1952 reserves, header check. */
        static const size_t at[] = { 2, 3, 32 };
        for (size_t i = 0; i < 3; i++) {
            struct err e = { 0 };
            memcpy(z, good, n);
            z[at[i]] ^= 0x80;
            CHECK(read_all(z, n, 4096, out, &e) == -1);
            CHECK(e.code == ERR_DATA);
            CHECK(strstr(e.msg, "corrupt") != NULL);
        }
    }
}

TEST("what came out before an error is handed out before it")
{
    for (size_t k = 0; k < KINDS; k++) {
        unsigned char z[1024];
        char out[4096] = "";
        struct err e = { 0 };
        struct input in;
        size_t n = pack(k, text, strlen(text), z, sizeof(z));
        n += pack(k, text, strlen(text), z + n, sizeof(z) - n);
        z[n - 1] ^= 1; /* in the length or check behind the data */
        open_bytes(&in, z, k < GZIPS ? n : n - 1);
        CHECK(drain(&in, 4096, out, &e) == -1);
        CHECK(e.code == ERR_DATA);
        CHECK(in.bytes >= strlen(text));
        CHECK(memcmp(out, text, strlen(text)) == 0);
        input_close(&in);
    }
}

/* 8 MiB of zeros, compressed. */
static size_t bomb(size_t k, unsigned char *z, size_t cap)
{
    size_t n = (size_t)8 << 20;
    void *zeros = calloc(1, n);
    n = pack(k, zeros, n, z, cap);
    free(zeros);
    return n;
}

TEST("a bomb stops at the size limit")
{
    for (size_t k = 0; k < KINDS; k++) {
        static unsigned char z[65536];
        static char out[4096];
        struct input in;
        struct err e = { 0 };
        open_bytes(&in, z, bomb(k, z, sizeof(z)));
        in.limits.max_bytes = 100000;
        CHECK(drain(&in, 4096, out, &e) == -1);
        CHECK(e.code == ERR_DATA);
        CHECK(strstr(e.msg, "more than the limit of 100000 bytes") != NULL);
        CHECK(in.bytes == 100000);
        input_close(&in);
    }
}

TEST("a bomb stops at the ratio limit, past its first MiB")
{
    for (size_t k = 0; k < KINDS; k++) {
        static unsigned char z[65536];
        static char out[4096];
        struct input in;
        struct err e = { 0 };
        open_bytes(&in, z, bomb(k, z, sizeof(z)));
        in.limits.max_ratio = 100;
        CHECK(drain(&in, 4096, out, &e) == -1);
        CHECK(e.code == ERR_DATA);
        CHECK(strstr(e.msg, "limit of 100 times") != NULL);
        CHECK(in.bytes >= 1000000 && in.bytes <= 1100000 + 100 * 65536);
        input_close(&in);
    }
}

TEST("limits that are not exceeded do no harm")
{
    unsigned char z[512];
    char out[4096];
    struct input in;
    struct err e = { 0 };
    open_bytes(&in, z, gzip(text, strlen(text), z, sizeof(z)));
    in.limits.max_bytes = strlen(text);
    in.limits.max_ratio = 1;
    CHECK(drain(&in, 5, out, &e) == (long)strlen(text));
    input_close(&in);
}

TEST("plain bytes pass, also those that start like a magic number")
{
    static const char *const plain[] = { "",        "\x1f",  "(",   "(\xb5",
                                         "(\xb5/x", "\x1fx", "{}\n" };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        char out[4096];
        struct err e = { 0 };
        size_t n = strlen(plain[i]);
        CHECK(read_all(plain[i], n, 1, out, &e) == (long)n);
        CHECK(memcmp(out, plain[i], n) == 0);
    }
}

TEST("raw inputs are never decompressed")
{
    unsigned char z[512];
    char out[4096];
    struct input in;
    struct err e = { 0 };
    size_t n = gzip(text, strlen(text), z, sizeof(z));
    open_bytes(&in, z, n);
    in.raw = true;
    CHECK(drain(&in, 100, out, &e) == (long)n);
    CHECK(memcmp(out, z, n) == 0);
    input_close(&in);
}

TEST("peeking shows the first bytes and takes none")
{
    for (size_t k = 0; k <= KINDS; k++) {
        unsigned char z[512];
        char out[4096];
        struct input in;
        struct err e = { 0 };
        struct str head;
        size_t n = strlen(text);
        if (k < KINDS)
            n = pack(k, text, n, z, sizeof(z));
        open_bytes(&in, k < KINDS ? (const void *)z : text, n);
        CHECK(input_peek(&in, 3, &head, &e) == 0);
        CHECK(head.n >= 3 && memcmp(head.p, text, 3) == 0);
        CHECK(input_peek(&in, 1000, &head, &e) == 0);
        CHECK(head.n == strlen(text));
        CHECK(input_is_compressed(&in) == (k < KINDS));
        CHECK(in.bytes == 0);
        CHECK(drain(&in, 5, out, &e) == (long)strlen(text));
        CHECK(memcmp(out, text, strlen(text)) == 0);
        CHECK(in.bytes == strlen(text));
        input_close(&in);
    }
}

TEST("an input that is closed early ends its thread")
{
    for (size_t k = 0; k < KINDS; k++) {
        static unsigned char z[65536];
        size_t n = bomb(k, z, sizeof(z));
        for (size_t taken = 0; taken < 3; taken++) {
            struct input in;
            struct err e = { 0 };
            char out[4096];
            open_bytes(&in, z, n);
            for (size_t i = 0; i < taken; i++)
                CHECK(input_read(&in, out, sizeof(out), &e) == sizeof(out));
            input_close(&in);
        }
    }
}

TEST("the thread of an inflater takes no signal")
{
    static unsigned char z[65536];
    struct input in;
    struct err e = { 0 };
    char out[4096];
    sigset_t usr1, pending;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    open_bytes(&in, z, bomb(0, z, sizeof(z)));
    CHECK(input_read(&in, out, sizeof(out), &e) == sizeof(out));
    kill(getpid(), SIGUSR1); /* would end the process if it took it */
    CHECK(drain(&in, sizeof(out), out, &e) > 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    input_close(&in);
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
}

UNIT_MAIN
