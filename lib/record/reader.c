#include "record/reader.h"

#include <stdlib.h>

#define BLOCK ((size_t)256 << 10)
#define CACHE_LINE 64
#define TOKEN_BYTES 6          /* from one token to the next, about */
#define KEEP ((size_t)4 << 20) /* of a buffer that may stay as it grew */

int reader_init(struct reader *r, struct input *in, size_t max,
                unsigned max_depth, struct err *e)
{
    *r = (struct reader){
        .in = in, .cap = BLOCK, .max = max, .max_depth = max_depth
    };
    r->buf = in ? malloc(r->cap + SCAN_PADDING) : NULL;
    r->shapes = shape_cache_new();
    if ((r->buf || !in) && r->shapes)
        return 0;
    reader_free(r);
    return err_nomem(e);
}

void reader_free(struct reader *r)
{
    if (r->in)
        free(r->buf);
    scan_free(&r->scan);
    shape_cache_free(r->shapes);
    *r = (struct reader){ 0 };
}

/* The open line moves to the front; all before it was handed out. */
static void move_down(struct reader *r)
{
    size_t from = r->scan.line;
    if (from == 0)
        return;
    memmove(r->buf, r->buf + from, r->n - from);
    r->n -= from;
    r->base += from;
    scan_restart(&r->scan, 0);
}

/* Reads one more block behind what is there. */
static int refill(struct reader *r, struct err *e)
{
    size_t open = r->n - r->scan.line;
    if (open == 0 || r->cap - r->n < BLOCK / 4)
        move_down(r);
    if (r->cap - r->n < BLOCK / 4) {
        char *grown = realloc(r->buf, r->cap * 2 + SCAN_PADDING);
        if (!grown)
            return err_nomem(e);
        r->buf = grown;
        r->cap *= 2;
    }
    ssize_t got = input_read(r->in, r->buf + r->n, r->cap - r->n, e);
    if (got < 0)
        return -1;
    r->n += (size_t)got;
    r->eof = got == 0;
    return 0;
}

/* The byte order mark is no part of the first line. */
static int start(struct reader *r, struct err *e)
{
    while (r->n < 3 && !r->eof)
        if (refill(r, e))
            return -1;
    bool mark = r->n >= 3 && memcmp(r->buf, "\xef\xbb\xbf", 3) == 0;
    scan_restart(&r->scan, mark ? 3 : 0);
    r->started = true;
    return 0;
}

/* Fills out, whose tokens are there. */
static inline void hand_out(struct reader *r, struct reader_line *out)
{
    struct scan_line *t = &out->tokens;
    size_t n = t->end - t->start;
    bool feed = t->end < r->n; /* else the end of the input ends it */
    const char *text = r->buf + t->start;
    bool cr = feed && n && text[n - 1] == '\r';
    out->line = (struct line){ .text = { text, n - cr },
                               .line = ++r->line,
                               .offset = r->base + t->start,
                               .length = n - cr,
                               .unterminated = !feed };
    out->feed = feed && !cr && n <= r->max;
    out->blank = t->n == 0 && !(t->flags & SCAN_FAULT);
    out->flags = t->flags;
    out->shaped = NULL;
    if (n - cr > r->max) {
        out->line.too_long = true;
        out->blank = false;
        out->line.text.n = r->max < LINES_KEEP ? r->max : LINES_KEEP;
        return;
    }
    out->view =
        (struct shaped){ shape_of(r->shapes, t, r->max_depth), t, r->buf };
    if (out->view.shape && !(t->flags & SCAN_FAULT))
        out->shaped = &out->view;
}

/* The open line is beyond the limit: keeps its first bytes, reads over the
 * rest. */
static int skip_long(struct reader *r, struct err *e)
{
    size_t keep = r->max < LINES_KEEP ? r->max : LINES_KEEP;
    move_down(r);
    uint64_t length = r->n;
    char *nl = NULL;
    r->n = keep;
    while (!nl && !r->eof) {
        ssize_t got = input_read(r->in, r->buf + keep, r->cap - keep, e);
        if (got < 0)
            return -1;
        r->eof = got == 0;
        nl = got ? memchr(r->buf + keep, '\n', (size_t)got) : NULL;
        length += nl ? (uint64_t)(nl - r->buf) - keep : (uint64_t)got;
        if (nl)
            r->n = keep + (size_t)got;
    }
    r->skipped = true;
    r->long_line = (struct line){ .text = { r->buf, keep },
                                  .offset = r->base,
                                  .length = length,
                                  .too_long = true,
                                  .unterminated = !nl };
    uint32_t from = (uint32_t)(nl ? (size_t)(nl - r->buf) + 1 : r->n);
    r->base += length + (nl ? 1 : 0) - from;
    scan_restart(&r->scan, from);
    return 0;
}

static int hand_out_long(struct reader *r, struct reader_line *out)
{
    r->skipped = false;
    *out = (struct reader_line){ .line = r->long_line };
    out->line.line = ++r->line;
    return 1;
}

static inline void send_for_bytes(const void *p, size_t n)
{
    for (size_t at = 0; at < n; at += CACHE_LINE)
        __builtin_prefetch((const char *)p + at, 0, 2);
}

/* What another thread has loaded lies in its processor's caches: sends for what
 * up to so many more lines are going to need. */
static void send_for(const struct reader *r, size_t lines)
{
    const struct scan *s = &r->scan;
    if (!scan_ready(s))
        return;
    size_t left = s->n_ends - s->used_ends;
    const struct scan_end *last =
        &s->ends[s->used_ends + (lines < left ? lines : left) - 1];
    size_t n = last->token - s->used;
    size_t bytes = n * TOKEN_BYTES, most = r->n - s->line;
    send_for_bytes(s->tok + s->used, n);
    send_for_bytes(s->pos + s->used, n * sizeof(*s->pos));
    send_for_bytes(r->buf + s->line, bytes < most ? bytes : most);
}

int reader_at_hand(struct reader *r, struct reader_line *lines, int max,
                   struct err *e)
{
    if (!r->started)
        return 0;
    if (r->skipped)
        return hand_out_long(r, &lines[0]);
    int got = scan_next(&r->scan, (struct str){ r->buf, r->n }, r->eof,
                        &lines[0].tokens);
    if (got <= 0)
        return got ? err_nomem(e) : 0;
    hand_out(r, &lines[0]);
    int n = 1;
    while (n < max && scan_ready(&r->scan)) {
        scan_take(&r->scan, &lines[n].tokens);
        hand_out(r, &lines[n++]);
    }
    if (r->loaded && n == max)
        send_for(r, (size_t)n);
    return n;
}

/* Nothing is at hand: reads on, over the open line where it is too long. */
static int read_on(struct reader *r, struct err *e)
{
    return r->n - r->scan.line > r->max + 1 ? skip_long(r, e) : refill(r, e);
}

int reader_batch(struct reader *r, struct reader_line *lines, int max,
                 struct err *e)
{
    if (!r->started && start(r, e))
        return -1;
    for (;;) {
        int got = reader_at_hand(r, lines, max, e);
        if (got || r->eof)
            return got;
        if (read_on(r, e))
            return -1;
    }
}

int reader_next(struct reader *r, struct reader_line *line, struct err *e)
{
    return reader_batch(r, line, 1, e);
}

int reader_load(struct reader *r, struct err *e)
{
    r->loaded = true;
    if (!r->started && start(r, e))
        return -1;
    for (;;) {
        if (scan_block(&r->scan, (struct str){ r->buf, r->n }))
            return err_nomem(e);
        if (r->skipped || scan_ready(&r->scan) || r->eof)
            return 0;
        if (read_on(r, e))
            return -1;
    }
}

struct str reader_open(const struct reader *r, uint64_t *offset)
{
    uint32_t from = scan_open(&r->scan);
    *offset = r->base + from;
    return (struct str){ r->buf + from, r->n - from };
}

/* The buffer is for n bytes, and does not stay what one long line made it. */
static int fit(struct reader *r, size_t n, struct err *e)
{
    size_t cap = BLOCK;
    while (cap < n + BLOCK / 4)
        cap *= 2;
    if (cap == r->cap || (cap < r->cap && r->cap <= KEEP))
        return 0;
    char *buf = malloc(cap + SCAN_PADDING);
    if (!buf)
        return err_nomem(e);
    free(r->buf);
    scan_free(&r->scan);
    r->buf = buf;
    r->cap = cap;
    return 0;
}

int reader_begin(struct reader *r, struct str open, uint64_t offset,
                 struct err *e)
{
    if (fit(r, open.n, e))
        return -1;
    memcpy(r->buf, open.p, open.n);
    r->n = open.n;
    r->base = offset;
    r->started = true;
    r->eof = r->skipped = false;
    scan_restart(&r->scan, 0);
    return 0;
}

void reader_follow(struct reader *r, struct reader *before)
{
    struct shape_cache *shapes = r->shapes;
    r->shapes = before->shapes;
    before->shapes = shapes;
    r->line = before->line;
}

void reader_use(struct reader *r, struct str block, size_t from,
                uint64_t offset, bool last)
{
    /* reader never writes to a block that it did not read itself */
    r->buf = (char *)(uintptr_t)block.p;
    r->n = r->cap = block.n;
    r->base = offset;
    r->line = 0;
    r->started = true;
    r->eof = last;
    scan_restart(&r->scan, (uint32_t)from);
}

bool reader_check(const struct reader_line *l)
{
    return shape_is_all(l->view.shape, &l->tokens) ||
           shape_check(l->view.shape, l->view.block, &l->tokens);
}
