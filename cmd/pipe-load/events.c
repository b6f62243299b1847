/* Change events into the sink. */
#include "load.h"

#include "json/path.h"

static int reject(struct stage *st, const struct record *rec,
                  const struct cdc_fault *why)
{
    struct buf path = { .max = 65536 };
    if (why->column.n)
        path_pointer(&path, why->column);
    struct reason reason = { .code = why->code,
                             .path = buf_str(&path),
                             .message = str_of(why->message) };
    int r = stage_reject(st, rec, &reason, 1);
    buf_free(&path);
    return r;
}

static struct sink_record operation(const struct record *rec,
                                    const struct cdc_event *ev, size_t i)
{
    static const enum sink_op ops[] = {
        [CDC_ROW] = SINK_ROW,
        [CDC_DELETE] = SINK_DELETE,
        [CDC_TRUNCATE] = SINK_TRUNCATE,
    };
    return (struct sink_record){ .op = ops[ev->ops[i].kind],
                                 .text = ev->ops[i].row,
                                 .old_key = ev->ops[i].old_key,
                                 .raw = rec->text,
                                 .at = ev->at,
                                 .line = rec->line,
                                 .offset = rec->offset };
}

/* All of an event or, where the target refuses a part, nothing of it. */
static int write_event(struct stage *st, struct load *l,
                       const struct record *rec, const struct cdc_event *ev)
{
    bool group = ev->n > 1;
    l->event = rec->offset;
    l->refused = false;
    st->counts.out++; /* unless it is refused */
    if (group && sink_group(l->sink, SINK_GROUP_BEGIN, &st->err))
        return -1;
    for (size_t i = 0; i < ev->n && !l->refused; i++) {
        struct sink_record r = operation(rec, ev, i);
        if (sink_write(l->sink, &r, &st->err))
            return -1;
    }
    return group ? sink_group(l->sink,
                              l->refused ? SINK_GROUP_UNDO : SINK_GROUP_KEEP,
                              &st->err)
                 : 0;
}

/* The greatest place that the load has seen is what its ledger row tells. */
static void take_position(struct load *l, const struct cdc_position *p)
{
    if (p->log != CDC_LOG_NONE &&
        (l->position.log != p->log || cdc_position_cmp(&l->position, p) < 0))
        l->position = *p;
}

int load_event(struct stage *st, struct load *l, const struct record *rec)
{
    struct cdc_event ev;
    struct cdc_fault why;
    switch (cdc_decode(l->cdc, rec->text, &ev, &why)) {
    case CDC_NOMEM: return err_nomem(&st->err);
    case CDC_REFUSED: return reject(st, rec, &why);
    case CDC_NOTHING: st->counts.filtered++; return 0;
    case CDC_OPS: break;
    }
    take_position(l, &ev.position);
    return write_event(st, l, rec, &ev);
}
