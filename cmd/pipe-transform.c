/* pipe-transform: filter records and set fields by SQL expressions. */
#include "expr/expr.h"
#include "ops/derive.h"
#include "stage/stage.h"

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
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS,
    .notes = "Expressions: man pipeutils-expr",
};

struct transform {
    struct buf variables[3]; /* $date, $start, $end */
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

static int set_variables(struct stage *st, struct transform *t,
                         struct expr_env *env)
{
    static const char *const texts[] = { "{date}", "{start}", "{end}" };
    struct str *const values[] = { &env->date, &env->start, &env->end };
    for (size_t i = 0; i < 3 && st->opts.date; i++) {
        if (stage_expand(st, &t->variables[i], texts[i]))
            return -1;
        *values[i] = buf_str(&t->variables[i]);
    }
    return 0;
}

static int prepare(struct stage *st, struct transform *t)
{
    struct expr_env env = { .tz = st->opts.tz };
    if (note_args(st) || set_variables(st, t, &env))
        return -1;
    t->exprs = expr_new(&env);
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

static int reject(struct stage *st, const struct record *rec,
                  const struct expr_fault *f)
{
    struct reason r = { f->code, f->path, str_of(f->msg) };
    return stage_reject(st, rec, &r, 1);
}

static int transform(struct stage *st, struct transform *t)
{
    struct record rec;
    struct expr_fault f;
    struct str out;
    int r;
    while ((r = stage_next(st, &rec)) == 1) {
        expr_begin(t->exprs);
        if (expr_load(t->exprs, rec.text, rec.shaped)) {
            if (stage_rejectf(st, &rec, "not_json", "", "not JSON"))
                return -1;
            continue;
        }
        int keep = where ? expr_test(t->exprs, 0, &f) : 1;
        if (keep == 0) {
            st->counts.filtered++;
            continue;
        }
        r = keep < 0 ? keep : derive_run(&t->derive, rec.text, &out, &f);
        if (r == -2)
            return err_nomem(&st->err);
        if (r ? reject(st, &rec, &f) : stage_pass(st, out))
            return -1;
    }
    return r;
}

int main(int argc, char **argv)
{
    struct stage st;
    struct transform t = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0 && prepare(&st, &t) == 0)
        transform(&st, &t);
    derive_free(&t.derive);
    expr_free(t.exprs);
    for (size_t i = 0; i < 3; i++)
        buf_free(&t.variables[i]);
    return stage_finish(&st);
}
