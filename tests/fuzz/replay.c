/* replay: feeds a corpus to a fuzz target without a fuzzer, as TAP.
 *
 * Usage: TARGET FOLDER. Every file is fed whole, then cut off at each of its
 * first bytes, then with single bytes flipped. Each input is a block of
 * exactly its size, so that a sanitizer sees a read beyond it. */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

enum { PREFIXES = 2000, FLIPS = 500, FILE_MAX_BYTES = 1 << 20 };

static void feed(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        exit(75);
    if (n)
        memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static int replay(const char *folder, const char *name)
{
    static uint8_t data[FILE_MAX_BYTES];
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    size_t n = fread(data, 1, sizeof(data), f);
    fclose(f);
    feed(data, n);
    for (size_t i = 0; i < n && i < PREFIXES; i++)
        feed(data, i);
    for (size_t i = 0; i < n && i < FLIPS; i++) {
        uint8_t kept = data[i];
        data[i] = (uint8_t)(kept ^ (1u << (i % 8)));
        feed(data, n);
        data[i] = kept;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    struct dirent **entries;
    int n = scandir(argv[1], &entries, NULL, alphasort);
    int count = 0, bad = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (name[0] != '.') {
            printf("# %s\n", name);
            fflush(stdout);
            bool failed = replay(argv[1], name) != 0;
            bad += failed;
            printf("%s %d - %s\n", failed ? "not ok" : "ok", ++count, name);
            fflush(stdout);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    printf("1..%d\n", count);
    return count == 0 || bad > 0;
}
