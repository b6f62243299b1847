#include "cache.h"

#include "json/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "{\"pipe_join_cache\":1,"

int cache_open(struct cache *c, const char *path, uint64_t ttl_ms,
               const char *uri, struct str query, struct err *e)
{
    c->path = path;
    c->ttl_ms = ttl_ms;
    c->out.fd = -1;
    buf_addz(&c->head, MARK "\"uri\":");
    json_quote(&c->head, str_of(uri));
    buf_addz(&c->head, ",\"query\":");
    json_quote(&c->head, query);
    return buf_addz(&c->head, "}\n") ? err_nomem(e) : 0;
}

static uint64_t age_ms(const struct cache *c)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (now.tv_sec - c->written.tv_sec) * 1000 +
                 (now.tv_nsec - c->written.tv_nsec) / 1000000;
    return ms < 0 ? UINT64_MAX : (uint64_t)ms; /* from the future: old */
}

/* Reads as much of the file as its first line should have. */
static ssize_t read_head(int fd, char *to, size_t n)
{
    size_t at = 0;
    while (at < n) {
        ssize_t got = read(fd, to + at, n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static int judge(struct cache *c, int fd, enum cache_state *state,
                 struct err *e)
{
    struct stat st;
    char *head = malloc(c->head.n);
    ssize_t n = head ? read_head(fd, head, c->head.n) : 0;
    bool ours =
        n >= (ssize_t)strlen(MARK) && memcmp(head, MARK, strlen(MARK)) == 0;
    bool same =
        n == (ssize_t)c->head.n && memcmp(head, c->head.p, c->head.n) == 0;
    free(head);
    if (!head)
        return err_nomem(e);
    if (n < 0 || fstat(fd, &st))
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", c->path);
    if (n && !ours)
        return err_set(e, ERR_CANTCREAT,
                       "'%s' is no cache of pipe-join: it is left alone",
                       c->path);
    c->written = st.st_mtim;
    if (same)
        *state =
            age_ms(c) <= c->ttl_ms && c->ttl_ms ? CACHE_FRESH : CACHE_STALE;
    return 0;
}

int cache_look(struct cache *c, enum cache_state *state, struct err *e)
{
    *state = CACHE_NONE;
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", c->path);
    int r = judge(c, fd, state, e);
    close(fd);
    return r;
}

int cache_begin(struct cache *c, struct err *e)
{
    return output_file(&c->out, c->path, e) ||
                   output_write(&c->out, buf_str(&c->head), e)
               ? -1
               : 0;
}

int cache_add(struct cache *c, struct str record, struct err *e)
{
    return output_write(&c->out, record, e) ||
                   output_write(&c->out, STR("\n"), e)
               ? -1
               : 0;
}

int cache_commit(struct cache *c, struct err *e)
{
    return output_commit(&c->out, e);
}

void cache_age(const struct cache *c, char *out, size_t size)
{
    unsigned long long s = age_ms(c) / 1000;
    if (s < 120)
        snprintf(out, size, "%llu s", s);
    else if (s < 7200)
        snprintf(out, size, "%llu min", s / 60);
    else
        snprintf(out, size, "%llu h", s / 3600);
}

void cache_close(struct cache *c)
{
    buf_free(&c->head);
    output_close(&c->out);
}
