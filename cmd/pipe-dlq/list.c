/* list: a line for each letter. */
#include "dlq_cmd.h"

int dlq_list(struct stage *st, const struct args *a)
{
    struct pick p;
    bool json = wants_json(a);
    int r = pick_open(&p, st, a, "open", false);
    if (r == 0 && !json && p.n)
        r = print_heading(st);
    for (size_t i = 0; r == 0 && i < p.n; i++) {
        struct envelope v;
        const char *state = pick_state(&p, i);
        if (stage_tick(st) || dlq_read_get(&p.read, p.v[i], &v, &st->err))
            r = -1;
        else
            r = json ? print_json(st, &v, state) : print_row(st, &v, state);
    }
    pick_close(&p);
    return r;
}
