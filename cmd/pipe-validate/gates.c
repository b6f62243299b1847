#include "gates.h"

#include "base/date.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- start */

static int set_env(struct gates *g, struct stage *st,
                   const struct gates_args *a, struct quality_env *env)
{
    const struct interval *v = &g->interval;
    struct period p;
    if (stage_interval(st, &g->interval))
        return -1;
    env->expr = (struct expr_env){
        .date = v->date, .start = v->start, .end = v->end, .tz = st->opts.tz
    };
    env->memory = a->memory ? a->memory : budget_default();
    env->run_id = st->run_id;
    env->dated = stage_dated(st, &p);
    if (env->dated)
        env->date_end = p.end;
    return 0;
}

/* Makes the folders that path lies in. */
static int make_folders(struct stage *st, char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int r = mkdir(path, 0750);
        if (r != 0 && errno != EEXIST)
            err_sys(&st->err, ERR_CANTCREAT, errno, "cannot make '%s'", path);
        *p = '/';
        if (st->err.code)
            return -1;
    }
    return 0;
}

/* --baseline, or where a gate asks for one, the pipeline's own. */
static int baseline_path(struct gates *g, struct stage *st,
                         const struct gates_args *a, struct buf *path)
{
    if (a->baseline)
        return stage_expand(st, path, a->baseline);
    if (!st->opts.pipeline || !quality_wants_baseline(&g->q))
        return 0;
    if (stage_state_dir(st, path))
        return -1;
    buf_addf(path, "/baseline/%s.ndjson", st->opts.pipeline);
    if (!buf_z(path))
        return err_nomem(&st->err);
    return make_folders(st, path->p);
}

static int open_baseline(struct gates *g, struct stage *st,
                         const struct gates_args *a)
{
    struct buf path = { .max = 65536 };
    int r = baseline_path(g, st, a, &path);
    if (r == 0 && path.n)
        r = buf_z(&path) ? quality_use_baseline(&g->q, path.p, a->baseline_runs,
                                                a->baseline_min, &st->err)
                         : err_nomem(&st->err);
    buf_free(&path);
    return r;
}

static int open_report(struct gates *g, struct stage *st,
                       const struct gates_args *a)
{
    if (!a->report)
        return 0;
    if (stage_expand(st, &g->report_path, a->report))
        return -1;
    g->report = buf_z(&g->report_path);
    return g->report ? 0 : err_nomem(&st->err);
}

typedef int add_rule(struct quality *q, const char *text, struct err *e);

/* Rules that a contract has come to: what is wrong with them is told with the
 * place in the contract, not as an option that nobody gave. */
static int add_rules(struct gates *g, struct stage *st, add_rule *add,
                     const struct contract_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err why = { 0 };
        if (add(&g->q, rules[i].text, &why) == 0)
            continue;
        const char *msg = why.msg;
        if (strncmp(msg, "--", 2) == 0 && strstr(msg, ": "))
            msg = strstr(msg, ": ") + 2;
        /* All is the contract's doing but that there is no date. */
        bool dated = st->opts.date || !strstr(msg, "no --date");
        if (why.code == ERR_USAGE && dated)
            why.code = ERR_CONFIG;
        return err_set(&st->err, why.code, "%s: %.200s: %.*s", rules[i].origin,
                       rules[i].text, (int)strcspn(msg, "\n"), msg);
    }
    return 0;
}

int gates_open(struct gates *g, struct stage *st, const struct gates_args *a,
               const struct contract *contract, size_t workers)
{
    static const struct contract none = { 0 };
    const struct contract *c = contract ? contract : &none;
    struct quality_env env = { 0 };
    int r = set_env(g, st, a, &env);
    quality_init(&g->q, &env);
    if (r == 0)
        r = add_rules(g, st, quality_add_check, c->checks, c->n_checks);
    for (size_t i = 0; r == 0 && i < a->checks.n; i++)
        r = quality_add_check(&g->q, a->checks.v[i], &st->err);
    /* A replay is no batch: its few records are not held against bounds. */
    bool batch = !dlq_replaying();
    if (r == 0 && batch)
        r = add_rules(g, st, quality_add_gate, c->gates, c->n_gates);
    for (size_t i = 0; r == 0 && batch && i < a->expects.n; i++)
        r = quality_add_gate(&g->q, a->expects.v[i], &st->err);
    if (r == 0 && batch)
        r = open_baseline(g, st, a) || open_report(g, st, a) ? -1 : 0;
    g->judges = g->q.n_gates || g->q.baseline.path || g->report;
    return r ? -1 : quality_begin(&g->q, workers, &st->err);
}

void gates_free(struct gates *g)
{
    quality_free(&g->q);
    buf_free(&g->report_path);
    stage_interval_free(&g->interval);
}

/* ---- end */

#define NAME_BYTES 300 /* of a check or gate that is named by its text */

static bool somebody_looks(const struct stage *st)
{
    return st->opts.verbose || isatty(STDERR_FILENO);
}

/* How many records each check found that only warns; what the others rejected
 * is in the summary. */
static void note_checks(struct gates *g, struct stage *st)
{
    for (size_t i = 0; i < g->q.n_checks; i++) {
        const struct rule *rule = &g->q.checks[i];
        struct check_count c = g->q.workers[0].checker.counts[i];
        struct str name = rule->name;
        if (name.n > NAME_BYTES)
            name.n = NAME_BYTES;
        if (rule->warn && c.failed + c.errors)
            stage_note(st, "warning: %llu found by check '%.*s'",
                       (unsigned long long)(c.failed + c.errors),
                       STR_ARG(name));
    }
}

/* Gates that failed, where somebody looks; those that warn, and those that
 * have nothing to compare with yet, in any case. */
static void note_gates(struct gates *g, struct stage *st)
{
    for (size_t i = 0; i < g->q.n_gates; i++) {
        const struct rule *rule = &g->q.gates[i].gate.rule;
        const struct ruling *r = &g->q.gates[i].ruling;
        bool failed = r->outcome == OUTCOME_FAILED;
        if (r->outcome != OUTCOME_NO_BASELINE &&
            !(failed && (rule->warn || somebody_looks(st))))
            continue;
        struct str name = rule->named ? rule->name : STR("");
        stage_note(st, "%sgate%s%.*s%s%s: %.*s",
                   failed && rule->warn ? "warning: " : "", name.n ? " '" : "",
                   STR_ARG(name), name.n ? "'" : "", failed ? " failed" : "",
                   STR_ARG(buf_str(&r->message)));
    }
}

static int judge(struct gates *g, struct stage *st)
{
    if (stage_settle(st) ||
        quality_judge(&g->q, st->counts.in, st->counts.rejected, &st->err))
        return -1;
    note_gates(g, st);
    return quality_verdict(&g->q, &st->err);
}

static int report(struct gates *g, struct stage *st,
                  const struct report_rule *rules, size_t n, struct err *e)
{
    bool failed = st->err.code != ERR_NONE;
    struct report_run run = {
        .stage = st->cmd->name,
        .pipeline = st->opts.pipeline,
        .run_id = st->run_id,
        .date = st->opts.date,
        .exit = (int)st->err.code,
        .error = failed ? st->err.msg : NULL,
        .read = st->counts.in,
        .out = st->counts.out,
        .rejected = st->counts.rejected,
        .rules = rules,
        .n_rules = n,
    };
    return g->report ? report_write(g->report, &g->q, &run, e) : 0;
}

/* Every record is out before the run is taken for a good one: behind this the
 * stage has nothing left that could fail. */
static int put_out(struct stage *st)
{
    return stage_pass_lines(st, STR(""), 0) || output_commit(&st->out, &st->err)
               ? -1
               : 0;
}

int gates_close(struct gates *g, struct stage *st, bool ended,
                const struct report_rule *rules, size_t n_rules)
{
    struct err lost = { 0 };
    if (quality_merge(&g->q, ended ? &st->err : &lost))
        ended = false;
    note_checks(g, st);
    bool good = ended && (!g->judges || judge(g, st) == 0);
    gates_tell(g, st);
    if (!g->judges)
        return good ? 0 : -1;
    if (good && report(g, st, rules, n_rules, &st->err) == 0 &&
        put_out(st) == 0 && quality_keep(&g->q, &st->err) == 0)
        return 0;
    (void)report(g, st, rules, n_rules, &lost);
    return -1;
}
