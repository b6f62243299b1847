/* What an operand names, read from its first input to its last. */
#include "extract.h"

#include <inttypes.h>

/* ---- items ---- */

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

static int take(struct stage *st, const struct source *s, const char *uri,
                const struct source_item *item)
{
    struct record rec = { .text = item->raw,
                          .uri = uri,
                          .line = item->line,
                          .offset = item->offset,
                          .length = item->length };

    if (item->kind == SOURCE_RECORD) {
        st->counts.in++;
        return stage_pass(st, item->text);
    }
    if (item->kind == SOURCE_RECORDS) {
        st->counts.in += item->count;
        return stage_pass_lines(st, item->text, item->count);
    }
    if (describe(st, s))
        return -1;
    if (item->kind == SOURCE_REJECT)
        return reject(st, &rec, item);
    int r = stage_admit(st, &rec);
    return r > 0 ? stage_pass(st, item->text) : r;
}

static int say_doubt(struct stage *st, struct extract *x,
                     const struct source *s)
{
    struct buf text = { .max = 65536 };
    int r = x->doubted ? 0 : source_doubt(s, &text, &st->err);

    if (r == 0 && text.n && buf_z(&text)) {
        x->doubted = true;
        stage_note(st, "%s", text.p);
    }
    buf_free(&text);
    return r;
}

/* ---- a source ---- */

/* Passes what s has: 1 at its end, 0 where enough was read, -1. */
static int drain(struct extract *x, struct origin *o, struct source *s,
                 const char *uri)
{
    struct stage *st = x->st;
    struct source_item item;
    int r;
    while ((r = source_next(s, &item, &st->err)) > 0) {
        if (r == SOURCE_IDLE) {
            if (stage_idle(st))
                return -1;
            continue;
        }
        if (take(st, s, uri, &item) || track_item(st, o->tracked, s, &item))
            return -1;
    }
    return r < 0 ? -1 : 1;
}

static int read_input(struct extract *x, struct origin *o, struct input *in)
{
    struct stage *st = x->st;
    struct source *s = NULL;
    buf_reset(&st->context);
    buf_reset(&st->replay_args);
    stage_input(st, in->uri);
    int r = source_open(&s, in, &x->source, &st->err) || say_doubt(st, x, s)
                ? -1
                : drain(x, o, s, in->uri);
    source_close(s);
    /* Behind a killed upstream a cut record is the expected sight: the mark is
     * the better reason, and replaces the error. */
    bool cut = r < 0 && st->err.code == ERR_DATA && in->eof;
    if ((r > 0 || cut) && stage_judge(st, in))
        r = -1;
    stage_unwatch(st, in);
    stage_input_end(st);
    return r < 0 || stage_tick(st) ? -1 : r;
}

static int read_feed(struct extract *x, struct origin *o)
{
    struct stage *st = x->st;
    struct input *in;
    int r, more = 1;
    while (more > 0 && (r = feed_next(o->feed, &in, &st->err)) > 0) {
        uint64_t before = st->counts.in;
        more = read_input(x, o, in);
        o->feed->taken = st->counts.in - before;
        if (more > 0 && feed_done(o->feed, &o->tracked->to, &st->err))
            return -1;
    }
    return more <= 0 ? more : r < 0 ? -1 : 1;
}

static int read_records(struct extract *x, struct origin *o)
{
    struct stage *st = x->st;
    struct source *s = NULL;
    buf_reset(&st->context);
    buf_reset(&st->replay_args);
    stage_input(st, o->uri.p);
    int r = source_connect(&s, o->uri.p, &x->source, &st->err)
                ? -1
                : drain(x, o, s, o->uri.p);
    source_close(s);
    stage_input_end(st);
    return r < 0 || stage_tick(st) ? -1 : r;
}

/* ---- an operand ---- */

static void watch(void *context, struct input *in)
{
    struct extract *x = context;
    in->limits.max_bytes = x->max_size;
    in->limits.max_ratio = x->max_ratio;
    stage_watch(x->st, in);
}

int origin_open(struct extract *x, struct origin *o, const char *operand)
{
    struct stage *st = x->st;
    o->name = operand;
    o->uri.max = 65536;
    if (stage_expand(st, &o->uri, operand))
        return -1;
    if (!buf_z(&o->uri))
        return err_nomem(&st->err);
    o->tracked = track_source(st, &x->track, operand);
    if (!o->tracked)
        return -1;
    return source_is_remote(o->uri.p)
               ? 0
               : feed_open(&o->feed, o->uri.p, &x->source, watch, x, &st->err);
}

int origin_read(struct extract *x, struct origin *o)
{
    x->source.resume = &o->tracked->from;
    return o->feed ? read_feed(x, o) : read_records(x, o);
}

void origin_free(struct origin *o)
{
    feed_close(o->feed);
    buf_free(&o->uri);
}
