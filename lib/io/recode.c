#include "io/recode.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A character that the input so far holds a part of, and shift sequences
 * before it. */
#define PART_MAX 64

/* Where there is less room than any character needs it goes here first. */
#define SPILL 64

struct recoder {
    iconv_t cd;
    const char *encoding, *uri; /* borrowed */
    size_t unit;                /* bytes of the smallest character */
    uint64_t taken;             /* bytes that became UTF-8 so far */
    bool shifted;               /* the last state was put out */
    char *at;
    size_t left; /* bytes at `at`, not yet converted */
    char spill[SPILL];
    size_t spill_at, spill_n; /* what is left of it */
    char room[PART_MAX + RECODE_ROOM];
};

static size_t unit_of(const char *encoding)
{
    if (strncasecmp(encoding, "UTF-16", 6) == 0 ||
        strncasecmp(encoding, "UTF16", 5) == 0 ||
        strncasecmp(encoding, "UCS-2", 5) == 0 ||
        strncasecmp(encoding, "UCS2", 4) == 0)
        return 2;
    if (strncasecmp(encoding, "UTF-32", 6) == 0 ||
        strncasecmp(encoding, "UTF32", 5) == 0 ||
        strncasecmp(encoding, "UCS-4", 5) == 0 ||
        strncasecmp(encoding, "UCS4", 4) == 0)
        return 4;
    return 1;
}

int recoder_new(struct recoder **rp, const char *encoding, const char *uri,
                struct err *e)
{
    /* A '/' would bring "//IGNORE" and with it silent loss; the empty name is
     * that of the locale. */
    bool good = *encoding && !strchr(encoding, '/');
    iconv_t cd = good ? iconv_open("UTF-8", encoding) : (iconv_t)-1;

    if (cd == (iconv_t)-1 && good && errno == ENOMEM)
        return err_nomem(e);
    if (cd == (iconv_t)-1)
        return err_set(e, ERR_USAGE,
                       "no encoding '%s' is known here (iconv -l lists them)",
                       encoding);
    struct recoder *r = malloc(sizeof(*r));
    if (!r) {
        iconv_close(cd);
        return err_nomem(e);
    }
    r->cd = cd;
    r->encoding = encoding;
    r->uri = uri;
    r->unit = unit_of(encoding);
    r->taken = 0;
    r->shifted = false;
    r->at = r->room + PART_MAX;
    r->left = 0;
    r->spill_at = r->spill_n = 0;
    *rp = r;
    return 0;
}

void recoder_free(struct recoder *r)
{
    if (!r)
        return;
    iconv_close(r->cd);
    free(r);
}

/* What is left, a part of a character, comes to stand in front of the room. */
void *recoder_room(struct recoder *r)
{
    char *room = r->room + PART_MAX;

    if (r->left)
        memmove(room - r->left, r->at, r->left);
    r->at = room - r->left;
    return room;
}

void recoder_feed(struct recoder *r, size_t n)
{
    r->left += n;
}

static int truncated(const struct recoder *r, struct err *e)
{
    return err_set(e, ERR_DATA,
                   "'%s' is truncated: it ends inside a character of %s, at "
                   "byte %llu",
                   r->uri, r->encoding, (unsigned long long)r->taken);
}

/* Puts out bytes that are no character: those of one unit, or what there is of
 * it. */
static void mark_bad(struct recoder *r, char **out, size_t *space)
{
    size_t n = r->unit < r->left ? r->unit : r->left;

    for (size_t i = 0; i < n; i++) {
        *(*out)++ = '\xff';
        *(*out)++ = *r->at++;
    }
    *space -= 2 * n;
    r->left -= n;
    r->taken += n;
}

/* Some encodings hold a character back until they know what follows. */
static void put_last(struct recoder *r, char **out, size_t *space)
{
    if (!r->shifted)
        iconv(r->cd, NULL, NULL, out, space);
    r->shifted = true;
}

/* recoder_read with room for SPILL bytes at least. */
static ssize_t convert(struct recoder *r, char *buf, size_t n, bool last,
                       struct err *e)
{
    char *out = buf;
    size_t space = n;

    while (r->left > 0 && space >= SPILL / 2) {
        char *from = r->at;
        size_t got = iconv(r->cd, &r->at, &r->left, &out, &space);
        int why = got == (size_t)-1 ? errno : 0;
        r->taken += (uint64_t)(r->at - from);
        if (why == E2BIG && out > buf)
            break;
        if (why == EINVAL && r->left < PART_MAX) {
            if (last && out == buf)
                return truncated(r, e);
            break;
        }
        if (why != 0)
            mark_bad(r, &out, &space);
    }
    if (r->left == 0 && last && space >= SPILL / 2)
        put_last(r, &out, &space);
    return out - buf;
}

ssize_t recoder_read(struct recoder *r, void *buf, size_t n, bool last,
                     struct err *e)
{
    if (r->spill_n == 0 && n >= SPILL)
        return convert(r, buf, n, last, e);
    if (r->spill_n == 0) {
        ssize_t got = convert(r, r->spill, SPILL, last, e);
        if (got <= 0)
            return got;
        r->spill_at = 0;
        r->spill_n = (size_t)got;
    }
    if (n > r->spill_n)
        n = r->spill_n;
    memcpy(buf, r->spill + r->spill_at, n);
    r->spill_at += n;
    r->spill_n -= n;
    return (ssize_t)n;
}
