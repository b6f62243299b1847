/* Unit tests of lib/io/inflate and of input on top of it. */
#include "io/input.h"
#include "io/inflate.h"
#include "unit.h"

#include <fcntl.h>
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

static compress_fn *const kinds[] = { gzip, zstd };

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
    for (size_t k = 0; k < 2; k++) {
        unsigned char z[512];
        size_t n = kinds[k](text, strlen(text), z, sizeof(z));
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
    for (size_t k = 0; k < 2; k++) {
        unsigned char z[1024];
        char out[4096];
        struct err e = { 0 };
        size_t n = kinds[k](text, 9, z, sizeof(z));
        n += kinds[k](text, 0, z + n, sizeof(z) - n);
        n += kinds[k](text + 9, strlen(text) - 9, z + n, sizeof(z) - n);
        CHECK(read_all(z, n, 4096, out, &e) == (long)strlen(text));
        CHECK(memcmp(out, text, strlen(text)) == 0);
    }
}

TEST("every truncated prefix is an error, except between members")
{
    for (size_t k = 0; k < 2; k++) {
        unsigned char z[1024];
        char out[4096];
        size_t first = kinds[k](text, strlen(text), z, sizeof(z));
        size_t n = first + kinds[k](text, 9, z + first, sizeof(z) - first);
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
    for (size_t k = 0; k < 2; k++) {
        unsigned char z[512];
        char out[4096];
        struct err e = { 0 };
        size_t n = kinds[k](text, strlen(text), z, sizeof(z));
        z[n++] = '\n';
        CHECK(read_all(z, n, 4096, out, &e) == -1);
        CHECK(e.code == ERR_DATA);
        CHECK(strstr(e.msg, "trailing garbage") != NULL);
    }
}

TEST("a flipped bit is an error, or did not matter")
{
    unsigned char z[512];
    size_t n = gzip(text, strlen(text), z, sizeof(z));
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

/* 8 MiB of zeros, compressed. */
static size_t bomb(compress_fn *f, unsigned char *z, size_t cap)
{
    size_t n = (size_t)8 << 20;
    void *zeros = calloc(1, n);
    n = f(zeros, n, z, cap);
    free(zeros);
    return n;
}

TEST("a bomb stops at the size limit")
{
    for (size_t k = 0; k < 2; k++) {
        static unsigned char z[65536];
        static char out[4096];
        struct input in;
        struct err e = { 0 };
        open_bytes(&in, z, bomb(kinds[k], z, sizeof(z)));
        in.limits.max_bytes = 100000;
        CHECK(drain(&in, 4096, out, &e) == -1);
        CHECK(e.code == ERR_DATA);
        CHECK(strstr(e.msg, "more than the limit of 100000 bytes") != NULL);
        CHECK(in.bytes <= 100000);
        input_close(&in);
    }
}

TEST("a bomb stops at the ratio limit, past its first MiB")
{
    for (size_t k = 0; k < 2; k++) {
        static unsigned char z[65536];
        static char out[4096];
        struct input in;
        struct err e = { 0 };
        open_bytes(&in, z, bomb(kinds[k], z, sizeof(z)));
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
    for (size_t k = 0; k < 3; k++) {
        unsigned char z[512];
        char out[4096];
        struct input in;
        struct err e = { 0 };
        struct str head;
        size_t n = strlen(text);
        if (k < 2)
            n = kinds[k](text, n, z, sizeof(z));
        open_bytes(&in, k < 2 ? (const void *)z : text, n);
        CHECK(input_peek(&in, 3, &head, &e) == 0);
        CHECK(head.n >= 3 && memcmp(head.p, text, 3) == 0);
        CHECK(input_peek(&in, 1000, &head, &e) == 0);
        CHECK(head.n == strlen(text));
        CHECK(input_is_compressed(&in) == (k < 2));
        CHECK(in.bytes == 0);
        CHECK(drain(&in, 5, out, &e) == (long)strlen(text));
        CHECK(memcmp(out, text, strlen(text)) == 0);
        CHECK(in.bytes == strlen(text));
        input_close(&in);
    }
}

UNIT_MAIN
