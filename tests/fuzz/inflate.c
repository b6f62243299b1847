/* Any bytes as an input: what comes out is the same at every step and by every
 * library, and stops at the cap. */
#include "fuzz.h"
#include "base/hash.h"
#include "io/inflate.h"
#include "io/input.h"

#include <sys/mman.h>
#include <unistd.h>

#define CAP (1 << 16)

static uint64_t drain(const uint8_t *data, size_t n, size_t step)
{
    static char buf[4096];
    struct input in;
    struct err e = { 0 };
    XXH3_state_t h;
    ssize_t r;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data, n) == (ssize_t)n);
    lseek(fd, 0, SEEK_SET);
    input_fd(&in, fd, "fuzz");
    in.owned = true;
    in.limits.max_bytes = CAP;
    XXH3_64bits_reset(&h);
    while ((r = input_read(&in, buf, step, &e)) > 0)
        XXH3_64bits_update(&h, buf, (size_t)r);
    MUST(r == 0 || e.code == ERR_DATA);
    MUST(!in.inflater || in.bytes <= CAP);
    MUST(in.inflater || (r == 0 && in.bytes == n));
    input_close(&in);
    /* Before an error some steps hand out more than others. */
    return r == 0 ? XXH3_64bits_digest(&h) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MUST(inflate_use("zlib"));
    uint64_t all = drain(data, n, 4096);
    MUST(drain(data, n, 7) == all);
    if (inflate_use("isa-l")) {
        uint64_t other = drain(data, n, 4096);
        MUST(drain(data, n, 7) == other);
        /* ISA-L refuses a little less. */
        MUST(all == 0 || other == all);
    }
    return 0;
}
