/* Records set aside until the end of the input. */
#include "dedup.h"

int aside_begin(struct dedup *d)
{
    struct stage *st = d->st;
    if (d->o.keep == CONTEST_FIRST && st->opts.verbose)
        stage_note(st,
                   "keys fill the %llu MiB of --memory: from line %llu on new "
                   "ones wait in '%s' for the end of the input",
                   (unsigned long long)d->o.memory >> 20,
                   (unsigned long long)st->counts.in, d->o.tmpdir);
    d->aside = true;
    return spool_open(&d->spool, d->o.tmpdir, &st->err);
}

int aside_add(struct dedup *d, enum fate fate, struct str text,
              uint64_t *number)
{
    uint64_t at;
    *number = d->n_aside++;
    d->passed_aside += fate == FATE_STAYS;
    return spool_add(&d->spool, (uint32_t)fate, text, &at, &d->st->err);
}

static int tick(void *ctx)
{
    return stage_tick(ctx);
}

/* Whose key is known to be a duplicate's, or is not known yet, is counted
 * before anything is emitted: a stage that fails its reject threshold emits
 * nothing of what was set aside. */
static int settle(struct dedup *d, struct bits *stays)
{
    struct stage *st = d->st;
    /* The contest needs the memory. */
    wordset_free(&d->words);
    keyset_free(&d->seen);
    if (bits_init(stays, d->n_aside, d->o.memory / 16, d->o.tmpdir, &st->err) ||
        contest_settle(&d->contest, stays, tick, st, &st->err))
        return -1;
    if (st->opts.verbose && d->contest.deferred)
        stage_note(st, "%llu keys were parted on disk, %u level%s deep",
                   (unsigned long long)d->contest.deferred, d->contest.deepest,
                   d->contest.deepest == 1 ? "" : "s");
    uint64_t out = bits_count(stays) + d->passed_aside;
    st->counts.out += out;
    st->counts.duplicates += d->n_aside - out;
    return stage_settle(st);
}

static int emit(struct dedup *d, const struct bits *stays)
{
    struct stage *st = d->st;
    uint32_t fate;
    struct str text;
    uint64_t at, number = 0, duplicates = st->counts.duplicates;
    int r = spool_rewind(&d->spool, &st->err);
    while (r == 0 &&
           (r = spool_next(&d->spool, &fate, &text, &at, &st->err)) == 1) {
        bool kept = fate == FATE_STAYS ||
                    (fate == FATE_OPEN && bits_get(stays, number));
        number++;
        r = stage_tick(st) || (kept ? stage_emit(st, text) : drop(d, text)) ? -1
                                                                            : 0;
        if (r)
            return -1;
    }
    st->counts.duplicates = duplicates; /* counted in settle */
    return r;
}

int aside_emit(struct dedup *d)
{
    struct bits stays = { 0 };
    int r = settle(d, &stays) || emit(d, &stays) ? -1 : 0;
    bits_free(&stays);
    return r;
}
