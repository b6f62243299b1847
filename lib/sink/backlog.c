#include "sink/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

/* What stands before the texts of a record: raw, then text and old key where
 * they are no part of raw, then at. */
struct head {
    uint64_t line, offset;
    uint32_t size; /* of all that follows */
    uint32_t raw, text, old_key, at;
    uint32_t text_at, old_key_at; /* within raw, or OWN */
    uint32_t op;
};

#define OWN UINT32_MAX

int backlog_open(struct backlog *b, const char *dir, struct err *e)
{
    *b = (struct backlog){ 0 };
    if (spool_open(&b->spool, dir, e))
        return -1;
    b->open = true;
    return 0;
}

/* Where part lies within raw; OWN if elsewhere. */
static uint32_t place_in(struct str raw, struct str part)
{
    if (part.n == 0)
        return 0;
    return part.p >= raw.p && part.p + part.n <= raw.p + raw.n
               ? (uint32_t)(part.p - raw.p)
               : OWN;
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
    return 0;
}

int backlog_add(struct backlog *b, const struct sink_record *r, struct err *e)
{
    struct head h = { .line = r->line,
                      .offset = r->offset,
                      .raw = (uint32_t)r->raw.n,
                      .text = (uint32_t)r->text.n,
                      .old_key = (uint32_t)r->old_key.n,
                      .at = (uint32_t)r->at.n,
                      .text_at = place_in(r->raw, r->text),
                      .old_key_at = place_in(r->raw, r->old_key),
                      .op = r->op };
    bool own_text = h.text_at == OWN, own_key = h.old_key_at == OWN;
    h.size = h.raw + (own_text ? h.text : 0) + (own_key ? h.old_key : 0) + h.at;
    if (note_place(b, e) ||
        output_write(&b->spool.out, (struct str){ (char *)&h, sizeof(h) }, e) ||
        output_write(&b->spool.out, r->raw, e) ||
        (own_text && output_write(&b->spool.out, r->text, e)) ||
        (own_key && output_write(&b->spool.out, r->old_key, e)) ||
        output_write(&b->spool.out, r->at, e))
        return -1;
    b->spool.at += sizeof(h) + h.size;
    b->n++;
    return 0;
}

/* Has n bytes from place on in the block. */
static const char *want(struct backlog *b, uint64_t place, size_t n,
                        struct err *e)
{
    struct buf *k = &b->block;
    if (place >= b->from && place + n <= b->from + k->n)
        return k->p + (place - b->from);
    buf_reset(k);
    b->from = place;
    if (buf_reserve(k, n > BLOCK ? n : BLOCK)) {
        err_nomem(e);
        return NULL;
    }
    while (k->n < n) {
        ssize_t got = pread(b->spool.fd, k->p + k->n, k->cap - k->n,
                            (off_t)(place + k->n));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            err_sys(e, ERR_IO, got ? errno : EIO,
                    "cannot read the temporary file");
            return NULL;
        }
        k->n += (size_t)got;
    }
    return k->p;
}

int backlog_get(struct backlog *b, uint64_t number, struct sink_record *r,
                struct err *e)
{
    struct head h;
    const char *p;
    if (output_flush(&b->spool.out, e))
        return -1;
    if (number < b->next || number - b->next >= BACKLOG_STEP) {
        b->next = number - number % BACKLOG_STEP;
        b->at = b->places[number / BACKLOG_STEP];
    }
    for (;; b->next++, b->at += sizeof(h) + h.size) {
        if (!(p = want(b, b->at, sizeof(h), e)))
            return -1;
        memcpy(&h, p, sizeof(h));
        if (b->next == number)
            break;
    }
    if (!(p = want(b, b->at, sizeof(h) + h.size, e)))
        return -1;
    p += sizeof(h);
    size_t key_at = h.raw + (h.text_at == OWN ? h.text : 0);
    *r = (struct sink_record){
        .op = (enum sink_op)h.op,
        .raw = { p, h.raw },
        .text = { p + (h.text_at == OWN ? h.raw : h.text_at), h.text },
        .old_key = { p + (h.old_key_at == OWN ? key_at : h.old_key_at),
                     h.old_key },
        .at = { p + h.size - h.at, h.at },
        .line = h.line,
        .offset = h.offset,
    };
    b->next++;
    b->at += sizeof(h) + h.size;
    return 0;
}

int backlog_reset(struct backlog *b, struct err *e)
{
    if (output_flush(&b->spool.out, e))
        return -1;
    if (ftruncate(b->spool.fd, 0) || lseek(b->spool.fd, 0, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, errno, "cannot rewind the temporary file");
    b->spool.at = b->n = b->from = b->next = b->at = 0;
    buf_reset(&b->block);
    return 0;
}

void backlog_close(struct backlog *b)
{
    if (b->open)
        spool_close(&b->spool);
    free(b->places);
    buf_free(&b->block);
    *b = (struct backlog){ 0 };
}
