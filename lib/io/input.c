#include "io/input.h"

#include "io/inflate.h"
#include "io/recode.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)

static void describe(struct input *in)
{
    struct stat st;
    if (fstat(in->fd, &st) != 0)
        return;
    if (S_ISREG(st.st_mode)) {
        in->size = (uint64_t)st.st_size;
        in->modified =
            (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
        (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else if (S_ISFIFO(st.st_mode)) {
        /* Beyond the user's allowance this fails, which does no harm. */
        (void)fcntl(in->fd, F_SETPIPE_SZ, PIPE_BYTES);
    }
}

void input_fd(struct input *in, int fd, const char *uri)
{
    *in = (struct input){ .fd = fd, .uri = uri };
    describe(in);
}

void input_reader(struct input *in,
                  ssize_t (*reader)(void *from, void *buf, size_t n,
                                    struct err *e),
                  void *from, uint64_t size, const char *uri)
{
    *in = (struct input){
        .fd = -1, .uri = uri, .reader = reader, .from = from, .size = size
    };
}

int input_open(struct input *in, const char *path, struct err *e)
{
    if (path[0] == '-' && path[1] == '\0') {
        input_fd(in, STDIN_FILENO, path);
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    input_fd(in, fd, path);
    in->owned = true;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        input_close(in);
        return err_set(e, ERR_NOINPUT, "cannot read '%s': is a directory",
                       path);
    }
    return 0;
}

const char *input_name(const struct input *in)
{
    return strcmp(in->uri, "-") == 0 ? "stdin" : in->uri;
}

/* Tells whoever waits for the other end that there is nothing to read; again
 * as long as there is nothing, if the input is to. 0 or -1. */
static int wait_idle(struct input *in, struct err *e)
{
    struct pollfd p = { .fd = in->fd, .events = POLLIN };
    int ready = poll(&p, 1, 0);
    while (ready == 0 || (ready < 0 && errno == EINTR)) {
        if (in->idle(in->ctx, e))
            return -1;
        if (!in->idle_ms)
            break;
        ready = poll(&p, 1, in->idle_ms);
    }
    return 0;
}

/* Reads from fd. Whoever waits for the other end is told before. */
static ssize_t read_fd(struct input *in, void *buf, size_t n, struct err *e)
{
    if (in->reader) {
        ssize_t r = in->reader(in->from, buf, n, e);
        in->raw_bytes += r > 0 ? (uint64_t)r : 0;
        return r;
    }
    for (;;) {
        if (in->idle && in->size == 0 && wait_idle(in, e))
            return -1;
        ssize_t r = read(in->fd, buf, n);
        if (r >= 0) {
            in->raw_bytes += (uint64_t)r;
            if (in->tap)
                in->tap(in->tap_ctx, buf, (size_t)r);
            return r;
        }
        if (errno != EINTR)
            return err_sys(e, ERR_IO, errno, "cannot read '%s'",
                           input_name(in));
        if (in->idle && in->idle(in->ctx, e))
            return -1;
    }
}

/* Makes the input compressed: the inflater takes over what was read. */
static int begin_inflate(struct input *in, enum inflate_kind kind,
                         struct err *e)
{
    size_t space;
    if (inflater_new(&in->inflater, kind, &in->limits, input_name(in), e))
        return -1;
    void *room = inflater_room(in->inflater, &space);
    memcpy(room, in->head, in->head_n);
    inflater_feed(in->inflater, in->head_n);
    in->head_n = 0;
    return 0;
}

/* In another encoding: what was read ahead goes to the recoder. */
static void begin_recode(struct input *in)
{
    memcpy(recoder_room(in->recoder), in->head, in->head_n);
    recoder_feed(in->recoder, in->head_n);
    in->head_n = 0;
    in->coded_eof = in->eof;
    in->eof = false;
}

/* Reads the first bytes into head and looks whether they are compressed. */
static int sniff(struct input *in, struct err *e)
{
    enum inflate_kind kind = INFLATE_MORE;
    in->sniffed = true;
    in->head = malloc(INPUT_PEEK_MAX);
    if (!in->head)
        return err_nomem(e);
    while (kind == INFLATE_MORE && !in->eof) {
        ssize_t r =
            read_fd(in, in->head + in->head_n, INPUT_PEEK_MAX - in->head_n, e);
        if (r < 0)
            return -1;
        in->eof = r == 0;
        in->head_n += (size_t)r;
        kind = in->raw ? INFLATE_NONE : inflate_sniff(in->head, in->head_n);
    }
    if ((kind == INFLATE_GZIP || kind == INFLATE_ZSTD) &&
        begin_inflate(in, kind, e))
        return -1;
    if (in->recoder)
        begin_recode(in);
    return 0;
}

int input_recode(struct input *in, const char *encoding, struct err *e)
{
    if (recoder_new(&in->recoder, encoding, input_name(in), e))
        return -1;
    if (in->sniffed)
        begin_recode(in);
    return 0;
}

/* True if a read would not wait. */
static bool is_ready(const struct input *in)
{
    struct pollfd p = { .fd = in->fd, .events = POLLIN };
    return in->reader || in->size > 0 || poll(&p, 1, 0) > 0;
}

/* The inflater is fed as far as that takes no waiting, so that it works while
 * the caller does; beyond, only if it has nothing more to give. */
static ssize_t read_inflated(struct input *in, void *buf, size_t n,
                             struct err *e)
{
    for (bool starved = false;; starved = true) {
        size_t space;
        void *room = inflater_room(in->inflater, &space);
        while (room && (starved || is_ready(in))) {
            ssize_t r = read_fd(in, room, space, e);
            if (r < 0)
                return -1;
            inflater_feed(in->inflater, (size_t)r);
            room = inflater_room(in->inflater, &space);
            starved = false;
        }
        ssize_t got = inflater_read(in->inflater, buf, n, e);
        if (got != 0 || inflater_done(in->inflater))
            return got;
    }
}

static ssize_t read_plain(struct input *in, void *buf, size_t n, struct err *e)
{
    return in->inflater ? read_inflated(in, buf, n, e) : read_fd(in, buf, n, e);
}

/* The recoder is fed only when it has nothing more to give, so that what has
 * come is handed out at once. */
static ssize_t read_recoded(struct input *in, void *buf, size_t n,
                            struct err *e)
{
    for (;;) {
        ssize_t got = recoder_read(in->recoder, buf, n, in->coded_eof, e);
        in->eof = got <= 0 && in->coded_eof;
        if (got != 0 || in->coded_eof)
            return got;
        ssize_t r = read_plain(in, recoder_room(in->recoder), RECODE_ROOM, e);
        if (r < 0)
            return -1;
        in->coded_eof = r == 0;
        recoder_feed(in->recoder, (size_t)r);
    }
}

/* The next bytes behind head. */
static ssize_t pull(struct input *in, void *buf, size_t n, struct err *e)
{
    if (in->eof)
        return 0;
    ssize_t r =
        in->recoder ? read_recoded(in, buf, n, e) : read_plain(in, buf, n, e);
    in->eof = in->eof || r == 0;
    return r;
}

ssize_t input_read(struct input *in, void *buf, size_t n, struct err *e)
{
    if (!in->sniffed && (!in->raw || in->recoder) && sniff(in, e))
        return -1;
    ssize_t r = (ssize_t)(in->head_n - in->head_at);
    if (r > 0) {
        if ((size_t)r > n)
            r = (ssize_t)n;
        memcpy(buf, in->head + in->head_at, (size_t)r);
        in->head_at += (size_t)r;
    } else {
        r = pull(in, buf, n, e);
    }
    if (r < 0)
        return -1;
    in->bytes += (uint64_t)r;
    if (in->progress && in->progress(in->ctx, e))
        return -1;
    return r;
}

int input_peek(struct input *in, size_t n, struct str *head, struct err *e)
{
    if (!in->sniffed && sniff(in, e))
        return -1;
    while (in->head_n < n && !in->eof) {
        ssize_t r =
            pull(in, in->head + in->head_n, INPUT_PEEK_MAX - in->head_n, e);
        if (r < 0)
            return -1;
        in->head_n += (size_t)r;
    }
    *head = (struct str){ in->head, in->head_n };
    return 0;
}

bool input_is_compressed(const struct input *in)
{
    return in->inflater != NULL;
}

void input_close(struct input *in)
{
    if (in->owned && in->fd >= 0)
        close(in->fd);
    inflater_free(in->inflater);
    recoder_free(in->recoder);
    free(in->head);
    in->inflater = NULL;
    in->recoder = NULL;
    in->head = NULL;
    in->fd = -1;
    in->owned = false;
}
