/* pipe-profile: what a stream is made of, field by field. */
#include "profile_cmd.h"
#include "profile/profile.h"

static bool pass;

#define PLAIN NULL, 0, 0, 0, COMPLETE_NONE, NULL

static const struct opt opts[] = { { OPT_FLAG, 'p', "pass", NULL, &pass,
                                     "let the records pass to stdout", PLAIN },
                                   { 0 } };

static const struct opt *more(size_t i)
{
    static const struct opt *const tables[] = { detect_options };
    return i < sizeof(tables) / sizeof(*tables) ? tables[i] : NULL;
}

static const struct command command = {
    .name = "pipe-profile",
    .summary = "describe what records are made of, field by field",
    .usage = "[OPTION...]",
    .opts = opts,
    .more = more,
    .flags =
        STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_AHEAD | STAGE_GATHERS,
};

static int take(struct stage *st, struct profile *p, const struct record *recs,
                int n)
{
    struct select_record picked[STAGE_BATCH];
    for (int i = 0; i < n; i++)
        picked[i] = (struct select_record){ recs[i].text, recs[i].shaped };
    if (profile_take(p, picked, (size_t)n, &st->err))
        return -1;
    if (!pass)
        st->counts.out += (uint64_t)n;
    for (int i = 0; pass && i < n; i++)
        if (stage_pass_record(st, &recs[i]))
            return -1;
    return 0;
}

static int profile(struct stage *st)
{
    static struct record recs[STAGE_BATCH];
    struct profile_limits limits = { PROFILE_FIELDS_DEFAULT,
                                     PROFILE_MEMORY_DEFAULT, false };
    struct profile *p = profile_new(&limits, &st->err);
    int n = p ? 0 : -1;
    while (p && (n = stage_next_batch(st, recs)) > 0)
        if (take(st, p, recs, n)) {
            n = -1;
            break;
        }
    if (n == 0)
        n = profile_end(p, &st->err);
    if (n == 0)
        n = stage_settle(st);
    for (size_t i = 0; n == 0 && i < p->fields.n; i++) {
        struct buf b = { 0 };
        fields_path(&p->fields, (uint32_t)i, &b);
        fprintf(stderr, "%.*s %lu\n", (int)b.n, b.p,
                column_distinct(&p->fields.v[i]->column));
        buf_free(&b);
    }
    profile_free(p);
    return n;
}

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, &command, argc, argv) == 0)
        (void)(detect_asked() ? detect_run(&st) : profile(&st));
    return stage_finish(&st);
}
