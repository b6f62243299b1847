#include "source/csvesc.h"

void csvesc_reset(struct csvesc *s, struct csvtok_dialect d)
{
    s->dialect = d;
    s->state = CSVESC_AT_CELL;
    buf_reset(&s->cell);
}

void csvesc_free(struct csvesc *s)
{
    buf_free(&s->cell);
}

static bool is_quote(const struct csvtok_dialect *d, char c)
{
    return !d->no_quote && c == d->quote;
}

/* How many bytes at p the escape before them makes ordinary: 0 where they are
 * anyway. */
static size_t escaped(const struct csvtok_dialect *d, const char *p,
                      const char *end)
{
    if (p == end)
        return 0;
    if (*p == '\r')
        return p + 1 < end && p[1] == '\n' ? 2 : 1;
    return *p == d->delimiter || *p == d->escape || *p == '\n' ||
           is_quote(d, *p);
}

static void end_cell(struct csvesc *s,
                     void (*on_cell)(void *text, size_t n, void *ctx),
                     void *ctx)
{
    bool none = s->state == CSVESC_AT_CELL;

    on_cell(none        ? NULL
            : s->cell.n ? (void *)s->cell.p
                        : (void *)"",
            s->cell.n, ctx);
    buf_reset(&s->cell);
    s->state = CSVESC_AT_CELL;
}

enum csvesc_found csvesc_run(struct csvesc *s, struct str line, bool last,
                             void (*on_cell)(void *text, size_t n, void *ctx),
                             void *ctx)
{
    const struct csvtok_dialect *d = &s->dialect;
    const char *p = line.p, *end = line.p + line.n;

    while (p < end) {
        bool closed = s->state == CSVESC_CLOSED;
        bool open = s->state == CSVESC_QUOTED;
        if (*p == d->escape && !closed) {
            size_t n = escaped(d, p + 1, end);
            if (p + 1 == end && last)
                return CSVESC_MORE; /* cut off */
            buf_add(&s->cell, n ? p + 1 : p, n ? n : 1);
            p += n + 1;
            s->state = open ? CSVESC_QUOTED : CSVESC_PLAIN;
            continue;
        }
        if (is_quote(d, *p) && (open || closed)) {
            s->state = open ? CSVESC_CLOSED : CSVESC_QUOTED;
            if (closed)
                buf_addc(&s->cell, *p);
        } else if (is_quote(d, *p) && s->state == CSVESC_AT_CELL) {
            s->state = CSVESC_QUOTED;
        } else if (!open && *p == d->delimiter) {
            if (s->cell.failed)
                return CSVESC_NOMEM;
            end_cell(s, on_cell, ctx);
        } else if (!open && (*p == '\n' || *p == '\r')) {
            p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
            if (s->cell.failed)
                return CSVESC_NOMEM;
            end_cell(s, on_cell, ctx);
            return p == end ? CSVESC_ROW : CSVESC_BEHIND;
        } else if (closed) {
            return CSVESC_QUOTE;
        } else {
            buf_addc(&s->cell, *p);
            s->state = open ? CSVESC_QUOTED : CSVESC_PLAIN;
        }
        p++;
    }
    if (s->cell.failed)
        return CSVESC_NOMEM;
    if (!last || s->state == CSVESC_QUOTED)
        return CSVESC_MORE;
    end_cell(s, on_cell, ctx);
    return CSVESC_ROW;
}
