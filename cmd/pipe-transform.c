/* pipe-transform: filter records and set fields by SQL expressions. */
#include "expr/expr.h"
#include "ops/derive.h"
#include "stage/lane.h"

static const char *where;
static struct opt_list sets;

static const struct opt opts[] = {
    { OPT_STRING, 'w', "where", "EXPR", &where,
      "keep the records for which EXPR is TRUE", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_LIST, 's', "set", "FIELD=EXPR", &sets,
      "set FIELD to the value of EXPR; repeatable, done in order", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-transform",
    .summary = "filter records and set fields by SQL expressions",
    .usage = "[OPTION...] [-w EXPR] [-s FIELD=EXPR]...",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_LANES,
    .notes = "Expressions: man pipeutils-expr",
};

struct variables {
    struct buf text[3]; /* $date, $start, $end */
    struct expr_env env;
};

/* What one thread needs. */
struct transform {
    struct expr_set *exprs;
    struct derive derive;
};

/* What a replay needs, also where it came from the environment. */
static int note_args(struct stage *st)
{
    struct buf *b = &st->replay_args;
    buf_add(b, command.name, strlen(command.name) + 1);
    if (where)
        buf_addf(b, "--where=%s%c", where, 0);
    for (size_t i = 0; i < sets.n; i++)
        buf_addf(b, "--set=%s%c", sets.v[i], 0);
    if (st->opts.date)
        buf_addf(b, "--date=%s%c", st->opts.date, 0);
    if (st->opts.tz)
        buf_addf(b, "--tz=%s%c", st->opts.tz, 0);
    return b->failed ? err_nomem(&st->err) : 0;
}

static int set_variables(struct stage *st, struct variables *v)
{
    static const char *const texts[] = { "{date}", "{start}", "{end}" };
    struct str *const values[] = { &v->env.date, &v->env.start, &v->env.end };
    v->env.tz = st->opts.tz;
    for (size_t i = 0; i < 3 && st->opts.date; i++) {
        if (stage_expand(st, &v->text[i], texts[i]))
            return -1;
        *values[i] = buf_str(&v->text[i]);
    }
    return 0;
}

static int prepare(struct stage *st, struct transform *t,
                   const struct variables *v)
{
    t->exprs = expr_new(&v->env);
    if (!t->exprs)
        return err_nomem(&st->err);
    derive_init(&t->derive, t->exprs);
    /* The condition is expression 0. */
    if (where && expr_add(t->exprs, "--where", str_of(where), &st->err) < 0)
        return -1;
    for (size_t i = 0; i < sets.n; i++)
        if (derive_add(&t->derive, str_of(sets.v[i]), &st->err))
            return -1;
    return 0;
}

static int reject(struct lane *l, const struct record *rec,
                  const struct expr_fault *f)
{
    struct reason r = { .code = f->code,
                        .path = f->path,
                        .message = str_of(f->msg) };
    return lane_reject(l, rec, &r, 1);
}

static int transform_one(struct transform *t, struct lane *l,
                         const struct record *rec)
{
    struct expr_fault f;
    struct str out;
    expr_begin(t->exprs);
    if (expr_load(t->exprs, rec->text, rec->shaped))
        return lane_rejectf(l, rec, "not_json", "", "not JSON");
    int keep = where ? expr_test(t->exprs, 0, &f) : 1;
    if (keep == 0)
        return lane_filter(l);
    int r = keep < 0 ? keep : derive_run(&t->derive, rec->text, &out, &f);
    if (r == -2)
        return err_nomem(lane_err(l));
    if (r)
        return reject(l, rec, &f);
    return out.p == rec->text.p ? lane_pass_record(l, rec) : lane_pass(l, out);
}

static int transform(void *worker, struct lane *l, const struct record *recs,
                     int n)
{
    for (int i = 0; i < n; i++)
        if (transform_one(worker, l, &recs[i]))
            return -1;
    return 0;
}

static int transform_all(struct stage *st, struct variables *v)
{
    struct transform t[STAGE_JOBS_MAX] = { 0 };
    void *workers[STAGE_JOBS_MAX];
    size_t n = st->opts.jobs;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        workers[i] = &t[i];
        r = prepare(st, &t[i], v);
    }
    if (r == 0)
        r = lane_run(st, transform, workers, n);
    for (size_t i = 0; i < n; i++) {
        derive_free(&t[i].derive);
        expr_free(t[i].exprs);
    }
    return r;
}

int main(int argc, char **argv)
{
    struct stage st;
    struct variables v = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0 && note_args(&st) == 0 &&
        set_variables(&st, &v) == 0)
        transform_all(&st, &v);
    for (size_t i = 0; i < 3; i++)
        buf_free(&v.text[i]);
    return stage_finish(&st);
}
