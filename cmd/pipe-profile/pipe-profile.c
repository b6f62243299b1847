/* pipe-profile: what a stream is made of, field by field; whether that has
 * changed. */
#include "profile/summary.h"
#include "profile_cmd.h"

static bool pass, twins;
static uint64_t fields = PROFILE_FIELDS_DEFAULT,
                values = SUMMARY_VALUES_DEFAULT, memory;

#define PLAIN NULL, 0, 0, 0, COMPLETE_NONE, NULL

static const struct opt opts[] = {
    { OPT_FLAG, 'p', "pass", NULL, &pass,
      "write the records to stdout as they came, and the profile to --report",
      PLAIN },
    { OPT_COUNT, 0, "values", "N", &values,
      "list at most N values and N patterns of a field; default 50", NULL, 1,
      SUMMARY_VALUES_MOST, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "duplicates", NULL, &twins,
      "count the records that are the same as an earlier one, byte by byte",
      PLAIN },
    { OPT_COUNT, 0, "fields", "N", &fields,
      "tell at most N fields apart; default 1000", NULL, 1, PROFILE_FIELDS_MOST,
      0, COMPLETE_NONE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &memory,
      "go over to sketches earlier, and tell fewer fields apart, where values "
      "need more than about SIZE; with --detect, forget the series that were "
      "silent for longest; default 256M",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { 0 }
};

static const struct opt *more(size_t i)
{
    static const struct opt *const tables[] = { tell_options, drift_options,
                                                detect_options };
    return i < sizeof(tables) / sizeof(*tables) ? tables[i] : NULL;
}

static const struct command command = {
    .name = "pipe-profile",
    .summary = "describe what records are made of, and tell where it changes",
    .usage = "[OPTION...]",
    .opts = opts,
    .more = more,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_AHEAD,
};

struct job {
    struct profile *profile;
    struct summary now;
    struct drift drift;
    struct tell tell;
};

static int open_all(struct job *j, struct stage *st)
{
    struct profile_limits limits = { fields,
                                     memory ? memory : PROFILE_MEMORY_DEFAULT,
                                     twins };
    if (tell_open(&j->tell, st, pass) || drift_open(&j->drift, st))
        return -1;
    j->profile = profile_new(&limits, &st->err);
    return j->profile ? 0 : -1;
}

static int take(struct job *j, struct stage *st, const struct record *recs,
                int n)
{
    struct select_record picked[STAGE_BATCH];
    for (int i = 0; i < n; i++)
        picked[i] = (struct select_record){ recs[i].text, recs[i].shaped };
    if (profile_take(j->profile, picked, (size_t)n, &st->err))
        return -1;
    for (int i = 0; pass && i < n; i++)
        if (stage_pass_record(st, &recs[i]))
            return -1;
    if (!pass)
        st->counts.out += (uint64_t)n;
    return 0;
}

static int summarise(struct job *j, struct stage *st)
{
    struct drift *d = &j->drift;
    if (stage_settle(st) || profile_end(j->profile, &st->err) ||
        summary_fill(&j->now, j->profile, values, d->there ? &d->base : NULL,
                     &st->err))
        return -1;
    if (st->opts.pipeline)
        j->now.pipeline = str_of(st->opts.pipeline);
    if (st->opts.date)
        j->now.date = str_of(st->opts.date);
    return drift_compare(d, st, &j->now);
}

static int profile(struct job *j, struct stage *st)
{
    static struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0)
        if (take(j, st, recs, n))
            return -1;
    if (n < 0 || summarise(j, st))
        return -1;
    tell_facts(st, &j->now, &j->drift);
    return tell_profile(&j->tell, st, &j->now, &j->drift, pass) ||
                   drift_close(&j->drift, st, &j->now)
               ? -1
               : 0;
}

static int detect(struct job *j, struct stage *st)
{
    if (tell_open(&j->tell, st, false))
        return -1;
    if (pass || twins || j->tell.path.n || drift_asked())
        return err_set(&st->err, ERR_USAGE,
                       "--pass, --duplicates, --report and --baseline are for "
                       "profiles: they exclude --detect");
    return detect_run(st, memory ? memory : PROFILE_MEMORY_DEFAULT);
}

_Static_assert(STAGE_BATCH <= SELECT_BATCH, "a batch is taken at once");

int main(int argc, char **argv)
{
    struct stage st;
    struct job j = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0) {
        if (detect_asked())
            detect(&j, &st);
        else if (open_all(&j, &st) == 0)
            profile(&j, &st);
    }
    summary_free(&j.now);
    profile_free(j.profile);
    drift_free(&j.drift);
    tell_free(&j.tell);
    return stage_finish(&st);
}
