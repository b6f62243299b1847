#include "base/zone.h"

#include "base/date.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY 86400
#define FILE_MAX ((size_t)1 << 20) /* the largest of tzdata has 4 KiB */
#define ZONES_MAX 2000             /* tzdata has 600 names */
#define NAME_MAX_BYTES 100

/* A day of the year on which a rule changes the offset. */
struct change {
    char kind; /* 'M': week and weekday of a month; 'J': day 1 to 365 without
                  February 29; '0': day 0 to 365 with it */
    int month, week, day;
    int32_t seconds; /* of local time, -167 to 167 hours */
};

/* The POSIX TZ rule that holds after the last transition of the file. */
struct rule {
    bool given, has_dst;
    int32_t standard, daylight; /* offsets, east positive */
    struct change start, end;
};

struct zone {
    struct zone *next;
    char name[NAME_MAX_BYTES + 1];
    size_t n;        /* transitions */
    int64_t *at;     /* owned: when */
    int32_t *offset; /* owned: what holds from then on */
    int32_t first;   /* what holds before the first */
    struct rule rule;
};

/* ---- the footer rule: std offset [dst [offset] [,start[/time],end[/time]]] */

static bool skip_name(const char **p)
{
    const char *s = *p;
    if (*s == '<') {
        s = strchr(s, '>');
        if (!s)
            return false;
        *p = s + 1;
        return true;
    }
    while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z'))
        s++;
    bool ok = s - *p >= 3;
    *p = s;
    return ok;
}

static bool read_number(const char **p, int max, int *v)
{
    const char *s = *p;
    *v = 0;
    while (*s >= '0' && *s <= '9' && *v <= max)
        *v = *v * 10 + (*s++ - '0');
    bool ok = s > *p && *v <= max;
    *p = s;
    return ok;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **p, int32_t *seconds)
{
    int h, m = 0, s = 0;
    bool neg = **p == '-';
    if (**p == '-' || **p == '+')
        ++*p;
    if (!read_number(p, 167, &h))
        return false;
    if (**p == ':') {
        ++*p;
        if (!read_number(p, 59, &m))
            return false;
        if (**p == ':') {
            ++*p;
            if (!read_number(p, 59, &s))
                return false;
        }
    }
    *seconds = h * 3600 + m * 60 + s;
    if (neg)
        *seconds = -*seconds;
    return true;
}

static bool read_change(const char **p, struct change *c)
{
    *c = (struct change){ .kind = '0', .seconds = 7200 };
    if (*(*p)++ != ',')
        return false;
    if (**p == 'M') {
        ++*p;
        c->kind = 'M';
        if (!read_number(p, 12, &c->month) || c->month == 0 || *(*p)++ != '.' ||
            !read_number(p, 5, &c->week) || c->week == 0 || *(*p)++ != '.' ||
            !read_number(p, 6, &c->day))
            return false;
    } else {
        if (**p == 'J') {
            ++*p;
            c->kind = 'J';
        }
        if (!read_number(p, 365, &c->day) || (c->kind == 'J' && !c->day))
            return false;
    }
    if (**p != '/')
        return true;
    ++*p;
    return read_time(p, &c->seconds);
}

static bool read_rule(const char *p, struct rule *r)
{
    *r = (struct rule){ .given = true };
    if (!skip_name(&p) || !read_time(&p, &r->standard))
        return false;
    r->standard = -r->standard; /* POSIX counts west of Greenwich */
    if (*p == '\0')
        return true;
    r->has_dst = true;
    r->daylight = r->standard + 3600;
    if (!skip_name(&p))
        return false;
    if (*p && *p != ',') {
        if (!read_time(&p, &r->daylight))
            return false;
        r->daylight = -r->daylight;
    }
    if (*p == '\0')
        p = ",M3.2.0,M11.1.0";
    return read_change(&p, &r->start) && read_change(&p, &r->end) && *p == '\0';
}

static bool is_leap(int y)
{
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

/* Local seconds at which the change comes in a year. */
static int64_t change_in(const struct change *c, int year)
{
    int64_t day;
    if (c->kind == 'M') {
        int64_t first = date_days(year, c->month, 1);
        int64_t next = c->month == 12 ? date_days(year + 1, 1, 1)
                                      : date_days(year, c->month + 1, 1);
        int weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01: 4 */
        day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
        while (day >= next)
            day -= 7;
    } else {
        day = date_days(year, 1, 1) + c->day;
        if (c->kind == 'J')
            day -= !(is_leap(year) && c->day >= 60);
    }
    return day * DAY + c->seconds;
}

static int32_t rule_offset(const struct rule *r, int64_t at)
{
    if (!r->has_dst)
        return r->standard;
    int64_t local = at + r->standard;
    int year, month, day;
    date_civil(local / DAY - (local % DAY < 0), &year, &month, &day);
    /* The latest change at or before `at`; changes may be some days outside
     * their year. */
    int64_t best = INT64_MIN;
    int32_t offset = r->standard;
    for (int y = year - 1; y <= year + 1; y++) {
        int64_t on = change_in(&r->start, y) - r->standard;
        int64_t off = change_in(&r->end, y) - r->daylight;
        if (off <= at && off > best) {
            best = off;
            offset = r->standard;
        }
        if (on <= at && on >= best) { /* no standard time between: all DST */
            best = on;
            offset = r->daylight;
        }
    }
    return offset;
}

/* ---- TZif */

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static int64_t be_time(const unsigned char *p, size_t width)
{
    if (width == 4)
        return (int32_t)be32(p);
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct header {
    unsigned char version;
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_header(const unsigned char *p, size_t n, struct header *h)
{
    if (n < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    h->version = p[4];
    h->isut = be32(p + 20);
    h->isstd = be32(p + 24);
    h->leap = be32(p + 28);
    h->time = be32(p + 32);
    h->type = be32(p + 36);
    h->chars = be32(p + 40);
    /* Files that count leap seconds ("right/...") are not for UTC times. */
    return h->isut < FILE_MAX && h->isstd < FILE_MAX && h->leap == 0 &&
           h->time < FILE_MAX && h->type > 0 && h->type <= 256 &&
           h->chars < FILE_MAX;
}

static size_t block_size(const struct header *h, size_t width)
{
    return h->time * (width + 1) + h->type * 6 + h->chars +
           h->leap * (width + 4) + h->isstd + h->isut;
}

/* Reads the transitions of a data block that is known to be whole. */
static bool read_block(struct zone *z, const unsigned char *p,
                       const struct header *h, size_t width)
{
    const unsigned char *index = p + h->time * width;
    const unsigned char *types = index + h->time;
    z->n = h->time;
    z->at = malloc((z->n + 1) * sizeof(*z->at));
    z->offset = malloc((z->n + 1) * sizeof(*z->offset));
    if (!z->at || !z->offset)
        return false;
    z->first = (int32_t)be32(types);
    for (size_t i = 0; i < z->n; i++) {
        if (index[i] >= h->type)
            return false;
        z->at[i] = be_time(p + i * width, width);
        z->offset[i] = (int32_t)be32(types + (size_t)index[i] * 6);
        if (i && z->at[i] <= z->at[i - 1])
            return false;
    }
    return true;
}

static bool read_footer(struct zone *z, const unsigned char *p, size_t n)
{
    const unsigned char *end;
    if (n < 2 || *p++ != '\n' || !(end = memchr(p, '\n', n - 1)))
        return false;
    char text[100];
    size_t len = (size_t)(end - p);
    if (len >= sizeof(text) || memchr(p, '\0', len))
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    return len == 0 || read_rule(text, &z->rule);
}

static bool offsets_sane(const struct zone *z)
{
    bool ok = abs(z->first) <= 26 * 3600;
    for (size_t i = 0; i < z->n; i++)
        ok = ok && z->offset[i] >= -26 * 3600 && z->offset[i] <= 26 * 3600;
    return ok;
}

static bool read_tzif(struct zone *z, const unsigned char *p, size_t n)
{
    struct header h;
    if (!read_header(p, n, &h) || n - 44 < block_size(&h, 4))
        return false;
    if (h.version == 0)
        return read_block(z, p + 44, &h, 4) && offsets_sane(z);
    size_t skip = 44 + block_size(&h, 4);
    p += skip;
    n -= skip;
    if (!read_header(p, n, &h) || n - 44 < block_size(&h, 8))
        return false;
    skip = 44 + block_size(&h, 8);
    return read_block(z, p + 44, &h, 8) && offsets_sane(z) &&
           read_footer(z, p + skip, n - skip);
}

/* ---- files and cache */

/* Names as tzdata has them: nothing that leaves its folder. */
static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_BYTES || name[0] == '/' || strstr(name, ".."))
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789_+-/.") == n;
}

static size_t read_whole(const char *path, unsigned char *p, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size_t n = 0;
    ssize_t r;
    while (n < cap && (r = read(fd, p + n, cap - n)) > 0)
        n += (size_t)r;
    close(fd);
    return n;
}

static void zone_free(struct zone *z)
{
    if (!z)
        return;
    free(z->at);
    free(z->offset);
    free(z);
}

static struct zone *zone_load(const char *name)
{
    const char *dir = getenv("TZDIR");
    char path[4096];
    if (!dir || !*dir)
        dir = "/usr/share/zoneinfo";
    if (strlen(dir) + strlen(name) + 2 > sizeof(path))
        return NULL;
    strcpy(path, dir);
    strcat(path, "/");
    strcat(path, name);

    struct zone *z = calloc(1, sizeof(*z));
    unsigned char *bytes = malloc(FILE_MAX);
    bool ok = false;
    if (z && bytes) {
        strcpy(z->name, name);
        ok = read_tzif(z, bytes, read_whole(path, bytes, FILE_MAX));
        if (!ok && strcmp(name, "UTC") == 0) {
            z->n = 0;
            z->first = 0;
            ok = true;
        }
    }
    free(bytes);
    if (ok)
        return z;
    zone_free(z);
    return NULL;
}

const struct zone *zone_find(const char *name)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct zone *zones;
    static int count;
    static _Thread_local const struct zone *last;
    if (last && strcmp(last->name, name) == 0)
        return last;
    if (!name_ok(name))
        return NULL;
    pthread_mutex_lock(&lock);
    struct zone *z = zones;
    while (z && strcmp(z->name, name) != 0)
        z = z->next;
    if (!z && count < ZONES_MAX && (z = zone_load(name)) != NULL) {
        z->next = zones;
        zones = z;
        count++;
    }
    pthread_mutex_unlock(&lock);
    if (z)
        last = z;
    return z;
}

/* ---- offsets */

int32_t zone_offset(const struct zone *z, int64_t at)
{
    if (z->n == 0 || at < z->at[0])
        return z->n == 0 && z->rule.given ? rule_offset(&z->rule, at)
                                          : z->first;
    if (at >= z->at[z->n - 1])
        return z->rule.given ? rule_offset(&z->rule, at) : z->offset[z->n - 1];
    size_t low = 0, high = z->n - 1; /* at[low] <= at < at[high] */
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (z->at[mid] <= at)
            low = mid;
        else
            high = mid;
    }
    return z->offset[low];
}

int64_t zone_instant(const struct zone *z, int64_t local, bool first_after)
{
    /* The instant lies within a day of this guess, and no zone changes its
     * offset twice in two days. */
    int64_t guess = local - zone_offset(z, local);
    int64_t low = guess - DAY, high = guess + DAY;
    int32_t before = zone_offset(z, low), after = zone_offset(z, high);
    if (zone_offset(z, local - before) == before)
        return local - before;
    if (zone_offset(z, local - after) == after)
        return local - after;
    if (!first_after)
        return local - before;
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (zone_offset(z, mid) == before)
            low = mid;
        else
            high = mid;
    }
    return high;
}
