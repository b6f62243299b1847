#include "source/newfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

/* ---- what is known ---- */

static int by_name(const void *a, const void *b)
{
    const struct position *const *x = a, *const *y = b;
    return str_cmp((*x)->partition, (*y)->partition);
}

int newfile_init(struct newfile *n, const struct positions *known,
                 struct err *e)
{
    *n = (struct newfile){ 0 };
    if (!known || known->n == 0)
        return 0;
    n->v = malloc(known->n * sizeof(*n->v));
    if (!n->v)
        return err_nomem(e);
    for (size_t i = 0; i < known->n; i++)
        n->v[n->n++] = &known->v[i];
    qsort(n->v, n->n, sizeof(*n->v), by_name);
    return 0;
}

void newfile_free(struct newfile *n)
{
    free(n->v);
    *n = (struct newfile){ 0 };
}

static int is_name(const void *key, const void *element)
{
    const struct str *name = key;
    const struct position *const *p = element;
    return str_cmp(*name, (*p)->partition);
}

static const struct position *find(const struct newfile *n, const char *path)
{
    struct str name = str_of(path);
    const struct position **p =
        n->n ? bsearch(&name, n->v, n->n, sizeof(*n->v), is_name) : NULL;
    return p ? *p : NULL;
}

/* ---- judging ---- */

static int64_t changed_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* The parts of "SIZE:NANOSECONDS:HASH", a JSON string; false where it is none.
 */
static bool parse(struct str value, uint64_t *size, int64_t *ns,
                  struct str *hash)
{
    char text[96], *end;
    if (value.n < 2 || value.n >= sizeof(text) || value.p[0] != '"')
        return false;
    memcpy(text, value.p + 1, value.n - 2);
    text[value.n - 2] = '\0';
    *size = strtoull(text, &end, 10);
    if (*end != ':')
        return false;
    *ns = strtoll(end + 1, &end, 10);
    if (*end != ':')
        return false;
    size_t at = (size_t)(end + 1 - text) + 1;
    *hash = (struct str){ value.p + at, value.n - 1 - at };
    return true;
}

enum newfile_state newfile_judge(const struct newfile *n, const char *path,
                                 const struct stat *st)
{
    const struct position *p = find(n, path);
    uint64_t size;
    int64_t ns;
    struct str hash;
    if (!p)
        return NEWFILE_NEW;
    if (!parse(p->value, &size, &ns, &hash))
        return NEWFILE_CHANGED;
    if (size == (uint64_t)st->st_size)
        return ns == changed_ns(st) ? NEWFILE_SAME
               : hash.n             ? NEWFILE_TOUCHED
                                    : NEWFILE_CHANGED;
    return size < (uint64_t)st->st_size ? NEWFILE_GREW : NEWFILE_CHANGED;
}

bool newfile_is_hash(const struct newfile *n, const char *path,
                     struct hash128 hash)
{
    const struct position *p = find(n, path);
    uint64_t size;
    int64_t ns;
    struct str noted;
    char hex[33];
    hash128_hex(hash, hex);
    return p && parse(p->value, &size, &ns, &noted) &&
           str_eq(noted, (struct str){ hex, 32 });
}

int newfile_hash(int fd, const char *path, struct hash128 *hash, struct err *e)
{
    XXH3_state_t *state = XXH3_createState();
    char *block = malloc(BLOCK);
    uint64_t at = 0;
    ssize_t r = state && block ? 1 : -1;
    if (r < 0)
        err_nomem(e);
    else
        XXH3_128bits_reset(state);
    while (r > 0) {
        r = pread(fd, block, BLOCK, (off_t)at);
        if (r < 0 && errno == EINTR)
            r = 1;
        else if (r < 0)
            err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
        else
            XXH3_128bits_update(state, block, (size_t)r), at += (uint64_t)r;
    }
    if (r == 0) {
        XXH128_hash_t h = XXH3_128bits_digest(state);
        *hash = (struct hash128){ h.low64, h.high64 };
    }
    XXH3_freeState(state);
    free(block);
    return r < 0 ? -1 : 0;
}

/* ---- noting ---- */

int newfile_note(struct positions *at, const char *path, const struct stat *st,
                 const struct hash128 *hash, struct err *e)
{
    char hex[33] = "", value[96];
    struct position *p = positions_at(at, str_of(path), e);
    if (!p)
        return -1;
    if (hash)
        hash128_hex(*hash, hex);
    snprintf(value, sizeof(value), "\"%" PRIu64 ":%" PRId64 ":%s\"",
             (uint64_t)st->st_size, changed_ns(st), hex);
    return position_set(p, POSITION_MARK, str_of(value), e);
}
