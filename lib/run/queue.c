#include "run/queue.h"

#include "json/check.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_MS 10000
#define DIGITS 12
#define NUMBER "%012" PRIu64
#define NUMBER_MAX 999999999999U
#define DAMAGED "damaged-"

int queue_path(const struct queue *q, char path[QUEUE_PATH], struct err *e,
               const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(path, QUEUE_PATH, "%s/", q->dir);
    int m = 0;
    va_start(ap, fmt);
    if (n > 0 && n < QUEUE_PATH)
        m = vsnprintf(path + n, QUEUE_PATH - (size_t)n, fmt, ap);
    va_end(ap);
    return m > 0 && n + m < QUEUE_PATH ? 0
                                       : err_sys(e, ERR_CANTCREAT, ENAMETOOLONG,
                                                 "cannot use '%s'", q->dir);
}

static int sync_dir(const struct queue *q, struct err *e)
{
    int fd = open(q->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -1 : fsync(fd);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    return r == 0 || saved == EINVAL /* file systems that cannot */
               ? 0
               : err_sys(e, ERR_IO, saved, "cannot sync '%s'", q->dir);
}

/* ---- the lock */

int queue_lock(struct queue *q, struct err *e)
{
    char path[QUEUE_PATH];
    if (queue_path(q, path, e, "lock"))
        return -1;
    q->lock = state_lock(path, LOCK_MS, NULL, NULL, e);
    if (q->lock != -2)
        return q->lock < 0 ? -1 : 0;
    q->lock = -1;
    return err_set(e, ERR_TEMPFAIL, "cannot lock '%s': it is held for long",
                   path);
}

void queue_unlock(struct queue *q)
{
    if (q->lock >= 0)
        close(q->lock);
    q->lock = -1;
}

/* ---- what killed processes left */

/* A name of ours: prefix, so many characters, suffix. */
static bool is_like(const char *name, const char *prefix, size_t n,
                    const char *suffix)
{
    size_t p = strlen(prefix), s = strlen(suffix);
    return strlen(name) == p + n + s && strncmp(name, prefix, p) == 0 &&
           strcmp(name + p + n, suffix) == 0;
}

/* The number that DIGITS characters are; 0: they are none. */
static uint64_t number_of(const char *digits)
{
    uint64_t v = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        v = v * 10 + (uint64_t)(digits[i] - '0');
    }
    return v;
}

static bool is_abandoned(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

static int drop(const char *path, struct err *e)
{
    return unlink(path) == 0 || errno == ENOENT
               ? 0
               : err_sys(e, ERR_IO, errno, "cannot remove '%s'", path);
}

/* NUMBER<suffix>. */
static bool is_numbered(const char *name, const char *suffix)
{
    return is_like(name, "", DIGITS, suffix) && number_of(name) != 0;
}

/* Records that were never added, and texts whose records are not there. */
static bool is_left(const struct queue *q, const char *name)
{
    char path[QUEUE_PATH];
    struct err ignored;
    if (is_like(name, ".incoming-", 6, ""))
        return queue_path(q, path, &ignored, "%s", name) == 0 &&
               is_abandoned(path);
    /* Temporary ones are written with the lock held, which we have. */
    if (is_like(name, ".", DIGITS + strlen(".json.XXXXXX"), ""))
        return number_of(name + 1) &&
               strncmp(name + 1 + DIGITS, ".json.", 6) == 0;
    return is_numbered(name, ".json") &&
           queue_path(q, path, &ignored, NUMBER ".ndjson", number_of(name)) ==
               0 &&
           access(path, F_OK) != 0 && errno == ENOENT;
}

static int sweep_one(const struct queue *q, const char *name, struct err *e)
{
    char path[QUEUE_PATH];
    if (!is_left(q, name))
        return 0;
    return queue_path(q, path, e, "%s", name) || drop(path, e) ? -1 : 0;
}

static DIR *open_dir(const struct queue *q, struct err *e)
{
    DIR *d = opendir(q->dir);
    if (!d)
        err_sys(e, ERR_IO, errno, "cannot read '%s'", q->dir);
    return d;
}

static int sweep(struct queue *q, struct err *e)
{
    if (queue_lock(q, e))
        return -1;
    DIR *d = open_dir(q, e);
    struct dirent *entry;
    int r = d ? 0 : -1;
    while (r == 0 && (entry = readdir(d)) != NULL)
        r = sweep_one(q, entry->d_name, e);
    if (d)
        closedir(d);
    queue_unlock(q);
    return r;
}

int queue_open(struct queue *q, const char *dir, bool make, struct err *e)
{
    struct stat st;
    *q = (struct queue){ .dir = dir, .lock = -1, .fd = -1 };
    if (make ? state_folder(dir, e) != 0 : stat(dir, &st) != 0)
        return make ? -1
                    : err_sys(e, ERR_IO, errno, "cannot open the spool '%s'",
                              dir);
    return sweep(q, e);
}

void queue_close(struct queue *q)
{
    if (q->incoming[0])
        (void)unlink(q->incoming);
    q->incoming[0] = '\0';
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
    queue_unlock(q);
}

/* ---- batches */

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Adds one. */
static int push(uint64_t **numbers, size_t *n, size_t *cap, uint64_t number,
                struct err *e)
{
    if (*n == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        uint64_t *grown = realloc(*numbers, more * sizeof(*grown));
        if (!grown)
            return err_nomem(e);
        *numbers = grown;
        *cap = more;
    }
    (*numbers)[(*n)++] = number;
    return 0;
}

int queue_list(const struct queue *q, uint64_t **numbers, size_t *n,
               struct err *e)
{
    DIR *d = open_dir(q, e);
    struct dirent *entry;
    size_t cap = 0;
    int r = d ? 0 : -1;
    *numbers = NULL;
    *n = 0;
    while (r == 0 && (entry = readdir(d)) != NULL)
        if (is_numbered(entry->d_name, ".ndjson"))
            r = push(numbers, n, &cap, number_of(entry->d_name), e);
    if (d)
        closedir(d);
    if (r) {
        free(*numbers);
        *numbers = NULL;
        *n = 0;
    } else if (*n) {
        qsort(*numbers, *n, sizeof(**numbers), compare);
    }
    return r;
}

int queue_about(const struct queue *q, uint64_t number, struct buf *about,
                struct err *e)
{
    char path[QUEUE_PATH];
    struct json_fault fault;
    if (queue_path(q, path, e, NUMBER ".json", number))
        return -1;
    int r = state_read(path, QUEUE_ABOUT_MAX, about, e);
    if (r == 1 && json_check_object(buf_str(about), 8, &fault))
        r = err_set(e, ERR_DATA, "'%s' is no JSON object", path);
    return r;
}

int queue_incoming(struct queue *q, struct err *e)
{
    if (queue_lock(q, e) || queue_path(q, q->incoming, e, ".incoming-XXXXXX"))
        return -1;
    /* Locked before anybody else can sweep it. */
    q->fd = mkostemp(q->incoming, O_CLOEXEC);
    int r = 0;
    if (q->fd < 0) {
        q->incoming[0] = '\0';
        r = err_sys(e, ERR_CANTCREAT, errno, "cannot create a file in '%s'",
                    q->dir);
    } else if (flock(q->fd, LOCK_EX | LOCK_NB) != 0) {
        r = err_sys(e, ERR_IO, errno, "cannot lock '%s'", q->incoming);
    }
    queue_unlock(q);
    return r;
}

/* Behind all that wait, and all that were set aside. */
static int next_number(const struct queue *q, uint64_t *number, struct err *e)
{
    DIR *d = open_dir(q, e);
    struct dirent *entry;
    uint64_t last = 0;
    if (!d)
        return -1;
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (strncmp(name, DAMAGED, strlen(DAMAGED)) == 0)
            name += strlen(DAMAGED);
        uint64_t seen =
            is_numbered(name, ".ndjson") || is_numbered(name, ".json")
                ? number_of(name)
                : 0;
        last = seen > last ? seen : last;
    }
    closedir(d);
    *number = last + 1;
    return *number <= NUMBER_MAX
               ? 0
               : err_set(e, ERR_CANTCREAT, "cannot add to '%s': no number left",
                         q->dir);
}

/* The names of a batch's two files. */
static int names(const struct queue *q, const char *prefix, uint64_t number,
                 char json[QUEUE_PATH], char records[QUEUE_PATH], struct err *e)
{
    return queue_path(q, json, e, "%s" NUMBER ".json", prefix, number) ||
                   queue_path(q, records, e, "%s" NUMBER ".ndjson", prefix,
                              number)
               ? -1
               : 0;
}

int queue_add(struct queue *q, struct str about, uint64_t *number,
              struct err *e)
{
    char records[QUEUE_PATH], json[QUEUE_PATH];
    if (fsync(q->fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot sync '%s'", q->incoming);
    if (next_number(q, number, e) || names(q, "", *number, json, records, e))
        return -1;
    int r = state_write(json, about, e);
    if (r == 0 && rename(q->incoming, records) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot rename '%s'", q->incoming);
    if (r == 0) {
        q->incoming[0] = '\0';
        r = sync_dir(q, e);
    }
    if (r) { /* it may be there, but not for sure on the disk */
        (void)unlink(records);
        (void)unlink(json);
    }
    return r;
}

int queue_remove(struct queue *q, uint64_t number, struct err *e)
{
    char records[QUEUE_PATH], json[QUEUE_PATH];
    if (names(q, "", number, json, records, e) || queue_lock(q, e))
        return -1;
    int r = drop(records, e) || sync_dir(q, e) || drop(json, e) ? -1 : 0;
    queue_unlock(q);
    return r;
}

static int move(const char *from, const char *to, struct err *e)
{
    return rename(from, to) == 0 || errno == ENOENT
               ? 0
               : err_sys(e, ERR_IO, errno, "cannot rename '%s'", from);
}

int queue_set_aside(struct queue *q, uint64_t number, struct err *e)
{
    char records[QUEUE_PATH], json[QUEUE_PATH];
    char to_records[QUEUE_PATH], to_json[QUEUE_PATH];
    if (names(q, "", number, json, records, e) ||
        names(q, DAMAGED, number, to_json, to_records, e) || queue_lock(q, e))
        return -1;
    /* A .json without records would be swept. */
    int r =
        move(json, to_json, e) || move(records, to_records, e) || sync_dir(q, e)
            ? -1
            : 0;
    queue_unlock(q);
    return r;
}
