/* pipe-report: what ran, what failed, what is late. */
#include "report_cmd.h"

#include <string.h>
#include <unistd.h>

static struct args args;

static const char *const formats[] = { "text", "json", "dot", NULL };
static const char *const levels[] = { "debug", "info", "warn", "error", NULL };

static const struct opt rows[] = {
    { OPT_STRING, 0, "config", "DIR", &args.config,
      "the folder of pipeline files; default CONFIGURATION_DIRECTORY, else "
      "/etc/pipeutils",
      NULL, 0, 0, 0, COMPLETE_DIR, "PIPE_CONFIG" },
    { OPT_CHOICE, 0, "format", "FORMAT", &args.format,
      "how to print; default text on a terminal, json elsewhere; show, logs "
      "and check print text; dot, for Graphviz, is for impact",
      formats, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "now", "TIME", &args.now,
      "judge as if it were that time (RFC 3339)", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_GROUP, 0, "history", NULL, NULL, "For history and html", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "since", "DATE|TIME", &args.since,
      "runs that began then or later; a date from its first moment in --tz",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "until", "DATE|TIME", &args.until,
      "runs that began then or earlier; a date to its last moment", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "last", "N", &args.last,
      "the newest N; for history 20, with --since or --until all", NULL, 1, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "outcome", "OUTCOME", &args.outcomes,
      "runs that ended so, such as failed; repeatable", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "logs", NULL, NULL, "For logs", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "level", "LEVEL", &args.level,
      "lines of that level or a graver one", levels, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_LIST, 0, "stage", "NAME", &args.stages,
      "lines of that stage, such as pipe-load; repeatable", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 'f', "follow", NULL, &args.follow,
      "go on until the run is over", NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "check", NULL, NULL, "For check, restore and prune", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 'n', "dry-run", NULL, &args.dry_run,
      "change nothing: tell nobody; only verify the backup; print what would "
      "be removed",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "impact", NULL, NULL, "For impact", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 'u', "upstream", NULL, &args.upstream,
      "what the dataset was made of, in place of what it has reached", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "html", NULL, NULL, "For html and backup", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 'o', "output", "FILE", &args.output,
      "write into FILE, which appears when it is whole; for html else stdout",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_GROUP, 0, "backup", NULL, NULL, "For backup and restore", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "include", "DB", &args.include,
      "a database of SQLite elsewhere, to keep or to put back, too; "
      "repeatable",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_FLAG, 0, "force", NULL, &args.force, "replace what is there", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const char notes[] =
    "  history  a line for each run; what is printed without a subcommand\n"
    "  show     one run whole\n"
    "  logs     what the stages of a run said\n"
    "  check    what is late, failed or off: a line each, and exit 65; "
    "nothing\n"
    "           and 0 when all is well\n"
    "  impact   what a dataset or a column of it has reached, by --lineage\n"
    "  html     one page of all of it, for a browser\n"
    "  backup   all state as one file\n"
    "  restore  all state from such a file\n"
    "  prune    removes runs, logs and dead letters that are old enough\n"
    "\n"
    "A RUN is a run id, the start of one, a pipeline's name (its last run) or\n"
    "'last'.";

static const struct command command = {
    .name = "pipe-report",
    .summary = "show what ran, what failed and what is late",
    .usage = "[history|show|logs|check|impact|html|backup|restore|prune] "
             "[OPTION...] "
             "[PIPELINE|RUN|DATASET|FILE...]",
    .opts = rows,
    .flags = STAGE_OPERANDS,
    .notes = notes,
    .words = "history show logs check impact html backup restore prune",
};

/* A subcommand, and which options are its own. */
enum {
    HISTORY = 1,
    SHOW = 2,
    LOGS = 4,
    CHECK = 8,
    HTML = 16,
    BACKUP = 32,
    RESTORE = 64,
    PRUNE = 128,
    IMPACT = 256
};

static const struct subcommand {
    const char *name;
    unsigned bit;
    int (*run)(struct stage *st, const struct args *a);
} subcommands[] = {
    { "history", HISTORY, report_history },
    { "show", SHOW, report_show },
    { "logs", LOGS, report_logs },
    { "check", CHECK, report_check },
    { "impact", IMPACT, report_impact },
    { "html", HTML, report_html },
    { "backup", BACKUP, report_backup },
    { "restore", RESTORE, report_restore },
    { "prune", PRUNE, report_prune },
};

/* Options of one subcommand mean nothing to the others. */
static int check_usage(struct stage *st, const struct subcommand *s)
{
    const struct {
        bool given;
        const char *name;
        unsigned of;
    } uses[] = {
        { args.since, "--since", HISTORY | HTML | IMPACT },
        { args.until, "--until", HISTORY | HTML },
        { args.last != 0, "--last", HISTORY | HTML },
        { args.outcomes.n != 0, "--outcome", HISTORY },
        { args.output, "--output", HTML | BACKUP },
        { args.include.n != 0, "--include", BACKUP | RESTORE },
        { args.force, "--force", RESTORE },
        { args.level, "--level", LOGS },
        { args.stages.n != 0, "--stage", LOGS },
        { args.follow, "--follow", LOGS },
        { args.dry_run, "--dry-run", CHECK | RESTORE | PRUNE },
        { args.now, "--now", HISTORY | CHECK | HTML | PRUNE },
        { args.format, "--format", HISTORY | SHOW | LOGS | CHECK | IMPACT },
        { args.format && strcmp(args.format, "dot") == 0, "--format dot",
          IMPACT },
        { args.upstream, "--upstream", IMPACT },
    };
    for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++)
        if (uses[i].given && !(uses[i].of & s->bit))
            return err_set(&st->err, ERR_USAGE, "%s is not for '%s'",
                           uses[i].name, s->name);
    return 0;
}

static int run(struct stage *st)
{
    const char *name = st->argc ? st->argv[0] : "history";
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
        const struct subcommand *s = &subcommands[i];
        if (strcmp(s->name, name) != 0)
            continue;
        if (check_usage(st, s) || output_fd(&st->out, STDOUT_FILENO, &st->err))
            return -1;
        return s->run(st, &args);
    }
    return err_set(&st->err, ERR_USAGE,
                   "unknown subcommand '%s': one of %s is wanted", name,
                   command.words);
}

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, &command, argc, argv) == 0)
        (void)run(&st);
    return stage_finish(&st);
}
