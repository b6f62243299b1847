#include "run/breaker.h"

#include "base/seed.h"
#include "json/check.h"
#include "json/value.h"
#include "run/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATE_MAX 4096
#define LOCK_MS 10000

/* What the file holds. Closed: until and token are 0. Open: token is 0. Half
 * open: token is the lease's, until its end. */
struct state {
    char boot[40];
    uint64_t failures;
    bool open;
    int64_t until_ms;
    uint64_t token;
};

/* ---- the file */

static bool number(struct val object, struct str key, uint64_t *v)
{
    char digits[24];
    struct str s = json_get(object, key).raw;
    if (s.n == 0 || s.n >= sizeof(digits) || s.p[0] < '0' || s.p[0] > '9')
        return false;
    memcpy(digits, s.p, s.n);
    digits[s.n] = '\0';
    char *end;
    *v = strtoull(digits, &end, 10);
    return *end == '\0';
}

static int parse(struct state *s, const struct breaker *b, struct str text,
                 struct err *e)
{
    struct json_fault fault;
    uint64_t until;
    struct val v = json_val(text);
    struct val boot = json_get(v, STR("boot"));
    struct val open = json_get(v, STR("open"));
    if (json_check_object(text, 8, &fault) ||
        !number(v, STR("failures"), &s->failures) ||
        !number(v, STR("until_ms"), &until) || until > INT64_MAX ||
        !number(v, STR("token"), &s->token) || boot.type != JSON_STRING ||
        boot.raw.n > sizeof(s->boot) ||
        (open.type != JSON_TRUE && open.type != JSON_FALSE))
        return err_set(e, ERR_CONFIG,
                       "state of the breaker '%s' makes no sense; remove '%s' "
                       "to close it",
                       b->name, b->path);
    s->until_ms = (int64_t)until;
    s->open = open.type == JSON_TRUE;
    memcpy(s->boot, boot.raw.p + 1, boot.raw.n - 2);
    s->boot[boot.raw.n - 2] = '\0';
    return 0;
}

static int load(struct state *s, const struct breaker *b,
                const struct clock_boot *now, struct err *e)
{
    struct buf text = { .max = STATE_MAX };
    *s = (struct state){ 0 };
    int r = state_read(b->path, STATE_MAX, &text, e);
    if (r == 1 && parse(s, b, buf_str(&text), e))
        r = -1;
    if (strcmp(s->boot, now->id) != 0)
        s->until_ms = 0; /* times of another boot are over */
    buf_free(&text);
    return r < 0 ? -1 : 0;
}

static int store(const struct state *s, const struct breaker *b,
                 const struct clock_boot *now, struct err *e)
{
    struct buf text = { .max = STATE_MAX };
    buf_addf(&text,
             "{\"boot\":\"%s\",\"open\":%s,\"failures\":%" PRIu64
             ",\"until_ms\":%" PRId64 ",\"token\":%" PRIu64 "}\n",
             now->id, s->open ? "true" : "false", s->failures, s->until_ms,
             s->token);
    int r =
        text.failed ? err_nomem(e) : state_write(b->path, buf_str(&text), e);
    buf_free(&text);
    return r;
}

static int lock(const struct breaker *b, struct err *e)
{
    struct buf path = { .max = 65536 };
    buf_addf(&path, "%s.lock", b->path);
    const char *z = buf_z(&path);
    int fd = z ? state_lock(z, LOCK_MS, NULL, NULL, e) : err_nomem(e);
    if (fd == -2)
        fd = err_set(e, ERR_TEMPFAIL, "cannot lock '%s': it is held for long",
                     z);
    buf_free(&path);
    return fd;
}

/* Locks and reads. Returns the lock's descriptor, or -1. */
static int open_state(struct breaker *b, struct state *s,
                      struct clock_boot *now, struct err *e)
{
    int fd = lock(b, e);
    if (fd < 0)
        return -1;
    *now = b->now();
    if (load(s, b, now, e) == 0)
        return fd;
    close(fd);
    return -1;
}

/* ---- the three moves */

/* "42s", "5m" and such, rounded up. */
static void span(char out[24], int64_t ms)
{
    int64_t s = ms <= 0 ? 1 : (ms + 999) / 1000;
    if (s < 120)
        snprintf(out, 24, "%" PRId64 "s", s);
    else if (s < 7200)
        snprintf(out, 24, "%" PRId64 "m", (s + 59) / 60);
    else
        snprintf(out, 24, "%" PRId64 "h", (s + 3599) / 3600);
}

static int refuse(const struct breaker *b, const struct state *s,
                  const struct clock_boot *now, struct err *e)
{
    char when[24];
    span(when, s->until_ms - now->ms);
    if (s->token)
        return err_set(e, ERR_UNAVAILABLE,
                       "breaker '%s' is half open: another run tries, its "
                       "lease ends in %s",
                       b->name, when);
    return err_set(e, ERR_UNAVAILABLE,
                   "breaker '%s' is open after %" PRIu64
                   " failures: the next try is in %s",
                   b->name, s->failures, when);
}

int breaker_enter(struct breaker *b, struct err *e)
{
    struct clock_boot now;
    struct state s;
    b->token = 0;
    int fd = open_state(b, &s, &now, e);
    if (fd < 0)
        return -1;
    int r = 0;
    if (s.open && s.until_ms > now.ms) {
        r = refuse(b, &s, &now, e);
    } else if (s.open) {
        static unsigned n;
        s.token = seed(0x62726561 + n++) | 1;
        s.until_ms = now.ms + (int64_t)b->lease_ms;
        r = store(&s, b, &now, e);
        if (r == 0)
            b->token = s.token;
    }
    close(fd);
    return r;
}

int breaker_renew(struct breaker *b, struct err *e)
{
    struct clock_boot now;
    struct state s;
    if (!b->token)
        return 0;
    int fd = open_state(b, &s, &now, e);
    if (fd < 0)
        return -1;
    int r = 0;
    if (s.token == b->token) {
        s.until_ms = now.ms + (int64_t)b->lease_ms;
        r = store(&s, b, &now, e);
    }
    close(fd);
    return r;
}

int breaker_leave(struct breaker *b, enum breaker_result result, bool *opened,
                  struct err *e)
{
    struct clock_boot now;
    struct state s;
    int fd = open_state(b, &s, &now, e);
    if (fd < 0)
        return -1;
    bool ours = b->token != 0 && s.token == b->token;
    bool was_closed = !s.open && s.failures == 0;
    if (result == BREAKER_GOOD) {
        s = (struct state){ 0 };
    } else if (result == BREAKER_BAD && s.open && !ours) {
        /* Began before it opened, or its lease ran out: others know more. */
    } else if (result == BREAKER_BAD) {
        s.failures++;
        s.token = 0;
        s.open = s.open || s.failures >= b->failures;
        s.until_ms = s.open ? now.ms + (int64_t)b->reset_ms : 0;
    } else if (ours) {
        s.token = 0; /* nothing was learnt: let the next one try at once */
        s.until_ms = 0;
    }
    b->token = 0;
    *opened = s.open;
    /* Nothing to write while all goes well. */
    int r =
        was_closed && !s.open && s.failures == 0 ? 0 : store(&s, b, &now, e);
    close(fd);
    return r;
}
