/* --infer: a schema of the records that are read. */
#include "evolve.h"
#include "evolve/infer.h"

#include <unistd.h>

static int read_all(struct stage *st, struct infer *i)
{
    struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0)
        for (int k = 0; k < n; k++) {
            if (infer_add(i, recs[k].text, &st->err))
                return -1;
            st->counts.out++;
        }
    return n;
}

int evolve_infer(struct stage *st, const struct evolve_args *a)
{
    struct buf text = { 0 };
    bool pretty = a->pretty || (!st->opts.output && isatty(STDOUT_FILENO));
    struct infer *i = infer_new(a->strict_infer, &st->err);
    int r = !i || read_all(st, i) || stage_settle(st) ||
                    infer_write(i, &text, pretty, &st->err) ||
                    stage_emit(st, buf_str(&text))
                ? -1
                : 0;
    stage_output_rows(st, r == 0);
    buf_free(&text);
    infer_free(i);
    return r;
}
