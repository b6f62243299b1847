/* purge: remove letters, and print which unless -q. */
#include "dlq/purge.h"
#include "dlq_cmd.h"

static int print_chosen(struct stage *st, const struct args *a, struct pick *p)
{
    bool json = wants_json(a);
    if (st->opts.quiet)
        return 0;
    if (!json && p->n && print_heading(st))
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        struct envelope v;
        enum dlq_state state = dlq_read_place(&p->read, p->v[i])->state;
        if (stage_tick(st) || dlq_read_get(&p->read, p->v[i], &v, &st->err) ||
            (json ? print_json(st, &v, state) : print_row(st, &v, state)))
            return -1;
    }
    return 0;
}

int dlq_purge_cmd(struct stage *st, const struct args *a)
{
    struct pick p;
    struct dlq_purged done = { 0 };
    if (!pick_is_given(st, a))
        return err_set(&st->err, ERR_USAGE,
                       "purge what? choose by --older-than, --id, --stage, "
                       "--state ..., or --all");
    /* What is printed is read before it goes. */
    int r = pick_open(&p, st, a, "all", !a->dry_run) ||
            print_chosen(st, a, &p) || output_flush(&st->out, &st->err);
    if (r == 0 && p.n && !a->dry_run)
        r = dlq_purge(&p.read, p.v, p.n, &done, &st->err);
    if (r == 0 && p.n)
        stage_note(st,
                   a->dry_run ? "would remove %zu letter%s"
                              : "removed %zu letter%s",
                   p.n, p.n == 1 ? "" : "s");
    if (done.marked)
        stage_note(st,
                   "%llu of them stand in segments that are being written: "
                   "hidden now, gone with the next purge",
                   (unsigned long long)done.marked);
    pick_close(&p);
    return r;
}
