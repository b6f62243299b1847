/* A run in batches: each is committed with its position in the input, and a
 * restart goes on behind the last one that was.
 *
 * The position is the number of bytes read and their hash, so that another
 * input under the same run id is noticed. */
#include "load.h"

#include <inttypes.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int other_input(struct stage *st, const struct load *l)
{
    return err_set(&st->err, ERR_DATA,
                   "run '%s' was loaded up to byte %" PRIu64
                   " of other records: going on would mix them (another "
                   "--run-id)",
                   st->opts.run_id, l->batch.at.input_bytes);
}

/* ---- going on ---- */

int batch_look(struct stage *st, struct load *l)
{
    struct batches *b = &l->batch;
    struct sink_position at = { 0 };
    if (l->sources.marked) { /* positions tell what is committed */
        b->looked = true;
        return 0;
    }
    if (!st->opts.run_id)
        return err_set(&st->err, ERR_USAGE,
                       "options --batch and --batch-time want --run-id: a "
                       "restart finds its batches by it");
    const struct sink_run run = {
        .pipeline = st->opts.pipeline ? st->opts.pipeline : "",
        .partition = buf_z(&l->partition),
        .run_id = st->opts.run_id,
    };
    if (!run.partition)
        return err_nomem(&st->err);
    if (sink_resume(l->sink, &run, &at, &st->err))
        return -1;
    if (b->looked) {
        if (at.found == b->at.found && at.input_bytes == b->at.input_bytes &&
            strcmp(at.input_hash, b->at.input_hash) == 0)
            return 0;
        return err_set(&st->err, ERR_TEMPFAIL,
                       "run '%s' is being loaded by another process",
                       run.run_id);
    }
    b->looked = true;
    b->at = at;
    b->skipping = at.input_bytes > 0;
    if (!b->skipping)
        return 0;
    /* Nobody need wait while what is known is read again. */
    l->begun = false;
    return sink_commit(l->sink, &st->err);
}

/* The records that came again are accounted for as they were then: what the
 * target refused stays refused, the rest is a duplicate. */
static void count_again(struct stage *st, struct batches *b)
{
    uint64_t refused = b->at.rejected > st->counts.rejected
                           ? b->at.rejected - st->counts.rejected
                           : 0;
    if (refused > st->counts.duplicates)
        refused = st->counts.duplicates;
    st->counts.rejected += refused;
    st->counts.duplicates -= refused;
    b->then = st->counts;
}

int batch_skip(struct stage *st, struct load *l, bool *done)
{
    struct batches *b = &l->batch;
    char hash[33];
    if (!b->looked && load_begin(st, l))
        return -1;
    b->records++;
    *done = b->skipping;
    if (!b->skipping)
        return 0;
    st->counts.duplicates++;
    if (l->bytes < b->at.input_bytes)
        return 0;
    load_hash(l, hash);
    if (l->bytes != b->at.input_bytes || strcmp(hash, b->at.input_hash) != 0)
        return other_input(st, l);
    b->skipping = false;
    count_again(st, b);
    return 0;
}

/* ---- committing ---- */

static int commit(struct stage *st, struct load *l)
{
    struct batches *b = &l->batch;
    enum verdict verdict;
    if (stage_judge_early(st, &verdict) || load_judge_unknown(st, l, verdict) ||
        load_apply(st, l) || stage_checkpoint(st))
        return -1;
    /* Nothing but rejects so far: whether the run holds is not known yet. */
    if (st->counts.rejected == st->counts.in)
        return 0;
    if (load_settle(st, l) || sources_committed(&l->sources, &st->err))
        return -1;
    l->begun = false;
    b->at.found = true;
    b->at.input_bytes = l->bytes;
    load_hash(l, b->at.input_hash);
    b->then = st->counts;
    b->open = 0;
    return 0;
}

/* Is it the middle of what has one position, as the transaction of a change
 * stream, or a cursor in no order? It would be read again from its beginning,
 * and what is committed of it would come twice. */
static bool is_within(const struct load *l)
{
    return l->sources.marked && l->sources.within;
}

int batch_written(struct stage *st, struct load *l)
{
    struct batches *b = &l->batch;
    const struct load_args *a = l->args;
    if (b->open++ == 0 && a->batch_ms)
        b->since = clock_us();
    bool full = a->batch && b->open >= a->batch;
    bool late =
        a->batch_ms && clock_us() - b->since >= (int64_t)a->batch_ms * 1000;
    return (full || late) && !is_within(l) ? commit(st, l) : 0;
}

/* There is nothing to read: waits as long as the batch may, then commits. */
static int on_idle(void *context, struct err *e)
{
    struct load *l = context;
    struct stage *st = l->st;
    struct batches *b = &l->batch;
    if (!b->open || !l->args->batch_ms || is_within(l))
        return 0;
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    int64_t left = (int64_t)l->args->batch_ms - (clock_us() - b->since) / 1000;
    int ready = 0;
    if (left > 0)
        ready = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
    if (stage_stopping())
        return err_set(e, ERR_TEMPFAIL, "interrupted");
    if (ready != 0 || left > 1000000)
        return 0;
    int r = commit(st, l);
    if (r && e != &st->err)
        *e = st->err;
    return r;
}

void batch_start(struct stage *st, struct load *l)
{
    l->batch.on = l->spec.batches && !l->args->dry_run;
    if (!l->batch.on || !l->args->batch_ms)
        return;
    st->on_idle = on_idle;
    st->idle_context = l;
}

int batch_end(struct stage *st, struct load *l, bool *done)
{
    struct batches *b = &l->batch;
    if (!b->looked && !st->opts.run_id) {
        *done = true; /* nothing came that there could be batches of */
        return 0;
    }
    if (!b->looked && load_begin(st, l))
        return -1;
    if (b->skipping)
        return other_input(st, l);
    *done = b->at.found && b->open == 0;
    if (*done && st->counts.out == 0)
        stage_note(st, "run '%s' was loaded already: nothing changed",
                   st->opts.run_id);
    return 0;
}
