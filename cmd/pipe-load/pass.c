/* Target "-": the stream is held back until its end is known to be good. */
#include "load.h"

#include "table/spool.h"

#include <inttypes.h>

/* What loads a table means nothing here. */
static int check_usage(struct stage *st, const struct load_args *a)
{
    const struct {
        const char *name;
        bool given;
    } stray[] = {
        { "table", a->table },
        { "mode", a->mode },
        { "key", a->keys.n },
        { "partition", a->partition },
        { "range", a->range },
        { "all", a->all },
        { "create", a->create },
        { "schema", a->schema },
        { "decimal", a->decimals.n },
        { "audit", a->audit },
        { "batch", a->batch || a->batch_ms },
        { "format", a->format },
        { "compress", a->compress },
        { "partition-by", a->by.n },
        { "columns", a->csv_columns.n },
        { "cdc", a->cdc },
        { "spool", a->spool },
    };
    if (st->argc != 1)
        return err_set(&st->err, ERR_USAGE,
                       "unexpected operand '%s': one target URI is wanted",
                       st->argv[1]);
    for (size_t i = 0; i < sizeof(stray) / sizeof(*stray); i++)
        if (stray[i].given)
            return err_set(&st->err, ERR_USAGE,
                           "option --%s is not for target -: records pass as "
                           "they come",
                           stray[i].name);
    return 0;
}

static int hold(struct stage *st, struct spool *spool)
{
    struct record recs[STAGE_BATCH];
    uint64_t at;
    int n;
    while ((n = stage_next_batch(st, recs)) > 0)
        for (int i = 0; i < n; i++) {
            if (spool_add(spool, 0, recs[i].text, &at, &st->err))
                return -1;
            st->counts.out++;
        }
    return n;
}

static int let_go(struct stage *st, struct spool *spool)
{
    uint32_t number;
    uint64_t at;
    struct str text;
    int r = spool_rewind(spool, &st->err);
    while (r == 0 && (r = spool_next(spool, &number, &text, &at, &st->err)) > 0)
        r = stage_tick(st) || stage_emit(st, text) ? -1 : 0;
    return r;
}

int load_pass(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    struct spool spool;
    if (check_usage(st, a) || spool_open(&spool, a->tmpdir, &st->err))
        return -1;
    int r = hold(st, &spool);
    if (r == 0)
        r = load_judge_unknown(st, l, st->verdict) || stage_settle(st) ? -1 : 0;
    if (r == 0 && a->dry_run)
        stage_note(st, "dry run: would pass %" PRIu64 " records",
                   st->counts.out);
    else if (r == 0)
        r = let_go(st, &spool);
    spool_close(&spool);
    return r;
}
