/* pipe-dlq: look at dead letters, feed them to their stage again, remove them.
 */
#include "dlq_cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct args args;

static const char *const states[] = { "open", "poison", "replayed", "all",
                                      NULL };
static const char *const formats[] = { "text", "json", "csv", "raw", NULL };
static const char *const words[] = { "ask", "committed", "lost", NULL };

#define GROUP(name, title)                                                   \
    {                                                                        \
        OPT_GROUP, 0, name, NULL, NULL, title, NULL, 0, 0, 0, COMPLETE_NONE, \
            NULL                                                             \
    }
#define ROW(kind, name, arg, dest, help)                                   \
    {                                                                      \
        kind, 0, name, arg, dest, help, NULL, 0, 0, 0, COMPLETE_NONE, NULL \
    }

/* clang-format off */
static const struct opt rows[] = {
    { OPT_STRING, 0, "dlq", "URI", &args.dlq,
      "the dead letters: a folder (DIR/) or a file; default with --pipeline is "
      "its folder under the state",
      NULL, 0, 0, 0, COMPLETE_FILE, "PIPE_DLQ" },
    GROUP("selection", "Selection"),
    ROW(OPT_LIST, "id", "PREFIX", &args.ids,
        "letters whose id starts so; an operand does the same"),
    ROW(OPT_LIST, "stage", "NAME", &args.stages,
        "letters of this stage, such as pipe-validate"),
    ROW(OPT_LIST, "code", "CODE", &args.codes,
        "letters with an error of this code, such as type"),
    ROW(OPT_LIST, "run", "ID", &args.runs, "letters of this run"),
    ROW(OPT_STRING, "since", "DATE|TIME", &args.since,
        "letters written then or later; a date from its first moment in --tz"),
    ROW(OPT_STRING, "until", "DATE|TIME", &args.until,
        "letters written then or earlier; a date to its last moment"),
    { OPT_CHOICE, 0, "state", "STATE", &args.state,
      "letters that are open, poison (open, and rejected too often), replayed, "
      "or all; default open, for stats, check and purge all",
      states, 0, 0, 0, COMPLETE_NONE, NULL },
    ROW(OPT_TIME, "older-than", "TIME", &args.older_than_ms,
        "letters written longer ago than TIME, such as 30d"),
    ROW(OPT_COUNT, "max-attempts", "N", &args.max_attempts,
        "a letter that was rejected N times is a poison pill: replay leaves "
        "it; default 5"),
    ROW(OPT_FLAG, "all", NULL, &args.all,
        "choose all letters: purge and edit change nothing without a "
        "selection"),
    GROUP("list", "Output"),
    { OPT_CHOICE, 0, "format", "FORMAT", &args.format,
      "how to print; default text on a terminal, json elsewhere; csv and raw "
      "are for export, whose default is json; the default of check is text",
      formats, 0, 0, 0, COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "by", "PART,...", &args.by,
        "for stats: what letters are counted by, of pipeline, stage, code and "
        "day, or none; default all four"),
    GROUP("purge", "For purge and edit"),
    ROW(OPT_COUNT, "keep", "N", &args.keep,
        "purge none of the newest N letters of the queue"),
    ROW(OPT_TIME, "floor", "TIME", &args.floor_ms,
        "purge nothing if open letters younger than this are chosen; default "
        "7d"),
    ROW(OPT_FLAG, "force", NULL, &args.force, "purge these, too"),
    { OPT_STEP, 0, "set", "FIELD=EXPR", &args.steps,
      "edit: set FIELD to the value of EXPR, as pipe-transform does", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_STEP, 0, "drop", "FIELD,...", &args.steps,
      "edit: take fields away", NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 'n', "dry-run", NULL, &args.dry_run,
      "print what would be removed or edited, change nothing", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    GROUP("check", "For check"),
    ROW(OPT_STRING, "max-open", "N", &args.max_open,
        "no more than N letters may be open"),
    ROW(OPT_STRING, "max-poison", "N", &args.max_poison,
        "no more than N letters may be poison pills"),
    ROW(OPT_TIME, "max-age", "TIME", &args.max_age_ms,
        "no letter may be open for longer"),
    ROW(OPT_STRING, "max-rate", "N/h", &args.max_rate,
        "no more than N letters may have been written in the last hour (/m: "
        "minute, /d: 24 hours)"),
    ROW(OPT_STRING, "per", "PART,...", &args.per,
        "judge each pipeline, stage, code or day for itself; default all "
        "together"),
    GROUP("replay", "For replay"),
    ROW(OPT_STRING, "through", "CMD", &args.through,
        "feed all letters to CMD, run by bash, instead of the stage that "
        "rejected them"),
    { OPT_CHOICE, 0, "unresolved", "WORD", &args.unresolved,
      "whether the load of a replay that died was committed: ask its ledger, "
      "or say committed or lost; default ask",
      words, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

/* A replay has the shared -o. */
static const struct opt output_rows[] = {
    { OPT_STRING, 'o', "output", "FILE", &args.output,
      "export: write to FILE, which appears whole or not at all", NULL, 0, 0, 0,
      COMPLETE_FILE, NULL },
    { 0 }
};
/* clang-format on */

static const struct opt *looks_more(size_t i)
{
    return i ? NULL : output_rows;
}

static const char notes[] =
    "  list    a line for each letter\n"
    "  show    letters whole\n"
    "  stats   how many, by pipeline, stage, code and day\n"
    "  check   fail if there are too many, or too old ones\n"
    "  export  letters for other programs\n"
    "  edit    mend records, in an editor or by --set and --drop\n"
    "  replay  feed letters to the stage that rejected them, and what it "
    "passes\n"
    "          to the rest of the pipeline; then mark them as replayed\n"
    "  purge   remove letters";

static const char usage[] = "list|show|stats|check|export|edit|replay|purge "
                            "[OPTION...] [ID...] [-- 'REST OF PIPELINE']";
static const char summary[] =
    "list, count, mend, replay and purge dead letters";
static const char subcommand_words[] =
    "list show stats check export edit replay purge";

/* Only a replay that prints what passed is a stage that emits records. */
static const struct command looks = {
    .name = "pipe-dlq",
    .summary = summary,
    .usage = usage,
    .opts = rows,
    .flags = STAGE_OPERANDS | STAGE_DASHES,
    .notes = notes,
    .words = subcommand_words,
    .more = looks_more,
};
static const struct command emits = {
    .name = "pipe-dlq",
    .summary = summary,
    .usage = usage,
    .opts = rows,
    .flags = STAGE_OPERANDS | STAGE_DASHES | STAGE_EMITS,
    .notes = notes,
    .words = subcommand_words,
};

enum {
    LIST = 1,
    SHOW = 2,
    STATS = 4,
    CHECK = 8,
    EXPORT = 16,
    EDIT = 32,
    REPLAY = 64,
    PURGE = 128
};

static const struct subcommand {
    const char *name;
    unsigned is;
    int (*run)(struct stage *st, const struct args *a);
} subcommands[] = {
    { "list", LIST, dlq_list },       { "show", SHOW, dlq_show },
    { "stats", STATS, dlq_stats },    { "check", CHECK, dlq_check },
    { "export", EXPORT, dlq_export }, { "edit", EDIT, dlq_edit_cmd },
    { "replay", REPLAY, dlq_replay }, { "purge", PURGE, dlq_purge_cmd },
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
static int check_usage(struct stage *st, const struct subcommand *s)
{
    bool tables = args.format && (strcmp(args.format, "csv") == 0 ||
                                  strcmp(args.format, "raw") == 0);
    bool text = args.format && strcmp(args.format, "text") == 0;
    bool feeds = args.state && strcmp(args.state, "open") != 0 &&
                 strcmp(args.state, "poison") != 0;
    const struct {
        const char *option;
        bool given;
        unsigned for_;
    } all[] = {
        { "--dry-run", args.dry_run, PURGE | EDIT },
        { "--keep", args.keep > 0, PURGE },
        { "--floor", args.floor_ms > 0, PURGE },
        { "--force", args.force, PURGE },
        { "--set and --drop", args.steps.n > 0, EDIT },
        { "--by", args.by != NULL, STATS },
        { "--per", args.per != NULL, CHECK },
        { "--max-open", args.max_open != NULL, CHECK },
        { "--max-poison", args.max_poison != NULL, CHECK },
        { "--max-age", args.max_age_ms > 0, CHECK },
        { "--max-rate", args.max_rate != NULL, CHECK },
        { "--through", args.through != NULL, REPLAY },
        { "--unresolved", args.unresolved != NULL, REPLAY },
        { "--output", args.output != NULL, EXPORT },
        { "--format", args.format != NULL, ~(unsigned)REPLAY },
        { "--format csv or raw", tables, EXPORT },
        { "--format text", text, ~(unsigned)EXPORT },
        { "--state replayed or all", feeds, ~(unsigned)(REPLAY | EDIT) },
        { "--", st->rest != NULL, REPLAY },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].given && !(all[i].for_ & s->is))
            return err_set(&st->err, ERR_USAGE, "%s is not for '%s'",
                           all[i].option, s->name);
    if (s->is == REPLAY && !st->rest && st->cmd == &looks)
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
        if (check_usage(st, &subcommands[i]) ||
            (!emits_records && output_fd(&st->out, STDOUT_FILENO, &st->err)))
            return -1;
        return subcommands[i].run(st, &args);
    }
    return err_set(&st->err, ERR_USAGE,
                   *name ? "unknown subcommand '%s': list, show, stats, check, "
                           "export, edit, replay or purge is wanted"
                         : "a subcommand%s is wanted: list, show, stats, "
                           "check, export, edit, replay or purge",
                   name);
}

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, descriptor(argc, argv), argc, argv) == 0)
        (void)run(&st);
    return stage_finish(&st);
}
