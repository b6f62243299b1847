/* Start and finish of every command. */
#include "stage/stage.h"

#include "base/date.h"
#include "json/check.h"
#include "stage/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

volatile sig_atomic_t stage_signal;

/* ---- signals ---- */

static void on_stop(int sig)
{
    if (stage_signal == 0)
        stage_signal = sig;
    /* The signal may have come just before a blocking call: go on knocking. */
    struct itimerval every = { { 0, 50000 }, { 0, 50000 } };
    setitimer(ITIMER_REAL, &every, NULL);
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void catch_signals(void)
{
    struct sigaction stop = { .sa_handler = on_stop,
                              .sa_flags = (int)SA_RESETHAND };
    struct sigaction knock = { .sa_handler = on_alarm };
    struct sigaction old;
    sigaction(SIGALRM, &knock, NULL);
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    for (size_t i = 0; i < 3; i++)
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &stop, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed reader shows as EPIPE */
    /* A file past its limit shows as EFBIG; a program that is started gets the
     * default back, as it would not if this were ignored. */
    sigaction(SIGXFSZ, &knock, NULL);
}

bool stage_stopping(void)
{
    return stage_signal != 0;
}

static void die_by(int sig)
{
    struct itimerval off = { 0 };
    setitimer(ITIMER_REAL, &off, NULL);
    signal(sig, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(sig);
}

/* ---- shared options ---- */

static struct stage_opts shared; /* option rows need fixed addresses */

static const char *const log_choices[] = { "text", "json", NULL };

static const struct opt rows_output[] = {
    { OPT_STRING, 'o', "output", "FILE", &shared.output,
      "write to FILE instead of stdout; it appears whole or not at all", NULL,
      0, 0, 0, COMPLETE_FILE, NULL },
    { 0 }
};

static const struct opt rows_rejects[] = {
    { OPT_GROUP, 0, "rejects", NULL, NULL, "Rejected records", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "dlq", "URI", &shared.dlq,
      "keep rejected records as dead letters in a folder (DIR/) or a file; "
      "'none' for none; default with --pipeline is a folder under the state",
      NULL, 0, 0, 0, COMPLETE_FILE, "PIPE_DLQ" },
    { OPT_STRING, 0, "max-reject", "N|P%", &shared.max_reject,
      "fail with 65 when more than N records, or P percent of them, are "
      "rejected; default 0, with dead letters 5%",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_MAX_REJECT" },
    { OPT_COUNT, 0, "min-sample", "N", &shared.min_sample,
      "judge a share of rejects only from N records on, or at the end where "
      "--max-reject is given; default 100",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_MIN_SAMPLE" },
    { OPT_SIZE, 0, "max-record", "SIZE", &shared.max_record,
      "reject records longer than SIZE; default 16M", NULL, 2,
      (uint64_t)1 << 30, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "max-depth", "N", &shared.max_depth,
      "reject records nested deeper than N; default 256", NULL, 1,
      JSON_DEPTH_MAX, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct opt rows_lanes[] = {
    { OPT_COUNT, 'j', "jobs", "N", &shared.jobs,
      "work with N threads, in the order of the input; default 1", NULL, 1,
      STAGE_JOBS_MAX, 0, COMPLETE_NONE, "PIPE_JOBS" },
    { 0 }
};

static const struct opt rows_ahead[] = {
    { OPT_COUNT, 'j', "jobs", "N", &shared.jobs,
      "with 2 or more, read ahead in a second thread; by default where stdin "
      "is "
      "a large file, no pipe follows and there is a second processor",
      NULL, 1, STAGE_JOBS_MAX, 0, COMPLETE_NONE, "PIPE_JOBS" },
    { 0 }
};

static bool want_help, want_version; /* taken before parsing; rows document */

static const struct opt rows_common[] = {
    { OPT_GROUP, 0, "common", NULL, NULL, "Common options", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "pipeline", "NAME", &shared.pipeline,
      "name of the pipeline, for logs, dead letters and the ledger", NULL, 0, 0,
      0, COMPLETE_NONE, "PIPE_PIPELINE" },
    { OPT_STRING, 0, "run-id", "ID", &shared.run_id, "identity of the run",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_RUN_ID" },
    { OPT_STRING, 0, "date", "DATE", &shared.date,
      "the day the run is for (YYYY-MM-DD; also an hour, YYYY-MM-DDThh, a "
      "week, "
      "YYYY-Www, a month, YYYY-MM); fills {date}, {start} and {end}",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_DATE" },
    { OPT_STRING, 0, "tz", "ZONE", &shared.tz,
      "time zone of days and of times without a zone; default UTC", NULL, 0, 0,
      0, COMPLETE_NONE, "PIPE_TZ" },
    { OPT_STRING, 0, "metrics", "DIR|URL", &shared.metrics,
      "add the run's metrics to a *.prom file in DIR, for Prometheus, or push "
      "them to a Pushgateway",
      NULL, 0, 0, 0, COMPLETE_DIR, "PIPE_METRICS" },
    { OPT_TIME, 0, "metrics-every", "TIME", &shared.metrics_every,
      "write them to the file also so often while a stream runs; 0s: at the "
      "end only; default 15s",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_METRICS_EVERY" },
    { OPT_STRING, 0, "lineage", "FILE|URL", &shared.lineage,
      "append the run's OpenLineage events to FILE, or post them to URL; "
      "default OPENLINEAGE_URL, where that is set",
      NULL, 0, 0, 0, COMPLETE_FILE, "PIPE_LINEAGE" },
    { OPT_CHOICE, 0, "log", "FORMAT", &shared.log,
      "how to write to stderr; json also prints the counts at the end",
      log_choices, 0, 0, 0, COMPLETE_NONE, "PIPE_LOG" },
    { OPT_FLAG, 'q', "quiet", NULL, &shared.quiet,
      "no progress, no notes: only failures", NULL, 0, 0, 1, COMPLETE_NONE,
      NULL },
    { OPT_FLAG, 'v', "verbose", NULL, &shared.verbose,
      "print the counts at the end", NULL, 0, 0, 1, COMPLETE_NONE, NULL },
    { OPT_FLAG, 'h', "help", NULL, &want_help, "print this help", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "version", NULL, &want_version, "print the version", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct opt rows_heading[] = { { OPT_GROUP, 0, "options", NULL,
                                             NULL, "Options", NULL, 0, 0, 0,
                                             COMPLETE_NONE, NULL },
                                           { 0 } };

/* Behind groups of a command's own. */
static const struct opt rows_shared_heading[] = {
    { OPT_GROUP, 0, "common", NULL, NULL, "Common to all tools", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { 0 }
};

/* Tables of our own, headings counted. */
#define TABLES_SHARED 7

static void build_tables(struct stage *st)
{
    const struct opt **t = st->priv->tables;
    *t++ = rows_heading;
    if (st->cmd->opts)
        *t++ = st->cmd->opts;
    const struct opt *more;
    for (size_t i = 0; st->cmd->more && (more = st->cmd->more(i)); i++)
        if (t < st->priv->tables + OPT_TABLES_MAX - TABLES_SHARED)
            *t++ = more;
    if (st->cmd->more &&
        (st->cmd->flags & (STAGE_EMITS | STAGE_LANES | STAGE_AHEAD)))
        *t++ = rows_shared_heading;
    if (st->cmd->flags & STAGE_EMITS)
        *t++ = rows_output;
    if (st->cmd->flags & STAGE_LANES)
        *t++ = rows_lanes;
    if (st->cmd->flags & STAGE_AHEAD)
        *t++ = rows_ahead;
    if (st->cmd->flags & STAGE_REJECTS)
        *t++ = rows_rejects;
    *t++ = rows_common;
    *t = NULL;
}

/* ---- help ---- */

/* Up to a space that is in no brackets. */
static int usage_part(const char *s)
{
    int n = 0, open = 0;
    for (; s[n] && (s[n] != ' ' || open > 0); n++)
        open += (s[n] == '[') - (s[n] == ']');
    return n;
}

/* The usage, broken between its parts where it is too long for a line. */
static void print_usage(const struct command *c)
{
    int indent = printf("Usage: %s", c->name);
    int column = indent;
    for (const char *word = c->usage; *word;) {
        int n = usage_part(word);
        if (column > indent && column + 1 + n > 80)
            column = printf("\n%*s", indent, "") - 1;
        column += printf(" %.*s", n, word);
        word += n + (word[n] == ' ');
    }
    putchar('\n');
}

static void print_help(struct stage *st)
{
    const struct command *c = st->cmd;
    print_usage(c);
    printf("%c%s.\n",
           c->summary[0] >= 'a' && c->summary[0] <= 'z' ? c->summary[0] - 32
                                                        : c->summary[0],
           c->summary + 1);
    opt_print_help(stdout, st->priv->tables);
    if (c->notes)
        printf("\n%s\n", c->notes);
    printf("\nManual: man %s\n", c->name);
}

/* The usage words as mdoc, taken literally. */
static void print_synopsis(struct stage *st)
{
    printf(".Nm %s\n", st->cmd->name);
    for (const char *p = st->cmd->usage; *p; p++) {
        if (p == st->cmd->usage && (*p == '.' || *p == '\''))
            fputs("\\&", stdout);
        if (*p == '-')
            fputs("\\-", stdout);
        else if (*p == '\\')
            fputs("\\e", stdout);
        else
            putchar(*p);
    }
    putchar('\n');
}

/* --help, --help=WHAT and --version work beside any other words. Returns true
 * if one was there. */
static bool print_wanted(struct stage *st, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--version") == 0)
            printf("%s (pipeutils) %s\n", st->cmd->name, PIPE_VERSION);
        else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)
            print_help(st);
        else if (strcmp(a, "--help=man") == 0)
            opt_print_man(stdout, st->priv->tables);
        else if (strcmp(a, "--help=synopsis") == 0)
            print_synopsis(st);
        else if (strcmp(a, "--help=completion") == 0)
            opt_print_completion(stdout, st->priv->tables, st->cmd->name,
                                 st->cmd->operands, st->cmd->words);
        else
            continue;
        if (fflush(stdout) != 0 || ferror(stdout))
            err_sys(&st->err, ERR_IO, errno, "cannot write 'stdout'");
        st->finished = true;
        return true;
    }
    return false;
}

/* ---- start ---- */

/* A descriptor 0, 1 or 2 that is closed would be taken by the next open; its
 * reads or writes have to fail instead. */
static void hold_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* A replay runs the command line of the run that rejected its records: where
 * that one wrote, how many rejects it allowed and who it was are not meant for
 * this one. */
static void forget_first_run(struct stage *st)
{
    const char *run_id = getenv("PIPE_RUN_ID");
    st->opts.output = NULL;
    st->opts.max_reject = "100%";
    if (run_id && *run_id)
        st->opts.run_id = run_id;
}

static int check_shared(struct stage *st)
{
    st->opts = shared;
    if (dlq_replaying())
        forget_first_run(st);
    if (shared.tz && !tz_known(shared.tz))
        return err_set(&st->err, ERR_USAGE,
                       "option --tz: '%s' is not a known time zone", shared.tz);
    return where_interval(st) || where_pipeline(st) ? -1 : 0;
}

/* Sorts by time, and no two processes share it. */
static void make_run_id(struct stage *st)
{
    struct stage_private *p = st->priv;
    st->run_id = st->opts.run_id;
    if (st->run_id && st->run_id == getenv("PIPE_RUN_ID") && gate_made_run_id())
        st->opts.run_id = NULL; /* a name, not an identity */
    if (st->run_id)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(p->run_id, sizeof(p->run_id), "%Y%m%dT%H%M%SZ", &tm);
    snprintf(p->run_id + n, sizeof(p->run_id) - n, "-%06ld-%d",
             now.tv_nsec / 1000, (int)getpid());
    st->run_id = p->run_id;
}

static int open_services(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (st->cmd->flags & STAGE_REJECTS) {
        if (where_dlq(st) || stream_limits(st))
            return -1;
        if (p->dlq_uri) {
            p->dlq = dlq_open(p->dlq_uri, &st->err);
            if (!p->dlq)
                return -1;
        }
    }
    if (!(st->cmd->flags & STAGE_EMITS))
        return 0;
    if (!st->opts.output) {
        st->out.stop = stage_stopping;
        return 0;
    }
    struct buf path = { .max = 65536 };
    int r = stage_expand(st, &path, st->opts.output);
    if (r == 0) {
        output_close(&st->out);
        r = buf_z(&path) ? output_file(&st->out, path.p, &st->err)
                         : err_nomem(&st->err);
        st->out.stop = stage_stopping;
    }
    buf_free(&path);
    return r;
}

/* argv as called, kept before parsing moves its words. */
static int keep_argv(struct stage *st, int argc, char **argv)
{
    st->priv->full_argv = calloc((size_t)argc + 1, sizeof(char *));
    if (!st->priv->full_argv)
        return err_nomem(&st->err);
    memcpy(st->priv->full_argv, argv, (size_t)argc * sizeof(char *));
    return 0;
}

int stage_start(struct stage *st, const struct command *cmd, int argc,
                char **argv)
{
    static struct stage_private priv;
    memset(st, 0, sizeof(*st));
    st->cmd = cmd;
    st->priv = &priv;
    st->out.fd = -1;
    priv.mark.fd = -1;
    priv.log = -1;
    hold_standard_fds();
    log_restore_stderr();
    bool taken =
        cmd->flags & STAGE_EMITS && mark_begin(&priv.mark, STDOUT_FILENO);
    catch_signals();
    if (gated_start(st, argv))
        return -1;
    if (taken)
        return err_set(&st->err, ERR_USAGE,
                       "another pipeutils stage writes to this pipe");
    shared.jobs = cmd->flags & STAGE_LANES ? 1 : 0;
    shared.min_sample = 100;
    shared.metrics_every = 15000;
    shared.max_record = (uint64_t)16 << 20;
    shared.max_depth = JSON_DEPTH_DEFAULT;
    build_tables(st);
    if (print_wanted(st, argc, argv))
        return -1;
    int operands, rest;
    if (keep_argv(st, argc, argv) ||
        opt_parse(priv.tables, argc, argv, cmd->flags & STAGE_DASHES, &operands,
                  &rest, &st->err))
        return -1;
    st->argc = operands;
    st->argv = argv + 1;
    if (cmd->flags & STAGE_DASHES && rest < argc)
        st->rest = argv + rest;
    if (operands && !(cmd->flags & STAGE_OPERANDS))
        return err_set(
            &st->err, ERR_USAGE, "unexpected operand '%s'%s", argv[1],
            cmd->flags & STAGE_DASHES ? " (the command stands behind --)" : "");
    if (check_shared(st))
        return -1;
    make_run_id(st);
    if (gated_split(st))
        return -1;
    log_join_trace(st);
    log_open(st);
    report_start(st);
    if (observe_start(st))
        return -1;
    if (cmd->flags & STAGE_EMITS &&
        output_fd(&st->out, STDOUT_FILENO, &st->err))
        return -1;
    return open_services(st);
}

/* ---- finish ---- */

static void release(struct stage *st)
{
    struct stage_private *p = st->priv;
    stream_close(st);
    output_close(&st->out);
    branches_close(st);
    dlq_close(p->dlq);
    tally_free(&st->tally);
    free(p->dlq_uri);
    free(p->full_argv);
    free(p->replay);
    buf_free(&st->context);
    buf_free(&st->partition);
    buf_free(&st->replay_args);
    opt_free(p->tables);
    gate_close(&p->gate);
    log_close(st);
}

/* The loader's other process has done all there was to do. */
static int relay(struct stage *st)
{
    int code = st->priv->relayed;
    release(st);
    if (code > 128)
        die_by(code - 128);
    return code;
}

int stage_finish(struct stage *st)
{
    struct stage_private *p = st->priv;
    if (p->relays)
        return relay(st);
    if (!st->finished && st->err.code == ERR_NONE)
        (void)(stage_settle(st) ||
               (st->out.buf &&
                (stream_write_run(st) || output_flush(&st->out, &st->err) ||
                 branches_commit(st) || output_commit(&st->out, &st->err))));
    /* What was good so far is shown also by a stage that fails: its mark says
     * that it is not the whole. */
    struct err lost;
    if (st->err.code != ERR_NONE && st->out.buf && !st->out.tmp &&
        !st->out.reader_gone && !stage_signal)
        (void)(output_write(&st->out, p->run, &lost) ||
               output_flush(&st->out, &lost));
    if (st->err.code != ERR_NONE && !stage_signal)
        branches_show(st);
    /* So are the letters, whatever became of the rest. */
    if (st->err.code != ERR_NONE && p->dlq)
        (void)dlq_flush(p->dlq, &lost);
    int sig = st->err.code == ERR_NONE ? 0
              : st->out.reader_gone || branches_reader_gone(st)
                  ? SIGPIPE
                  : (int)stage_signal;
    int code = sig ? 128 + sig : (int)st->err.code;
    code = gated_end(st, code);
    if (code)
        mark_fail(&p->mark, code);
    else
        mark_ok(&p->mark,
                st->verdict == VERDICT_CLEAN ? MARK_OK : MARK_UNVERIFIED,
                st->out.bytes);
    branches_mark(st, code);
    report_progress(st, true);
    if (code && !sig && !p->gate.aborted && *st->err.msg)
        report_error(st);
    if (code == ERR_USAGE && !st->opts.quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "Try '%s --help'.\n", st->cmd->name);
    observe_finish(st, code, sig);
    if (!st->finished && st->run_id)
        report_counts(st, code);
    release(st);
    if (sig)
        die_by(sig);
    return code;
}
