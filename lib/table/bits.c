#include "table/bits.h"

#include "table/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The space is there before the first store: a full disk found by a page fault
 * would be a signal. */
static int map_file(struct bits *b, const char *dir, struct err *e)
{
    int fd = spill_file(dir, e);
    if (fd < 0)
        return -1;
    int full = posix_fallocate(fd, 0, (off_t)b->bytes);
    if (full) {
        close(fd);
        return err_sys(e, ERR_IO, full, "cannot write a temporary file in '%s'",
                       dir);
    }
    b->v = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return 0;
}

int bits_init(struct bits *b, uint64_t n, size_t memory, const char *dir,
              struct err *e)
{
    *b = (struct bits){ .bytes = (size_t)(n / 64 + 1) * 8 };
    if (b->bytes <= memory)
        b->v = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (map_file(b, dir, e))
        return -1;
    if (b->v != MAP_FAILED)
        return 0;
    b->v = NULL;
    return err_nomem(e);
}

void bits_free(struct bits *b)
{
    if (b->v)
        munmap(b->v, b->bytes);
    *b = (struct bits){ 0 };
}

uint64_t bits_count(const struct bits *b)
{
    uint64_t n = 0;
    for (size_t i = 0; b->v && i < b->bytes; i += 8) {
        uint64_t w;
        memcpy(&w, b->v + i, sizeof(w));
        n += (uint64_t)__builtin_popcountll(w);
    }
    return n;
}
