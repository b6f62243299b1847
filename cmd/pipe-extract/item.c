/* What a source hands out, passed on: record by record where that is wanted. */
#include "base/date.h"
#include "extract.h"
#include "json/splice.h"

#include <inttypes.h>

/* Tells dead letters how to read raw again: on stdin, by the same rules. */
static int describe(struct stage *st, const struct source *s)
{
    if (st->context.n > 0)
        return 0;
    buf_addz(&st->replay_args, st->cmd->name);
    buf_addc(&st->replay_args, '\0');
    buf_addf(&st->replay_args, "--max-record=%" PRIu64 "%c",
             st->opts.max_record, 0);
    buf_addf(&st->replay_args, "--max-depth=%" PRIu64 "%c", st->opts.max_depth,
             0);
    if (source_context(s, &st->context, &st->err) ||
        source_args(s, &st->replay_args, &st->err))
        return -1;
    buf_addc(&st->replay_args, '-');
    return buf_addc(&st->replay_args, '\0') ? err_nomem(&st->err) : 0;
}

static int reject(struct stage *st, const struct record *rec,
                  const struct source_item *item)
{
    struct reason reasons[32];
    size_t n = 0;

    for (; n < item->n_faults && n < 32; n++)
        reasons[n] = (struct reason){ .code = item->faults[n].code,
                                      .path = item->faults[n].path,
                                      .message = item->faults[n].message };
    st->counts.in++;
    return stage_reject(st, rec, reasons, n);
}

/* ---- one record ---- */

/* Text with the fields of --meta behind it, in x->text. */
static int add_meta(struct extract *x, const struct place *at,
                    const struct source_item *item, uint64_t line,
                    struct str *text)
{
    struct buf *b = &x->text;
    struct str end = json_object_end(*text);
    bool empty = end.p > text->p && end.p[-1] == '{';
    buf_reset(b);
    buf_add(b, text->p, (size_t)(end.p - text->p));
    buf_addz(b, empty ? "\"_source\":" : ",\"_source\":");
    json_quote(b, at->tracked->to.source);
    buf_addz(b, ",\"_file\":");
    json_quote(b, str_of(at->uri));
    if (line)
        buf_addf(b, ",\"_line\":%" PRIu64, line);
    if (item->position.n) {
        buf_addz(b, ",\"_position\":");
        buf_add_str(b, item->position);
    }
    buf_add_str(b, buf_str(&x->stamp));
    *text = buf_str(b);
    return b->failed ? err_nomem(&x->st->err) : 0;
}

/* Where there is a cursor: 1 to pass the record, 0 not to, -1. */
static int judge(struct extract *x, const struct place *at,
                 const struct record *rec, struct str *value,
                 struct hash128 *tie)
{
    struct stage *st = x->st;
    enum cursor_verdict verdict;
    const char *why;
    if (cursor_judge(&x->track, at->tracked, rec->text, &verdict, value, tie,
                     &why))
        return -1;
    switch (verdict) {
    case CURSOR_NEW: return 1;
    case CURSOR_OLD: st->counts.filtered++; return 0;
    case CURSOR_AGAIN: st->counts.duplicates++; return 0;
    case CURSOR_NONE: break;
    }
    return stage_rejectf(st, rec, "no_cursor", "", "cursor '%s' %s",
                         x->track_opts.cursor, why);
}

/* A record that was counted in and is one, and wanted: 1, 0 where it was the
 * last that is, -1. */
static int send(struct extract *x, const struct place *at,
                const struct source_item *item, const struct record *rec,
                struct str text, struct str value, struct hash128 tie)
{
    struct stage *st = x->st;
    if (x->meta && add_meta(x, at, item, rec->line, &text))
        return -1;
    if (x->track.marks && (value.n || item->position.n)) {
        struct source_item from = *item;
        if (x->partial) /* the last row has the position for all of them */
            from.position = value = STR("");
        buf_reset(&x->marked);
        if (track_mark(&x->track, at->tracked, at->source, &from, value, tie,
                       text, &x->marked))
            return -1;
        text = buf_str(&x->marked);
    }
    if (stage_pass(st, text))
        return -1;
    return !x->max || st->counts.out < x->max;
}

/* A change event as the rows that it makes: none, one, or more. */
static int send_rows(struct extract *x, const struct place *at,
                     const struct source_item *item, const struct record *rec,
                     struct str value, struct hash128 tie)
{
    struct stage *st = x->st;
    struct cdc_fault why;
    size_t n = 0;
    int r = 1;
    buf_reset(&x->rows);
    switch (cdc_unwrap(x->cdc, rec->text, &x->rows, &n, &why)) {
    case CDC_NOMEM: return err_nomem(&st->err);
    case CDC_REFUSED:
        return stage_rejectf(st, rec, why.code, "", "%s", why.message) ? -1 : 1;
    case CDC_NOTHING: st->counts.filtered++; return 1;
    case CDC_OPS: break;
    }
    st->counts.in += n - 1; /* each row is a record of its own */
    const char *p = x->rows.p, *end = p + x->rows.n;
    while (p < end && r >= 0) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t length = (size_t)((lf ? lf : end) - p);
        x->partial = p + length + 1 < end;
        /* All rows of an event, or none: --max waits for the last. */
        int sent =
            send(x, at, item, rec, (struct str){ p, length }, value, tie);
        r = sent < r ? sent : r;
        p += length + 1;
    }
    x->partial = false;
    return r;
}

/* A record that was counted in and is one: 1, 0 where it was the last that is
 * wanted, -1. */
static int pass(struct extract *x, const struct place *at,
                const struct source_item *item, const struct record *rec)
{
    struct str value = STR("");
    struct hash128 tie = { 0 };
    int r = x->track_opts.cursor ? judge(x, at, rec, &value, &tie) : 1;
    if (r <= 0)
        return r < 0 ? -1 : 1;
    return x->unwraps ? send_rows(x, at, item, rec, value, tie)
                      : send(x, at, item, rec, rec->text, value, tie);
}

/* ---- items ---- */

static bool is_plain(const struct extract *x)
{
    return !x->max && !x->meta && !x->track.marks && !x->track_opts.cursor &&
           !x->unwraps;
}

/* Many at once, line by line. The position is that behind the last: those
 * before it have none that would be true. */
static int take_lines(struct extract *x, const struct place *at,
                      const struct source_item *item)
{
    struct stage *st = x->st;
    const char *p = item->text.p, *end = p + item->text.n;
    struct source_item line = *item;
    int r = 1;
    for (size_t i = 0; p < end && r > 0; i++) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((lf ? lf : end) - p);
        struct record rec = { .text = { p, n },
                              .uri = at->uri,
                              .line = item->line ? item->line + i : 0,
                              .offset = item->offset };
        st->counts.in++;
        line.position = i + 1 < item->count ? STR("") : item->position;
        r = pass(x, at, &line, &rec);
        p += n + 1;
    }
    return r;
}

int item_take(struct extract *x, const struct place *at,
              const struct source_item *item)
{
    struct stage *st = x->st;
    struct record rec = { .text = item->raw,
                          .uri = at->uri,
                          .line = item->line,
                          .offset = item->offset,
                          .length = item->length };
    int r = 1;
    if (item->partition.n) { /* for dead letters */
        buf_reset(&st->partition);
        if (buf_add_str(&st->partition, item->partition))
            return err_nomem(&st->err);
    }
    switch (item->kind) {
    case SOURCE_RECORD:
        st->counts.in++;
        if (is_plain(x)) {
            r = stage_pass(st, item->text) ? -1 : 1;
            break;
        }
        rec.text = item->text;
        r = pass(x, at, item, &rec);
        break;
    case SOURCE_RECORDS:
        if (!is_plain(x)) {
            r = take_lines(x, at, item);
            break;
        }
        st->counts.in += item->count;
        r = stage_pass_lines(st, item->text, item->count) ? -1 : 1;
        break;
    case SOURCE_UNCHECKED:
        r = describe(st, at->source) ? -1 : stage_admit(st, &rec);
        rec.text = item->text;
        r = r > 0 ? pass(x, at, item, &rec) : r < 0 ? -1 : 1;
        break;
    case SOURCE_REJECT:
        r = describe(st, at->source) || reject(st, &rec, item) ? -1 : 1;
        break;
    }
    if (r >= 0 && track_item(&x->track, at->tracked, at->source, item))
        return -1;
    return r;
}

int item_begin(struct extract *x)
{
    struct stage *st = x->st;
    if (x->unwraps && !(x->cdc = cdc_new(NULL, 0, STR("*"))))
        return err_nomem(&st->err);
    buf_addz(&x->stamp, ",\"_extracted_at\":\"");
    time_format(&x->stamp, time_now());
    buf_addz(&x->stamp, "\",\"_run_id\":");
    json_quote(&x->stamp, str_of(st->run_id));
    buf_addc(&x->stamp, '}');
    return x->stamp.failed ? err_nomem(&st->err) : 0;
}
