#include "sink/backlog.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

/* A record in the file: a byte of flags and numbers of seven bits a byte, the
 * least significant first; behind them the texts that are nowhere else. Line
 * and offset count from the record before, and from 0 every BACKLOG_STEP. */
enum {
    OP = 3,          /* enum sink_op */
    PART = 4,        /* text is not all of raw, but within it... */
    OWN_TEXT = 8,    /* ...or on its own */
    OLD_KEY = 16,    /* there is one, within raw... */
    OWN_KEY = 32,    /* ...or on its own */
    AT = 64,         /* there is one */
    ELSEWHERE = 128, /* raw is in the input */
};

#define HEAD_MAX (1 + 8 * 10 + 4)

struct head {
    unsigned flags;
    uint64_t line, offset, raw, text_at, text, key_at, key, at;
    uint32_t hash; /* of raw, if that is elsewhere */
};

int backlog_open(struct backlog *b, const struct sink_spec *spec, struct err *e)
{
    *b = (struct backlog){ .input = spec->input,
                           .input_from = spec->input_from };
    if (spool_open(&b->spool, spec->tmpdir, e))
        return -1;
    b->open = true;
    return 0;
}

/* ---- heads ---- */

static char *put(char *p, uint64_t v)
{
    for (; v > 127; v >>= 7)
        *p++ = (char)(v | 128);
    *p++ = (char)v;
    return p;
}

static const char *take(const char *p, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char c = (unsigned char)*p++;
        *v |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return p;
    }
}

static size_t write_head(const struct head *h, char out[HEAD_MAX])
{
    char *p = out;
    *p++ = (char)h->flags;
    p = put(put(put(p, h->line), h->offset), h->raw);
    if (h->flags & (PART | OWN_TEXT))
        p = put(put(p, h->text_at), h->text);
    if (h->flags & (OLD_KEY | OWN_KEY))
        p = put(put(p, h->key_at), h->key);
    if (h->flags & AT)
        p = put(p, h->at);
    if (h->flags & ELSEWHERE) {
        memcpy(p, &h->hash, sizeof(h->hash));
        p += sizeof(h->hash);
    }
    return (size_t)(p - out);
}

static size_t read_head(struct head *h, const char *from)
{
    const char *p = from;
    *h = (struct head){ .flags = (unsigned char)*p++ };
    p = take(take(take(p, &h->line), &h->offset), &h->raw);
    h->text = h->raw;
    if (h->flags & (PART | OWN_TEXT))
        p = take(take(p, &h->text_at), &h->text);
    if (h->flags & (OLD_KEY | OWN_KEY))
        p = take(take(p, &h->key_at), &h->key);
    if (h->flags & AT)
        p = take(p, &h->at);
    if (h->flags & ELSEWHERE) {
        memcpy(&h->hash, p, sizeof(h->hash));
        p += sizeof(h->hash);
    }
    return (size_t)(p - from);
}

/* ---- adding ---- */

static bool is_within(struct str raw, struct str part)
{
    return part.p >= raw.p && part.p + part.n <= raw.p + raw.n;
}

static uint32_t hash_of(struct str raw)
{
    return (uint32_t)hash64(raw);
}

static int note_place(struct backlog *b, struct err *e)
{
    size_t i = (size_t)(b->n / BACKLOG_STEP);
    if (b->n % BACKLOG_STEP)
        return 0;
    if (i == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 1024;
        uint64_t *grown = realloc(b->places, cap * sizeof(*grown));
        if (!grown)
            return err_nomem(e);
        b->places = grown;
        b->cap = cap;
    }
    b->places[i] = b->spool.at;
    b->line = b->offset = 0;
    return 0;
}

static struct head head_of(const struct backlog *b, const struct sink_record *r)
{
    struct head h = { .flags = r->op,
                      .line = r->line - b->line,
                      .offset = r->offset - b->offset,
                      .raw = r->raw.n,
                      .text = r->text.n,
                      .key = r->old_key.n,
                      .at = r->at.n };
    if (!is_within(r->raw, r->text)) {
        h.flags |= OWN_TEXT;
    } else if (r->text.n != r->raw.n) {
        h.flags |= PART;
        h.text_at = (uint64_t)(r->text.p - r->raw.p);
    }
    if (r->old_key.n && is_within(r->raw, r->old_key)) {
        h.flags |= OLD_KEY;
        h.key_at = (uint64_t)(r->old_key.p - r->raw.p);
    } else if (r->old_key.n) {
        h.flags |= OWN_KEY;
    }
    if (r->at.n)
        h.flags |= AT;
    if (b->input >= 0) {
        h.flags |= ELSEWHERE;
        h.hash = hash_of(r->raw);
    }
    return h;
}

static int add_text(struct backlog *b, struct str text, struct err *e)
{
    b->spool.at += text.n;
    return output_write(&b->spool.out, text, e);
}

int backlog_add(struct backlog *b, const struct sink_record *r, struct err *e)
{
    char out[HEAD_MAX];
    if (note_place(b, e))
        return -1;
    struct head h = head_of(b, r);
    size_t n = write_head(&h, out);
    if (add_text(b, (struct str){ out, n }, e) ||
        (!(h.flags & ELSEWHERE) && add_text(b, r->raw, e)) ||
        (h.flags & OWN_TEXT && add_text(b, r->text, e)) ||
        (h.flags & OWN_KEY && add_text(b, r->old_key, e)) ||
        (h.flags & AT && add_text(b, r->at, e)))
        return -1;
    b->line = r->line;
    b->offset = r->offset;
    b->n++;
    return 0;
}

/* ---- getting ---- */

/* Has n bytes of a file from place on in the block. */
static const char *want(struct backlog_block *k, int fd, uint64_t place,
                        size_t n, struct err *e)
{
    struct buf *bytes = &k->bytes;
    if (place >= k->from && place + n <= k->from + bytes->n)
        return bytes->p + (place - k->from);
    buf_reset(bytes);
    k->from = place;
    if (buf_reserve(bytes, n > BLOCK ? n : BLOCK)) {
        err_nomem(e);
        return NULL;
    }
    while (bytes->n < n) {
        ssize_t got = pread(fd, bytes->p + bytes->n, bytes->cap - bytes->n,
                            (off_t)(place + bytes->n));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            err_sys(e, ERR_IO, got ? errno : EIO,
                    "cannot read the records again");
            return NULL;
        }
        bytes->n += (size_t)got;
    }
    return bytes->p;
}

static const char *from_input(struct backlog *b, const struct head *h,
                              struct err *e)
{
    const char *p = want(&b->input_block, b->input,
                         b->input_from + b->next_offset, h->raw, e);
    if (!p || hash_of((struct str){ p, h->raw }) == h->hash)
        return p;
    err_set(e, ERR_IO, "the input has changed while it was loaded");
    return NULL;
}

/* The head of the next record and its size, with line and offset counted from
 * 0; *size is of all of it. */
static const char *next_head(struct backlog *b, struct head *h, size_t *size,
                             struct err *e)
{
    uint64_t left = b->spool.at - b->at;
    const char *p = want(&b->block, b->spool.fd, b->at,
                         left < HEAD_MAX ? (size_t)left : HEAD_MAX, e);
    if (!p)
        return NULL;
    size_t n = read_head(h, p);
    *size = n + (h->flags & ELSEWHERE ? 0 : h->raw) +
            (h->flags & OWN_TEXT ? h->text : 0) +
            (h->flags & OWN_KEY ? h->key : 0) + h->at;
    if (b->next % BACKLOG_STEP == 0)
        b->next_line = b->next_offset = 0;
    b->next_line += h->line;
    b->next_offset += h->offset;
    p = want(&b->block, b->spool.fd, b->at, *size, e);
    return p ? p + n : NULL;
}

static struct str take_own(const char **p, uint64_t n)
{
    struct str s = { *p, n };
    *p += n;
    return s;
}

int backlog_get(struct backlog *b, uint64_t number, struct sink_record *r,
                struct err *e)
{
    struct head h;
    size_t size;
    const char *p;
    if (output_flush(&b->spool.out, e))
        return -1;
    if (number < b->next || number - b->next >= BACKLOG_STEP) {
        b->next = number - number % BACKLOG_STEP;
        b->at = b->places[number / BACKLOG_STEP];
    }
    do {
        if (!(p = next_head(b, &h, &size, e)))
            return -1;
        b->at += size;
    } while (b->next++ != number);
    *r = (struct sink_record){ .op = (enum sink_op)(h.flags & OP),
                               .line = b->next_line,
                               .offset = b->next_offset };
    const char *raw =
        h.flags & ELSEWHERE ? from_input(b, &h, e) : take_own(&p, h.raw).p;
    if (!raw)
        return -1;
    r->raw = (struct str){ raw, h.raw };
    r->text = h.flags & OWN_TEXT ? take_own(&p, h.text)
                                 : (struct str){ raw + h.text_at, h.text };
    if (h.flags & OWN_KEY)
        r->old_key = take_own(&p, h.key);
    else if (h.flags & OLD_KEY)
        r->old_key = (struct str){ raw + h.key_at, h.key };
    r->at = take_own(&p, h.at);
    return 0;
}

/* ---- ending ---- */

int backlog_reset(struct backlog *b, struct err *e)
{
    if (output_flush(&b->spool.out, e))
        return -1;
    if (ftruncate(b->spool.fd, 0) || lseek(b->spool.fd, 0, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, errno, "cannot rewind the temporary file");
    b->spool.at = b->n = b->next = b->at = 0;
    buf_reset(&b->block.bytes);
    return 0;
}

void backlog_close(struct backlog *b)
{
    if (b->open)
        spool_close(&b->spool);
    free(b->places);
    buf_free(&b->block.bytes);
    buf_free(&b->input_block.bytes);
    *b = (struct backlog){ 0 };
}
