#include "join/joinspill.h"

/* What is parted again goes into few parts, so that the files of all levels
 * together stay below what a process may have open. */
#define DEEPER ((size_t)2 << 20)

/* A record of the stream on disk; its text behind it. */
struct stream_head {
    uint64_t hash, line, offset;
};

/* A result on disk; path, message and text behind it. */
struct done_head {
    uint64_t line, offset, rows;
    uint32_t kind, fault, path_n, message_n;
};

/* One level of parting. */
struct level {
    struct spill *reference, *stream, *done;
    unsigned number;
};

int joinspill_open(struct joinspill *s, struct join *j, struct err *e)
{
    s->j = j;
    s->budget.max = j->spec.memory - j->spec.memory / 4;
    if (spill_init(&s->stream, j->spec.memory, j->spec.tmpdir, e) ||
        spill_init(&s->done, j->spec.memory, j->spec.tmpdir, e))
        return -1;
    return joinprobe_init(&s->probe, j, &j->table, e);
}

void joinspill_free(struct joinspill *s)
{
    spill_free(&s->stream);
    spill_free(&s->done);
    joinprobe_free(&s->probe);
    buf_free(&s->item);
}

uint64_t joinspill_bytes(const struct joinspill *s)
{
    return spill_bytes(&s->j->parts) + spill_bytes(&s->stream) +
           spill_bytes(&s->done);
}

/* ---- the stream, onto disk ---- */

int joinspill_put(struct joinspill *s, const struct joinspill_record *from,
                  const struct select_record *recs, size_t n, struct err *e)
{
    if (joinprobe_batch(&s->probe, recs, n, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct joinprobe_key *k = &s->probe.batch[i];
        /* Without a key it matches nothing in any part. */
        struct stream_head head = { k->state == JOINPROBE_KEYED ? k->hash : 0,
                                    from[i].line, from[i].offset };
        buf_reset(&s->item);
        buf_add(&s->item, &head, sizeof(head));
        if (buf_add_str(&s->item, from[i].text))
            return err_nomem(e);
        if (spill_add(&s->stream, spill_part_of(&s->stream, head.hash, 0),
                      from[i].number, buf_str(&s->item), e))
            return -1;
    }
    return 0;
}

/* ---- a part that fits ---- */

static int add_done(struct joinspill *s, const struct level *l, unsigned part,
                    const struct joinspill_record *rec,
                    const struct joinprobe_result *res, struct err *e)
{
    struct done_head head = { rec->line,
                              rec->offset,
                              res->rows,
                              res->kind,
                              res->fault,
                              (uint32_t)res->path.n,
                              (uint32_t)res->message.n };
    buf_reset(&s->item);
    buf_add(&s->item, &head, sizeof(head));
    buf_add_str(&s->item, res->path);
    buf_add_str(&s->item, res->message);
    buf_add_str(&s->item, res->kind == JOINPROBE_TEXT ? res->text : rec->text);
    if (s->item.failed)
        return err_nomem(e);
    return spill_add(l->done, part, rec->number, buf_str(&s->item), e);
}

/* The part's table: 1, 0 where it does not fit, -1 with e. */
static int load(struct joinspill *s, const struct level *l, unsigned part,
                struct jointable *t, struct err *e)
{
    uint64_t number;
    struct str item, key, row;
    struct join_item head;
    struct err why = { 0 };
    int r, full = 0;
    s->budget.refused = false;
    if (spill_rewind(l->reference, part, e))
        return -1;
    while (!full &&
           (r = spill_next(l->reference, part, &number, &item, e)) > 0) {
        join_item_read(item, &head, &key, &row);
        full = jointable_add(t, head.hash, key, row, &head.time, &why);
    }
    if (!full && r == 0)
        full = jointable_freeze(t, &why);
    if (full && s->budget.refused)
        return 0;
    if (full)
        *e = why;
    return full || r < 0 ? -1 : 1;
}

static int probe_part(struct joinspill *s, const struct level *l, unsigned part,
                      struct joinprobe *p, struct err *e)
{
    uint64_t number;
    struct str item;
    struct stream_head head;
    int r;
    if (spill_rewind(l->stream, part, e))
        return -1;
    while ((r = spill_next(l->stream, part, &number, &item, e)) > 0) {
        struct joinprobe_result res;
        memcpy(&head, item.p, sizeof(head));
        struct str text = { item.p + sizeof(head), item.n - sizeof(head) };
        struct select_record rec = { text, NULL };
        struct joinspill_record from = { text, number, head.line, head.offset };
        if (joinprobe_batch(p, &rec, 1, e) || joinprobe_result(p, 0, &res, e) ||
            add_done(s, l, part, &from, &res, e))
            return -1;
    }
    return r;
}

/* ---- a part that does not ---- */

/* Parts the items of one part by a later piece of their hash, which each
 * begins with. */
static int part_again(struct spill *from, unsigned part, struct spill *to,
                      unsigned level, struct err *e)
{
    uint64_t number, hash;
    struct str item;
    int r;
    if (spill_rewind(from, part, e))
        return -1;
    while ((r = spill_next(from, part, &number, &item, e)) > 0) {
        memcpy(&hash, item.p, sizeof(hash));
        if (spill_add(to, spill_part_of(to, hash, level), number, item, e))
            return -1;
    }
    spill_drop(from, part);
    return r;
}

static int join_part(struct joinspill *s, const struct level *l, unsigned part,
                     struct err *e);

static int join_parts(struct joinspill *s, const struct level *up,
                      unsigned part, const struct level *l, struct err *e)
{
    uint64_t number;
    struct str item;
    int r;
    if (part_again(up->reference, part, l->reference, l->number, e) ||
        part_again(up->stream, part, l->stream, l->number, e))
        return -1;
    for (unsigned i = 0; i < l->reference->n; i++)
        if (join_part(s, l, i, e))
            return -1;
    while ((r = spill_merge(l->done, &number, &item, e)) > 0)
        if (spill_add(up->done, part, number, item, e))
            return -1;
    return r;
}

static int descend(struct joinspill *s, const struct level *up, unsigned part,
                   struct err *e)
{
    struct spill v[3] = { 0 };
    struct level l = { &v[0], &v[1], &v[2], up->number + 1 };
    const struct join_spec *spec = &s->j->spec;
    int r = 0;
    if (l.number == SPILL_LEVELS)
        return err_set(e, ERR_CONFIG,
                       "reference records of one key need more than the %zu "
                       "MiB that --memory allows",
                       spec->memory >> 20);
    size_t memory = spec->memory < DEEPER ? spec->memory : DEEPER;
    for (int i = 0; i < 3 && r == 0; i++)
        r = spill_init(&v[i], memory, spec->tmpdir, e);
    if (r == 0)
        r = join_parts(s, up, part, &l, e);
    for (int i = 0; i < 3; i++)
        spill_free(&v[i]);
    return r;
}

static int join_part(struct joinspill *s, const struct level *l, unsigned part,
                     struct err *e)
{
    const struct join_spec *spec = &s->j->spec;
    struct jointable t;
    struct joinprobe p = { 0 };
    jointable_init(&t, spec->multi, spec->as_of != NULL, &s->budget);
    bool needed = l->stream->v[part].items || spec->multi == JOINTABLE_FAIL;
    int fits = needed ? load(s, l, part, &t, e) : 1, r = fits < 0 ? -1 : 0;
    if (fits > 0)
        r = joinprobe_init(&p, s->j, &t, e) || probe_part(s, l, part, &p, e)
                ? -1
                : 0;
    joinprobe_free(&p);
    jointable_free(&t);
    if (r == 0 && !fits)
        return descend(s, l, part, e);
    spill_drop(l->reference, part);
    spill_drop(l->stream, part);
    return r;
}

int joinspill_step(struct joinspill *s, struct err *e)
{
    struct level l = { &s->j->parts, &s->stream, &s->done, 0 };
    if (s->part == s->stream.n)
        return 0;
    return join_part(s, &l, s->part++, e) ? -1 : 1;
}

/* ---- results ---- */

int joinspill_next(struct joinspill *s, struct joinspill_item *item,
                   struct err *e)
{
    struct str raw;
    struct done_head head;
    uint64_t number;
    int r = spill_merge(&s->done, &number, &raw, e);
    if (r <= 0)
        return r;
    memcpy(&head, raw.p, sizeof(head));
    struct str path = { raw.p + sizeof(head), head.path_n };
    struct str message = { path.p + path.n, head.message_n };
    const char *p = message.p + message.n;
    struct str text = { p, (size_t)(raw.p + raw.n - p) };
    *item = (struct joinspill_item){
        .rec = { text, number, head.line, head.offset },
        .res = { .kind = (enum joinprobe_kind)head.kind,
                 .text = text,
                 .rows = head.rows,
                 .fault = (enum joinprobe_fault)head.fault,
                 .path = path,
                 .message = message },
    };
    return 1;
}
