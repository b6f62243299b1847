#include "source/csvbatch.h"

#include "json/utf8.h"
#include "source/cast.h"
#include "source/csvscan.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of text from which on a batch is handed out: what output writes out
 * without a copy. */
#define BATCH ((size_t)256 << 10)

/* Text is copied in steps of this size, so that short slices cost no call and
 * no loop: so many bytes behind a slice are read, behind a copy written. */
#define STEP 32

/* All keys of a record together, in bytes; more are for the slow reader. */
#define KEYS_MAX ((size_t)1 << 20)

/* Behind a row that was not for us less is scanned ahead: where such rows are
 * frequent, the rest of the chunk is often scanned in vain. */
#define CHUNK_MIN 1024u
#define WAIT_MAX 64u /* rows left to the slow reader in a row */

struct key {
    const char *text; /* {"name":" or ,"name":" without the last quote where
                         the column has a type; padded to STEP */
    uint32_t n;
    enum type type;
};

struct csvbatch {
    struct csvscan scan;
    struct key *keys; /* owned, with its texts behind it */
    size_t columns;
    const struct source_csv *opts; /* borrowed */
    bool plain;                    /* no column has a type, no cell is null */
    int quote;                     /* -1: none */
    int comment;                   /* a row that starts so is none; -1: none */
    char delimiter, row_end;
    size_t max;
    struct buf out;     /* BATCH and room for one more row: never grows */
    uint32_t chunk;     /* bytes to scan in one go */
    unsigned wait;      /* rows to leave to the slow reader, */
    unsigned last_wait; /* and how many these were the last time */
};

/* ---- setup ---- */

static size_t padded(size_t n)
{
    return (n + 2 * STEP) / STEP * STEP;
}

/* Would a cell that has to be unescaped be a null? Too rare to look for. */
static bool has_odd_null(const struct source_csv *o, struct csvtok_dialect d)
{
    for (size_t i = 0; i < o->n_nulls; i++)
        for (const char *p = o->nulls[i]; *p; p++)
            if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\' ||
                (!d.no_quote && *p == d.quote))
                return true;
    return false;
}

static int copy_keys(struct csvbatch *b, const struct columns *c)
{
    size_t bytes = 0;

    for (size_t i = 0; i < c->n; i++)
        bytes += padded(c->at[i].key.n + 1);
    b->keys = calloc(1, c->n * sizeof(*b->keys) + bytes);
    if (!b->keys)
        return -1;
    char *to = (char *)(b->keys + c->n);
    for (size_t i = 0; i < c->n; i++) {
        const struct column *column = &c->at[i];
        bool quoted = column->type == TYPE_STRING;
        memcpy(to, column->key.p, column->key.n);
        if (quoted)
            to[column->key.n] = '"';
        b->keys[i] = (struct key){ .text = to,
                                   .n = (uint32_t)column->key.n + quoted,
                                   .type = column->type };
        b->plain = b->plain && quoted;
        to += padded(column->key.n + 1);
    }
    return 0;
}

int csvbatch_new(struct csvbatch **bp, const struct columns *columns,
                 const struct source_csv *o, struct csvtok_dialect d,
                 bool cr_ends, size_t max, struct err *e)
{
    size_t keys = 0;

    *bp = NULL;
    for (size_t i = 0; i < columns->n; i++)
        keys += columns->at[i].key.n;
    if (columns->n == 0 || keys > KEYS_MAX || d.escape || has_odd_null(o, d))
        return 0;
    struct csvbatch *b = malloc(sizeof(*b));
    if (!b)
        return err_nomem(e);
    csvscan_init(&b->scan, d, cr_ends);
    b->keys = NULL;
    b->columns = columns->n;
    b->opts = o;
    b->plain = o->n_nulls == 0;
    b->quote = d.no_quote ? -1 : (unsigned char)d.quote;
    b->comment = d.comment ? (unsigned char)d.comment : -1;
    b->delimiter = d.delimiter;
    b->row_end = cr_ends ? '\r' : '\n';
    b->max = max;
    b->chunk = CSVSCAN_MAX;
    b->wait = b->last_wait = 0;
    /* Behind a full batch: keys, nulls and quotes of cells, text of which
     * every byte becomes \u00XX, and the steps of the last copy. */
    b->out = (struct buf){ 0 };
    if (copy_keys(b, columns) == 0 &&
        buf_reserve(&b->out, BATCH + keys + 8 * b->columns + 6 * CSVSCAN_MAX +
                                 4 * STEP) == 0) {
        *bp = b;
        return 0;
    }
    csvbatch_free(b);
    return err_nomem(e);
}

void csvbatch_free(struct csvbatch *b)
{
    if (!b)
        return;
    free(b->keys);
    buf_free(&b->out);
    free(b);
}

/* ---- cells ---- */

static inline char *put(char *o, const char *p, size_t n)
{
    memcpy(o, p, STEP);
    for (size_t i = STEP; i < n; i += STEP)
        memcpy(o + i, p + i, STEP);
    return o + n;
}

/* As json_quote writes it. */
static char *put_escaped(char *o, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letter[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
    };

    if (c >= 0x20) {
        if (c == '"' || c == '\\')
            *o++ = '\\';
        *o++ = (char)c;
        return o;
    }
    *o++ = '\\';
    if (letter[c]) {
        *o++ = letter[c];
        return o;
    }
    memcpy(o, "u00", 3);
    o[3] = hex[c >> 4];
    o[4] = hex[c & 15];
    return o + 5;
}

/* What the writing of rows moves on. */
struct cursor {
    const char *p;    /* the chunk */
    uint32_t special; /* the first special position not passed */
    uint32_t feeds;   /* LF inside quotes in the row */
};

/* The cell's text from .. to, escaped, with its closing quote. */
static char *put_special(struct csvbatch *b, struct cursor *at, uint32_t from,
                         uint32_t to, char *o)
{
    uint32_t k = at->special;

    for (; k < to; k = csvscan_special(&b->scan, k + 1)) {
        unsigned char c = (unsigned char)at->p[k];
        uint32_t n = k - from - (c == b->quote); /* of two only the second */
        memcpy(o, at->p + from, n);
        o = put_escaped(o + n, c);
        at->feeds += c == '\n';
        from = k + 1;
    }
    at->special = k;
    memcpy(o, at->p + from, to - from);
    o += to - from;
    *o++ = '"';
    return o;
}

static bool is_null(const struct source_csv *o, struct str cell, bool quoted)
{
    for (size_t i = 0; i < o->n_nulls; i++) {
        const char *token = o->nulls[i];
        if (*token ? str_eq(cell, str_of(token)) : cell.n == 0 && !quoted)
            return true;
    }
    return false;
}

/* Is it a number as JSON writes it, with no exponent? */
static bool is_simple_number(struct str s, bool integer)
{
    size_t i = s.n > 0 && *s.p == '-', start = i;

    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i == start || (i > start + 1 && s.p[start] == '0'))
        return false;
    if (i == s.n || integer || s.p[i] != '.')
        return i == s.n;
    start = ++i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i == s.n && i > start;
}

/* A cell that may be null or have a type; o is behind the key. NULL where it
 * is not of the type. */
static char *put_value(struct csvbatch *b, const struct key *key,
                       struct str cell, bool quoted, char *o)
{
    if (is_null(b->opts, cell, quoted)) {
        o -= key->type == TYPE_STRING;
        memcpy(o, "null", 4);
        return o + 4;
    }
    if (key->type == TYPE_STRING) {
        o = put(o, cell.p, cell.n);
        *o++ = '"';
        return o;
    }
    if (key->type != TYPE_BOOLEAN &&
        is_simple_number(cell, key->type == TYPE_INTEGER))
        return put(o, cell.p, cell.n);
    b->out.n = (size_t)(o - b->out.p);
    return cast_cell(&b->out, key->type, cell) == 0 ? b->out.p + b->out.n
                                                    : NULL;
}

/* Writes the cell that starts at `from` and ends before `to`. */
static inline char *put_cell(struct csvbatch *b, const struct key *key,
                             struct cursor *at, uint32_t from, uint32_t to,
                             char *o)
{
    uint32_t quoted = (unsigned char)at->p[from] == b->quote;

    o = put(o, key->text, key->n);
    from += quoted;
    if (__builtin_expect(at->special < to, 0))
        return key->type == TYPE_STRING
                   ? put_special(b, at, from, to - quoted, o)
                   : NULL;
    to -= quoted;
    if (!b->plain)
        return put_value(b, key, (struct str){ at->p + from, to - from },
                         quoted, o);
    o = put(o, at->p + from, to - from);
    *o++ = '"';
    return o;
}

/* ---- rows ---- */

/* Writes the row from `from` on, whose cells may end at end[0 .. columns).
 * Returns behind its text; NULL where it is no row for us. */
static inline char *put_row(struct csvbatch *b, struct cursor *at,
                            uint32_t from, const uint16_t *end, char *o)
{
    const struct key *key = b->keys;
    const char *p = at->p;
    char *start = o;
    uint32_t row = from;
    size_t last = b->columns - 1;

    at->feeds = 0;
    for (size_t i = 0; i < last; i++) {
        uint32_t to = end[i];
        if (p[to] != b->delimiter)
            return NULL;
        o = put_cell(b, key++, at, from, to, o);
        if (!o)
            return NULL;
        from = to + 1;
    }
    uint32_t to = end[last];
    if (p[to] != b->row_end)
        return NULL;
    to -= to > from && p[to - 1] == '\r';
    o = put_cell(b, key, at, from, to, o);
    if (!o || to - row > b->max)
        return NULL;
    *o++ = '}';
    if ((size_t)(o - start) > b->max)
        return NULL;
    *o++ = '\n';
    return o;
}

enum stop {
    FULL,  /* the batch is */
    MORE,  /* the chunk holds no further whole row */
    ODD,   /* the next row is not for us */
    BLANK, /* the next line is one of nothing, to be passed over */
};

/* Why was the row that starts at `from` not written, its first cell end being
 * end[k]? */
static enum stop look(const struct csvbatch *b, const char *p, uint32_t from,
                      uint32_t k)
{
    const struct csvscan *s = &b->scan;
    uint32_t i = k;

    while (i < s->n && s->end[i] < s->whole && p[s->end[i]] != b->row_end)
        i++;
    if (i == s->n || s->end[i] >= s->whole)
        return s->odd ? ODD : MORE;
    uint32_t to = s->end[i];
    bool blank = to == from || (to == from + 1 && p[from] == '\r');
    return blank && i == k && b->columns > 1 ? BLANK : ODD;
}

/* Are the whole rows of the chunk text? */
static bool is_text(const struct csvscan *s, const char *p, char row_end)
{
    uint32_t k = s->n;

    if (!s->high)
        return true;
    while (k > 0 && (s->end[k - 1] >= s->whole || p[s->end[k - 1]] != row_end))
        k--;
    return k == 0 || utf8_valid((struct str){ p, s->end[k - 1] });
}

/* What was done with a chunk. */
struct done {
    uint32_t bytes, rows, lines;
};

/* Writes the rows of the chunk that was scanned last, as many as there is room
 * for. */
static enum stop put_rows(struct csvbatch *b, const char *p, struct done *done)
{
    const struct csvscan *s = &b->scan;
    struct cursor at = { .p = p, .special = csvscan_special(s, 0) };
    char *o = b->out.p + b->out.n, *full = b->out.p + BATCH;
    bool check = !is_text(s, p, b->row_end);
    enum stop stop = FULL;
    uint32_t from = 0, k = 0;

    *done = (struct done){ 0 };
    while (o < full) {
        uint32_t last = k + (uint32_t)b->columns - 1;
        char *next = NULL;
        if (last < s->n && s->end[last] < s->whole &&
            (unsigned char)p[from] != b->comment)
            next = put_row(b, &at, from, s->end + k, o);
        if (next && check &&
            !utf8_valid((struct str){ p + from, s->end[last] - from }))
            next = NULL;
        if (next) {
            o = next;
            done->rows++;
            done->lines += at.feeds;
        } else {
            stop = look(b, p, from, k);
            if (stop != BLANK)
                break;
            stop = FULL;
            last = k;
        }
        from = s->end[last] + 1u;
        k = last + 1;
        done->lines++;
    }
    b->out.n = (size_t)(o - b->out.p);
    done->bytes = from;
    return stop;
}

/* The next row is not for us: leave it, and more of them each time that this
 * happens with no row taken since. */
static void back_off(struct csvbatch *b, bool taken)
{
    unsigned wait = taken ? 1 : 2 * b->last_wait;

    b->wait = wait == 0 ? 1 : wait < WAIT_MAX ? wait : WAIT_MAX;
    b->last_wait = b->wait;
    b->chunk = CHUNK_MIN;
}

/* Takes rows from the bytes at hand. Returns MORE or FULL, or ODD in front of
 * a row that is not for us. */
static enum stop take_rows(struct csvbatch *b, struct csvrow_reader *r,
                           struct csvbatch_rows *rows)
{
    struct str hand = csvrow_at_hand(r, &rows->line, &rows->offset);
    uint64_t lines = 0;
    size_t used = 0;
    enum stop stop;

    rows->n = 0;
    buf_reset(&b->out);
    do {
        size_t left = hand.n - used;
        uint32_t n = left < b->chunk ? (uint32_t)left : b->chunk;
        struct done done;
        csvscan_run(&b->scan, hand.p + used, n);
        stop = put_rows(b, hand.p + used, &done);
        used += done.bytes;
        lines += done.lines;
        rows->n += done.rows;
        if (stop != MORE || n == left)
            break;
        if (done.bytes == 0 && n == CSVSCAN_MAX)
            stop = ODD; /* a very long row */
        else
            b->chunk = b->chunk < CSVSCAN_MAX / 4 ? b->chunk * 4 : CSVSCAN_MAX;
    } while (stop == MORE);
    csvrow_pass(r, used, lines);
    rows->text = buf_str(&b->out);
    rows->raw = (struct str){ hand.p, used };
    return stop;
}

int csvbatch_read(struct csvbatch *b, struct csvrow_reader *r,
                  struct csvbatch_rows *rows, struct err *e)
{
    for (;;) {
        if (b->wait > 0) {
            b->wait--;
            return 0;
        }
        enum stop stop = take_rows(b, r, rows);
        if (stop == ODD)
            back_off(b, rows->n > 0);
        if (rows->n > 0)
            return 1;
        if (stop == MORE) {
            int more = csvrow_more(r, e);
            if (more <= 0)
                return more;
        }
    }
}
