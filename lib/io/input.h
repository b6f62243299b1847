/* input: bytes from a file, stdin or memory, decompressed on the way.
 *
 * gzip (also several members in a row) and zstd are recognised by their magic
 * bytes. What is in another encoding than UTF-8 is converted behind that.
 * Truncated or corrupt compression is ERR_DATA. Sizes and ratios are capped
 * against bombs. */
#ifndef IO_INPUT_H
#define IO_INPUT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define INPUT_PEEK_MAX ((size_t)64 << 10)

struct inflater;
struct recoder;

struct input_limits {
    uint64_t max_bytes; /* decompressed bytes at most; 0: no limit */
    uint64_t max_ratio; /* decompressed to compressed at most, judged past
                           1 MiB; 0: no limit */
};

struct input {
    int fd;             /* -1: a reader has the bytes */
    bool owned;         /* fd is closed with the input */
    bool raw;           /* never decompress */
    const char *uri;    /* borrowed: for messages */
    const char *format; /* of the bytes, where whoever opened it was told
                           (source_formats), static; NULL: nobody was */
    uint64_t raw_bytes; /* read from fd so far */
    uint64_t bytes;     /* handed out so far */
    uint64_t size;      /* of a regular file, in bytes on disk; else 0 */
    struct input_limits limits;
    struct inflater *inflater; /* owned; NULL for plain bytes */
    struct recoder *recoder;   /* owned; NULL where there is no encoding */
    char *head;                /* owned: decompressed bytes read ahead, */
    size_t head_at, head_n;    /* of which head[head_at .. head_n) are left */
    bool sniffed, eof;
    bool coded_eof; /* the bytes before the recoder are at their end */
    /* Instead of fd: reads 1 to n bytes, 0 at the end, -1 with e. It waits
     * where it must, and notices signals itself. */
    ssize_t (*reader)(void *from, void *buf, size_t n, struct err *e);
    void *from;       /* borrowed */
    int64_t modified; /* when the bytes last changed, microseconds since
                         1970; 0: not known */
    /* Called before a read that would block, and when a signal interrupted
     * one; -1 stops the input. NULL: none. */
    int (*idle)(void *ctx, struct err *e);
    int idle_ms; /* and again whenever it has been waited so long; 0: once */
    /* Called behind every read. NULL: none. */
    int (*progress)(void *ctx, struct err *e);
    void *ctx;
    /* Shown every byte read from fd, as it stands there. NULL: nobody looks. */
    void (*tap)(void *ctx, const void *p, size_t n);
    void *tap_ctx;
};

/* Opens path ("-" is stdin, not owned). ERR_NOINPUT, ERR_NOPERM or ERR_IO. */
int input_open(struct input *in, const char *path, struct err *e);

/* Uses an open descriptor, not owned. */
void input_fd(struct input *in, int fd, const char *uri);

/* Uses a reader; size is that of all its bytes, 0 where it is not known. uri is
 * borrowed. */
void input_reader(struct input *in,
                  ssize_t (*reader)(void *from, void *buf, size_t n,
                                    struct err *e),
                  void *from, uint64_t size, const char *uri);

/* From now on, before the first input_read, the decompressed bytes are in the
 * encoding that iconv(3) calls so (borrowed): they become UTF-8, as io/recode.h
 * says. 0; -1 with ERR_USAGE where nobody knows it. */
int input_recode(struct input *in, const char *encoding, struct err *e);

/* Reads 1 to n decompressed bytes; 0 at the end; -1 with e. */
ssize_t input_read(struct input *in, void *buf, size_t n, struct err *e);

/* Shows the first bytes without taking them: reads on until there are n of
 * them or the input ends. *head is borrowed until the next call; it may show
 * more. Only before the first input_read. n is at most INPUT_PEEK_MAX. 0 or
 * -1. */
int input_peek(struct input *in, size_t n, struct str *head, struct err *e);

/* What messages call the input: its uri, or "stdin". Borrowed. */
const char *input_name(const struct input *in);

/* True if the bytes are being decompressed; known once one was read. */
bool input_is_compressed(const struct input *in);

/* Closes what is owned; frees memory. */
void input_close(struct input *in);

#endif
