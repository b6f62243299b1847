/* bench-inflate-LIBRARY: what a library alone takes to decompress a file that
 * is in memory already. Built once for each library.
 *
 *     bench-inflate-LIBRARY FILE [--print]
 *
 * FILE is one gzip member. All but libdeflate, which has no streams and wants
 * room for the whole text at once, inflate to a block of 256 KiB again and
 * again, as the tools do. The time of that alone, without reading and writing,
 * goes to the file that $BENCH_SECONDS names: wall-clock and processor seconds.
 * --print writes the text. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(WITH_ZLIB)
#include <zlib.h>
#elif defined(WITH_LIBDEFLATE)
#include <libdeflate.h>
#elif defined(WITH_ISAL)
#include <isa-l/igzip_lib.h>
#endif

#define BLOCK ((size_t)256 << 10)

static FILE *print_to; /* NULL: nobody looks */

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench-inflate: %s\n", what);
    exit(1);
}

static void show(const uint8_t *p, size_t n)
{
    if (print_to && fwrite(p, 1, n, print_to) != n)
        die("cannot write");
}

/* inflate_all inflates in[0 .. n); `out` has room for `size` bytes. */
#if defined(WITH_ZLIB)

static size_t room_for(size_t size)
{
    (void)size;
    return BLOCK;
}

static void inflate_all(uint8_t *in, size_t n, uint8_t *out, size_t size)
{
    z_stream z = { 0 };
    int r = inflateInit2(&z, MAX_WBITS + 16);
    z.next_in = in;
    z.avail_in = (uInt)n;
    while (r == Z_OK) {
        z.next_out = out;
        z.avail_out = (uInt)size;
        r = inflate(&z, Z_NO_FLUSH);
        show(out, size - z.avail_out);
    }
    inflateEnd(&z);
    if (r != Z_STREAM_END || z.avail_in)
        die("not one gzip member");
}

#elif defined(WITH_LIBDEFLATE)

static size_t room_for(size_t size)
{
    return size;
}

static void inflate_all(uint8_t *in, size_t n, uint8_t *out, size_t size)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d || libdeflate_gzip_decompress(d, in, n, out, size, NULL))
        die("not one gzip member");
    libdeflate_free_decompressor(d);
    show(out, size);
}

#elif defined(WITH_ISAL)

static size_t room_for(size_t size)
{
    (void)size;
    return BLOCK;
}

static void inflate_all(uint8_t *in, size_t n, uint8_t *out, size_t size)
{
    static struct inflate_state z;
    isal_inflate_init(&z);
    z.crc_flag = ISAL_GZIP;
    z.next_in = in;
    z.avail_in = (uint32_t)n;
    while (z.block_state != ISAL_BLOCK_FINISH) {
        z.next_out = out;
        z.avail_out = (uint32_t)size;
        uint32_t left = z.avail_in;
        if (isal_inflate(&z) != ISAL_DECOMP_OK ||
            (z.avail_out == size && z.avail_in == left))
            die("not one gzip member");
        show(out, size - z.avail_out);
    }
}

#endif

static uint8_t *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        die("cannot read the file");
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *p = malloc(*n + 1);
    if (!p || *n < 18 || fread(p, 1, *n, f) != *n)
        die("cannot read the file");
    fclose(f);
    return p;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: bench-inflate-LIBRARY FILE [--print]");
    size_t n;
    uint8_t *in = read_file(argv[1], &n);
    /* The length modulo 2^32 ends the member (RFC 1952, section 2.3.1). */
    size_t size = (size_t)in[n - 4] | (size_t)in[n - 3] << 8 |
                  (size_t)in[n - 2] << 16 | (size_t)in[n - 1] << 24;
    size = room_for(size);
    uint8_t *out = malloc(size + 1);
    if (!out)
        die("no memory");
    memset(out, 1, size); /* its pages are there before the clock runs */
    if (argc > 2 && strcmp(argv[2], "--print") == 0)
        print_to = stdout;

    double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    inflate_all(in, n, out, size);
    wall = now(CLOCK_MONOTONIC) - wall;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;

    const char *seconds = getenv("BENCH_SECONDS");
    FILE *f = seconds && !print_to ? fopen(seconds, "w") : NULL;
    if (f) {
        fprintf(f, "%.4f %.4f\n", wall, cpu);
        if (fclose(f))
            die("cannot write the seconds");
    }
    free(in);
    free(out);
    return print_to && fflush(print_to) ? 1 : 0;
}
