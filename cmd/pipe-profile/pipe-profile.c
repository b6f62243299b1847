/* pipe-profile: what a stream is made of, field by field. */
#include "profile_cmd.h"

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

static int profile(struct stage *st)
{
    static struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0)
        for (int i = 0; i < n; i++) {
            if (!pass)
                st->counts.out++;
            else if (stage_pass_record(st, &recs[i]))
                return -1;
        }
    if (n)
        return -1;
    return stage_settle(st);
}

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, &command, argc, argv) == 0)
        (void)(detect_asked() ? detect_run(&st) : profile(&st));
    return stage_finish(&st);
}
