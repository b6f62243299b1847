/* Any bytes as CSV, TSV, NDJSON or JSON: records are JSON objects within the
 * limit, raw bytes are those of the input at the offset told, items come in
 * order, and nothing of it depends on how the bytes arrive. The first byte
 * chooses the format, and whether columns are typed, quotes count and the
 * first row is a header; with its highest bit the second byte chooses what else
 * there is: fixed widths, log lines, records inside documents, dialects,
 * encodings. */
#include "fuzz.h"
#include "base/hash.h"
#include "json/check.h"
#include "json/path.h"
#include "json/utf8.h"
#include "source/source.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_RECORD 64

/* All of the bytes at once. */
static int from_memory(const char *p, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* Packets, of which read gives one at a time. */
static int from_packets(const char *p, size_t n, size_t step)
{
    int fds[2];
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    for (size_t i = 0; i < n; i += step) {
        size_t k = n - i < step ? n - i : step;
        MUST(send(fds[0], p + i, k, MSG_DONTWAIT) == (ssize_t)k);
    }
    close(fds[0]);
    return fds[1];
}

static void check_records(struct str text, size_t count)
{
    struct json_fault fault;
    MUST(count > 0);
    for (; text.n; count--) {
        const char *lf = memchr(text.p, '\n', text.n);
        MUST(lf && count > 0);
        size_t n = (size_t)(lf - text.p);
        MUST(json_check_object((struct str){ text.p, n }, 256, &fault) == 0);
        MUST(n <= MAX_RECORD);
        text.p += n + 1;
        text.n -= n + 1;
    }
    MUST(count == 0);
}

static void check_item(const struct source_item *item, struct str all,
                       uint64_t *last)
{
    struct json_fault fault;
    MUST(item->offset >= *last && item->offset + item->raw.n <= all.n);
    *last = item->offset + item->raw.n;
    MUST(item->raw.n == 0 ||
         memcmp(item->raw.p, all.p + item->offset, item->raw.n) == 0);
    MUST(item->line >= 1);
    MUST(item->raw.n <= MAX_RECORD || item->kind == SOURCE_RECORDS);
    switch (item->kind) {
    case SOURCE_RECORDS: check_records(item->text, item->count); break;
    case SOURCE_RECORD:
        MUST(json_check_object(item->text, 256, &fault) == 0);
        MUST(item->text.n <= MAX_RECORD);
        MUST(!memchr(item->text.p, '\n', item->text.n));
        break;
    case SOURCE_UNCHECKED:
        MUST(str_eq(item->text, item->raw) && item->text.n <= MAX_RECORD);
        break;
    case SOURCE_REJECT:
        MUST(item->n_faults >= 1);
        for (size_t i = 0; i < item->n_faults; i++)
            MUST(item->faults[i].code && item->faults[i].message.n > 0 &&
                 utf8_valid(item->faults[i].message));
        break;
    }
}

/* What is said of an item. How many records come in one item depends on how
 * the bytes arrive; that each of them is right is fuzz target csv's to say. */
static void say_item(struct buf *said, const struct source_item *item)
{
    if (item->kind == SOURCE_RECORDS) {
        buf_add_str(said, item->text);
        return;
    }
    if (item->kind != SOURCE_RECORD)
        buf_addf(said, "%d %llu %llu %s", (int)item->kind,
                 (unsigned long long)item->line,
                 (unsigned long long)item->offset,
                 item->n_faults ? item->faults[0].code : "");
    buf_add_str(said, item->text);
    if (item->kind == SOURCE_RECORD)
        buf_addc(said, '\n');
    else
        buf_add_str(said, item->raw);
}

/* Reads all items; returns a hash of all that was said about them. */
static uint64_t read_items(int fd, const struct source_opts *opts,
                           struct str all)
{
    struct source *s = NULL;
    struct source_item item;
    struct input in;
    struct err e = { 0 };
    struct buf said = { 0 };
    uint64_t last = 0;
    input_fd(&in, fd, "fuzz");
    in.owned = true;
    in.limits.max_bytes = 1 << 20;
    int r = source_open(&s, &in, opts, &e) == 0 ? 1 : -1;
    while (r > 0 && (r = source_next(s, &item, &e)) > 0) {
        if (!input_is_compressed(&in) && !opts->encoding)
            check_item(&item, all, &last);
        say_item(&said, &item);
    }
    MUST(r == 0 || e.code == ERR_DATA);
    /* How far corrupt compression gets depends on how it arrives. */
    if (r < 0 && (input_is_compressed(&in) || opts->encoding))
        buf_reset(&said);
    else
        buf_addf(&said, "%d %s", r, e.msg);
    source_close(s);
    input_close(&in);
    uint64_t hash = hash64(buf_str(&said));
    buf_free(&said);
    return hash;
}

/* What the second byte chooses. */
static void choose_more(struct source_opts *o, uint8_t byte)
{
    static const struct source_width widths[] = { { { "a", 1 }, 2 },
                                                  { { "", 0 }, 1 },
                                                  { { "b", 1 }, 3 },
                                                  { { "c", 1 }, 0 } };
    static const char *const encodings[] = { "UTF-16", "UTF-16LE", "SHIFT_JIS",
                                             "ISO-2022-JP" };
    static struct path path;
    struct err e = { 0 };

    if (path.n == 0)
        MUST(path_parse(&path, STR("a.b[1]"), &e) == 0);
    o->format = NULL;
    o->skip = byte >> 6 & 1;
    o->comment = byte & 128 ? '#' : '\0';
    switch (byte & 7) {
    case 0:
    case 1:
        o->widths = widths;
        o->n_widths = byte & 1 ? 4 : 3;
        break;
    case 2:
    case 3:
        o->regex = byte & 8 ? "(?<a>[0-9]+)(?: (?<b>x*))?" : "syslog";
        o->multiline = byte & 1 ? "^[0-9]" : NULL;
        break;
    case 4: o->records = &path; break;
    case 5: o->csv.escape = '\\'; break;
    case 6: o->csv.detect = SOURCE_DETECT_AUTO; break;
    default: o->encoding = encodings[byte >> 3 & 3];
    }
    bool csv = (byte & 7) > 4;
    if (csv)
        o->format = "csv";
    if (o->records) {
        o->skip = 0;
        o->comment = '\0';
    }
    if (!csv)
        o->csv = (struct source_csv){ 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct types types;
    struct err e = { 0 };
    if (n < 1)
        return 0;
    if (types.n == 0)
        MUST(types_parse(&types, "a=integer,b=number,c=boolean", &e) == 0);
    for (size_t i = 0; i < types.n; i++)
        types.entries[i].required = false;
    struct source_opts opts = {
        .format = data[0] & 4 ? NULL : source_formats[data[0] & 3],
        .csv = { .no_header = data[0] & 8, .no_quote = data[0] & 16 },
        .types = data[0] & 32 ? &types : NULL,
        .max_record = MAX_RECORD,
        .max_depth = 256,
    };
    size_t used = data[0] & 128 && n > 1 ? 2 : 1;
    if (used == 2)
        choose_more(&opts, data[1]);
    struct str all = { (const char *)data + used, n - used };
    /* Parquet is for a library, and for files alone. */
    if (!opts.format && all.n >= 4 && memcmp(all.p, "PAR1", 4) == 0)
        return 0;
    uint64_t whole = read_items(from_memory(all.p, all.n), &opts, all);
    if (all.n <= 150) {
        size_t step = data[0] & 64 ? 3 : 1;
        int fd = from_packets(all.p, all.n, step);
        MUST(read_items(fd, &opts, all) == whole);
    }
    return 0;
}
