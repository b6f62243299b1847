/* --compat: how versions of a schema differ, and what that breaks. */
#include "evolve.h"
#include "evolve/compat.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

const char *const evolve_compat_kinds[] = {
    "backward",           "forward",         "full", "backward_transitive",
    "forward_transitive", "full_transitive", NULL
};
const char *const evolve_error_formats[] = { "json", "text", NULL };

struct printer {
    struct stage *st;
    struct buf line;
    bool text;
};

static int print(void *context, const struct difference *d, struct err *e)
{
    struct printer *p = context;
    buf_reset(&p->line);
    if (p->text ? compat_text(&p->line, d) : compat_json(&p->line, d))
        return err_nomem(e);
    return stage_emit(p->st, buf_str(&p->line));
}

static int add_all(struct compat *c, struct stage *st,
                   const struct subject_args *a)
{
    for (int i = 0; i < st->argc; i++) {
        struct contract *x = subject_load(st, a, st->argv[i]);
        int r = x ? compat_add_text(c, buf_str(&x->schema), st->argv[i],
                                    x->base, &st->err)
                  : -1;
        contract_free(x);
        if (r)
            return -1;
    }
    return 0;
}

static int compare(struct compat *c, struct stage *st,
                   const struct evolve_args *a)
{
    struct printer p = { .st = st };
    struct compat_result r;
    p.text = a->error_format ? strcmp(a->error_format, "text") == 0
                             : isatty(STDOUT_FILENO);
    int ok = compat_run(c, print, &p, &r, &st->err);
    buf_free(&p.line);
    if (ok)
        return ok < 0 ? -1 : 0;
    return err_set(&st->err, ERR_DATA,
                   "%s is not compatible (%s): %" PRIu64 " of %" PRIu64
                   " difference%s break%s it",
                   st->argv[st->argc - 1], a->compat, r.incompatible,
                   r.differences, r.differences == 1 ? "" : "s",
                   r.incompatible == 1 ? "s" : "");
}

int evolve_compat(struct stage *st, const struct evolve_args *a)
{
    bool forward = strncmp(a->compat, "forward", 7) == 0;
    bool backward = strncmp(a->compat, "backward", 8) == 0;
    struct compat_options options = {
        .direction = forward    ? COMPAT_FORWARD
                     : backward ? COMPAT_BACKWARD
                                : COMPAT_FULL,
        .transitive = strstr(a->compat, "_transitive") != NULL,
        .no_format_assertion = a->no_format_assertion,
        .dirs = a->schema_dirs.v,
        .n_dirs = a->schema_dirs.n,
    };
    if (st->argc < 2)
        return err_set(&st->err, ERR_USAGE,
                       "--compat needs at least two versions of a schema, the "
                       "oldest first");
    if (!st->opts.output && output_fd(&st->out, STDOUT_FILENO, &st->err))
        return -1;
    struct compat *c = compat_new(&options, &st->err);
    int r = !c || add_all(c, st, &a->subject) ? -1 : compare(c, st, a);
    compat_free(c);
    return r;
}
