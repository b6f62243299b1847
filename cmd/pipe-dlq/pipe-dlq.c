/* pipe-dlq: look at dead letters, feed them to their stage again, remove them.
 */
#include "dlq_cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct args args;

static const char *const states[] = { "open", "replayed", "all", NULL };
static const char *const formats[] = { "text", "json", NULL };

static const struct opt rows[] = {
    { OPT_STRING, 0, "dlq", "URI", &args.dlq,
      "the dead letters: a folder (DIR/) or a file; default with --pipeline is "
      "its folder under the state",
      NULL, 0, 0, 0, COMPLETE_FILE, "PIPE_DLQ" },
    { OPT_GROUP, 0, "selection", NULL, NULL, "Selection", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "id", "PREFIX", &args.ids,
      "letters whose id starts so; an operand does the same", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "stage", "NAME", &args.stages,
      "letters of this stage, such as pipe-validate", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "code", "CODE", &args.codes,
      "letters with an error of this code, such as type", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "run", "ID", &args.runs, "letters of this run", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "since", "DATE|TIME", &args.since,
      "letters written then or later; a date from its first moment in --tz",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "until", "DATE|TIME", &args.until,
      "letters written then or earlier; a date to its last moment", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "state", "STATE", &args.state,
      "letters that are open, replayed, or all; default open, for stats and "
      "purge all",
      states, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "all", NULL, &args.all,
      "choose all letters: purge removes nothing without a selection", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "list", NULL, NULL, "For list, show, stats and purge", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "format", "FORMAT", &args.format,
      "how to print; default text on a terminal, json elsewhere", formats, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "purge", NULL, NULL, "For purge", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "older-than", "TIME", &args.older_than_ms,
      "letters written longer ago than TIME, such as 30d", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 'n', "dry-run", NULL, &args.dry_run,
      "print what would be removed, remove nothing", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "replay", NULL, NULL, "For replay", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "through", "CMD", &args.through,
      "feed all letters to CMD, run by bash, instead of the stage that "
      "rejected them",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "max-attempts", "N", &args.max_attempts,
      "leave letters that were rejected N times; default 5", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { 0 }
};

static const char notes[] =
    "  list    a line for each letter\n"
    "  show    letters whole\n"
    "  stats   how many, by pipeline, stage, code and day\n"
    "  purge   remove letters\n"
    "  replay  feed letters to the stage that rejected them, and what it "
    "passes\n"
    "          to the rest of the pipeline; then mark them as replayed";

static const char usage[] =
    "list|show|stats|purge|replay [OPTION...] [ID...] [-- 'REST OF PIPELINE']";

/* Only a replay that prints what passed is a stage that emits records. */
static const struct command looks = {
    .name = "pipe-dlq",
    .summary = "list, show, count, replay and purge dead letters",
    .usage = usage,
    .opts = rows,
    .flags = STAGE_OPERANDS | STAGE_DASHES,
    .notes = notes,
    .words = "list show stats purge replay",
};
static const struct command emits = {
    .name = "pipe-dlq",
    .summary = "list, show, count, replay and purge dead letters",
    .usage = usage,
    .opts = rows,
    .flags = STAGE_OPERANDS | STAGE_DASHES | STAGE_EMITS,
    .notes = notes,
    .words = "list show stats purge replay",
};

static const struct subcommand {
    const char *name;
    int (*run)(struct stage *st, const struct args *a);
} subcommands[] = {
    { "list", dlq_list },     { "show", dlq_show },
    { "stats", dlq_stats },   { "purge", dlq_purge_cmd },
    { "replay", dlq_replay },
};

/* The mark on stdout comes before the options are parsed. */
static const struct command *descriptor(int argc, char **argv)
{
    bool replay = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            return &looks;
        replay = replay || strcmp(argv[i], "replay") == 0;
    }
    return replay ? &emits : &looks;
}

/* Options of one subcommand mean nothing to the others. */
static int check_usage(struct stage *st, const char *name)
{
    bool purge = strcmp(name, "purge") == 0;
    bool replay = strcmp(name, "replay") == 0;
    const char *stray = !purge && args.older_than_ms   ? "--older-than"
                        : !purge && args.dry_run       ? "--dry-run"
                        : !replay && args.through      ? "--through"
                        : !replay && args.max_attempts ? "--max-attempts"
                        : replay && args.format        ? "--format"
                        : replay && args.state         ? "--state"
                        : !replay && st->rest          ? "--"
                                                       : NULL;
    if (stray)
        return err_set(&st->err, ERR_USAGE, "%s is not for '%s'", stray, name);
    if (replay && !st->rest && st->cmd == &looks)
        return err_set(&st->err, ERR_USAGE,
                       "the rest of the pipeline is wanted behind --");
    return 0;
}

static int run(struct stage *st)
{
    const char *name = st->argc ? st->argv[0] : "";
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
        if (strcmp(subcommands[i].name, name) != 0)
            continue;
        bool emits_records = (st->cmd->flags & STAGE_EMITS) != 0;
        if (check_usage(st, name) ||
            (!emits_records && output_fd(&st->out, STDOUT_FILENO, &st->err)))
            return -1;
        return subcommands[i].run(st, &args);
    }
    return err_set(&st->err, ERR_USAGE,
                   *name ? "unknown subcommand '%s': list, show, stats, purge "
                           "or replay is wanted"
                         : "a subcommand%s is wanted: list, show, stats, purge "
                           "or replay",
                   name);
}

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, descriptor(argc, argv), argc, argv) == 0)
        (void)run(&st);
    return stage_finish(&st);
}
