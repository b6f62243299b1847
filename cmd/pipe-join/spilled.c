#include "spilled.h"

#include "join/joinspill.h"

static int set_aside(struct stage *st, struct joinspill *s)
{
    static struct record recs[STAGE_BATCH];
    struct select_record views[STAGE_BATCH];
    struct joinspill_record from[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0) {
        for (int i = 0; i < n; i++) {
            views[i] = (struct select_record){ recs[i].text, recs[i].shaped };
            from[i] = (struct joinspill_record){ recs[i].text, recs[i].number,
                                                 recs[i].line, recs[i].offset };
        }
        if (joinspill_put(s, from, views, (size_t)n, &st->err))
            return -1;
    }
    return n;
}

/* The same ends as in memory. */
static int end_item(struct stage *st, const struct joinspill_item *item,
                    enum miss miss)
{
    struct record rec = { .text = item->rec.text,
                          .uri = "-",
                          .line = item->rec.line,
                          .offset = item->rec.offset,
                          .number = item->rec.number };
    if (item->res.kind == JOINPROBE_FAULT) {
        struct reason why = { .code = joinprobe_codes[item->res.fault],
                              .path = item->res.path,
                              .message = item->res.message };
        return stage_reject(st, &rec, &why, 1);
    }
    if (item->res.kind != JOINPROBE_MISS || miss == MISS_KEEP)
        return stage_pass(st, item->rec.text);
    st->counts.filtered += miss == MISS_DROP;
    return miss == MISS_DROP
               ? 0
               : stage_rejectf(st, &rec, "no_match", "",
                               "no record of the reference matches");
}

int spilled_join(struct stage *st, struct join *j, enum miss miss)
{
    struct joinspill s = { 0 };
    struct joinspill_item item;
    uint64_t extra = 0;
    int r = joinspill_open(&s, j, &st->err) ? -1 : set_aside(st, &s);
    if (r == 0 && st->opts.verbose)
        stage_note(st,
                   "reference of %llu records does not fit into %zu MiB: "
                   "joined on disk",
                   (unsigned long long)j->records, j->spec.memory >> 20);
    if (r == 0)
        while ((r = joinspill_step(&s, &st->err)) > 0 && stage_tick(st) == 0)
            ;
    if (r > 0)
        r = -1; /* the tick's failure */
    while (r == 0 && (r = joinspill_next(&s, &item, &st->err)) > 0) {
        r = stage_tick(st) || end_item(st, &item, miss) ? -1 : 0;
        extra += item.res.rows - 1;
    }
    if (extra)
        stage_output_rows(st, st->counts.out + extra);
    joinspill_free(&s);
    return r;
}
