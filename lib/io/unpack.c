#include "io/unpack.h"

#include "io/libarchive.h"
#include "io/zipend.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 10)
#define RATIO_FROM ((uint64_t)1 << 20)
#define TAR_BLOCK 512
#define TAR_MAGIC_AT 257

struct unpack {
    const struct libarchive *api;
    struct archive *a;           /* owned */
    struct archive_entry *entry; /* a's; the member looked at, or NULL */
    locale_t utf8;               /* owned; 0: there is none */
    enum unpack_kind kind;
    struct input *in;    /* borrowed */
    uint64_t at;         /* zip and 7z: where the descriptor is read next */
    uint64_t got;        /* tar, cpio: bytes that libarchive was given, */
    size_t given;        /* of which so many stand in block */
    uint64_t entries;    /* looked at, of any type */
    uint64_t promised;   /* zip: by its directory */
    uint64_t out;        /* bytes of all members */
    uint64_t member_out; /* of this one */
    bool ended;
    struct err err; /* of a callback, which cannot hand it on */
    char block[BLOCK];
};

/* Read from its beginning to its end; the others have a directory there. */
static bool is_stream(enum unpack_kind kind)
{
    return kind == UNPACK_TAR || kind == UNPACK_CPIO;
}

/* ---- what it is ---- */

enum unpack_kind unpack_sniff(struct str head)
{
    static const struct {
        struct str magic;
        size_t at;
        enum unpack_kind kind;
    } kinds[] = {
        { { "PK\3\4", 4 }, 0, UNPACK_ZIP },
        { { "PK\5\6", 4 }, 0, UNPACK_ZIP },
        { { "7z\xbc\xaf\x27\x1c", 6 }, 0, UNPACK_7Z },
        { { "ustar", 5 }, TAR_MAGIC_AT, UNPACK_TAR },
        { { "070701", 6 }, 0, UNPACK_CPIO },
        { { "070702", 6 }, 0, UNPACK_CPIO },
        { { "070707", 6 }, 0, UNPACK_CPIO },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (head.n >= kinds[i].at + kinds[i].magic.n &&
            memcmp(head.p + kinds[i].at, kinds[i].magic.p, kinds[i].magic.n) ==
                0)
            return kinds[i].kind;
    return UNPACK_NONE;
}

static bool ends_with(struct str s, const char *end)
{
    size_t n = strlen(end);
    return s.n > n && strncasecmp(s.p + s.n - n, end, n) == 0;
}

enum unpack_kind unpack_by_name(struct str name)
{
    static const struct {
        const char *end;
        enum unpack_kind kind;
    } plain[] = { { ".tgz", UNPACK_TAR },  { ".tzst", UNPACK_TAR },
                  { ".tbz2", UNPACK_TAR }, { ".tbz", UNPACK_TAR },
                  { ".txz", UNPACK_TAR },  { ".zip", UNPACK_ZIP },
                  { ".7z", UNPACK_7Z },    { ".tar", UNPACK_TAR },
                  { ".cpio", UNPACK_CPIO } };
    static const char *const packed[] = { ".gz", ".zst", ".bz2", ".xz",
                                          ".lz4" };
    size_t n = sizeof(plain) / sizeof(plain[0]);
    for (size_t i = 0; i < n; i++)
        if (ends_with(name, plain[i].end))
            return plain[i].kind;
    for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
        if (!ends_with(name, packed[i]))
            continue;
        name.n -= strlen(packed[i]);
        return ends_with(name, ".tar")    ? UNPACK_TAR
               : ends_with(name, ".cpio") ? UNPACK_CPIO
                                          : UNPACK_NONE;
    }
    return UNPACK_NONE;
}

/* ---- errors ---- */

static int corrupt(const struct unpack *u, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, "archive '%s' is truncated or corrupt: %s",
                   u->in->uri, why);
}

/* What libarchive says, unless a callback knows better. */
static int fail(struct unpack *u, struct err *e)
{
    if (u->err.code != ERR_NONE) {
        *e = u->err;
        return -1;
    }
    const char *why = u->api->error_string(u->a);
    return corrupt(u, why ? why : "it does not say why", e);
}

/* ---- bytes for libarchive ---- */

static la_ssize_t read_stream(struct archive *a, void *up, const void **block)
{
    struct unpack *u = up;
    (void)a;
    ssize_t n = input_read(u->in, u->block, BLOCK, &u->err);
    *block = u->block;
    u->given = n > 0 ? (size_t)n : 0;
    u->got += u->given;
    return n < 0 ? ARCHIVE_FATAL : n;
}

static la_ssize_t read_file(struct archive *a, void *up, const void **block)
{
    struct unpack *u = up;
    ssize_t n;
    (void)a;
    do {
        n = pread(u->in->fd, u->block, BLOCK, (off_t)u->at);
    } while (n < 0 && errno == EINTR);
    *block = u->block;
    if (n < 0) {
        err_sys(&u->err, ERR_IO, errno, "cannot read '%s'", u->in->uri);
        return ARCHIVE_FATAL;
    }
    u->at += (uint64_t)n;
    u->in->raw_bytes += (uint64_t)n;
    return n;
}

static la_int64_t skip_file(struct archive *a, void *up, la_int64_t n)
{
    struct unpack *u = up;
    (void)a;
    uint64_t left = u->at < u->in->size ? u->in->size - u->at : 0;
    uint64_t step = (uint64_t)n < left ? (uint64_t)n : left;
    u->at += step;
    return (la_int64_t)step;
}

static la_int64_t seek_file(struct archive *a, void *up, la_int64_t offset,
                            int whence)
{
    struct unpack *u = up;
    (void)a;
    int64_t base = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)u->at
                                        : (int64_t)u->in->size;
    if (offset > INT64_MAX - base || base + offset < 0)
        return ARCHIVE_FATAL;
    u->at = (uint64_t)(base + offset);
    return (la_int64_t)u->at;
}

/* ---- opening ---- */

static int set_up(struct unpack *u, struct err *e)
{
    const struct libarchive *api = u->api;
    int r = ARCHIVE_OK;
    u->a = api->read_new();
    if (!u->a)
        return err_nomem(e);
    switch (u->kind) {
    case UNPACK_TAR: r = api->read_support_format_tar(u->a); break;
    case UNPACK_CPIO: r = api->read_support_format_cpio(u->a); break;
    case UNPACK_ZIP: r = api->read_support_format_zip_seekable(u->a); break;
    default: r = api->read_support_format_7zip(u->a); break;
    }
    bool stream = is_stream(u->kind);
    if (r == ARCHIVE_OK)
        r = api->read_set_read_callback(u->a, stream ? read_stream : read_file);
    if (r == ARCHIVE_OK && !stream)
        r = api->read_set_skip_callback(u->a, skip_file);
    if (r == ARCHIVE_OK && !stream)
        r = api->read_set_seek_callback(u->a, seek_file);
    if (r == ARCHIVE_OK)
        r = api->read_set_callback_data(u->a, u);
    if (r == ARCHIVE_OK)
        r = api->read_open1(u->a);
    return r == ARCHIVE_OK ? 0 : fail(u, e);
}

static int check_file(const struct unpack *u, struct err *e)
{
    struct stat st;
    if (u->in->fd >= 0 && fstat(u->in->fd, &st) == 0 && S_ISREG(st.st_mode))
        return 0;
    return err_set(e, ERR_DATA,
                   "cannot read '%s': a zip or 7z archive is read from a "
                   "file, not from a stream",
                   u->in->uri);
}

int unpack_open(struct unpack **up, enum unpack_kind kind, struct input *in,
                struct err *e)
{
    const struct libarchive *api = libarchive(e);
    struct unpack *u = api ? malloc(sizeof(*u)) : NULL;
    if (!u)
        return api ? err_nomem(e) : -1;
    memset(u, 0, offsetof(struct unpack, block));
    u->api = api;
    u->kind = kind;
    u->in = in;
    u->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if ((!is_stream(kind) && check_file(u, e) != 0) ||
        (kind == UNPACK_ZIP &&
         zipend_check(in->fd, in->size, in->uri, &u->promised, e) != 0) ||
        set_up(u, e) != 0) {
        unpack_close(u);
        return -1;
    }
    *up = u;
    return 0;
}

/* ---- the end ---- */

/* Reads on to the end, where only padding may stand: what libarchive leaves
 * unread would be lost in silence, as with two archives in a row. */
static int check_padding(struct unpack *u, struct err *e)
{
    uint64_t left = u->got - (uint64_t)u->api->filter_bytes(u->a, 0);
    size_t n = left < u->given ? (size_t)left : u->given;
    const char *p = u->block + u->given - n;
    for (;;) {
        for (size_t i = 0; i < n; i++)
            if (p[i])
                return corrupt(u, "data follows the end of the archive", e);
        ssize_t r = input_read(u->in, u->block, BLOCK, e);
        if (r <= 0)
            return r < 0 ? -1 : 0;
        p = u->block;
        n = (size_t)r;
    }
}

/* A tar that was cut between members looks like a shorter one but for the two
 * blocks of zeros that end it (POSIX pax, ustar interchange format). */
static int check_stream_end(struct unpack *u, struct err *e)
{
    int64_t from = u->api->read_header_position(u->a);
    int64_t to = u->api->filter_bytes(u->a, 0);
    if (u->kind == UNPACK_TAR && to - from < (int64_t)2 * TAR_BLOCK)
        return corrupt(u, "the end of the archive is missing", e);
    return check_padding(u, e);
}

static int check_end(struct unpack *u, struct err *e)
{
    u->ended = true;
    u->entry = NULL;
    /* Old writers count to 65535 and go on from 0. */
    if (u->kind == UNPACK_ZIP && u->entries != u->promised &&
        (u->entries & 0xffff) != u->promised)
        return err_set(e, ERR_DATA,
                       "archive '%s' is truncated or corrupt: %llu members, "
                       "its directory says %llu",
                       u->in->uri, (unsigned long long)u->entries,
                       (unsigned long long)u->promised);
    return is_stream(u->kind) ? check_stream_end(u, e) : 0;
}

/* ---- members ---- */

static bool is_file(const struct unpack *u)
{
    return u->api->entry_filetype(u->entry) == AE_IFREG &&
           !u->api->entry_hardlink(u->entry);
}

static int describe(struct unpack *u, struct unpack_member *m, struct err *e)
{
    const struct libarchive *api = u->api;
    const char *name = api->entry_pathname(u->entry);
    if (!name)
        name = api->entry_pathname_utf8(u->entry);
    if (!name)
        return err_set(e, ERR_DATA,
                       "member %llu of '%s' has a name that cannot be read",
                       (unsigned long long)u->entries, u->in->uri);
    int64_t size = api->entry_size(u->entry);
    m->name = str_of(name);
    m->size = api->entry_size_is_set(u->entry) && size > 0 ? (uint64_t)size : 0;
    m->modified = (int64_t)api->entry_mtime(u->entry) * 1000000 +
                  api->entry_mtime_nsec(u->entry) / 1000;
    u->member_out = 0;
    return 1;
}

static int next_member(struct unpack *u, struct unpack_member *m, struct err *e)
{
    for (;;) {
        int r = u->api->read_next_header(u->a, &u->entry);
        if (r == ARCHIVE_EOF)
            return check_end(u, e);
        /* A warning is about what we do not use: owners, odd names. */
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
            return fail(u, e);
        u->entries++;
        if (is_file(u))
            return describe(u, m, e);
    }
}

/* Names that an archive says are Unicode libarchive turns into the characters
 * of the locale: in that of C, which is ours, it has no way to say them. */
int unpack_next(struct unpack *u, struct unpack_member *m, struct err *e)
{
    if (u->ended)
        return 0;
    locale_t before = u->utf8 ? uselocale(u->utf8) : (locale_t)0;
    int r = next_member(u, m, e);
    if (before)
        (void)uselocale(before);
    return r;
}

/* Bytes of the archive that what came out so far was made from. */
static uint64_t bytes_in(const struct unpack *u)
{
    /* A directory at the end is read first, and members may lie anywhere. */
    return u->kind == UNPACK_ZIP || u->kind == UNPACK_7Z ? u->in->size : u->got;
}

static int check_limits(const struct unpack *u, struct err *e)
{
    const struct input_limits *l = &u->in->limits;
    if (l->max_bytes && u->out > l->max_bytes)
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the limit of %llu bytes",
                       u->in->uri, (unsigned long long)l->max_bytes);
    if (l->max_ratio && u->out > RATIO_FROM &&
        u->out / l->max_ratio > bytes_in(u))
        return err_set(e, ERR_DATA,
                       "'%s' decompresses to more than the limit of %llu times "
                       "its size",
                       u->in->uri, (unsigned long long)l->max_ratio);
    return 0;
}

/* Up to the limit bytes are given: the one beyond it is asked for alone. */
static size_t within_limit(const struct unpack *u, size_t n)
{
    uint64_t max = u->in->limits.max_bytes;
    uint64_t left = max > u->out ? max - u->out : 1;
    return max && n > left ? (size_t)left : n;
}

ssize_t unpack_read(void *up, void *buf, size_t n, struct err *e)
{
    struct unpack *u = up;
    const struct libarchive *api = u->api;
    if (api->entry_is_encrypted(u->entry))
        return err_set(e, ERR_DATA, "member '%s' of '%s' is encrypted",
                       api->entry_pathname(u->entry), u->in->uri);
    la_ssize_t r = api->read_data(u->a, buf, within_limit(u, n));
    /* A warning here is a wrong checksum. */
    if (r < 0)
        return fail(u, e);
    u->out += (uint64_t)r;
    u->member_out += (uint64_t)r;
    if (r > 0)
        return check_limits(u, e) ? -1 : r;
    int64_t size = api->entry_size(u->entry);
    if (api->entry_size_is_set(u->entry) && u->member_out != (uint64_t)size)
        return corrupt(u, "a member is shorter than it says", e);
    return 0;
}

void unpack_close(struct unpack *u)
{
    if (!u)
        return;
    if (u->a)
        (void)u->api->read_free(u->a);
    if (u->utf8)
        freelocale(u->utf8);
    free(u);
}
