/* Unit tests of unpack and unfilter: archives that libarchive itself wrote,
 * whole, cut at every byte, and damaged. */
#include "base/buf.h"
#include "io/unfilter.h"
#include "io/unpack.h"
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- writing */

static struct {
    __typeof__(archive_write_new) *create;
    __typeof__(archive_write_free) *release;
    __typeof__(archive_write_open_memory) *open_memory;
    __typeof__(archive_write_close) *close;
    __typeof__(archive_write_header) *header;
    __typeof__(archive_write_data) *data;
    __typeof__(archive_write_set_format_by_name) *format;
    __typeof__(archive_write_add_filter_by_name) *filter;
    __typeof__(archive_write_set_bytes_in_last_block) *last_block;
    __typeof__(archive_write_set_options) *options;
    __typeof__(archive_write_set_passphrase) *passphrase;
    __typeof__(archive_entry_new) *entry_new;
    __typeof__(archive_entry_free) *entry_free;
    __typeof__(archive_entry_set_pathname) *set_name;
    __typeof__(archive_entry_set_size) *set_size;
    __typeof__(archive_entry_set_filetype) *set_type;
    __typeof__(archive_entry_set_perm) *set_perm;
    __typeof__(archive_entry_set_hardlink) *set_hardlink;
    __typeof__(archive_entry_set_symlink) *set_symlink;
} w;

/* The package of the headers brings the library. */
__attribute__((constructor)) static void load_writer(void)
{
    static const struct {
        const char *name;
        void *to;
    } all[] = {
        { "archive_write_new", &w.create },
        { "archive_write_free", &w.release },
        { "archive_write_open_memory", &w.open_memory },
        { "archive_write_close", &w.close },
        { "archive_write_header", &w.header },
        { "archive_write_data", &w.data },
        { "archive_write_set_format_by_name", &w.format },
        { "archive_write_add_filter_by_name", &w.filter },
        { "archive_write_set_bytes_in_last_block", &w.last_block },
        { "archive_write_set_options", &w.options },
        { "archive_write_set_passphrase", &w.passphrase },
        { "archive_entry_new", &w.entry_new },
        { "archive_entry_free", &w.entry_free },
        { "archive_entry_set_pathname", &w.set_name },
        { "archive_entry_set_size", &w.set_size },
        { "archive_entry_set_filetype", &w.set_type },
        { "archive_entry_set_perm", &w.set_perm },
        { "archive_entry_set_hardlink", &w.set_hardlink },
        { "archive_entry_set_symlink", &w.set_symlink },
    };
    void *library = dlopen("libarchive.so.13", RTLD_NOW);
    for (size_t i = 0; library && i < sizeof(all) / sizeof(all[0]); i++) {
        void *symbol = dlsym(library, all[i].name);
        memcpy(all[i].to, &symbol, sizeof(symbol));
    }
    if (!library)
        puts("Bail out! libarchive is not installed"), exit(69);
}

struct file {
    const char *name, *text;
    unsigned type; /* 0: a regular file */
    const char *link;
};

static void put(struct archive *a, const struct file *f)
{
    struct archive_entry *entry = w.entry_new();
    w.set_name(entry, f->name);
    w.set_type(entry, f->type ? f->type : AE_IFREG);
    w.set_perm(entry, 0644);
    w.set_size(entry, f->type ? 0 : (la_int64_t)strlen(f->text));
    if (f->type == AE_IFLNK)
        w.set_symlink(entry, f->link);
    else if (f->link)
        w.set_hardlink(entry, f->link);
    CHECK(w.header(a, entry) == ARCHIVE_OK);
    if (!f->type && *f->text)
        CHECK(w.data(a, f->text, strlen(f->text)) > 0);
    w.entry_free(entry);
}

static char made[1 << 20];

/* An archive of the files (NULL-terminated by name), in `made`. */
static size_t make(const char *format, const char *filter, const char *options,
                   const struct file *files)
{
    size_t n = 0;
    struct archive *a = w.create();
    CHECK(w.format(a, format) == ARCHIVE_OK);
    if (filter)
        CHECK(w.filter(a, filter) == ARCHIVE_OK);
    if (options)
        CHECK(w.options(a, options) == ARCHIVE_OK);
    w.last_block(a, 1);
    CHECK(w.open_memory(a, made, sizeof(made), &n) == ARCHIVE_OK);
    for (; files->name; files++)
        put(a, files);
    CHECK(w.close(a) == ARCHIVE_OK);
    w.release(a);
    return n;
}

/* ---- reading */

static struct input_limits limits;

/* What an input holds, as "NAME=TEXT;" a member, or "TEXT" where it is no
 * archive; "!CODE" where it fails. */
static void read_input(struct input *in, struct buf *out, struct err *e)
{
    struct unpack *u = NULL;
    struct unpack_member m;
    struct str head;
    char block[1000];
    ssize_t n;
    int r = input_peek(in, UNPACK_HEAD, &head, e);
    enum unpack_kind kind = r ? UNPACK_NONE : unpack_sniff(head);
    if (r == 0 && kind == UNPACK_NONE) {
        while ((n = input_read(in, block, sizeof(block), e)) > 0)
            buf_add(out, block, (size_t)n);
    } else if (r == 0 && unpack_open(&u, kind, in, e) == 0) {
        while ((r = unpack_next(u, &m, e)) > 0) {
            buf_addf(out, "%s=", m.name.p);
            while ((n = unpack_read(u, block, sizeof(block), e)) > 0)
                buf_add(out, block, (size_t)n);
            buf_addc(out, ';');
            if (n < 0)
                break;
        }
    }
    unpack_close(u);
}

static struct err last;

static const char *read_bytes(const char *p, size_t size)
{
    static struct buf out;
    struct input in, plain = { .fd = -1 };
    struct unfilter *f = NULL;
    struct str head;
    struct err e = { 0 };
    int fd = memfd_create("archive", MFD_CLOEXEC);
    buf_reset(&out);
    CHECK(write(fd, p, size) == (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    input_fd(&in, fd, "t");
    in.owned = true;
    in.limits = limits;
    int r = input_peek(&in, UNFILTER_HEAD, &head, &e);
    if (r == 0 && unfilter_sniff(head)) {
        if (unfilter_open(&f, &in, &e) == 0) {
            input_reader(&plain, unfilter_read, f, 0, "t");
            read_input(&plain, &out, &e);
        }
    } else if (r == 0) {
        read_input(&in, &out, &e);
    }
    input_close(&plain);
    unfilter_close(f);
    input_close(&in);
    if (e.code)
        buf_addf(&out, "!%d", (int)e.code);
    last = e;
    return buf_z(&out);
}

/* Text that does not compress to nothing. */
static const char *long_text(void)
{
    static char text[3000];
    unsigned v = 1;
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        v = v * 1103515245u + 12345u;
        text[i] = "0123456789,\nabcdef"[v >> 16 & 15];
    }
    return text;
}

static const struct file two[] = { { "a.csv", "id\n1\n", 0, NULL },
                                   { "dir", "", AE_IFDIR, NULL },
                                   { "dir/b.csv", "id\n2\n", 0, NULL },
                                   { "l", "", AE_IFLNK, "a.csv" },
                                   { "empty", "", 0, NULL },
                                   { NULL, NULL, 0, NULL } };

static const struct {
    const char *format, *filter, *options;
} kinds[] = {
    { "pax", NULL, NULL },
    { "gnutar", NULL, NULL },
    { "ustar", "gzip", NULL },
    { "ustar", "zstd", NULL },
    { "ustar", "bzip2", NULL },
    { "ustar", "xz", NULL },
    { "ustar", "lz4", NULL },
    { "newc", NULL, NULL },
    { "odc", "gzip", NULL },
    { "zip", NULL, NULL },
    { "7zip", NULL, NULL },
    { "zip", NULL, "zip:zip64" },
    { "zip", NULL, "zip:compression=store" },
    { "7zip", NULL, "7zip:compression=store" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

TEST("regular files come in the order of the archive, whatever its format")
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t n =
            make(kinds[i].format, kinds[i].filter, kinds[i].options, two);
        const char *got = read_bytes(made, n);
        /* 7z keeps files without bytes apart. */
        if (strcmp(kinds[i].format, "7zip") == 0)
            CHECK(strstr(got, "a.csv=id\n1\n;") &&
                  strstr(got, "dir/b.csv=id\n2\n;") && !strchr(got, '!'));
        else
            CHECK_STR(got, "a.csv=id\n1\n;dir/b.csv=id\n2\n;empty=;");
    }
}

TEST("an archive cut at any byte is never whole")
{
    const struct file files[] = { { "a.csv", "id\n1\n", 0, NULL },
                                  { "b.csv", long_text(), 0, NULL },
                                  { NULL, NULL, 0, NULL } };
    for (size_t i = 0; i < KINDS; i++) {
        size_t n =
            make(kinds[i].format, kinds[i].filter, kinds[i].options, files);
        CHECK(!strchr(read_bytes(made, n), '!'));
        /* What is read as one: behind the first bytes. */
        for (size_t cut = UNPACK_HEAD; cut < n; cut++) {
            const char *got = read_bytes(made, cut);
            if (!strstr(got, "!65")) {
                printf("# %s %s: %zu of %zu bytes are taken for whole\n",
                       kinds[i].format,
                       kinds[i].filter ? kinds[i].filter : "plain", cut, n);
                CHECK(false);
                break;
            }
        }
    }
}

TEST("a byte that changed in the data of a member is noticed")
{
    static const char *const formats[][2] = {
        { "zip", "zip:compression=store" }, { "7zip", NULL }
    };
    const struct file one[] = { { "a.csv", long_text(), 0, NULL },
                                { NULL, NULL, 0, NULL } };
    for (size_t i = 0; i < 2; i++) {
        size_t n = make(formats[i][0], NULL, formats[i][1], one);
        for (size_t at = 100; at < 1700; at += 97) {
            made[at] ^= 1;
            CHECK(strstr(read_bytes(made, n), "!65") != NULL);
            made[at] ^= 1;
        }
    }
}

TEST("a tar without its end, or with data behind it, is refused")
{
    size_t n = make("ustar", NULL, NULL, two);
    CHECK(!strchr(read_bytes(made, n), '!'));
    CHECK(strstr(read_bytes(made, n - 512), "!65"));
    CHECK(strstr(read_bytes(made, n - 1024), "!65"));
    memset(made + n, 0, 10240);
    CHECK(!strchr(read_bytes(made, n + 10240), '!'));
    /* Two in a row: the second one must not be lost in silence. */
    memcpy(made + n, made, n);
    CHECK(strstr(read_bytes(made, 2 * n), "!65"));
    CHECK(strstr(last.msg, "data follows the end") != NULL);
}

TEST("zeros at the end of a member are not the end of a tar")
{
    struct archive_entry *entry = w.entry_new();
    struct archive *a = w.create();
    static const char zeros[2048];
    size_t n = 0;
    w.format(a, "ustar");
    w.last_block(a, 1);
    w.open_memory(a, made, sizeof(made), &n);
    w.set_name(entry, "zeros");
    w.set_type(entry, AE_IFREG);
    w.set_size(entry, sizeof(zeros));
    w.header(a, entry);
    w.data(a, zeros, sizeof(zeros));
    w.close(a);
    w.release(a);
    w.entry_free(entry);
    CHECK(!strchr(read_bytes(made, n), '!'));
    CHECK(last.code == 0);
    read_bytes(made, n - 1024);
    CHECK(last.code == ERR_DATA);
}

TEST("a zip that was cut behind a zip inside it is not taken for that one")
{
    size_t inner_n = make("zip", NULL, "zip:compression=store", two);
    char *inner = malloc(inner_n);
    memcpy(inner, made, inner_n);
    struct archive_entry *entry = w.entry_new();
    struct archive *a = w.create();
    size_t n = 0;
    w.format(a, "zip");
    w.options(a, "zip:compression=store");
    w.last_block(a, 1);
    w.open_memory(a, made, sizeof(made), &n);
    w.set_name(entry, "inner.zip");
    w.set_type(entry, AE_IFREG);
    w.set_size(entry, (la_int64_t)inner_n);
    w.header(a, entry);
    w.data(a, inner, inner_n);
    w.close(a);
    w.release(a);
    w.entry_free(entry);
    CHECK(!strstr(read_bytes(made, n), "!65"));
    for (size_t cut = UNPACK_HEAD; cut < n; cut++)
        CHECK(strstr(read_bytes(made, cut), "!65") != NULL);
    free(inner);
}

TEST("an encrypted member fails with its name")
{
    struct archive *a = w.create();
    size_t n = 0;
    w.format(a, "zip");
    CHECK(w.options(a, "zip:encryption=traditional") == ARCHIVE_OK);
    CHECK(w.passphrase(a, "secret") == ARCHIVE_OK);
    w.open_memory(a, made, sizeof(made), &n);
    put(a, &two[0]);
    w.close(a);
    w.release(a);
    CHECK_STR(read_bytes(made, n), "a.csv=;!65");
    CHECK_STR(last.msg, "member 'a.csv' of 't' is encrypted");
}

TEST("more bytes than the limits allow are never given")
{
    static char zeros[500000];
    memset(zeros, '0', sizeof(zeros) - 1);
    const struct file four[] = { { "a", zeros, 0, NULL },
                                 { "b", zeros, 0, NULL },
                                 { "c", zeros, 0, NULL },
                                 { NULL, NULL, 0, NULL } };
    static const char *const bombs[][2] = { { "zip", NULL },
                                            { "7zip", NULL },
                                            { "ustar", "gzip" },
                                            { "ustar", "bzip2" } };
    for (size_t i = 0; i < 4; i++) {
        size_t n = make(bombs[i][0], bombs[i][1], NULL, four);
        CHECK(!strchr(read_bytes(made, n), '!'));
        limits.max_bytes = 600000;
        CHECK(strlen(read_bytes(made, n)) < 600100);
        CHECK(last.code == ERR_DATA && strstr(last.msg, "600000 bytes"));
        limits = (struct input_limits){ .max_ratio = 5 };
        read_bytes(made, n);
        CHECK(last.code == ERR_DATA && strstr(last.msg, "5 times its size"));
        limits = (struct input_limits){ 0 };
    }
}

TEST("names that are not ASCII come byte for byte")
{
    const struct file odd[] = { { "d/\xc3\xa9\xe2\x82\xac.csv", "x", 0, NULL },
                                { "tab\tesc\x1b.csv", "y", 0, NULL },
                                { NULL, NULL, 0, NULL } };
    static const char *const formats[] = { "gnutar", "zip", "newc" };
    for (size_t i = 0; i < 3; i++)
        CHECK_STR(read_bytes(made, make(formats[i], NULL, NULL, odd)),
                  "d/\xc3\xa9\xe2\x82\xac.csv=x;tab\tesc\x1b.csv=y;");
}

TEST("what is skipped does not hinder what follows")
{
    size_t n = make("zip", NULL, NULL, two);
    int fd = memfd_create("archive", MFD_CLOEXEC);
    struct input in;
    struct unpack *u;
    struct unpack_member m;
    struct err e = { 0 };
    char block[100];
    CHECK(write(fd, made, n) == (ssize_t)n);
    input_fd(&in, fd, "t");
    in.owned = true;
    CHECK(unpack_open(&u, UNPACK_ZIP, &in, &e) == 0);
    CHECK(unpack_next(u, &m, &e) == 1);
    CHECK(unpack_next(u, &m, &e) == 1);
    CHECK_STR(m.name.p, "dir/b.csv");
    CHECK(unpack_read(u, block, 3, &e) == 3);
    CHECK(unpack_next(u, &m, &e) == 1);
    CHECK(unpack_next(u, &m, &e) == 0);
    CHECK(unpack_next(u, &m, &e) == 0);
    unpack_close(u);
    input_close(&in);
}

TEST("names promise what begins with other bytes")
{
    CHECK(unpack_by_name(STR("x.tar")) == UNPACK_TAR);
    CHECK(unpack_by_name(STR("d/x.TAR.GZ")) == UNPACK_TAR);
    CHECK(unpack_by_name(STR("x.tgz")) == UNPACK_TAR);
    CHECK(unpack_by_name(STR("x.tar.xz")) == UNPACK_TAR);
    CHECK(unpack_by_name(STR("x.zip")) == UNPACK_ZIP);
    CHECK(unpack_by_name(STR("x.7z")) == UNPACK_7Z);
    CHECK(unpack_by_name(STR("x.cpio.gz")) == UNPACK_CPIO);
    CHECK(unpack_by_name(STR("x.csv.gz")) == UNPACK_NONE);
    CHECK(unpack_by_name(STR("x.gz")) == UNPACK_NONE);
    CHECK(unpack_by_name(STR("tar")) == UNPACK_NONE);
}

UNIT_MAIN
