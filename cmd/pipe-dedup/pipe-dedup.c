/* pipe-dedup: keep one record of each key. */
#include "dedup.h"

#include "lineage/colmap.h"

#include <stdlib.h>

static struct opt_list key_lists;
static const char *keep = "first", *null_key = "reject";
static const char *duplicates, *tmpdir = "/tmp";
static uint64_t memory;
static const char *time_field, *late = "reject";
static uint64_t window_ms, lateness_ms = UINT64_MAX; /* not given */

static const char *approx;
static uint64_t expect;
static const char *state, *state_doubt = "refuse";
static uint64_t state_ttl_ms;

static const char *const doubts[] = { "refuse", "keep", "forget", NULL };
static const char *const lates[] = { "reject", "pass", "drop", NULL };
static const char *const null_keys[] = { "reject", "pass", "group", NULL };

static const struct opt opts[] = {
    { OPT_LIST, 'k', "key", "FIELD[,FIELD...]", &key_lists,
      "fields that make the key, repeatable; default the whole record by value",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "keep", "WHICH", &keep,
      "which record of a key to keep: first, last, max:FIELD or min:FIELD; "
      "default first",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "null-key", "HOW", &null_key,
      "what becomes of a record with a null or missing key part; default "
      "reject",
      null_keys, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "duplicates", "FILE", &duplicates,
      "write the dropped records to FILE, which appears whole or not at all",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &memory,
      "keep keys past SIZE on disk; default half of the machine's memory", NULL,
      1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { OPT_STRING, 0, "tmpdir", "DIR", &tmpdir,
      "where records and keys are set aside; default /tmp", NULL, 0, 0, 0,
      COMPLETE_DIR, "TMPDIR" },
    { OPT_GROUP, 0, "approx", NULL, NULL, "Not exact", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "approx", "ERROR", &approx,
      "take a new key for a duplicate with this probability at most, such as "
      "1e-6, and need less memory",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "expect", "N", &expect,
      "make room for N keys at once; for --approx, default 1000000", NULL, 1,
      (uint64_t)1 << 40, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "streams", NULL, NULL, "On streams", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "window", "DURATION", &window_ms,
      "drop a record only if one of its key passed less than DURATION of event "
      "time away, and forget keys that are older",
      NULL, 1, (uint64_t)36500 * 86400 * 1000, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "time", "FIELD", &time_field,
      "the event time, an RFC 3339 time; for --window", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "lateness", "DURATION", &lateness_ms,
      "how far behind the latest event time a record may come; default that of "
      "--window",
      NULL, 0, (uint64_t)36500 * 86400 * 1000, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "late", "HOW", &late,
      "what becomes of a record that comes later; default reject", lates, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "runs", NULL, NULL, "Across runs", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "state", "FILE", &state,
      "drop records whose key an earlier run has loaded, by FILE; under "
      "pipe-run",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_TIME, 0, "state-ttl", "DURATION", &state_ttl_ms,
      "forget keys that were first seen longer ago; default never", NULL, 1,
      (uint64_t)36500 * 86400 * 1000, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "state-doubt", "HOW", &state_doubt,
      "the keys of an earlier run of which nobody can tell whether it was "
      "committed; default refuse",
      doubts, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-dedup",
    .summary = "keep one record of each key: the first, the last or the best",
    .usage = "[OPTION...] [-k FIELD[,FIELD...]]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_AHEAD,
};

static int read_keep(struct dedup_opts *o, struct err *e)
{
    static const struct {
        const char *name;
        enum contest_rule rule;
    } rules[] = { { "first", CONTEST_FIRST },
                  { "last", CONTEST_LAST },
                  { "max:", CONTEST_MAX },
                  { "min:", CONTEST_MIN } };
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        size_t n = strlen(rules[i].name);
        bool by = rules[i].name[n - 1] == ':';
        if (by ? strncmp(keep, rules[i].name, n) : strcmp(keep, rules[i].name))
            continue;
        o->keep = rules[i].rule;
        o->by = by ? keep + n : NULL;
        return !by || *o->by
                   ? 0
                   : err_set(e, ERR_USAGE, "--keep '%s' names no field", keep);
    }
    return err_set(e, ERR_USAGE,
                   "--keep '%s' is none of first, last, max:FIELD, min:FIELD",
                   keep);
}

/* --window and what belongs to it. */
static int read_window(struct dedup_opts *o, struct err *e)
{
    o->window_ms = window_ms;
    o->lateness_ms = lateness_ms == UINT64_MAX ? window_ms : lateness_ms;
    o->time = time_field;
    o->late = *late == 'r' ? LATE_REJECT : *late == 'p' ? LATE_PASS : LATE_DROP;
    if (!window_ms && (time_field || lateness_ms != UINT64_MAX || *late != 'r'))
        return err_set(e, ERR_USAGE,
                       "--time, --lateness and --late are for --window");
    if (window_ms && !time_field)
        return err_set(e, ERR_USAGE, "--window needs --time FIELD");
    if (window_ms && o->keep != CONTEST_FIRST)
        return err_set(e, ERR_USAGE,
                       "--window keeps the first: --keep %s waits for an end",
                       keep);
    return 0;
}

/* --state and what belongs to it. */
static int read_state(struct dedup_opts *o, struct err *e)
{
    o->state = state;
    o->ttl_ms = state_ttl_ms;
    o->doubt = *state_doubt == 'r'   ? DOUBT_REFUSE
               : *state_doubt == 'k' ? DOUBT_KEEP
                                     : DOUBT_FORGET;
    if (!state && (state_ttl_ms || o->doubt != DOUBT_REFUSE))
        return err_set(e, ERR_USAGE,
                       "--state-ttl and --state-doubt are for --state");
    if (state && (o->keep != CONTEST_FIRST || o->window_ms))
        return err_set(e, ERR_USAGE,
                       "--state keeps the first of all: it excludes --keep %s",
                       o->window_ms ? "first with --window" : keep);
    return 0;
}

/* --approx and what belongs to it. */
static int read_approx(struct dedup_opts *o, struct err *e)
{
    char *end;
    o->expect = expect ? expect : 1000000;
    if (!approx)
        return expect ? err_set(e, ERR_USAGE, "--expect is for --approx") : 0;
    o->error = strtod(approx, &end);
    if (end == approx || *end || !(o->error >= 1e-15 && o->error <= 0.5))
        return err_set(e, ERR_USAGE,
                       "--approx '%s' is no probability from 1e-15 to 0.5",
                       approx);
    if (o->keep != CONTEST_FIRST || o->window_ms || o->state)
        return err_set(e, ERR_USAGE,
                       "--approx keeps the first: it excludes --window, "
                       "--state and other --keep");
    return 0;
}

static int read_opts(struct stage *st, struct dedup_opts *o)
{
    o->keys = &key_lists;
    o->null_key = *null_key == 'r'   ? NULL_REJECT
                  : *null_key == 'p' ? NULL_PASS
                                     : NULL_GROUP;
    o->duplicates = duplicates;
    o->tmpdir = tmpdir;
    o->memory = memory ? memory : budget_default();
    return read_keep(o, &st->err) || read_window(o, &st->err) ||
                   read_state(o, &st->err) || read_approx(o, &st->err)
               ? -1
               : 0;
}

static int open_dropped(struct dedup *d)
{
    struct stage *st = d->st;
    struct buf path = { .max = 65536 };
    int r = stage_expand(st, &path, d->o.duplicates);
    if (r == 0 && st->out.path && str_eq(buf_str(&path), str_of(st->out.path)))
        r = err_set(&st->err, ERR_USAGE,
                    "--duplicates and --output name one file, '%s'",
                    st->out.path);
    if (r == 0)
        r = buf_z(&path) ? output_file(&d->dropped, path.p, &st->err)
                         : err_nomem(&st->err);
    buf_free(&path);
    return r;
}

static int prepare(struct dedup *d)
{
    struct stage *st = d->st;
    struct dedup_opts *o = &d->o;
    if (read_opts(st, o))
        return -1;
    d->budget.max = o->memory - o->memory / 8; /* the rest is for parts */
    if (fieldkey_init(&d->key, o->keys->v, o->keys->n, &st->err) ||
        (o->by && fieldkey_also(&d->key, o->by, &d->also, &st->err)) ||
        (o->time && (path_parse(&d->time, str_of(o->time), &st->err) ||
                     fieldkey_also(&d->key, o->time, &d->also, &st->err))) ||
        (o->duplicates && open_dropped(d)))
        return -1;
    if (o->error > 0)
        return bloom_init(&d->bloom, o->error, o->expect, &d->budget, &st->err);
    if (o->state && state_begin(d))
        return -1;
    if (o->window_ms) {
        window_begin(d);
        return 0;
    }
    contest_init(&d->contest, o->keep, &d->budget, o->memory, o->tmpdir);
    if (o->keep == CONTEST_FIRST)
        return fieldkey_use_words(&d->key, &st->err);
    d->keys = &d->contest.keys;
    return aside_begin(d);
}

/* For lineage: which fields decide about records. */
static void trace(const struct dedup *d)
{
    struct colmap *map = stage_colmap(d->st);
    struct path *list;
    struct buf name = { .max = 65536 };
    struct err ignored;
    size_t n;
    for (size_t i = 0; map && i < d->o.keys->n + 2; i++) {
        const char *text = i < d->o.keys->n    ? d->o.keys->v[i]
                           : i == d->o.keys->n ? d->o.by
                                               : d->o.time;
        if (!text || path_list_parse(&list, &n, str_of(text), &ignored))
            continue;
        for (size_t k = 0; k < n; k++) {
            buf_reset(&name);
            (void)colmap_spell(&name, &list[k]);
            colmap_decide(map, buf_str(&name),
                          i < d->o.keys->n  ? COLMAP_FILTER
                          : text == d->o.by ? COLMAP_SORT
                                            : COLMAP_WINDOW);
        }
        path_list_free(list, n);
    }
    buf_free(&name);
}

static int dedup(struct dedup *d)
{
    static struct record recs[STAGE_BATCH];
    struct stage *st = d->st;
    int n;
    trace(d);
    while ((n = stage_next_batch(st, recs)) > 0) {
        if (key_batch(d, recs, (size_t)n))
            return -1;
        for (int i = 0; i < n; i++)
            if (judge(d, &recs[i], &d->batch[i]))
                return -1;
    }
    if (n == 0 && d->aside)
        n = aside_emit(d);
    if (n == 0 && d->o.error > 0)
        stage_note(st,
                   "not exact: a record in %.3g may have been dropped that was "
                   "no duplicate",
                   1 / d->o.error);
    if (n == 0 && d->o.state)
        n = state_end(d);
    if (d->late && st->opts.verbose)
        stage_note(st, "%llu records came too late",
                   (unsigned long long)d->late);
    /* The side file appears only if the stage is going to end well. */
    if (n == 0 && d->o.duplicates)
        n = stage_settle(st) || output_commit(&d->dropped, &st->err) ? -1 : 0;
    return n;
}

static void release(struct dedup *d)
{
    fieldkey_free(&d->key);
    wordset_free(&d->words);
    keyset_free(&d->seen);
    contest_free(&d->contest);
    spool_close(&d->spool);
    output_close(&d->dropped);
    bloom_free(&d->bloom);
    recent_free(&d->recent);
    seen_close(&d->seen_keys);
    path_free(&d->time);
    buf_free(&d->text);
    buf_free(&d->pointer);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct dedup d = { .st = &st,
                       .spool.fd = -1,
                       .spool.out.fd = -1,
                       .dropped.fd = -1,
                       .seen_keys.lock = -1 };
    wordset_init(&d.words, &d.budget);
    keyset_init_unnumbered(&d.seen, &d.budget);
    contest_init(&d.contest, CONTEST_FIRST, &d.budget, 0, "");
    recent_init(&d.recent, 0, 0);
    d.keys = &d.seen;
    if (stage_start(&st, &command, argc, argv) == 0 && prepare(&d) == 0)
        dedup(&d);
    release(&d);
    return stage_finish(&st);
}
