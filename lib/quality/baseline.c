#include "quality/baseline.h"

#include "base/date.h"
#include "io/output.h"
#include "json/check.h"
#include "json/value.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file */

static int read_file(int fd, const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    out->max = BASELINE_BYTES_MAX + 1;
    if (fstat(fd, &st) != 0)
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CONFIG, "'%s' is no file", path);
    for (;;) {
        if (out->n > BASELINE_BYTES_MAX)
            return err_set(e, ERR_CONFIG,
                           "baseline '%s' is larger than %zu bytes", path,
                           BASELINE_BYTES_MAX);
        size_t want = BASELINE_BYTES_MAX + 1 - out->n;
        if (buf_reserve(out, want < 65536 ? want : 65536))
            return err_nomem(e);
        size_t room = out->cap - out->n;
        ssize_t n = pread(fd, out->p + out->n, room < want ? room : want,
                          (off_t)out->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
        if (n == 0)
            return 0;
        out->n += (size_t)n;
    }
}

/* The member as characters, "" where it is no string. */
static int text_of(struct val object, struct str key, struct buf *out,
                   struct str *text)
{
    struct val v = json_get(object, key);
    *text = STR("");
    return v.type == JSON_STRING ? json_string(v, out, text) : 0;
}

/* Is the line an entry of this very run? 1, 0, or -1 without memory. */
static int is_own(const struct baseline *b, struct str line)
{
    struct buf scratch = { 0 };
    struct val run = json_val(line);
    struct str date, id;
    int r = text_of(run, STR("date"), &scratch, &date);
    if (r == 0 && (date.n || b->date.p)) {
        r = b->date.p && str_eq(date, b->date);
    } else if (r == 0) {
        r = text_of(run, STR("run_id"), &scratch, &id);
        if (r == 0)
            r = str_eq(id, b->run_id);
    }
    buf_free(&scratch);
    return r;
}

static bool is_run(struct str line)
{
    struct json_fault f;
    return json_check_object(line, JSON_DEPTH_DEFAULT, &f) == 0 &&
           str_eq(json_get(json_val(line), STR("v")).raw, STR("1")) &&
           json_get(json_val(line), STR("measures")).type == JSON_OBJECT;
}

static int keep_line(struct baseline *b, struct str line, struct err *e)
{
    struct str copy = arena_dup(&b->text, line);
    struct str *runs = realloc(b->runs, (b->n + 1) * sizeof(*runs));
    if (runs)
        b->runs = runs;
    if (!runs || !copy.p)
        return err_nomem(e);
    runs[b->n++] = copy;
    return 0;
}

/* Takes the entries of other runs. */
static int take_lines(struct baseline *b, struct str text, struct err *e)
{
    arena_reset(&b->text);
    b->n = 0;
    for (unsigned long number = 1; text.n; number++) {
        const char *lf = memchr(text.p, '\n', text.n);
        struct str line = { text.p, lf ? (size_t)(lf - text.p) : text.n };
        size_t n = line.n + (lf != NULL);
        if (!is_run(line))
            return err_set(e, ERR_CONFIG,
                           "baseline '%s' cannot be used: line %lu is no run",
                           b->path, number);
        int own = is_own(b, line);
        if (own < 0)
            return err_nomem(e);
        if (!own && keep_line(b, line, e))
            return -1;
        text = (struct str){ text.p + n, text.n - n };
    }
    return 0;
}

static int take_file(struct baseline *b, int fd, struct err *e)
{
    struct buf text = { 0 };
    int r = read_file(fd, b->path, &text, e);
    if (r == 0)
        r = take_lines(b, buf_str(&text), e);
    buf_free(&text);
    return r;
}

static int open_file(const struct baseline *b, struct err *e)
{
    int fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        err_sys(e, ERR_CANTCREAT, errno, "cannot keep a baseline in '%s'",
                b->path);
    return fd;
}

/* Its entry in the folder will be replaced. */
static int check_folder(const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    int bad = access(dirname(copy), W_OK | X_OK) != 0 ? errno : 0;
    free(copy);
    return bad ? err_sys(e, ERR_CANTCREAT, bad,
                         "cannot replace the baseline '%s'", path)
               : 0;
}

int baseline_open(struct baseline *b, const char *path, struct err *e)
{
    b->text = (struct arena){ .max = 2 * BASELINE_BYTES_MAX };
    b->runs = NULL;
    b->n = 0;
    b->path = strdup(path);
    if (!b->path)
        return err_nomem(e);
    int fd = open_file(b, e);
    if (fd < 0)
        return -1;
    int r = take_file(b, fd, e);
    close(fd);
    return r ? -1 : check_folder(path, e);
}

void baseline_free(struct baseline *b)
{
    free(b->path);
    free(b->runs);
    arena_free(&b->text);
    *b = (struct baseline){ 0 };
}

/* ---- medians */

static int by_value(const void *a, const void *b)
{
    return decimal_cmp(a, b);
}

/* The middle one of n sorted numbers, or what lies between the middle two. */
static int middle(const struct decimal *v, size_t n, struct decimal *median)
{
    static const struct decimal two = { .small = 2 };
    if (n % 2)
        return decimal_copy(median, &v[n / 2]);
    int r = decimal_add(median, &v[n / 2 - 1], &v[n / 2]);
    return r ? r : decimal_div(median, median, &two);
}

int baseline_median(const struct baseline *b, struct str label,
                    struct decimal *median, size_t *runs, struct err *e)
{
    struct decimal *v = calloc(b->n + 1, sizeof(*v));
    size_t n = 0;
    int r = v ? 0 : -1;
    for (size_t i = b->n; r != -1 && i-- > 0 && n < b->keep;) {
        struct val m = json_get(json_val(b->runs[i]), STR("measures"));
        m = json_get(m, label);
        if (m.type != JSON_NUMBER)
            continue;
        r = decimal_parse(&v[n], m.raw);
        n += r == 0;
    }
    if (n)
        qsort(v, n, sizeof(*v), by_value);
    if (r != -1 && n)
        r = middle(v, n, median);
    for (size_t i = 0; v && i < n; i++)
        decimal_free(&v[i]);
    free(v);
    *runs = r == -2 ? 0 : n; /* out of range: as if there were none */
    return r == -1 ? err_nomem(e) : 0;
}

/* ---- adding */

/* Locks the file that is at the path: while we waited, another process may
 * have put a new one there. Returns its descriptor, or -1 with e. */
static int lock_file(const struct baseline *b, struct err *e)
{
    for (;;) {
        struct stat ours, there;
        int fd = open_file(b, e);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX) != 0) {
            int saved = errno;
            close(fd);
            return saved == EINTR
                       ? err_set(e, ERR_TEMPFAIL, "interrupted")
                       : err_sys(e, ERR_IO, saved, "cannot lock '%s'", b->path);
        }
        if (fstat(fd, &ours) == 0 && stat(b->path, &there) == 0 &&
            ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
            return fd;
        close(fd);
    }
}

static int add_entry(const struct baseline *b, struct str measures,
                     struct buf *out)
{
    buf_addz(out, "{\"v\":1,");
    if (b->date.p) {
        buf_addz(out, "\"date\":");
        json_quote(out, b->date);
        buf_addc(out, ',');
    }
    buf_addz(out, "\"run_id\":");
    json_quote(out, b->run_id);
    buf_addz(out, ",\"ts\":\"");
    time_format(out, time_now());
    buf_addz(out, "\",\"measures\":{");
    buf_add_str(out, measures);
    return buf_addz(out, "}}\n");
}

static int replace_file(const struct baseline *b, struct str text,
                        struct err *e)
{
    struct output out;
    if (output_file(&out, b->path, e))
        return -1;
    int r = output_write(&out, text, e) || output_commit(&out, e) ? -1 : 0;
    output_close(&out);
    return r;
}

int baseline_add(struct baseline *b, struct str measures, struct err *e)
{
    struct buf text = { .max = 2 * BASELINE_BYTES_MAX };
    int fd = lock_file(b, e);
    if (fd < 0)
        return -1;
    int r = take_file(b, fd, e);
    size_t first = b->n + 1 > b->keep ? b->n + 1 - b->keep : 0;
    for (size_t i = first; i < b->n; i++) {
        buf_add_str(&text, b->runs[i]);
        buf_addc(&text, '\n');
    }
    if (r == 0 && add_entry(b, measures, &text))
        r = err_nomem(e);
    if (r == 0)
        r = replace_file(b, buf_str(&text), e);
    buf_free(&text);
    close(fd); /* and with it the lock */
    return r;
}
